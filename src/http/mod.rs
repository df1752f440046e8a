//! What every route shares.

pub mod budgets;
pub mod client_address;
pub mod compression;
pub mod contract;
pub mod download;
pub mod envelope;
pub mod error;
pub mod filter;
pub mod form;
pub mod json;
pub mod lax;
pub mod list;
pub mod metadata_filter;
pub mod moments;
mod number_filter;
mod one_of;
pub mod openapi;
pub mod page;
pub mod path;
pub mod query;
mod repeated;
mod time_filter;
pub mod values;
pub mod written;

/// The header that names a request.
pub const REQUEST_ID: &str = "x-request-id";

/// An operation's method, in capitals, and its path.
pub type Operation = (&'static str, &'static str);
