//! Trust rules are changed: by the API, at the terminal, and by the form of the console's page. What isn't said stays.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, Issuer, PASSWORD, TestApp, exchange, wait_until};
use crate::workload_identities::{SERVER, ok, set_up, terminal};

const TRUSTS: &str = "/api/v1/trusts";
const PAGE: &str = "/console/settings/trusted-workloads";

on_each_store! {
    what_is_said_again_as_it_is_ends_nothing,
    changes_at_the_terminal_keep_what_they_do_not_say,
    the_page_has_a_form_for_each_rule_with_what_it_says,
}

fn full(issuer: &Issuer) -> Value {
    json!({
        "name": "train", "description": "d", "service_account": "ci", "issuer": issuer.url, "audience": "zendo",
        "conditions": {"repository": "acme/app", "ref": ["refs/heads/main", "refs/heads/release/*"]},
        "jwks": issuer.jwks(), "scope": "runs:write tags:read", "projects": ["default"], "expires_in": 600,
        "addresses": ["127.0.0.1", "10.1.2.3/8"],
    })
}

async fn rule(admin: &Caller) -> Value {
    admin.get(&format!("{TRUSTS}/train")).await.expect_ok()
}

async fn what_is_said_again_as_it_is_ends_nothing(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = Issuer::of("https://issuer.example", 1);
    let full = full(&issuer);
    let made = admin.post(TRUSTS, full.clone()).await.expect_ok();
    let path = format!("{TRUSTS}/train");
    let subject =
        issuer.token(&app, json!({"aud": "zendo", "repository": "acme/app", "ref": "refs/heads/main"}));
    let given = exchange(&app.anonymous(), &subject, &[]).await.expect_ok();
    let holder = app.anonymous().with_token(given["access_token"].as_str().unwrap());
    for again in [
        full.clone(),
        json!({"conditions": {"ref": ["refs/heads/main", "refs/heads/release/*"], "repository": ["acme/app"]}}),
        json!({"jwks": issuer.jwks(), "addresses": ["10.0.0.0/8", "127.0.0.1/32"]}),
        json!({"service_account": made["body"]["service_account_id"], "projects": made["body"]["projects"]}),
        json!({"active": true, "name": "train", "description": "another"}),
        json!({}),
    ] {
        let changed = admin.put(&path, again.clone()).await.expect_ok();
        assert_eq!(changed["metadata"]["credential_id"], made["metadata"]["credential_id"], "{again}");
        holder.get("/api/v1/runs?project=default").await.expect_ok();
    }
    // Each of them alone is another meaning, and comes to the audit by its name.
    for (change, column) in [
        (json!({"scope": "runs:read"}), "scope"),
        (json!({"jwks": Issuer::of("https://issuer.example", 2).jwks()}), "jwks"),
        (json!({"addresses": null}), "addresses"),
        (json!({"conditions": {"repository": "acme/app"}}), "conditions"),
        (json!({"expires_in": 601}), "expires_in"),
        (json!({"audience": "other"}), "audience"),
        (json!({"projects": null}), "projects"),
        (json!({"active": false}), "active"),
    ] {
        let before = rule(&admin).await;
        let after = admin.put(&path, change.clone()).await.expect_ok();
        assert_ne!(after["metadata"]["credential_id"], before["metadata"]["credential_id"], "{change}");
        let records = admin.get("/api/v1/audit?action=trust_updated").await.expect_ok();
        assert_eq!(records["items"][0]["details"]["changed"], json!([column]), "{records}");
    }
    holder.get("/api/v1/runs?project=default").await.expect(401, "revoked");
}

async fn changes_at_the_terminal_keep_what_they_do_not_say(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = Issuer::of("https://issuer.example", 1);
    let made = admin.post(TRUSTS, full(&issuer)).await.expect_ok();
    let update = async |args: &[&str]| ok(terminal(&app, &[&["trust", "update"], args].concat())).await;
    let said = update(&["train", "--expires-in", "900", "--address", "192.0.2.0/24"]).await;
    assert!(
        said.contains("Changed train: tokens of https://issuer.example for zendo are taken as ci."),
        "{said}"
    );
    let mut expected = made["body"].clone();
    (expected["expires_in"], expected["addresses"]) = (json!(900), json!(["192.0.2.0/24"]));
    let is_as_expected = async |expected: &Value| {
        let mut now = rule(&admin).await["body"].clone();
        now["updated"] = expected["updated"].clone();
        assert_eq!(&now, expected);
    };
    is_as_expected(&expected).await;
    let args = [
        "train",
        "--condition",
        "team=ml",
        "--condition",
        "team=web",
        "--scope",
        "runs:read",
        "--scope",
        "tags:read",
    ];
    update(&args).await;
    (expected["conditions"], expected["scope"]) =
        (json!({"team": ["ml", "web"]}), json!("runs:read tags:read"));
    is_as_expected(&expected).await;
    update(&["train", "--without", "scope", "--without", "projects", "--without", "addresses"]).await;
    update(&["train", "--without", "expires-in", "--without", "jwks", "--without", "description"]).await;
    for gone in ["scope", "projects", "addresses", "expires_in"] {
        expected[gone] = Value::Null;
    }
    expected["has_jwks"] = json!(false);
    is_as_expected(&expected).await;
    assert_eq!(rule(&admin).await["metadata"]["description"], "");
    let said = update(&["train", "--deactivate"]).await;
    assert!(said.contains("inactive"), "{said}");
    update(&[
        "train",
        "--activate",
        "--rename",
        "nightly",
        "--audience",
        SERVER,
        "--description",
        "at night",
    ])
    .await;
    let renamed = admin.get(&format!("{TRUSTS}/nightly")).await.expect_ok();
    assert_eq!((&renamed["body"]["audience"], &renamed["body"]["active"]), (&json!(SERVER), &json!(true)));
    // A rule that trusts everybody is warned of here, too.
    let wide =
        ["nightly", "--issuer", "https://token.actions.githubusercontent.com", "--condition", "sub=repo:*"];
    let program = terminal(&app, &[&["trust", "update"], &wide[..]].concat()).run().await;
    program.expect(0, &["warning: It trusts everybody", "pull requests"]);
    let listed = ok(terminal(&app, &["trust", "list"])).await;
    assert!(listed.contains("sub is repo:*") && listed.contains("Warning"), "{listed}");
    for (args, code, part) in [
        (&["nightly"][..], 2, "nothing is said that is to change"),
        (&["nightly", "--without", "scope", "--scope", "runs:read"], 2, "--without it, too"),
        (&["nightly", "--without", "issuer"], 2, "invalid value"),
        (&["nightly", "--activate", "--deactivate"], 2, "cannot be used with"),
        (&["nightly", "--condition", "sub"], 2, "CLAIM=TEXT"),
        (&["nightly", "--jwks", "nowhere.json"], 1, "nowhere.json"),
        (&["nobody", "--activate"], 1, "no trust rule"),
        (&["nightly", "--account", "nobody"], 1, "nobody"),
        (&["nightly", "--issuer", "http://issuer.example"], 1, "https://"),
        (&["nightly", "--scope", "nothings:read"], 1, "nothings"),
    ] {
        terminal(&app, &[&["trust", "update"], args].concat()).run().await.expect(code, &[part]);
    }
    assert_eq!(
        admin.get(&format!("{TRUSTS}/nightly")).await.expect_ok()["body"]["conditions"],
        json!({"sub": ["repo:*"]})
    );
}

/// A browser that is signed in to the console.
async fn browser(app: &TestApp, name: &str) -> Caller {
    let login = app.anonymous().with("x-zendo-session", "console").login(name, PASSWORD).await;
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    app.anonymous().with("cookie", &cookie)
}

async fn the_page_has_a_form_for_each_rule_with_what_it_says(database: Database) {
    let (app, admin) = set_up(&database).await;
    let issuer = Issuer::of("https://issuer.example", 1);
    let mut hostile = full(&issuer);
    hostile["name"] = json!("<b>\"train\"</b>");
    hostile["description"] = json!("\"><script>alert(1)</script>");
    hostile["conditions"] = json!({"sub": ["</textarea><script>alert(2)</script>", "job-*"]});
    let hostile = admin.post(TRUSTS, hostile).await.expect_ok();
    let mut odd = full(&issuer);
    (odd["name"], odd["conditions"]) = (json!("odd"), json!({"a=b": "c"}));
    let odd = admin.post(TRUSTS, odd).await.expect_ok();
    let plain = admin.post(TRUSTS, full(&issuer)).await.expect_ok();
    let subject =
        issuer.token(&app, json!({"aud": "zendo", "repository": "acme/app", "ref": "refs/heads/main"}));
    exchange(&app.anonymous(), &subject, &[]).await.expect_ok();
    wait_until("the token is in the register", Duration::from_secs(10), async || {
        rule(&admin).await["metadata"]["tokens"] == 1
    })
    .await;
    let page = browser(&app, ADMIN).await.get(PAGE).await;
    page.expect(200, "Trusted workloads");
    let form = |rule: &Value| {
        let start = format!("<dialog id=\"edit-{}\"", rule["id"].as_str().unwrap());
        let after = &page.text[page.text.find(&start).unwrap_or_else(|| panic!("no {start}"))..];
        after[..after.find("</dialog>").unwrap()].to_owned()
    };
    let edit = form(&plain);
    let path = format!(
        "data-method=\"PUT\" data-path=\"{TRUSTS}/{}\" data-only-changes",
        plain["id"].as_str().unwrap()
    );
    for part in [
        path.as_str(),
        "name=\"name\" value=\"train\"",
        "name=\"description\" value=\"d\"",
        "name=\"active\" checked",
        "name=\"issuer\" value=\"https://issuer.example\"",
        "name=\"audience\" value=\"zendo\"",
        ">ref=refs/heads/main\nref=refs/heads/release/*\nrepository=acme/app</textarea>",
        "name=\"scope\" value=\"runs:write tags:read\"",
        "name=\"addresses\" value=\"10.0.0.0/8, 127.0.0.1/32\"",
        "name=\"expires_in\" type=\"number\" min=\"1\" value=\"600\"",
        "&quot;Ed25519&quot;",
        " selected>ci</option>",
        " selected>default</option>",
        "1 live token ends with a change",
    ] {
        let part = part.replace("&quot;", "&#34;");
        assert!(edit.contains(&part), "no {part} in {edit}");
    }
    // What the lines couldn't say is left to the API, and what is hostile is text.
    assert!(!form(&odd).contains("name=\"conditions\"") && form(&odd).contains("by the API"));
    assert!(!form(&hostile).contains("<script>") && !form(&hostile).contains("<b>"), "{}", form(&hostile));
    app.new_user("eve", false).await;
    browser(&app, "eve").await.get(PAGE).await.expect(403, "");
}
