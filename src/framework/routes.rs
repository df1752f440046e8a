//! Routes as they are declared: a method, a path of the contract, the function that answers, and what else is to be
//! known of it.
//!
//! ```ignore
//! Routes::of(KIND)
//!     .get(RUNS, list::<RunRow>)
//!     .put(RUN, update_run)
//!     .replayed()
//!     .also(&TAGS)
//!     .post(STOP, stop_run)
//!     .needs(KIND.to(Verb::Update))
//! ```
//!
//! What isn't said is what most routes are: closed, for whoever may do to its kind what the method does, and a POST is
//! replayed. What differs is said after the route.

use std::sync::Arc;

use axum::routing::{MethodRouter, delete, get, patch, post, put};
use axum::{Extension, Router};

use super::any_handler::{Answers, AnyHandler};
use crate::app::AppState;
use crate::auth::access::{Access, Also};
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::auth::policy::{Policies, Policy};
pub(crate) use crate::http::Operation;

/// One of them, with what answers it and its policy.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub operation: Operation,
    pub policy: Policy,
    handler: MethodRouter<AppState>,
}

/// The routes of one kind of resource.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    kind: Kind,
    routes: Vec<Route>,
    /// How many of them were added last, at once.
    last: usize,
}

/// One path, or several of which one answers as the others.
pub(crate) trait Paths {
    fn paths(&self) -> &[&'static str];
}

impl Paths for &'static str {
    fn paths(&self) -> &[&'static str] {
        std::slice::from_ref(self)
    }
}

impl<const N: usize> Paths for [&'static str; N] {
    fn paths(&self) -> &[&'static str] {
        self
    }
}

impl Routes {
    pub(crate) const fn of(kind: Kind) -> Self {
        Self { kind, routes: Vec::new(), last: 0 }
    }

    pub(crate) fn get<T: 'static>(self, paths: impl Paths, handler: impl Answers<T>) -> Self {
        self.add("GET", paths, get(AnyHandler::of(handler)))
    }

    pub(crate) fn post<T: 'static>(self, paths: impl Paths, handler: impl Answers<T>) -> Self {
        self.add("POST", paths, post(AnyHandler::of(handler)))
    }

    pub(crate) fn put<T: 'static>(self, path: &'static str, handler: impl Answers<T>) -> Self {
        self.add("PUT", path, put(AnyHandler::of(handler)))
    }

    pub(crate) fn patch<T: 'static>(self, path: &'static str, handler: impl Answers<T>) -> Self {
        self.add("PATCH", path, patch(AnyHandler::of(handler)))
    }

    pub(crate) fn delete<T: 'static>(self, path: &'static str, handler: impl Answers<T>) -> Self {
        self.add("DELETE", path, delete(AnyHandler::of(handler)))
    }

    /// A route whose method is known by its name alone.
    pub(crate) fn add(
        mut self,
        method: &'static str,
        paths: impl Paths,
        handler: MethodRouter<AppState>,
    ) -> Self {
        let verb = match method {
            "GET" => Verb::Read,
            "POST" => Verb::Create,
            "DELETE" => Verb::Delete,
            _ => Verb::Update,
        };
        let policy = Policy {
            access: self.kind.access(verb),
            is_open: false,
            is_replayed: method == "POST",
            takes_long_bodies: false,
            is_secret: false,
            also: Vec::new(),
        };
        let routes = paths.paths().iter().map(|path| Route {
            operation: (method, path),
            policy: policy.clone(),
            handler: handler.clone(),
        });
        self.routes.extend(routes);
        self.last = paths.paths().len();
        self
    }

    /// What was added last does something else than its method says, or to another kind.
    pub(crate) fn needs(self, permission: Permission) -> Self {
        self.access(Access::Needs(permission))
    }

    /// It tells a token's own owner, or makes a token that is no wider: any token may.
    pub(crate) fn for_any_token(self) -> Self {
        self.access(Access::Always)
    }

    /// It hands out a credential with all rights of its caller: no narrowed token gets it, and none that is bound to work.
    pub(crate) fn for_full_scope(self) -> Self {
        self.access(Access::FullScope)
    }

    /// Everyone may call it. What it does for whom, its handler asks ([`MaybePrincipal`]).
    ///
    /// [`MaybePrincipal`]: crate::login::principal::MaybePrincipal
    pub(crate) fn open(self) -> Self {
        self.last(|policy| policy.is_open = true)
    }

    /// An open route whose bodies may be longer than what open routes take.
    pub(crate) fn takes_long_bodies(self) -> Self {
        self.last(|policy| policy.takes_long_bodies = true)
    }

    /// A PUT that gives its first answer again to a request with the same `Idempotency-Key`, as all POSTs do.
    pub(crate) fn replayed(self) -> Self {
        self.last(|policy| policy.is_replayed = true)
    }

    /// Its answer may tell a secret, and is written nowhere.
    pub(crate) fn secret(self) -> Self {
        self.last(|policy| policy.is_secret = true)
    }

    /// What it may do besides.
    pub(crate) fn also(self, also: &[Also]) -> Self {
        self.last(|policy| policy.also.extend(also))
    }

    /// The same routes with what `map` puts around each.
    pub(crate) fn around_each(
        mut self,
        map: impl Fn(MethodRouter<AppState>) -> MethodRouter<AppState>,
    ) -> Self {
        self.routes = self.routes.into_iter().map(|it| Route { handler: map(it.handler), ..it }).collect();
        self
    }

    fn access(self, access: Access) -> Self {
        self.last(|policy| policy.access = access)
    }

    fn last(mut self, say: impl Fn(&mut Policy)) -> Self {
        self.routes.iter_mut().rev().take(self.last).for_each(|route| say(&mut route.policy));
        self
    }
}

/// The routes of several kinds.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteTable(Vec<Route>);

impl FromIterator<Routes> for RouteTable {
    fn from_iter<T: IntoIterator<Item = Routes>>(kinds: T) -> Self {
        Self(kinds.into_iter().flat_map(|kind| kind.routes).collect())
    }
}

impl RouteTable {
    /// The routes of both.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Those whose policy is so, and the others.
    pub(crate) fn partition(self, is_so: impl Fn(&Policy) -> bool) -> (Self, Self) {
        let (so, others) = self.0.into_iter().partition(|route| is_so(&route.policy));
        (Self(so), Self(others))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.0.iter().map(|route| route.operation).collect()
    }

    /// What the routes say of themselves, for whoever guards them.
    pub(crate) fn policies(&self) -> Policies {
        self.0.iter().map(|route| (route.operation, route.policy.clone())).collect()
    }

    /// The routes that everyone may call, each with its policy in the request, and the others, which are to be guarded.
    pub(crate) fn routers(self) -> (Router<AppState>, Router<AppState>) {
        self.0.into_iter().fold((Router::new(), Router::new()), |(open, closed), route| {
            let Route { operation: (_, path), policy, handler } = route;
            match policy.is_open {
                true => (open.route(path, handler.layer(Extension(Arc::new(policy)))), closed),
                false => (open, closed.route(path, handler)),
            }
        })
    }
}
