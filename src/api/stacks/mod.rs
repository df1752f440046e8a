//! Where pipelines run: stacks, components, and secrets.

pub(crate) mod components;
pub(crate) mod flavors;
pub(crate) mod secrets;
pub(crate) mod stack_deployment;
pub(crate) mod stacks;
