//! Pipelines: what runs are runs of.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Func, Query as Sql, SelectStatement, SimpleExpr};
use serde::{Deserialize, Serialize};
use sqlx_macros::FromRow;
use tokio::try_join;

use super::execution_status::ExecutionStatus;
use super::pipeline_runs::{self, strip_runs};
use super::{pipeline_snapshots, schedules};
use crate::accounts::users::UserResponse;
use crate::api::artifacts::curated_visualizations::{self, CuratedVisualizationRow};
use crate::api::server::tagging::{NO_TAGS, TAGS, TagNames, Taggable, Tags, retag, set_tags};
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, ById, Context, Held, Loader, NamedProject, Resource, Response, ResponseOf, Routes,
    delete, delete_dependents, delete_row, get, insert_named, list, pick,
};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED};
use crate::http::filter::Filter;
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{LongText, Name, nullable};
use crate::store::{Id, InIds, Transaction, Update, Word, fields, ids_where, row};

pub(crate) const KIND: Kind = Kind::new("pipelines").in_project();
const PIPELINES: [&str; 2] = ["/api/v1/pipelines", "/api/v1/workspaces/{project_name_or_id}/pipelines"];
const PIPELINE: &str = "/api/v1/pipelines/{pipeline_id}";

/// What goes with one that is deleted.
const HOLDS: [Held; 3] = [
    Held::new(pipeline_snapshots::KIND, "pipeline_snapshot", "pipeline_id"),
    Held::new(pipeline_runs::KIND, "pipeline_run", "pipeline_id"),
    Held::new(schedules::KIND, "schedule", "pipeline_id"),
];

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(PIPELINES, create_pipeline)
        .also(&TAGS)
        .get(PIPELINES, list::<PipelineRow>)
        .get(PIPELINE, get::<PipelineRow>)
        .put(PIPELINE, update_pipeline)
        .replayed()
        .also(&TAGS)
        .also(&NO_TAGS)
        .delete(PIPELINE, delete::<PipelineRow>)
        .also(&HOLDS.map(Held::also))
}

row! {
    pub struct PipelineRow in "pipeline" {
        pub id: Id,
        pub name: String,
    }
    body PipelineBody: in_project {}
    metadata PipelineMetadata {
        description: Option<String>,
    }
}

impl Listed for PipelineRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[Field::tags("pipeline")],
        OWNED,
        &[
            Field::text("name"),
            Field::always("latest_run_status", latest_run_status),
            Field::always("latest_run_user", latest_run_user),
            Field::sort_only("latest_run", latest_activity),
        ],
    ];
}

/// Other resources' filter by a pipeline's name or id.
pub(crate) const NAMED: Related = Related {
    column: "pipeline_id",
    rows: || Sql::select().column(("pipeline", "id")).from("pipeline").to_owned(),
    fields: &[(("pipeline", "id"), FieldKind::Id), (("pipeline", "name"), FieldKind::Text)],
};

#[derive(Debug, Serialize)]
pub(crate) struct PipelineResources {
    user: Option<Arc<UserResponse>>,
    latest_run_user: Option<Arc<UserResponse>>,
    latest_run_id: Option<Id>,
    latest_run_status: Option<Word<ExecutionStatus>>,
    tags: Tags,
    visualizations: Vec<ResponseOf<CuratedVisualizationRow>>,
}

/// The newest run of a pipeline.
#[derive(Debug, FromRow)]
struct LatestRun {
    pipeline_id: Id,
    id: Id,
    status: Word<ExecutionStatus>,
    user_id: Option<Id>,
}

impl Resource for PipelineRow {
    const NAME: &'static str = "pipeline";
    const TAGGABLE: bool = true;
    const HOLDS: &'static [Held] = &HOLDS;
    type Body = PipelineBody;
    type Metadata = PipelineMetadata;
    type Resources = PipelineResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let latest_and_tags = async {
            match loader.resources {
                true => try_join!(latest_runs(loader, &ids), loader.tags(&ids)),
                false => Ok((ById::new(), ById::new())),
            }
        };
        let ((latest, mut tags), mut shown) =
            try_join!(latest_and_tags, curated_visualizations::of_things(loader, "pipeline", &ids))?;
        let owners = rows.iter().map(|row| row.body.user_id);
        let users = loader.users(owners.chain(latest.values().map(|run| run.user_id))).await?;
        let response = |row: Self| {
            let run = latest.get(&row.id);
            let resources = loader.resources(|| PipelineResources {
                user: pick(&users, row.body.user_id),
                latest_run_user: pick(&users, run.and_then(|run| run.user_id)),
                latest_run_id: run.map(|run| run.id),
                latest_run_status: run.map(|run| run.status.clone()),
                tags: tags.remove(&row.id).unwrap_or_default(),
                visualizations: shown.remove(&row.id).unwrap_or_default(),
            });
            Response::named(row.id, row.name, row.body, loader.metadata(|| row.metadata), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }

    /// Its snapshots and runs go with it.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        strip_pipeline(tx, id).await?;
        delete_row::<Self>(tx, id).await
    }
}

/// What hangs without a foreign key on what goes with a pipeline.
async fn strip_pipeline(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    strip_runs(tx, "pipeline_id", id).await?;
    let snapshots = ids_where("pipeline_snapshot", [Expr::col("pipeline_id").eq(id)]);
    Ok(delete_dependents(tx, &snapshots).await?)
}

/// The newest run of each of these pipelines: one step into an index for each.
async fn latest_runs(loader: &Loader<'_>, pipelines: &[Id]) -> ApiResult<ById<LatestRun>> {
    if pipelines.is_empty() {
        return Ok(ById::new());
    }
    let newest = newest_run().clone();
    let query = Sql::select()
        .columns(["pipeline_id", "id", "status", "user_id"].map(|column| ("pipeline_run", column)))
        .from("pipeline")
        .inner_join("pipeline_run", Expr::col(("pipeline_run", "id")).eq(SimpleExpr::from(newest)))
        .and_where(Expr::col(("pipeline", "id")).in_ids(pipelines.iter().copied()))
        .to_owned();
    let runs: Vec<LatestRun> = loader.store.fetch_all(&query).await?;
    Ok(runs.into_iter().map(|run| (run.pipeline_id, run)).collect())
}

/// The id of the newest run of the pipeline that the query around it is about.
fn newest_run() -> SelectStatement {
    Sql::select()
        .column(("newest", "id"))
        .from_as("pipeline_run", "newest")
        .and_where(Expr::col(("newest", "pipeline_id")).equals(("pipeline", "id")))
        .order_by(("newest", "created"), sea_query::Order::Desc)
        .limit(1)
        .to_owned()
}

/// When a pipeline last ran, or was made if it never did.
fn latest_activity() -> SimpleExpr {
    let newest = Sql::select()
        .column(("pipeline_run", "created"))
        .from("pipeline_run")
        .and_where(Expr::col(("pipeline_run", "pipeline_id")).equals(("pipeline", "id")))
        .order_by(("pipeline_run", "created"), sea_query::Order::Desc)
        .limit(1)
        .to_owned();
    Func::coalesce([SimpleExpr::from(newest), Expr::col(("pipeline", "created"))]).into()
}

fn latest_run_status(filter: &Filter<'_>) -> ApiResult<SimpleExpr> {
    let status = filter.condition(Expr::col(("latest", "status")), FieldKind::Text)?;
    Ok(latest_run_where(status))
}

fn latest_run_user(filter: &Filter<'_>) -> ApiResult<SimpleExpr> {
    let user = filter.condition(Expr::col(("latest", "user_id")), FieldKind::Id)?;
    let named = filter.condition(Expr::col(("user", "name")), FieldKind::Text)?;
    let by_name = ids_where("user", [named]);
    Ok(latest_run_where(user.or(Expr::col(("latest", "user_id")).in_subquery(by_name))))
}

/// Pipelines whose newest run meets the condition.
fn latest_run_where(condition: SimpleExpr) -> SimpleExpr {
    let latest = Sql::select()
        .column(("latest", "id"))
        .from_as("pipeline_run", "latest")
        .and_where(Expr::col(("latest", "id")).eq(SimpleExpr::from(newest_run())))
        .and_where(condition)
        .to_owned();
    Expr::exists(latest)
}

#[derive(Debug, Deserialize)]
struct PipelineRequest {
    name: Name,
    project: Id,
    description: Option<LongText>,
    tags: TagNames,
}

#[derive(Debug, Deserialize)]
struct PipelineUpdate {
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<LongText>>,
    add_tags: TagNames,
    remove_tags: TagNames,
}

async fn create_pipeline(
    cx: Context,
    project: NamedProject,
    JsonBody(mut request): JsonBody<PipelineRequest>,
) -> Answer<PipelineRow> {
    request.project = project.or(&cx, request.project).await?;
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    let row = cx.insert("pipeline", id).set("project_id", request.project).set("run_count", 0);
    let row = &row.set_all(fields!(request; name, description));
    cx.create_row::<PipelineRow, _, _>(|mut tx| async move {
        insert_named::<PipelineRow>(&mut tx, Some(request.project), request.name.as_str(), row).await?;
        set_tags(context, &mut tx, Taggable::Pipeline, id, &request.tags).await?;
        Ok((tx, id))
    })
    .await
}

async fn update_pipeline(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<PipelineUpdate>,
) -> Answer<PipelineRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, _: PipelineRow| async move {
        // A description that isn't sent is taken away, as in ZenML.
        Update::of("pipeline", id, context.now())
            .set("description", update.description.clone().flatten())
            .run(&mut tx)
            .await?;
        retag(context, &mut tx, Taggable::Pipeline, id, &update.add_tags, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}

/// Counts one more run. Until the transaction ends, other runs of the pipeline wait for it.
///
/// # Errors
/// The store's own.
pub(crate) async fn count_run(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    tx.set_where("pipeline", ("run_count", Expr::col("run_count").add(1)), [Expr::col("id").eq(id)]).await?;
    Ok(())
}

/// How many runs were counted: the number of the last one. It grows with each, also with those that are deleted since, so
/// that no number comes twice.
pub(crate) fn run_count(id: Id) -> SelectStatement {
    Sql::select().column("run_count").from("pipeline").and_where(Expr::col("id").eq(id)).to_owned()
}
