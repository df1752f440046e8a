//! Who there is: users, service accounts, and their credentials.

pub(crate) mod api_keys;
pub(crate) mod api_tokens;
pub(crate) mod devices;
pub(crate) mod service_accounts;
pub(crate) mod trusts;
pub(crate) mod users;
