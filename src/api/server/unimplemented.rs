//! The operations of ZenML 0.98.0 that are not in zendo yet: each answers 501 with its name.

use axum::http::Method;
use axum::routing::{MethodFilter, on};

use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::routes::{self, RouteTable, Routes};
use crate::http::error::ApiError;
use crate::middleware::project_guard::TABLES;

/// Every operation of the contract: method, path and operation id; made from contract/openapi.json.
const OPERATIONS: &str = include_str!("operations.txt");

/// One operation of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub id: &'static str,
}

/// All operations of the contract.
pub fn operations() -> impl Iterator<Item = Operation> {
    OPERATIONS.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(Operation { method: words.next()?, path: words.next()?, id: words.next()? })
    })
}

/// A route for each operation that isn't there. What it needs is read from its path, as ZenML's are made.
pub(crate) fn routes(there: &[routes::Operation]) -> RouteTable {
    let missing = operations().filter(|operation| !there.contains(&(operation.method, operation.path)));
    missing.filter_map(route).collect()
}

fn route(operation: Operation) -> Option<Routes> {
    let Operation { method, path, id } = operation;
    let filter = MethodFilter::try_from(Method::from_bytes(method.as_bytes()).ok()?).ok()?;
    let message = format!("{id} ({method} {path}) is not part of zendo yet");
    let answer = move || async move { ApiError::not_implemented(message) };
    let mut segments: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
    if segments[0] == "workspaces" {
        segments.drain(..2.min(segments.len()));
    }
    let kind = kind_of(segments.first()?);
    let route = Routes::of(kind).add(method, path, on(filter, answer));
    // An action on one thing, such as `resource_requests/{resource_request_id}/renew`.
    Some(match method == "POST" && segments.len() > 2 {
        true => route.needs(kind.to(Verb::Update)),
        false => route,
    })
}

/// A kind that ZenML keeps in the table of its name.
fn kind_of(name: &'static str) -> Kind {
    match TABLES.contains(&name.trim_end_matches('s')) {
        true => Kind::new(name).in_project(),
        false => Kind::new(name),
    }
}
