//! Rows and finders of those who sign in: users, service accounts, and what they sign in with.

pub(crate) mod admins;
pub(crate) mod api_keys;
pub(crate) mod deactivation;
pub(crate) mod devices;
pub(crate) mod identities;
pub(crate) mod key_bounds;
pub(crate) mod names;
pub(crate) mod operator_password;
pub(crate) mod server;
pub(crate) mod users;
