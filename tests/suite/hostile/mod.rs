//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod addresses;
mod credentials;
mod files;
mod framing;
mod origins;
mod parties;
mod projects;
mod proxies;
mod replays;
mod scopes;
mod tree;

use crate::support::{Caller, TestApp};

/// Somebody with a token that was made with `parent`'s and is no wider than `asked`, a query.
async fn narrowed(app: &TestApp, parent: &Caller, asked: &str) -> Caller {
    let token = parent.get(&format!("/api/v1/api_token?{asked}")).await.expect_ok();
    app.anonymous().with_token(token.as_str().unwrap())
}
