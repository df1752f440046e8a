//! Tags: words that are attached to pipelines, runs, artifacts, models and the like.

use std::collections::HashMap;

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};
use uuid::Uuid;

use super::tagging::TAG_KIND;
use crate::framework::{
    Answer, Answers, Context, Loader, Owner, Resource, Response, Routes, delete, find_in, get, list,
    refuse_taken_name,
};
use crate::http::conditions::Part;
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, STAMPED};
use crate::http::filter::Filter;
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::check_name;
use crate::store::{Id, InIds, JoinById, Transaction, Update, Word, Words, number_of_rows, row};

const TAGS: &str = "/api/v1/tags";
const TAG: &str = "/api/v1/tags/{tag_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(TAG_KIND)
        .post(TAGS, create_tag)
        .get(TAGS, list::<TagRow>)
        .get(TAG, get::<TagRow>)
        .put(TAG, update_tag)
        .delete(TAG, delete::<TagRow>)
}

row! {
    pub struct TagRow in "tag" {
        pub id: Id,
        pub name: String,
    }
    body TagBody: owned {
        color: Word<Color>,
        pub exclusive: bool,
    }
}

/// Colours of the dashboard (contract schema ColorVariants).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Color {
    Grey,
    Purple,
    Red,
    Green,
    Yellow,
    Orange,
    Lime,
    Teal,
    Turquoise,
    Magenta,
    Blue,
}

impl Listed for TagRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::text("name"),
            Field::word("color"),
            Field {
                kind: FieldKind::Switch(|is| Some(Part::plain(Expr::col("exclusive").eq(is)))),
                ..Field::only_flag("exclusive")
            },
            Field::custom("resource_type", attached_to),
        ],
    ];
}

/// Tags that are attached to a thing of that kind.
fn attached_to(filter: &Filter<'_>) -> ApiResult<SimpleExpr> {
    let kind = filter.condition(Expr::col("resource_type"), FieldKind::Word)?;
    // Asked for each tag: there are few, and a tag may have a link for each run. Of any other form MariaDB makes a join, for
    // which it looks through all links.
    let link = Sql::select()
        .expr(Expr::val(1))
        .from("tag_resource")
        .and_where(Expr::col(("tag_resource", "tag_id")).equals(("tag", "id")))
        .and_where(kind)
        .limit(1)
        .to_owned();
    Ok(SimpleExpr::from(link).is_not_null())
}

#[derive(Debug, Serialize)]
pub(crate) struct TagMetadata {
    /// Things that have the tag.
    tagged_count: i64,
}

impl Resource for TagRow {
    const NAME: &'static str = "tag";
    type Body = TagBody;
    type Metadata = TagMetadata;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let counts = if loader.metadata { tagged_counts(loader, &rows).await? } else { HashMap::new() };
        let response = |row: Self| {
            let tagged_count = counts.get(&row.id).copied().unwrap_or(0);
            let metadata = loader.metadata(|| TagMetadata { tagged_count });
            Response::named(row.id, row.name, row.body, metadata, None)
        };
        loader.owned(rows, response).await
    }
}

async fn tagged_counts(loader: &Loader<'_>, rows: &[TagRow]) -> ApiResult<HashMap<Id, i64>> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let query = Sql::select()
        .column("tag_id")
        .expr(number_of_rows())
        .from("tag_resource")
        .and_where(Expr::col("tag_id").in_ids(rows.iter().map(|row| row.id)))
        .group_by_col("tag_id")
        .to_owned();
    Ok(loader.store.fetch_all::<(Id, i64)>(&query).await?.into_iter().collect())
}

/// A tag's name: no id, and none of the characters that ZenML forbids.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TagName(String);

impl TryFrom<String> for TagName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.chars().count() {
            256.. => Err("String should have at most 255 characters"),
            _ if Uuid::try_parse(&name).is_ok() => Err("Value error, Tag names can not be UUIDs"),
            _ => Ok(Self(name)),
        }
    }
}

#[derive(Debug, Deserialize)]
struct TagRequest {
    name: TagName,
    #[serde(default)]
    exclusive: bool,
    color: Option<Color>,
}

#[derive(Debug, Deserialize)]
struct TagUpdate {
    name: Option<TagName>,
    exclusive: Option<bool>,
    color: Option<Color>,
}

modelled!(TagRequest, TagUpdate);

/// Makes a tag; without a colour it gets any.
async fn create_tag(cx: Context, ModelBody(request): ModelBody<TagRequest>) -> Answer<TagRow> {
    let (context, request) = (&cx, &request);
    cx.create_row::<TagRow, _, _>(|mut tx| async move {
        refuse_taken_name::<TagRow>(&mut tx, None, request.name.0.as_str(), None).await?;
        let tag = insert(context, &mut tx, &request.name.0, request.color, request.exclusive).await?;
        Ok((tx, tag.id))
    })
    .await
}

/// Inserts a tag.
///
/// # Errors
/// 400 for a name with forbidden characters; the store's own.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    name: &str,
    color: Option<Color>,
    exclusive: bool,
) -> ApiResult<TagRow> {
    check_name("Tag", name)?;
    let [any] = cx.env.random.bytes::<1>();
    let any = Color::VARIANTS[usize::from(any) % Color::VARIANTS.len()];
    let id = cx.new_id();
    cx.insert("tag", id)
        .set("name", name)
        .set("color", color.map_or(any, Color::as_str))
        .set("exclusive", exclusive)
        .run(tx)
        .await?;
    find_in::<TagRow>(tx, id).await
}

/// Renames or recolours a tag, or makes it exclusive.
async fn update_tag(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<TagUpdate>,
) -> Answer<TagRow> {
    let (now, update) = (cx.now(), &update);
    cx.change_row(id, |mut tx, tag: TagRow| async move {
        let name = update.name.as_ref().map(|name| name.0.as_str());
        refuse_taken_name::<TagRow>(&mut tx, None, name, Some(id)).await?;
        if update.exclusive == Some(true) {
            refuse_shared(&mut tx, &tag).await?;
        }
        Update::of("tag", id, now)
            .maybe("name", name)
            .maybe("exclusive", update.exclusive)
            .maybe("color", update.color.map(Color::as_str))
            .run(&mut tx)
            .await?;
        Ok(tx)
    })
    .await
}

/// Kinds of thing that an exclusive tag can be on when it becomes one.
const EXCLUSIVE: [&str; 4] = ["pipeline_run", "artifact_version", "run_template", "pipeline_snapshot"];

/// A tag can't become exclusive while it is on a kind of thing that can't have such a tag, nor while two things share
/// it that are of the same pipeline or artifact.
async fn refuse_shared(tx: &mut Transaction, tag: &TagRow) -> ApiResult<()> {
    let of_others = Sql::select()
        .column("resource_type")
        .from("tag_resource")
        .and_where(Expr::col("tag_id").eq(tag.id))
        .and_where(Expr::col("resource_type").is_not_in(EXCLUSIVE))
        .limit(1)
        .to_owned();
    let refuse = |reason: String| {
        let message = format!("The tag '{}' can't be made exclusive: {reason}.", tag.name);
        Err(ApiError::value(message))
    };
    if let Some((kind,)) = tx.fetch_optional::<(String,)>(&of_others).await? {
        return refuse(format!("it is attached to a {kind}"));
    }
    for kind in EXCLUSIVE {
        if let Some((count,)) = tx.fetch_optional::<(i64,)>(&shared(kind, tag.id)).await? {
            return refuse(format!("{count} of the kind {kind} share it within one pipeline or artifact"));
        }
    }
    Ok(())
}

/// How many things of a kind share the tag within one scope, if there are several.
fn shared(kind: &'static str, tag: Id) -> SelectStatement {
    let mut select = Sql::select();
    select
        .expr(number_of_rows())
        .from(kind)
        .inner_join("tag_resource", Expr::col(("tag_resource", "resource_id")).equals((kind, "id")));
    let scope = match kind {
        "artifact_version" => (kind, "artifact_id"),
        "run_template" => {
            select.join_by_id("pipeline_snapshot", (kind, "source_snapshot_id"));
            ("pipeline_snapshot", "pipeline_id")
        }
        _ => (kind, "pipeline_id"),
    };
    select
        .and_where(Expr::col(("tag_resource", "tag_id")).eq(tag))
        .and_where(Expr::col(("tag_resource", "resource_type")).eq(kind))
        .group_by_col(scope)
        .and_having(number_of_rows().gt(1))
        .limit(1)
        .to_owned()
}
