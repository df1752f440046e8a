//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod credentials;
mod parties;
mod tree;
