//! What hangs on things without a foreign key, and has to go with them.

use sea_query::{Expr, ExprTrait, SelectStatement};

use crate::lookups::forget_logged;
use crate::store::{StoreError, Transaction};

/// Takes from things that are to be deleted, given by a select of their ids, their tags, the metadata that was logged
/// for them and what is shown with them.
///
/// # Errors
/// The store's own.
pub(crate) async fn delete_dependents(
    tx: &mut Transaction,
    things: &SelectStatement,
) -> Result<(), StoreError> {
    forget_logged(tx, things).await?;
    for table in ["tag_resource", "run_metadata_resource", "curated_visualization"] {
        tx.delete_where(table, [Expr::col("resource_id").in_subquery(things.clone())]).await?;
    }
    Ok(())
}
