//! What stays as it is.

use super::StackRow;
use crate::api::stacks::secrets::unlink_all;
use crate::framework::{delete_row, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, Transaction};

/// Deletes a stack; its components stay.
///
/// # Errors
/// 403 for the default stack; the store's own.
pub(super) async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    let stack = find_in::<StackRow>(tx, id).await?;
    refuse_default(&stack, "deleted")?;
    unlink_all(tx, id).await?;
    delete_row::<StackRow>(tx, id).await
}

pub(super) fn refuse_default(stack: &StackRow, change: &str) -> ApiResult<()> {
    if stack.name != "default" {
        return Ok(());
    }
    let message = format!("The default stack can't be {change}.");
    Err(ApiError::illegal(message))
}
