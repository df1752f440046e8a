//! Changes of a deployment, most of them by its deployer.

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{DeploymentRow, DeploymentStatus};
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::server::tagging::{TagNames, Taggable, retag};
use crate::framework::{Answer, Context, or_taken, refuse_taken_name, require};
use crate::http::contract::modelled;
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, LongSecret, LongText, ShortText};
use crate::store::{Id, Update, Words, sent_fields};

/// What is to change. As in ZenML nothing can be taken away: null changes nothing.
#[derive(Debug, Deserialize)]
pub(super) struct DeploymentUpdate {
    name: Option<ShortText>,
    snapshot_id: Option<Id>,
    url: Option<LongText>,
    status: Option<DeploymentStatus>,
    deployment_metadata: Option<JsonObject>,
    auth_key: Option<LongSecret>,
    add_tags: TagNames,
    remove_tags: TagNames,
}

modelled!(DeploymentUpdate);

pub(super) async fn update_deployment(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<DeploymentUpdate>,
) -> Answer<DeploymentRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, deployment: DeploymentRow| async move {
        let (name, project) = (update.name.as_ref().map(ShortText::as_str), deployment.body.project_id);
        refuse_taken_name::<DeploymentRow>(&mut tx, Some(project), name, Some(id)).await?;
        require::<SnapshotRow>(&mut tx, update.snapshot_id, project).await?;
        Update::of("deployment", id, context.now())
            .maybe("name", name)
            .maybe_all(sent_fields!(update; snapshot_id, url))
            .maybe("status", update.status.map(DeploymentStatus::as_str))
            .maybe("deployment_metadata", update.deployment_metadata.clone())
            .maybe("auth_key", update.auth_key.as_ref().map(|key| key.expose_secret().to_owned()))
            .run(&mut tx)
            .await
            .map_err(or_taken::<DeploymentRow>(name))?;
        retag(context, &mut tx, Taggable::Deployment, id, &update.add_tags, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}
