//! The table of contents: every route, beside its entry in the OpenAPI document.

pub mod activate;
pub mod api_token;
pub mod dashboard;
pub mod device_authorization;
pub mod docs;
pub mod fallback;
pub mod health;
pub mod info;
pub mod load_info;
pub mod login;
pub mod logout;
pub mod oauth;
pub mod onboarding;
pub mod statistics;
pub mod unimplemented;

use crate::http::routes::{Operation, Routes};
use crate::resources;

/// Kinds of resource that zendo has and ZenML hasn't.
pub const OWN_RESOURCES: [&str; 3] = ["api_tokens", "audit", "oauth"];

/// Routes that say they are public: everyone may call them.
pub fn open() -> Routes {
    Routes::new()
        .get("/api/v1/version", info::get_version)
        .get("/api/v1/info", info::get_info)
        .put("/api/v1/activate", activate::activate_server)
        .post("/api/v1/login", login::log_in)
        .get("/api/v1/logout", logout::log_out)
        .post("/api/v1/device_authorization", device_authorization::authorize_device)
        .merge(oauth::metadata::open())
        .merge(resources::open())
}

/// All other routes: nobody comes here without a principal.
pub fn closed() -> Routes {
    Routes::new()
        .get("/api/v1/api_token", api_token::get_api_token)
        .get("/api/v1/load-info", load_info::get_load_info)
        .get("/api/v1/onboarding_state", onboarding::get_onboarding_state)
        .get("/api/v1/statistics", statistics::get_statistics)
        .merge(resources::closed())
}

/// Every operation that answers.
pub fn operations() -> Vec<Operation> {
    operations_of(&open(), &closed())
}

/// The operations of the two lists, of programs that go by tokens, and those outside of the layers.
pub fn operations_of(open: &Routes, closed: &Routes) -> Vec<Operation> {
    let outside = [health::OPERATIONS.as_slice(), &oauth::forward_auth::OPERATIONS].concat();
    let layered = [open.operations.as_slice(), &closed.operations, &oauth::closed().operations].concat();
    [outside, layered].concat()
}
