//! What all connectors reach.

use axum::Json;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

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
/// Asked of the far side: an id has many forms, and a connector may reach what its row doesn't name.
const RESOURCE_ID: &str = "resource_id";

pub(super) async fn list_resources(cx: Context, query: QueryParams) -> ApiResult<Json<Vec<Reached>>> {
    let list = ListRequest::read(query.clone().without(&[RESOURCE_ID]))?;
    let rows = only_of_work(&cx, fetch(&cx, &list, &query).await?.items).await?;
    let wanted = Wanted { resource_type: query.text("resource_type"), resource_id: query.text(RESOURCE_ID) };
    let (wanted, end) = (&wanted, Instant::now() + PATIENCE);
    let connectors = with_secrets(&cx, rows).await?;
    let reached = connectors.into_iter().map(|connector| wanted.reach(&cx, connector, end));
    let reached: Vec<Option<Reached>> = stream::iter(reached).buffered(AT_ONCE).collect().await;
    Ok(Json(reached.into_iter().flatten().collect()))
}

struct Wanted<'a> {
    resource_type: Option<&'a str>,
    resource_id: Option<&'a str>,
}

impl Wanted<'_> {
    /// What one connector reaches; none for one that can't match. What would refuse a question about this one alone is
    /// its error here.
    async fn reach(&self, cx: &Context, connector: ConnectorWithSecrets, end: Instant) -> Option<Reached> {
        let row = &connector.row;
        if connectors::find_listed(row.kind()).is_none() {
            return self.unasked(row);
        }
        let target = match Target::of_kept(&connector) {
            Ok(target) => target,
            Err(error) => return Some(self.failed(row, error.message())),
        };
        let reached = reach(cx, &target, self.resource_type, self.resource_id);
        match timeout_at(end, reached).await {
            Ok(Ok(resources)) => Some(Reached::of(Some((row.id, row.name.clone())), &target, resources)),
            Ok(Err(_)) => None,
            Err(_) => Some(self.failed(row, "there was no time left to ask")),
        }
    }

    /// What is known of a connector of a type that this server doesn't serve.
    fn unasked(&self, row: &ServiceConnectorRow) -> Option<Reached> {
        let own = row.body.resource_id.as_deref();
        let wanted = self.resource_id.filter(|id| !id.is_empty());
        if wanted.is_some() && wanted != own {
            return None;
        }
        let resource_ids = own.map(|id| vec![id.to_owned()]);
        let error = resource_ids.is_none().then(|| unserved(row.kind()));
        Some(self.told(row, resource_ids, error))
    }

    fn failed(&self, row: &ServiceConnectorRow, reason: &str) -> Reached {
        let error = Some(reason.to_owned());
        Reached { error: error.clone(), ..self.told(row, None, error) }
    }

    /// The same of each type that was asked for.
    fn told(
        &self,
        row: &ServiceConnectorRow,
        resource_ids: Option<Vec<String>>,
        error: Option<String>,
    ) -> Reached {
        let types = match self.resource_type.filter(|word| !word.is_empty()) {
            Some(word) => vec![word.to_owned()],
            None => row.resource_types(),
        };
        let entry = |resource_type| ReachedType {
            resource_type,
            resource_ids: resource_ids.clone(),
            error: error.clone(),
        };
        Reached {
            id: Some(row.id),
            name: Some(row.name.clone()),
            connector_type: TypeAnswer::of(row.kind()),
            resources: types.into_iter().map(entry).collect(),
            error: None,
        }
    }
}
