//! Which pipeline runs belong to which model versions.

use std::sync::Arc;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::{Deserialize, Serialize};

use super::model_versions::{self, ModelVersionRow, link_run, lock_version};
use crate::api::runs::pipeline_runs::RunRow;
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Loader, NoResources, Resource, Response, ResponseOf, Routes, find_in, list,
    require,
};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, Related, STAMPED, USER};
use crate::http::json::JsonBody;
use crate::http::path::PathIdAndName;
use crate::store::{Id, JoinById, row};

pub(crate) const KIND: Kind = Kind::new("model_version_pipeline_runs").in_project();
const LINKS: &str = "/api/v1/model_version_pipeline_runs";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND).post(LINKS, create_link).get(LINKS, list::<RunLinkRow>).delete(
        "/api/v1/model_versions/{model_version_id}/runs/{model_version_pipeline_run_link_name_or_id}",
        delete_link,
    )
}

row! {
    pub struct RunLinkRow in "model_versions_runs" {
        pub id: Id,
        pipeline_run_id: Id,
    }
    body RunLinkColumns: stamped {
        #[serde(rename = "model_version")]
        model_version_id: Id,
    }
}

impl Listed for RunLinkRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[
            Field::reference("model_version_id", "model_version_id"),
            Field::reference("pipeline_run_id", "pipeline_run_id"),
            Field::related("pipeline_run_name", RUN_NAME),
            Field::related("user", STARTER),
        ],
    ];
}

const RUN_NAME: Related =
    Related { column: "pipeline_run_id", rows: runs, fields: &[(("pipeline_run", "name"), FieldKind::Text)] };

/// Whoever started the run.
const STARTER: Related = Related {
    column: "pipeline_run_id",
    rows: || runs().join_by_id("user", ("pipeline_run", "user_id")).to_owned(),
    fields: USER,
};

fn runs() -> SelectStatement {
    Sql::select().column(("pipeline_run", "id")).from("pipeline_run").to_owned()
}

#[derive(Debug, Serialize)]
pub(crate) struct RunLinkBody {
    #[serde(flatten)]
    columns: RunLinkColumns,
    pipeline_run: Option<Arc<ResponseOf<RunRow>>>,
}

impl Resource for RunLinkRow {
    const NAME: &'static str = "model version link";
    type Body = RunLinkBody;
    type Metadata = NoResources;
    type Resources = NoResources;

    fn narrow(select: &mut SelectStatement, principal: &Principal) {
        model_versions::narrow_links(select, principal);
    }

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let runs = loader.embed::<RunRow>(rows.iter().map(|row| Some(row.pipeline_run_id))).await?;
        let response = |row: Self| {
            let pipeline_run = runs.get(&row.pipeline_run_id).cloned();
            let body = RunLinkBody { columns: row.body, pipeline_run };
            Response::nameless(row.id, body, loader.metadata(|| NoResources {}), None)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

#[derive(Debug, Deserialize)]
struct LinkRequest {
    model_version: Id,
    pipeline_run: Id,
}

/// Links a run to a model version; a link that is there stays as it is.
async fn create_link(cx: Context, JsonBody(request): JsonBody<LinkRequest>) -> Answer<RunLinkRow> {
    let LinkRequest { model_version, pipeline_run } = request;
    let context = &cx;
    let made = cx.create(|mut tx| async move {
        // Of two requests at once, the second waits here and finds the link of the first.
        lock_version(&mut tx, model_version).await?;
        let project = find_in::<ModelVersionRow>(&mut tx, model_version).await?.body.project_id;
        require::<RunRow>(&mut tx, Some(pipeline_run), project).await?;
        let link = link_run(context, &mut tx, model_version, pipeline_run).await?;
        Ok((tx, link))
    });
    let (id, is_new) = made.await?;
    cx.answer_with::<RunLinkRow>(id, is_new).await
}

/// Deletes a link by its id, or by the run's name.
async fn delete_link(cx: Context, PathIdAndName(version, link): PathIdAndName) -> ApiResult<Json<()>> {
    let named = |name: &str| {
        let runs = runs().and_where(Expr::col(("pipeline_run", "name")).eq(name)).to_owned();
        Expr::col("pipeline_run_id").in_subquery(runs)
    };
    model_versions::delete_link::<RunLinkRow>(&cx, version, &link, named).await
}
