//! Keys that tokens are signed with so that others can verify them: kept in the store, shared by all replicas, and
//! rotated while their tokens live on.
//!
//! A key is published first and signs from a moment on; the newest one that does signs. It verifies what it has
//! signed until it is retired, since a sign-in or a workload token may have no end of its own.

mod key_store;
mod material;
mod ring;
mod rows;

pub(crate) use key_store::{KeyError, KeyStore};
pub(crate) use ring::{KeyRing, SigningKey};
pub(crate) use rows::{KeyRow, KeyState, RetireError, Retired, sweep};
