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
//! What changes nothing in the store is left with [`Audit::record`], which returns when the record is durable; what is
//! too frequent for that with [`Audit::note`], which is durable within a second; what was refused with
//! [`Audit::refused`], which turns a flood into counted records.

mod event;
mod log;
mod origin;
mod record;
mod refusals;
mod shipper;

pub use event::{Actor, Claim, Event, text_of};
pub use log::Audit;
pub use origin::Origin;
pub use record::Record;
pub use shipper::Shipper;

crate::words! {
    /// What was done.
    pub enum Action {
        SignIn = "sign_in",
        SignInRefused = "sign_in_refused",
        SignOut = "sign_out",
        TokenIssued = "token_issued",
        TokenRevoked = "token_revoked",
        ApiKeyCreated = "api_key_created",
        ApiKeyUpdated = "api_key_updated",
        ApiKeyRotated = "api_key_rotated",
        ApiKeyDeleted = "api_key_deleted",
        ServiceAccountCreated = "service_account_created",
        ServiceAccountUpdated = "service_account_updated",
        ServiceAccountDeleted = "service_account_deleted",
        UserCreated = "user_created",
        UserUpdated = "user_updated",
        UserActivated = "user_activated",
        UserDeactivated = "user_deactivated",
        UserDeleted = "user_deleted",
        PasswordChanged = "password_changed",
        DeviceAuthorized = "device_authorized",
        DeviceVerified = "device_verified",
        DeviceDenied = "device_denied",
        DeviceLocked = "device_locked",
        DeviceUnlocked = "device_unlocked",
        DeviceDeleted = "device_deleted",
        SigningKeyRotated = "signing_key_rotated",
        SigningKeyRetired = "signing_key_retired",
        ServerActivated = "server_activated",
        SettingsChanged = "settings_changed",
        RecordsLost = "records_lost",
    }
}
