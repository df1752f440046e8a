//! Service connectors: their types, what is kept of them, and what uses them.

use super::step::{ADMIN, ANYONE, Scenario, Step, scenario};
use super::wanted::{
    CONNECTOR_CHECKED, CONNECTOR_TYPES, CONNECTOR_UNFIT, CONNECTORS_SORTED, CREDENTIAL_THAT_WAS_MEANT,
    LABELS_ARE_AN_OBJECT, OWN_DESCRIPTION, OWN_REASON, OWN_TYPE, RESOURCES_WITH_SECRETS, SERVED_TYPE,
    TYPE_ALONE, UNION,
};

const NONE: &str = "00000000-0000-0000-0000-000000000001";
const DOCKER: &str = r#"{"name": "hub", "connector_type": "docker", "auth_method": "password",
    "resource_types": ["docker-registry"], "resource_id": "r.example", "labels": {"team": "red", "none": ""},
    "configuration": {"username": "me", "password": "p", "registry": "https://r.example/x", "other": 1}}"#;
const API: &str = r#"{"name": "api", "connector_type": "oauth2", "auth_method": "token", "resource_types": [],
    "configuration": {"api_url": "https://api.example", "access_token": "t"}, "description": "d",
    "expires_at": "2030-01-01T00:00:00", "expires_skew_tolerance": 5}"#;
const REGISTRY: &str = r#"{"name": "registry", "type": "container_registry", "flavor": "default",
    "configuration": {"uri": "r.example"}, "connector": "{hub.id}", "connector_resource_id": "r.example"}"#;
const INFO: &str =
    r#"{"type": "docker", "auth_method": "password", "configuration": {"username": "u", "password": "p"}}"#;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        types(),
        made(),
        refused(),
        listed(),
        changed(),
        used(),
        in_stacks(),
        whole_stacks(),
        verified(),
        handed_out(),
        reached(),
    ]
}

fn docker(from: &str, to: &str) -> String {
    let named = DOCKER.replace("\"hub\"", "\"x\"");
    assert!(named.contains(from), "{from}");
    named.replace(from, to)
}

fn types() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/service_connector_types{query}"));
    scenario(
        "types of connectors",
        [
            list("").wanted(&CONNECTOR_TYPES),
            list("?connector_type=docker").wanted(&OWN_TYPE),
            list("?connector_type=Docker"),
            list("?connector_type="),
            list("?connector_type=aws&connector_type=docker").wanted(&OWN_TYPE),
            list("?resource_type=oauth2-api&auth_method=token").wanted(&OWN_TYPE),
            list("?auth_method=none"),
            list("?resource_type=s3-bucket"),
            ADMIN.get("/service_connector_types/docker").wanted(&OWN_TYPE),
            ADMIN.get("/service_connector_types/oauth2").wanted(&OWN_TYPE),
            ADMIN.get("/service_connector_types/kubernetes").wanted(&SERVED_TYPE),
            ADMIN.get("/service_connector_types/aws"),
            ADMIN.get("/service_connector_types/none"),
            ANYONE.get("/service_connector_types"),
            ANYONE.get("/service_connector_types/docker"),
        ],
    )
}

fn made() -> Scenario {
    scenario(
        "making connectors",
        [
            ADMIN.post("/service_connectors", DOCKER).keep("hub").wanted(&OWN_DESCRIPTION),
            ADMIN.get("/service_connectors/{hub.id}").wanted(&OWN_DESCRIPTION),
            ADMIN.get("/service_connectors/{hub.id}?hydrate=false").wanted(&OWN_DESCRIPTION),
            ADMIN.get("/service_connectors/{hub.id}?expand_secrets=false").wanted(&OWN_DESCRIPTION),
            ADMIN
                .get("/service_connectors/{hub.id}?expand_secrets=false&hydrate=false")
                .wanted(&OWN_DESCRIPTION),
            ADMIN.get("/service_connectors/{hub.id}?expand_secrets=perhaps"),
            ADMIN.post("/service_connectors", DOCKER),
            ADMIN.post("/workspaces/none/service_connectors", API).keep("api").wanted(&OWN_DESCRIPTION),
            ADMIN.get("/workspaces/none/service_connectors?name=api").wanted(&OWN_DESCRIPTION),
            ADMIN.get("/secrets"),
            ADMIN.post("/service_connectors", &docker(r#""docker""#, r#""elsewhere""#)).keep("elsewhere"),
            ADMIN.delete("/service_connectors/{elsewhere.id}"),
            ADMIN
                .post("/service_connectors", &docker(r#"["docker-registry"]"#, r#"["a", "b"]"#))
                .keep("several")
                .wanted(&OWN_DESCRIPTION),
            ADMIN.delete("/service_connectors/{several.id}"),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{api.id}"),
            ADMIN.get("/service_connectors/{hub.id}"),
            ADMIN.get("/service_connectors/hub"),
            ANYONE.post("/service_connectors", DOCKER),
            ANYONE.get("/service_connectors"),
            ANYONE.get("/service_connectors/{hub.id}"),
        ],
    )
}

fn refused() -> Scenario {
    let tidied = |body: &str| ADMIN.post("/service_connectors", body).keep("odd").wanted(&CONNECTOR_CHECKED);
    let tidy = || ADMIN.delete("/service_connectors/{odd.id}").tidies();
    let refused = |from: &str, to: &str| ADMIN.post("/service_connectors", &docker(from, to));
    scenario(
        "what is no connector",
        [
            ADMIN.post("/service_connectors", "{}"),
            ADMIN.post("/service_connectors", "[]"),
            refused(r#""password","#, r#""none","#),
            refused(r#""auth_method": "password""#, r#""auth_method": 5"#),
            refused(r#"["docker-registry"]"#, r#"["none"]"#),
            refused(r#"["docker-registry"]"#, r#""docker-registry""#),
            refused(r#""password": "p", "#, ""),
            refused(r#""password": "p""#, r#""password": null"#),
            refused(r#""password": "p""#, r#""password": 5"#),
            refused(r#""team": "red""#, r#""team": 5"#),
            refused(r#""docker""#, "5"),
            refused(r#""labels""#, r#""expires_at": "soon", "labels""#),
            refused(r#""labels""#, r#""expiration_seconds": "soon", "labels""#),
            refused("\"x\"", &format!("\"{}\"", "x".repeat(241))),
            refused("\"x\"", &format!("\"{}\"", "x".repeat(256))),
            tidied(&docker(r#""https://r.example/x""#, r#"["r"]"#)),
            tidy(),
            tidied(&docker(r#""resource_id": "r.example""#, r#""resource_id": "!!""#)),
            tidy(),
            tidied(&docker(r#""labels""#, r#""expiration_seconds": 60, "labels""#)),
            tidy(),
            tidied(&docker(r#""docker""#, r#""aws""#)),
            tidy(),
            ADMIN
                .post(
                    "/service_connectors",
                    &docker(r#""labels""#, r#""expires_at": "2030-01-01T01:00:00+02:00", "labels""#),
                )
                .keep("zone")
                .wanted(&OWN_DESCRIPTION),
            ADMIN.delete("/service_connectors/{zone.id}"),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/service_connectors?expand_secrets=false&{query}"));
    let found = |query: &str| list(query).wanted(&OWN_DESCRIPTION);
    scenario(
        "listing connectors",
        [
            ADMIN.post("/service_connectors", DOCKER).keep("hub").compared_elsewhere(),
            ADMIN.post("/service_connectors", API).keep("api").compared_elsewhere().after(1),
            found("sort_by=created"),
            found("sort_by=name").wanted(&CONNECTORS_SORTED),
            found("size=1&page=2"),
            found("hydrate=true&name=api"),
            found("name=contains:u"),
            found("connector_type=docker"),
            found("connector_type=startswith:oau&auth_method=token"),
            found("resource_id=contains:example"),
            found("resource_id=none&resource_id=contains:example"),
            found("resource_type=oauth2-api"),
            list("resource_type=oauth2"),
            list("resource_type=none&name=api&logical_operator=or"),
            found("labels_str=team"),
            found("labels_str=team%3Dred,none%3D"),
            found("labels_str=%7B%22team%22%3A%20null%7D"),
            list("labels_str=team%3Dblue"),
            list("labels_str="),
            list("labels_str=%7B%22team%22%3A%205%7D"),
            list("labels_str=%5B1%5D").wanted(&LABELS_ARE_AN_OBJECT),
            list("sort_by=labels"),
            list("page=9"),
            list("size=0"),
            list("expand_secrets=perhaps"),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{api.id}"),
        ],
    )
}

fn changed() -> Scenario {
    let put = |body: &str| ADMIN.put("/service_connectors/{hub.id}", body);
    let right = |body: &str| put(body).wanted(&OWN_DESCRIPTION);
    scenario(
        "changing connectors",
        [
            ADMIN.post("/service_connectors", DOCKER).keep("hub").compared_elsewhere(),
            ADMIN.post("/service_connectors", API).keep("api").compared_elsewhere(),
            ADMIN.get("/service_connector_types/docker").keep("type").compared_elsewhere(),
            right("{}"),
            right(r#"{"resource_id": "r.example", "name": "hub2", "description": "new"}"#),
            right(
                r#"{"resource_id": "r.example", "name": null, "description": null, "labels": null, "configuration": null}"#,
            ),
            right(
                r#"{"labels": {"a": "b"}, "expires_at": "2031-01-01T00:00:00", "expires_skew_tolerance": 7}"#,
            ),
            right(r#"{"labels": {}}"#),
            right(r#"{"configuration": {"username": "you", "password": "q"}}"#),
            right(r#"{"connector_type": "docker", "auth_method": "password", "resource_types": []}"#),
            put(r#"{"configuration": {}}"#),
            put(r#"{"configuration": {"username": "you"}}"#),
            put(r#"{"configuration": 5}"#),
            put(r#"{"auth_method": "none"}"#),
            put(r#"{"resource_types": ["none"]}"#),
            put(r#"{"name": "api"}"#),
            put(r#"{"labels": {"a": null}}"#),
            put(r#"{"resource_id": "!!"}"#).wanted(&CONNECTOR_CHECKED),
            put(r#"{"expiration_seconds": 60}"#).wanted(&CONNECTOR_CHECKED),
            put(r#"{"connector_type": "oauth2"}"#).wanted(&TYPE_ALONE),
            ADMIN.get("/service_connectors/{hub.id}").compared_elsewhere(),
            ADMIN.put(&format!("/service_connectors/{NONE}"), "{}"),
            ADMIN.put("/service_connectors/hub", "{}"),
            ADMIN.delete(&format!("/service_connectors/{NONE}")),
            ANYONE.put("/service_connectors/{hub.id}", "{}"),
            ANYONE.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{api.id}"),
        ],
    )
}

fn used() -> Scenario {
    let put = |body: &str| ADMIN.put("/service_connectors/{hub.id}", body);
    let unfit = |body: &str| ADMIN.post("/components", body).keep("unfit").wanted(&CONNECTOR_UNFIT);
    let tidy = || ADMIN.delete("/components/{unfit.id}").tidies();
    scenario(
        "components with connectors",
        [
            ADMIN.post("/service_connectors", DOCKER).keep("hub").compared_elsewhere(),
            ADMIN.post("/service_connectors", API).keep("api").compared_elsewhere(),
            ADMIN.post("/components", REGISTRY).keep("registry"),
            ADMIN.get("/components/{registry.id}"),
            ADMIN.get("/components/{registry.id}?hydrate=false"),
            ADMIN.get("/components?connector_id={hub.id}&hydrate=true"),
            ADMIN.post("/components", &REGISTRY.replace("{hub.id}", NONE)),
            unfit(&REGISTRY.replace("\"registry\"", "\"x\"").replace("{hub.id}", "{api.id}")),
            tidy(),
            unfit(&REGISTRY.replace("\"registry\"", "\"x\"").replace("\"default\"", "\"gcp\"")),
            tidy(),
            put("{}"),
            put(r#"{"resource_id": "other.example"}"#),
            put(r#"{"resource_id": "r.example", "connector_type": "oauth2"}"#),
            put(r#"{"resource_id": "r.example", "auth_method": "token"}"#),
            put(r#"{"resource_id": "r.example", "name": "hub3"}"#).wanted(&OWN_DESCRIPTION),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.put("/components/{registry.id}", r#"{"connector": "{hub.id}"}"#),
            ADMIN.put("/components/{registry.id}", "{}"),
            ADMIN.delete("/components/{registry.id}"),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{api.id}"),
        ],
    )
}

fn in_stacks() -> Scenario {
    let stack = |name: &str, connectors: &str, registry: &str| {
        let parts = r#""orchestrator": [{"flavor": "local"}], "artifact_store": [{"flavor": "local"}]"#;
        let registry = format!(
            r#"{{"flavor": "default", "configuration": {{"uri": "r.example"}}, "service_connector_index": {registry}}}"#
        );
        let json = format!(
            r#"{{"name": "{name}", "labels": {{"team": "red", "number": 5}}, "service_connectors": [{connectors}],
                "components": {{{parts}, "container_registry": [{registry}]}}}}"#
        );
        ADMIN.post("/stacks", &json)
    };
    let wrong = INFO.replace(", \"password\": \"p\"", "");
    scenario(
        "stacks with connectors",
        [
            ADMIN.post("/service_connectors", DOCKER).keep("hub").compared_elsewhere(),
            ADMIN.post("/service_connectors", API).keep("api").compared_elsewhere(),
            stack("one", "\"{hub.id}\"", "0").keep("one"),
            ADMIN.get("/components?name=one&type=container_registry&hydrate=true").keep("first"),
            stack("two", INFO, r#"0, "service_connector_resource_id": "asked.example""#).keep("two"),
            ADMIN.get("/components?name=two&type=container_registry&hydrate=true").keep("second"),
            ADMIN.get("/service_connectors?name=two").keep("new").wanted(&OWN_DESCRIPTION),
            stack("x", "\"{hub.id}\"", "1"),
            stack("x", "\"{hub.id}\"", "-1"),
            stack("x", "", "0"),
            stack("x", "\"x\"", "0").wanted(&UNION),
            stack("x", "5", "0").wanted(&UNION),
            stack("x", &format!("\"{NONE}\""), "0"),
            stack("x", "\"{api.id}\"", "0"),
            stack("x", &wrong, "0"),
            stack("x", &INFO.replace("\"auth_method\": \"password\"", "\"auth_method\": \"none\""), "0"),
            ADMIN.get("/service_connectors?name=x"),
            ADMIN.get("/components?name=x"),
            ADMIN.delete("/stacks/{one.id}"),
            ADMIN.delete("/stacks/{two.id}"),
            ADMIN.delete("/components/{first.items.0.id}"),
            ADMIN.delete("/components/{second.items.0.id}"),
            ADMIN.delete("/service_connectors/{new.items.0.id}"),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{api.id}"),
        ],
    )
}

fn whole_stacks() -> Scenario {
    let ask = |query: &str, body: &str| {
        ADMIN.post(&format!("/service_connectors/full_stack_resources{query}"), body)
    };
    scenario(
        "whole stacks of a connector",
        [
            ADMIN
                .post("/service_connectors", &docker("\"x\"", "\"whole\""))
                .keep("whole")
                .compared_elsewhere(),
            ask("", INFO),
            ask("?connector_uuid={whole.id}", "null"),
            ask("?connector_uuid={whole.id}", INFO),
            ask("", "null"),
            ask(&format!("?connector_uuid={NONE}"), "null"),
            ask("?connector_uuid=x", "null"),
            ask("", &INFO.replace("\"docker\"", "\"aws\"")),
            ask("", &INFO.replace("\"docker\"", "\"none\"")),
            ask("", &INFO.replace("\"auth_method\": \"password\"", "\"auth_method\": \"none\"")),
            ask("", &INFO.replace(", \"password\": \"p\"", "")),
            ask("", r#"{"type": "docker"}"#),
            ANYONE.post("/service_connectors/full_stack_resources", INFO),
            ADMIN.delete("/service_connectors/{whole.id}"),
        ],
    )
}

fn verified() -> Scenario {
    let new = |body: &str| ADMIN.post("/service_connectors/verify", body);
    let kept = |query: &str| ADMIN.put(&format!("/service_connectors/{{hub.id}}/verify{query}"), "");
    let described = |step: Step| step.wanted(&OWN_DESCRIPTION);
    scenario(
        "verifying connectors",
        [
            described(new(DOCKER)),
            described(ADMIN.post("/service_connectors/verify?list_resources=false", DOCKER)),
            described(new(API)),
            new("{}"),
            new(&docker(r#""password": "p", "#, "")),
            new(&docker(r#""password","#, r#""none","#)),
            new(&docker(r#"["docker-registry"]"#, r#"["none"]"#)),
            new(&docker(r#""resource_id": "r.example""#, r#""resource_id": "!!""#)),
            new(&docker(r#""labels""#, r#""expiration_seconds": 60, "labels""#)),
            new(&docker(r#""docker""#, r#""aws""#)),
            new(&docker(r#""docker""#, r#""elsewhere""#)),
            ADMIN.post("/service_connectors", DOCKER).keep("hub").compared_elsewhere(),
            described(kept("")),
            described(kept("?list_resources=false")),
            described(kept("?resource_type=docker-registry&resource_id=r.example")),
            described(kept("?resource_type=docker-registry&resource_id=other.example")).wanted(&OWN_REASON),
            kept("?resource_type=none"),
            kept("?resource_type=docker-registry&resource_id=!!"),
            kept("?list_resources=perhaps"),
            ADMIN.put(&format!("/service_connectors/{NONE}/verify"), ""),
            ANYONE.post("/service_connectors/verify", DOCKER),
            ANYONE.put("/service_connectors/{hub.id}/verify", ""),
            ADMIN.delete("/service_connectors/{hub.id}"),
        ],
    )
}

fn handed_out() -> Scenario {
    let client = |query: &str| ADMIN.get(&format!("/service_connectors/{{hub.id}}/client{query}"));
    scenario(
        "credentials of connectors",
        [
            ADMIN.post("/service_connectors", DOCKER).keep("hub").compared_elsewhere(),
            ADMIN.post("/service_connectors", API).keep("api").compared_elsewhere(),
            client("").wanted(&OWN_DESCRIPTION),
            client("?resource_type=docker-registry&resource_id=r.example").wanted(&OWN_DESCRIPTION),
            client("?resource_type=docker-registry&resource_id=other.example"),
            client("?resource_type=docker-registry&resource_id=!!"),
            client("?resource_type=none"),
            ADMIN.get("/service_connectors/{api.id}/client").wanted(&CREDENTIAL_THAT_WAS_MEANT),
            ADMIN.get(&format!("/service_connectors/{NONE}/client")),
            ANYONE.get("/service_connectors/{hub.id}/client"),
            ADMIN.delete("/service_connectors/{hub.id}"),
            ADMIN.delete("/service_connectors/{api.id}"),
        ],
    )
}

fn reached() -> Scenario {
    scenario(
        "resources of connectors",
        [
            ADMIN.post("/service_connectors", DOCKER).keep("hub").compared_elsewhere(),
            ADMIN.get("/service_connectors/resources").wanted(&RESOURCES_WITH_SECRETS),
            ADMIN.get("/workspaces/none/resources?connector_type=docker").wanted(&RESOURCES_WITH_SECRETS),
            ADMIN.get("/service_connectors/resources?resource_type=none"),
            ADMIN.get("/service_connectors/resources?page=9"),
            ADMIN.get("/service_connectors/resources?sort_by=labels"),
            ANYONE.get("/service_connectors/resources"),
            ADMIN.delete("/service_connectors/{hub.id}"),
        ],
    )
}
