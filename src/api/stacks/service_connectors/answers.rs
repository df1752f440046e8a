//! Answers about connectors, with their secrets or without.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{ConnectorColumns, ServiceConnectorRow};
use crate::api::stacks::secrets::{SecretValues, open_internal};
use crate::connectors::{Settings, TypeAnswer, withhold};
use crate::framework::{Answers, ById, Context, Loader, Resource, Response, ResponseOf, not_found};
use crate::http::envelope::ShownSecret;
use crate::http::error::ApiResult;
use crate::http::written::or_empty_object;
use crate::store::{Base64Json, Id};

#[derive(Debug, Serialize)]
pub(crate) struct ServiceConnectorBody {
    #[serde(flatten)]
    pub columns: ConnectorColumns,
    pub connector_type: TypeAnswer,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServiceConnectorMetadata {
    pub configuration: ShownConfiguration,
    pub expiration_seconds: Option<i64>,
    #[serde(serialize_with = "or_empty_object")]
    pub labels: Option<Base64Json>,
}

/// A configuration with the secrets that are to be seen.
#[derive(Debug, Default)]
pub(crate) struct ShownConfiguration {
    pub settings: Settings,
    pub secrets: SecretValues,
}

impl Serialize for ShownConfiguration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let is_open = |name: &str| self.secrets.get(name).is_none();
        for (name, value) in self.settings.iter().filter(|(name, _)| is_open(name)) {
            map.serialize_entry(name, value)?;
        }
        for (name, secret) in self.secrets.iter() {
            map.serialize_entry(name, &ShownSecret(secret.clone()))?;
        }
        map.end()
    }
}

impl ServiceConnectorRow {
    /// The configuration as it is kept.
    pub(crate) fn settings(&self) -> Settings {
        let json = self.metadata.configuration.as_ref().and_then(|json| json.0.as_deref());
        json.and_then(|json| serde_json::from_str(json.get()).ok()).unwrap_or_default()
    }
}

/// The answer about one connector. With its secrets it has its metadata, too, as in ZenML.
///
/// # Errors
/// 404 when there is none; the store's own.
pub(crate) async fn answer_about(
    cx: &Context,
    id: Id,
    hydrate: bool,
    secrets: bool,
) -> ApiResult<ResponseOf<ServiceConnectorRow>> {
    let row = cx.find::<ServiceConnectorRow>(id).await?;
    answer_of(cx, row, hydrate, secrets).await
}

/// The answer about a connector that was read.
///
/// # Errors
/// The store's own.
pub(super) async fn answer_of(
    cx: &Context,
    row: ServiceConnectorRow,
    hydrate: bool,
    secrets: bool,
) -> ApiResult<ResponseOf<ServiceConnectorRow>> {
    let id = row.id;
    let answers = answers_about(cx, vec![row], hydrate, secrets).await?;
    answers.into_iter().next().ok_or_else(|| not_found::<ServiceConnectorRow>(id))
}

/// The answers about connectors, in their order.
///
/// # Errors
/// The store's own.
pub(super) async fn answers_about(
    cx: &Context,
    rows: Vec<ServiceConnectorRow>,
    hydrate: bool,
    secrets: bool,
) -> Answers<ServiceConnectorRow> {
    if !secrets {
        return ServiceConnectorRow::responses(&cx.read(hydrate), rows).await;
    }
    let opened = open_internal(cx, rows.iter().filter_map(|row| row.secret_id).collect()).await?;
    responses(&cx.read(true), rows, Some(opened)).await
}

/// The answers for rows, with secrets if some are given.
pub(super) async fn responses(
    loader: &Loader<'_>,
    rows: Vec<ServiceConnectorRow>,
    mut secrets: Option<ById<SecretValues>>,
) -> Answers<ServiceConnectorRow> {
    let response = |row: ServiceConnectorRow| {
        let metadata = loader.metadata(|| ServiceConnectorMetadata {
            configuration: shown(&row, secrets.as_mut()),
            expiration_seconds: row.metadata.expiration_seconds,
            labels: row.metadata.labels.clone(),
        });
        // Within another answer it is the word alone, as in ZenML.
        let connector_type = match loader.resources {
            true => TypeAnswer::of(row.kind()),
            false => TypeAnswer::Word(row.kind().to_owned()),
        };
        let body = ServiceConnectorBody { columns: row.body, connector_type };
        Response::named(row.id, row.name, body, metadata, None)
    };
    loader.owned(rows, response).await
}

fn shown(row: &ServiceConnectorRow, opened: Option<&mut ById<SecretValues>>) -> ShownConfiguration {
    let mut settings = row.settings();
    match opened {
        Some(opened) => {
            let secrets = row.secret_id.and_then(|id| opened.remove(&id)).unwrap_or_default();
            ShownConfiguration { settings, secrets }
        }
        None => {
            withhold(row.kind(), &mut settings);
            ShownConfiguration { settings, ..ShownConfiguration::default() }
        }
    }
}
