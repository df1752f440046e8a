//! Triggers: what is to start runs of a snapshot, and when. They are kept here for whoever fires them.

mod attach;
mod copy;
mod create;
mod cron;
mod delete;
mod filters;
mod links;
mod paths;
mod schedule;
mod settings;
mod targets;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql, SimpleExpr};
use serde::Serialize;
use serde_json::value::RawValue;

use self::settings::TriggerType;
use super::webhooks::WebhookRow;
use crate::accounts::users::UserResponse;
use crate::api::runs::pipeline_runs::RunRow;
use crate::api::runs::pipeline_snapshots::{self, SnapshotRow};
use crate::api::runs::step_configuration::{Object, object};
use crate::api::stacks::secrets::LINKED;
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Answers, ById, Loader, Resource, Response, ResponseOf, Routes, get, pick};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, STAMPED, Sort};
use crate::store::{Id, InIds, JsonText, Timestamp, Word, row};

/// No piece of work makes or changes what starts others.
pub(crate) const KIND: Kind = Kind::new("triggers").in_project().administration();
const TRIGGERS: &str = "/api/v1/triggers";
const TRIGGER: &str = "/api/v1/triggers/{trigger_id}";
const SNAPSHOT: &str = "/api/v1/triggers/{trigger_id}/pipeline_snapshots/{snapshot_id}";
const UPDATE: Permission = KIND.to(Verb::Update);
/// What is attached is a copy.
const COPY: Permission = pipeline_snapshots::KIND.to(Verb::Create);

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(TRIGGERS, create::create_trigger)
        .get(TRIGGERS, filters::list_triggers)
        .get(TRIGGER, get::<TriggerRow>)
        .put(TRIGGER, update::update_trigger)
        .delete(TRIGGER, delete::delete_trigger)
        .put(SNAPSHOT, attach::attach_snapshot)
        .also(&[Also::met(COPY, "the copy that is attached")])
        .also(&LINKED)
        .delete(SNAPSHOT, links::detach_snapshot)
        .needs(UPDATE)
        .delete("/api/v1/triggers/{trigger_id}/dispatch_state", links::clear_errors)
        .needs(UPDATE)
}

row! {
    pub struct TriggerRow in "trigger" {
        pub id: Id,
        /// What its type adds, as JSON.
        configuration: JsonText,
        pub webhook_id: Option<Id>,
        next_occurrence: Option<Timestamp>,
    }
    body TriggerColumns: in_project {
        pub name: String,
        active: bool,
        r#type: Word<TriggerType>,
        concurrency: String,
        pub is_archived: bool,
        flavor: String,
    }
}

impl Listed for TriggerRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::text("name"),
            Field::only_flag("active"),
            // Asked for by the list itself, whatever the filters are joined by.
            Field { kind: FieldKind::Switch(|_| None), sort: Sort::Not, ..Field::only_flag("is_archived") },
            Field::time("next_occurrence"),
            Field::word("concurrency"),
            Field::reference("webhook_id", "webhook_id"),
        ],
    ];
}

#[derive(Debug, Serialize)]
pub(crate) struct TriggerBody {
    #[serde(flatten)]
    columns: TriggerColumns,
    #[serde(flatten)]
    configuration: Object,
    #[serde(flatten)]
    column: OwnColumn,
}

/// What a type has in a column of its own.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum OwnColumn {
    Schedule {
        /// None while it goes off no more.
        next_occurrence: Option<Timestamp>,
    },
    Webhook {
        webhook_id: Option<Id>,
    },
    None {},
}

#[derive(Debug, Serialize)]
pub(crate) struct TriggerMetadata {}

#[derive(Debug, Serialize)]
pub(crate) struct TriggerResources {
    user: Option<Arc<UserResponse>>,
    snapshots: Vec<Arc<ResponseOf<SnapshotRow>>>,
    executable_snapshots: Vec<Arc<ResponseOf<SnapshotRow>>>,
    latest_run: Option<Arc<ResponseOf<RunRow>>>,
    webhook: Option<Arc<ResponseOf<WebhookRow>>>,
    snapshot_dispatch_states: BTreeMap<Id, Box<RawValue>>,
}

impl Resource for TriggerRow {
    const NAME: &'static str = "trigger";
    type Body = TriggerBody;
    type Metadata = TriggerMetadata;
    type Resources = TriggerResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let mut resources = if loader.resources { all_resources(loader, &rows).await? } else { ById::new() };
        let response = |row: Self| {
            let (id, resources) = (row.id, resources.remove(&row.id));
            Response::nameless(id, row.into_body(), loader.metadata(|| TriggerMetadata {}), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

impl TriggerRow {
    fn into_body(self) -> TriggerBody {
        let columns = self.body;
        let column = match columns.r#type.known() {
            Some(TriggerType::Schedule) => {
                let goes_off = columns.active && !columns.is_archived;
                OwnColumn::Schedule { next_occurrence: self.next_occurrence.filter(|_| goes_off) }
            }
            Some(TriggerType::Webhook) => OwnColumn::Webhook { webhook_id: self.webhook_id },
            Some(TriggerType::PlatformEvent) | None => OwnColumn::None {},
        };
        TriggerBody { columns, configuration: object(self.configuration.0.get()), column }
    }
}

async fn all_resources(loader: &Loader<'_>, rows: &[TriggerRow]) -> ApiResult<ById<TriggerResources>> {
    let users = loader.users(rows.iter().map(|row| row.body.user_id)).await?;
    let webhooks = loader.embed::<WebhookRow>(rows.iter().map(|row| row.webhook_id)).await?;
    let links = links::of_triggers(loader, rows).await?;
    let of_links = || links.values().flatten();
    let ids = of_links().flat_map(|link| [Some(link.snapshot_id), Some(link.shown_id())]);
    let snapshots = loader.embed::<SnapshotRow>(ids).await?;
    let latest = latest_runs(loader, rows).await?;
    let runs = loader.embed::<RunRow>(latest.values().map(|run| Some(*run))).await?;
    let one = |row: &TriggerRow| {
        let links = links.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let all = |id: fn(&links::Link) -> Id| {
            links.iter().filter_map(|link| snapshots.get(&id(link)).cloned()).collect()
        };
        let states = links.iter().filter_map(|link| Some((link.shown_id(), link.dispatch_state.clone()?.0)));
        let resources = TriggerResources {
            user: pick(&users, row.body.user_id),
            snapshots: all(links::Link::shown_id),
            executable_snapshots: all(|link| link.snapshot_id),
            latest_run: pick(&runs, latest.get(&row.id).copied()),
            webhook: pick(&webhooks, row.webhook_id),
            snapshot_dispatch_states: states.collect(),
        };
        (row.id, resources)
    };
    Ok(rows.iter().map(one).collect())
}

/// Of each trigger the run that it started last.
async fn latest_runs(loader: &Loader<'_>, rows: &[TriggerRow]) -> ApiResult<ById<Id>> {
    if rows.is_empty() {
        return Ok(ById::new());
    }
    let newest = Sql::select()
        .column(("newest", "pipeline_run_id"))
        .from_as("trigger_execution", "newest")
        .and_where(Expr::col(("newest", "trigger_id")).equals(("trigger", "id")))
        .order_by(("newest", "created_at"), Order::Desc)
        .limit(1)
        .to_owned();
    let query = Sql::select()
        .column(("trigger", "id"))
        .expr_as(SimpleExpr::from(newest), "run_id")
        .from("trigger")
        .and_where(Expr::col(("trigger", "id")).in_ids(rows.iter().map(|row| row.id)))
        .to_owned();
    let latest: Vec<(Id, Option<Id>)> = loader.store.fetch_all(&query).await?;
    Ok(latest.into_iter().filter_map(|(trigger, run)| Some((trigger, run?))).collect())
}
