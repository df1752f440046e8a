//! Pipelines, their runs, and what these leave behind.

pub mod code_references;
pub mod code_repositories;
pub mod execution_status;
pub mod hook_invocations;
pub mod logs;
pub mod pipeline_builds;
pub mod pipeline_runs;
pub mod pipeline_snapshots;
pub mod pipelines;
pub mod run_configuration;
pub mod run_metadata;
pub mod run_templates;
pub mod run_wait_conditions;
pub mod schedules;
pub mod source;
pub mod step_configuration;
pub mod steps;
