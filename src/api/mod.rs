//! The REST API, by domain.

pub(crate) mod artifacts;
pub(crate) mod automation;
pub(crate) mod identity;
pub(crate) mod models;
pub(crate) mod oauth;
pub(crate) mod runs;
pub(crate) mod server;
pub(crate) mod stacks;
