//! The table of contents: every route, beside its entry in the OpenAPI document.

pub mod activate;
pub mod api_token;
pub mod device_authorization;
pub mod docs;
pub mod fallback;
pub mod health;
pub mod info;
pub mod load_info;
pub mod login;
pub mod logout;
pub mod onboarding;
pub mod statistics;
pub mod unimplemented;

use axum::Router;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::http::openapi::ApiDoc;
use crate::resources::{api_keys, devices, projects, server_settings, service_accounts, stacks, users};

/// Routes that say they are public: everyone may call them.
fn open() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(info::get_version))
        .routes(routes!(info::get_info))
        .routes(routes!(activate::activate_server))
        .routes(routes!(login::log_in))
        .routes(routes!(logout::log_out))
        .routes(routes!(device_authorization::authorize_device))
        .routes(routes!(users::routes::activate_user))
}

/// All other routes: nobody comes here without a principal.
fn closed() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(api_token::get_api_token))
        .routes(routes!(server_settings::get_settings, server_settings::update_settings))
        .routes(routes!(load_info::get_load_info))
        .routes(routes!(onboarding::get_onboarding_state))
        .routes(routes!(statistics::get_statistics))
        .routes(routes!(users::routes::list_users, users::routes::create_user))
        .routes(routes!(users::routes::get_user, users::routes::update_user, users::routes::delete_user))
        .routes(routes!(users::routes::deactivate_user))
        .routes(routes!(users::routes::answer_email_prompt))
        .routes(routes!(users::routes::get_current_user, users::routes::update_current_user))
        .routes(routes!(projects::list_projects))
        .routes(routes!(projects::get_project))
        .routes(routes!(stacks::list_stacks))
        .routes(routes!(stacks::get_stack))
        .routes(routes!(service_accounts::create_service_account, service_accounts::list_service_accounts))
        .routes(routes!(
            service_accounts::get_service_account,
            service_accounts::update_service_account,
            service_accounts::delete_service_account
        ))
        .routes(routes!(api_keys::create_api_key, api_keys::list_api_keys))
        .routes(routes!(api_keys::get_api_key, api_keys::update_api_key, api_keys::delete_api_key))
        .routes(routes!(api_keys::rotate_api_key))
        .routes(routes!(devices::list_devices))
        .routes(routes!(devices::get_device, devices::update_device, devices::delete_device))
        .routes(routes!(devices::verify_device))
}

/// The open routes, the closed ones, and the document of both.
pub fn split() -> (Router<AppState>, Router<AppState>, OpenApi) {
    let (open, mut document) = open().split_for_parts();
    let (closed, of_closed) = closed().split_for_parts();
    document.merge(of_closed);
    document.merge(health::document());
    (open, closed, document)
}
