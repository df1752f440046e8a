//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod addresses;
mod bodies;
mod clocks;
mod connections;
mod credentials;
mod downloads;
mod framing;
mod line;
mod origins;
mod parties;
mod promptness;
mod proxies;
mod strangers_rows;
mod sweeps;
mod tree;
