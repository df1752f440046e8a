//! The stack that a cloud's tools have registered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::Serialize;
use serde_json::Value;

use super::Provider;
use crate::api::stacks::service_connectors::{self, ServiceConnectorRow};
use crate::api::stacks::stacks::StackRow;
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Context, ResponseOf};
use crate::http::error::ApiResult;
use crate::http::query::QueryParams;
use crate::http::timestamps::SentTimestamp;
use crate::store::{Base64Json, Id, InIds, JoinById, Timestamp};

/// Stacks that are looked at.
const NEWEST: u64 = 50;

/// Contract schema DeployedStack.
#[derive(Debug, Serialize)]
pub(super) struct DeployedStack {
    stack: ResponseOf<StackRow>,
    service_connector: Option<Arc<ResponseOf<ServiceConnectorRow>>>,
}

const READ_CONNECTOR: Permission = service_connectors::KIND.to(Verb::Read);
/// What the answer shows besides the stack.
pub(super) const CONNECTOR: [Also; 1] = [Also::met(READ_CONNECTOR, "its connector")];

/// The newest stack that says by its labels that it was set up so, with a connector at its orchestrator. As in ZenML
/// neither its name nor its location counts: both can be changed in the cloud.
pub(super) async fn get_stack(cx: Context, mut query: QueryParams) -> ApiResult<Json<Option<DeployedStack>>> {
    let provider = Provider::read(&mut query);
    query.required("stack_name");
    let terraform = query.flag("terraform").unwrap_or(false);
    let start = moment(&mut query, "date_start");
    query.finish()?;
    let Some(provider) = provider else { return Ok(Json(None)) };
    let wanted = [("zenml:provider", provider.name()), ("zenml:deployment", provider.deployment(terraform))];
    let Some((stack, connector)) = newest(&cx, &wanted, start).await? else { return Ok(Json(None)) };
    cx.require(READ_CONNECTOR)?;
    let Json(stack) = cx.answer::<StackRow>(stack).await?;
    let mut connectors = cx.read(true).embed::<ServiceConnectorRow>([Some(connector)].into_iter()).await?;
    Ok(Json(Some(DeployedStack { stack, service_connector: connectors.remove(&connector) })))
}

fn moment(query: &mut QueryParams, name: &str) -> Option<Timestamp> {
    let text = query.text(name)?.to_owned();
    match serde_json::from_value::<SentTimestamp>(Value::from(text)) {
        Ok(SentTimestamp(moment)) => Some(moment),
        Err(error) => {
            // As ZenML says it of a date.
            let message = error.to_string().replace(", too short", ", input is too short");
            query.refuse(name, "datetime_from_date_parsing", message);
            None
        }
    }
}

/// The stack, and the connector of its orchestrator.
async fn newest(
    cx: &Context,
    wanted: &[(&str, &str)],
    start: Option<Timestamp>,
) -> ApiResult<Option<(Id, Id)>> {
    let mut stacks = Sql::select();
    stacks.columns(["id", "labels"]).from("stack");
    if let Some(start) = start {
        // A store of whole seconds has forgotten when within its second it was.
        stacks.and_where(Expr::col("created").gte(start.floor_second()));
    }
    stacks.order_by("created", Order::Desc).order_by("id", Order::Desc).limit(NEWEST);
    let stacks: Vec<(Id, Option<Base64Json>)> = cx.store.fetch_all(&stacks).await?;
    let labelled: Vec<Id> =
        stacks.into_iter().filter(|(_, labels)| has(labels.as_ref(), wanted)).map(|(id, _)| id).collect();
    if labelled.is_empty() {
        return Ok(None);
    }
    let connected = Sql::select()
        .column(("stack_composition", "stack_id"))
        .column(("stack_component", "connector_id"))
        .from("stack_composition")
        .join_by_id("stack_component", ("stack_composition", "component_id"))
        .and_where(Expr::col(("stack_composition", "stack_id")).in_ids(labelled.iter().copied()))
        .and_where(Expr::col(("stack_component", "type")).eq("orchestrator"))
        .and_where(Expr::col(("stack_component", "connector_id")).is_not_null())
        .to_owned();
    let connected: HashMap<Id, Id> = cx.store.fetch_all::<(Id, Id)>(&connected).await?.into_iter().collect();
    Ok(labelled.into_iter().find_map(|stack| Some((stack, *connected.get(&stack)?))))
}

fn has(labels: Option<&Base64Json>, wanted: &[(&str, &str)]) -> bool {
    let labels = labels.and_then(|labels| labels.0.as_ref());
    let labels: Option<BTreeMap<String, Value>> =
        labels.and_then(|labels| serde_json::from_str(labels.get()).ok());
    labels.is_some_and(|labels| {
        wanted.iter().all(|(name, value)| labels.get(*name).is_some_and(|found| found == value))
    })
}
