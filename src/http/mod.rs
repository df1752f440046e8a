//! What every route shares.

pub(crate) mod budgets;
pub(crate) mod client_address;
pub(crate) mod compression;
pub(crate) mod conditions;
pub(crate) mod contract;
pub(crate) mod download;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod filter;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod lax;
pub(crate) mod list;
pub(crate) mod metadata_filter;
mod number_filter;
mod one_of;
pub(crate) mod openapi;
pub(crate) mod page;
mod paging;
pub(crate) mod path;
pub(crate) mod query;
mod repeated;
mod time_filter;
pub(crate) mod timestamps;
pub(crate) mod unused;
pub(crate) mod values;
pub(crate) mod written;

/// The header that names a request.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// An operation's method, in capitals, and its path.
pub(crate) type Operation = (&'static str, &'static str);
