//! The secrets of connectors.

use super::ServiceConnectorRow;
use super::answers::ShownConfiguration;
use crate::api::stacks::secrets::open_internal;
use crate::env::random::Randomness;
use crate::framework::{Context, Resource};
use crate::http::error::{ApiError, ApiResult};
use crate::store::Id;

/// A connector with what it signs in with.
#[derive(Debug)]
pub(crate) struct ConnectorWithSecrets {
    pub row: ServiceConnectorRow,
    pub configuration: ShownConfiguration,
}

/// The connector with that id and its secrets, for whoever uses it.
///
/// # Errors
/// 404 when it isn't there, or its secrets can't be read; the store's own.
pub(crate) async fn find_with_secrets(cx: &Context, id: Id) -> ApiResult<ConnectorWithSecrets> {
    let row = cx.find::<ServiceConnectorRow>(id).await?;
    let found = with_secrets(cx, vec![row]).await?.into_iter().next();
    found.ok_or_else(|| {
        let name = ServiceConnectorRow::NAME;
        ApiError::key(format!("\"The secrets of the {name} with ID '{id}' are not there or can't be decrypted\""))
    })
}

/// These connectors and their secrets. Those whose secrets can't be read are left out.
///
/// # Errors
/// The store's own.
pub(crate) async fn with_secrets(
    cx: &Context,
    rows: Vec<ServiceConnectorRow>,
) -> ApiResult<Vec<ConnectorWithSecrets>> {
    let mut opened = open_internal(cx, rows.iter().filter_map(|row| row.secret_id).collect()).await?;
    let found = rows.into_iter().filter_map(|row| {
        let secrets = match row.secret_id {
            None => crate::api::stacks::secrets::SecretValues::default(),
            Some(id) => opened.remove(&id)?,
        };
        let configuration = ShownConfiguration { settings: row.settings(), secrets };
        Some(ConnectorWithSecrets { row, configuration })
    });
    Ok(found.collect())
}

/// The longest name of a connector: its secret's name is longer, and has 255 characters at most.
pub(super) const LONGEST_NAME: usize = 240;

/// The name of a connector's secret.
pub(super) fn secret_name(connector: &str, random: &dyn Randomness) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = connector.chars().map(letter).collect();
    format!("connector-{name}-{}", random.hex::<2>())
}
