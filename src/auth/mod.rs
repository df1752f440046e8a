//! Who a request speaks for, and the tokens that say so.

pub(crate) mod access;
pub(crate) mod addresses;
pub(crate) mod api_key;
pub(crate) mod authority;
pub(crate) mod basic;
pub(crate) mod cipher;
pub(crate) mod claims;
pub(crate) mod csrf;
pub(crate) mod device_polls;
pub(crate) mod download;
pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod jwt;
pub(crate) mod key_proof;
pub(crate) mod keys;
pub(crate) mod kind;
pub(crate) mod known_places;
pub(crate) mod last_used;
pub(crate) mod login_limit;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod permissions;
pub(crate) mod policy;
pub(crate) mod register;
pub(crate) mod revocation;
pub(crate) mod revoked_ids;
pub(crate) mod scope;
pub(crate) mod standing;
pub(crate) mod throttle;
pub(crate) mod workload;

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use self::access::Access;
use self::permissions::Permission;
use crate::accounts::users::Account;
use crate::audit::Claim;
use crate::http::error::{ApiError, ApiResult};
use crate::store::Id;

pub(crate) use addresses::Addresses;
pub(crate) use claims::VerifiedToken;
pub(crate) use error::{AuthenticationError, refusal};
pub(crate) use identity::Identities;
pub(crate) use jwt::Tokens;
pub(crate) use known_places::KnownPlaces;
pub(crate) use last_used::LastUsed;
pub(crate) use password::Passwords;
pub(crate) use register::Register;
pub(crate) use revocation::{Revocation, Revocations};
pub(crate) use scope::Scope;
pub(crate) use standing::Standing;
pub(crate) use throttle::Throttle;

/// Who a request speaks for: an account as the store has it, and the credential that proves it.
#[derive(Debug, Clone)]
pub struct Principal {
    pub user: Arc<Account>,
    pub credential: Credential,
}

/// What a request came with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An access token, as a cookie or a bearer.
    Token(Arc<VerifiedToken>),
    /// An API key used as a bearer, without a token made from it: what such a token would be bound to.
    ApiKey(Box<Scope>),
    /// A name and password with each request (RFC 7617).
    Basic,
    /// Nothing: the operator has turned authentication off.
    None,
}

impl Principal {
    /// What its token is bound to and narrowed to, if it has one.
    pub fn scope(&self) -> Option<&Scope> {
        match &self.credential {
            Credential::Token(token) => Some(&token.claims.scope),
            Credential::ApiKey(scope) => Some(scope),
            Credential::Basic | Credential::None => None,
        }
    }

    /// Checks that a person stands behind it themselves, with their own sign-in: what they approve may outlive any token
    /// that was made for a program.
    ///
    /// # Errors
    /// 403 for any other credential.
    pub fn require_own_sign_in(&self) -> Result<(), AuthenticationError> {
        let is_own = match &self.credential {
            Credential::Token(token) => token.is_own_sign_in(),
            Credential::Basic | Credential::None => true,
            Credential::ApiKey(_) => false,
        };
        if is_own && !self.user.body.is_service_account {
            Ok(())
        } else {
            Err(AuthenticationError::NoOwnSignIn)
        }
    }

    /// The token of a program that it comes with: none for somebody who is signed in, here or on a device of theirs.
    pub fn programs_token(&self) -> Option<&VerifiedToken> {
        match &self.credential {
            Credential::Token(token) if !token.is_persons_session() => Some(token),
            _ => None,
        }
    }

    /// Checks that somebody is signed in, here or on a device of theirs.
    ///
    /// # Errors
    /// 403 for any other credential.
    pub fn require_signed_in(&self) -> Result<(), AuthenticationError> {
        let is_key = matches!(self.credential, Credential::ApiKey(_));
        match is_key || self.programs_token().is_some() {
            true => Err(AuthenticationError::NotSignedIn),
            false => Ok(()),
        }
    }

    /// The projects it may see and change things in; none for all.
    pub fn projects(&self) -> Option<&BTreeSet<Uuid>> {
        self.scope()?.projects.as_ref()
    }

    /// Checks that it may see and change things in a project.
    ///
    /// # Errors
    /// 403 for a token that is for other projects.
    pub fn require_project(&self, project: Id) -> ApiResult<()> {
        match self.projects() {
            Some(projects) if !projects.contains(&project.0) => Err(AuthenticationError::OtherProject.into()),
            _ => Ok(()),
        }
    }

    /// Checks that its token, if that is for some projects, may do that to anything of this kind.
    ///
    /// # Errors
    /// 403 for a change of what belongs to no project.
    pub fn check_kind(&self, access: Access) -> Result<(), AuthenticationError> {
        let Access::Needs(Permission { kind, verb }) = access else { return Ok(()) };
        match self.projects() {
            Some(_) if !kind.allows_within_projects(verb) => Err(AuthenticationError::OutsideProjects),
            _ => Ok(()),
        }
    }

    /// Checks that its token may do this too: for what a request does beyond what its route is for.
    ///
    /// # Errors
    /// 403 with what is missing.
    pub fn require(&self, needs: Permission) -> ApiResult<()> {
        self.scope().map_or(Ok(()), |scope| Access::Needs(needs).check(scope).map_err(ApiError::from))
    }

    /// Who it is, and with which credential, for the audit.
    pub fn claim(&self) -> Claim {
        let account = (self.user.id, self.user.name.clone());
        let credential = match &self.credential {
            Credential::Token(token) => return token.claim(account),
            Credential::ApiKey(_) => "api_key",
            Credential::Basic => "basic",
            Credential::None => "none",
        };
        let api_key_id = self.scope().and_then(|scope| scope.api_key_id).map(Id);
        Claim { account: Some(account), api_key_id, ..Claim::of(credential) }
    }

    /// The access token, for what only a token can do.
    ///
    /// # Errors
    /// 401 for any other credential.
    pub fn token(&self) -> Result<&VerifiedToken, ApiError> {
        match &self.credential {
            Credential::Token(token) => Ok(token),
            _ => Err(ApiError::authorization("Not authenticated.")),
        }
    }
}
