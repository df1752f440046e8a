//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod addresses;
mod bodies;
mod connections;
mod credentials;
mod downloads;
mod ended_queries;
mod framing;
mod line;
mod long_and_deep;
mod origins;
mod parties;
mod proxies;
mod schemas;
mod text_bounds;
mod tree;
