//! What the REST API keeps: one file a kind.

use sea_query::{Expr, ExprTrait, SimpleExpr};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::http::routes::Routes;
use crate::store::Id;

pub mod api_keys;
pub mod api_tokens;
pub mod artifact_versions;
pub mod artifact_visualizations;
pub mod artifacts;
pub mod audit;
pub mod code_references;
pub mod code_repositories;
pub mod components;
pub mod curated_visualizations;
pub mod devices;
pub mod execution_status;
pub mod flavors;
pub mod hook_invocations;
pub mod logs;
pub mod model_version_artifacts;
pub mod model_version_pipeline_runs;
pub mod model_versions;
pub mod models;
pub mod pipeline_builds;
pub mod pipeline_runs;
pub mod pipeline_snapshots;
pub mod pipelines;
pub mod projects;
mod run_configuration;
pub mod run_metadata;
pub mod run_templates;
pub mod run_wait_conditions;
pub mod schedules;
pub mod secrets;
pub mod server_settings;
pub mod service_accounts;
pub mod source;
pub mod stacks;
pub mod step_configuration;
pub mod steps;
pub mod store_files;
pub mod tag_resources;
pub mod tags;
pub mod users;

/// Routes of resources that everyone may call.
pub fn open() -> Routes {
    users::routes::open()
        .merge(api_tokens::open())
        .merge(artifact_versions::open())
        .merge(pipeline_snapshots::open_routes())
}

/// All other routes of resources.
pub fn closed() -> Routes {
    [
        api_keys::routes(),
        api_tokens::routes(),
        artifact_versions::routes(),
        artifacts::routes(),
        audit::routes(),
        code_repositories::routes(),
        components::routes(),
        curated_visualizations::routes(),
        devices::routes::routes(),
        flavors::routes(),
        hook_invocations::routes(),
        logs::routes(),
        model_version_artifacts::routes(),
        model_version_pipeline_runs::routes(),
        model_versions::routes(),
        models::routes(),
        pipeline_builds::routes(),
        pipeline_runs::routes(),
        pipeline_snapshots::routes(),
        pipelines::routes(),
        projects::routes(),
        run_metadata::routes(),
        run_templates::routes(),
        run_wait_conditions::routes(),
        schedules::routes(),
        secrets::routes(),
        server_settings::routes(),
        service_accounts::routes(),
        stacks::routes(),
        steps::routes(),
        tag_resources::routes(),
        tags::routes(),
        users::routes::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}

/// What has that id, or that name when the text is no id.
pub fn by_name_or_id(text: &str) -> SimpleExpr {
    match Uuid::try_parse(text) {
        Ok(id) => Expr::col("id").eq(Id(id)),
        Err(_) => Expr::col("name").eq(text),
    }
}

/// Stored JSON as it is, byte for byte; nothing and `null` are an empty object in answers.
fn object_or_empty(json: Option<&str>) -> Box<RawValue> {
    let stored = json.filter(|text| *text != "null").map(str::to_owned).map(RawValue::from_string);
    match stored {
        Some(Ok(value)) => value,
        _ => empty_object(),
    }
}

fn empty_object() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
