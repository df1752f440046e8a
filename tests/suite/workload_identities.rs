//! Jobs of GitHub, GitLab and Kubernetes get their token for the identity that they have: from the terminal, as the examples
//! and docs/workloads.md write it, with tokens of two real providers.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Caller, Database, FarSide, Issuer, PASSWORD, Program, TestApp, ZENDO, apart, end_of, reference_python,
    wait_until,
};
use crate::trusts::service_account;

on_each_store! {
    rules_are_made_listed_tested_and_removed_at_the_terminal,
    a_job_finds_its_identity_and_keeps_a_good_token,
    pipelines_run_with_tokens_of_the_certified_provider,
    pipelines_run_with_tokens_of_another_provider,
    the_requests_of_the_document_work_as_written,
}

const LIMIT: Duration = Duration::from_secs(60);
/// The client imports a lot, and machines are busy.
const PIPELINE: Duration = Duration::from_secs(600);
pub(crate) const SERVER: &str = "https://zen.example.com";
const TRUSTS: &str = "/api/v1/trusts";

pub(crate) fn project(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// A server that is known as the examples' one, with the service account `ci`.
pub(crate) async fn set_up(database: &Database) -> (TestApp, Caller) {
    let app = TestApp::start_with(database, &[("ZENML_SERVER_SERVER_URL", SERVER)]).await;
    let admin = app.signed_in().await;
    service_account(&admin, "ci").await;
    (app, admin)
}

/// The program in a terminal of its own, signed in as the admin.
pub(crate) fn terminal(app: &TestApp, args: &[&str]) -> Program {
    job(app, args).with("ZENML_STORE_USERNAME", "default").with("ZENML_STORE_PASSWORD", PASSWORD)
}

/// The program in a job, where nobody is signed in.
pub(crate) fn job(app: &TestApp, args: &[&str]) -> Program {
    let program = Program::new(args);
    let folder = program.folder().display().to_string();
    program
        .with("PATH", &std::env::var("PATH").unwrap())
        .with("HOME", &folder)
        .with("ZENML_CONFIG_PATH", &format!("{folder}/zenml"))
        .with("ZENML_STORE_URL", &app.url())
}

pub(crate) async fn ok(program: Program) -> String {
    let finished = program.run().await;
    finished.expect(0, &[]);
    finished.stdout
}

async fn rules_are_made_listed_tested_and_removed_at_the_terminal(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = Issuer::start(1).await;
    let add = ["trust", "add", "own", "--account", "ci", "--issuer", &issuer.url, "--condition", "team=ml"];
    let said = ok(terminal(&app, &add)).await;
    assert!(said.contains("Made own") && said.contains(SERVER), "{said}");
    let again = terminal(&app, &add).run().await;
    again.expect(1, &["already exists"]);
    let wide = ["trust", "add", "wide", "--account", "ci", "--github", "acme/app", "--expires-in", "600"];
    let made = terminal(&app, &wide).run().await;
    made.expect(0, &["warning:", "pull requests"]);
    for (args, part) in [
        (&["trust", "add", "x", "--account", "ci", "--branch", "main"][..], "--branch goes with"),
        (
            &["trust", "add", "x", "--account", "ci", "--gitlab", "a/b", "--workflow", "train.yml"],
            "--workflow goes with --github",
        ),
        (&["trust", "add", "x", "--account", "ci", "--kubernetes", "ml/trainer"], "--issuer"),
        (&["trust", "add", "x", "--account", "ci", "--buildkite", "acme"], "ORGANIZATION/PIPELINE"),
        (
            &["trust", "add", "x", "--account", "ci", "--buildkite", "acme/app", "--github", "acme/app"],
            "cannot be used with",
        ),
        (
            &["trust", "add", "x", "--account", "ci", "--issuer", "https://a", "--condition", "sub"],
            "CLAIM=TEXT",
        ),
    ] {
        terminal(&app, args).run().await.expect(2, &[part]);
    }
    let listed = ok(terminal(&app, &["trust", "list"])).await;
    for part in ["own", &issuer.url, "team is ml", "As         ci", "repository is acme/app", "Warning"] {
        assert!(listed.contains(part), "no {part} in {listed}");
    }
    let listed: Value =
        serde_json::from_str(&ok(terminal(&app, &["trust", "list", "--output", "json"])).await).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);

    let token = issuer.token(&app, json!({"aud": SERVER, "team": "ml"}));
    let told = ok(terminal(&app, &["trust", "test", "-"]).reading(&token)).await;
    assert!(told.contains("own takes it") && told.contains("wide doesn't take it"), "{told}");
    assert!(told.contains("can be exchanged"), "{told}");
    let other = issuer.token(&app, json!({"aud": SERVER, "team": "web"}));
    let told = terminal(&app, &["trust", "test", &other]).run().await;
    assert!(told.code == Some(1) && told.stdout.contains("team is 'web', not 'ml'"), "{told:?}");
    ok(terminal(&app, &["trust", "remove", "wide"])).await;
    terminal(&app, &["trust", "remove", "wide"]).run().await.expect(1, &["no trust rule"]);
    assert_eq!(admin.get(TRUSTS).await.expect_ok()["total"], 1);
    job(&app, &["trust", "list"]).run().await.expect(1, &["not signed in"]);
}

async fn a_job_finds_its_identity_and_keeps_a_good_token(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = Issuer::start(1).await;
    let rule =
        json!({"name": "own", "service_account": "ci", "issuer": issuer.url, "conditions": {"sub": "job"}});
    admin.post(TRUSTS, rule).await.expect_ok();
    let fresh = || issuer.token(&app, json!({"aud": SERVER}));
    let exchange = |more: &[&str]| job(&app, &[&["token", "--exchange"], more].concat());
    let name_of = async |token: &str| {
        let answer = app.anonymous().with_token(token.trim()).get("/api/v1/current-user").await;
        answer.expect_ok()["name"].clone()
    };
    exchange(&[]).run().await.expect(1, &["no identity", "id_tokens"]);
    // GitLab's variable, and what narrows it.
    let narrow = exchange(&["--read-only", "--scope", "runs:write", "--name", "n", "--expires-in", "60"]);
    let token = ok(narrow.with("ZENDO_ID_TOKEN", &fresh())).await;
    assert_eq!(name_of(&token).await, "ci");
    let listed = admin.get("/api/v1/api_tokens?name=n").await.expect_ok();
    assert_eq!(listed["items"][0]["body"]["scope"], "runs:read");
    // A file, of which each token is taken once: the next one is waited for.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{}\n", fresh())).unwrap();
    let path = file.display().to_string();
    assert_eq!(name_of(&ok(exchange(&["--subject-token-file", &path])).await).await, "ci");
    let waiting = exchange(&[]).with("ZENDO_SUBJECT_TOKEN_FILE", &path).spawn();
    wait_until("it says that it waits", LIMIT, async || waiting.stderr().contains("waiting for another"))
        .await;
    std::fs::write(&file, fresh()).unwrap();
    let finished = waiting.finish().await;
    finished.expect(0, &[]);
    assert_eq!(name_of(&finished.stdout).await, "ci");
    // A token that nobody trusts is told of, and not tried again.
    let other = issuer.token(&app, json!({"aud": SERVER, "sub": "else"}));
    exchange(&[]).with("ZENDO_ID_TOKEN", &other).run().await.expect(1, &["no trust rule takes it"]);
    // It is renewed in its file, each time for another token of the identity.
    std::fs::write(&file, fresh()).unwrap();
    let kept = folder.path().join("kept");
    let keep = exchange(&[
        "--subject-token-file",
        &path,
        "--file",
        &kept.display().to_string(),
        "--expires-in",
        "3",
    ]);
    let keeper = keep.spawn();
    let mut seen = String::new();
    for _ in 0..2 {
        wait_until("the file holds another token", LIMIT, async || {
            let token = std::fs::read_to_string(&kept).unwrap_or_default();
            let is_new = !token.is_empty() && token != seen;
            if is_new {
                seen = token;
            }
            is_new
        })
        .await;
        std::fs::write(&file, fresh()).unwrap();
    }
    keeper.stop().await;
    // A command has it in its environment, and it is taken back at the end.
    let run = ["--exec", "--", "sh", "-c", "printf %s \"$ZENML_STORE_API_TOKEN\""];
    std::fs::write(&file, fresh()).unwrap();
    let token = ok(exchange(&[&["--subject-token-file", &path], &run[..]].concat())).await;
    app.anonymous().with_token(&token).get("/api/v1/current-user").await.expect(401, "revoked");
}

/// A provider of tests/browser or tests/python.
struct Provider {
    url: String,
    _program: FarSide,
}

impl Provider {
    fn of(program: FarSide) -> Self {
        Self { url: program.url().to_owned(), _program: program }
    }

    /// The certified one.
    async fn of_node() -> Option<Self> {
        FarSide::node("browser/job_identities.mjs").await.map(Self::of)
    }

    async fn of_python() -> Option<Self> {
        FarSide::python("python/job_identities.py").await.map(Self::of)
    }

    fn at(&self, shape: &str) -> String {
        format!("{}/job/{shape}?api-version=2", self.url)
    }

    async fn token(&self, shape: &str) -> String {
        let caller = Caller::new(self.url.clone()).with("authorization", "Bearer of the job");
        let answer = caller.get(&format!("/job/{shape}?audience={SERVER}")).await.expect_ok();
        answer["value"].as_str().unwrap().to_owned()
    }
}

/// The lines of docs/workloads.md of that language, block by block.
fn blocks(language: &str) -> Vec<String> {
    let text = project("docs/workloads.md");
    let parts = text.split("```").skip(1).step_by(2);
    parts.filter_map(|part| part.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// Adds the rules as docs/workloads.md writes them, but for whose tokens they are of.
async fn add_rules(app: &TestApp, provider: &Provider) {
    let block = blocks("sh").into_iter().next().unwrap();
    let lines: Vec<&str> = block.lines().collect();
    let [added @ .., "zendo trust list"] = &lines[..] else { panic!("{block}") };
    assert!(added.len() == 3 && added.iter().all(|line| line.starts_with("zendo trust add ")), "{block}");
    let keys = Caller::new(provider.url.clone());
    let document = keys.get("/.well-known/openid-configuration").await.expect_ok();
    let keys_path = document["jwks_uri"].as_str().unwrap().strip_prefix(&provider.url).unwrap().to_owned();
    let jwks = keys.get(&keys_path).await.expect_ok();
    for line in added {
        let own = match line.contains("--issuer") {
            true => line.replace("https://k8s.example.com", &provider.url),
            false => format!("{line} --issuer {}", provider.url),
        };
        let args: Vec<String> = own.split(' ').map(|arg| arg.trim_matches('"').to_owned()).collect();
        let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
        let program = terminal(app, &args);
        std::fs::write(program.folder().join("jwks.json"), jwks.to_string()).unwrap();
        ok(program).await;
    }
    let listed = ok(terminal(app, &["trust", "list"])).await;
    for name in ["github", "gitlab", "pods"] {
        assert!(listed.contains(name), "no {name} in {listed}");
    }
}

/// The one line of an example of config/ that a job runs.
pub(crate) fn command_of(file: &str) -> String {
    let text = project(file);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("zendo token --exchange")).collect();
    let [line] = lines[..] else { panic!("{file} runs {lines:?}") };
    line[line.find("zendo token").unwrap()..].to_owned()
}

/// Runs what an example runs, with the identity in its surroundings, and says what it said.
async fn run_example(app: &TestApp, file: &str, python: &Path, surroundings: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = blocks("python").into_iter().next().unwrap();
    std::fs::write(folder.path().join("train.py"), pipeline).unwrap();
    let command =
        command_of(file).replace(SERVER, &app.url()).replace("zendo token", &format!("{ZENDO} token"));
    let mut path = python.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let mut shell = apart("sh", folder.path());
    shell
        .args(["-ec", &command])
        .env("PATH", path)
        .env("ZENML_CONFIG_PATH", folder.path().join("zenml"))
        .env("ZENML_ANALYTICS_OPT_IN", "false")
        .env("COLUMNS", "300")
        .envs(surroundings.iter().copied());
    let (status, said) = end_of(&mut shell.spawn().unwrap(), folder.path(), PIPELINE).await;
    assert!(status.success(), "{file}: {said}");
}

/// The same pipeline in the three kinds of job, as the examples run it.
async fn pipelines_run_with_tokens_of(provider: Provider, database: Database) {
    let Some(python) = reference_python() else { return };
    let (app, admin) = set_up(&database).await;
    add_rules(&app, &provider).await;
    // The document's own command is that of the jobs whose identity is good as often as they like.
    let written = blocks("sh").into_iter().find(|block| block.contains("--exec")).unwrap();
    for file in ["config/github-workflow.yml", "config/kubernetes-job.yaml"] {
        assert_eq!(command_of(file), written.trim(), "{file}");
    }
    let url = provider.at("github");
    let github =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the job")];
    run_example(&app, "config/github-workflow.yml", &python, &github).await;
    let token = provider.token("gitlab").await;
    run_example(&app, "config/gitlab-job.yml", &python, &[("ZENDO_ID_TOKEN", &token)]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, provider.token("kubernetes").await).unwrap();
    let file = file.display().to_string();
    run_example(&app, "config/kubernetes-job.yaml", &python, &[("ZENDO_SUBJECT_TOKEN_FILE", &file)]).await;

    let runs = admin.get("/api/v1/runs?project=default&hydrate=true").await.expect_ok();
    assert_eq!(runs["total"], 3, "{runs}");
    for run in runs["items"].as_array().unwrap() {
        assert_eq!(run["body"]["status"], "completed", "{run}");
        assert_eq!(run["resources"]["user"]["name"], "ci", "{run}");
    }
    // Nothing that a job was given is good any more.
    let live = admin.get("/api/v1/api_tokens?active=true&token_type=generic&user=ci").await.expect_ok();
    assert_eq!(live["total"], 0, "{live}");
    // Whose tokens were taken stands in the audit.
    let signed_in = admin.get("/api/v1/audit?action=sign_in&credential=subject_token").await.expect_ok();
    assert_eq!(signed_in["total"], 3, "{signed_in}");
}

async fn pipelines_run_with_tokens_of_the_certified_provider(database: Database) {
    if let Some(provider) = Provider::of_node().await {
        pipelines_run_with_tokens_of(provider, database).await;
    }
}

async fn pipelines_run_with_tokens_of_another_provider(database: Database) {
    if let Some(provider) = Provider::of_python().await {
        pipelines_run_with_tokens_of(provider, database).await;
    }
}

async fn the_requests_of_the_document_work_as_written(database: Database) {
    let Some(provider) = Provider::of_node().await else { return };
    let (app, admin) = set_up(&database).await;
    add_rules(&app, &provider).await;
    let ci = admin.get("/api/v1/service_accounts/ci").await.expect_ok()["id"].as_str().unwrap().to_owned();
    let key = admin
        .post(&format!("/api/v1/service_accounts/{ci}/api_keys"), json!({"name": "k"}))
        .await
        .expect_ok();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), provider.token("kubernetes").await).unwrap();
    let requests: Vec<String> = blocks("sh").into_iter().filter(|block| block.contains("curl")).collect();
    assert_eq!(requests.len(), 2, "{requests:?}");
    for request in requests {
        let mut shell = apart("sh", folder.path());
        shell.args(["-ec", &request.replace(SERVER, &app.url())]);
        shell.env("API_KEY", key["body"]["key"].as_str().unwrap());
        let (status, said) = end_of(&mut shell.spawn().unwrap(), folder.path(), LIMIT).await;
        assert!(status.success(), "{request}: {said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        let holder = app.anonymous().with_token(said["access_token"].as_str().unwrap());
        assert_eq!(holder.get("/api/v1/current-user").await.expect_ok()["name"], "ci");
    }
}
