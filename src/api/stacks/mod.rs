//! Where pipelines run: stacks, components, service connectors, and secrets.

pub(crate) mod components;
pub(crate) mod flavors;
pub(crate) mod secrets;
pub(crate) mod service_connector_types;
pub(crate) mod service_connectors;
pub(crate) mod stack_deployment;
pub(crate) mod stacks;
