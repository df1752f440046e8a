//! Tokens from the terminal: narrow ones, seen, taken back, kept good in a file, and lent to a command.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{ADMIN, Database, Finished, PASSWORD, Program, ServerProcess, TestApp, wait_until};

const LIMIT: Duration = Duration::from_secs(60);
const CURRENT_USER: &str = "/api/v1/current-user";

/// A server, and its database, which lives as long as its variable.
async fn app() -> (TestApp, Database) {
    let database = Database::sqlite();
    (TestApp::start(&database).await, database)
}

/// `zendo token` in a terminal of its own, where a server is known but nobody is signed in.
fn token_at(url: &str, args: &[&str]) -> Program {
    let program = Program::new(&[&["token"], args].concat());
    let folder = program.folder().display().to_string();
    program
        .with("PATH", &std::env::var("PATH").unwrap())
        .with("HOME", &folder)
        .with("ZENML_CONFIG_PATH", &format!("{folder}/zenml"))
        .with("ZENML_STORE_URL", url)
}

/// As an account with its password.
fn token_as(name: &str, url: &str, args: &[&str]) -> Program {
    token_at(url, args).with("ZENML_STORE_USERNAME", name).with("ZENML_STORE_PASSWORD", PASSWORD)
}

async fn run_as(name: &str, app: &TestApp, args: &[&str]) -> Finished {
    token_as(name, &app.url(), args).run().await
}

fn expect_ok(finished: Finished) -> String {
    finished.expect(0, &[]);
    finished.stdout
}

async fn new_token(app: &TestApp, args: &[&str]) -> String {
    expect_ok(run_as(ADMIN, app, args).await).trim_end().to_owned()
}

fn id_of(token: &str) -> String {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

async fn listed(app: &TestApp, args: &[&str]) -> Vec<Value> {
    let args = [&["list", "--output", "json"], args].concat();
    let list: Value = serde_json::from_str(&expect_ok(run_as(ADMIN, app, &args).await)).unwrap();
    list.as_array().unwrap().clone()
}

async fn is_refused(app: &TestApp, token: &str) -> bool {
    app.anonymous().with_token(token).get(CURRENT_USER).await.status == 401
}

/// Waits until the file is there and says something else than `before`.
async fn next_token(file: &Path, before: &str) -> String {
    let mut token = String::new();
    wait_until("the file holds another token", LIMIT, async || {
        token = std::fs::read_to_string(file).unwrap_or_default();
        !token.is_empty() && token != before
    })
    .await;
    token
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_only_what_it_was_asked_for() {
    let (app, _database) = app().await;
    let args =
        ["--name", "nightly", "--project", "default", "--scope", "projects:read", "--scope", "tags:write"];
    let token = new_token(&app, &args).await;
    let holder = app.anonymous().with_token(&token);
    holder.get("/api/v1/tags").await.expect_ok();
    holder.get("/api/v1/stacks").await.expect(403, "stacks:read");
    let token = new_token(&app, &["--read-only"]).await;
    let holder = app.anonymous().with_token(&token);
    holder.get("/api/v1/stacks").await.expect_ok();
    holder.post("/api/v1/tags", json!({"name": "a"})).await.expect(403, "tags:create");
    run_as(ADMIN, &app, &["--scope", "runs:reed"]).await.expect(1, &["'reed' is no verb of a scope"]);
    run_as(ADMIN, &app, &["--project", "nope"]).await.expect(1, &["nope"]);

    let list = listed(&app, &[]).await;
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!((&list[0]["name"], &list[0]["scope"]), (&json!(""), &json!("*:read")), "the newest is first");
    let (token, user) = (&list[1], app.signed_in().await.get(CURRENT_USER).await.expect_ok());
    assert_eq!(
        (&token["name"], &token["user"], &token["user_id"]),
        (&json!("nightly"), &json!(ADMIN), &user["id"])
    );
    assert_eq!(token["scope"], "projects:read tags:write");
    assert_eq!(token["projects"].as_array().unwrap().len(), 1);
    assert!(token["created"].as_str().unwrap().ends_with('Z') && token["expires"].is_string(), "{token}");
    let table = expect_ok(run_as(ADMIN, &app, &["list"]).await);
    let line = table.lines().find(|line| line.contains("nightly")).unwrap();
    for part in [ADMIN, "projects:read tags:write", "default", "in 59 minutes", "127.0.0.1"] {
        assert!(line.contains(part), "{part} is missing in {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_all_pages_and_what_is_over_only_when_asked() {
    let (app, _database) = app().await;
    let admin = app.signed_in().await;
    let mut made = BTreeSet::new();
    for _ in 0..203 {
        made.insert(id_of(&admin.api_token(600).await));
    }
    let gone = made.pop_first().unwrap();
    expect_ok(run_as(ADMIN, &app, &["revoke", &gone]).await);
    let ids = |list: &[Value]| -> BTreeSet<String> {
        list.iter().map(|token| token["id"].as_str().unwrap().to_owned()).collect()
    };
    let live = listed(&app, &[]).await;
    assert_eq!((live.len(), ids(&live)), (made.len(), made));
    let all = listed(&app, &["--all"]).await;
    assert_eq!(all.len(), 203);
    let found = all.iter().find(|token| token["id"] == json!(gone)).unwrap();
    assert_eq!(found["status"], "revoked");
    let table = expect_ok(run_as(ADMIN, &app, &["list", "--all"]).await);
    assert!(table.lines().any(|line| line.starts_with(&gone) && line.ends_with("revoked")), "{table}");
    assert!(!table.contains("eyJ"), "its text is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_back_by_its_owner_an_admin_or_who_holds_it() {
    let (app, _database) = app().await;
    let bob = app.new_user("bob", false).await;
    let (mine, bobs) = (new_token(&app, &[]).await, bob.api_token(600).await);
    let refused = run_as("bob", &app, &["revoke", &id_of(&bobs), &id_of(&mine)]).await;
    refused.expect(1, &[&id_of(&mine), "No API token"]);
    assert!(refused.stdout.contains(&id_of(&bobs)), "{refused:?}");
    assert!(is_refused(&app, &bobs).await && !is_refused(&app, &mine).await);

    let bobs = bob.api_token(600).await;
    expect_ok(run_as(ADMIN, &app, &["revoke", &id_of(&bobs)]).await);
    assert!(is_refused(&app, &bobs).await);

    // Whoever holds its text needs no account, and keeps it out of the arguments.
    let finder = token_at(&app.url(), &["revoke", "--token"]).reading(&format!("{mine}\n"));
    expect_ok(finder.run().await);
    assert!(is_refused(&app, &mine).await);
    let stranger = token_at(&app.url(), &["revoke", "--token"]).reading(&forged(&json!({})));
    stranger.run().await.expect(1, &["no live token", "nothing was taken back"]);
    run_as(ADMIN, &app, &["revoke", "--token"]).await.expect(2, &["no token on standard input"]);
    run_as(ADMIN, &app, &["revoke"]).await.expect(2, &["--token"]);
    let mistaken = run_as(ADMIN, &app, &["revoke", &mine]).await;
    mistaken.expect(2, &["--token"]);
    assert!(!mistaken.stderr.contains("eyJ"), "{mistaken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tokens_are_taken_back_only_on_purpose() {
    let (app, _database) = app().await;
    let bob = app.new_user("bob", false).await;
    let (mine, bobs) = (new_token(&app, &[]).await, bob.api_token(600).await);
    run_as("bob", &app, &["revoke", "--all"]).await.expect(2, &["--yes"]);
    run_as("bob", &app, &["revoke", "--all", "--user", ADMIN, "--yes"]).await.expect(1, &["Only an admin"]);
    assert!(!is_refused(&app, &mine).await && !is_refused(&app, &bobs).await);
    expect_ok(run_as("bob", &app, &["revoke", "--all", "--yes"]).await);
    assert!(!is_refused(&app, &mine).await && is_refused(&app, &bobs).await);
    let bobs = app.signed_in_as("bob").await.api_token(600).await;
    expect_ok(run_as(ADMIN, &app, &["revoke", "--all", "--user", "bob", "--yes"]).await);
    assert!(!is_refused(&app, &mine).await && is_refused(&app, &bobs).await);
}

/// A token that no server made.
fn forged(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "ES256", "kid": "key-1"})), part(claims))
}

#[tokio::test]
async fn a_token_is_told_in_words_without_any_server() {
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "jti": "token-1", "sub": "user-1", "iss": "server-1", "aud": "zenml", "iat": now - 7200, "exp": now + 3601,
        "token_type": "generic", "scope": "runs:read secrets:none", "projects": ["project-1"],
        "device_id": "device-1", "api_key_id": "key-2", "pipeline_run_id": "run-1", "colour": "blue\u{1b}[31m",
    });
    let token = forged(&claims);
    let inspect = |args: &[&str], input: &str| {
        Program::new(&[&["token", "inspect"], args].concat()).with("HOME", "/nonexistent").reading(input)
    };
    let told = expect_ok(inspect(&["-"], &format!("{token}\n")).run().await);
    for part in [
        "only the server knows",
        "token-1",
        "generic",
        "user-1",
        "server-1",
        "runs: read",
        "secrets: nothing",
        "all else: nothing",
        "only project-1",
        "the device device-1",
        "the API key key-2",
        "the pipeline run run-1",
        "2 hours ago",
        "in 1 hour",
        "1 hour",
        "ES256",
        "key-1",
        "colour",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    assert!(!told.contains("c2lnbmF0dXJl") && !told.contains('\u{1b}'), "{told}");

    let file = inspect(&["token.txt", "--output", "json"], "");
    std::fs::write(file.folder().join("token.txt"), &token).unwrap();
    let told: Value = serde_json::from_str(&expect_ok(file.run().await)).unwrap();
    assert_eq!((&told["claims"], &told["header"]["kid"]), (&claims, &json!("key-1")));
    assert_eq!((&told["expired"], &told["verified"]), (&json!(false), &json!(false)));
    assert!((3590..=3601).contains(&told["expires_in"].as_i64().unwrap()), "{told}");

    let over = inspect(&["-"], &forged(&json!({"exp": now - 7200}))).run().await;
    over.expect(1, &[]);
    assert!(over.stdout.contains("it is over") && over.stdout.contains("2 hours ago"), "{over:?}");
    for endless in [json!({}), json!({"exp": null}), json!({"exp": "soon"})] {
        let told = expect_ok(inspect(&["-"], &forged(&endless)).run().await);
        assert!(told.contains("never by itself"), "{told}");
    }
    for (input, reason) in [
        ("", "no token"),
        ("hunter2", "no token of ZenML"),
        ("ZENKEY_hunter2", "an API key"),
        ("a.b.c", "JWT"),
    ] {
        let refused = inspect(&["-"], input).run().await;
        refused.expect(2, &[reason]);
        assert!(!refused.stderr.contains("hunter2"), "{refused:?}");
    }
    let mistaken = inspect(&[&token], "").run().await;
    mistaken.expect(2, &["standard input"]);
    assert!(!mistaken.stderr.contains("eyJ"), "{mistaken:?}");
    inspect(&["nothing.txt"], "").run().await.expect(2, &["nothing.txt"]);
    inspect(&[], &token).run().await.expect(2, &["no ZenML server"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_without_a_file_tells_of_the_session() {
    let (app, _database) = app().await;
    let token = new_token(&app, &["--read-only"]).await;
    let session = token_at(&app.url(), &["inspect"]).with("ZENML_STORE_API_TOKEN", &token);
    let told = expect_ok(session.run().await);
    assert!(told.contains(&id_of(&token)) && told.contains("everywhere: read"), "{told}");
    assert!(told.contains("HS256, with the server's secret"), "{told}");
    run_as(ADMIN, &app, &["inspect"]).await.expect(2, &["no token is remembered"]);
}

/// `zendo token --file token` while it runs, and the file.
fn keeping(program: &Program) -> (ServerProcess, std::path::PathBuf) {
    (program.spawn(), program.folder().join("kept").join("token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_file_always_finds_one_whole_good_token() {
    let (app, _database) = app().await;
    let program = token_as(ADMIN, &app.url(), &["--file", "kept/token", "--expires-in", "3"]);
    let (process, file) = keeping(&program);
    next_token(&file, "").await;
    let mut seen = BTreeSet::new();
    wait_until("there were four tokens", LIMIT, async || {
        for _ in 0..1_000 {
            let token = std::fs::read_to_string(&file).unwrap();
            assert_eq!(mode(&file), 0o600);
            if !seen.contains(&token) {
                assert!(!is_refused(&app, &token).await, "{token:?}");
                seen.insert(token);
            }
        }
        seen.len() >= 4
    })
    .await;
    process.signal("TERM");
    let finished = process.finish().await;
    finished.expect(0, &["is good for", "renewed: ", "stopped; "]);
    assert!(finished.stdout.is_empty() && !finished.stderr.contains("eyJ"), "{finished:?}");
    let left: Vec<_> =
        std::fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(!is_refused(&app, &std::fs::read_to_string(&file).unwrap()).await, "its readers may go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_leaves_the_token_that_is_there_and_ends_with_a_new_one() {
    let database = Database::sqlite();
    let server = Program::server().on(&database).with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD).serve().await;
    let (url, address) = (server.url().to_owned(), server.address().to_owned());
    let program = token_as(ADMIN, &url, &["--file", "kept/token", "--expires-in", "3"]);
    let (process, file) = keeping(&program);
    next_token(&file, "").await;
    server.stop().await;
    wait_until("two tries have failed", LIMIT, async || {
        process.stderr().matches("cannot reach").count() >= 2
    })
    .await;
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept.split('.').count(), 3);
    assert!(process.stderr().contains("trying again in 1 second; the token that is there "));
    let again = Program::new(&["serve", "--listen", &address]).on(&database).serve().await;
    let token = next_token(&file, &kept).await;
    again.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
    process.signal("INT");
    process.finish().await.expect(0, &["stopped"]);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_session_is_the_end_of_keeping() {
    let (app, _database) = app().await;
    let session = app.signed_in().await.api_token(600).await;
    let program = token_at(&app.url(), &["--file", "kept/token", "--expires-in", "3"])
        .with("ZENML_STORE_API_TOKEN", &session);
    let (process, file) = keeping(&program);
    next_token(&file, "").await;
    expect_ok(run_as(ADMIN, &app, &["revoke", &id_of(&session)]).await);
    let finished = process.finish().await;
    finished.expect(1, &["refused the credentials", "was revoked"]);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("eyJ"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_token_is_taken_back_at_the_end_when_that_is_wanted() {
    let (app, _database) = app().await;
    let program = token_as(ADMIN, &app.url(), &["--file", "kept/token", "--revoke-on-exit"]);
    let (process, file) = keeping(&program);
    let token = next_token(&file, "").await;
    process.signal("TERM");
    process.finish().await.expect(0, &[]);
    assert!(is_refused(&app, &token).await && !file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_replaces_no_device_and_no_folder() {
    let (app, _database) = app().await;
    for path in ["/dev/null", "."] {
        run_as(ADMIN, &app, &["--file", path]).await.expect(1, &["no ordinary file"]);
    }
    run_as(ADMIN, &app, &["--file", "/proc/none/token"]).await.expect(1, &["/proc/none/token"]);
}

/// Runs a shell script by `zendo token --exec`.
fn exec(app: &TestApp, args: &[&str], script: &str) -> Program {
    token_as(ADMIN, &app.url(), &[args, &["--exec", "--", "sh", "-c", script]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_has_a_token_of_its_own_until_it_ends() {
    let (app, _database) = app().await;
    let script = r#"
        test "$ZENDO_TOKEN" = "$(cat "$ZENDO_TOKEN_FILE")" -a "$ZENDO_TOKEN" = "$ZENML_STORE_API_TOKEN" || exit 50
        test -z "$ZENML_STORE_PASSWORD$ZENML_STORE_USERNAME" || exit 51
        test "$(stat -c %a "$ZENDO_TOKEN_FILE" "$(dirname "$ZENDO_TOKEN_FILE")" | tr '\n' ' ')" = "600 700 " || exit 52
        tr '\0' ' ' < /proc/$PPID/cmdline | grep -q 'ey[J]' && exit 53
        echo "$ZENDO_TOKEN $ZENDO_TOKEN_FILE $ZENML_STORE_URL"
        exit 7"#;
    let finished = exec(&app, &["--name", "report", "--read-only"], script).run().await;
    finished.expect(7, &[]);
    assert_eq!(finished.stderr, "");
    let said: Vec<&str> = finished.stdout.split_whitespace().collect();
    assert_eq!(said[2], app.url());
    assert!(is_refused(&app, said[0]).await, "it is nobody's any more");
    assert!(!Path::new(said[1]).parent().unwrap().exists());
    let all = listed(&app, &["--all"]).await;
    assert_eq!((&all[0]["name"], &all[0]["scope"]), (&json!("report"), &json!("*:read")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_command_is_good_while_it_runs() {
    let (app, _database) = app().await;
    let script = r#"
        other() { until [ "$(cat "$ZENDO_TOKEN_FILE")" != "$1" ]; do sleep 0.05; done; cat "$ZENDO_TOKEN_FILE"; }
        second=$(other "$ZENDO_TOKEN") && third=$(other "$second") && echo "$ZENDO_TOKEN $second $third"
        echo ready && read -r _"#;
    let program = exec(&app, &["--expires-in", "3"], &script.replace("read -r _", "exec sleep 60"));
    let process = program.spawn();
    wait_until("the command has seen three", LIMIT, async || process.stdout().contains("ready")).await;
    let tokens = process.stdout();
    let third = tokens.split_whitespace().nth(2).unwrap();
    assert!(!is_refused(&app, third).await);
    process.signal("TERM");
    process.finish().await.expect(143, &[]);
    for token in tokens.split_whitespace().take(3) {
        assert!(is_refused(&app, token).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_the_command_and_its_exit_code_comes_back() {
    let (app, _database) = app().await;
    for (name, code) in [("TERM", 3), ("INT", 4), ("HUP", 5), ("USR1", 6)] {
        let script = format!("trap 'exit {code}' {name}; echo ready; while :; do sleep 0.05; done");
        let program = exec(&app, &[], &script);
        let process = program.spawn();
        wait_until("the command runs", LIMIT, async || process.stdout().contains("ready")).await;
        process.signal(name);
        process.finish().await.expect(code, &[]);
    }
    exec(&app, &[], "kill -KILL $$").run().await.expect(137, &[]);
    exec(&app, &[], "exit 0").run().await.expect(0, &[]);
    let run = async |command: &str| run_as(ADMIN, &app, &["--exec", "--", command]).await;
    run("no-such-command").await.expect(127, &["no-such-command"]);
    run("/").await.expect(126, &["`/`"]);
    assert_eq!(listed(&app, &[]).await.len(), 0, "all were taken back");
    run_as(ADMIN, &app, &["--exec"]).await.expect(2, &["--exec", "COMMAND"]);
    run_as(ADMIN, &app, &["--", "true"]).await.expect(2, &["--exec"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_outlives_the_session_goes_on_and_is_told() {
    let (app, _database) = app().await;
    let session = app.signed_in().await.api_token(600).await;
    let script = "echo ready; exec sleep 60";
    let args = ["--expires-in", "3", "--exec", "--", "sh", "-c", script];
    let program = token_at(&app.url(), &args).with("ZENML_STORE_API_TOKEN", &session);
    let process = program.spawn();
    wait_until("the command runs", LIMIT, async || process.stdout().contains("ready")).await;
    expect_ok(run_as(ADMIN, &app, &["revoke", &id_of(&session)]).await);
    let told = "the token is not renewed any more";
    wait_until("it is said", LIMIT, async || process.stderr().contains(told)).await;
    process.signal("TERM");
    process.finish().await.expect(143, &[told]);
}

#[tokio::test]
async fn each_command_explains_itself_with_an_example() {
    for command in ["list", "revoke", "inspect"] {
        let help = expect_ok(Program::new(&["token", command, "--help"]).run().await);
        assert!(help.contains(&format!("\n  zendo token {command}")), "{help}");
    }
    let help = expect_ok(Program::new(&["token", "--help"]).run().await);
    for part in ["--file <PATH>", "--exec", "--read-only", "ZENDO_TOKEN_FILE", "--exec -- python"] {
        assert!(help.contains(part), "{part} is missing in {help}");
    }
}
