//! Trust rules: whose tokens are taken in exchange for one of a service account. A rule names an issuer, an audience and
//! conditions on what a token says; values in, values out, and no HTTP.

pub(crate) mod conditions;
pub(crate) mod forms;
pub(crate) mod used;
pub(crate) mod warnings;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use sea_query::{Expr, ExprTrait, Order};
use uuid::Uuid;

use crate::auth::addresses::Addresses;
use crate::auth::permissions::Permissions;
use crate::auth::scope::Downscope;
use crate::issuers::{KeySet, Refused, Source, Verified};
use crate::store::{Id, Store, StoreError, Stored, Timestamp, row};
use conditions::{Conditions, Mismatch};

pub(crate) const TABLE: &str = "zendo_trust";
/// For so long after its issue a token is taken.
pub(crate) const MAX_AGE: TimeDelta = TimeDelta::minutes(10);
/// Rules of one issuer that are looked at.
const MOST_OF_AN_ISSUER: u64 = 1000;

row! {
    pub(crate) struct TrustRow in "zendo_trust" {
        pub id: Id,
        pub name: String,
        pub jwks: Option<String>,
        pub conditions: String,
        pub projects: Option<String>,
        pub addresses: Option<String>,
    }
    body #[derive(utoipa::ToSchema)] TrustColumns {
        #[schema(value_type = String, format = DateTime)]
        pub created: Timestamp,
        #[schema(value_type = String, format = DateTime)]
        pub updated: Timestamp,
        /// Who made it.
        #[schema(value_type = Option<Uuid>)]
        pub user_id: Option<Id>,
        #[schema(value_type = Uuid)]
        pub service_account_id: Id,
        /// Who has to have issued a token.
        pub issuer: String,
        /// Who a token has to be for.
        pub audience: String,
        /// What the tokens that it gives may do; null is all that the service account may.
        pub scope: Option<String>,
        /// How many seconds they live, at most; null is what the server has for all.
        pub expires_in: Option<i64>,
        pub active: bool,
        #[schema(value_type = Option<String>, format = DateTime)]
        pub last_used: Option<Timestamp>,
    }
    metadata #[derive(utoipa::ToSchema)] TrustDetails {
        pub description: String,
        /// What the tokens that it gives are made from (`parent_id` in their list): they end with it, and it ends when the
        /// rule is deleted, made inactive, or comes to mean something else.
        #[schema(value_type = Uuid)]
        pub credential_id: Id,
    }
}

/// Why a rule takes a token not.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Unmet {
    #[error("the rule is inactive")]
    Inactive,
    #[error("the rule can't be read")]
    Damaged,
    #[error("its service account is gone")]
    NoAccount,
    #[error("its service account is inactive")]
    InactiveAccount,
    #[error("{0}")]
    Token(#[from] Refused),
    #[error("{0}")]
    Condition(#[from] Mismatch),
    #[error("the request came from {0}, which is none of the rule's addresses")]
    Address(IpAddr),
}

impl TrustRow {
    /// The rules of an issuer that are in use, the oldest first.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub(crate) async fn of_issuer(store: &Store, issuer: &str) -> Result<Vec<Self>, StoreError> {
        let query = Self::all()
            .and_where(Expr::col("issuer").eq(issuer))
            .and_where(Expr::col("active").eq(true))
            .order_by("id", Order::Asc)
            .limit(MOST_OF_AN_ISSUER)
            .to_owned();
        let mut rows: Vec<Self> = store.fetch_all(&query).await?;
        // MySQL finds texts in any case.
        rows.retain(|row| row.body.issuer == issuer);
        Ok(rows)
    }

    pub(crate) fn conditions(&self) -> Option<Conditions> {
        serde_json::from_str(&self.conditions).ok()
    }

    pub(crate) fn projects(&self) -> Option<BTreeSet<Uuid>> {
        serde_json::from_str(self.projects.as_deref()?).ok()
    }

    /// Where the keys are from that tokens are checked with.
    pub(crate) fn source(&self) -> Result<Source, Unmet> {
        match &self.jwks {
            None => Ok(Source::Discovery),
            Some(jwks) => {
                let keys = KeySet::read(jwks.as_bytes()).map_err(|_| Unmet::Damaged)?;
                Ok(Source::Given(Arc::new(keys)))
            }
        }
    }

    /// What the rule has against a token that its issuer has signed, which came from this address.
    pub(crate) fn unmet(&self, token: &Verified, address: IpAddr) -> Vec<Unmet> {
        let Some(conditions) = self.conditions().filter(|conditions| !conditions.are_none()) else {
            return vec![Unmet::Damaged];
        };
        let mut unmet = Vec::new();
        if !self.body.active {
            unmet.push(Unmet::Inactive);
        }
        // Asked again, whoever has found the row.
        let issuer = token.claims.get("iss").and_then(|issuer| issuer.as_str()).unwrap_or_default();
        if issuer != self.body.issuer {
            unmet.push(Refused::Issuer(issuer.to_owned()).into());
        }
        unmet.extend(token.check_audience(&self.body.audience).err().map(Unmet::from));
        unmet.extend(conditions.mismatches(&token.claims).into_iter().map(Unmet::from));
        match self.addresses() {
            Ok(addresses) if addresses.as_ref().is_none_or(|addresses| addresses.have(address)) => {}
            Ok(_) => unmet.push(Unmet::Address(address)),
            Err(damaged) => unmet.push(damaged),
        }
        unmet
    }

    fn addresses(&self) -> Result<Option<Addresses>, Unmet> {
        self.addresses.as_deref().map(str::parse).transpose().map_err(|_| Unmet::Damaged)
    }

    /// To what its tokens are narrowed.
    ///
    /// # Errors
    /// [`Unmet::Damaged`] for what can't be read: nothing is given for it.
    pub(crate) fn downscope(&self) -> Result<Downscope, Unmet> {
        let permissions: Option<Permissions> =
            self.body.scope.as_deref().map(str::parse).transpose().map_err(|_| Unmet::Damaged)?;
        let projects = match &self.projects {
            None => None,
            Some(_) => Some(self.projects().filter(|ids| !ids.is_empty()).ok_or(Unmet::Damaged)?),
        };
        Ok(Downscope { permissions, projects, addresses: self.addresses()? })
    }
}
