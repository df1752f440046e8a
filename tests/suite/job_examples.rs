//! The examples of jobs in config/: read as those read them who run such files, each asks for the job's identity, stores no secret,
//! and runs the one command that the tests of jobs run; and the rule that it names takes its jobs' tokens, and no others.

use serde_json::{Value, json};

use crate::buildkite_jobs;
use crate::support::{Database, Issuer, exchange};
use crate::workload_identities::{SERVER, command_of, ok, project, set_up, terminal};

on_each_store! {
    the_rule_that_an_example_names_takes_its_jobs_and_no_others,
}

const GITHUB: &str = "config/github-workflow.yml";
const GITLAB: &str = "config/gitlab-job.yml";
const KUBERNETES: &str = "config/kubernetes-job.yaml";
const BUILDKITE: &str = "config/buildkite-pipeline.yml";
const ALL: [&str; 4] = [GITHUB, GITLAB, KUBERNETES, BUILDKITE];
/// What a file of a job that has to keep a secret would have in it.
const OF_SECRETS: [&str; 8] =
    ["secret", "password", "api_key", "apikey", "zenkey_", "credential", "access_token", "eyj"];

/// The documents of an example.
fn documents(file: &str) -> Vec<Value> {
    let text = project(file);
    let documents = serde_norway::Deserializer::from_str(&text);
    documents.map(|document| serde::Deserialize::deserialize(document).unwrap()).collect()
}

/// The one document of an example.
fn document(file: &str) -> Value {
    let [document] = <[Value; 1]>::try_from(documents(file)).expect("one document");
    document
}

/// Each name and text of a document, with where it stands.
fn texts(at: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| texts(&format!("{at}.{name}"), value)).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| texts(at, item)).collect(),
        value => vec![format!("{at}={value}")],
    }
}

#[test]
fn a_workflow_of_github_may_ask_for_its_identity_and_for_no_more() {
    let workflow = document(GITHUB);
    assert_eq!(workflow["permissions"], json!({"contents": "read", "id-token": "write"}));
    let job = &workflow["jobs"]["train"];
    // A job's own would take their place.
    assert_eq!(
        (&job["permissions"], &job["env"], &workflow["env"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let steps = job["steps"].as_array().unwrap();
    let commands: Vec<&Value> = steps.iter().filter_map(|step| step.get("run")).collect();
    assert_eq!(commands, [&json!(command_of(GITHUB))]);
}

#[test]
fn a_job_of_gitlab_has_an_identity_for_the_server_alone() {
    let all = document(GITLAB);
    let job = &all["train"];
    // It stands in the variable that is looked for.
    assert_eq!(job["id_tokens"], json!({"ZENDO_ID_TOKEN": {"aud": SERVER}}));
    assert_eq!((&job["script"], &job["variables"]), (&json!([command_of(GITLAB)]), &Value::Null));
    assert_eq!(all.as_object().unwrap().len(), 1);
}

#[test]
fn a_pod_has_a_projected_identity_and_no_other() {
    let documents = documents(KUBERNETES);
    let kind = |kind: &str| documents.iter().find(|document| document["kind"] == kind).unwrap();
    let (account, job) = (kind("ServiceAccount"), kind("Job"));
    assert_eq!(documents.len(), 2);
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(account["metadata"], json!({"name": pod["serviceAccountName"], "namespace": "ml"}));
    assert_eq!(job["metadata"]["namespace"], "ml");
    // The token for the cluster itself stays out.
    assert_eq!(pod["automountServiceAccountToken"], false);
    let [volume] = &pod["volumes"].as_array().unwrap()[..] else { panic!("{pod}") };
    let [source] = &volume["projected"]["sources"].as_array().unwrap()[..] else { panic!("{volume}") };
    let token = &source["serviceAccountToken"];
    assert_eq!(token["audience"], SERVER);
    // Kubernetes gives none for less than ten minutes, and none that is older is taken.
    assert_eq!(token["expirationSeconds"], 600);
    let [container] = &pod["containers"].as_array().unwrap()[..] else { panic!("{pod}") };
    let [mount] = &container["volumeMounts"].as_array().unwrap()[..] else { panic!("{container}") };
    assert_eq!((&mount["name"], &mount["readOnly"]), (&volume["name"], &json!(true)));
    let path = format!("{}/{}", mount["mountPath"].as_str().unwrap(), token["path"].as_str().unwrap());
    assert_eq!(path, zendo_client::exchange::KUBERNETES_FILE);
    assert_eq!(container["command"], json!(["sh", "-c"]));
    assert_eq!(container["args"], json!([command_of(KUBERNETES)]));
    assert_eq!((&container["env"], &container["envFrom"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_step_of_buildkite_leaves_the_identity_to_its_agent() {
    let pipeline = document(BUILDKITE);
    let [step] = &pipeline["steps"].as_array().unwrap()[..] else { panic!("{pipeline}") };
    assert_eq!((&step["command"], &step["branches"]), (&json!(command_of(BUILDKITE)), &json!("main")));
    // The agent of the job's own machine is asked; a container would need it, too.
    assert_eq!(
        (&step["plugins"], &step["env"], &pipeline["env"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

#[test]
fn no_example_stores_a_secret_and_all_run_the_same_for_the_same_server() {
    for file in ALL {
        for document in documents(file) {
            for text in texts("", &document) {
                // The folder that Kubernetes mounts an identity in is called so.
                let lower = text.to_lowercase().replace("/var/run/secrets/zendo", "");
                let secret = OF_SECRETS.iter().find(|word| lower.contains(**word));
                assert!(secret.is_none(), "{file} has {secret:?}: {text}");
                assert!(!text.contains("${{"), "{file} takes something from elsewhere: {text}");
            }
        }
        let exchange = format!("zendo token --exchange --server {SERVER}");
        let command = command_of(file);
        let rest = command.strip_prefix(&exchange).unwrap_or_else(|| panic!("{file} runs {command}"));
        // What GitLab gives can't be renewed, so its token lives as long as the job.
        let lives = if file == GITLAB { " --expires-in 14400" } else { "" };
        assert_eq!(rest, format!("{lives} --exec -- python train.py"), "{file}");
    }
}

/// The line of an example that makes its rule, as it is written, but for the issuer.
fn rule_of(file: &str, issuer: &Issuer) -> Vec<String> {
    let text = project(file);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("zendo trust add")).collect();
    let [line] = lines[..] else { panic!("{file} has the rules {lines:?}") };
    let line = line.trim_start_matches(['#', ' ']);
    let own = match line.contains("--issuer") {
        true => line.replace("https://k8s.example.com", &issuer.url),
        false => format!("{line} --issuer {}", issuer.url),
    };
    own.split(' ').skip(1).map(str::to_owned).collect()
}

/// What a job of an example is, as its token says it, and that of the same work in another place.
fn jobs_of(file: &str) -> [Value; 2] {
    let github = |repository: &str, branch: &str| {
        let subject = format!("repo:{repository}:ref:refs/heads/{branch}");
        json!({"sub": subject, "repository": repository, "ref": format!("refs/heads/{branch}"), "event_name": "push"})
    };
    let gitlab = |branch: &str, kind: &str| {
        let subject = format!("project_path:acme/app:ref_type:{kind}:ref:{branch}");
        json!({"sub": subject, "project_path": "acme/app", "ref": branch, "ref_type": kind})
    };
    let pod = |account: &str| {
        let subject = format!("system:serviceaccount:ml:{account}");
        json!({"sub": subject, "kubernetes.io": {"namespace": "ml", "serviceaccount": {"name": account}}})
    };
    match file {
        GITHUB => [github("acme/app", "main"), github("acme/app", "topic")],
        GITLAB => [gitlab("main", "branch"), gitlab("main", "tag")],
        KUBERNETES => [pod("trainer"), pod("default")],
        BUILDKITE => [buildkite_jobs::claims("main"), buildkite_jobs::claims("topic")],
        _ => panic!("{file} is another example"),
    }
}

async fn the_rule_that_an_example_names_takes_its_jobs_and_no_others(database: Database) {
    let (app, admin) = set_up(&database).await;
    for (place, file) in ALL.into_iter().enumerate() {
        let issuer = Issuer::start(place as u8 + 1).await;
        let rule = rule_of(file, &issuer);
        let program = terminal(&app, &rule.iter().map(String::as_str).collect::<Vec<_>>());
        std::fs::write(program.folder().join("jwks.json"), issuer.jwks().to_string()).unwrap();
        let said = program.run().await;
        said.expect(0, &[]);
        assert!(!said.stderr.contains("warning"), "{file}: {said:?}");
        for (claims, status) in jobs_of(file).into_iter().zip([200, 400]) {
            let mut claims = claims;
            claims["aud"] = json!(SERVER);
            let answer = exchange(&app.anonymous(), &issuer.token(&app, claims.clone()), &[]).await;
            assert_eq!(answer.status, status, "{file}: {claims} {answer:?}");
        }
        app.clock.advance(60);
        // All of them are called the same.
        ok(terminal(&app, &["trust", "remove", "train"])).await;
    }
    assert_eq!(admin.get("/api/v1/trusts").await.expect_ok()["total"], 0);
}
