//! Stacks, their components and the flavors of these.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{
    COMPONENT_TWICE, EMPTY, FLAVOR_IN_USE, LINKED_AGAIN, NOT_A_TEXT, NULL_IS_UNSET, UNKNOWN_TYPE,
};

const NONE: &str = "00000000-0000-0000-0000-000000000001";
const LOCAL: &str = r#"{"name": "mine", "type": "orchestrator", "flavor": "local", "configuration": {}}"#;
const S3: &str = r#"{"name": "bucket", "type": "artifact_store", "flavor": "s3",
                     "configuration": {"path": "s3://bucket"}}"#;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        flavors(),
        flavors_made(),
        components(),
        components_refused(),
        components_changed(),
        components_listed(),
        stacks(),
        stacks_refused(),
        stacks_changed(),
        stacks_with_new_components(),
    ]
}

fn flavors() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/flavors?sort_by=name&{query}"));
    scenario(
        "flavors",
        [
            list("type=orchestrator&size=100"),
            list("type=artifact_store&integration=built-in"),
            list("name=local_docker&type=orchestrator").keep("all"),
            ADMIN.get("/flavors/{all.items.0.id}"),
            ADMIN.get("/flavors/{all.items.0.id}?hydrate=false"),
            // The order in which they were made, to the first and from the last.
            ADMIN.get("/flavors?size=100"),
            ADMIN.get("/flavors?size=5&page=2"),
            ADMIN.get("/flavors?size=100&sort_by=desc:created"),
            ADMIN.get("/flavors?name=oneof:[\"local\", 5]"),
            ADMIN.get("/flavors/local"),
            ADMIN.get(&format!("/flavors/{NONE}")),
            list("type=nope"),
            list("type=contains:orch&name=startswith:local"),
            list("integration=kubernetes&sort_by=type"),
            list("display_name=x"),
            list("user=default"),
            list("user=isnull:&type=deployer&name=local"),
            list(&format!("scope_user={NONE}")),
            list("id=x"),
            ADMIN.get("/flavors?sort_by=source"),
            ADMIN.get("/flavors?sort_by=user&type=deployer&name=local"),
            ANYONE.get("/flavors"),
        ],
    )
}

fn flavors_made() -> Scenario {
    const MAKE: &str = r#"{"name": "my_flavor", "type": "orchestrator", "source": "my.module.Flavor",
        "config_schema": {"properties": {"a": {"type": "string", "default": 1.0}}}, "integration": null,
        "display_name": "Mine", "logo_url": "https://lab.example/l.png", "docs_url": "d", "sdk_docs_url": "s",
        "connector_type": "aws", "connector_resource_type": "s3-bucket", "connector_resource_id_attr": "path"}"#;
    const SHORT: &str = r#"{"name": "b", "type": "alerter", "source": "s", "config_schema": {}, "integration": "i", "is_custom": false}"#;
    scenario("making and changing flavors", [
        ADMIN.post("/flavors", MAKE).keep("mine"),
        ADMIN.get("/flavors/{mine.id}"),
        ADMIN.post("/flavors", MAKE),
        ADMIN.post("/flavors", SHORT).keep("short"),
        ADMIN.get("/flavors?user=default"),
        ADMIN.post("/flavors", "{}"),
        ADMIN.post("/flavors", r#"{"name": "c", "type": "x", "source": "s", "config_schema": {}, "integration": "i"}"#),
        ADMIN.post("/flavors", r#"{"name": "c", "type": "alerter", "source": "s", "config_schema": {}}"#),
        ADMIN.post("/flavors", r#"{"name": "c", "type": "alerter", "source": "s", "config_schema": [], "integration": "i"}"#),
        ADMIN.post("/flavors", &format!(
            r#"{{"name": "c", "type": "alerter", "source": "s", "config_schema": {{"a": "{}"}}, "integration": "i"}}"#,
            "x".repeat(70_000)
        )),
        ADMIN.put("/flavors/{mine.id}", r#"{"display_name": "Named", "config_schema": {"b": [1.50]}, "logo_url": null}"#),
        ADMIN.put("/flavors/{mine.id}", r#"{"name": "b", "type": "alerter"}"#),
        ADMIN.put("/flavors/{mine.id}", r#"{"name": "b"}"#),
        ADMIN.put("/flavors/{mine.id}", r#"{"name": null}"#).wanted(&NULL_IS_UNSET),
        ADMIN.put("/flavors/{mine.id}", r#"{"name": "my_flavor", "integration": null, "display_name": null}"#),
        ADMIN.put("/flavors/{mine.id}", "{}"),
        ADMIN.put("/flavors/{mine.id}", r#"{"type": "nope"}"#),
        ADMIN.put(&format!("/flavors/{NONE}"), "{}"),
        ADMIN.post("/components", r#"{"name": "c", "type": "orchestrator", "flavor": "my_flavor",
            "configuration": {"anything": {"goes": 1.0}}}"#).keep("component"),
        ADMIN.delete("/flavors/{mine.id}"),
        ADMIN.put("/flavors/{mine.id}", r#"{"name": "other"}"#).keep("renamed").wanted(&FLAVOR_IN_USE),
        ADMIN.put("/flavors/{mine.id}", r#"{"name": "my_flavor"}"#).tidies(),
        ADMIN.delete("/components/{component.id}"),
        ADMIN.delete("/flavors/{mine.id}"),
        ADMIN.delete("/flavors/{mine.id}"),
        ADMIN.delete("/flavors/{short.id}"),
        ADMIN.get("/flavors?type=orchestrator&name=local").keep("local"),
        ADMIN.put("/flavors/{local.items.0.id}", r#"{"logo_url": "changed"}"#),
        ADMIN.get("/flavors?size=100&display_name=isnotnull:"),
        ADMIN.send("PATCH", "/flavors/sync"),
        ADMIN.get("/flavors/{local.items.0.id}"),
        ADMIN.get("/flavors?size=100"),
        ADMIN.get("/flavors?size=100&display_name=isnull:"),
        ADMIN.get("/flavors?display_name=SageMaker"),
        ADMIN.get("/flavors?display_name=contains:mlflow"),
        ADMIN.delete("/flavors/{local.items.0.id}"),
        ANYONE.send("PATCH", "/flavors/sync"),
        ANYONE.post("/flavors", MAKE),
    ])
}

fn components() -> Scenario {
    scenario(
        "making components",
        [
            ADMIN.get("/component-types"),
            ANYONE.get("/component-types"),
            ADMIN.post("/components", LOCAL).keep("mine"),
            ADMIN.get("/components/{mine.id}"),
            ADMIN.get("/components/{mine.id}?hydrate=false"),
            ADMIN.post("/components", LOCAL),
            ADMIN.post("/components?project_name_or_id=nope", S3).keep("bucket"),
            ADMIN.post("/components", &LOCAL.replace("mine", "Mine")).keep("other"),
            ADMIN.delete("/components/{other.id}"),
            ADMIN.post("/secrets", r#"{"name": "s", "values": {"a": "b"}}"#).keep("secret"),
            ADMIN
                .post(
                    "/components",
                    r#"{"name": "all", "type": "artifact_store", "flavor": "s3", "unknown": "y",
                "configuration": {"path": "s3://b", "key": "{{ s.a }}", "client_kwargs": {"a": 1}},
                "labels": {"a": [1, null]}, "environment": {"A": "é\"", "B": ""}, "secrets": ["s", "{secret.id}"],
                "connector": null, "connector_resource_id": "r"}"#,
                )
                .keep("all"),
            ADMIN.get("/components/{all.id}"),
            ADMIN.delete("/secrets/{secret.id}"),
            ADMIN.get("/components/{all.id}"),
            ADMIN.delete("/components/{all.id}"),
            ADMIN.delete("/components/{all.id}"),
            ADMIN.delete("/components/{bucket.id}"),
            ADMIN.delete("/components/{mine.id}"),
            ADMIN.get("/components/{mine.id}"),
            ADMIN.get("/components/mine"),
            ADMIN.get("/components?name=default&type=orchestrator").keep("default"),
            ADMIN.delete("/components/{default.items.0.id}"),
            ADMIN.put("/components/{default.items.0.id}", r#"{"name": "x"}"#),
            ADMIN.put("/components/{default.items.0.id}", "{}"),
        ],
    )
}

fn components_refused() -> Scenario {
    let component = |flavor: &str, configuration: &str| {
        let body = format!(
            r#"{{"name": "x", "type": "artifact_store", "flavor": "{flavor}", "configuration": {configuration}}}"#
        );
        ADMIN.post("/components", &body)
    };
    let with = |more: &str| ADMIN.post("/components", &LOCAL.replace("{}}", &format!("{{}}, {more}}}")));
    scenario(
        "what is no component",
        [
            component("nope", "{}"),
            component("s3", "{}"),
            component("s3", r#"{"path": 5}"#).wanted(&NOT_A_TEXT),
            component("s3", r#"{"path": null}"#).wanted(&NOT_A_TEXT),
            component("s3", r#"{"path": "s3://b", "nope": 1, "neither": 2}"#),
            component("s3", "[]"),
            component("s3", "null"),
            component("s3", r#"{"path": "s3://b", "config_kwargs": 5}"#),
            ADMIN.post("/components", &LOCAL.replace("mine", "{{ a.b }}")),
            ADMIN.post("/components", &LOCAL.replace("mine", "")),
            ADMIN.post("/components", &LOCAL.replace("mine", "a\\tb")),
            ADMIN.post("/components", &LOCAL.replace("mine", &"x".repeat(256))),
            ADMIN.post("/components", &LOCAL.replace("orchestrator", "nope")),
            ADMIN.post("/components", "{}"),
            with(r#""labels": []"#),
            with(r#""environment": {"A": 1}"#),
            with(r#""environment": []"#),
            with(r#""secrets": ["nope"]"#),
            with(&format!(r#""secrets": ["{NONE}"]"#)),
            with(&format!(r#""connector": "{NONE}""#)),
            with(r#""connector": "x""#),
            ANYONE.post("/components", LOCAL),
        ],
    )
}

fn components_changed() -> Scenario {
    scenario(
        "changing components",
        [
            ADMIN.post("/components", S3).keep("bucket"),
            ADMIN.post("/components", &S3.replace("bucket\"", "taken\"")).keep("taken"),
            ADMIN.post("/secrets", r#"{"name": "s", "values": {"a": "b"}}"#).keep("secret"),
            ADMIN.put("/components/{bucket.id}", r#"{"name": "renamed", "labels": {"a": 1}}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"name": "renamed"}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"name": "taken"}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"configuration": {"path": "s3://other"}}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"configuration": {"path": "s3://other", "nope": 1}}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"configuration": {}}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"environment": {"A": "b"}, "add_secrets": ["s"]}"#),
            ADMIN
                .put("/components/{bucket.id}", r#"{"environment": {}, "add_secrets": ["{secret.id}"]}"#)
                .wanted(&LINKED_AGAIN),
            ADMIN.put("/components/{bucket.id}", r#"{"environment": null, "labels": null}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"remove_secrets": ["s"]}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"remove_secrets": ["s"]}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"remove_secrets": ["nope"]}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"add_secrets": null, "remove_secrets": null}"#),
            ADMIN.put("/components/{bucket.id}", r#"{"connector_resource_id": "r"}"#),
            ADMIN.put("/components/{bucket.id}", &format!(r#"{{"connector": "{NONE}"}}"#)),
            ADMIN
                .put("/components/{bucket.id}", r#"{"name": null, "type": "alerter", "flavor": "x"}"#)
                .wanted(&NULL_IS_UNSET),
            ADMIN.put("/components/{bucket.id}", r#"{"name": ""}"#).wanted(&EMPTY),
            ADMIN.put("/components/{bucket.id}", r#"{"name": "renamed"}"#).tidies(),
            ADMIN.put("/components/{bucket.id}", "{}"),
            ADMIN.put("/components/{bucket.id}", "[]"),
            ADMIN.put(&format!("/components/{NONE}"), "{}"),
            ADMIN.put("/components/x", "{}"),
            ANYONE.put("/components/{bucket.id}", "{}"),
            ADMIN.delete("/components/{bucket.id}"),
            ADMIN.delete("/components/{taken.id}"),
            ADMIN.delete("/secrets/{secret.id}"),
        ],
    )
}

fn components_listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/components?{query}"));
    scenario(
        "listing components",
        [
            ADMIN.post("/components", S3).keep("bucket"),
            ADMIN.get("/stacks").keep("stacks"),
            list("name=default&sort_by=type&size=2"),
            list("name=default&sort_by=type&hydrate=true"),
            list("name=default&sort_by=desc:type&size=2&page=2"),
            list("name=bucket"),
            list("type=orchestrator"),
            list("scope_type=orchestrator"),
            list("scope_type=nope"),
            list("scope_type=equals:orchestrator"),
            list("scope_type="),
            list("scope_type=nope&scope_type=orchestrator"),
            list("scope_type=nope&name=default&logical_operator=or"),
            list("name=default"),
            list("name=default&sort_by=desc:created"),
            list("flavor=s3"),
            list("flavor=startswith:loc&name=default&sort_by=type"),
            list("name=x&flavor=s3&logical_operator=or"),
            list("user=default"),
            list("user=isnull:&sort_by=type"),
            list("connector_id=isnull:&sort_by=name&name=bucket"),
            list(&format!("connector_id={NONE}")),
            list("stack_id={stacks.items.0.id}&sort_by=type"),
            list(&format!("stack_id={NONE}")),
            list("stack_id=x"),
            list("project_name_or_id=nope&type=deployer"),
            list("sort_by=flavor&name=bucket"),
            list("sort_by=scope_type"),
            list("sort_by=stack_id"),
            list("sort_by=desc:user&type=artifact_store"),
            ADMIN.delete("/components/{bucket.id}"),
            ANYONE.get("/components"),
        ],
    )
}

const STACK: &str =
    r#"{"name": "s", "components": {"orchestrator": ["{mine.id}"], "artifact_store": ["{bucket.id}"]}}"#;

fn stacks() -> Scenario {
    scenario(
        "making stacks",
        [
            ADMIN.post("/components", LOCAL).keep("mine"),
            ADMIN.post("/components", S3).keep("bucket"),
            ADMIN.post("/secrets", r#"{"name": "s", "values": {"a": "b"}}"#).keep("secret"),
            ADMIN.get("/onboarding_state"),
            ADMIN.post("/stacks", STACK).keep("stack"),
            ADMIN.get("/onboarding_state"),
            ADMIN.get("/stacks/{stack.id}"),
            ADMIN.get("/stacks/{stack.id}?hydrate=false"),
            ADMIN.post("/stacks", STACK),
            ADMIN.get("/stacks?component=bucket"),
            ADMIN.get("/stacks?component_id={bucket.id}"),
            ADMIN.get("/stacks?component=default"),
            ADMIN.get("/stacks?sort_by=desc:name&hydrate=true"),
            ADMIN.get("/components?stack_id={stack.id}"),
            ADMIN.delete("/components/{bucket.id}"),
            ADMIN
                .post(
                    "/stacks",
                    r#"{"name": "full", "description": "d", "stack_spec_path": "p", "labels": {"a": 1},
            "components": {"orchestrator": ["{bucket.id}"], "artifact_store": ["{mine.id}"], "alerter": []},
            "environment": {"A": "b"}, "secrets": ["s", "{secret.id}"], "service_connectors": []}"#,
                )
                .keep("full"),
            ADMIN.get("/stacks/{full.id}"),
            ADMIN.delete("/stacks/{full.id}"),
            ADMIN.delete("/stacks/{full.id}"),
            ADMIN.get("/stacks/{full.id}"),
            ADMIN.delete("/stacks/{stack.id}"),
            ADMIN.delete("/components/{bucket.id}"),
            ADMIN.delete("/components/{mine.id}"),
            ADMIN.delete("/secrets/{secret.id}"),
            ADMIN.get("/stacks?name=default").keep("default"),
            ADMIN.delete("/stacks/{default.items.0.id}"),
            ADMIN.put("/stacks/{default.items.0.id}", r#"{"description": "x"}"#),
            ANYONE.post("/stacks", STACK),
        ],
    )
}

fn stacks_refused() -> Scenario {
    let of =
        |components: &str| ADMIN.post("/stacks", &format!(r#"{{"name": "s", "components": {components}}}"#));
    const BOTH: &str = r#""orchestrator": ["{mine.id}"], "artifact_store": ["{bucket.id}"]"#;
    scenario(
        "what is no stack",
        [
            ADMIN.post("/components", LOCAL).keep("mine"),
            ADMIN.post("/components", S3).keep("bucket"),
            ADMIN.post("/stacks", "{}"),
            ADMIN.post("/stacks", r#"{"name": "s"}"#),
            of("{}"),
            of("[]"),
            of(r#"{"orchestrator": ["{mine.id}"]}"#),
            of(r#"{"orchestrator": ["{mine.id}"], "artifact_store": []}"#),
            of(r#"{"orchestrator": ["{mine.id}", "{mine.id}"], "artifact_store": ["{bucket.id}"]}"#),
            of(&format!(r#"{{"orchestrator": ["{NONE}"], "artifact_store": ["{{bucket.id}}"]}}"#)),
            of(&format!(r#"{{{BOTH}, "nope": []}}"#)).wanted(&UNKNOWN_TYPE),
            of(&format!(r#"{{{BOTH}, "alerter": ["{{mine.id}}"]}}"#)).wanted(&COMPONENT_TWICE),
            ADMIN.post("/stacks", &STACK.replace("\"s\"", "\"\"")),
            ADMIN.post("/stacks", &STACK.replace("\"s\"", "\"a\\tb\"")),
            ADMIN.post("/stacks", &STACK.replace("\"s\"", &format!("\"{}\"", "x".repeat(256)))),
            ADMIN.post("/stacks", &STACK.replace("\"s\"", "\"default\"")),
            ADMIN.post("/stacks", &STACK.replace("\"s\",", "\"s\", \"description\": null,")),
            ADMIN.post("/stacks", &STACK.replace("\"s\",", "\"s\", \"secrets\": [\"nope\"],")),
            ADMIN.post(
                "/stacks",
                &STACK.replace("\"s\",", &format!("\"s\", \"service_connectors\": [\"{NONE}\"],")),
            ),
            ADMIN.post("/stacks", &STACK.replace("\"s\",", "\"s\", \"environment\": {\"a\": 1},")),
            ADMIN.get("/stacks"),
            ADMIN.delete("/components/{bucket.id}"),
            ADMIN.delete("/components/{mine.id}"),
        ],
    )
}

fn stacks_changed() -> Scenario {
    scenario(
        "changing stacks",
        [
            ADMIN.post("/components", LOCAL).keep("mine"),
            ADMIN.post("/components", S3).keep("bucket"),
            ADMIN
                .post(
                    "/components",
                    r#"{"name": "a", "type": "sandbox", "flavor": "local", "configuration": {}}"#,
                )
                .keep("one"),
            ADMIN
                .post(
                    "/components",
                    r#"{"name": "b", "type": "sandbox", "flavor": "local", "configuration": {}}"#,
                )
                .keep("two"),
            ADMIN.post("/secrets", r#"{"name": "s", "values": {"a": "b"}}"#).keep("secret"),
            ADMIN.post("/stacks", STACK).keep("stack"),
            ADMIN.put(
                "/stacks/{stack.id}",
                r#"{"name": "renamed", "description": "d", "labels": {"x": 1.0}}"#,
            ),
            ADMIN.put("/stacks/{stack.id}", r#"{"name": "default"}"#),
            ADMIN.put("/stacks/{stack.id}", r#"{"name": "renamed", "description": null, "labels": null}"#),
            ADMIN.put("/stacks/{stack.id}", r#"{"name": null}"#).wanted(&NULL_IS_UNSET),
            ADMIN.put("/stacks/{stack.id}", r#"{"name": ""}"#).wanted(&EMPTY),
            ADMIN.put("/stacks/{stack.id}", r#"{"name": "renamed"}"#).tidies(),
            ADMIN.put(
                "/stacks/{stack.id}",
                r#"{"stack_spec_path": "p", "environment": {"A": "b"}, "add_secrets": ["s"]}"#,
            ),
            ADMIN.put("/stacks/{stack.id}", r#"{"environment": null, "remove_secrets": ["{secret.id}"]}"#),
            ADMIN.put("/stacks/{stack.id}", r#"{"remove_secrets": ["nope"]}"#),
            ADMIN.put(
                "/stacks/{stack.id}",
                r#"{"components": {"orchestrator": ["{mine.id}"], "artifact_store": ["{bucket.id}"],
            "sandbox": ["{two.id}", "{one.id}"]}}"#,
            ),
            ADMIN.get("/stacks/{stack.id}"),
            ADMIN.get("/components?stack_id={stack.id}&sort_by=name"),
            ADMIN.delete("/components/{one.id}"),
            ADMIN.put("/stacks/{stack.id}", r#"{"components": {}}"#),
            ADMIN.put("/stacks/{stack.id}", r#"{"components": null}"#),
            ADMIN.put(
                "/stacks/{stack.id}",
                &format!(
                    r#"{{"components": {{"orchestrator": ["{NONE}"], "artifact_store": ["{{bucket.id}}"]}}}}"#
                ),
            ),
            ADMIN.put(
                "/stacks/{stack.id}",
                r#"{"components": {"orchestrator": ["{bucket.id}"], "artifact_store": ["{mine.id}"]}}"#,
            ),
            ADMIN.put("/stacks/{stack.id}", "{}"),
            ADMIN.put(&format!("/stacks/{NONE}"), "{}"),
            ADMIN.put("/stacks/x", "{}"),
            ANYONE.put("/stacks/{stack.id}", "{}"),
            ADMIN.delete("/stacks/{stack.id}"),
            ADMIN.delete("/components/{one.id}"),
            ADMIN.delete("/components/{two.id}"),
            ADMIN.delete("/components/{bucket.id}"),
            ADMIN.delete("/components/{mine.id}"),
            ADMIN.delete("/secrets/{secret.id}"),
        ],
    )
}

const OTHER: By = By("other");

fn stacks_with_new_components() -> Scenario {
    const NEW: &str = r#"{"name": "new", "labels": {"l": "1"}, "components": {
        "orchestrator": [{"flavor": "local"}],
        "artifact_store": [{"flavor": "s3", "configuration": {"path": "s3://b"}}]}}"#;
    scenario(
        "stacks with new components",
        [
            ADMIN.post("/users", r#"{"name": "other", "is_admin": false, "password": "x y z"}"#).keep("user"),
            ANYONE.form("/login", "username=other&password=x+y+z").keep("other"),
            OTHER.post("/stacks", NEW).keep("stack"),
            OTHER.get("/components?name=new&sort_by=type&hydrate=true").keep("components"),
            OTHER.post("/stacks", NEW),
            OTHER.get("/components?name=startswith:new"),
            OTHER.post("/stacks", &NEW.replace("\"s3\"", "\"nope\"").replace("\"new\"", "\"none\"")),
            OTHER.post("/stacks", &NEW.replace("\"path\"", "\"nope\"").replace("\"new\"", "\"none\"")),
            OTHER.get("/components?name=none"),
            ADMIN.delete("/stacks/{stack.id}"),
            ADMIN.delete("/components/{components.items.0.id}"),
            ADMIN.delete("/components/{components.items.1.id}"),
            ADMIN.delete("/users/other"),
        ],
    )
}
