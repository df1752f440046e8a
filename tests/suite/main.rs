//! The promises of zendo, each checked against a real server on a free port with a store of its own.

#[macro_use]
mod support;

mod api_keys;
mod authentication;
mod devices;
mod first_start;
mod http;
mod interop;
mod lists;
mod official_client;
mod openapi;
#[path = "../parity/mod.rs"]
mod parity;
mod schema;
mod schemes;
mod service_accounts;
mod serving;
mod sessions;
mod settings;
mod sign_in_limits;
mod terminal;
mod tokens;
mod workload_tokens;
