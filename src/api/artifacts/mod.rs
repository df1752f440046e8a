//! What steps make and take.

pub(crate) mod artifact_versions;
pub(crate) mod artifact_visualizations;
pub(crate) mod artifacts;
pub(crate) mod curated_visualizations;
pub(crate) mod store_files;
