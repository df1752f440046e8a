//! Deployments: pipelines that a deployer keeps running behind an address. The server never talks to one: the deployer,
//! which is part of the client, says what has become of it.

mod create;
mod update;

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement, SimpleExpr};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};
use tokio::try_join;

use super::pipeline_snapshots::SnapshotRow;
use super::pipelines::PipelineRow;
use super::run_templates;
use crate::accounts::users::UserResponse;
use crate::api::artifacts::curated_visualizations::{self, CuratedVisualizationRow};
use crate::api::server::tagging::{NO_TAGS, TAGS, Tags};
use crate::api::stacks::components::ComponentRow;
use crate::api::stacks::stacks::StackRow;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::auth::{Principal, Scope};
use crate::framework::{
    Answers, ById, Loader, Resource, Response, ResponseOf, Routes, ShownSecret, delete, get, list, pick,
};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, Fields, Listed, OWNED, Related, STAMPED, Sort, name_of};
use crate::store::{Id, InIds, JsonText, SecretText, Stored, Word, row};

/// Work makes none, and changes none: a deployment's own token reads it.
pub(crate) const KIND: Kind = Kind::new("deployments").in_project().administration();
const DEPLOYMENTS: &str = "/api/v1/deployments";
const DEPLOYMENT: &str = "/api/v1/deployments/{deployment_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(DEPLOYMENTS, create::create_deployment)
        .also(&TAGS)
        .secret()
        .get(DEPLOYMENTS, list::<DeploymentRow>)
        .get(DEPLOYMENT, get::<DeploymentRow>)
        .put(DEPLOYMENT, update::update_deployment)
        .also(&TAGS)
        .also(&NO_TAGS)
        .replayed()
        .secret()
        .delete(DEPLOYMENT, delete::<DeploymentRow>)
}

row! {
    pub struct DeploymentRow in "deployment" {
        pub id: Id,
        pub name: String,
        snapshot_id: Option<Id>,
        deployer_id: Option<Id>,
        deployment_metadata: JsonText,
        auth_key: Option<SecretText>,
    }
    body DeploymentBody: in_project {
        url: Option<String>,
        status: Word<DeploymentStatus>,
    }
}

/// What has become of one (contract schema DeploymentStatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum DeploymentStatus {
    Unknown,
    Pending,
    Running,
    Absent,
    Error,
}

/// The pipeline of the snapshot, by name or id.
const PIPELINE: Related = Related { column: "snapshot_id", ..run_templates::PIPELINE };

impl Listed for DeploymentRow {
    const FIELDS: Fields = &[
        STAMPED,
        &[Field::tags("deployment")],
        OWNED,
        &[
            Field::text("name"),
            Field::text("url"),
            Field::text("status"),
            Field { sort: Sort::By(pipeline_name), ..Field::related("pipeline", PIPELINE) },
            Field::reference("snapshot_id", "snapshot_id"),
            Field::reference("deployer_id", "deployer_id"),
            Field::sort_only("snapshot", || name_of("pipeline_snapshot", "snapshot_id")),
        ],
    ];
}

fn pipeline_name() -> SimpleExpr {
    let of = Expr::col(("pipeline", "id")).equals(("pipeline_snapshot", "pipeline_id"));
    Sql::select()
        .column(("pipeline", "name"))
        .from("pipeline")
        .inner_join("pipeline_snapshot", of)
        .and_where(Expr::col(("pipeline_snapshot", "id")).eq(Expr::col("snapshot_id")))
        .to_owned()
        .into()
}

#[derive(Debug, Serialize)]
pub(crate) struct DeploymentMetadata {
    deployment_metadata: JsonText,
    /// None for a token that is narrowed to less than changing deployments, too: with it one calls what is deployed.
    auth_key: Option<ShownSecret>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeploymentResources {
    user: Option<Arc<UserResponse>>,
    snapshot: Option<Arc<ResponseOf<SnapshotRow>>>,
    deployer: Option<Arc<ResponseOf<ComponentRow>>>,
    pipeline: Option<Arc<ResponseOf<PipelineRow>>>,
    stack: Option<Arc<ResponseOf<StackRow>>>,
    tags: Tags,
    visualizations: Vec<ResponseOf<CuratedVisualizationRow>>,
}

impl Resource for DeploymentRow {
    const NAME: &'static str = "deployment";
    const TAGGABLE: bool = true;
    type Body = DeploymentBody;
    type Metadata = DeploymentMetadata;
    type Resources = DeploymentResources;

    /// A token of a deployment sees that one, and any other piece of work none.
    fn narrow(select: &mut SelectStatement, principal: &Principal) {
        if let Some(scope) = principal.scope().filter(|scope| scope.is_workload()) {
            select.and_where(match scope.deployment_id {
                Some(own) => Expr::col("id").eq(Id(own)),
                None => Expr::val(1).eq(2),
            });
        }
    }

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let mut resources = if loader.resources { resources(loader, &rows).await? } else { ById::new() };
        let shows_key = may_see_keys(loader.principal.scope());
        let response = |row: Self| {
            let auth_key = row.auth_key.filter(|_| shows_key).map(|SecretText(key)| ShownSecret(key));
            let metadata = loader
                .metadata(|| DeploymentMetadata { deployment_metadata: row.deployment_metadata, auth_key });
            Response::named(row.id, row.name, row.body, metadata, resources.remove(&row.id))
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

fn may_see_keys(scope: Option<&Scope>) -> bool {
    let permissions = scope.and_then(|scope| scope.permissions.as_ref());
    permissions.is_none_or(|permissions| permissions.allow(KIND.to(Verb::Update)))
}

async fn resources(loader: &Loader<'_>, rows: &[DeploymentRow]) -> ApiResult<ById<DeploymentResources>> {
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let snapshots = loader.rows::<SnapshotRow>(rows.iter().filter_map(|row| row.snapshot_id).collect());
    let of_snapshot: ById<SnapshotRow> = snapshots.await?.into_iter().map(|row| (row.id, row)).collect();
    let (users, snapshots, deployers, pipelines, stacks, mut tags, mut shown) = try_join!(
        loader.users(rows.iter().map(|row| row.body.user_id)),
        loader.embed::<SnapshotRow>(rows.iter().map(|row| row.snapshot_id)),
        loader.embed::<ComponentRow>(rows.iter().map(|row| row.deployer_id)),
        loader.embed::<PipelineRow>(of_snapshot.values().map(|of| Some(of.body.pipeline_id))),
        loader.embed::<StackRow>(of_snapshot.values().map(|of| of.stack_id)),
        loader.tags(&ids),
        curated_visualizations::of_things(loader, "deployment", &ids),
    )?;
    let one = |row: &DeploymentRow| {
        let of = row.snapshot_id.and_then(|id| of_snapshot.get(&id));
        let resources = DeploymentResources {
            user: pick(&users, row.body.user_id),
            snapshot: pick(&snapshots, row.snapshot_id),
            deployer: pick(&deployers, row.deployer_id),
            pipeline: pick(&pipelines, of.map(|of| of.body.pipeline_id)),
            stack: pick(&stacks, of.and_then(|of| of.stack_id)),
            tags: tags.remove(&row.id).unwrap_or_default(),
            visualizations: shown.remove(&row.id).unwrap_or_default(),
        };
        (row.id, resources)
    };
    Ok(rows.iter().map(one).collect())
}

/// Deployments of the snapshot that the query around this one is about.
pub(super) fn of_snapshot(column: &'static str) -> SelectStatement {
    Sql::select()
        .column(("first", column))
        .from_as(DeploymentRow::TABLE, "first")
        .and_where(Expr::col(("first", "snapshot_id")).equals(("pipeline_snapshot", "id")))
        .to_owned()
}

/// The first of them.
pub(super) fn first_of_snapshot(column: &'static str) -> SelectStatement {
    of_snapshot(column)
        .order_by(("first", "created"), Order::Asc)
        .order_by(("first", "id"), Order::Asc)
        .limit(1)
        .to_owned()
}

/// Of each of these snapshots the first deployment, as it looks inside another answer.
///
/// # Errors
/// The store's own.
pub(super) async fn of_snapshots(
    loader: &Loader<'_>,
    snapshots: &[Id],
) -> ApiResult<ById<Arc<ResponseOf<DeploymentRow>>>> {
    if !loader.resources || snapshots.is_empty() {
        return Ok(ById::new());
    }
    let first = Sql::select()
        .expr(SimpleExpr::from(first_of_snapshot("id")))
        .from("pipeline_snapshot")
        .and_where(Expr::col(("pipeline_snapshot", "id")).in_ids(snapshots.iter().copied()))
        .to_owned();
    let rows: Vec<DeploymentRow> =
        loader.store.fetch_all(DeploymentRow::select().and_where(Expr::col("id").in_subquery(first))).await?;
    let of: Vec<Option<Id>> = rows.iter().map(|row| row.snapshot_id).collect();
    let answers = DeploymentRow::responses(&loader.embedded(), rows).await?;
    let answers = of.into_iter().zip(answers);
    Ok(answers.filter_map(|(snapshot, answer)| Some((snapshot?, Arc::new(answer)))).collect())
}
