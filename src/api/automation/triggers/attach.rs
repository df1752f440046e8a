//! Attaching a snapshot to a trigger: a copy of it, with what its runs are to be configured with, is made and linked in one
//! transaction.

use axum::Json;
use sea_query::{Expr, ExprTrait};
use serde::Deserialize;

use super::copy::SnapshotCopy;
use super::{COPY, TriggerRow, links};
use crate::api::runs::pipeline_builds::BuildRow;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::runs::run_templates::check_snapshot;
use crate::api::runs::step_configuration::{Object, value};
use crate::api::stacks::flavors::components_with_flavors;
use crate::framework::{Context, find_in};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::OptionalModelBody;
use crate::http::path::PathIds;
use crate::http::query::QueryParams;
use crate::store::{Id, Insert, Transaction};

/// Attachments take turns: of two at once the second sees the first.
const TURN: &str = "trigger_snapshots";

/// What runs of a snapshot are to be configured with, as it was sent.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct RunConfiguration(pub Object);

modelled!(RunConfiguration as PipelineRunConfiguration);

impl RunConfiguration {
    /// # Errors
    /// 400 for what a server can't run with: what needs a client, or an image that isn't there yet.
    fn check(&self, is_dynamic: bool) -> ApiResult<()> {
        let refuse = |what: &str| {
            Err(ApiError::value(format!("Runs that a server starts can't be configured with {what}.")))
        };
        if says(&self.0, "parameters") && !is_dynamic {
            return refuse("parameters of a static pipeline, only with those of its steps");
        }
        if says(&self.0, "build") {
            return refuse("another build");
        }
        if is_said(&self.0, "schedule") {
            return refuse("a schedule");
        }
        let steps = value::<Option<std::collections::BTreeMap<String, Object>>>(&self.0, "steps").flatten();
        let steps = steps.unwrap_or_default();
        match std::iter::once(&self.0).chain(steps.values()).any(has_docker) {
            true => refuse("Docker settings"),
            false => Ok(()),
        }
    }
}

fn has_docker(configuration: &Object) -> bool {
    let settings = value::<Option<Object>>(configuration, "settings").flatten().unwrap_or_default();
    is_said(&settings, "docker")
}

/// Whether a field is there.
fn is_said(object: &Object, field: &str) -> bool {
    object.get(field).is_some_and(|json| json.get() != "null")
}

/// Whether a field has something in it.
fn says(object: &Object, field: &str) -> bool {
    object.get(field).is_some_and(|json| !matches!(json.get(), "null" | "{}" | "[]" | r#""""#))
}

/// Attaches a snapshot. Once more only with `allow_replace`, which has the new copy take the old one's place.
pub(super) async fn attach_snapshot(
    cx: Context,
    PathIds(id, snapshot_id): PathIds,
    mut query: QueryParams,
    OptionalModelBody(configuration): OptionalModelBody<RunConfiguration>,
) -> ApiResult<Json<()>> {
    let may_replace = query.flag("allow_replace").unwrap_or(false);
    query.finish()?;
    let trigger = cx.find::<TriggerRow>(id).await?;
    let snapshot = cx.find::<SnapshotRow>(snapshot_id).await?;
    cx.require(COPY)?;
    if trigger.body.project_id != snapshot.body.project_id {
        return Err(ApiError::key(format!(
            "\"There is no snapshot {snapshot_id} in the trigger's project\""
        )));
    }
    if snapshot.name.is_none() {
        return Err(ApiError::illegal("A snapshot needs a name to be attached to a trigger."));
    }
    let configuration = configuration.unwrap_or_default();
    let (context, snapshot, configuration) = (&cx, &snapshot, &configuration);
    // Told before a large snapshot is copied, and asked again where that is written.
    let checked = cx.store.write(|mut tx| async move {
        refuse_attached(&mut tx, id, snapshot_id, may_replace).await?;
        check_runnable(&mut tx, snapshot, configuration).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    checked.await?;
    let copy = SnapshotCopy::of(context, snapshot, configuration).await?;
    let copy = &copy;
    let attached = cx.store.write(|mut tx| async move {
        tx.lock(TURN).await?;
        let before = refuse_attached(&mut tx, id, snapshot_id, may_replace).await?;
        let trigger = find_in::<TriggerRow>(&mut tx, id).await?;
        let snapshot = find_in::<SnapshotRow>(&mut tx, snapshot_id).await?;
        if trigger.body.is_archived {
            return Err(ApiError::illegal("Nothing can be attached to an archived trigger."));
        }
        if snapshot.name.is_none() {
            return Err(ApiError::illegal("A snapshot needs a name to be attached to a trigger."));
        }
        check_runnable(&mut tx, &snapshot, configuration).await?;
        let copy = copy.make(context, &mut tx).await?;
        links::detach(&mut tx, &before).await?;
        let link = Insert::into("trigger_snapshot")
            .set("trigger_id", id)
            .set("snapshot_id", copy)
            .set("created_at", context.now());
        link.run(&mut tx).await?;
        Ok(tx.commit(()).await?)
    });
    attached.await?;
    Ok(Json(()))
}

/// What is attached of the snapshot, which may be replaced.
async fn refuse_attached(
    tx: &mut Transaction,
    trigger: Id,
    snapshot: Id,
    may_replace: bool,
) -> ApiResult<Vec<links::Link>> {
    let attached = links::attached(tx, trigger, Some(snapshot)).await?;
    if attached.is_empty() || may_replace {
        return Ok(attached);
    }
    let message = format!(
        "The snapshot {snapshot} is attached to the trigger already. Detach it, or set `allow_replace`."
    );
    Err(ApiError::illegal(message))
}

async fn check_runnable(
    tx: &mut Transaction,
    snapshot: &SnapshotRow,
    configuration: &RunConfiguration,
) -> ApiResult<()> {
    check_snapshot(tx, snapshot.id).await?;
    let build = snapshot.build_id.ok_or_else(ApiError::internal)?;
    let build = find_in::<BuildRow>(tx, build).await?;
    if build.metadata.is_local {
        return Err(ApiError::value("The snapshot's images are on somebody's machine alone."));
    }
    if let (Some(checksum), Some(stack)) = (&build.metadata.stack_checksum, build.stack_id)
        && !checksum.is_empty()
        && *checksum != stack_checksum(tx, stack).await?
    {
        return Err(ApiError::value("The snapshot's stack has changed since its images were built."));
    }
    configuration.check(snapshot.body.is_dynamic)
}

/// What ZenML knows a stack's images by: the integrations that they need.
async fn stack_checksum(tx: &mut Transaction, stack: Id) -> ApiResult<String> {
    let query = components_with_flavors()
        .column(("flavor", "integration"))
        .and_where(Expr::col(("stack_composition", "stack_id")).eq(stack))
        .to_owned();
    let found: Vec<(Option<String>,)> = tx.fetch_all(&query).await?;
    let named =
        found.into_iter().filter_map(|(name,)| name).filter(|name| !name.is_empty() && name != "built-in");
    let names: std::collections::BTreeSet<String> = named.collect();
    let all: String = names.into_iter().collect();
    Ok(hex::encode(<md5::Md5 as md5::Digest>::digest(all)))
}
