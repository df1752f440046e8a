//! Lists of connectors.

use std::collections::BTreeMap;

use sea_query::{Expr, Query as Sql};
use serde_json::{Map, Value};

use super::answers::answers_about;
use super::{ServiceConnectorRow, shows_secrets};
use crate::framework::{Context, PageAnswer, Resource};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::list::ListRequest;
use crate::http::query::QueryParams;
use crate::store::{Base64Json, Id, InIds};

impl Listed for ServiceConnectorRow {
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::text("name"),
            Field::text("connector_type"),
            Field::text("auth_method"),
            Field::one_text("resource_id"),
        ],
    ];
}

pub(super) async fn list_connectors(
    cx: Context,
    list: ListRequest<ServiceConnectorRow>,
    mut query: QueryParams,
) -> ApiResult<PageAnswer<ServiceConnectorRow>> {
    let expand = query.flag("expand_secrets");
    query.finish()?;
    let mut page = fetch(&cx, &list, &query).await?;
    let secrets = shows_secrets(&cx, expand);
    let answers = answers_about(&cx, std::mem::take(&mut page.items), list.hydrate, secrets).await?;
    Ok(page.with_items(answers))
}

/// A page of the connectors that were asked for.
///
/// # Errors
/// As [`crate::framework::list`].
pub(crate) async fn fetch(
    cx: &Context,
    list: &ListRequest<ServiceConnectorRow>,
    query: &QueryParams,
) -> ApiResult<crate::http::list::Page<ServiceConnectorRow>> {
    let mut select = ServiceConnectorRow::select();
    if let Some(wanted) = Wanted::of(query)? {
        select.and_where(Expr::col("id").in_ids(wanted.find(cx).await?));
    }
    list.fetch(&cx.store, &select).await
}

/// What is asked of columns whose JSON no engine looks into. It narrows whatever the other filters are joined by.
#[derive(Debug, PartialEq)]
struct Wanted {
    resource_type: Option<String>,
    /// Labels by their names; any value will do for null.
    labels: Map<String, Value>,
}

impl Wanted {
    fn of(query: &QueryParams) -> ApiResult<Option<Self>> {
        let resource_type = query.text("resource_type").filter(|text| !text.is_empty()).map(str::to_owned);
        let labels = query.text("labels_str").map(labels).transpose()?.unwrap_or_default();
        let says_something = resource_type.is_some() || !labels.is_empty();
        Ok(says_something.then_some(Self { resource_type, labels }))
    }

    /// The connectors that have all of it.
    async fn find(&self, cx: &Context) -> ApiResult<Vec<Id>> {
        let columns = ["id", "resource_types", "labels"];
        let query = Sql::select().columns(columns).from("service_connector").to_owned();
        let rows: Vec<(Id, Base64Json, Option<Base64Json>)> = cx.store.fetch_all(&query).await?;
        let found = rows.into_iter().filter(|(_, types, labels)| self.is_met(types, labels.as_ref()));
        Ok(found.map(|(id, ..)| id).collect())
    }

    fn is_met(&self, types: &Base64Json, labels: Option<&Base64Json>) -> bool {
        let types: Vec<&str> = read(Some(types)).unwrap_or_default();
        let known: BTreeMap<String, Value> = read(labels).unwrap_or_default();
        self.resource_type.as_deref().is_none_or(|wanted| types.contains(&wanted))
            && self.labels.iter().all(|(name, value)| match known.get(name) {
                None => false,
                Some(known) => value.is_null() || value == known,
            })
    }
}

fn read<'a, T: serde::Deserialize<'a>>(json: Option<&'a Base64Json>) -> Option<T> {
    serde_json::from_str(json?.0.as_deref()?.get()).ok()
}

/// Labels: a JSON object, or `name=value` and bare names, separated by commas.
fn labels(text: &str) -> ApiResult<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(labels)) => Ok(labels),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(ApiError::unprocessable(
            "labels_str: has to be a JSON object, or name=value and names, separated by commas",
        )),
        Err(_) => {
            let labels = text.split(',').map(|label| match label.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.into()),
                None => (label.to_owned(), Value::Null),
            });
            Ok(labels.collect())
        }
    }
}
