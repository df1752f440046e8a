//! The audit: one durable record for every sign-in, refused sign-in, issued or revoked token, and change of a key or an
//! account. Who did what to whom, from where, with what result, in which request, and never a secret (docs/audit.md).
//!
//! # Leaving a record
//!
//! A handler that changes something takes an [`Origin`] and lets the event commit the transaction that makes the
//! change, so that neither is there without the other:
//!
//! ```ignore
//! let event = app.audit.event(&origin, Action::ApiKeyDeleted).on("api_key", key.id, &key.name);
//! let event = &event;
//! app.store.write(|mut tx| async move {
//!     tx.execute(&deletion).await?;
//!     event.commit(tx, ()).await
//! })
//! ```
//!
//! What changes nothing in the store is left with [`Audit::record`], which returns when the record is durable; what was
//! refused with [`Audit::refused`], which turns a flood into counted records. Tokens are issued too often for either:
//! their records are written with the register's rows ([`crate::auth::register`]), within a second.

mod event;
mod log;
mod origin;
mod record;
mod refusals;
mod shipper;

use strum::{EnumString, IntoStaticStr, VariantNames};

pub(crate) use event::{Actor, Claim, Event, shortened, text_of};
pub(crate) use log::Audit;
pub use origin::Origin;
pub(crate) use record::Record;
pub(crate) use refusals::RefusedAccount;
pub(crate) use shipper::Shipper;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    SignIn,
    SignInRefused,
    SignOut,
    SignInEnded,
    TokenIssued,
    TokenRevoked,
    ApiKeyCreated,
    ApiKeyUpdated,
    ApiKeyRotated,
    ApiKeyDeleted,
    ServiceAccountCreated,
    ServiceAccountUpdated,
    ServiceAccountDeleted,
    UserCreated,
    UserUpdated,
    UserActivated,
    UserDeactivated,
    UserDeleted,
    PasswordChanged,
    IdentityLinked,
    IdentityUnlinked,
    DeviceAuthorized,
    DeviceVerified,
    DeviceDenied,
    DeviceLocked,
    DeviceUnlocked,
    DeviceDeleted,
    SigningKeyRotated,
    SigningKeyRetired,
    WebhookSecretRotated,
    ServerActivated,
    SettingsChanged,
    ConnectorUsed,
    TrustCreated,
    TrustUpdated,
    TrustDeleted,
    RecordsLost,
}
