//! `zendo user`: the operator's way back in, on the store itself.

use serde_json::{Value, json};

use crate::support::{ADMIN, Database, PASSWORD, Program, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const NEW_PASSWORD: &str = "another horse";

on_each_store! {
    a_lost_password_is_set_anew,
    a_made_password_is_printed_once,
    a_new_user_signs_in,
    users_are_listed,
    a_deactivated_user_comes_back_with_a_password,
    the_last_admin_stays,
    what_can_not_be_meant_changes_nothing,
    no_database_is_made,
    an_admin_activates_a_server_that_waits,
    a_database_without_zendos_tables_is_taken,
    users_kept_elsewhere_are_left_alone,
}

fn zendo(database: &Database, args: &[&str]) -> Program {
    Program::new(&[&["user"], args].concat()).on(database)
}

/// The command with a password on standard input.
fn with_password(database: &Database, args: &[&str]) -> Program {
    zendo(database, &[args, &["--password-stdin"]].concat()).reading(&format!("{NEW_PASSWORD}\n"))
}

/// What it printed, when all went well.
async fn done(program: Program) -> String {
    let finished = program.run().await;
    finished.expect(0, &[]);
    finished.stdout
}

fn printed_password(stdout: &str) -> &str {
    let line = stdout.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    line.split_whitespace().next().unwrap()
}

async fn a_lost_password_is_set_anew(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, script) = (app.signed_in().await, app.script(600).await);
    app.clock.hold();
    for _ in 0..10 {
        app.anonymous().login(ADMIN, "forgotten").await;
    }
    app.anonymous().login(ADMIN, PASSWORD).await.expect(429, "Too many failed attempts");

    app.clock.release();
    let said = done(with_password(&database, &["passwd", ADMIN])).await;
    assert!(said.contains("default") && !said.contains(NEW_PASSWORD), "{said}");
    // The server runs on, and feels it: nobody has to wait for the failures from before.
    app.anonymous().login(ADMIN, NEW_PASSWORD).await.expect_ok();
    app.anonymous().login(ADMIN, PASSWORD).await.expect(401, "invalid username or password");
    for ended in [admin, script] {
        ended.until(401, CURRENT_USER, "").await;
    }
    let again = app.anonymous().login(ADMIN, NEW_PASSWORD).await.expect_ok();
    let again = app.anonymous().with_token(again["access_token"].as_str().unwrap());
    again.get(CURRENT_USER).await.expect_ok();
}

async fn a_made_password_is_printed_once(database: Database) {
    TestApp::start(&database).await.stop().await;
    let said = done(zendo(&database, &["passwd", ADMIN])).await;
    let password = printed_password(&said);
    assert!(password.len() >= 24 && said.matches(password).count() == 1, "{said}");
    let made = done(zendo(&database, &["create", "ada"])).await;
    assert_ne!(password, printed_password(&made));
    let app = TestApp::start(&database).await;
    app.anonymous().login(ADMIN, password).await.expect_ok();
    app.anonymous().login("ada", printed_password(&made)).await.expect_ok();
}

async fn a_new_user_signs_in(database: Database) {
    let app = TestApp::start(&database).await;
    done(with_password(&database, &["create", "ada", "--admin"])).await;
    done(with_password(&database, &["create", "Bob B."])).await;
    for (name, is_admin) in [("ada", true), ("Bob B.", false)] {
        let token = app.anonymous().login(name, NEW_PASSWORD).await.expect_ok()["access_token"].clone();
        let user = app.anonymous().with_token(token.as_str().unwrap()).get(CURRENT_USER).await.expect_ok();
        let body = &user["body"];
        assert_eq!((&body["is_admin"], &body["active"]), (&json!(is_admin), &json!(true)));
        assert_eq!((&user["name"], &body["full_name"]), (&json!(name), &json!("")));
        assert_eq!(user["metadata"]["oidc_claims"], json!({}));
    }
    zendo(&database, &["create", "ada"]).run().await.expect(1, &["'ada' already"]);
}

async fn users_are_listed(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.new_user("eve", false).await;
    admin.put("/api/v1/users/eve", json!({"active": false})).await.expect_ok();
    admin.post("/api/v1/users", json!({"name": "waiting", "is_admin": false})).await.expect_ok();
    admin.post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await.expect_ok();

    let table = done(zendo(&database, &["list"])).await;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let starts: Vec<&[&str]> = rows.iter().map(|row| &row[..3]).collect();
    let expected =
        [["NAME", "ADMIN", "ACTIVE"], [ADMIN, "yes", "yes"], ["eve", "no", "no"], ["waiting", "no", "no"]];
    assert_eq!(starts, expected, "{table}");
    assert!(rows[3].ends_with(&["never"]), "{table}");

    let json: Value =
        serde_json::from_str(&done(zendo(&database, &["list", "--output", "json"])).await).unwrap();
    let names: Vec<&Value> = json.as_array().unwrap().iter().map(|user| &user["name"]).collect();
    assert_eq!(names, [ADMIN, "eve", "waiting"]);
    let own = admin.get(CURRENT_USER).await.expect_ok();
    assert_eq!((&json[0]["id"], &json[0]["is_admin"]), (&own["id"], &json!(true)));
    let changed_at = own["metadata"]["password_changed_at"].as_str().unwrap();
    assert_eq!(json[0]["password_changed_at"], format!("{changed_at}Z"));
    assert_eq!(json[2]["password_changed_at"], Value::Null);
}

async fn a_deactivated_user_comes_back_with_a_password(database: Database) {
    let app = TestApp::start(&database).await;
    let eve = app.new_user("eve", false).await;
    done(zendo(&database, &["deactivate", "eve"])).await;
    eve.until(401, CURRENT_USER, "").await;
    app.anonymous().login("eve", PASSWORD).await.expect(401, "invalid username or password");

    let finished = with_password(&database, &["passwd", "eve"]).run().await;
    finished.expect(0, &["eve is inactive", "--activate"]);
    app.anonymous().login("eve", NEW_PASSWORD).await.expect(401, "invalid username or password");
    done(with_password(&database, &["passwd", "eve", "--activate"])).await;
    app.anonymous().login("eve", NEW_PASSWORD).await.expect_ok();
    eve.get(CURRENT_USER).await.expect(401, "");
}

async fn the_last_admin_stays(database: Database) {
    let app = TestApp::start(&database).await;
    let refused = zendo(&database, &["deactivate", ADMIN]).run().await;
    refused.expect(1, &["the last active admin"]);
    app.signed_in().await;
    done(with_password(&database, &["create", "ada", "--admin"])).await;
    done(zendo(&database, &["deactivate", ADMIN])).await;
    zendo(&database, &["deactivate", "ada"]).run().await.expect(1, &["the last active admin"]);
    app.anonymous().login("ada", NEW_PASSWORD).await.expect_ok();
}

async fn what_can_not_be_meant_changes_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    let account = json!({"name": "ci", "active": true});
    let account = app.signed_in().await.post("/api/v1/service_accounts", account).await.expect_ok();
    let id = account["id"].as_str().unwrap().to_owned();
    app.stop().await;
    let before = database.contents().await;
    for name in ["nobody", "ci", &id, "DEFAULT"] {
        for command in ["passwd", "deactivate"] {
            zendo(&database, &[command, name]).run().await.expect(1, &[&format!("'{name}'")]);
        }
    }
    zendo(&database, &["create", " "]).run().await.expect(2, &["NAME"]);
    zendo(&database, &["create", "ada", "--password-stdin"]).run().await.expect(2, &["empty password"]);
    let long = zendo(&database, &["passwd", ADMIN, "--password-stdin"]).reading(&"x".repeat(73));
    long.run().await.expect(2, &["72 bytes"]);
    let wrong = zendo(&database, &["list"]).with("ZENML_STORE_POOL_SIZE", "0").run().await;
    wrong.expect(2, &["ZENML_STORE_POOL_SIZE"]);
    assert_eq!(database.contents().await, before);
}

async fn no_database_is_made(database: Database) {
    let commands: [&[&str]; 4] = [&["list"], &["passwd", ADMIN], &["deactivate", ADMIN], &["create", "ada"]];
    for command in commands {
        // MariaDB's is there and empty.
        let place = if database.is_mariadb() { "MySQL 127.0.0.1:" } else { "/zendo.db" };
        zendo(&database, command).run().await.expect(1, &[place, "--data-dir", "ZENML_STORE_URL"]);
        let missing = Program::new(&[&["user"], command].concat());
        let missing = match database.is_mariadb() {
            true => missing.with("ZENML_STORE_URL", &format!("{}_missing", database.url())),
            false => missing.with("ZENDO_DATA_DIR", "elsewhere"),
        };
        missing.run().await.expect(1, &["there is no database"]);
        assert!(!missing.folder().join("elsewhere").exists() && !database.sqlite_path().exists());
    }
    if database.is_mariadb() {
        assert!(database.tables().await.is_empty());
    }
}

async fn an_admin_activates_a_server_that_waits(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTO_ACTIVATE", "false")]).await;
    let refused = with_password(&database, &["create", "ada"]).run().await;
    refused.expect(1, &["waits for its first admin"]);
    let said = done(with_password(&database, &["create", "olga", "--admin"])).await;
    assert!(said.contains("active now"), "{said}");
    app.anonymous().until(200, "/api/v1/info", r#""active":true"#).await;
    app.anonymous().login("olga", NEW_PASSWORD).await.expect_ok();
    let activation = json!({"admin_username": "mallory", "admin_password": PASSWORD});
    app.anonymous().put("/api/v1/activate", activation).await.expect(403, "already active");
    assert!(!done(with_password(&database, &["create", "ada", "--admin"])).await.contains("active now"));
}

/// As ZenML's server leaves it, where zendo has never been.
async fn a_database_without_zendos_tables_is_taken(database: Database) {
    TestApp::start(&database).await.stop().await;
    let tables = database.tables().await;
    let own: Vec<&String> = tables.iter().filter(|table| table.starts_with("zendo_")).collect();
    for table in &own {
        database.execute(&format!("DROP TABLE {table}")).await;
    }
    assert!(done(zendo(&database, &["list"])).await.contains(ADMIN));
    assert_eq!(database.tables().await.len(), tables.len() - own.len(), "a list changes nothing");
    done(with_password(&database, &["passwd", ADMIN])).await;
    let app = TestApp::start(&database).await;
    app.anonymous().login(ADMIN, NEW_PASSWORD).await.expect_ok();
}

async fn users_kept_elsewhere_are_left_alone(database: Database) {
    TestApp::start(&database).await.stop().await;
    let external = [
        ("ZENML_SERVER_AUTH_SCHEME", "EXTERNAL"),
        ("ZENML_SERVER_EXTERNAL_LOGIN_URL", "https://sign-in.example/login"),
        ("ZENML_SERVER_EXTERNAL_USER_INFO_URL", "https://sign-in.example/user"),
        ("ZENML_SERVER_EXTERNAL_SERVER_ID", "00000000-0000-0000-0000-000000000007"),
    ];
    for command in [&["passwd", ADMIN][..], &["deactivate", ADMIN], &["create", "ada"]] {
        let program = zendo(&database, command);
        let program = external.iter().fold(program, |program, (name, value)| program.with(name, value));
        program.run().await.expect(1, &["kept by its sign-in service"]);
    }
}
