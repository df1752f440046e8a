//! What a request meets before its handler, in this order (src/server.rs).

pub mod authenticate;
pub mod bodies;
pub mod cors;
pub mod headers;
pub mod hidden;
pub mod idempotency;
pub mod limits;
pub mod project_guard;
pub mod request_id;
pub mod work;
