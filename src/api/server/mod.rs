//! The server itself, and what belongs to all of it.

pub mod audit;
pub mod dashboard;
pub mod docs;
pub mod fallback;
pub mod health;
pub mod info;
pub mod load_info;
pub mod onboarding;
pub mod projects;
pub mod settings;
pub mod statistics;
pub mod tag_resources;
pub mod tagged;
pub mod tagging;
pub mod tags;
pub mod unimplemented;
