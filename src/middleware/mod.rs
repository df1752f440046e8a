//! What a request meets before its handler, in this order (src/server.rs).

pub(crate) mod admit_or_replay;
pub(crate) mod authenticate;
pub(crate) mod bodies;
pub(crate) mod cors;
pub(crate) mod headers;
pub(crate) mod hidden;
pub(crate) mod idempotency;
pub(crate) mod limits;
pub(crate) mod panics;
pub(crate) mod project_guard;
pub(crate) mod request_id;
pub(crate) mod work;
