//! What may start pipelines by itself: triggers, the webhooks that bring them events, and the events of this server.

pub(crate) mod supported_events;
pub(crate) mod triggers;
pub(crate) mod webhooks;
