//! The unmodified `zenml` 0.98.0 client's own ways to sign in, and its commands for users, keys and devices.

use std::fs::{File, read_to_string};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::process::Child;

use crate::oidc;
use crate::support::{self, ADMIN, Answer, Database, FarSide, PASSWORD, Program, TestApp, wait_until};

on_each_store! {
    a_person_signs_in_with_a_browser_and_keeps_the_device,
    a_person_approves_the_client_in_the_console,
    a_person_approves_the_client_in_the_dashboard,
    a_person_of_a_provider_approves_the_client_in_the_console,
    a_person_of_a_provider_approves_the_client_in_the_dashboard,
    a_machine_signs_in_with_a_key,
    an_admin_keeps_users,
}

/// What its imports may take on a busy machine, and then some.
const TIME_LIMIT: Duration = Duration::from_secs(120);
const CURRENT_USER: &str = "/api/v1/current-user";

/// Commands of the client in one process, since its imports take seconds: `zenml` and the arguments, one command an
/// argument. Without a terminal of its own it reads passwords from standard input.
const COMMANDS: &str = r#"
import os, shlex, sys
os.setsid()
from zenml.cli.cli import cli
for command in sys.argv[1:]:
    print("$ zenml", command, flush=True)
    try:
        cli(shlex.split(command), standalone_mode=False)
    except Exception as error:
        print(type(error).__name__, getattr(error, "message", error), flush=True)
"#;

/// A place where the client has never been.
struct Client {
    python: PathBuf,
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Client {
    /// None, said out loud, when it isn't installed.
    fn new() -> Option<Self> {
        let python = support::reference_python()?;
        Some(Self { python, folder: tempfile::tempdir().unwrap(), variables: Vec::new() })
    }

    /// Signed in by its environment.
    fn of_admin(app: &TestApp) -> Option<Self> {
        let mut client = Self::new()?;
        let variables = [
            ("ZENML_STORE_URL", app.url()),
            ("ZENML_STORE_USERNAME", ADMIN.to_owned()),
            ("ZENML_STORE_PASSWORD", PASSWORD.to_owned()),
        ];
        client.variables.extend(variables);
        Some(client)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        read_to_string(self.file(name)).unwrap_or_default()
    }

    fn start(&self, commands: &[&str], input: &str) -> Running<'_> {
        std::fs::write(self.file("input"), input).unwrap();
        let child = support::apart(&self.python, self.folder.path())
            .args(["-c", COMMANDS])
            .args(commands)
            // Nobody's browser opens.
            .env("BROWSER", "true")
            .env("COLUMNS", "400")
            .env("ZENML_CONFIG_PATH", self.file("zenml"))
            .env("ZENML_ANALYTICS_OPT_IN", "false")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(File::open(self.file("input")).unwrap())
            .spawn()
            .unwrap();
        Running { client: self, child }
    }

    /// Runs them and returns what they said.
    async fn run(&self, commands: &[&str], input: &str) -> String {
        self.start(commands, input).said().await
    }
}

struct Running<'a> {
    client: &'a Client,
    child: Child,
}

impl Running<'_> {
    async fn said(mut self) -> String {
        let (status, said) = support::end_of(&mut self.child, self.client.folder.path(), TIME_LIMIT).await;
        assert!(status.success(), "{said}");
        assert!(!said.contains("Traceback"), "{said}");
        said
    }

    /// The device and the code in the address that it wants opened in a browser.
    async fn verification(&self) -> (String, String) {
        let value = |name: &str| {
            let said = support::said_in(self.client.folder.path());
            let (_, rest) = said.split_once(name)?;
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-')?;
            Some(rest[..end].to_owned())
        };
        wait_until("the client says where to approve it", TIME_LIMIT, async || value("user_code=").is_some())
            .await;
        (value("device_id=").unwrap(), value("user_code=").unwrap())
    }
}

#[track_caller]
fn expect(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

async fn sign_in_with_key(app: &TestApp, key: &str) -> Answer {
    app.anonymous().post_form("/api/v1/login", &[("grant_type", "zenml-api-key"), ("password", key)]).await
}

/// What `zendo status` says in the same place.
async fn zendo_status(client: &Client) -> String {
    let folder = client.file("zenml").display().to_string();
    let finished = Program::new(&["status"]).with("ZENML_CONFIG_PATH", &folder).run().await;
    finished.expect(0, &[]);
    finished.stdout
}

/// Runs the commands, the first of which is a login, and approves the device; returns its id with what they said.
async fn sign_in_with_device(client: &Client, app: &TestApp, commands: &[&str]) -> (String, String) {
    let admin = app.signed_in().await;
    let login = format!("login {}", app.url());
    let running = client.start(&[&[login.as_str()], commands].concat(), "");
    let (device, code) = running.verification().await;
    let path = format!("/api/v1/devices/{device}");
    let shown = admin.get(&format!("{path}?user_code={code}")).await.expect_ok();
    assert_eq!(shown["body"]["status"], "pending");
    admin.put(&format!("{path}/verify"), json!({"user_code": code})).await.expect_ok();
    let said = running.said().await;
    expect(&said, &["Successfully logged in to", &app.url()]);
    (device, said)
}

async fn a_person_signs_in_with_a_browser_and_keeps_the_device(database: Database) {
    let Some(client) = Client::new() else { return };
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_DEVICE_AUTH_POLLING_INTERVAL", "1")]).await;
    let admin = app.signed_in().await;
    let (first, said) = sign_in_with_device(&client, &app, &["status"]).await;
    expect(&said, &["active user is: 'default'"]);
    let path = format!("/api/v1/devices/{first}");
    let device = admin.get(&path).await.expect_ok();
    assert_eq!(device["metadata"]["zenml_version"], "0.98.0", "{device}");
    assert!(client.read("zenml/config.yaml").contains(&app.url()));
    assert!(client.read("zenml/credentials.yaml").contains("access_token"));

    // zendo's own commands and another process of the client go on with it, until it has locked the device that it speaks for.
    expect(&zendo_status(&client).await, &["yes, as default", "token in credentials.yaml"]);
    let (describe, lock) =
        (format!("authorized-device describe {first}"), format!("authorized-device lock {first}"));
    let said = client.run(&["status", "authorized-device list", &describe, &lock, "project list"], "").await;
    let title = format!("Authorized device `{first}`");
    expect(&said, &["active user is: 'default'", "1 items found", &title, "Locked authorized device"]);
    expect(said.split_once("$ zenml project list").unwrap().1, &["zenml login"]);
    let device = admin.get(&path).await.expect_ok();
    assert_eq!((&device["body"]["status"], &device["body"]["os"]), (&json!("locked"), &json!("Linux")));

    // Signed in anew it is the same device; logged out, the client knows of no server, and of no token.
    let delete = format!("authorized-device delete {first} --yes");
    let (second, _) = sign_in_with_device(&client, &app, &["logout --clear"]).await;
    assert_eq!(first, second);
    assert!(!client.read("zenml/config.yaml").contains(&app.url()));
    assert!(!client.read("zenml/credentials.yaml").contains("access_token"));
    let (_, said) = sign_in_with_device(&client, &app, &[&delete, "project list"]).await;
    expect(&said, &["Deleted authorized device"]);
    expect(said.split_once("$ zenml project list").unwrap().1, &["zenml login"]);
    admin.get(&path).await.expect(404, "KeyError");
}

async fn a_person_approves_the_client_in_the_console(database: Database) {
    approves_the_client_on("console", &database, None).await;
}

async fn a_person_approves_the_client_in_the_dashboard(database: Database) {
    approves_the_client_on("dashboard", &database, None).await;
}

async fn a_person_of_a_provider_approves_the_client_in_the_console(database: Database) {
    let Some(provider) = FarSide::openid_provider().await else { return };
    approves_the_client_on("console", &database, Some(&provider)).await;
}

async fn a_person_of_a_provider_approves_the_client_in_the_dashboard(database: Database) {
    let Some(provider) = FarSide::openid_provider().await else { return };
    approves_the_client_on("dashboard", &database, Some(&provider)).await;
}

/// Approved in Chromium on these pages, by the admin with a password or by whom a provider knows.
async fn approves_the_client_on(pages: &str, database: &Database, provider: Option<&FarSide>) {
    let (Some(client), true) = (Client::new(), support::has_browser()) else { return };
    let mut settings = vec![("ZENML_SERVER_DEVICE_AUTH_POLLING_INTERVAL", "1")];
    let dashboard = support::official_dashboard().unwrap_or_default().display().to_string();
    if pages == "dashboard" {
        settings.push(("ZENML_SERVER_DASHBOARD_FILES_PATH", &dashboard));
    }
    settings.extend(provider.map(|provider| oidc::settings(provider.url())).into_iter().flatten());
    let app = TestApp::start_with(database, &settings).await;
    let login = format!("login {}", app.url());
    let running = client.start(&[&login, "status"], "");
    let (device, code) = running.verification().await;
    let page = format!("{}/devices/verify?device_id={device}&user_code={code}", app.url());
    let mut variables = vec![("ZENDO_PAGES", pages), ("ZENDO_VERIFY", &page)];
    variables.extend(provider.map(|provider| ("PROVIDER", provider.url())));
    support::browser("approve.mjs", &app, &variables).await;
    let said = running.said().await;
    let user = format!("active user is: '{}'", if provider.is_some() { "ada" } else { ADMIN });
    expect(&said, &["Successfully logged in to", &app.url(), &user]);
}

async fn a_machine_signs_in_with_a_key(database: Database) {
    let app = TestApp::start(&database).await;
    let (Some(admin), Some(machine)) = (Client::of_admin(&app), Client::new()) else { return };
    let said = admin
        .run(
            &[
                "service-account create ci --output-file first",
                "service-account create ci",
                "service-account list",
                "service-account api-key ci create second --output-file second",
                "service-account api-key ci list",
                "service-account api-key ci describe second",
                "service-account api-key ci rotate second --retain 5 --output-file retained",
                "service-account describe ci",
            ],
            "",
        )
        .await;
    let parts = [
        "Created service account 'ci'",
        "'ci' already",
        "ci",
        "created API key `default`",
        "valid for 5 minutes",
    ];
    expect(&said, &parts);
    let (first, second, retained) = (admin.read("first"), admin.read("second"), admin.read("retained"));
    for key in [&first, &second, &retained] {
        assert!(key.starts_with("ZENKEY_") && !said.contains(key.as_str()), "{said}");
        sign_in_with_key(&app, key).await.expect_ok();
    }

    let login = format!("login {} --api-key", app.url());
    let said = machine.run(&[&login, "status", "project list"], &format!("{first}\n")).await;
    expect(&said, &["using an API key", "active user is: 'ci'", "default"]);
    assert!(!said.contains(&first), "{said}");
    expect(&zendo_status(&machine).await, &["yes, as ci (service account)", "API key in credentials.yaml"]);

    let said = admin
        .run(
            &[
                "service-account api-key ci rotate default --output-file rotated",
                "service-account api-key ci update second --active false",
                "service-account api-key ci delete second --yes",
                "service-account api-key ci list",
            ],
            "",
        )
        .await;
    expect(&said, &["rotated API key `default`", "updated API key `second`", "Deleted API key `second`"]);
    for gone in [&first, &second, &retained] {
        sign_in_with_key(&app, gone).await.expect(401, "");
    }
    // The machine's key is another one now; it says so, and goes on with the new one.
    let said = machine.run(&["project list"], "").await;
    expect(&said, &["CredentialsNotValid"]);
    let said = machine.run(&[&login, "status"], &format!("{}\n", admin.read("rotated"))).await;
    expect(&said, &["active user is: 'ci'"]);

    let said = admin
        .run(
            &[
                "service-account update ci --active false",
                "service-account delete ci",
                "service-account list",
            ],
            "",
        )
        .await;
    expect(&said, &["Deleted service account 'ci'", "No service accounts found"]);
    sign_in_with_key(&app, &admin.read("rotated")).await.expect(401, "");
}

async fn an_admin_keeps_users(database: Database) {
    let app = TestApp::start(&database).await;
    let Some(admin) = Client::of_admin(&app) else { return };
    let create = format!("user create ada --password '{PASSWORD}'");
    // Eve gets no password, so she is to choose one.
    let said = admin.run(&[&create, &create, "user create eve --is_admin", "user list"], "\n").await;
    let parts =
        ["Created user 'ada'", "'ada' already", "Created user 'eve'", "currently inactive", "3 items found"];
    expect(&said, &parts);
    let ada = app.signed_in_as("ada").await;
    let token = |said: &str| {
        let (_, token) = said.split_once("&token=").unwrap();
        token.chars().take_while(char::is_ascii_alphanumeric).collect::<String>()
    };
    let activate = async |name: &str, token: String| {
        let activation = json!({"activation_token": token, "password": PASSWORD});
        app.anonymous().put(&format!("/api/v1/users/{name}/activate"), activation).await.expect_ok();
    };
    activate("eve", token(&said)).await;
    let eve = app.signed_in_as("eve").await.get(CURRENT_USER).await.expect_ok();
    assert_eq!(eve["body"]["is_admin"], true);

    let said = admin
        .run(
            &[
                "user update ada --name bob --full_name 'Bob B.'",
                "user deactivate bob",
                "user deactivate default",
            ],
            "",
        )
        .await;
    expect(&said, &["deactivated user account 'bob'", "Nobody may deactivate themselves"]);
    ada.get(CURRENT_USER).await.expect(401, "");
    activate("bob", token(&said)).await;
    app.signed_in_as("bob").await;

    let change = format!("user change-password --old-password '{PASSWORD}' --password another");
    let said = admin.run(&["user delete bob", "user delete default", &change], "").await;
    expect(&said, &["Deleted user 'bob'", "Nobody may delete themselves", "updated password"]);
    app.anonymous().login(ADMIN, "another").await.expect_ok();
    app.anonymous().login("bob", PASSWORD).await.expect(401, "invalid");
}
