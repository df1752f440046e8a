//! Routes as they are declared: a method, a path of the contract, and the function that answers.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use crate::app::AppState;
use crate::auth::access::{Also, Policies};
pub use crate::http::Operation;

/// A router that knows which operations it has, for the OpenAPI document and the coverage table.
#[derive(Debug, Default)]
pub struct Routes {
    pub router: Router<AppState>,
    pub operations: Vec<Operation>,
    also: Vec<(Operation, Vec<Also>)>,
}

impl Routes {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn get<T: 'static>(self, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        self.add("GET", path, get(handler))
    }

    pub fn post<T: 'static>(self, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        self.add("POST", path, post(handler))
    }

    pub fn put<T: 'static>(self, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        self.add("PUT", path, put(handler))
    }

    pub fn patch<T: 'static>(self, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        self.add("PATCH", path, patch(handler))
    }

    pub fn delete<T: 'static>(self, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        self.add("DELETE", path, delete(handler))
    }

    /// What the route that was added last may do besides.
    pub fn also(mut self, also: &[Also]) -> Self {
        if let Some(route) = self.operations.last().copied() {
            match self.also.last_mut().filter(|(known, _)| *known == route) {
                Some((_, known)) => known.extend(also),
                None => self.also.push((route, also.to_vec())),
            }
        }
        self
    }

    /// What each of the routes says that it may do besides.
    pub fn declared(&self) -> impl Iterator<Item = (Operation, Also)> {
        self.also.iter().flat_map(|(route, also)| also.iter().map(|also| (*route, *also)))
    }

    /// The same, for whoever guards them.
    pub fn policies(&self) -> Policies {
        Policies::new(self.also.iter().cloned())
    }

    /// The same operations with what `map` puts around them.
    #[must_use]
    pub fn map_router(self, map: impl FnOnce(Router<AppState>) -> Router<AppState>) -> Self {
        Self { router: map(self.router), ..self }
    }

    /// The routes of both.
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self.also.extend(other.also);
        self
    }

    fn add(mut self, method: &'static str, path: &'static str, route: MethodRouter<AppState>) -> Self {
        self.router = self.router.route(path, route);
        self.operations.push((method, path));
        self
    }
}
