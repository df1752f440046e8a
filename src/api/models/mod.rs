//! Models and their versions.

pub(crate) mod model_version_artifacts;
pub(crate) mod model_version_pipeline_runs;
pub(crate) mod model_versions;
pub(crate) mod models;
pub(crate) mod services;
