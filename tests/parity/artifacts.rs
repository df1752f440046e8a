//! Artifacts, their versions, and what is shown of them.

use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{
    DATA_STAYS, FEWER_OF_THREE, OR_RUN, PRUNED, TAKEN_VERSION, TEXT_ORDER, TYPELESS_METADATA, UNION,
    UNKNOWN_REFERENCE, ZERO_IS_A_NUMBER,
};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        tags(),
        artifacts(),
        no_artifacts(),
        artifact_lists(),
        versions(),
        no_versions(),
        batches(),
        version_lists(),
        by_metadata(),
        changes(),
        no_tags(),
    ]
}

/// Keeps the project and the default artifact store.
fn start() -> [Step; 2] {
    [
        ADMIN.get("/projects/default").keep("project"),
        ADMIN.get("/components?type=artifact_store").keep("stores"),
    ]
}

pub fn with_start(name: &'static str, steps: Vec<Step>) -> Scenario {
    Scenario { name, steps: start().into_iter().chain(steps).collect() }
}

fn make(fields: &str) -> Step {
    ADMIN.post("/artifacts", &format!(r#"{{"project": "{{project.id}}", {fields}}}"#))
}

const WHERE: &str = r#""type": "DataArtifact", "save_type": "manual", "uri": "/data/x",
    "materializer": {"module": "a.b", "attribute": "C", "type": "user"},
    "data_type": {"module": "builtins", "attribute": "int", "type": "builtin"}"#;

/// A new version that is whole but for one field.
fn broken(field: &str, value: &str) -> Step {
    let fields = [
        ("artifact_name", r#""x""#),
        ("type", r#""DataArtifact""#),
        ("save_type", r#""manual""#),
        ("uri", r#""/data/x""#),
        ("materializer", r#""a.B""#),
        ("data_type", r#""a.B""#),
    ];
    let whole = fields.into_iter().filter(|(name, _)| *name != field).chain([(field, value)]);
    let fields: Vec<String> = whole.map(|(name, value)| format!(r#""{name}": {value}"#)).collect();
    ADMIN.post("/artifact_versions", &format!(r#"{{"project": "{{project.id}}", {}}}"#, fields.join(", ")))
}

/// A new version with these fields besides what each has.
pub fn version(fields: &str) -> Step {
    ADMIN.post("/artifact_versions", &format!(r#"{{"project": "{{project.id}}", {WHERE}, {fields}}}"#))
}

const TAGS: [&str; 8] = ["a", "b", "c", "x", "y", "z", "nightly", "vision"];

/// Tags with a colour: without one each server gives them any.
pub fn tags() -> Scenario {
    let make = |name: &&str| ADMIN.post("/tags", &format!(r#"{{"name": "{name}", "color": "red"}}"#));
    Scenario { name: "tags of artifacts", steps: TAGS.iter().map(make).collect() }
}

pub fn no_tags() -> Scenario {
    let find = |name: &&'static str| ADMIN.get(&format!("/tags?name={name}")).keep(name);
    let delete = |name: &&str| ADMIN.delete(&format!("/tags/{{{name}.items.0.id}}"));
    Scenario {
        name: "tags of artifacts go",
        steps: TAGS.iter().map(find).chain(TAGS.iter().map(delete)).collect(),
    }
}

fn artifacts() -> Scenario {
    with_start(
        "artifacts",
        vec![
            make(r#""name": "numbers""#).keep("numbers"),
            make(r#""name": "numbers""#),
            make(r#""name": "Zoë's x: 100%", "has_custom_name": true, "tags": ["nightly", "vision"], "unknown": 1"#)
                .keep("zoe"),
            ADMIN.get("/artifacts/{numbers.id}"),
            ADMIN.get("/artifacts/{numbers.id}?hydrate=false"),
            ADMIN.get("/artifacts/{zoe.id}"),
            ADMIN.get(&format!("/artifacts/{NONE}")),
            ADMIN.get("/artifacts/numbers"),
            ANYONE.get("/artifacts/{numbers.id}"),
            ADMIN.put("/artifacts/{numbers.id}", "{}"),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"add_tags": ["a", "b"]}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"add_tags": ["c"], "remove_tags": ["a", "nowhere"]}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"name": "figures"}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"name": "figures", "has_custom_name": false}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"name": ""}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"name": null, "add_tags": null}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"name": "Zoë's x: 100%"}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"name": 5}"#),
            ADMIN.put("/artifacts/{numbers.id}", r#"{"add_tags": "a"}"#),
            ADMIN.put(&format!("/artifacts/{NONE}"), r#"{"name": "x"}"#),
            ADMIN.delete("/artifacts/{numbers.id}"),
            ADMIN.delete("/artifacts/{numbers.id}"),
            ADMIN.delete("/artifacts/figures"),
            ADMIN.delete("/artifacts/{zoe.id}"),
        ],
    )
}

fn no_artifacts() -> Scenario {
    let (long, longer) = ("x".repeat(255), "x".repeat(256));
    with_start(
        "what is no artifact",
        vec![
            ANYONE.post("/artifacts", "{}"),
            ADMIN.post("/artifacts", "{}"),
            ADMIN.post("/artifacts", "[]"),
            ADMIN.post("/artifacts", r#"{"name": "x"}"#),
            make(r#""name": """#),
            make(r#""name": "a\nb""#),
            make(r#""name": 5"#),
            make(r#""name": "x", "tags": [5]"#),
            make(r#""name": "x", "has_custom_name": "perhaps""#),
            make(r#""name": "x", "has_custom_name": "yes""#).keep("loose"),
            ADMIN.delete("/artifacts/{loose.id}").tidies(),
            make(&format!(r#""name": "{longer}""#)),
            make(&format!(r#""name": "{long}""#)).keep("long"),
            ADMIN.delete("/artifacts/{long.id}"),
            ADMIN
                .post("/artifacts", &format!(r#"{{"project": "{NONE}", "name": "x"}}"#))
                .wanted(&UNKNOWN_REFERENCE),
            ADMIN.post("/artifacts", r#"{"project": "default", "name": "x"}"#),
            ADMIN.send("DELETE", "/artifacts"),
        ],
    )
}

fn artifact_lists() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/artifacts?{query}"));
    with_start(
        "lists of artifacts",
        vec![
            list(""),
            make(r#""name": "one", "has_custom_name": true, "tags": ["z", "a"]"#).keep("one"),
            make(r#""name": "two", "tags": ["b"]"#).keep("two"),
            make(r#""name": "three_3""#).keep("three"),
            version(r#""artifact_name": "one""#),
            list(""),
            list("hydrate=true&size=2"),
            list("project=default"),
            list("project={project.id}"),
            list("project=nowhere"),
            list("name=one"),
            list("name=contains:_").wanted(&FEWER_OF_THREE),
            list("name=startswith:t&sort_by=desc:name"),
            list("id={one.id}"),
            list("id=notequals:{one.id}"),
            list("id=gt:{one.id}").wanted(&TEXT_ORDER),
            list("has_custom_name=true"),
            list("has_custom_name=false"),
            list("has_custom_name=equals:true"),
            list("has_custom_name=x"),
            list("tags=a"),
            list("tags=startswith:z"),
            list("tags=isnull:"),
            list("tags=isnotnull:"),
            list("tags=a&tags=z"),
            list("tags=a&tags=b"),
            list("tags=nothing"),
            list("user=default"),
            list("user=nobody"),
            list("scope_user={one.body.user_id}"),
            list("scope_user=x"),
            list("logical_operator=or&name=one&tags=b"),
            list("created=gt:2020-01-01 00:00:00"),
            list("updated=lt:2020-01-01 00:00:00"),
            list("sort_by=tags"),
            list("sort_by=desc:tags"),
            list("sort_by=latest_version"),
            list("sort_by=desc:latest_version"),
            list("sort_by=has_custom_name&name=one"),
            list("sort_by=user&name=one"),
            list("sort_by=project"),
            list("sort_by=nope"),
            list("page=9"),
            ADMIN.delete("/artifacts/{one.id}"),
            ADMIN.delete("/artifacts/{two.id}"),
            ADMIN.delete("/artifacts/{three.id}"),
            list(""),
        ],
    )
}

fn versions() -> Scenario {
    with_start(
        "artifact versions",
        vec![
            version(r#""artifact_name": "numbers""#).keep("first"),
            version(r#""artifact_name": "numbers", "has_custom_name": true"#),
            ADMIN.get("/artifacts?name=numbers&hydrate=true").keep("artifacts"),
            version(r#""artifact_id": "{artifacts.items.0.id}", "version": 7"#),
            version(r#""artifact_id": "{artifacts.items.0.id}", "version": "7""#).wanted(&TAKEN_VERSION),
            version(r#""artifact_name": "numbers", "version": "7""#),
            version(r#""artifact_name": "numbers", "version": "best one""#),
            version(r#""artifact_name": "numbers""#).keep("eighth"),
            ADMIN.post(
                "/artifact_versions",
                r#"{"project": "{project.id}", "artifact_name": "numbers", "type": "ModelArtifact",
                    "save_type": "step_output", "uri": "s3://bucket/y", "materializer": "zenml.materializers.X",
                    "data_type": {"module": "torch", "type": "distribution_package", "package_name": "torch"},
                    "content_hash": "abc", "item_count": 3, "tags": ["nightly", "vision"],
                    "artifact_store_id": "{stores.items.0.id}",
                    "visualizations": [{"type": "html", "uri": "s3://bucket/y/a.html"},
                                       {"type": "image", "uri": "s3://bucket/y/b.png"}],
                    "metadata": {"a": 1, "b": 1.5, "c": "Zoë", "d": true, "e": [1, "x", null], "f": {"g": {"h": 1}}},
                    "unknown": 1}"#,
            )
            .keep("full"),
            ADMIN.get("/artifact_versions/{full.id}"),
            ADMIN.get("/artifact_versions/{full.id}?hydrate=false"),
            ADMIN.get("/artifacts/{artifacts.items.0.id}"),
            ADMIN.get(&format!("/artifact_versions/{NONE}")),
            ADMIN.get("/artifact_versions/x"),
            ANYONE.get("/artifact_versions/{full.id}"),
            ADMIN.delete("/artifacts/{artifacts.items.0.id}"),
            ADMIN.get("/artifact_versions/{full.id}"),
            ADMIN.get("/artifact_versions"),
        ],
    )
}

fn no_versions() -> Scenario {
    let post = |body: &str| ADMIN.post("/artifact_versions", body);
    with_start(
        "what is no artifact version",
        vec![
            ANYONE.post("/artifact_versions", "{}"),
            post("{}"),
            post("[]"),
            version(r#""unknown": 1"#),
            version(r#""artifact_name": """#),
            version(&format!(r#""artifact_name": "x", "artifact_id": "{NONE}""#)),
            version(&format!(r#""artifact_id": "{NONE}""#)).wanted(&UNKNOWN_REFERENCE),
            version(&format!(r#""artifact_name": "x", "artifact_store_id": "{NONE}""#)),
            version(r#""artifact_name": "x", "version": """#),
            broken("version", r#"[1]"#),
            broken("item_count", r#""many""#),
            broken("tags", r#""a""#),
            broken("visualizations", r#"[{"type": "video", "uri": "x"}]"#),
            broken("visualizations", r#"[{"type": "html"}]"#),
            broken("metadata", r#"{"a": null}"#).wanted(&UNION),
            broken("metadata", r#"[]"#),
            broken("type", r#""Data""#),
            broken("save_type", r#""lost""#),
            broken("materializer", r#"{"module": "a"}"#),
            broken("materializer", r#"{"module": "a", "type": "magic"}"#),
            broken("materializer", r#"5"#),
            broken("uri", r#"5"#),
            ADMIN.get("/artifacts?name=x").keep("x").tidies(),
            ADMIN.delete("/artifacts/{x.items.0.id}").tidies(),
        ],
    )
}

fn batches() -> Scenario {
    let one = |fields: &str| format!(r#"{{"project": "{{project.id}}", {WHERE}, {fields}}}"#);
    let batch = |all: &[&str]| {
        let all: Vec<String> = all.iter().map(|fields| one(fields)).collect();
        ADMIN.post("/artifact_versions/batch", &format!("[{}]", all.join(", ")))
    };
    with_start(
        "batches of artifact versions",
        vec![
            ADMIN.post("/artifact_versions/batch", "[]"),
            batch(&[r#""artifact_name": "a""#]).keep("made"),
            batch(&[
                r#""artifact_name": "b""#,
                r#""artifact_name": "a", "tags": ["x"]"#,
                r#""artifact_name": "b""#,
            ]),
            ADMIN.get("/artifact_versions?artifact=b").keep("b"),
            ADMIN.post("/artifact_versions/batch", "{}"),
            ADMIN.post("/artifact_versions/batch", "[5]"),
            ADMIN.post("/artifact_versions/batch", "[{}]"),
            ANYONE.post("/artifact_versions/batch", "[]"),
            ADMIN.delete("/artifacts/{made.0.body.artifact.id}"),
            ADMIN.delete("/artifacts/{b.items.0.body.artifact.id}"),
            ADMIN.get("/artifacts"),
        ],
    )
}

fn version_lists() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/artifact_versions?{query}"));
    with_start(
        "lists of artifact versions",
        vec![
            version(r#""artifact_name": "a", "tags": ["x"]"#).keep("a"),
            version(r#""artifact_name": "a", "version": "best", "has_custom_name": true"#),
            version(r#""artifact_name": "bx", "artifact_store_id": "{stores.items.0.id}""#).keep("b"),
            list(""),
            list("hydrate=true"),
            list("project=default&size=1&page=3"),
            list("project=nowhere"),
            list("artifact=a"),
            list("artifact=startswith:bx"),
            list("artifact={a.body.artifact.id}"),
            list("artifact_id={a.body.artifact.id}"),
            list("artifact=nothing"),
            list("version=best"),
            list("version=1"),
            list("version_number=1"),
            list("version_number=gte:1"),
            list("version_number=isnull:"),
            list("version_number=x"),
            list("uri=contains:data"),
            list("uri=nothing"),
            list("materializer=contains:a.b"),
            list("data_type=contains:builtins"),
            list("type=DataArtifact"),
            list("type=ModelArtifact"),
            list("type=x"),
            list("artifact_store_id={stores.items.0.id}"),
            list(&format!("artifact_store_id={NONE}")),
            list(&format!("model_version_id={NONE}")),
            list("only_unused=true"),
            list("only_unused=false"),
            list("only_unused=x"),
            list("has_custom_name=true"),
            list("has_custom_name=false"),
            list("has_custom_name=x"),
            list("model=nothing"),
            list("pipeline_run=nothing"),
            list(&format!("pipeline_run={NONE}")),
            list("logical_operator=or&artifact=bx&version=best"),
            list("logical_operator=or&artifact=bx&pipeline_run=x").wanted(&OR_RUN),
            list("tags=x"),
            list("user=default"),
            list("sort_by=version&artifact=a"),
            list("sort_by=desc:version_number&artifact=a"),
            list("sort_by=tags&artifact=a"),
            list("sort_by=artifact"),
            list("sort_by=model"),
            list("sort_by=run_metadata"),
            list("version=oneof:[1, NaN]"),
            list("version=oneof:[null, \"best\"]"),
            list("version=notoneof:[1, null, Infinity]"),
            list("version=notoneof:[NaN, 1]"),
            list("version_number=oneof:[1]"),
            list("version_number=oneof:[NaN]"),
            list("version_number=notoneof:[null]"),
            list("has_custom_name=oneof:[true]"),
            list("version=gt:1"),
            list("version=gt:0&artifact=a"),
            list("version=lte:x").wanted(&TEXT_ORDER),
            ADMIN.delete("/artifacts/{a.body.artifact.id}"),
            ADMIN.delete("/artifacts/{b.body.artifact.id}"),
        ],
    )
}

fn by_metadata() -> Scenario {
    let list = |filter: &str| ADMIN.get(&format!("/artifact_versions?hydrate=true&run_metadata={filter}"));
    let log =
        |fields: &str| ADMIN.post("/run-metadata", &format!(r#"{{"project": "{{project.id}}", {fields}}}"#));
    let of = r#""resources": [{"id": "{a.id}", "type": "artifact_version"}]"#;
    with_start(
        "metadata",
        vec![
            version(r#""artifact_name": "a", "metadata": {"rows": 10, "name": "vision", "zero": 0, "tags": ["x", 1]}"#)
                .keep("a"),
            version(r#""artifact_name": "b", "metadata": {"rows": 2.5, "flag": true, "deep": {"x": 1, "y": 2}}"#)
                .keep("b"),
            list("rows:10"),
            list("rows:equals:10"),
            list("rows:gt:5"),
            list("rows:lte:2.5"),
            list("rows:gte:2.5"),
            list("rows:lt:x").wanted(&TEXT_ORDER),
            list("zero:lt:1").wanted(&ZERO_IS_A_NUMBER),
            list("name:vision"),
            list("name:equals:\"vision\""),
            list("name:startswith:vis"),
            list("name:endswith:ion"),
            list("name:contains:isi"),
            list("name:notcontains:isi"),
            list("name:notequals:x"),
            list("name:oneof:[\"vision\",\"x\"]"),
            list("name:notoneof:[\"vision\"]"),
            list("name:oneof:[null, NaN, \"vision\"]"),
            list("name:notoneof:[null, Infinity]"),
            list("name:notoneof:[NaN]"),
            list("rows:oneof:[10, NaN]"),
            list("rows:oneof:[2.5, null]"),
            list("rows:notoneof:[10, null]"),
            list("flag:oneof:[true]"),
            list("flag:oneof:[true, \"true\"]"),
            list("flag:notoneof:[true]"),
            list("name:oneof:x").wanted(&TEXT_ORDER),
            list("name:isnull:"),
            list("name:isnotnull:"),
            list("tags:contains:x"),
            list("tags:[\"x\", 1]"),
            list("flag:true"),
            list("nothing:1"),
            list("rows"),
            list("rows:10&run_metadata=name:vision"),
            list("rows:10&run_metadata=flag:true"),
            list("rows:10&run_metadata=flag:true&logical_operator=or"),
            log(&format!(r#"{of}, "values": {{"rows": 11, "deep": {{"z": 3}}}}, "types": {{"rows": "int", "deep": "dict"}}"#)),
            log(&format!(r#"{of}, "values": {{"deep": {{"z": 4, "a": 1}}}}, "types": {{"deep": "dict"}}"#)),
            ADMIN.get("/artifact_versions/{a.id}"),
            log(&format!(r#"{of}, "values": {{"deep": 5}}, "types": {{"deep": "int"}}"#)),
            ADMIN.get("/artifact_versions/{a.id}"),
            log(r#""resources": [], "values": {"x": 1}, "types": {"x": "int"}"#),
            log(&format!(r#"{of}, "values": {{}}, "types": {{}}"#)),
            log(&format!(r#"{of}, "values": {{"a:b": 1}}, "types": {{"a:b": "int"}}"#)),
            log(&format!(r#"{of}, "values": {{"x": 1}}, "types": {{}}"#)).wanted(&TYPELESS_METADATA),
            log(&format!(r#"{of}, "values": {{"x": null}}, "types": {{"x": "int"}}"#)),
            log(&format!(r#"{of}, "values": {{"x": 1}}, "types": {{"x": "number"}}"#)),
            log(&format!(r#"{of}, "values": {{"x": 1}}, "types": {{"x": "StorageSize"}}, "stack_component_id": "{{stores.items.0.id}}""#)),
            log(&format!(r#"{of}, "values": {{"x": 1}}, "types": {{"x": "int"}}, "stack_component_id": "{NONE}""#)),
            log(&format!(r#"{of}, "values": {{"x": 1}}, "types": {{"x": "int"}}, "publisher_step_id": "{NONE}""#)).wanted(&UNKNOWN_REFERENCE),
            log(&format!(r#""resources": [{{"id": "{NONE}", "type": "artifact_version"}}], "values": {{"x": 1}}, "types": {{"x": "int"}}"#)),
            log(&format!(r#""resources": [{{"id": "{NONE}", "type": "pipeline_run"}}], "values": {{"x": 1}}, "types": {{"x": "int"}}"#)),
            log(&format!(r#""resources": [{{"id": "{NONE}", "type": "step_run"}}], "values": {{"x": 1}}, "types": {{"x": "int"}}"#)),
            log(&format!(r#""resources": [{{"id": "{NONE}", "type": "model_version"}}], "values": {{"x": 1}}, "types": {{"x": "int"}}"#)),
            log(&format!(r#""resources": [{{"id": "{NONE}", "type": "schedule"}}], "values": {{"x": 1}}, "types": {{"x": "int"}}"#)),
            log(&format!(r#""resources": [{{"id": "{NONE}", "type": "wait_condition"}}], "values": {{"x": 1}}, "types": {{"x": "int"}}"#)),
            log(r#""resources": [{"id": "{a.id}", "type": "artifact"}], "values": {}, "types": {}"#),
            ADMIN.post("/run-metadata", "{}"),
            ANYONE.post("/run-metadata", "{}"),
            ADMIN.post(
                "/run-metadata?project_name_or_id=default",
                &format!(r#"{{"project": "{NONE}", {of}, "values": {{"q": 1}}, "types": {{"q": "int"}}}}"#),
            ),
            ADMIN.post(
                "/workspaces/default/run-metadata",
                &format!(r#"{{"project": "{NONE}", {of}, "values": {{"w": 1}}, "types": {{"w": "int"}}}}"#),
            ),
            ADMIN.post(
                "/workspaces/nowhere/run-metadata",
                &format!(r#"{{"project": "{NONE}", {of}, "values": {{"w": 1}}, "types": {{"w": "int"}}}}"#),
            ),
            ADMIN.get("/artifact_versions/{a.id}"),
            ADMIN.delete("/artifacts/{a.body.artifact.id}"),
            ADMIN.delete("/artifacts/{b.body.artifact.id}"),
        ],
    )
}

fn changes() -> Scenario {
    with_start(
        "changes of artifact versions",
        vec![
            version(r#""artifact_name": "a", "tags": ["x"], "metadata": {"m": 1}"#).keep("a"),
            ADMIN.put("/artifact_versions/{a.id}", "{}"),
            ADMIN.put(
                "/artifact_versions/{a.id}",
                r#"{"name": "ignored", "add_tags": ["y"], "remove_tags": ["x"]}"#,
            ),
            ADMIN.put("/artifact_versions/{a.id}", r#"{"add_tags": 5}"#),
            ADMIN.put(&format!("/artifact_versions/{NONE}"), "{}"),
            ADMIN.delete("/artifact_versions/{a.id}?delete_metadata=false"),
            ADMIN.get("/artifact_versions/{a.id}"),
            ADMIN.delete("/artifact_versions/{a.id}?delete_metadata=x"),
            ADMIN.delete("/artifact_versions/{a.id}?delete_from_artifact_store=true"),
            ADMIN.delete("/artifact_versions/{a.id}"),
            ADMIN.delete("/artifact_versions/{a.id}"),
            version(r#""artifact_name": "a", "artifact_store_id": "{stores.items.0.id}""#).keep("stored"),
            ADMIN
                .delete("/artifact_versions/{stored.id}?delete_from_artifact_store=true")
                .wanted(&DATA_STAYS),
            ADMIN.send("DELETE", "/artifact_versions"),
            ADMIN.delete("/artifact_versions?project_name_or_id=nowhere"),
            ADMIN.delete("/artifact_versions?project_name_or_id=default&only_versions=x"),
            ANYONE.delete("/artifact_versions?project_name_or_id=default"),
            ADMIN.delete("/artifact_versions?project_name_or_id=default").wanted(&PRUNED),
            ADMIN.delete("/artifacts/{stored.body.artifact.id}"),
        ],
    )
}
