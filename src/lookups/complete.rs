//! Seeing to it that nothing is missing: ZenML's server, or an older zendo, may have written to the database.

use sea_query::{Expr, ExprTrait, OnConflict, Order, Query as Sql, SimpleExpr};

use super::{LOGGED, LOGGED_COLUMNS, LoggedFor, UNUSED, logged, note_unused};
use crate::store::{Id, JoinById, Store, StoreError};

/// Rows that are looked at in one query.
const AT_ONCE: u64 = 5_000;
/// Rows that one transaction writes.
const WRITTEN: usize = 500;

/// Looks through ZenML's tables for what is missing, if it is time, and adds it.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn complete(store: &Store) -> Result<(), StoreError> {
    let Some(round) = store.lookups().due() else { return Ok(()) };
    let (mut last, mut rows) = (None, 0);
    while let Some(range) = range_behind(store, "run_metadata_resource", last).await? {
        add_logged(store, range).await?;
        last = Some(range);
        rows += AT_ONCE;
    }
    let mut last = None;
    while let Some(range) = range_behind(store, "artifact_version", last).await? {
        add_unused(store, range).await?;
        last = Some(range);
        rows += AT_ONCE;
    }
    forget_used(store).await?;
    store.lookups().are_complete(round, rows);
    Ok(())
}

/// Ids behind the first, up to the second one.
#[derive(Debug, Clone, Copy)]
struct Range {
    after: Option<Id>,
    until: Option<Id>,
}

impl Range {
    fn has(self, column: SimpleExpr) -> SimpleExpr {
        let after = self.after.map(|after| column.clone().gt(after));
        let until = self.until.map(|until| column.lte(until));
        match (after, until) {
            (Some(after), Some(until)) => after.and(until),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Expr::val(true),
        }
    }
}

/// The range behind another one, or the first; the last one has no end.
async fn range_behind(
    store: &Store,
    table: &'static str,
    last: Option<Range>,
) -> Result<Option<Range>, StoreError> {
    let after = match last {
        Some(Range { until: None, .. }) => return Ok(None),
        Some(Range { until, .. }) => until,
        None => None,
    };
    let mut end = Sql::select().column("id").from(table).to_owned();
    if let Some(after) = after {
        end.and_where(Expr::col("id").gt(after));
    }
    let end = end.order_by("id", Order::Asc).limit(1).offset(AT_ONCE - 1).to_owned();
    let until = store.fetch_optional::<(Id,)>(&end).await?.map(|(id,)| id);
    Ok(Some(Range { after, until }))
}

async fn add_logged(store: &Store, range: Range) -> Result<(), StoreError> {
    let link = |column: &'static str| Expr::col(("run_metadata_resource", column));
    let there = Sql::select()
        .expr(Expr::val(1))
        .from(LOGGED)
        .and_where(Expr::col((LOGGED, "link_id")).eq(link("id")))
        .to_owned();
    let missing = Sql::select()
        .columns(["id", "resource_id", "resource_type"].map(|column| ("run_metadata_resource", column)))
        .columns(["key", "value", "type"].map(|column| ("run_metadata", column)))
        .from("run_metadata_resource")
        .join_by_id("run_metadata", ("run_metadata_resource", "run_metadata_id"))
        .and_where(range.has(link("id")))
        .and_where(Expr::exists(there).not())
        .limit(AT_ONCE)
        .to_owned();
    let missing: Vec<(Id, Id, String, String, String, String)> = store.fetch_all(&missing).await?;
    for some in missing.chunks(WRITTEN) {
        store
            .write(|mut tx| async move {
                let mut insert = Sql::insert().into_table(LOGGED).columns(LOGGED_COLUMNS).to_owned();
                for (link, resource, kind, key, json, value_type) in some {
                    let of = LoggedFor { kind, resource: *resource, key };
                    insert.values_panic(logged(*link, of, json, value_type));
                }
                let there = OnConflict::column("link_id").do_nothing_on(["link_id"]).to_owned();
                tx.execute(insert.on_conflict(there)).await?;
                tx.commit(()).await
            })
            .await?;
    }
    forget_unlinked(store, range).await
}

/// Values of things that are gone.
async fn forget_unlinked(store: &Store, range: Range) -> Result<(), StoreError> {
    let link = Sql::select()
        .expr(Expr::val(1))
        .from("run_metadata_resource")
        .and_where(Expr::col(("run_metadata_resource", "id")).eq(Expr::col((LOGGED, "link_id"))))
        .to_owned();
    let is_over = range.has(Expr::col((LOGGED, "link_id"))).and(Expr::exists(link).not());
    store.sweep_all(LOGGED, "link_id", &is_over, AT_ONCE / 5).await
}

async fn add_unused(store: &Store, range: Range) -> Result<(), StoreError> {
    let named = |table: &'static str, column: &'static str| {
        Sql::select()
            .expr(Expr::val(1))
            .from(table)
            .and_where(Expr::col((table, column)).eq(Expr::col(("artifact_version", "id"))))
            .to_owned()
    };
    let missing = Sql::select()
        .column(("artifact_version", "id"))
        .from("artifact_version")
        .and_where(range.has(Expr::col(("artifact_version", "id"))))
        .and_where(Expr::exists(named("step_run_output_artifact", "artifact_id")).not())
        .and_where(Expr::exists(named("step_run_input_artifact", "artifact_id")).not())
        .and_where(Expr::exists(named(UNUSED, "artifact_version_id")).not())
        .limit(AT_ONCE)
        .to_owned();
    let missing: Vec<(Id,)> = store.fetch_all(&missing).await?;
    for some in missing.chunks(WRITTEN) {
        store
            .write(|mut tx| async move {
                note_unused(&mut tx, some.iter().map(|(id,)| *id)).await?;
                tx.commit(()).await
            })
            .await?;
    }
    Ok(())
}

/// Versions that have been used since, or are gone.
async fn forget_used(store: &Store) -> Result<(), StoreError> {
    let version = || Expr::col((UNUSED, "artifact_version_id"));
    let of = |table: &'static str, column: &'static str| {
        let rows = Sql::select()
            .expr(Expr::val(1))
            .from(table)
            .and_where(Expr::col((table, column)).eq(version()))
            .to_owned();
        Expr::exists(rows)
    };
    let is_over = of("step_run_output_artifact", "artifact_id")
        .or(of("step_run_input_artifact", "artifact_id"))
        .or(of("artifact_version", "id").not());
    store.sweep_all(UNUSED, "artifact_version_id", &is_over, AT_ONCE / 5).await
}
