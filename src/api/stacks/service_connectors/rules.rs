//! What connectors have to be for components, and their end.

use sea_query::{Expr, ExprTrait, Query as Sql};

use super::{LINK, ServiceConnectorRow};
use crate::api::stacks::secrets::delete_internal;
use crate::framework::{Context, delete_row, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, Transaction, number_of_rows};

/// Deletes a connector with its secret.
///
/// # Errors
/// 403 when components use it; the store's own.
pub(super) async fn delete(tx: &mut Transaction, connector: &ServiceConnectorRow) -> ApiResult<()> {
    refuse_used(tx, connector, "be deleted").await?;
    delete_row::<ServiceConnectorRow>(tx, connector.id).await?;
    match connector.secret_id {
        Some(secret) => delete_internal(tx, secret).await,
        None => Ok(()),
    }
}

/// Components rely on what a connector reaches.
///
/// # Errors
/// 403 when some use it; the store's own.
pub(super) async fn refuse_used(
    tx: &mut Transaction,
    connector: &ServiceConnectorRow,
    change: &str,
) -> ApiResult<()> {
    let users = Sql::select()
        .expr(number_of_rows())
        .from("stack_component")
        .and_where(Expr::col("connector_id").eq(connector.id))
        .to_owned();
    let users = tx.fetch_optional::<(i64,)>(&users).await?.map_or(0, |(users,)| users);
    if users == 0 {
        return Ok(());
    }
    let name = &connector.name;
    let message = format!("The service connector '{name}' can't {change}: {users} components use it.");
    Err(ApiError::illegal(message))
}

/// What a flavor says of the connectors that its components take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connectable<'a> {
    pub flavor: &'a str,
    /// Only one of this type; any if there is none.
    pub connector_type: Option<&'a str>,
    /// None for a flavor that takes no connectors.
    pub resource_type: Option<&'a str>,
}

/// The connector that a component is to use, if there is to be one.
///
/// # Errors
/// 403 for a token that may not; 404 when there is none; the store's own.
pub(crate) async fn find_to_link(
    cx: &Context,
    tx: &mut Transaction,
    id: Option<Id>,
) -> ApiResult<Option<ServiceConnectorRow>> {
    let Some(id) = id else { return Ok(None) };
    cx.require(LINK)?;
    find_in::<ServiceConnectorRow>(tx, id).await.map(Some)
}

impl Connectable<'_> {
    /// # Errors
    /// 400 when the flavor doesn't take the connector.
    pub(crate) fn require(&self, connector: &ServiceConnectorRow) -> ApiResult<()> {
        let (flavor, name) = (self.flavor, &connector.name);
        let Some(resource_type) = self.resource_type else {
            let message = format!("Components of the flavor '{flavor}' take no service connectors.");
            return Err(ApiError::value(message));
        };
        let fits_type = self.connector_type.is_none_or(|kind| kind == connector.kind());
        if fits_type && connector.resource_types().iter().any(|known| known == resource_type) {
            return Ok(());
        }
        let message = format!(
            "Components of the flavor '{flavor}' take service connectors {}of the resource type '{resource_type}', \
             which '{name}' is not.",
            self.connector_type.map(|kind| format!("of the type '{kind}' and ")).unwrap_or_default()
        );
        Err(ApiError::value(message))
    }
}
