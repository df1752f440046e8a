//! Run templates: snapshots that somebody means to run again. Newer clients use named snapshots instead.

mod create;
mod rules;
mod update;

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement, SimpleExpr};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::try_join;

use super::code_references::CodeReferenceRow;
use super::execution_status::ExecutionStatus;
use super::pipeline_builds::BuildRow;
use super::pipeline_snapshots::SnapshotRow;
use super::pipelines::PipelineRow;
use super::run_configuration;
use crate::accounts::users::UserResponse;
use crate::api::server::tagging::{NO_TAGS, TAGS, Tags};
use crate::auth::kind::Kind;
use crate::framework::{
    Answers, ById, Loader, Resource, Response, ResponseOf, Routes, delete, delete_row, get, list, pick,
};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED, Sort};
use crate::store::{Id, InIds, JoinById, JsonText, Transaction, Word, row};

pub(crate) use self::rules::check_snapshot;

pub(crate) const KIND: Kind = Kind::new("run_templates").in_project();
const TEMPLATES: [&str; 2] =
    ["/api/v1/run_templates", "/api/v1/workspaces/{project_name_or_id}/run_templates"];
const TEMPLATE: &str = "/api/v1/run_templates/{template_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(TEMPLATES, create::create_template)
        .also(&TAGS)
        .get(TEMPLATES, list::<TemplateRow>)
        .get(TEMPLATE, get::<TemplateRow>)
        .put(TEMPLATE, update::update_template)
        .replayed()
        .also(&TAGS)
        .also(&NO_TAGS)
        .delete(TEMPLATE, delete::<TemplateRow>)
}

row! {
    pub struct TemplateRow in "run_template" {
        pub id: Id,
        pub name: String,
        description: Option<String>,
        source_snapshot_id: Option<Id>,
    }
    body TemplateColumns: in_project {
        hidden: bool,
    }
}

/// Snapshots that templates are of.
fn snapshots() -> SelectStatement {
    Sql::select().column(("pipeline_snapshot", "id")).from("pipeline_snapshot").to_owned()
}

/// Snapshots with what they refer to in another table.
fn snapshots_with(table: &'static str, column: &'static str) -> SelectStatement {
    snapshots().join_by_id(table, ("pipeline_snapshot", column)).to_owned()
}

const PIPELINE_ID: Related = Related {
    column: "source_snapshot_id",
    rows: snapshots,
    fields: &[(("pipeline_snapshot", "pipeline_id"), FieldKind::Id)],
};
const BUILD_ID: Related =
    Related { fields: &[(("pipeline_snapshot", "build_id"), FieldKind::Id)], ..PIPELINE_ID };
const STACK_ID: Related =
    Related { fields: &[(("pipeline_snapshot", "stack_id"), FieldKind::Id)], ..PIPELINE_ID };
const CODE_REPOSITORY_ID: Related = Related {
    rows: || snapshots_with("code_reference", "code_reference_id"),
    fields: &[(("code_reference", "code_repository_id"), FieldKind::Id)],
    ..PIPELINE_ID
};
/// The pipeline of a snapshot, by name or id.
pub(crate) const PIPELINE: Related = Related {
    rows: || snapshots_with("pipeline", "pipeline_id"),
    fields: &[(("pipeline", "id"), FieldKind::Id), (("pipeline", "name"), FieldKind::Text)],
    ..PIPELINE_ID
};
const STACK: Related = Related {
    rows: || snapshots_with("stack", "stack_id"),
    fields: &[(("stack", "id"), FieldKind::Id), (("stack", "name"), FieldKind::Text)],
    ..PIPELINE_ID
};

impl Listed for TemplateRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[Field::tags("run_template")],
        OWNED,
        &[
            Field::text("name"),
            Field { sort: Sort::Not, ..Field::only_flag("hidden") },
            Field::related("pipeline_id", PIPELINE_ID),
            Field::related("build_id", BUILD_ID),
            Field::related("stack_id", STACK_ID),
            Field::related("code_repository_id", CODE_REPOSITORY_ID),
            Field::related("pipeline", PIPELINE),
            Field::related("stack", STACK),
        ],
    ];
}

#[derive(Debug, Serialize)]
pub(crate) struct TemplateBody {
    #[serde(flatten)]
    columns: TemplateColumns,
    runnable: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct TemplateMetadata {
    description: Option<String>,
    pipeline_spec: Option<Arc<RawValue>>,
    config_template: Option<Arc<RawValue>>,
    config_schema: Option<Arc<RawValue>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TemplateResources {
    user: Option<Arc<UserResponse>>,
    source_snapshot: Option<Arc<ResponseOf<SnapshotRow>>>,
    pipeline: Option<Arc<ResponseOf<PipelineRow>>>,
    build: Option<Arc<ResponseOf<BuildRow>>>,
    code_reference: Option<Arc<ResponseOf<CodeReferenceRow>>>,
    tags: Tags,
    latest_run_id: Option<Id>,
    latest_run_status: Option<Word<ExecutionStatus>>,
}

impl Resource for TemplateRow {
    const NAME: &'static str = "run template";
    const TAGGABLE: bool = true;
    type Body = TemplateBody;
    type Metadata = TemplateMetadata;
    type Resources = TemplateResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let sources: Vec<Id> = rows.iter().filter_map(|row| row.source_snapshot_id).collect();
        let snapshots = loader.rows::<SnapshotRow>(sources.clone()).await?;
        let of_snapshot: ById<SnapshotRow> = snapshots.into_iter().map(|row| (row.id, row)).collect();
        let builds =
            loader.rows::<BuildRow>(of_snapshot.values().filter_map(|of| of.build_id).collect()).await?;
        let runnable = |row: &Self| {
            let build = row.source_snapshot_id.and_then(|id| of_snapshot.get(&id)?.build_id);
            let build = builds.iter().find(|of| Some(of.id) == build);
            build.is_some_and(|build| !build.metadata.is_local && build.stack_id.is_some())
        };
        let specs = if loader.metadata { specs(loader, &sources).await? } else { ById::new() };
        let configurations = match loader.metadata {
            true => run_configuration::of_snapshots(loader, &sources).await?,
            false => ById::new(),
        };
        let mut resources =
            if loader.resources { resources(loader, &rows, &of_snapshot).await? } else { ById::new() };
        let response = |row: Self| {
            let body = TemplateBody { runnable: runnable(&row), columns: row.body };
            let configuration = row.source_snapshot_id.and_then(|id| configurations.get(&id));
            let metadata = loader.metadata(|| TemplateMetadata {
                description: row.description,
                pipeline_spec: pick(&specs, row.source_snapshot_id),
                config_template: configuration.map(|made| Arc::clone(&made.template)),
                config_schema: configuration.map(|made| Arc::clone(&made.schema)),
            });
            Response::named(row.id, row.name, body, metadata, resources.remove(&row.id))
        };
        Ok(rows.into_iter().map(response).collect())
    }

    /// Snapshots that were made from it don't say so any more.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        tx.set_where(
            "pipeline_snapshot",
            ("template_id", Option::<Id>::None),
            [Expr::col("template_id").eq(id)],
        )
        .await?;
        delete_row::<Self>(tx, id).await
    }
}

async fn specs(loader: &Loader<'_>, snapshots: &[Id]) -> ApiResult<ById<Arc<RawValue>>> {
    if snapshots.is_empty() {
        return Ok(ById::new());
    }
    let query = Sql::select()
        .columns(["id", "pipeline_spec"])
        .from("pipeline_snapshot")
        .and_where(Expr::col("id").in_ids(snapshots.iter().copied()))
        .to_owned();
    let specs: Vec<(Id, Option<JsonText>)> = loader.store.fetch_all(&query).await?;
    Ok(specs.into_iter().filter_map(|(id, spec)| Some((id, Arc::from(spec?.0)))).collect())
}

async fn resources(
    loader: &Loader<'_>,
    rows: &[TemplateRow],
    of_snapshot: &ById<SnapshotRow>,
) -> ApiResult<ById<TemplateResources>> {
    let sources = || of_snapshot.values();
    let (users, snapshots, pipelines, builds, code, mut tags, mut latest) = try_join!(
        loader.users(rows.iter().map(|row| row.body.user_id)),
        loader.embed::<SnapshotRow>(rows.iter().map(|row| row.source_snapshot_id)),
        loader.embed::<PipelineRow>(sources().map(|of| Some(of.body.pipeline_id))),
        loader.embed::<BuildRow>(sources().map(|of| of.build_id)),
        loader.embed::<CodeReferenceRow>(sources().map(|of| of.code_reference_id)),
        loader.tags_of(rows),
        latest_runs(loader, rows),
    )?;
    let one = |row: &TemplateRow| {
        let of = row.source_snapshot_id.and_then(|id| of_snapshot.get(&id));
        let (latest_run_id, latest_run_status) = latest.remove(&row.id).unzip();
        let resources = TemplateResources {
            user: pick(&users, row.body.user_id),
            source_snapshot: pick(&snapshots, row.source_snapshot_id),
            pipeline: pick(&pipelines, of.map(|of| of.body.pipeline_id)),
            build: pick(&builds, of.and_then(|of| of.build_id)),
            code_reference: pick(&code, of.and_then(|of| of.code_reference_id)),
            tags: tags.remove(&row.id).unwrap_or_default(),
            latest_run_id,
            latest_run_status,
        };
        (row.id, resources)
    };
    Ok(rows.iter().map(one).collect())
}

/// Of each template the newest run: its id and status.
async fn latest_runs(
    loader: &Loader<'_>,
    rows: &[TemplateRow],
) -> ApiResult<ById<(Id, Word<ExecutionStatus>)>> {
    if rows.is_empty() {
        return Ok(ById::new());
    }
    let newest = Sql::select()
        .column(("newest", "id"))
        .from_as("pipeline_run", "newest")
        .join_by_id("pipeline_snapshot", ("newest", "snapshot_id"))
        .and_where(Expr::col(("pipeline_snapshot", "template_id")).equals(("run_template", "id")))
        .order_by(("newest", "created"), Order::Desc)
        .limit(1)
        .to_owned();
    let query = Sql::select()
        .columns([("run_template", "id"), ("pipeline_run", "id")])
        .column(("pipeline_run", "status"))
        .from("run_template")
        .inner_join("pipeline_run", Expr::col(("pipeline_run", "id")).eq(SimpleExpr::from(newest)))
        .and_where(Expr::col(("run_template", "id")).in_ids(rows.iter().map(|row| row.id)))
        .to_owned();
    let latest: Vec<(Id, Id, Word<ExecutionStatus>)> = loader.store.fetch_all(&query).await?;
    Ok(latest.into_iter().map(|(template, run, status)| (template, (run, status))).collect())
}
