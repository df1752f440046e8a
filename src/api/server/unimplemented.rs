//! The operations of ZenML 0.98.0 that are not in zendo yet: each answers 501 with its name.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::app::AppState;
use crate::framework::routes;
use crate::http::error::ApiError;

/// Every operation of the contract: method, path and operation id; made from tests/contract/openapi.json.
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

/// A route for each operation that isn't there.
pub fn router(there: &[routes::Operation]) -> Router<AppState> {
    let mut by_path: BTreeMap<&str, MethodRouter<AppState>> = BTreeMap::new();
    for operation in operations().filter(|operation| !there.contains(&(operation.method, operation.path))) {
        let Some(filter) = Method::from_bytes(operation.method.as_bytes())
            .ok()
            .and_then(|method| MethodFilter::try_from(method).ok())
        else {
            continue;
        };
        let Operation { method, path, id } = operation;
        let message = format!("{id} ({method} {path}) is not part of zendo yet");
        let answer = move || async move { ApiError::not_implemented(message) };
        let route = by_path.remove(path).unwrap_or_default().merge(on(filter, answer));
        by_path.insert(path, route);
    }
    by_path.into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route))
}
