//! Models and their versions.

pub mod model_version_artifacts;
pub mod model_version_pipeline_runs;
pub mod model_versions;
pub mod models;
