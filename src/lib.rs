//! zendo: a ZenML-compatible server in one small binary, and the terminal commands around it.

pub mod cli;
pub mod client;
