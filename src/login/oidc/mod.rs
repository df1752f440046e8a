//! Signing in by the provider that knows people (OpenID Connect): a sign-in goes to the provider and comes back
//! ([`flow`]), for an account ([`account`]), and is remembered ([`sign_in_rows`]), so that it ends when the provider says so
//! ([`backchannel`]) or doesn't say any more that it goes on ([`recheck`]).

mod account;
pub(crate) mod backchannel;
mod ending;
pub(crate) mod flow;
pub(crate) mod recheck;
pub(crate) mod sign_in_rows;

pub(crate) use ending::{end_all_of, sign_out_of_other};

use crate::auth::kind::Kind;
use crate::framework::Routes;

pub(crate) fn routes() -> Routes {
    Routes::of(Kind::new("login"))
        .get("/api/v1/oidc", flow::get_provider)
        .open()
        .post("/api/v1/oidc/start", flow::start)
        .open()
        .post("/api/v1/oidc/sign_in", flow::sign_in)
        .open()
        .post("/api/v1/oidc/backchannel_logout", backchannel::log_out)
        .open()
}
