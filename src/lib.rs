//! zendo: a ZenML-compatible server in one small binary, and the terminal commands around it.

pub mod accounts;
pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
mod connections;
pub mod console;
pub mod env;
pub mod framework;
pub mod http;
pub mod idempotency;
pub mod jobs;
mod json_schema;
pub mod local_files;
pub mod login;
pub mod middleware;
mod packed;
pub mod routes;
mod seed;
pub mod server;
pub mod startup;

pub use zendo_client as client;
pub use zendo_client::address;
pub use zendo_store as store;
pub use zendo_tasks as tasks;
