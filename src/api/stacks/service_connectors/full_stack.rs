//! What a whole stack could be made of that a connector reaches. Those that are listed reach no cloud, where there
//! would be a store, an orchestrator and a registry.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};

use super::ServiceConnectorRow;
use crate::connectors::{self, SentConfiguration};
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::OptionalJsonBody;
use crate::http::query::QueryParams;
use crate::store::Id;

/// A connector that isn't kept.
#[derive(Debug, Deserialize)]
pub(crate) struct ConnectorInfo {
    pub r#type: String,
    pub auth_method: String,
    #[serde(default)]
    pub configuration: SentConfiguration,
}

#[derive(Debug, Serialize)]
pub(super) struct ResourcesInfo {
    connector_type: String,
    components_resources_info: BTreeMap<&'static str, [(); 0]>,
}

pub(super) async fn get_resources(
    cx: Context,
    mut query: QueryParams,
    OptionalJsonBody(info): OptionalJsonBody<ConnectorInfo>,
) -> ApiResult<Json<ResourcesInfo>> {
    let connector = query.uuid("connector_uuid").map(Id);
    query.finish()?;
    let connector_type = match (info, connector) {
        (Some(info), None) => {
            let known = require_listed(&info.r#type)?;
            known.method(&info.auth_method)?.read(info.configuration)?;
            info.r#type
        }
        (None, Some(id)) => {
            let connector = cx.find::<ServiceConnectorRow>(id).await?;
            require_listed(connector.kind())?;
            connector.kind().to_owned()
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::value("Only one of a connector's id and a new connector can be given."));
        }
        (None, None) => return Err(ApiError::value("A connector's id or a new connector has to be given.")),
    };
    let kinds = ["artifact_store", "orchestrator", "container_registry"];
    let components_resources_info = kinds.into_iter().map(|kind| (kind, [])).collect();
    Ok(Json(ResourcesInfo { connector_type, components_resources_info }))
}

/// # Errors
/// 501 for a type that this server doesn't serve.
fn require_listed(word: &str) -> ApiResult<&'static connectors::ConnectorType> {
    connectors::find_listed(word).ok_or_else(|| {
        let message = format!("This server verifies and serves no service connectors of the type '{word}'.");
        ApiError::not_implemented(message)
    })
}
