//! What a client may know of the server before it signs in.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::{AuthStore, SecretsStore, Server};
use crate::config::{AuthScheme, DeploymentType, HttpUrl, SecretsStoreType, ServerSettings};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Engine, Id, Timestamp, ZENML_REVISION};

/// Facts about the server (contract schema ServerModel).
#[derive(Debug, Serialize)]
pub(crate) struct ServerModel {
    id: Id,
    name: Option<String>,
    version: &'static str,
    active: bool,
    debug: bool,
    deployment_type: DeploymentType,
    database_type: DatabaseType,
    secrets_store_type: SecretsStoreType,
    auth_scheme: AuthScheme,
    server_url: String,
    dashboard_url: String,
    analytics_enabled: bool,
    metadata: BTreeMap<String, String>,
    last_user_activity: Option<Timestamp>,
    pro_dashboard_url: Option<String>,
    pro_api_url: Option<String>,
    pro_organization_id: Option<Id>,
    pro_organization_name: Option<String>,
    pro_workspace_id: Option<Id>,
    pro_workspace_name: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DatabaseType {
    Sqlite,
    Mysql,
}

/// The version of ZenML whose API this is.
pub(crate) async fn get_version() -> Json<&'static str> {
    Json(ZENML_REVISION)
}

/// Facts about the server.
pub(crate) async fn get_info(
    State(config): State<Arc<ServerSettings>>,
    State(server): State<Arc<Server>>,
    State(secrets): State<Arc<SecretsStore>>,
    State(AuthStore(store)): State<AuthStore>,
) -> ApiResult<Json<ServerModel>> {
    let settings = server.settings(&store).await.map_err(|error| {
        tracing::error!(%error, "the server's settings could not be read");
        ApiError::store_unavailable(&error)
    })?;
    let url = |url: &Option<HttpUrl>| url.as_ref().map_or_else(String::new, |url| url.0.clone());
    Ok(Json(ServerModel {
        id: settings.id,
        name: Some(settings.body.server_name.clone()),
        version: ZENML_REVISION,
        active: settings.body.active,
        debug: false,
        deployment_type: config.deployment_type,
        database_type: match store.engine() {
            Engine::Sqlite => DatabaseType::Sqlite,
            Engine::MySql => DatabaseType::Mysql,
        },
        secrets_store_type: secrets.kind,
        auth_scheme: config.auth_scheme,
        server_url: url(&config.server_url),
        dashboard_url: url(&config.dashboard_url),
        analytics_enabled: settings.body.enable_analytics,
        metadata: config.metadata.0.clone(),
        last_user_activity: Some(server.activity.last().max(settings.body.last_user_activity)),
        pro_dashboard_url: None,
        pro_api_url: None,
        pro_organization_id: None,
        pro_organization_name: None,
        pro_workspace_id: None,
        pro_workspace_name: None,
    }))
}
