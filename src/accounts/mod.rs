//! Rows and finders of those who sign in: users, service accounts, and what they sign in with.

pub mod deactivation;
pub mod names;
pub mod users;
