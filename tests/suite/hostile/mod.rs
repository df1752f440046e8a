//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod bodies;
mod connections;
mod credentials;
mod downloads;
mod line;
mod parties;
mod tree;
