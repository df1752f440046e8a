//! The promises of zendo, each checked against a real server on a free port with a store of its own.

#[macro_use]
mod support;

mod authentication;
mod first_start;
mod http;
mod lists;
mod openapi;
mod schema;
mod schemes;
mod server_settings;
mod serving;
mod sessions;
mod settings;
mod sign_in_limits;
mod terminal;
mod tokens;
mod users;
mod workload_tokens;
