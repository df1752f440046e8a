//! Accounts: users, and service accounts, which share their table.

mod credentials;
pub(crate) mod operator;
mod requests;
pub(crate) mod routes;
mod rules;

pub use self::requests::NewPassword;
pub(crate) use self::requests::UserRequest;
pub(crate) use self::rules::{admins_only, owns_anything};
pub(crate) use crate::accounts::names::{check_name, lock_names, take_name};
