//! The server itself, and what belongs to all of it.

pub(crate) mod audit;
pub(crate) mod contract_operations;
pub(crate) mod dashboard;
pub(crate) mod docs;
pub(crate) mod fallback;
pub(crate) mod health;
pub(crate) mod info;
pub(crate) mod load_info;
pub(crate) mod onboarding;
pub(crate) mod projects;
pub(crate) mod resource_requests;
pub(crate) mod settings;
pub(crate) mod statistics;
pub(crate) mod tag_resources;
pub(crate) mod tagged;
pub(crate) mod tagging;
pub(crate) mod tags;
pub(crate) mod warnings;
