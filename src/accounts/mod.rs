//! Rows and finders of those who sign in: users, service accounts, and what they sign in with.

pub mod api_keys;
pub mod deactivation;
pub mod devices;
pub mod names;
pub mod server;
pub mod users;
