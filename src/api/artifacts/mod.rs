//! What steps make and take.

pub mod artifact_versions;
pub mod artifact_visualizations;
pub mod artifacts;
pub mod curated_visualizations;
pub mod store_files;
