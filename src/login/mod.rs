//! Every way in: sign-in and its grants, API tokens, devices, and whom a request speaks for.
//!
//! Handlers here take the whole application: what proves a caller goes by the settings, the store, tokens, limits, the
//! addresses of proxies and the audit, all of it but what resources alone use.

pub(crate) mod activate;
pub(crate) mod api_token;
pub(crate) mod attempt;
pub(crate) mod basic;
pub(crate) mod device_authorization;
pub(crate) mod device_codes;
pub(crate) mod device_request;
pub(crate) mod download;
pub(crate) mod grants;
pub(crate) mod issue;
pub(crate) mod oidc;
pub(crate) mod origin;
pub(crate) mod place;
pub(crate) mod principal;
pub(crate) mod session;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod token_endpoint;
pub(crate) mod used_from;
