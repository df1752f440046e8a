//! The REST API, by domain.

pub mod artifacts;
pub mod identity;
pub mod models;
pub mod oauth;
pub mod runs;
pub mod server;
pub mod stacks;
