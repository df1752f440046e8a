//! The client side of the terminal commands: which server is meant, how to sign in there, and what is
//! remembered between two commands.
//!
//! What is remembered lives in the files of the official `zenml` client (`config.yaml` and
//! `credentials.yaml`), so that either tool goes on where the other signed in. Nothing in here prints, asks
//! or ends the process: that is the commands' part. It knows nothing of the server but its API.

pub mod active;
pub mod address;
pub mod api;
pub mod api_tokens;
mod buildkite;
pub mod claims;
pub mod config_file;
pub mod credentials;
pub mod credentials_file;
pub mod device;
pub mod environment;
pub mod error;
pub mod exchange;
pub mod expiry;
pub mod files;
pub mod http;
pub mod server_url;
pub mod session;
pub mod settings;
pub mod target;
pub mod token;
pub mod trusts;
pub mod yaml;

pub use environment::Environment;
pub use error::ClientError;
pub use server_url::ServerUrl;
pub use session::Session;
