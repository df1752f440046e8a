//! zendo: a ZenML-compatible server in one small binary, and the terminal commands around it.

mod accounts;
mod api;
mod app;
mod audit;
mod auth;
mod config;
mod connections;
mod connectors;
mod console;
mod env;
mod framework;
mod http;
mod idempotency;
mod intake;
mod issuers;
mod jobs;
mod json_schema;
mod local_files;
mod login;
mod lookups;
mod middleware;
mod packed;
mod recent;
mod routes;
mod seed;
mod server;
mod startup;
mod trusts;
mod warnings;

pub mod cli;

use zendo_client as client;
use zendo_client::address;
use zendo_outbound as outbound;
use zendo_tasks as tasks;

pub use zendo_store as store;

/// What tests reach for besides HTTP: to start a server within them, and to look at what no answer shows.
pub mod testing {
    pub use crate::accounts::devices::{
        DeviceRow, DeviceStatus, find_for_authentication as find_device_for_authentication,
    };
    pub use crate::accounts::users::UserRow;
    pub use crate::api::identity::users::NewPassword;
    pub use crate::api::server::contract_operations::operations as operations_of_contract;
    pub use crate::app::AppState;
    pub use crate::audit::Origin;
    pub use crate::auth::api_key::{ApiKey, ApiKeyDigests};
    pub use crate::auth::basic::BasicCredentials;
    pub use crate::auth::key_proof::{KeyToProve, find_for_authentication as find_key_to_prove, upgrade};
    pub use crate::config::{Config, Secret, Setting, SigningAlgorithm, variable_names};
    pub use crate::env::Environment;
    pub use crate::env::clock::Clock;
    pub use crate::env::random::{Randomness, SystemRandomness};
    pub use crate::http::contract::check as check_model;
    pub use crate::http::error::ApiError;
    pub use crate::jobs::do_each as do_each_job;
    pub use crate::login::grants::device::exchange as exchange_device_code;
    pub use crate::middleware::project_guard::TABLES as TABLES_OF_PROJECTS;
    pub use crate::routes::{open as open_operations, operations};
    pub use crate::server::serve;
    pub use crate::startup::start;
}
