//! The end of versions, one or many.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};

use super::ArtifactVersionRow;
use super::filters::{is_of_steps, is_output, is_used, outputs};
use crate::framework::{Context, Resource, delete_dependents, find_in, find_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::{Id, JoinById, Transaction, ids_where};

/// Deletes a version that no step has made or read; its data stays where it is.
pub(super) async fn delete_version(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<()>> {
    let delete_metadata = query.flag("delete_metadata").unwrap_or(true);
    let delete_data = query.flag("delete_from_artifact_store").unwrap_or(false);
    query.finish()?;
    let deleted = cx.store.write(|mut tx| async move {
        let version = find_in::<ArtifactVersionRow>(&mut tx, id).await?;
        if delete_metadata {
            refuse_used(&mut tx, id).await?;
        }
        if delete_data {
            return Err(data_stays(&version));
        }
        if delete_metadata {
            ArtifactVersionRow::delete(&mut tx, id).await?;
        }
        Ok(tx.commit(()).await?)
    });
    deleted.await.map(Json)
}

pub(super) fn data_stays(version: &ArtifactVersionRow) -> ApiError {
    match version.body.artifact_store_id {
        None => {
            let message = "The artifact version has no artifact store from which its data could be deleted.";
            ApiError::value(message)
        }
        Some(_) => {
            let message = format!(
                "The server deletes no data from artifact stores. Please delete '{}' there yourself.",
                version.body.uri
            );
            ApiError::not_implemented(message)
        }
    }
}

/// Steps say what they made and read; what hooks made may go.
pub(super) async fn refuse_used(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    let used =
        versions().and_where(Expr::col("id").eq(id)).and_where(is_of_steps().or(is_output())).to_owned();
    match tx.fetch_optional::<(Id,)>(&used).await? {
        None => Ok(()),
        Some(_) => {
            let message = "Runs use this artifact version. Please delete those runs first.";
            Err(ApiError::value(message))
        }
    }
}

/// Refuses to delete versions that runs have given out, which the schema keeps. The select gives the versions' ids.
///
/// # Errors
/// 409 with those that stay; the store's own.
pub(crate) async fn refuse_outputs(tx: &mut Transaction, ids: &SelectStatement) -> ApiResult<()> {
    const TOLD: usize = 10;
    let outputs = Sql::select()
        .columns([("artifact", "name"), ("artifact_version", "version")])
        .from("artifact_version")
        .join_by_id("artifact", ("artifact_version", "artifact_id"))
        .and_where(Expr::col(("artifact_version", "id")).in_subquery(ids.clone()))
        .and_where(Expr::col(("artifact_version", "id")).in_subquery(outputs()))
        .order_by(("artifact_version", "created"), sea_query::Order::Asc)
        .limit(TOLD as u64 + 1)
        .to_owned();
    let outputs: Vec<(String, String)> = tx.fetch_all(&outputs).await?;
    if outputs.is_empty() {
        return Ok(());
    }
    let mut told: Vec<String> =
        outputs.iter().take(TOLD).map(|(artifact, version)| format!("{artifact}:{version}")).collect();
    if outputs.len() > TOLD {
        told.push("and others".to_owned());
    }
    let message = format!(
        "Nothing was deleted: these artifact versions stay until the runs are deleted that have given them out: {}",
        told.join(", ")
    );
    Err(ApiError::exists(message))
}

pub(super) fn versions() -> SelectStatement {
    Sql::select().column("id").from("artifact_version").to_owned()
}

/// Deletes all versions of a project that no run has used, and if asked the artifacts that have none left.
pub(super) async fn prune(cx: Context, mut query: QueryParams) -> ApiResult<Json<()>> {
    let only_versions = query.flag("only_versions").unwrap_or(true);
    let project = query.required("project_name_or_id");
    query.finish()?;
    let project = find_project(&cx, project.as_deref()).await?;
    let pruned = cx.store.write(|mut tx| async move {
        let in_project = || Expr::col("project_id").eq(project);
        let unused = versions().and_where(in_project()).and_where(is_used().not()).to_owned();
        delete_all(&mut tx, "artifact_version", &unused).await?;
        if !only_versions {
            let of_versions = Sql::select().column("artifact_id").from("artifact_version").to_owned();
            let empty = ids_where("artifact", [in_project(), Expr::col("id").not_in_subquery(of_versions)]);
            delete_all(&mut tx, "artifact", &empty).await?;
        }
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    pruned.await.map(Json)
}

/// Deletes the versions whose ids the select gives, also those that steps have made or read.
///
/// # Errors
/// 409 when runs have given out one of them; the store's own.
pub(crate) async fn delete_those(tx: &mut Transaction, ids: &SelectStatement) -> ApiResult<()> {
    let meant = versions().and_where(Expr::col("id").in_subquery(ids.clone())).to_owned();
    refuse_outputs(tx, &meant).await?;
    delete_all(tx, "artifact_version", &meant).await
}

/// Deletes the rows that the select names. They are read first: MySQL deletes from no table that it selects from.
pub(super) async fn delete_all(
    tx: &mut Transaction,
    table: &'static str,
    select: &SelectStatement,
) -> ApiResult<()> {
    const AT_ONCE: usize = 500;
    let ids: Vec<(Id,)> = tx.fetch_all(select).await?;
    for ids in ids.chunks(AT_ONCE) {
        let is_one = || Expr::col("id").is_in(ids.iter().map(|(id,)| *id));
        delete_dependents(tx, &ids_where(table, [is_one()])).await?;
        tx.delete_where(table, [is_one()]).await?;
    }
    Ok(())
}
