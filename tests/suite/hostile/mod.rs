//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod addresses;
mod bodies;
mod connections;
mod credentials;
mod downloads;
mod framing;
mod line;
mod origins;
mod parties;
mod proxies;
mod tree;
