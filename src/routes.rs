//! The table of contents: every route, beside its entry in the OpenAPI document.

use crate::api::artifacts::{artifact_versions, artifacts, curated_visualizations};
use crate::api::identity::{api_keys, api_tokens, devices, service_accounts, users};
use crate::api::models::{model_version_artifacts, model_version_pipeline_runs, model_versions, models};
use crate::api::oauth;
use crate::api::runs::{
    code_repositories, hook_invocations, logs, pipeline_builds, pipeline_runs, pipeline_snapshots, pipelines,
    run_metadata, run_templates, run_wait_conditions, schedules, steps,
};
use crate::api::server::{
    audit, health, info, load_info, onboarding, projects, settings, statistics, tag_resources, tags,
};
use crate::api::stacks::{components, flavors, secrets, stacks};
use crate::framework::routes::{Operation, Routes};
use crate::login::{activate, api_token, device_authorization, sign_in, sign_out};

/// Routes that say they are public: everyone may call them.
pub fn open() -> Routes {
    Routes::new()
        .get("/api/v1/version", info::get_version)
        .get("/api/v1/info", info::get_info)
        .put("/api/v1/activate", activate::activate_server)
        .post("/api/v1/login", sign_in::log_in)
        .get("/api/v1/logout", sign_out::log_out)
        .post("/api/v1/device_authorization", device_authorization::authorize_device)
        .merge(oauth::metadata::open())
        .merge(users::routes::open())
        .merge(api_tokens::open())
        .merge(artifact_versions::open())
        .merge(pipeline_snapshots::open_routes())
}

/// All other routes: nobody comes here without a principal.
pub fn closed() -> Routes {
    Routes::new()
        .get("/api/v1/api_token", api_token::get_api_token)
        .get("/api/v1/load-info", load_info::get_load_info)
        .get("/api/v1/onboarding_state", onboarding::get_onboarding_state)
        .get("/api/v1/statistics", statistics::get_statistics)
        .merge(resources())
}

/// Routes of what the API keeps.
fn resources() -> Routes {
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
        settings::routes(),
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

/// Every operation that answers.
pub fn operations() -> Vec<Operation> {
    operations_of(&open(), &closed())
}

/// The operations of the two lists, of programs that go by tokens, and those outside of the layers.
pub fn operations_of(open: &Routes, closed: &Routes) -> Vec<Operation> {
    let outside = [health::OPERATIONS.as_slice(), &oauth::forward_auth::OPERATIONS].concat();
    let layered = [open.operations.as_slice(), &closed.operations, &oauth::closed().operations].concat();
    [outside, layered].concat()
}
