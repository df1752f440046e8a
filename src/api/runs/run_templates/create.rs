//! New templates.

use serde::Deserialize;

use super::TemplateRow;
use super::rules::check_snapshot;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::server::tagging::{TagNames, Taggable, set_tags};
use crate::framework::{
    Answer, Context, NamedProject, or_taken, refuse_taken_name, require, require_project,
};
use crate::http::contract::modelled;
use crate::http::json::ModelBody;
use crate::http::values::{LongText, ShortText};
use crate::store::{Id, Update, fields};

#[derive(Debug, Deserialize)]
pub(super) struct TemplateRequest {
    project: Id,
    name: ShortText,
    description: Option<LongText>,
    source_snapshot_id: Id,
    #[serde(default)]
    hidden: bool,
    tags: TagNames,
}

modelled!(TemplateRequest as RunTemplateRequest);

/// Makes a template. Its snapshot gets its name and description, unless it is hidden.
pub(super) async fn create_template(
    cx: Context,
    project: NamedProject,
    ModelBody(request): ModelBody<TemplateRequest>,
) -> Answer<TemplateRow> {
    let project = project.or(&cx, request.project).await?;
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    cx.create_row::<TemplateRow, _, _>(|mut tx| async move {
        let name = request.name.as_str();
        require_project(&mut tx, project).await?;
        refuse_taken_name::<TemplateRow>(&mut tx, Some(project), name, None).await?;
        require::<SnapshotRow>(&mut tx, Some(request.source_snapshot_id), project).await?;
        check_snapshot(&mut tx, request.source_snapshot_id).await?;
        if !request.hidden {
            Update::unnoted("pipeline_snapshot", request.source_snapshot_id)
                .set("name", name)
                .set("description", request.description.clone())
                .run(&mut tx)
                .await?;
        }
        context
            .insert("run_template", id)
            .set("name", name)
            .set_all(fields!(request; hidden, description))
            .set("project_id", project)
            .set("source_snapshot_id", request.source_snapshot_id)
            .run(&mut tx)
            .await
            .map_err(or_taken::<TemplateRow>(name))?;
        set_tags(context, &mut tx, Taggable::RunTemplate, id, &request.tags).await?;
        Ok((tx, id))
    })
    .await
}
