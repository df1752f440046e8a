//! A job of Buildkite gets its token for the identity that its agent gives it, as the example of config/ writes it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::{Caller, Database, Issuer, Program, TestApp, ZENDO, apart, end_of, wait_until};
use crate::workload_identities::{SERVER, job, ok, project, set_up, terminal};

const LIMIT: Duration = Duration::from_secs(60);
const TRUSTS: &str = "/api/v1/trusts";

on_each_store! {
    a_rule_for_buildkite_is_made_at_the_terminal,
    a_job_of_buildkite_asks_its_agent,
    the_example_for_buildkite_runs_as_written,
}

/// A program of that name, which stands for another one.
fn stand_in(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A folder of programs with an agent, which notes what it is asked, and gives one token after the other.
struct Agent {
    folder: tempfile::TempDir,
}

impl Agent {
    fn new(tokens: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"here=$(dirname "$0")
echo "$@" >>"$here/asked"
[ "$BUILDKITE_AGENT_ACCESS_TOKEN" = "of the job" ] || { echo "no job" >&2; exit 1; }
set -- "$here"/*.token
cat "$1" && rm "$1""#;
        stand_in(folder.path(), "buildkite-agent", text);
        for (place, token) in tokens.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{place:03}.token")), format!("{token}\n")).unwrap();
        }
        Self { folder }
    }

    fn path(&self) -> String {
        format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap())
    }

    fn asked(&self) -> Vec<String> {
        let asked = std::fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }

    fn job(&self, app: &TestApp, more: &[&str]) -> Program {
        job(app, &[&["token", "--exchange"], more].concat())
            .with("PATH", &self.path())
            .with("BUILDKITE", "true")
            .with("BUILDKITE_AGENT_ACCESS_TOKEN", "of the job")
    }
}

/// What Buildkite says of a job.
pub(crate) fn claims(branch: &str) -> serde_json::Value {
    json!({
        "aud": SERVER, "sub": format!("organization:acme:pipeline:app:ref:refs/heads/{branch}:commit:a1:step:train"),
        "organization_slug": "acme", "pipeline_slug": "app", "build_number": 7, "build_branch": branch,
        "build_commit": "a1", "step_key": "train", "job_id": "1", "agent_id": "2",
    })
}

/// The rule of config/buildkite-pipeline.yml, for another issuer.
async fn trusted(admin: &Caller) -> Issuer {
    let issuer = Issuer::start(1).await;
    let form = json!({"kind": "buildkite", "organization": "acme", "pipeline": "app", "branch": "main"});
    let rule = json!({"name": "train", "service_account": "ci", "issuer": issuer.url, "form": form});
    admin.post(TRUSTS, rule).await.expect_ok();
    issuer
}

async fn name_of(app: &TestApp, token: &str) -> serde_json::Value {
    let answer = app.anonymous().with_token(token.trim()).get("/api/v1/current-user").await;
    answer.expect_ok()["name"].clone()
}

async fn a_rule_for_buildkite_is_made_at_the_terminal(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = Issuer::start(1).await;
    let add = |name: &str, more: &[&str]| {
        let rule = ["trust", "add", name, "--account", "ci", "--buildkite"];
        terminal(&app, &[&rule, more].concat())
    };
    add("open", &["acme/app"]).run().await.expect(0, &["warning:", "pull requests", "build_branch"]);
    let narrow = add("narrow", &["acme/app", "--branch", "main"]).run().await;
    assert!(narrow.code == Some(0) && !narrow.stderr.contains("warning"), "{narrow:?}");
    ok(add("own", &["acme/app", "--branch", "main", "--issuer", &issuer.url, "--scope", "runs:write"])).await;
    for (more, part) in [
        (&["acme/*"][..], "slug"),
        (&["acme/app/more"], "slug"),
        (&["/app"], "slug"),
        (&["acme/app", "--condition", "pipeline_slug=*"], "pipeline_slug"),
    ] {
        add("wrong", more).run().await.expect(1, &[part]);
    }
    // What Buildkite's tokens don't say is refused before a server is asked.
    for (more, part) in [
        (["acme/app", "--environment", "prod"], "--environment goes with --github or --gitlab"),
        (["acme/app", "--workflow", "train.yml"], "--workflow goes with --github"),
    ] {
        add("wrong", &more).run().await.expect(2, &[part]);
    }
    let listed = ok(terminal(&app, &["trust", "list"])).await;
    for part in [
        "https://agent.buildkite.com",
        "organization_slug is acme",
        "pipeline_slug is app",
        "build_branch is main",
        "Warning",
    ] {
        assert!(listed.contains(part), "no {part} in {listed}");
    }
    let told = async |claims| {
        let token = issuer.token(&app, claims);
        terminal(&app, &["trust", "test", &token]).run().await
    };
    let takes = told(claims("main")).await;
    assert!(takes.code == Some(0) && takes.stdout.contains("own takes it"), "{takes:?}");
    let refuses = told(claims("topic")).await;
    let reason = "build_branch is 'topic', not 'main'";
    assert!(refuses.code == Some(1) && refuses.stdout.contains(reason), "{refuses:?}");
    let agent = Agent::new(&[issuer.token(&app, claims("main"))]);
    assert_eq!(name_of(&app, &ok(agent.job(&app, &["--name", "n"])).await).await, "ci");
    let given = admin.get("/api/v1/api_tokens?name=n").await.expect_ok();
    assert_eq!(given["items"][0]["body"]["scope"], "runs:write", "{given}");
    assert_eq!(admin.get(TRUSTS).await.expect_ok()["total"], 3);
}

async fn a_job_of_buildkite_asks_its_agent(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = trusted(&admin).await;
    let tokens: Vec<String> = (0..4).map(|_| issuer.token(&app, claims("main"))).collect();
    let agent = Agent::new(&tokens);
    assert_eq!(name_of(&app, &ok(agent.job(&app, &[])).await).await, "ci");
    assert_eq!(agent.asked(), [format!("oidc request-token --audience {SERVER}")]);
    // Each renewal has another one.
    let kept = agent.folder.path().join("kept");
    let keeper = agent.job(&app, &["--file", &kept.display().to_string(), "--expires-in", "3"]).spawn();
    let mut seen = String::new();
    for _ in 0..2 {
        wait_until("the file holds another token", LIMIT, async || {
            let token = std::fs::read_to_string(&kept).unwrap_or_default();
            let is_new = !token.is_empty() && token != seen;
            seen = if is_new { token } else { seen.clone() };
            is_new
        })
        .await;
    }
    keeper.stop().await;
    assert!(agent.asked().len() >= 3);
    // Other audiences are asked for, and what the agent complains of is told.
    let agent = Agent::new(&[issuer.token(&app, claims("topic"))]);
    let other = agent.job(&app, &["--audience", "https://other.example.com"]).run().await;
    other.expect(1, &["no trust rule takes it"]);
    assert_eq!(agent.asked(), ["oidc request-token --audience https://other.example.com"]);
    let refused = agent.job(&app, &[]).with("BUILDKITE_AGENT_ACCESS_TOKEN", "else").run().await;
    refused.expect(1, &["buildkite-agent", "gave no token", "no job"]);
    // Somebody else's machine that has an agent is no job, and a job without an agent has no identity.
    agent.job(&app, &[]).with("BUILDKITE", "false").run().await.expect(1, &["no identity"]);
    let without = agent.job(&app, &[]).with("PATH", "/usr/bin:/bin");
    without.run().await.expect(1, &["no identity", "buildkite-agent"]);
}

async fn the_example_for_buildkite_runs_as_written(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = trusted(&admin).await;
    let example = project("config/buildkite-pipeline.yml");
    let rule = example.lines().find(|line| line.contains("zendo trust add")).unwrap();
    assert!(rule.contains("--account ci --buildkite acme/app --branch main"), "{rule}");
    let command = example.lines().find_map(|line| line.trim().strip_prefix("command: ")).unwrap();
    let command = command.replace(SERVER, &app.url()).replacen("zendo ", &format!("{ZENDO} "), 1);
    let agent = Agent::new(&[issuer.token(&app, claims("main"))]);
    let token = "curl -fsS -H \"Authorization: Bearer $ZENML_STORE_API_TOKEN\" \"$ZENML_STORE_URL/api/v1/current-user\"";
    stand_in(agent.folder.path(), "python", &format!("[ \"$1\" = train.py ] && {token}"));
    let folder = tempfile::tempdir().unwrap();
    let mut shell = apart("sh", folder.path());
    shell
        .args(["-ec", &command])
        .env("PATH", agent.path())
        .env("ZENML_CONFIG_PATH", folder.path().join("zenml"));
    shell.env("BUILDKITE", "true").env("BUILDKITE_AGENT_ACCESS_TOKEN", "of the job");
    let (status, said) = end_of(&mut shell.spawn().unwrap(), folder.path(), LIMIT).await;
    assert!(status.success() && said.contains("\"name\":\"ci\""), "{said}");
    let live = admin.get("/api/v1/api_tokens?active=true&token_type=generic&user=ci").await.expect_ok();
    assert_eq!(live["total"], 0, "{live}");
}
