//! What service connectors give to whoever uses them, by real far sides: tokens of an OpenID provider, a cluster, a
//! registry. Nobody is led to where only this machine can go, and each credential is on record.

use serde_json::{Value, json};

use crate::support::{Caller, Database, FarSide, Lab, TestApp};

const CONNECTORS: &str = "/api/v1/service_connectors";
/// The far sides of tests are on this machine.
const NEAR: [(&str, &str); 1] = [("ZENDO_CONNECTOR_NETWORKS", "127.0.0.1,::1")];

on_each_store! {
    a_registrys_account_is_handed_out,
    a_client_gets_access_tokens_and_never_its_secret,
    a_cluster_is_asked_who_the_connector_is,
    no_connector_leads_to_this_machine_unless_the_operator_allows_it,
    a_far_side_that_misbehaves_is_told_without_its_words,
    whoever_may_use_a_connector_need_not_see_its_secrets,
    a_piece_of_work_uses_the_connectors_of_its_stack,
    a_type_that_is_not_served_is_said_to_be,
    what_connectors_reach_is_listed,
}

fn docker(name: &str, registry: &str) -> Value {
    json!({
        "name": name, "connector_type": "docker", "auth_method": "password",
        "resource_types": ["docker-registry"],
        "configuration": {"username": "robot", "password": "a robot's password", "registry": registry},
    })
}

fn oauth2(name: &str, method: &str, configuration: Value) -> Value {
    json!({
        "name": name, "connector_type": "oauth2", "auth_method": method, "resource_types": ["oauth2-api"],
        "configuration": configuration,
    })
}

fn client_of(provider: &str, client: &str) -> Value {
    json!({
        "api_url": "https://api.example.org", "token_url": format!("{provider}/token"),
        "client_id": client, "client_secret": format!("the secret of {client}"),
    })
}

fn merged(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

async fn make(caller: &Caller, body: &Value) -> Value {
    caller.post(CONNECTORS, body.clone()).await.expect_ok()
}

async fn verify(caller: &Caller, body: &Value) -> Value {
    caller.post(&format!("{CONNECTORS}/verify"), body.clone()).await.expect_ok()
}

fn client_path(connector: &Value) -> String {
    format!("{CONNECTORS}/{}/client", connector["id"].as_str().unwrap())
}

fn error_of(verified: &Value) -> &str {
    assert_eq!(verified["error"], verified["resources"][0]["error"], "{verified}");
    assert_eq!(verified["resources"][0]["resource_ids"], Value::Null);
    verified["error"].as_str().unwrap_or_else(|| panic!("no error: {verified}"))
}

async fn used(admin: &Caller) -> Vec<Value> {
    let page = admin.get("/api/v1/audit?action=connector_used&sort_by=created").await.expect_ok();
    page["items"].as_array().unwrap().clone()
}

async fn a_registrys_account_is_handed_out(database: Database) {
    let Some(registry) = FarSide::registry("robot", "a robot's password").await else { return };
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let host = registry.url().trim_start_matches("http://");
    let body = docker("registry", host);
    let verified = verify(&admin, &body).await;
    assert_eq!(
        verified["resources"],
        json!([
            {"resource_type": "docker-registry", "resource_ids": [host], "error": null}
        ])
    );
    assert_eq!(
        (&verified["id"], &verified["connector_type"]["connector_type"]),
        (&Value::Null, &json!("docker"))
    );
    let connector = make(&admin, &body).await;
    let kept = format!("{CONNECTORS}/{}/verify", connector["id"].as_str().unwrap());
    let verified = admin.put(&kept, json!(null)).await.expect_ok();
    assert_eq!((&verified["name"], &verified["id"]), (&json!("registry"), &connector["id"]));
    let other = admin.put(&format!("{kept}?resource_id=elsewhere.example"), json!(null)).await.expect_ok();
    assert!(error_of(&other).contains("elsewhere.example"));
    admin.put(&format!("{kept}?resource_id=a%20b"), json!(null)).await.expect(400, "resource id");
    admin
        .put(&format!("{kept}?resource_type=s3-bucket"), json!(null))
        .await
        .expect(400, "no such resource type");

    let client = admin.get(&client_path(&connector)).await.expect_ok();
    assert_eq!((&client["id"], &client["name"]), (&connector["id"], &json!("registry")));
    assert_eq!(client["body"]["resource_id"], host);
    let given = &client["metadata"]["configuration"];
    // The real registry takes it, and nothing else.
    let sign_in = |name: &Value, password: &str| {
        use base64::Engine;
        let pair = format!("{}:{password}", name.as_str().unwrap());
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        registry.caller().with("authorization", &format!("Basic {basic}"))
    };
    sign_in(&given["username"], given["password"].as_str().unwrap()).get("/v2/").await.expect(200, "{}");
    sign_in(&given["username"], "another").get("/v2/").await.expect(401, "UNAUTHORIZED");

    let records = used(&admin).await;
    assert_eq!(records.len(), 1, "{records:?}");
    let record = &records[0];
    assert_eq!((&record["subject_id"], &record["user_name"]), (&connector["id"], &json!("default")));
    assert_eq!(record["details"]["resource_id"], host);
    assert!(!record.to_string().contains("robot's"), "{record}");
}

async fn a_client_gets_access_tokens_and_never_its_secret(database: Database) {
    let Some(provider) = FarSide::openid_provider().await else { return };
    let app = TestApp::start_with(&database, &NEAR).await;
    let admin = app.signed_in().await;
    let url = provider.url();
    let posting = merged(client_of(url, "posting"), json!({"client_auth_method": "client_secret_post"}));
    let refreshing =
        merged(client_of(url, "refreshing"), json!({"refresh_token": provider.said["refresh_token"]}));
    for (name, method, configuration) in [
        ("basic", "client-credentials", client_of(url, "basic")),
        ("posting", "client-credentials", posting),
        ("refreshing", "refresh-token", refreshing),
    ] {
        let body = oauth2(name, method, configuration);
        let verified = verify(&admin, &body).await;
        assert_eq!(
            verified["resources"][0]["resource_ids"],
            json!(["https://api.example.org"]),
            "{verified}"
        );
        let connector = make(&admin, &body).await;
        let answer = admin.get(&client_path(&connector)).await;
        let client = answer.expect_ok();
        assert!(
            !answer.text.contains("the secret of")
                && client["metadata"]["configuration"].get("refresh_token").is_none(),
            "{answer:?}"
        );
        assert_eq!(client["body"]["auth_method"], "token");
        let given = &client["metadata"]["configuration"];
        assert_eq!(given["api_url"], "https://api.example.org");
        let end = client["body"]["expires_at"].as_str().unwrap();
        let end = end.parse::<chrono::NaiveDateTime>().unwrap().and_utc() - chrono::Utc::now();
        assert!((590..=600).contains(&end.num_seconds()), "{end}");
        // The provider knows the token as good.
        let asked = [
            ("token", given["access_token"].as_str().unwrap()),
            ("client_id", "posting"),
            ("client_secret", "the secret of posting"),
        ];
        let known = provider.caller().post_form("/token/introspection", &asked).await.expect_ok();
        assert_eq!((&known["active"], &known["client_id"]), (&json!(true), &json!(name)), "{known}");
        // Each gets one of their own.
        let again = admin.get(&client_path(&connector)).await.expect_ok();
        assert_ne!(again["metadata"]["configuration"]["access_token"], given["access_token"]);
    }
    let wrong = merged(client_of(url, "basic"), json!({"client_secret": "a wrong secret"}));
    let refused = verify(&admin, &oauth2("wrong", "client-credentials", wrong.clone())).await;
    assert_eq!(error_of(&refused), "the token endpoint answered 401 (invalid_client)");
    let connector = make(&admin, &oauth2("wrong", "client-credentials", wrong)).await;
    admin.get(&client_path(&connector)).await.expect(401, "AuthorizationException");
    assert_eq!(used(&admin).await.len(), 6, "what was not handed out is on no record");
    // One that is given as it is.
    let fixed = json!({"api_url": "https://api.example.org", "access_token": "a token from elsewhere"});
    let connector = make(&admin, &oauth2("fixed", "token", fixed)).await;
    let client = admin.get(&client_path(&connector)).await.expect_ok();
    assert_eq!(client["metadata"]["configuration"]["access_token"], "a token from elsewhere");
}

async fn a_cluster_is_asked_who_the_connector_is(database: Database) {
    let app = TestApp::start_with(&database, &NEAR).await;
    let admin = app.signed_in().await;
    for arguments in [&[][..], &["old"]] {
        let Some(cluster) = FarSide::cluster(arguments).await else { return };
        let trusted = json!({
            "server": cluster.url(), "cluster_name": "lab", "certificate_authority": cluster.base64("ca.pem"),
        });
        let token = json!({"token": "a service account's token"});
        let password = json!({"username": "ada", "password": "her password"});
        let certificate = json!({
            "client_certificate": cluster.base64("client.pem"), "client_key": cluster.base64("client.key"),
        });
        let of = |method: &str, parts: &[&Value]| {
            let configuration = parts.iter().fold(json!({}), |all, part| merged(all, (*part).clone()));
            json!({
                "name": "cluster", "connector_type": "kubernetes", "auth_method": method,
                "resource_types": ["kubernetes-cluster"], "configuration": configuration,
            })
        };
        for good in [
            of("token", &[&trusted, &token]),
            of("token", &[&trusted, &certificate]),
            of("password", &[&trusted, &password]),
            of("token", &[&trusted, &token, &json!({"certificate_authority": null, "insecure": true})]),
        ] {
            let verified = verify(&admin, &good).await;
            assert_eq!(verified["resources"][0]["resource_ids"], json!(["lab"]), "{verified}");
        }
        let other = json!({"certificate_authority": cluster.base64("other.pem")});
        let half = json!({"client_certificate": cluster.base64("client.pem")});
        let swapped = json!({
            "client_certificate": cluster.base64("client.pem"), "client_key": cluster.base64("server.key"),
        });
        for (bad, reason) in [
            (of("token", &[&trusted, &json!({"token": "another"})]), "the cluster answered 401"),
            (of("token", &[&trusted]), "the cluster answered 401"),
            (
                of("password", &[&trusted, &json!({"username": "ada", "password": "x"})]),
                "the cluster answered 401",
            ),
            (of("token", &[&trusted, &token, &other]), "is not trusted"),
            (of("token", &[&trusted, &token, &json!({"certificate_authority": null})]), "is not trusted"),
            (of("token", &[&trusted, &half]), "go together"),
            (of("token", &[&trusted, &swapped]), "not that of its certificate"),
            (of("token", &[&trusted, &token, &json!({"certificate_authority": "Pz8+"})]), "no certificate"),
        ] {
            let refused = verify(&admin, &bad).await;
            assert!(error_of(&refused).contains(reason), "{reason}: {refused}");
        }
        if arguments.is_empty() {
            let connector = make(&admin, &of("token", &[&trusted, &token])).await;
            let client = admin.get(&client_path(&connector)).await.expect_ok();
            assert_eq!(client["metadata"]["configuration"]["token"], "a service account's token");
            assert_eq!(client["body"]["resource_id"], "lab");
        }
    }
}

async fn no_connector_leads_to_this_machine_unless_the_operator_allows_it(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_CONNECTOR_NETWORKS", "10.1.0.0/16")]).await;
    let admin = app.signed_in().await;
    let server = app.url();
    let port = server.rsplit(':').next().unwrap();
    for inner in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://[64:ff9b::7f00:1]:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://0:{port}/"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[fd00:ec2::254]/".to_owned(),
        "https://192.168.1.1/".to_owned(),
    ] {
        let configuration = merged(client_of("x", "basic"), json!({"token_url": inner}));
        let refused = verify(&admin, &oauth2("inner", "client-credentials", configuration)).await;
        assert!(error_of(&refused).contains("may not call"), "{inner}: {refused}");
        let configuration = json!({"server": inner, "cluster_name": "x", "token": "x", "insecure": true});
        let body = json!({
            "name": "inner", "connector_type": "kubernetes", "auth_method": "token",
            "resource_types": ["kubernetes-cluster"], "configuration": configuration,
        });
        assert!(error_of(&verify(&admin, &body).await).contains("may not call"), "{inner}");
    }
    for (address, reason) in [
        ("http://1.1.1.1/token", "https://"),
        ("https://ada:hunter2@example.org/", "without a user"),
        ("file:///etc/passwd", "https://"),
        ("gopher://example.org/", "https://"),
        ("not an address", "https://"),
    ] {
        let configuration = merged(client_of("x", "basic"), json!({"token_url": address}));
        let refused = verify(&admin, &oauth2("odd", "client-credentials", configuration)).await;
        assert!(error_of(&refused).contains(reason), "{address}: {refused}");
        assert!(!error_of(&refused).contains("hunter2"), "{refused}");
    }
}

/// Answers each connection in its own way, until it is dropped.
async fn misbehaving() -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let answer = |status: &str, more: &str, body: &str| {
                    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n{body}", body.len())
                };
                let told = match head.split(' ').nth(1).unwrap_or_default() {
                    "/moved" => answer("307 Moved", "location: http://169.254.169.254/\r\n", ""),
                    "/words" => answer(
                        "400 Bad",
                        "",
                        r#"{"error": "the secret of basic", "error_description": "words"}"#,
                    ),
                    "/no-json" => answer("200 OK", "", "<html>words</html>"),
                    "/mac" => answer("200 OK", "", r#"{"access_token": "words", "token_type": "mac"}"#),
                    "/empty" => answer("200 OK", "", "{}"),
                    "/large" => format!("HTTP/1.1 200 OK\r\n\r\n{}", "words ".repeat(1 << 20)),
                    _ => String::new(),
                };
                let _ = stream.write_all(told.as_bytes()).await;
            });
        }
    });
    (url, served)
}

async fn a_far_side_that_misbehaves_is_told_without_its_words(database: Database) {
    let app = TestApp::start_with(&database, &NEAR).await;
    let admin = app.signed_in().await;
    let (url, served) = misbehaving().await;
    for (path, reason) in [
        ("/moved", "answered 307"),
        ("/words", "answered 400"),
        ("/no-json", "no JSON object"),
        ("/mac", "no bearer token"),
        ("/empty", "no access_token"),
        ("/large", "too large"),
        ("/nothing", "can't be reached"),
    ] {
        let configuration = merged(client_of(&url, "basic"), json!({"token_url": format!("{url}{path}")}));
        let refused = verify(&admin, &oauth2("odd", "client-credentials", configuration)).await;
        let told = error_of(&refused);
        assert!(told.contains(reason), "{path}: {told}");
        assert!(!told.contains("words") && !told.contains("secret of"), "{told}");
    }
    served.abort();
    let gone = merged(client_of("x", "basic"), json!({"token_url": "http://127.0.0.1:1/token"}));
    let refused = verify(&admin, &oauth2("gone", "client-credentials", gone)).await;
    assert!(error_of(&refused).contains("can't be reached"), "{refused}");
    // A header or parameter that isn't the connector's to set.
    for more in [json!({"token_headers": {"Host": "x"}}), json!({"token_headers": {"a b": "x"}})] {
        let configuration = merged(client_of(&url, "basic"), more);
        let refused = verify(&admin, &oauth2("odd", "client-credentials", configuration)).await;
        assert!(error_of(&refused).contains("token_headers"), "{refused}");
    }
    for more in
        [json!({"token_headers": {"authorization": "x"}}), json!({"token_params": {"grant_type": "x"}})]
    {
        let configuration = merged(client_of(&url, "basic"), more);
        let body = oauth2("odd", "client-credentials", configuration);
        admin.post(&format!("{CONNECTORS}/verify"), body).await.expect(400, "can't set");
    }
}

async fn whoever_may_use_a_connector_need_not_see_its_secrets(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let connector = make(&admin, &docker("registry", "registry.example")).await;
    let path = format!("{CONNECTORS}/{}", connector["id"].as_str().unwrap());
    let narrowed = async |scope: &str| {
        let token = admin.get(&format!("/api/v1/api_token?scope={scope}")).await.expect_ok();
        app.anonymous().with_token(token.as_str().unwrap())
    };
    let shows = |answer: Value| answer.to_string().contains("a robot's password");

    let reader = narrowed("service_connectors:read").await;
    for query in ["", "?expand_secrets=true", "?hydrate=true"] {
        assert!(!shows(reader.get(&format!("{path}{query}")).await.expect_ok()), "{query}");
        assert!(!shows(reader.get(&format!("{CONNECTORS}{query}")).await.expect_ok()), "{query}");
    }
    reader.get(&format!("{path}/client")).await.expect(403, "service_connectors:use");
    reader.put(&format!("{path}/verify"), json!(null)).await.expect(403, "service_connectors:use");
    reader.get(&format!("{CONNECTORS}/resources")).await.expect(403, "service_connectors:use");
    reader
        .post(&format!("{CONNECTORS}/verify"), docker("x", "x.example"))
        .await
        .expect(403, "service_connectors:use");

    let user = narrowed("service_connectors:use").await;
    user.get(&path).await.expect(403, "service_connectors:read");
    assert!(shows(user.get(&format!("{path}/client")).await.expect_ok()));
    user.put(&format!("{path}/verify"), json!(null)).await.expect_ok();

    let auditor = narrowed("service_connectors:read%20service_connectors:secrets").await;
    assert!(shows(auditor.get(&path).await.expect_ok()) && shows(auditor.get(CONNECTORS).await.expect_ok()));
    assert!(!shows(auditor.get(&format!("{path}?expand_secrets=false")).await.expect_ok()));
    auditor.get(&format!("{path}/client")).await.expect(403, "service_connectors:use");

    // What makes or changes one shows no more than reading it does.
    let writer = narrowed("service_connectors:create%20service_connectors:update").await;
    assert!(!shows(writer.post(CONNECTORS, docker("other", "x.example")).await.expect_ok()));
    assert!(!shows(writer.put(&path, json!({"description": "new"})).await.expect_ok()));
    assert!(shows(narrowed("service_connectors:write").await.get(&path).await.expect_ok()), "all verbs");
    assert!(shows(admin.get(&path).await.expect_ok()));
}

async fn a_piece_of_work_uses_the_connectors_of_its_stack(database: Database) {
    let app = TestApp::start(&database).await;
    let mut lab = Lab::of(&app).await;
    let admin = &lab.caller.clone();
    let own = make(admin, &docker("own", "own.example")).await;
    let other = make(admin, &docker("other", "other.example")).await;
    let component = json!({
        "name": "registry", "type": "container_registry", "flavor": "dockerhub",
        "configuration": {"uri": "docker.io"}, "connector": own["id"],
    });
    let registry = admin.post("/api/v1/components", component).await.expect_ok();
    let stack = admin.get("/api/v1/stacks?name=default&hydrate=true").await.expect_ok()["items"][0].clone();
    let of = |kind: &str| stack["metadata"]["components"][kind][0]["id"].clone();
    let body = json!({"name": "connected", "components": {
        "orchestrator": [of("orchestrator")], "artifact_store": [of("artifact_store")],
        "container_registry": [registry["id"]],
    }});
    lab.stack = admin.post("/api/v1/stacks", body).await.expect_ok()["id"].clone();
    lab.snapshot = lab.post_snapshot(json!({})).await.expect_ok();
    let run = lab.run("run", json!({})).await;
    let asked =
        format!("/api/v1/api_token?token_type=workload&pipeline_run_id={}", run["id"].as_str().unwrap());
    let token = admin.get(&asked).await.expect_ok();
    let step = app.anonymous().with_token(token.as_str().unwrap());

    let client = step.get(&client_path(&own)).await.expect_ok();
    assert_eq!(client["metadata"]["configuration"]["password"], "a robot's password");
    step.get(&client_path(&other)).await.expect(403, "of its stack only");
    let verify = |connector: &Value| format!("{CONNECTORS}/{}/verify", connector["id"].as_str().unwrap());
    step.put(&verify(&own), json!(null)).await.expect_ok();
    step.put(&verify(&other), json!(null)).await.expect(403, "of its stack only");
    step.post(&format!("{CONNECTORS}/verify"), docker("x", "x.example"))
        .await
        .expect(403, "of its stack only");
    let reached = step.get(&format!("{CONNECTORS}/resources")).await.expect_ok();
    let names: Vec<&Value> = reached.as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["own"]);
    // The secrets of one that is served are not the step's to read.
    for connector in [&own, &other] {
        let path = format!("{CONNECTORS}/{}", connector["id"].as_str().unwrap());
        assert!(!step.get(&path).await.expect_ok().to_string().contains("a robot's password"));
    }
    assert!(!step.get(CONNECTORS).await.expect_ok().to_string().contains("a robot's password"));
    let record = &used(admin).await[0];
    assert_eq!(record["subject_id"], own["id"]);
}

async fn a_type_that_is_not_served_is_said_to_be(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let aws = json!({
        "name": "cloud", "connector_type": "aws", "auth_method": "secret-key", "resource_types": ["s3-bucket"],
        "configuration": {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region": "eu-west-1"},
    });
    admin.post(&format!("{CONNECTORS}/verify"), aws.clone()).await.expect(501, "'aws'");
    let connector = make(&admin, &aws).await;
    let path = format!("{CONNECTORS}/{}", connector["id"].as_str().unwrap());
    admin.put(&format!("{path}/verify"), json!(null)).await.expect(501, "'aws'");
    admin.get(&format!("{path}/client")).await.expect(501, "'aws'");
    let reached = admin.get(&format!("{CONNECTORS}/resources?resource_type=s3-bucket")).await.expect_ok();
    let resources = reached[0]["resources"].as_array().unwrap();
    assert_eq!((resources.len(), &resources[0]["resource_type"]), (1, &json!("s3-bucket")), "{reached}");
    admin
        .get(&format!("{CONNECTORS}/00000000-0000-0000-0000-000000000000/client"))
        .await
        .expect(404, "KeyError");
}

async fn what_connectors_reach_is_listed(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for name in ["one", "two"] {
        make(&admin, &docker(name, &format!("{name}.example"))).await;
    }
    let expired = merged(docker("old", "old.example"), json!({"expires_at": "2020-01-01T00:00:00Z"}));
    make(&admin, &expired).await;
    for path in [format!("{CONNECTORS}/resources"), "/api/v1/workspaces/none/resources".to_owned()] {
        let reached = admin.get(&path).await.expect_ok();
        let ids: Vec<&Value> =
            reached.as_array().unwrap().iter().map(|entry| &entry["resources"][0]["resource_ids"]).collect();
        assert_eq!(ids, [&json!(["one.example"]), &json!(["two.example"]), &Value::Null], "{reached}");
        assert!(reached[2]["error"].as_str().unwrap().contains("expired"));
        let one = admin.get(&format!("{path}?name=one&resource_type=docker-registry")).await.expect_ok();
        assert_eq!(one.as_array().unwrap().len(), 1);
        assert_eq!(admin.get(&format!("{path}?resource_type=s3-bucket")).await.expect_ok(), json!([]));
    }
    // The one that is meant by its id reaches it, in any of its forms.
    let path = format!("{CONNECTORS}/resources?resource_id=https://two.example/path");
    let reached = admin.get(&path).await.expect_ok();
    let found = reached.as_array().unwrap().iter().filter(|entry| entry["error"].is_null());
    assert_eq!(found.map(|entry| &entry["name"]).collect::<Vec<_>>(), ["two"]);
    // An expired one, a little before its end, is no good either.
    let near = (chrono::Utc::now() + chrono::TimeDelta::seconds(200)).to_rfc3339();
    let connector = make(&admin, &merged(docker("near", "x.example"), json!({"expires_at": near}))).await;
    admin.get(&client_path(&connector)).await.expect(401, "expired");
    let tolerant = json!({"expires_at": near, "expires_skew_tolerance": 0});
    let connector = make(&admin, &merged(docker("tolerant", "x.example"), tolerant)).await;
    let client = admin.get(&client_path(&connector)).await.expect_ok();
    assert_eq!(client["body"]["expires_at"], connector["body"]["expires_at"]);
}
