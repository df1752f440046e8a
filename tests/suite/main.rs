//! The promises of zendo, each checked against a real server on a free port with a store of its own.

#[macro_use]
mod support;

mod authentication;
mod first_start;
mod interop;
mod official_client;
mod schema;
mod serving;
mod terminal;
mod tokens;
