//! Tokens for some projects only. Whatever such a request names by an id, in its path or anywhere in its body, has to
//! be of one of the token's projects; projects that it names or means are checked where they are found
//! ([`crate::framework::find_project`]).

use std::collections::BTreeSet;
use std::fmt;

use axum::RequestExt;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

use crate::app::App;
use crate::auth::access::Access;
use crate::auth::{AuthenticationError, Principal};
use crate::http::error::ApiError;
use crate::http::json;
use crate::store::{Id, Store, StoreError};

/// Tables whose rows belong to a project, but for run_metadata, whose ids nobody is told: by ZenML's schema, so that those
/// of kinds that are not in zendo yet are among them.
pub const TABLES: &[&str] = include!(concat!(env!("OUT_DIR"), "/tables_of_projects.rs"));

/// Ids that one query asks for.
const CHUNK: usize = 200;

/// Hands the request on if its token may make it: all that it names has to be of the token's projects, and what
/// belongs to no project is only read. (Tags are made too: a run brings its own.)
///
/// # Errors
/// The answer that refuses it.
pub(crate) async fn check(
    app: &App,
    principal: &Principal,
    access: Access,
    request: Request,
) -> Result<Request, Response> {
    let Some(projects) = principal.projects() else { return Ok(request) };
    principal.check_kind(access).map_err(IntoResponse::into_response)?;
    let mut ids = Ids::default();
    let segments = request.uri().path().split('/');
    segments.for_each(|segment| ids.add(&percent_decode_str(segment).decode_utf8_lossy()));
    let request = with_ids_of_body(request, &mut ids).await?;
    let are_within = are_within(&app.auth_store, ids.all, projects).await;
    match are_within.map_err(|error| ApiError::from(error).into_response())? {
        true => Ok(request),
        false => Err(AuthenticationError::OtherProject.into_response()),
    }
}

async fn with_ids_of_body(request: Request, ids: &mut Ids) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    let body = Request::new(body).extract::<Bytes, _>().await.map_err(IntoResponse::into_response)?;
    if !body.is_empty() {
        // What can't be looked through isn't handed on: somebody behind might read it another way.
        let unreadable = || ApiError::value("The body is no JSON.").into_response();
        let text = json::decode(&body).ok_or_else(unreadable)?;
        let mut json = serde_json::Deserializer::from_str(&text);
        (&mut json).deserialize_any(&mut *ids).and_then(|()| json.end()).map_err(|_| unreadable())?;
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Whether no id is of another project, or of something in another one.
async fn are_within(
    store: &Store,
    ids: BTreeSet<Uuid>,
    projects: &BTreeSet<Uuid>,
) -> Result<bool, StoreError> {
    let ids: Vec<Id> = ids.difference(projects).copied().map(Id).collect();
    for ids in ids.chunks(CHUNK) {
        for (project,) in store.fetch_all::<(Option<Id>,)>(&projects_of(ids)).await? {
            if !project.is_some_and(|Id(project)| projects.contains(&project)) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The projects among these ids, and those of what else has one of them.
fn projects_of(ids: &[Id]) -> SelectStatement {
    let of = |column: &'static str, table: &'static str| {
        let with_id = Expr::col("id").is_in(ids.iter().copied());
        // The union leaves out what is twice. Said here, too, MariaDB walks each table by its project to find it.
        Query::select().column(column).from(table).and_where(with_id).to_owned()
    };
    let mut all = of("id", "project");
    for table in TABLES.iter().copied() {
        all.union(UnionType::Distinct, of("project_id", table));
    }
    all
}

/// Whether all that an answer is about is of the principal's projects. What can't be read isn't.
///
/// # Errors
/// The store's own.
pub(crate) async fn may_see(store: &Store, principal: &Principal, answer: &[u8]) -> Result<bool, StoreError> {
    let Some(projects) = principal.projects() else { return Ok(true) };
    let mut ids = Ids { but: Some(OF_A_USER), ..Ids::default() };
    let mut json = serde_json::Deserializer::from_slice(answer);
    if (&mut json).deserialize_any(&mut ids).and_then(|()| json.end()).is_err() {
        return Ok(false);
    }
    are_within(store, ids.all, projects).await
}

/// In an answer, where somebody begins when they name no project: that is no part of what it is about.
const OF_A_USER: &str = "default_project_id";

/// Every id that stands anywhere in a JSON text, but for those of one key.
#[derive(Debug, Default)]
struct Ids {
    all: BTreeSet<Uuid>,
    but: Option<&'static str>,
}

impl Ids {
    fn add(&mut self, text: &str) {
        self.all.extend(Uuid::try_parse(text.trim()));
    }
}

/// Any JSON goes: only its texts, among them the keys of its objects, are looked at.
impl<'de> Visitor<'de> for &mut Ids {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.add(text);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            self.add(&key);
            match self.but {
                Some(but) if but == key => drop(entries.next_value::<IgnoredAny>()?),
                _ => entries.next_value_seed(&mut *self)?,
            }
        }
        Ok(())
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for &mut Ids {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let [a, b, c, d] = [1, 2, 3, 4].map(Uuid::from_u128);
        let mut ids = Ids::default();
        let text = format!(
            r#"{{"x": "{a}", "x": "{}", "y": [1, null, true, 2.5, {{"z": " {{{c}}} "}}], "{d}": "", "no": "00"}}"#,
            b.simple()
        );
        serde_json::Deserializer::from_str(&text).deserialize_any(&mut ids).unwrap();
        assert_eq!(ids.all, BTreeSet::from([a, b, c, d]));
    }
}
