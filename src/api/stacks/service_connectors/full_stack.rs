//! What a whole stack could be made of that a connector reaches. Those that are listed reach no cloud, where there
//! would be a store, an orchestrator and a registry.

use axum::Json;
use serde::{Deserialize, Serialize};

use super::ServiceConnectorRow;
use super::target::served;
use crate::connectors::SentConfiguration;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::OptionalJsonBody;
use crate::http::query::QueryParams;
use crate::http::values::ShortText;
use crate::store::Id;

/// A connector that isn't kept.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ConnectorInfo {
    pub r#type: String,
    pub auth_method: ShortText,
    #[serde(default)]
    pub configuration: SentConfiguration,
}

/// For each kind that a cloud would have some of.
#[derive(Debug, Default, Serialize)]
struct NoComponents {
    artifact_store: [(); 0],
    orchestrator: [(); 0],
    container_registry: [(); 0],
}

#[derive(Debug, Serialize)]
pub(super) struct ResourcesInfo {
    connector_type: String,
    components_resources_info: NoComponents,
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
            let known = served(&info.r#type)?.0;
            known.method(info.auth_method.as_str())?.read(info.configuration)?;
            info.r#type
        }
        (None, Some(id)) => {
            let connector = cx.find::<ServiceConnectorRow>(id).await?;
            served(connector.kind())?;
            connector.kind().to_owned()
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::value("Only one of a connector's id and a new connector can be given."));
        }
        (None, None) => return Err(ApiError::value("A connector's id or a new connector has to be given.")),
    };
    Ok(Json(ResourcesInfo { connector_type, components_resources_info: NoComponents::default() }))
}
