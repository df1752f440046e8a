//! The first start: who can sign in, what is there, and that all of it stays.

use serde_json::{Value, json};

use crate::support::{Caller, Database, Program, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";

on_each_store! {
    a_password_is_made_printed_once_and_stays,
    the_operators_account_is_made_and_nothing_secret_printed,
    the_first_start_leaves_what_zenml_leaves,
    a_server_that_waits_is_activated_once,
    of_two_activations_at_once_one_wins,
    tokens_outlive_a_restart,
    two_first_starts_at_once_agree,
    what_is_built_in_has_zenmls_order,
}

/// Names and types of all of them, in the order of their list.
async fn listed(admin: &Caller, path: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let page = admin.get(path).await.expect_ok();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| (text(&item["name"]), text(&item["body"]["type"]))).collect()
}

async fn what_is_built_in_has_zenmls_order(database: Database) {
    const FLAVORS: &str = "/api/v1/flavors?size=100";
    const COMPONENTS: &str = "/api/v1/components?name=default";
    const IN_ORDER: &str = include_str!("../../contract/flavors.json");
    let flavors: Vec<Value> = serde_json::from_str(IN_ORDER).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let flavors: Vec<_> =
        flavors.iter().map(|flavor| (text(&flavor["name"]), text(&flavor["type"]))).collect();
    let components = ["orchestrator", "deployer", "artifact_store"];
    let components = components.map(|kind| ("default".to_owned(), kind.to_owned()));
    let reversed = |all: &[(String, String)]| all.iter().rev().cloned().collect::<Vec<_>>();

    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for _ in 0..2 {
        assert_eq!(listed(&admin, FLAVORS).await, flavors);
        assert_eq!(listed(&admin, &format!("{FLAVORS}&sort_by=desc:created")).await, reversed(&flavors));
        admin.request(reqwest::Method::PATCH, "/api/v1/flavors/sync", "").await.expect_ok();
    }
    assert_eq!(listed(&admin, COMPONENTS).await, components);
    let own = json!({"name": "own", "type": "orchestrator", "source": "a.B", "config_schema": {}, "integration": null,
        "is_custom": true});
    admin.post("/api/v1/flavors", own).await.expect_ok();
    let [first, .., last] = &flavors[..] else { panic!("there are none") };
    let at_ends = async |admin: &Caller| {
        let all = listed(admin, FLAVORS).await;
        assert_eq!((&all[0], &all[81], all[82].0.as_str()), (first, last, "own"));
    };
    at_ends(&admin).await;
    app.stop().await;
    // As an older version has left it: one moment for all, and the order of ids that are random.
    for sql in [
        "UPDATE flavor SET created = '2026-01-01 00:00:00.000000' WHERE is_custom = 0",
        "UPDATE flavor SET id = CONCAT(SUBSTR(id, 17), SUBSTR(id, 1, 16))",
        "UPDATE stack_component SET created = '2026-01-01 00:00:00.000000'",
        "UPDATE stack_component SET type = 'between' WHERE type = 'orchestrator'",
        "UPDATE stack_component SET type = 'orchestrator' WHERE type = 'artifact_store'",
        "UPDATE stack_component SET type = 'artifact_store' WHERE type = 'between'",
    ] {
        database.execute(sql).await;
    }
    for _ in 0..2 {
        let app = TestApp::start(&database).await;
        let admin = app.signed_in().await;
        assert_eq!(listed(&admin, FLAVORS).await[..82], flavors);
        assert_eq!(listed(&admin, COMPONENTS).await, components);
        at_ends(&admin).await;
        app.stop().await;
    }
}

fn server(database: &Database) -> Program {
    Program::server().on(database)
}

async fn a_password_is_made_printed_once_and_stays(database: Database) {
    let first = server(&database).serve().await;
    let password = first.printed_password().unwrap();
    assert!(password.len() >= 24, "{password}");
    let stdout = first.stdout();
    assert_eq!(stdout.matches(&password).count(), 1, "{stdout}");
    assert!(stdout.contains(&format!("zendo login {} --username default", first.url())), "{stdout}");
    assert!(stdout.contains(&format!("console: {}/console/", first.url())), "{stdout}");
    first.signed_in("default", &password).await.get(CURRENT_USER).await.expect_ok();
    let finished = first.stop().await;
    assert!(!finished.stderr.contains(&password), "{finished:?}");

    let second = server(&database).serve().await;
    assert_eq!(second.printed_password(), None);
    second.signed_in("default", &password).await.get(CURRENT_USER).await.expect_ok();
    let finished = second.stop().await;
    assert!(!format!("{finished:?}").contains(&password), "{finished:?}");
    assert!(finished.stdout.contains("sign in: zendo login http://"), "{finished:?}");
}

#[tokio::test]
async fn no_two_first_starts_make_the_same_password() {
    let (one, other) = (Program::server().serve().await, Program::server().serve().await);
    assert_ne!(one.printed_password().unwrap(), other.printed_password().unwrap());
}

async fn the_operators_account_is_made_and_nothing_secret_printed(database: Database) {
    let password = "an operator's secret";
    let program = server(&database)
        .with("ZENML_DEFAULT_USER_NAME", "olga")
        .with("ZENML_DEFAULT_USER_PASSWORD", password);
    let server = program.serve().await;
    let user = server.signed_in("olga", password).await.get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["body"]["is_admin"]), (&json!("olga"), &json!(true)));
    server.anonymous().login("default", password).await.expect(401, "invalid username or password");
    let finished = server.stop().await;
    assert!(!format!("{finished:?}").contains(password), "{finished:?}");
    assert!(finished.stdout.contains("--username olga"), "{finished:?}");
    // The account is the first start's; what the variables say later changes nobody's password.
    let changed = program.with("ZENML_DEFAULT_USER_PASSWORD", "another secret of the operator");
    changed.serve().await.signed_in("olga", password).await.get(CURRENT_USER).await.expect_ok();
}

async fn the_first_start_leaves_what_zenml_leaves(database: Database) {
    TestApp::start(&database).await.stop().await;
    let count = async |rest: &str| {
        database.texts(&format!("SELECT CAST(COUNT(*) AS CHAR) FROM {rest}")).await.remove(0)
    };
    assert_eq!(count("server_settings").await, "1");
    assert_eq!(count("flavor").await, "82");
    assert_eq!(database.texts("SELECT name FROM project").await, ["default"]);
    assert_eq!(database.texts("SELECT name FROM stack").await, ["default"]);
    let components = "SELECT type FROM stack_component c JOIN stack_composition s ON s.component_id = c.id \
                      WHERE name = 'default' AND flavor = 'local' ORDER BY type";
    assert_eq!(database.texts(components).await, ["artifact_store", "deployer", "orchestrator"]);
    assert_eq!(count("stack_component").await, "3");
    assert_eq!(database.texts("SELECT name FROM user WHERE is_admin = 1").await, ["default"]);
    assert_eq!(count("user").await, "1");
    // A second start adds nothing.
    TestApp::start(&database).await.stop().await;
    let rows = [count("flavor").await, count("user").await, count("stack_component").await];
    assert_eq!(rows, ["82", "1", "3"]);
}

async fn a_server_that_waits_is_activated_once(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTO_ACTIVATE", "false")]).await;
    let nobody = app.anonymous();
    let is_active = async || nobody.get("/api/v1/info").await.expect_ok()["active"].clone();
    assert_eq!(is_active().await, false);
    assert!(database.texts("SELECT name FROM user").await.is_empty());
    nobody.login("default", crate::support::PASSWORD).await.expect(401, "invalid username or password");

    let activate = async |name: Value, password: Value| {
        let body = json!({"server_name": "zen", "admin_username": name, "admin_password": password});
        nobody.put("/api/v1/activate", body).await
    };
    for name in [json!(""), json!("  "), Value::Null] {
        activate(name, json!("sesame")).await.expect(422, "admin_username");
    }
    for password in [json!(""), Value::Null, json!("x".repeat(73))] {
        activate(json!("olga"), password).await.expect(422, "admin_password");
    }
    assert_eq!(is_active().await, false);

    let admin = activate(json!("olga"), json!("sesame")).await.expect_ok();
    assert_eq!((&admin["name"], &admin["body"]["is_admin"]), (&json!("olga"), &json!(true)));
    assert_eq!(is_active().await, true);
    nobody.login("olga", "sesame").await.expect_ok();
    activate(json!("mallory"), json!("sesame")).await.expect(403, "The server is already active.");
    nobody.login("mallory", "sesame").await.expect(401, "invalid username or password");
    assert_eq!(database.texts("SELECT name FROM user").await, ["olga"]);
}

async fn of_two_activations_at_once_one_wins(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTO_ACTIVATE", "false")]).await;
    let nobody = app.anonymous();
    let activate = |name: &str| {
        let body = json!({"admin_username": name, "admin_password": "sesame"});
        nobody.put("/api/v1/activate", body)
    };
    let answers = tokio::join!(activate("one"), activate("other"), activate("third"));
    let mut statuses = [answers.0.status, answers.1.status, answers.2.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403, 403]);
    assert_eq!(database.texts("SELECT name FROM user").await.len(), 1);
}

async fn tokens_outlive_a_restart(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let token = admin.api_token(600).await;
    app.stop().await;
    let app = TestApp::start(&database).await;
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
}

async fn two_first_starts_at_once_agree(database: Database) {
    let program = server(&database);
    let (one, other) = tokio::join!(program.serve(), program.serve());
    let passwords = [one.printed_password(), other.printed_password()];
    let printed: Vec<&String> = passwords.iter().flatten().collect();
    assert_eq!(printed.len(), 1, "{passwords:?}");
    assert_eq!(database.texts("SELECT name FROM user").await, ["default"]);
    for (from, to) in [(&one, &other), (&other, &one)] {
        let token = from.signed_in("default", printed[0]).await.api_token(60).await;
        to.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
    }
}

async fn what_the_operator_reads(database: &Database) -> String {
    server(database).serve().await.stop().await.stdout
}

#[tokio::test]
async fn the_start_says_where_and_on_which_store() {
    let database = Database::sqlite();
    let stdout = what_the_operator_reads(&database).await;
    assert!(stdout.starts_with("zendo ") && stdout.contains(" listens on http://127.0.0.1:"), "{stdout}");
    let store = format!("store: SQLite {}\n", database.sqlite_path().display());
    assert!(stdout.contains(&store), "{stdout}");
    if let Some(database) = Database::mariadb("messages").await {
        let stdout = what_the_operator_reads(&database).await;
        assert!(stdout.contains("store: MySQL 127.0.0.1:"), "{stdout}");
        assert!(!stdout.contains(":zendo@") && !stdout.contains("mysql://"), "{stdout}");
    }
    let waiting = Program::server().with("ZENML_SERVER_AUTO_ACTIVATE", "false").serve().await;
    assert!(waiting.stdout().contains(&format!("curl -X PUT {}/api/v1/activate", waiting.url())));
}
