//! The table of contents: every route, beside its entry in the OpenAPI document.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::api::artifacts::{artifact_versions, artifacts, curated_visualizations};
use crate::api::automation::{supported_events, triggers, webhooks};
use crate::api::identity::{api_keys, api_tokens, devices, service_accounts, trusts, users};
use crate::api::models::{
    model_version_artifacts, model_version_pipeline_runs, model_versions, models, services,
};
use crate::api::oauth;
use crate::api::runs::{
    code_repositories, deployments, hook_invocations, logs, pipeline_builds, pipeline_runs,
    pipeline_snapshots, pipelines, run_metadata, run_templates, run_wait_conditions, schedules, steps,
};
use crate::api::server::{
    audit, health, info, load_info, onboarding, projects, resource_requests, settings, statistics,
    tag_resources, tags, warnings,
};
use crate::api::stacks::{
    components, flavors, secrets, service_connector_types, service_connectors, stack_deployment, stacks,
};
use crate::auth::access::Access;
use crate::auth::kind::Kind;
use crate::framework::{Operation, RouteTable, Routes};
use crate::login::{activate, api_token, device_authorization, oidc, sign_in, sign_out};

/// All routes of the API.
pub(crate) fn api() -> RouteTable {
    let of = |name| Routes::of(Kind::new(name));
    let kinds: RouteTable = [
        of("version").get("/api/v1/version", info::get_version).open(),
        of("info").get("/api/v1/info", info::get_info).open(),
        of("activate").put("/api/v1/activate", activate::activate_server).open(),
        of("login").post("/api/v1/login", sign_in::log_in).open(),
        oidc::routes(),
        of("logout").get("/api/v1/logout", sign_out::log_out).open(),
        of("device_authorization")
            .post("/api/v1/device_authorization", device_authorization::authorize_device)
            .open(),
        oauth::metadata::routes(),
        of("api_token").get("/api/v1/api_token", api_token::get_api_token).for_any_token(),
        of("load-info").get("/api/v1/load-info", load_info::get_load_info),
        of("onboarding_state").get("/api/v1/onboarding_state", onboarding::get_onboarding_state),
        of("statistics").get("/api/v1/statistics", statistics::get_statistics),
    ]
    .into_iter()
    .collect();
    kinds.merge(resources())
}

/// Routes of what the API keeps.
fn resources() -> RouteTable {
    [
        api_keys::routes(),
        api_tokens::routes(),
        artifact_versions::routes(),
        artifacts::routes(),
        audit::routes(),
        warnings::routes(),
        code_repositories::routes(),
        components::routes(),
        curated_visualizations::routes(),
        deployments::routes(),
        devices::routes(),
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
        resource_requests::routes(),
        schedules::routes(),
        secrets::routes(),
        services::routes(),
        settings::routes(),
        service_accounts::routes(),
        service_connector_types::routes(),
        service_connectors::routes(),
        stack_deployment::routes(),
        stacks::routes(),
        steps::routes(),
        supported_events::routes(),
        tag_resources::routes(),
        tags::routes(),
        triggers::routes(),
        trusts::routes(),
        users::routes(),
        webhooks::routes(),
        users::identities::routes(),
    ]
    .into_iter()
    .collect()
}

/// All routes: of the API, of programs that go by tokens, and those that stand outside of the layers.
pub(crate) fn all() -> RouteTable {
    api().merge(beside_api())
}

fn beside_api() -> RouteTable {
    health::routes().merge(oauth::forward_auth::routes()).merge(oauth::routes())
}

/// The kinds of resource that a scope can name.
pub(crate) fn kinds() -> &'static BTreeSet<&'static str> {
    static KINDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let all = all();
        let needed = all.iter().filter_map(|route| match route.policy.access {
            Access::Needs(permission) => Some(permission.kind.name),
            Access::Always | Access::FullScope => None,
        });
        needed.collect()
    });
    &KINDS
}

/// Every operation that answers.
pub fn operations() -> Vec<Operation> {
    all().operations()
}

/// The operations that everyone may call.
pub fn open() -> Vec<Operation> {
    let api = api();
    api.iter().filter(|route| route.policy.is_open).map(|route| route.operation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::server::contract_operations;
    use crate::auth::policy::Policy;

    fn policy(method: &str, path: &str) -> Policy {
        let all = all();
        let route = all.iter().find(|route| route.operation == (method, path));
        route.expect("there is that route").policy.clone()
    }

    #[test]
    fn a_route_says_what_it_needs() {
        let needed = |method, path| match policy(method, path).access {
            Access::Needs(permission) => permission.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(needed("GET", "/api/v1/runs"), "runs:read");
        assert_eq!(needed("POST", "/api/v1/runs"), "runs:create");
        assert_eq!(needed("POST", "/api/v1/artifact_versions/batch"), "artifact_versions:create");
        assert_eq!(needed("PUT", "/api/v1/runs/{run_id}"), "runs:update");
        assert_eq!(needed("POST", "/api/v1/runs/{run_id}/stop"), "runs:update");
        assert_eq!(needed("POST", "/api/v1/runs/statistics"), "runs:read");
        assert_eq!(needed("GET", "/api/v1/runs/{run_id}/steps"), "steps:read");
        assert_eq!(needed("GET", "/api/v1/steps/{step_id}/logs"), "logs:read");
        assert_eq!(needed("GET", "/api/v1/models/{model_name_or_id}/model_versions"), "model_versions:read");
        let link =
            "/api/v1/model_versions/{model_version_id}/runs/{model_version_pipeline_run_link_name_or_id}";
        assert_eq!(needed("DELETE", link), "model_version_pipeline_runs:delete");
        assert_eq!(needed("PUT", "/api/v1/users/{user_name_or_id}"), "FullScope");
        assert_eq!(needed("DELETE", "/api/v1/users/{user_name_or_id}"), "users:delete");
        let keys = "/api/v1/service_accounts/{service_account_id}/api_keys";
        assert_eq!(needed("POST", keys), "FullScope");
        assert_eq!(needed("GET", keys), "api_keys:read");
        assert_eq!(needed("GET", "/api/v1/current-user"), "Always");
        assert_eq!(needed("GET", "/api/v1/workspaces/{project_name_or_id}/runs"), "runs:read");
        assert_eq!(needed("DELETE", "/api/v1/workspaces/{project_name_or_id}"), "projects:delete");
        assert_eq!(needed("GET", "/api/v1/pipeline_deployments"), "pipeline_snapshots:read");
        let versions = "/api/v1/workspaces/{project_name_or_id}/models/{model_id}/model_versions";
        assert_eq!(needed("POST", versions), "model_versions:create");
        assert_eq!(needed("POST", "/api/v1/webhooks/{webhook_type}/{webhook_id}/events"), "webhooks:update");
        // Not there yet, and asked of a token all the same.
        assert_eq!(needed("POST", "/api/v1/workspaces/{project_name_or_id}/services"), "services:create");
    }

    #[test]
    fn a_route_says_what_becomes_of_its_answer() {
        let said = |is_so: fn(&Policy) -> bool| -> BTreeSet<Operation> {
            all().iter().filter(|route| is_so(&route.policy)).map(|route| route.operation).collect()
        };
        let secret = [
            ("GET", "/api/v1/service_connectors"),
            ("GET", "/api/v1/service_connectors/{connector_id}"),
            ("GET", "/api/v1/service_connectors/{connector_id}/client"),
            ("GET", "/api/v1/stack-deployment/config"),
            ("GET", "/api/v1/workspaces/{project_name_or_id}/service_connectors"),
            ("POST", "/api/v1/deployments"),
            ("POST", "/api/v1/secrets"),
            ("POST", "/api/v1/service_accounts/{service_account_id}/api_keys"),
            ("POST", "/api/v1/service_connectors"),
            ("POST", "/api/v1/service_connectors/full_stack_resources"),
            ("POST", "/api/v1/service_connectors/verify"),
            ("POST", "/api/v1/users"),
            ("POST", "/api/v1/webhooks"),
            ("POST", "/api/v1/workspaces/{project_name_or_id}/service_connectors"),
            ("POST", "/api/v1/workspaces/{workspace_name_or_id}/secrets"),
            ("PUT", "/api/v1/deployments/{deployment_id}"),
            ("PUT", "/api/v1/service_connectors/{connector_id}"),
            ("PUT", "/api/v1/webhooks/{webhook_id}/secret"),
        ];
        assert_eq!(said(|policy| policy.is_secret), BTreeSet::from(secret));
        // Besides all POSTs, as in ZenML.
        let replayed = said(|policy| policy.is_replayed).into_iter().filter(|(method, _)| *method != "POST");
        let changes = [
            ("PUT", "/api/v1/curated_visualizations/{visualization_id}"),
            ("PUT", "/api/v1/deployments/{deployment_id}"),
            ("PUT", "/api/v1/model_versions/{model_version_id}"),
            ("PUT", "/api/v1/models/{model_id}"),
            ("PUT", "/api/v1/pipelines/{pipeline_id}"),
            ("PUT", "/api/v1/run_templates/{template_id}"),
            ("PUT", "/api/v1/runs/{run_id}"),
            ("PUT", "/api/v1/steps/{step_id}"),
        ];
        assert!(replayed.eq(changes));
    }

    #[test]
    fn no_operation_is_said_twice_and_each_of_the_contract_is_there() {
        let mut said = all().operations();
        let count = said.len();
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), count);
        let contract = contract_operations::operations().map(|operation| (operation.method, operation.path));
        let lost: Vec<_> = contract.filter(|operation| !said.contains(operation)).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}
