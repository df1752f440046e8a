//! What a route asks of a narrowed token, and what it may do besides.

use std::fmt;

use super::permissions::{Permission, Verb};
use super::{AuthenticationError, Scope};

/// What a route asks of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it tells the token's own owner, or makes a token that is no wider.
    Always,
    /// All rights: it makes or changes credentials, and through them a narrowed token would be wide again.
    FullScope,
    Needs(Permission),
}

/// What a route may do beyond what it is for, which takes a scope of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Also {
    pub needs: Permission,
    pub when: When,
}

/// When it does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// The query has this flag so.
    Flag(&'static str, bool),
    /// The handler meets it on its way, and asks then ([`Principal::require`](super::Principal::require)). The words say
    /// what, for people.
    Met(&'static str),
    /// The answer shows it at this place (RFC 6901), and leaves it out for a token without the scope.
    Shown(&'static str),
}

impl Also {
    /// What the handler asks for when it meets that.
    pub(crate) const fn met(needs: Permission, what: &'static str) -> Self {
        Self { needs, when: When::Met(what) }
    }

    /// What a flag of the query asks for.
    pub(crate) const fn flag(name: &'static str, is: bool, needs: Permission) -> Self {
        Self { needs, when: When::Flag(name, is) }
    }

    /// What seeing that place of the answer takes.
    pub(crate) const fn shown(place: &'static str, needs: Permission) -> Self {
        Self { needs, when: When::Shown(place) }
    }
}

/// As a condition, for people.
impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name, is) => write!(formatter, "with `{name}={is}`"),
            Self::Met(what) => write!(formatter, "for {what}"),
            Self::Shown(place) => {
                write!(formatter, "to be shown the {}", place.rsplit('/').next().unwrap_or_default())
            }
        }
    }
}

impl Access {
    /// Whether it changes who may do what, or takes credentials back. Reading changes nothing, nor does use.
    fn is_administration(self) -> bool {
        match self {
            Self::Always => false,
            Self::FullScope => true,
            Self::Needs(Permission { kind, verb }) => {
                matches!(verb, Verb::Create | Verb::Update | Verb::Delete) && kind.is_administration()
            }
        }
    }

    /// Whether a token with that scope gets it.
    ///
    /// # Errors
    /// 403 with what is missing.
    pub fn check(self, scope: &Scope) -> Result<(), AuthenticationError> {
        match (self, &scope.permissions) {
            (access, _) if scope.is_workload() && access.is_administration() => {
                Err(AuthenticationError::BoundToWork)
            }
            (Self::FullScope, _) if scope.is_downscoped() => Err(AuthenticationError::Downscoped),
            (Self::Needs(permission), Some(permissions)) if !permissions.allow(permission) => {
                Err(AuthenticationError::InsufficientScope(permission.to_string()))
            }
            _ => Ok(()),
        }
    }
}
