//! What all connectors reach.

use axum::Json;
use futures_util::{StreamExt, stream};

use super::ServiceConnectorRow;
use super::access::only_of_work;
use super::filters::fetch;
use super::secrets::{ConnectorWithSecrets, with_secrets};
use super::target::{PATIENCE, Target, unserved};
use super::verify::{Reached, ReachedType, reach};
use crate::connectors::{self, TypeAnswer};
use crate::framework::Context;
use crate::http::error::ApiResult;
use crate::http::list::ListRequest;
use crate::http::query::QueryParams;

/// Connectors that are asked at a time.
const AT_ONCE: usize = 8;

pub(super) async fn list_resources(
    cx: Context,
    list: ListRequest<ServiceConnectorRow>,
    query: QueryParams,
) -> ApiResult<Json<Vec<Reached>>> {
    query.finish()?;
    let page = fetch(&cx, &list, &query).await?;
    let rows = only_of_work(&cx, page.items).await?;
    let wanted =
        Wanted { resource_type: query.text("resource_type"), resource_id: query.text("resource_id") };
    let wanted = &wanted;
    let started = tokio::time::Instant::now();
    let connectors = with_secrets(&cx, rows).await?;
    let reached = connectors.into_iter().map(|connector| wanted.reach(&cx, connector, started + PATIENCE));
    Ok(Json(stream::iter(reached).buffered(AT_ONCE).collect().await))
}

struct Wanted<'a> {
    resource_type: Option<&'a str>,
    resource_id: Option<&'a str>,
}

impl Wanted<'_> {
    /// What one connector reaches. What would refuse a question about this one alone is its error here.
    async fn reach(
        &self,
        cx: &Context,
        connector: ConnectorWithSecrets,
        end: tokio::time::Instant,
    ) -> Reached {
        let row = &connector.row;
        let kept = Some((row.id, row.name.clone()));
        let failed = |reason: String| {
            let named = self.resource_type.map(|word| vec![word.to_owned()]);
            let types = named.unwrap_or_else(|| row.resource_types());
            let entry = |resource_type| ReachedType {
                resource_type,
                resource_ids: None,
                error: Some(reason.clone()),
            };
            let resources = types.into_iter().map(entry).collect();
            let connector_type = TypeAnswer::of(row.kind());
            let (id, name) = (Some(row.id), Some(row.name.clone()));
            Reached { id, name, connector_type, resources, error: Some(reason) }
        };
        if connectors::find_listed(row.kind()).is_none() {
            return failed(unserved(row.kind()));
        }
        let target = match Target::of_kept(&connector) {
            Ok(target) => target,
            Err(error) => return failed(error.message().to_owned()),
        };
        let reached = reach(cx, &target, self.resource_type, self.resource_id);
        match tokio::time::timeout_at(end, reached).await {
            Ok(Ok(resources)) => Reached::of(kept, &target, resources),
            Ok(Err(error)) => failed(error.message().to_owned()),
            Err(_) => failed("there was no time left to ask".to_owned()),
        }
    }
}
