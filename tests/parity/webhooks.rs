//! Webhooks and their deliveries.

use super::step::{ADMIN, ANYONE, Scenario, Step, scenario};
use super::wanted::{BODY_TOO_LONG, NO_SUCH_PROJECT, SENT_AGAIN};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![made(), changed(), delivered(), slack_and_clickup(), listed()]
}

fn webhook(name: &str, kind: &str, more: &str) -> Step {
    let body =
        format!(r#"{{"project": "{{project.id}}", "name": "{name}", "webhook_type": "{kind}"{more}}}"#);
    ADMIN.post("/webhooks", &body)
}

fn made() -> Scenario {
    scenario(
        "webhooks",
        [
            ADMIN.get("/projects/default").keep("project"),
            webhook("w1", "custom", "").keep("one"),
            webhook("w1", "custom", ""),
            webhook("w2", "Custom", ""),
            webhook("w2", "", ""),
            webhook("w2", "none", ""),
            webhook("", "github", ""),
            webhook("w3", "github", r#", "secret": """#),
            webhook("w3", "github", r#", "secret": 5"#),
            webhook("w4", "slack", r#", "secret": "given", "active": "no""#).keep("given"),
            webhook("w5", "clickup", r#", "active": null"#),
            webhook(&"x".repeat(256), "slack", ""),
            ADMIN
                .post(
                    "/webhooks",
                    &format!(r#"{{"project": "{NONE}", "name": "x", "webhook_type": "custom"}}"#),
                )
                .wanted(&NO_SUCH_PROJECT),
            ADMIN.post("/webhooks", r#"{"project": "default", "name": "x", "webhook_type": "custom"}"#),
            ADMIN.post("/webhooks", r#"{"project": "{project.id}"}"#),
            ADMIN.post("/webhooks", "[]"),
            ADMIN.get("/webhooks/{one.id}"),
            ADMIN.get("/webhooks/{one.id}?hydrate=false"),
            ADMIN.get(&format!("/webhooks/{NONE}")),
            ADMIN.get("/webhooks/x"),
            ADMIN.get("/webhooks/{one.id}/events/raw"),
            ADMIN.get("/webhooks/{one.id}/events/raw?delivery_id=a"),
            ADMIN.get(&format!("/webhooks/{NONE}/events/raw?delivery_id=a")),
            ANYONE.get("/webhooks"),
            ANYONE.post("/webhooks", "{}"),
            ADMIN.get("/supported-events?source_type=pipeline").wanted(&super::wanted::OWN_DESCRIPTIONS),
            ADMIN.get("/supported-events?source_type=pipeline_run").wanted(&super::wanted::OWN_DESCRIPTIONS),
            ANYONE
                .get("/supported-events?source_type=pipeline_snapshot")
                .wanted(&super::wanted::OWN_DESCRIPTIONS),
            ANYONE.get("/supported-events"),
            ANYONE.get("/supported-events?source_type=x"),
        ],
    )
}

fn changed() -> Scenario {
    let change = |body: &str| ADMIN.put("/webhooks/{one.id}", body);
    let rotate = |body: &str| ADMIN.put("/webhooks/{one.id}/secret", body);
    scenario(
        "changes of webhooks",
        [
            ADMIN.get("/projects/default").keep("project"),
            webhook("changed", "custom", "").keep("one"),
            webhook("other", "custom", "").keep("other"),
            change("{}"),
            change(r#"{"name": null, "active": null}"#),
            change(r#"{"name": "changed"}"#),
            change(r#"{"name": "other"}"#),
            change(r#"{"name": "third", "active": false, "webhook_type": "slack", "secret": "x"}"#),
            change(r#"{"active": "x"}"#),
            change(r#"{"name": ""}"#),
            change(r#"{"name": "third"}"#),
            ADMIN.put(&format!("/webhooks/{NONE}"), "{}"),
            ADMIN.put("/webhooks/x", "{}"),
            rotate("{}"),
            rotate(r#"{"secret": "mine"}"#),
            rotate(r#"{"secret": ""}"#),
            rotate(r#"{"secret": null}"#),
            rotate(r#"{"secret": 5}"#),
            ADMIN.put(&format!("/webhooks/{NONE}/secret"), "{}"),
            ANYONE.put("/webhooks/{one.id}/secret", "{}"),
            ADMIN.get("/webhooks/{one.id}"),
            ADMIN.delete("/webhooks/{other.id}"),
            ADMIN.delete("/webhooks/{other.id}"),
            ANYONE.delete("/webhooks/{one.id}"),
            ADMIN.get("/webhooks/{other.id}"),
        ],
    )
}

/// `sha256=` and the HMAC of `{}` with the key `s`; and of `[]`, `x`.
const OF_OBJECT: &str = "sha256=143ca8d517ba1b181025d732b1cf275d90104fca57bb02a565542978aa18c4b6";
const OF_LIST: &str = "sha256=e13df6323e9c2719a9c05260b77fe9998029744f9b2eafb979f95d583e726e12";
const OF_TEXT: &str = "sha256=cefb105ee22996fb167ed606478d2931b87aa3ab99b4b04b68c4fc16c8b49a30";

fn delivered() -> Scenario {
    let to = |path: &str| ANYONE.send("POST", &format!("/webhooks/{path}/events")).body("{}");
    let custom = || to("custom/{one.id}");
    let signed = || custom().header("x-zenml-signature-256", OF_OBJECT);
    let github = || to("github/{two.id}").header("x-github-event", "push");
    scenario(
        "deliveries",
        [
            ADMIN.get("/projects/default").keep("project"),
            webhook("delivered", "custom", r#", "secret": "s""#).keep("one"),
            webhook("from github", "github", r#", "secret": "s""#).keep("two"),
            to("none/{one.id}"),
            to("none/x"),
            to("custom/x"),
            to(&format!("custom/{NONE}")),
            to("github/{one.id}"),
            to("github/{one.id}").header("x-github-event", "push"),
            to("clickup/{one.id}"),
            custom(),
            custom().header(
                "x-zenml-signature-256",
                "143ca8d517ba1b181025d732b1cf275d90104fca57bb02a565542978aa18c4b6",
            ),
            custom().header("x-zenml-signature-256", OF_LIST),
            custom().header("x-zenml-signature-256", "sha256="),
            custom().header(
                "x-zenml-signature-256",
                "sha256=143CA8D517BA1B181025D732B1CF275D90104FCA57BB02A565542978AA18C4B6",
            ),
            signed(),
            signed().header("x-zenml-event", ""),
            signed().header("x-zenml-event", "e"),
            signed().header("x-zenml-event", "e").header("x-zenml-delivery", "d"),
            ADMIN.get("/webhooks/{one.id}"),
            signed().header("x-zenml-event", "e").header("x-zenml-delivery", "d"),
            ADMIN.get("/webhooks/{one.id}").wanted(&SENT_AGAIN),
            custom().body("[]").header("x-zenml-signature-256", OF_LIST).header("x-zenml-event", "e"),
            custom().body("x").header("x-zenml-signature-256", OF_TEXT).header("x-zenml-event", "e"),
            custom().body("x".repeat(1_100_000)).wanted(&BODY_TOO_LONG),
            ADMIN.send("GET", "/webhooks/custom/{one.id}/events"),
            github(),
            github().header("x-hub-signature-256", OF_OBJECT),
            github().header("x-hub-signature-256", OF_OBJECT).header("x-github-delivery", "d"),
            to("github/{two.id}").header("x-hub-signature-256", OF_OBJECT),
            ADMIN.get("/webhooks/{two.id}"),
            ADMIN.put("/webhooks/{two.id}", r#"{"active": false}"#),
            github(),
            github().header("x-hub-signature-256", OF_OBJECT),
            ADMIN.get("/webhooks/{two.id}"),
        ],
    )
}

fn slack_and_clickup() -> Scenario {
    let clickup = |body: &'static str, signature: &'static str| {
        ANYONE.send("POST", "/webhooks/clickup/{one.id}/events").body(body).header("x-signature", signature)
    };
    let slack = || ANYONE.send("POST", "/webhooks/slack/{two.id}/events").body("{}");
    scenario(
        "deliveries of clickup and slack",
        [
            ADMIN.get("/projects/default").keep("project"),
            webhook("from clickup", "clickup", r#", "secret": "s""#).keep("one"),
            webhook("from slack", "slack", r#", "secret": "s""#).keep("two"),
            clickup("{}", "143ca8d517ba1b181025d732b1cf275d90104fca57bb02a565542978aa18c4b6"),
            clickup("{}", "143CA8D517BA1B181025D732B1CF275D90104FCA57BB02A565542978AA18C4B6"),
            clickup(r#"{"event": "e"}"#, "c441d173b8297a497f9bbf06b0b2f19c4272fc010951fca451b515972651fa4b"),
            clickup(
                r#"{"event": "e", "webhook_id": "w"}"#,
                "544cb105264fb436e0fefd4e484041d860c1e8bd7c0990dfb9dd36bad001d615",
            ),
            clickup(
                r#"{"event": "", "webhook_id": "w"}"#,
                "9175c729c41a6f4b2a9a73a06afcbf5d9977bcbe9d5ee412bfab209964d53a32",
            ),
            clickup("{}", "x"),
            ANYONE.send("POST", "/webhooks/clickup/{one.id}/events").body("{}"),
            ADMIN.get("/webhooks/{one.id}"),
            slack(),
            slack().header("x-slack-signature", "v0=x"),
            slack().header("x-slack-signature", "v0=x").header("x-slack-request-timestamp", "x"),
            slack().header("x-slack-signature", "v0=x").header("x-slack-request-timestamp", "1"),
            slack().header("x-slack-signature", "x").header("x-slack-request-timestamp", "1"),
            ADMIN.get("/webhooks/{two.id}"),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/webhooks?{query}"));
    scenario(
        "lists of webhooks",
        [
            list("size=2&sort_by=name"),
            list("name=w1&hydrate=true"),
            list("name=w1"),
            list("name=contains:DELIVER"),
            list("name=w1&name=w4"),
            list("webhook_type=slack&sort_by=name"),
            list("webhook_type=startswith:git&sort_by=name"),
            list("webhook_type=oneof:[\"custom\"]&size=1"),
            list("active=false&sort_by=name"),
            list("active=x"),
            list("active=equals:true"),
            list("user=default&size=1"),
            list(&format!("scope_user={NONE}")),
            list("logical_operator=or&name=w1&webhook_type=slack&sort_by=name"),
            list("sort_by=desc:updated&size=1"),
            list("sort_by=user&size=1&name=w1"),
            list("sort_by=project"),
            list("sort_by=secret_id"),
            list("id=x"),
            list("project=nope"),
            list("size=0"),
            list("page=9"),
        ],
    )
}
