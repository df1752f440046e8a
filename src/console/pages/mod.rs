//! One file a page, or a few of one kind.

mod activate;
mod api_token;
mod api_tokens;
mod audit;
mod connectors;
mod devices;
mod general;
mod members;
mod profile;
mod provider;
mod service_accounts;
mod sign_in;
mod trusts;
pub(super) mod verify;
mod warnings;
mod webhooks;

use axum::Router;
use axum::routing::get;

use super::Console;
use crate::login::oidc::flow;

pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/console/sign-in", get(sign_in::sign_in))
        .route("/console/activate", get(activate::activate))
        .route("/console/join", get(activate::join))
        .route(flow::CALLBACK, get(provider::callback))
        .route(verify::PATH, get(verify::verify))
        .route("/console/settings/general", get(general::general))
        .route("/console/settings/api-tokens", get(api_tokens::api_tokens))
        .route("/console/settings/api-tokens/{id}", get(api_token::api_token))
        .route("/console/settings/warnings", get(warnings::warnings))
        .route("/console/settings/service-accounts", get(service_accounts::list))
        .route("/console/settings/service-accounts/{id}", get(service_accounts::one))
        .route("/console/settings/connectors", get(connectors::list))
        .route("/console/settings/connectors/{id}", get(connectors::one))
        .route(trusts::PATH, get(trusts::trusts))
        .route("/console/settings/devices", get(devices::devices))
        .route("/console/settings/webhooks", get(webhooks::webhooks))
        .route("/console/settings/members", get(members::members))
        .route("/console/settings/profile", get(profile::profile))
        .route("/console/settings/audit-log", get(audit::audit))
}
