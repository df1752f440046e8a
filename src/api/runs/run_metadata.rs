//! Run metadata: values that are logged under a key for runs, steps, versions and the like.

use std::collections::BTreeMap;

use axum::Json;
use sea_query::{Expr, ExprTrait};
use serde::Deserialize;
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::api::stacks::components::ComponentRow;
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Context, Routes, find_project, not_in_project, require, require_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathName;
use crate::http::query::QueryParams;
use crate::http::values::at_most;
use crate::lookups::{LoggedFor, logged_value};
use crate::store::{Id, Insert, StoreError, Transaction, Words, python_json};

pub(crate) const KIND: Kind = Kind::new("run-metadata").in_project();

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post("/api/v1/run-metadata", create_metadata)
        .post("/api/v1/workspaces/{project_name_or_id}/run-metadata", create_metadata_in)
}

/// What metadata can be logged for (contract schema MetadataResourceTypes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MetadataKind {
    PipelineRun,
    StepRun,
    ArtifactVersion,
    ModelVersion,
    Schedule,
    WaitCondition,
}

impl MetadataKind {
    fn table(self) -> &'static str {
        if self == Self::WaitCondition { "run_wait_condition" } else { self.as_str() }
    }
}

/// Python's type of a value (contract schema MetadataTypeEnum).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
enum ValueType {
    Str,
    Int,
    Float,
    Bool,
    List,
    Dict,
    Tuple,
    Set,
    #[serde(rename = "Uri")]
    #[strum(serialize = "Uri")]
    Uri,
    #[serde(rename = "Path")]
    #[strum(serialize = "Path")]
    Path,
    #[serde(rename = "DType")]
    #[strum(serialize = "DType")]
    DType,
    #[serde(rename = "StorageSize")]
    #[strum(serialize = "StorageSize")]
    StorageSize,
}

impl ValueType {
    /// What Python reads a JSON value as; nothing for null.
    fn of(json: &RawValue) -> Option<Self> {
        match json.get().as_bytes().first()? {
            b'n' => None,
            b'"' => Some(Self::Str),
            b'{' => Some(Self::Dict),
            b'[' => Some(Self::List),
            b't' | b'f' => Some(Self::Bool),
            _ if json.get().contains(['.', 'e', 'E']) => Some(Self::Float),
            _ => Some(Self::Int),
        }
    }
}

/// Something that metadata is logged for.
#[derive(Debug, Clone, Copy, Deserialize)]
struct MetadataResource {
    id: Id,
    r#type: MetadataKind,
}

/// Rows that one request writes beside the values.
const MOST_LINKS: usize = 10_000;

#[derive(Debug, Deserialize)]
struct MetadataRequest {
    project: Id,
    #[serde(deserialize_with = "at_most::<1000, _, _>")]
    resources: Vec<MetadataResource>,
    stack_component_id: Option<Id>,
    #[serde(deserialize_with = "at_most::<1000, _, _>")]
    values: BTreeMap<String, Box<RawValue>>,
    types: BTreeMap<String, ValueType>,
    publisher_step_id: Option<Id>,
}

impl MetadataRequest {
    /// # Errors
    /// 422 for a key with a colon, which filters could not name, and for a value that is null or has no type.
    fn check(&self) -> ApiResult<()> {
        for (key, value) in &self.values {
            check(key, value)?;
            if !self.types.contains_key(key) {
                return Err(ApiError::invalid_request(format!("The value of '{key}' has no type.")));
            }
        }
        Ok(())
    }
}

fn check(key: &str, value: &RawValue) -> ApiResult<ValueType> {
    if key.contains(':') {
        let message = format!("The key '{key}' of run metadata has a colon, which keys can't have.");
        return Err(ApiError::invalid_request(message));
    }
    let null = || ApiError::invalid_request(format!("The value of '{key}' is null."));
    ValueType::of(value).ok_or_else(null)
}

/// Logs values for one or several things of a project.
async fn create_metadata(
    cx: Context,
    query: QueryParams,
    JsonBody(request): JsonBody<MetadataRequest>,
) -> ApiResult<Json<()>> {
    create(&cx, query.text("project_name_or_id"), request).await
}

/// The same, by the name of the project.
async fn create_metadata_in(
    cx: Context,
    PathName(project): PathName,
    JsonBody(request): JsonBody<MetadataRequest>,
) -> ApiResult<Json<()>> {
    create(&cx, Some(&project), request).await
}

async fn create(cx: &Context, project: Option<&str>, request: MetadataRequest) -> ApiResult<Json<()>> {
    request.check()?;
    if request.resources.len().saturating_mul(request.values.len()) > MOST_LINKS {
        let message =
            format!("Values are logged for {MOST_LINKS} things at most, each thing counted for each value.");
        return Err(ApiError::invalid_request(message));
    }
    let project = match project {
        Some(project) => find_project(cx, Some(project)).await?,
        None => request.project,
    };
    let request = &request;
    let made = cx.create(|mut tx| async move {
        require_project(&mut tx, project).await?;
        require::<ComponentRow>(&mut tx, request.stack_component_id, project).await?;
        let publisher =
            request.publisher_step_id.map(|id| MetadataResource { id, r#type: MetadataKind::StepRun });
        for resource in request.resources.iter().chain(&publisher) {
            require_resource(&mut tx, *resource, project).await?;
        }
        let values = request.values.iter().filter(|_| !request.resources.is_empty());
        let values: Vec<LoggedValue> = values
            .map(|(key, value)| {
                let kind = request.types.get(key).map_or("", |kind| kind.as_str());
                LoggedValue { id: cx.new_id(), key, json: python_json(value.get()), kind }
            })
            .collect();
        insert(cx, &mut tx, project, &values, Some(request)).await?;
        let resources: Vec<_> =
            request.resources.iter().map(|resource| (resource.r#type, resource.id)).collect();
        link(cx, &mut tx, &values, &resources).await?;
        Ok((tx, ()))
    });
    made.await.map(Json)
}

const CREATE: Permission = KIND.to(Verb::Create);
/// What a route may do that takes metadata for what it makes.
pub(crate) const LOGGED: Also = Also::met(CREATE, "metadata");

/// Logs values for one thing, each with the type that its JSON has.
///
/// # Errors
/// 403 for a token that may not; 422 for a key with a colon or a value that is null; the store's own.
pub(crate) async fn insert_untyped(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    (kind, id): (MetadataKind, Id),
    values: &BTreeMap<String, Box<RawValue>>,
) -> ApiResult<()> {
    if !values.is_empty() {
        cx.require(CREATE)?;
    }
    let values: Vec<LoggedValue> = values
        .iter()
        .map(|(key, value)| {
            let kind = check(key, value)?.as_str();
            Ok(LoggedValue { id: cx.new_id(), key, json: python_json(value.get()), kind })
        })
        .collect::<ApiResult<_>>()?;
    insert(cx, tx, project, &values, None).await?;
    Ok(link(cx, tx, &values, &[(kind, id)]).await?)
}

/// A value as it is stored.
pub(crate) struct LoggedValue<'a> {
    pub id: Id,
    pub key: &'a str,
    pub json: String,
    pub kind: &'a str,
}

async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    values: &[LoggedValue<'_>],
    request: Option<&MetadataRequest>,
) -> Result<(), StoreError> {
    let row = |value: &LoggedValue<'_>| {
        cx.insert("run_metadata", value.id)
            .set("stack_component_id", request.and_then(|request| request.stack_component_id))
            .set("project_id", project)
            .set("key", value.key)
            .set("value", value.json.as_str())
            .set("type", value.kind)
            .set("publisher_step_id", request.and_then(|request| request.publisher_step_id))
    };
    tx.insert_all(&values.iter().map(row).collect::<Vec<_>>()).await
}

/// Links values with things that they are logged for, and notes them for lists.
///
/// # Errors
/// The store's own.
pub(crate) async fn link(
    cx: &Context,
    tx: &mut Transaction,
    values: &[LoggedValue<'_>],
    things: &[(MetadataKind, Id)],
) -> Result<(), StoreError> {
    let (mut links, mut notes) = (Vec::new(), Vec::new());
    for value in values {
        for (kind, resource) in things {
            let (id, resource, kind) = (cx.new_id(), *resource, kind.as_str());
            let link = Insert::into("run_metadata_resource")
                .set("id", id)
                .set("resource_id", resource)
                .set("resource_type", kind)
                .set("run_metadata_id", value.id);
            links.push(link);
            let of = LoggedFor { kind, resource, key: value.key };
            notes.push(logged_value(id, of, (&value.json, value.kind)));
        }
    }
    tx.insert_all(&links).await?;
    tx.insert_all(&notes).await
}

async fn require_resource(tx: &mut Transaction, resource: MetadataResource, project: Id) -> ApiResult<()> {
    let MetadataResource { id, r#type: kind } = resource;
    let found = tx.id_where(kind.table(), [Expr::col("id").eq(id), Expr::col("project_id").eq(project)]);
    match found.await? {
        Some(_) => Ok(()),
        None => Err(not_in_project(&kind.as_str().replace('_', " "), id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_type_that_python_reads_it_as() {
        for (json, kind) in [
            (r#""1""#, Some("str")),
            ("-1", Some("int")),
            ("1.0", Some("float")),
            ("1e3", Some("float")),
            ("true", Some("bool")),
            ("[1.5]", Some("list")),
            (r#"{"a": 1}"#, Some("dict")),
            ("null", None),
        ] {
            let json: Box<RawValue> = serde_json::from_str(json).unwrap();
            assert_eq!(ValueType::of(&json).map(ValueType::as_str), kind);
        }
    }
}
