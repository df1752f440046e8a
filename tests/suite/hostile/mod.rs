//! What an attacker tries, one module a kind of fault. Each drives a real server over HTTP.

mod account_names;
mod addresses;
mod bodies;
mod clocks;
mod connections;
mod credentials;
mod device_requests;
mod downloads;
mod echoes;
mod ended_queries;
mod external_names;
mod framing;
mod guessing;
mod hanging_up;
mod line;
mod long_and_deep;
mod origins;
mod parties;
mod promptness;
mod proxies;
mod schemas;
mod strangers_rows;
mod sweeps;
mod text_bounds;
mod tree;
