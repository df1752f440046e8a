//! Every way in: sign-in and its grants, API tokens, devices, and whom a request speaks for.

pub mod activate;
pub mod api_token;
pub mod attempt;
pub mod basic;
pub mod device_authorization;
pub mod device_codes;
pub mod device_request;
pub mod download;
pub mod grants;
pub mod origin;
pub mod place;
pub mod principal;
pub mod session;
pub mod sign_in;
pub mod sign_out;
