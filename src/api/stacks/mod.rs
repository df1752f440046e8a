//! Where pipelines run: stacks, components, and secrets.

pub mod components;
pub mod flavors;
pub mod secrets;
pub mod stacks;
