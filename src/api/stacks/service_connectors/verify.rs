//! Whether connectors reach what they are for.

use axum::Json;
use serde::Serialize;

use super::access::{refuse_work, require_use};
use super::create::ServiceConnectorRequest;
use super::secrets::find_with_secrets;
use super::target::Target;
use crate::connectors::TypeAnswer;
use crate::framework::Context;
use crate::http::error::ApiResult;
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::Id;

/// What a connector reaches (contract schema ServiceConnectorResourcesModel).
#[derive(Debug, Serialize)]
pub(super) struct Reached {
    pub id: Option<Id>,
    pub name: Option<String>,
    pub connector_type: TypeAnswer,
    pub resources: Vec<ReachedType>,
    pub error: Option<String>,
}

/// What it reaches of one type.
#[derive(Debug, Serialize)]
pub(super) struct ReachedType {
    pub resource_type: String,
    pub resource_ids: Option<Vec<String>>,
    pub error: Option<String>,
}

pub(super) async fn verify_new(
    cx: Context,
    mut query: QueryParams,
    ModelBody(request): ModelBody<ServiceConnectorRequest>,
) -> ApiResult<Json<Reached>> {
    // Each resource of the types that are served is its connector's only one, which is told in any case.
    query.flag("list_resources");
    query.finish()?;
    refuse_work(&cx)?;
    let target = Target::of_request(&request)?;
    let resources = reach(&cx, &target, None, None).await?;
    Ok(Json(Reached::of(None, &target, resources)))
}

pub(super) async fn verify_kept(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<Reached>> {
    query.flag("list_resources");
    query.finish()?;
    require_use(&cx, id).await?;
    let connector = find_with_secrets(&cx, id).await?;
    let target = Target::of_kept(&connector)?;
    let resources = reach(&cx, &target, query.text("resource_type"), query.text("resource_id")).await?;
    Ok(Json(Reached::of(Some((id, connector.row.name)), &target, resources)))
}

/// What a connector reaches of the named resource type, or of all of its types.
///
/// # Errors
/// 400 for a resource type that isn't the connector's, and an id in none of its forms.
pub(super) async fn reach(
    cx: &Context,
    target: &Target,
    resource_type: Option<&str>,
    resource_id: Option<&str>,
) -> ApiResult<Vec<ReachedType>> {
    let words = match resource_type.filter(|word| !word.is_empty()) {
        Some(word) => vec![word.to_owned()],
        None => target.resource_types.clone(),
    };
    let mut found = Vec::new();
    for word in words {
        let of = target.resource_type(Some(&word))?;
        found.push((word, target.resource(of, resource_id)?));
    }
    let verified = target.verify(cx).await;
    let entries = found.into_iter().map(|(resource_type, resource)| {
        let reached = verified.clone().and(resource);
        let (resource_ids, error) = match reached {
            Ok(id) => (Some(vec![id]), None),
            Err(reason) => (None, Some(reason.to_string())),
        };
        ReachedType { resource_type, resource_ids, error }
    });
    Ok(entries.collect())
}

impl Reached {
    /// An error of one type is the connector's, too, as in ZenML.
    pub(super) fn of(kept: Option<(Id, String)>, target: &Target, resources: Vec<ReachedType>) -> Self {
        let (id, name) = kept.unzip();
        let error = resources.iter().find_map(|resource| resource.error.clone());
        Self { id, name, connector_type: TypeAnswer::of(target.kind.word), resources, error }
    }
}
