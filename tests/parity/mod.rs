//! The same requests to ZenML's own server and to zendo: the same answers, but for what is wanted otherwise.

mod artifacts;
pub mod bodies;
mod builds;
mod compare;
mod configurations;
mod connector_faults;
mod connectors;
mod deployments;
mod devices;
mod lists;
mod logs;
mod models;
mod no_secrets;
mod pipelines;
mod projects;
mod repeated;
mod run_templates;
mod run_views;
mod runs;
mod schedules;
mod secrets;
mod server;
mod service_accounts;
mod services;
mod serving;
mod side;
mod sign_in;
mod snapshots;
mod spellings;
mod stack_deployment;
mod stacks;
mod step;
mod steps;
mod tokens;
mod triggers;
mod used_artifacts;
mod users;
mod visualizations;
mod waiting;
mod wanted;
mod webhooks;

use compare::Comparison;
use serde_json::Value;
use side::Side;
use step::{Scenario, Step};
use wanted::{EVERYWHERE, Wanted};

use crate::support::{Database, ReferenceServer, TestApp};

/// The first scenario activates the servers.
const SETTINGS: [(&str, &str); 2] =
    [("ZENML_SERVER_DEPLOYMENT_TYPE", "docker"), ("ZENML_SERVER_AUTO_ACTIVATE", "false")];
/// Groups of operations that are compared whole.
const WHOLE: &[&str] = &[
    "activate",
    "api_token",
    "artifact_versions",
    "artifacts",
    "code_repositories",
    "component-types",
    "components",
    "curated_visualizations",
    "current-user",
    "deployments",
    "device_authorization",
    "devices",
    "flavors",
    "hook_invocations",
    "info",
    "load-info",
    "login",
    "logout",
    "logs",
    "model_version_artifacts",
    "model_version_pipeline_runs",
    "model_versions",
    "models",
    "onboarding_state",
    "pipeline_builds",
    "pipeline_deployments",
    "pipeline_snapshots",
    "pipelines",
    "projects",
    "resource_requests",
    "run-metadata",
    "run_templates",
    "run_wait_conditions",
    "runs",
    "schedules",
    "secrets",
    "secrets_operations",
    "service_accounts",
    "service_connector_types",
    "service_connectors",
    "services",
    "settings",
    "stack-deployment",
    "stacks",
    "statistics",
    "steps",
    "supported-events",
    "tag_resources",
    "tags",
    "triggers",
    "users",
    "webhooks",
];
/// Longer than any wait after failed sign-ins lasts: each scenario starts without.
const BETWEEN_SCENARIOS: i64 = 2 * 60 * 60;

fn scenarios() -> Vec<Scenario> {
    [
        server::scenarios(),
        sign_in::scenarios(),
        tokens::scenarios(),
        users::scenarios(),
        service_accounts::scenarios(),
        devices::scenarios(),
        lists::scenarios(),
        pipelines::scenarios(),
        snapshots::scenarios(),
        runs::scenarios(),
        run_views::scenarios(),
        steps::scenarios(),
        projects::scenarios(),
        stacks::scenarios(),
        secrets::scenarios(),
        connectors::scenarios(),
        connector_faults::scenarios(),
        artifacts::scenarios(),
        used_artifacts::scenarios(),
        visualizations::scenarios(),
        models::scenarios(),
        logs::scenarios(),
        serving::scenarios(),
        builds::scenarios(),
        schedules::scenarios(),
        waiting::scenarios(),
        run_templates::scenarios(),
        webhooks::scenarios(),
        triggers::scenarios(),
        deployments::scenarios(),
        services::scenarios(),
        stack_deployment::scenarios(),
        configurations::scenarios(),
        repeated::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_requests_get_the_same_answers() {
    let databases = (Database::sqlite(), Database::sqlite());
    let Some(mut parity) = Parity::start(&databases, &[]).await else { return };
    let only = std::env::var("ZENDO_PARITY").unwrap_or_default();
    let is_asked_for = |name: &str| only.split(',').any(|word| name.contains(word));
    for (number, scenario) in scenarios().into_iter().enumerate() {
        // The first one signs in.
        if number == 0 || is_asked_for(scenario.name) {
            parity.scenario(&scenario).await;
        }
        if scenario.name == connector_faults::LEAVING && is_asked_for(scenario.name) {
            parity.left_behind(&databases).await;
        }
    }
    parity.finish(std::env::var_os("ZENDO_PARITY").is_none()).await;
}

#[test]
fn every_operation_is_compared() {
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/openapi.json");
    let contract: Value = serde_json::from_str(&std::fs::read_to_string(contract).unwrap()).unwrap();
    let steps: Vec<Step> = scenarios().into_iter().flat_map(|scenario| scenario.steps).collect();
    let mut missing = Vec::new();
    for (path, operations) in contract["paths"].as_object().unwrap() {
        let group = path.trim_start_matches("/api/v1/").split('/').next().unwrap();
        for method in operations.as_object().unwrap().keys() {
            let is_of = |step: &Step| step.method.eq_ignore_ascii_case(method) && is_at(&step.path, path);
            if WHOLE.contains(&group) && !steps.iter().any(is_of) {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// Whether the path is one of the contract's, with something in the place of each parameter.
fn is_at(path: &str, template: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    path.split('/').count() == template.split('/').count()
        && path.split('/').zip(template.split('/')).all(|(part, name)| part == name || name.starts_with('{'))
}

struct Parity {
    server: ReferenceServer,
    app: TestApp,
    reference: Side,
    zendo: Side,
    comparison: Comparison,
    report: Report,
}

impl Parity {
    /// Both servers, each on its database, with more settings. None, said out loud, where the reference isn't installed.
    async fn start((of_reference, of_zendo): &(Database, Database), more: &[(&str, &str)]) -> Option<Self> {
        let settings = [&SETTINGS[..], more].concat();
        let server = ReferenceServer::start(of_reference, &settings).await?;
        let app = TestApp::start_with(of_zendo, &settings).await;
        let (reference, zendo) = (Side::new(server.url()), Side::new(app.url()));
        let (comparison, report) = (Comparison::default(), Report::default());
        Some(Self { server, app, reference, zendo, comparison, report })
    }

    async fn scenario(&mut self, scenario: &Scenario) {
        self.app.clock.advance(BETWEEN_SCENARIOS);
        for step in &scenario.steps {
            self.app.clock.advance(step.after.into());
            self.step(scenario.name, step).await;
        }
    }

    /// Compares what no answer shows: secrets of a connector that is gone.
    async fn left_behind(&mut self, (of_reference, of_zendo): &(Database, Database)) {
        let left = format!("SELECT name FROM secret WHERE name LIKE '{}%'", connector_faults::LEFT);
        let left = (of_reference.texts(&left).await.len(), of_zendo.texts(&left).await.len());
        let found = format!("secrets of a connector that is gone: {} | {}", left.0, left.1);
        let step = step::ANYONE.get("").wanted(&wanted::SECRET_LEFT);
        self.report.add(connector_faults::LEAVING, &step, vec![found]);
    }

    /// Tells what was found; of a whole run also which differences were not met that may be anywhere.
    async fn finish(self, is_whole: bool) {
        self.report.finish(is_whole);
        self.server.stop().await;
    }

    async fn step(&mut self, scenario: &str, step: &Step) {
        let answers = (self.reference.send(step).await, self.zendo.send(step).await);
        if step.tidies {
            return;
        }
        let differences = match answers {
            (Ok(expected), Ok(found)) => self.comparison.differences(&expected, &found),
            (Ok(_), Err(missing)) => vec![format!("not asked, since zendo did not answer with {missing}")],
            (Err(missing), _) => vec![format!("not asked, since ZenML did not answer with {missing}")],
        };
        self.report.add(scenario, step, differences);
    }
}

/// What was found.
#[derive(Default)]
struct Report {
    steps: usize,
    wanted: usize,
    /// Which of the differences that may be anywhere was met.
    met: [bool; EVERYWHERE.len()],
    failures: String,
}

impl Report {
    fn add(&mut self, scenario: &str, step: &Step, differences: Vec<String>) {
        self.steps += 1;
        let mut lines = Vec::new();
        for wanted in &step.wanted {
            for pattern in wanted.differs {
                if !differences.iter().any(|difference| matches(pattern, difference)) {
                    lines.push(format!("no longer: {pattern} ({})", wanted.reason));
                }
            }
        }
        for difference in differences {
            let is = |wanted: &Wanted| wanted.differs.iter().any(|pattern| matches(pattern, &difference));
            let everywhere = EVERYWHERE.iter().position(is);
            if let Some(number) = everywhere {
                self.met[number] = true;
            } else if step.wanted.iter().any(|wanted| is(wanted)) {
                self.wanted += 1;
            } else {
                lines.push(difference);
            }
        }
        if !lines.is_empty() {
            self.failures += &format!("\n{scenario} / {step}\n    {}\n", lines.join("\n    "));
        }
    }

    fn finish(mut self, is_whole: bool) {
        for (wanted, met) in EVERYWHERE.iter().zip(self.met) {
            if !met && is_whole {
                self.failures += &format!("\nnowhere any longer: {:?} ({})\n", wanted.differs, wanted.reason);
            }
        }
        println!("{} steps compared, {} wanted differences", self.steps, self.wanted);
        assert!(self.failures.is_empty(), "zendo and ZenML differ:\n{}", self.failures);
    }
}

/// Whether the text is so; `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((end, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(end)
}
