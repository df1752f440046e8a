//! Trust rules: admins say whose tokens are taken, as whom, and see what is wrong with that.

use serde_json::{Value, json};

use crate::support::{Caller, Database, Issuer, TestApp, exchange};

on_each_store! {
    an_admin_makes_changes_tests_and_deletes_a_rule,
    a_rule_that_means_nothing_is_refused,
    only_admins_who_are_signed_in_make_rules,
    forms_stand_for_conditions_and_warnings_tell_of_everybody,
    a_test_says_which_rule_takes_a_token_and_why_the_others_do_not,
    rules_go_with_their_service_account,
    a_rule_is_audited_and_listed,
}

const TRUSTS: &str = "/api/v1/trusts";

pub(crate) async fn service_account(admin: &Caller, name: &str) -> String {
    let account = json!({"name": name, "active": true});
    let made = admin.post("/api/v1/service_accounts", account).await.expect_ok();
    made["id"].as_str().unwrap().to_owned()
}

fn rule(name: &str) -> Value {
    json!({
        "name": name, "service_account": "ci", "issuer": "https://issuer.example", "audience": "zendo",
        "conditions": {"repository": "acme/app", "ref": ["refs/heads/main", "refs/heads/release/*"]},
    })
}

fn with(rule: &Value, changes: Value) -> Value {
    let mut rule = rule.clone();
    for (name, value) in changes.as_object().unwrap() {
        rule[name] = value.clone();
    }
    rule
}

async fn app_and_admin(database: &Database) -> (TestApp, Caller) {
    let app = TestApp::start(database).await;
    let admin = app.signed_in().await;
    service_account(&admin, "ci").await;
    (app, admin)
}

async fn an_admin_makes_changes_tests_and_deletes_a_rule(database: Database) {
    let (app, admin) = app_and_admin(&database).await;
    let full = json!({
        "description": "d", "scope": "runs:read runs:update", "projects": ["default"], "expires_in": 600,
        "addresses": ["127.0.0.1", "10.1.2.3/8"],
    });
    let made = admin.post(TRUSTS, with(&rule("train"), full)).await.expect_ok();
    let body = &made["body"];
    assert_eq!((&made["name"], &body["issuer"]), (&json!("train"), &json!("https://issuer.example")));
    assert_eq!(body["conditions"]["repository"], json!(["acme/app"]));
    assert_eq!((&body["scope"], &body["expires_in"]), (&json!("runs:read runs:update"), &json!(600)));
    assert_eq!(
        (&body["active"], &body["has_jwks"], &body["warnings"]),
        (&json!(true), &json!(false), &json!([]))
    );
    assert_eq!(body["projects"].as_array().unwrap().len(), 1);
    assert_eq!(body["addresses"].as_array().unwrap().len(), 2);
    assert_eq!(made["resources"]["service_account"]["name"], "ci");
    assert_eq!((&made["metadata"]["description"], &made["metadata"]["tokens"]), (&json!("d"), &json!(0)));
    let path = format!("{TRUSTS}/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.expect_ok(), made);
    assert_eq!(admin.get(&format!("{TRUSTS}/train")).await.expect_ok(), made);

    // Its name alone changes nothing of what it means.
    let renamed = admin.put(&path, json!({"name": "nightly", "description": ""})).await.expect_ok();
    assert_eq!(renamed["metadata"]["credential_id"], made["metadata"]["credential_id"]);
    let wider =
        json!({"scope": null, "projects": null, "addresses": null, "expires_in": null, "active": false});
    let changed = admin.put(&path, wider).await.expect_ok();
    assert_ne!(changed["metadata"]["credential_id"], made["metadata"]["credential_id"]);
    for gone in ["scope", "projects", "addresses", "expires_in"] {
        assert_eq!(changed["body"][gone], Value::Null, "{gone}");
    }
    assert_eq!((&changed["name"], &changed["body"]["active"]), (&json!("nightly"), &json!(false)));
    assert_eq!(admin.delete(&format!("{TRUSTS}/nightly")).await.expect_ok(), Value::Null);
    admin.get(&path).await.expect(404, "no trust rule");
    admin.delete(&path).await.expect(404, "no trust rule");
    app.stop().await;
}

async fn a_rule_that_means_nothing_is_refused(database: Database) {
    let (_app, admin) = app_and_admin(&database).await;
    let ours = rule("train");
    for (changes, part) in [
        (json!({"issuer": "http://issuer.example"}), "issuer"),
        (json!({"issuer": "issuer"}), "issuer"),
        (json!({"issuer": null}), "issuer"),
        (json!({"conditions": {}}), "everybody"),
        (json!({"conditions": {"a//b": "c"}}), "a//b"),
        (json!({"conditions": {"a": 1}}), "text"),
        (json!({"audience": " "}), "audience"),
        (json!({"scope": "nothings:read"}), "nothings"),
        (json!({"scope": "runs"}), "scope"),
        (json!({"projects": []}), "projects"),
        (json!({"expires_in": 0}), "expires_in"),
        (json!({"expires_in": 99_999_999}), "expires_in"),
        (json!({"addresses": ["nowhere"]}), "neither an address nor a network"),
        (json!({"jwks": {"keys": []}}), "jwks"),
        (json!({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}), "private or secret"),
        (json!({"name": ""}), "name"),
    ] {
        admin.post(TRUSTS, with(&ours, changes.clone())).await.expect(422, part);
    }
    admin.post(TRUSTS, with(&ours, json!({"service_account": "nobody"}))).await.expect(404, "nobody");
    admin.post(TRUSTS, with(&ours, json!({"projects": ["nowhere"]}))).await.expect(404, "nowhere");
    admin.post(TRUSTS, ours.clone()).await.expect_ok();
    admin.post(TRUSTS, ours).await.expect(409, "already exists");
    for (changes, part) in [
        (json!({"issuer": "http://issuer.example"}), "issuer"),
        (json!({"conditions": {}}), "everybody"),
        (json!({"audience": ""}), "audience"),
        (json!({"scope": "runs"}), "scope"),
    ] {
        admin.put(&format!("{TRUSTS}/train"), changes).await.expect(422, part);
    }
}

async fn only_admins_who_are_signed_in_make_rules(database: Database) {
    let (app, admin) = app_and_admin(&database).await;
    admin.post(TRUSTS, rule("train")).await.expect_ok();
    let bob = app.new_user("bob", false).await;
    bob.get(TRUSTS).await.expect(403, "Only an admin");
    bob.get(&format!("{TRUSTS}/train")).await.expect(403, "Only an admin");
    bob.post(TRUSTS, rule("other")).await.expect(403, "Only an admin");
    bob.put(&format!("{TRUSTS}/train"), json!({"active": false})).await.expect(403, "Only an admin");
    bob.delete(&format!("{TRUSTS}/train")).await.expect(403, "Only an admin");
    bob.post(&format!("{TRUSTS}/test"), json!({"token": "a"})).await.expect(403, "Only an admin");
    app.anonymous().get(TRUSTS).await.expect(401, "Not authenticated");
    // It would outlive a program's token; what takes something away may be done with one.
    let script = app.script(600).await;
    script.post(TRUSTS, rule("other")).await.expect(403, "signed in");
    script.put(&format!("{TRUSTS}/train"), json!({"active": false})).await.expect(403, "signed in");
    script.get(TRUSTS).await.expect_ok();
    script.delete(&format!("{TRUSTS}/train")).await.expect_ok();
    let narrow = admin.get("/api/v1/api_token?scope=trusts:read").await.expect_ok();
    let narrow = app.anonymous().with_token(narrow.as_str().unwrap());
    narrow.get(TRUSTS).await.expect_ok();
    narrow.post(TRUSTS, rule("other")).await.expect(403, "narrowed");
}

async fn forms_stand_for_conditions_and_warnings_tell_of_everybody(database: Database) {
    let (_app, admin) = app_and_admin(&database).await;
    let of_form = |name: &str, form: Value| json!({"name": name, "service_account": "ci", "form": form});
    let forms = [
        (json!({"kind": "github", "repository": "acme/app", "branch": "main"}), 0, "ref"),
        (json!({"kind": "github", "repository": "acme/app"}), 1, "repository"),
        (json!({"kind": "gitlab", "project": "acme/app", "environment": "prod"}), 0, "environment"),
        (
            json!({"kind": "kubernetes", "issuer": "https://k8s.example", "namespace": "ml", "service_account": "t"}),
            0,
            "kubernetes.io/namespace",
        ),
        (json!({"kind": "buildkite", "organization": "acme", "pipeline": "app"}), 1, "pipeline_slug"),
    ];
    for (place, (form, warnings, claim)) in forms.into_iter().enumerate() {
        let made = admin.post(TRUSTS, of_form(&format!("form {place}"), form)).await.expect_ok();
        assert_eq!(made["body"]["warnings"].as_array().unwrap().len(), warnings, "{made}");
        assert!(made["body"]["conditions"].get(claim).is_some(), "{made}");
        // This server's own, without one.
        assert!(!made["body"]["audience"].as_str().unwrap().is_empty());
    }
    let github = json!({"kind": "github", "repository": "acme/app"});
    admin
        .post(TRUSTS, with(&of_form("more", github.clone()), json!({"conditions": {"repository": "*"}})))
        .await
        .expect(422, "repository");
    admin
        .post(TRUSTS, of_form("star", json!({"kind": "github", "repository": "*"})))
        .await
        .expect(422, "form");
    admin.post(TRUSTS, of_form("none", json!({"kind": "jenkins"}))).await.expect(422, "");
    let everybody =
        json!({"issuer": "https://token.actions.githubusercontent.com", "conditions": {"sub": "repo:*"}});
    let made = admin.post(TRUSTS, with(&rule("everybody"), everybody)).await.expect_ok();
    assert_eq!(made["body"]["warnings"].as_array().unwrap().len(), 2, "{made}");
}

async fn a_test_says_which_rule_takes_a_token_and_why_the_others_do_not(database: Database) {
    let (app, admin) = app_and_admin(&database).await;
    let (issuer, other) = (Issuer::start(1).await, Issuer::of("https://other.example", 2));
    let ours = json!({"issuer": issuer.url});
    admin.post(TRUSTS, with(&rule("branch"), ours.clone())).await.expect_ok();
    let audience = json!({"issuer": issuer.url, "audience": "else"});
    admin.post(TRUSTS, with(&rule("audience"), audience)).await.expect_ok();
    let given = json!({"issuer": other.url, "jwks": other.jwks()});
    admin.post(TRUSTS, with(&rule("issuer"), given)).await.expect_ok();
    let addresses = json!({"issuer": issuer.url, "addresses": ["192.0.2.0/24"]});
    admin.post(TRUSTS, with(&rule("address"), addresses)).await.expect_ok();
    let inactive = json!({"issuer": issuer.url, "active": false});
    admin.post(TRUSTS, with(&rule("inactive"), inactive)).await.expect_ok();
    let path = format!("{TRUSTS}/test");
    let told = async |claims: Value| {
        let token = issuer.token(&app, claims);
        (admin.post(&path, json!({"token": token})).await.expect_ok(), token)
    };
    let reasons = |told: &Value, name: &str| {
        let results = told["results"].as_array().unwrap();
        let result = results.iter().find(|result| result["name"] == name).unwrap();
        assert_eq!(result["matches"], result["reasons"].as_array().unwrap().is_empty());
        result["reasons"].to_string()
    };
    let good = json!({"aud": "zendo", "repository": "acme/app", "ref": "refs/heads/main"});
    let (answer, token) = told(good).await;
    assert_eq!(reasons(&answer, "branch"), "[]");
    assert_eq!(answer["trust_id"], answer["results"][0]["id"]);
    assert!(reasons(&answer, "audience").contains("audience"));
    assert!(reasons(&answer, "issuer").contains("issuer"));
    assert!(reasons(&answer, "address").contains("127.0.0.1"));
    assert!(reasons(&answer, "inactive").contains("inactive"));
    assert_eq!((&answer["used"], &answer["claims"]["ref"]), (&json!(false), &json!("refs/heads/main")));
    // It was not exchanged by that.
    exchange(&app.anonymous(), &token, &[]).await.expect_ok();
    let again = admin.post(&path, json!({"token": token})).await.expect_ok();
    assert_eq!(again["used"], true);

    let (answer, _) = told(json!({"aud": "zendo", "repository": "eve/app"})).await;
    assert_eq!(answer["trust_id"], Value::Null);
    let said = reasons(&answer, "branch");
    assert!(said.contains("repository is 'eve/app', not 'acme/app'") && said.contains("no ref"), "{said}");
    admin.post(&path, json!({"token": "nonsense"})).await.expect(422, "no signed JWT");
    app.clock.advance(601);
    let late = admin.post(&path, json!({"token": token})).await.expect_ok();
    assert!(reasons(&late, "branch").contains("ended") || reasons(&late, "branch").contains("issued"));
}

async fn rules_go_with_their_service_account(database: Database) {
    let (_app, admin) = app_and_admin(&database).await;
    admin.post(TRUSTS, rule("train")).await.expect_ok();
    admin.delete("/api/v1/service_accounts/ci").await.expect_ok();
    admin.get(&format!("{TRUSTS}/train")).await.expect(404, "no trust rule");
}

async fn a_rule_is_audited_and_listed(database: Database) {
    let (_app, admin) = app_and_admin(&database).await;
    for name in ["a", "b", "c"] {
        admin.post(TRUSTS, rule(name)).await.expect_ok();
    }
    admin.put(&format!("{TRUSTS}/a"), json!({"conditions": {"sub": "x"}})).await.expect_ok();
    admin.delete(&format!("{TRUSTS}/b")).await.expect_ok();
    let names = async |query: &str| {
        let page = admin.get(&format!("{TRUSTS}?{query}")).await.expect_ok();
        let names =
            page["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Vec<_>>();
        json!(names)
    };
    assert_eq!(names("").await, json!(["a", "c"]));
    assert_eq!(names("sort_by=desc:created").await, json!(["c", "a"]));
    assert_eq!(names("name=startswith:c&active=true").await, json!(["c"]));
    for (action, count) in [("trust_created", 3), ("trust_updated", 1), ("trust_deleted", 1)] {
        let found = admin.get(&format!("/api/v1/audit?action={action}")).await.expect_ok();
        assert_eq!(found["total"], count, "{action}");
    }
}
