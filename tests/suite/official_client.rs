//! The unmodified `zenml` 0.98.0 client, signed in by what its environment holds.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::support::{self, ADMIN, Database, PASSWORD, TestApp};

on_each_store! {
    the_client_works_with_a_password,
    the_client_works_with_a_token,
    an_invalid_token_ends_the_client_and_says_so,
}

/// Commands of the client in one process, since its imports take seconds.
const COMMANDS: &str = r#"
from zenml.cli.cli import cli
for command in ["project list", "stack list", "stack describe"]:
    print("$", command)
    cli(command.split(), standalone_mode=False)
"#;

/// What programs use, by way of both of the client's doors.
const SCRIPT: &str = r#"
from zenml.client import Client
from zenml.config.global_config import GlobalConfiguration
from zenml.enums import APITokenType
from zenml.zen_stores.rest_zen_store import RestZenStore

client = Client()
store = client.zen_store
assert isinstance(store, RestZenStore), store
print("user", store.get_user().name, client.active_user.is_admin)
print("project", client.active_project.name)
print("components", sorted(component.value for component in client.active_stack_model.components))
print("server", store.get_store_info().id)
print("token", store.get_api_token(APITokenType.GENERIC, expires_in=600))
try:
    store.get_api_token(APITokenType.GENERIC, expires_in=601)
except Exception as error:
    print("refused", type(error).__name__, error)
"#;

const READ_THE_USER: &str = r#"
from zenml.client import Client
from zenml.exceptions import CredentialsNotValid
try:
    Client().zen_store.get_user()
except CredentialsNotValid as error:
    print("CredentialsNotValid:", error)
"#;

/// A place where the client has never been, with these variables.
async fn run(program: &Path, args: &[&str], app: &TestApp, variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output: Output = Command::new(program)
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.path())
        .env("COLUMNS", "200")
        .env("ZENML_CONFIG_PATH", folder.path().join("zenml"))
        .env("ZENML_ANALYTICS_OPT_IN", "false")
        .env("ZENML_STORE_URL", app.url())
        .envs(variables.iter().copied())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

#[track_caller]
fn expect(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

/// The script with a server whose tokens live 600 seconds at most; returns the token that it was given.
async fn expect_script_to_work(python: &Path, app: &TestApp, variables: &[(&str, &str)]) -> String {
    let said = run(python, &["-c", SCRIPT], app, variables).await;
    let server = app.anonymous().get("/api/v1/info").await.expect_ok()["id"].as_str().unwrap().to_owned();
    let refused = "refused ValueError The maximum expiration time for generic API tokens allowed by this \
                   server is 600 seconds.";
    let components = "components ['artifact_store', 'deployer', 'orchestrator']";
    let server = format!("server {server}");
    expect(&said, &["user default True", "project default", components, &server, refused]);
    let token = said.lines().find_map(|line| line.strip_prefix("token ")).unwrap();
    app.anonymous().with_token(token).get("/api/v1/current-user").await.expect_ok();
    token.to_owned()
}

const CAP: [(&str, &str); 1] = [("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "600")];

async fn the_client_works_with_a_password(database: Database) {
    let (Some(zenml), Some(python)) = (support::official_client(), support::reference_python()) else {
        return;
    };
    let app = TestApp::start_with(&database, &CAP).await;
    let variables = [("ZENML_STORE_USERNAME", ADMIN), ("ZENML_STORE_PASSWORD", PASSWORD)];
    let status = run(&zenml, &["status"], &app, &variables).await;
    expect(&status, &[&app.url(), "active user is: 'default'", "active project", "active stack"]);
    let said = run(&python, &["-c", COMMANDS], &app, &variables).await;
    let id = async |table: &str| database.texts(&format!("SELECT id FROM {table}")).await.remove(0);
    let with_hyphens = |id: String| uuid::Uuid::try_parse(&id).unwrap().to_string();
    expect(&said, &[&with_hyphens(id("project").await), &with_hyphens(id("stack").await)]);
    expect(&said, &["'default' stack (ACTIVE)", "ORCHESTRATOR", "ARTIFACT_STORE", "DEPLOYER"]);
    assert!(!said.contains("Traceback"), "{said}");
    expect_script_to_work(&python, &app, &variables).await;
}

async fn the_client_works_with_a_token(database: Database) {
    let (Some(zenml), Some(python)) = (support::official_client(), support::reference_python()) else {
        return;
    };
    let app = TestApp::start_with(&database, &CAP).await;
    let token = app.signed_in().await.api_token(600).await;
    let variables = [("ZENML_STORE_API_TOKEN", token.as_str())];
    let status = run(&zenml, &["status"], &app, &variables).await;
    expect(&status, &[&app.url(), "active user is: 'default'"]);
    expect_script_to_work(&python, &app, &variables).await;
}

async fn an_invalid_token_ends_the_client_and_says_so(database: Database) {
    let Some(python) = support::reference_python() else { return };
    let app = TestApp::start(&database).await;
    let token = app.signed_in().await.api_token(600).await;
    let variables = [("ZENML_STORE_API_TOKEN", &*format!("{token}x"))];
    let said = run(&python, &["-c", READ_THE_USER], &app, &variables).await;
    let advice =
        format!("CredentialsNotValid: No valid credentials found. Please run 'zenml login {}'", app.url());
    expect(&said, &[&advice]);
}
