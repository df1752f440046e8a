//! Rows of zendo's own by which lists find things, where ZenML's tables would have to be read from end to end.
//!
//! They say no more than where to look: lists check what they find so by ZenML's tables. What is left here of things that
//! are gone does no harm, therefore. What is missing would: so lists use them only when this process has seen that
//! nothing is, whoever wrote to the database before; what others write meanwhile is looked for again and again (see `complete`).

mod complete;
mod value;

use sea_query::{Expr, ExprTrait, OnConflict, Query as Sql, SelectStatement, SimpleExpr};

pub(crate) use self::complete::complete;
pub(crate) use self::value::{NUMBERS, at_least, at_most, equal_to, greatest, least};
use crate::store::{Id, Insert, StoreError, Transaction, ids_where};

pub(crate) const LOGGED: &str = "zendo_logged_value";
pub(crate) const UNUSED: &str = "zendo_unused_version";

/// The kind and id of the thing that something was logged for, and the key.
#[derive(Clone, Copy)]
pub(crate) struct LoggedFor<'a> {
    pub kind: &'a str,
    pub resource: Id,
    pub key: &'a str,
}

const LOGGED_COLUMNS: [&str; 5] = ["link_id", "resource_type", "key", "sorted", "resource_id"];

fn logged(link: Id, of: LoggedFor<'_>, json: &str, value_type: &str) -> [SimpleExpr; 5] {
    let sorted = value::sorted(json, value_type);
    [link.into(), of.kind.into(), of.key.into(), sorted.into(), of.resource.into()]
}

/// The note of a value, as it is stored, by the id of the row that links it with a thing.
pub(crate) fn logged_value(link: Id, of: LoggedFor<'_>, (json, value_type): (&str, &str)) -> Insert {
    Insert::into(LOGGED).set_all(LOGGED_COLUMNS.into_iter().zip(logged(link, of, json, value_type)))
}

/// Forgets what was logged for things that are to be deleted.
///
/// # Errors
/// The store's own.
pub(crate) async fn forget_logged(tx: &mut Transaction, things: &SelectStatement) -> Result<(), StoreError> {
    let links = ids_where("run_metadata_resource", [Expr::col("resource_id").in_subquery(things.clone())]);
    tx.delete_where(LOGGED, [Expr::col("link_id").in_subquery(links)]).await.map(drop)
}

/// Notes artifact versions that no step has made or read yet.
///
/// # Errors
/// The store's own.
pub(crate) async fn note_unused(
    tx: &mut Transaction,
    versions: impl IntoIterator<Item = Id>,
) -> Result<(), StoreError> {
    const AT_ONCE: usize = 200;
    let versions = Vec::from_iter(versions);
    for some in versions.chunks(AT_ONCE) {
        let mut insert = Sql::insert().into_table(UNUSED).columns(["artifact_version_id"]).to_owned();
        for id in some {
            insert.values_panic([(*id).into()]);
        }
        tx.execute(insert.on_conflict(there_already())).await?;
    }
    Ok(())
}

fn there_already() -> OnConflict {
    OnConflict::column("artifact_version_id").do_nothing_on(["artifact_version_id"]).to_owned()
}

/// # Errors
/// The store's own.
pub(crate) async fn note_used(tx: &mut Transaction, version: Id) -> Result<(), StoreError> {
    tx.delete_where(UNUSED, [Expr::col("artifact_version_id").eq(version)]).await.map(drop)
}

/// Notes what steps have made or read that are to be deleted: it may be that no other one has.
///
/// # Errors
/// The store's own.
pub(crate) async fn note_freed(tx: &mut Transaction, steps: &SelectStatement) -> Result<(), StoreError> {
    for links in ["step_run_output_artifact", "step_run_input_artifact"] {
        let of_steps = Sql::select()
            .distinct()
            .column("artifact_id")
            .from(links)
            .and_where(Expr::col("step_id").in_subquery(steps.clone()))
            .to_owned();
        let mut insert = Sql::insert().into_table(UNUSED).columns(["artifact_version_id"]).to_owned();
        insert.select_from(of_steps).map_err(|error| StoreError::Encode(error.into()))?;
        tx.execute(insert.on_conflict(there_already())).await?;
    }
    Ok(())
}
