//! Who there is: users, service accounts, and their credentials.

pub mod api_keys;
pub mod api_tokens;
pub mod devices;
pub mod service_accounts;
pub mod users;
