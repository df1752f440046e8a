//! zendo: a ZenML-compatible server in one small binary, and the terminal commands around it.

pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
mod connections;
pub mod console;
pub mod framework;
pub mod http;
pub mod jobs;
mod json_schema;
pub mod local_files;
mod packed;
pub mod random;
pub mod replay;
pub mod resources;
pub mod routes;
pub mod server;
pub mod startup;
pub mod store;
pub mod work;

pub use zendo_client as client;
pub use zendo_client::address;
