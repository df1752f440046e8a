//! New deployments.

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{DeploymentRow, DeploymentStatus};
use crate::accounts::server;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::server::tagging::{TagReference, Taggable, set_tags};
use crate::api::stacks::components::ComponentRow;
use crate::framework::{Answer, Context, or_taken, refuse_taken_name, require, require_project};
use crate::http::contract::modelled;
use crate::http::json::ModelBody;
use crate::http::values::{LongSecret, ShortText};
use crate::store::{Id, Words, fields};

/// The first steps that are made with a deployment.
const STEPS: [&str; 3] = ["pipeline_deployed", "oss_onboarding_completed", "pro_onboarding_completed"];

#[derive(Debug, Deserialize)]
pub(super) struct DeploymentRequest {
    project: Id,
    name: ShortText,
    snapshot_id: Id,
    deployer_id: Id,
    auth_key: Option<LongSecret>,
    tags: Option<Vec<TagReference>>,
}

modelled!(DeploymentRequest);

/// Notes that a deployer is to deploy a snapshot. As in ZenML any component will do for one.
pub(super) async fn create_deployment(
    cx: Context,
    ModelBody(request): ModelBody<DeploymentRequest>,
) -> Answer<DeploymentRow> {
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    let made = cx.create(|mut tx| async move {
        let (name, project) = (request.name.as_str(), request.project);
        require_project(&mut tx, project).await?;
        refuse_taken_name::<DeploymentRow>(&mut tx, Some(project), name, None).await?;
        require::<SnapshotRow>(&mut tx, Some(request.snapshot_id), project).await?;
        require::<ComponentRow>(&mut tx, Some(request.deployer_id), project).await?;
        context
            .insert("deployment", id)
            .set("name", name)
            .set("project_id", project)
            .set("status", DeploymentStatus::Unknown.as_str())
            .set("auth_key", request.auth_key.as_ref().map(|key| key.expose_secret().to_owned()))
            .set("deployment_metadata", "{}")
            .set_all(fields!(request; snapshot_id, deployer_id))
            .run(&mut tx)
            .await
            .map_err(or_taken::<DeploymentRow>(name))?;
        set_tags(context, &mut tx, Taggable::Deployment, id, request.tags.as_deref().unwrap_or_default())
            .await?;
        Ok((tx, id))
    });
    let id = made.await?;
    for step in STEPS {
        server::note_step(&cx.store, step, cx.now()).await?;
    }
    cx.answer::<DeploymentRow>(id).await
}
