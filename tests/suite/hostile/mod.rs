//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod account_names;
mod addresses;
mod bodies;
mod clocks;
mod connections;
mod credentials;
mod databases_away;
mod dear_lists;
mod device_requests;
mod downloads;
mod echoes;
mod ended_queries;
mod ended_writes;
mod external_names;
mod failing_disks;
mod files;
mod framing;
mod guessing;
mod hanging_up;
mod line;
mod long_and_deep;
mod lost_databases;
mod no_memory;
mod origins;
mod parties;
mod prepared_statements;
mod projects;
mod promptness;
mod proxies;
mod replays;
mod schemas;
mod scopes;
mod silent_databases;
mod stops;
mod strangers_rows;
mod subject_tokens;
mod sweeps;
mod targets;
mod text_bounds;
mod tree;
mod unwritable;
mod webhook_intake;

use crate::support::{Caller, TestApp};

/// Somebody with a token that was made with `parent`'s and is no wider than `asked`, a query.
async fn narrowed(app: &TestApp, parent: &Caller, asked: &str) -> Caller {
    let token = parent.get(&format!("/api/v1/api_token?{asked}")).await.expect_ok();
    app.anonymous().with_token(token.as_str().unwrap())
}
