//! Accounts: users, and service accounts, which share their table.

pub(crate) mod changes;
mod credentials;
pub(crate) mod identities;
pub(crate) mod operator;
pub(crate) mod routes;
mod rules;

pub use self::changes::NewPassword;
pub(crate) use self::changes::UserRequest;
pub(crate) use self::rules::{admins_only, owns_anything};
pub(crate) use crate::accounts::names::{check_name, lock_names, take_name};
