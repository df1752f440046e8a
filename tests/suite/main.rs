//! The promises of zendo, each checked against a real server on a free port with a store of its own.

#[macro_use]
mod support;

mod authentication;
mod http;
mod lists;
mod openapi;
mod settings;
mod tokens;
