//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod addresses;
mod credentials;
mod framing;
mod origins;
mod parties;
mod proxies;
mod tree;
