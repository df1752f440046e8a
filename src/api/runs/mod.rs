//! Pipelines, their runs, and what these leave behind.

pub(crate) mod code_references;
pub(crate) mod code_repositories;
pub(crate) mod deployments;
pub(crate) mod execution_status;
pub(crate) mod hook_invocations;
pub(crate) mod logs;
pub(crate) mod pipeline_builds;
pub(crate) mod pipeline_runs;
pub(crate) mod pipeline_snapshots;
pub(crate) mod pipelines;
pub(crate) mod run_configuration;
pub(crate) mod run_metadata;
pub(crate) mod run_templates;
pub(crate) mod run_wait_conditions;
pub(crate) mod schedules;
pub(crate) mod source;
pub(crate) mod step_configuration;
pub(crate) mod steps;
