//! What zendo has beyond ZenML's document, each said beside its handler: operations of its own, and parameters, answers
//! and properties that ZenML's don't have.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};

use crate::api::artifacts::artifact_versions;
use crate::api::identity::{api_keys, api_tokens, devices, service_accounts, trusts, users};
use crate::api::oauth;
use crate::api::server::{audit, health, warnings};
use crate::api::stacks::secrets;
use crate::http::openapi::shapes::{Busy, ErrorModel, InvalidRequest, OAuthError};
use crate::http::{Operation, openapi};
use crate::login::{api_token, oidc, sign_in, token_endpoint};

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        health::health,
        health::ready,
        api_token::get_api_token,
        sign_in::log_in,
        oauth::forward_auth::forward_auth,
        oauth::introspect::introspect,
        oauth::metadata::get_jwks,
        oauth::metadata::get_metadata,
        oauth::revoke::revoke,
        api_tokens::list_api_tokens,
        api_tokens::get_api_token,
        api_tokens::revoke_api_token,
        api_tokens::revoke::revoke,
        token_endpoint::token,
        trusts::list_trusts,
        trusts::get_trust,
        trusts::create::create_trust,
        trusts::update::update_trust,
        trusts::delete::delete_trust,
        trusts::test::test_token,
        artifact_versions::files::download_archive,
        audit::list_records,
        warnings::list_warnings,
        devices::list_devices,
        oidc::flow::get_provider,
        oidc::flow::start,
        oidc::flow::sign_in,
        oidc::backchannel::log_out,
        users::identities::list_identities,
        users::identities::link_identity,
        users::identities::unlink_identity,
        api_keys::list_api_keys,
        service_accounts::list_service_accounts,
        secrets::refuse_backup,
        secrets::refuse_restore,
    ),
    components(schemas(
        ErrorModel,
        InvalidRequest,
        Busy,
        OAuthError,
        api_keys::DescribedBody,
        api_keys::create::ApiKeyRequest,
        api_keys::update::ApiKeyUpdate,
        api_keys::update::ApiKeyRotateRequest,
        devices::update::DeviceVerificationRequest,
    )),
    modifiers(&ApiKeyAsPassword)
)]
struct Own;

struct ApiKeyAsPassword;

impl Modify for ApiKeyAsPassword {
    fn modify(&self, document: &mut OpenApi) {
        let description = "Any user name, and an API key as the password.";
        let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(description)).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("ApiKeyAsPassword", SecurityScheme::Http(basic));
    }
}

/// The OpenAPI document of what is there.
///
/// # Errors
/// When the contract's text is no JSON.
pub(crate) fn document(operations: &[Operation]) -> serde_json::Result<serde_json::Value> {
    openapi::document(operations, &Own::openapi())
}
