//! Each field of each body, in the spellings that pydantic takes and in others: what is read and what is refused is one
//! table, which holds for both servers.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Database, ReferenceServer, TestApp};

const CONTRACT: &str = include_str!("../../contract/openapi.json");
/// Nothing has it.
const NONE: &str = "6f9619ff-8b86-d011-b42d-00cf4fc964f0";
/// Fields within others that are looked into, at most.
const DEPTH: usize = 4;
/// What is checked in another way: a list's parameters in a body, and configurations of pipelines and steps. Who makes
/// something is known, whatever a body says.
const OTHERWISE: [&str; 6] =
    ["filter", "pipeline_configuration", "pipeline_spec", "step_configurations", "dynamic_config", "user"];

/// Fields that are checked as those of the contract's models, before they are read, or as a whole.
const OF_MODELS: [(&str, &str); 15] = [
    ("/flavors", "display_name"),
    // The contract has it as any flag or text.
    ("/pipeline_deployments", "name"),
    ("/pipeline_snapshots", "name"),
    ("/hook_invocations", "exception_info"),
    ("/runs/", "add_logs"),
    ("/runs/", "add_tags"),
    ("/runs/", "remove_tags"),
    ("/steps", "add_logs"),
    ("/steps", "dynamic_config"),
    ("/steps", "parent_step_ids"),
    ("/steps", "resource_requester"),
    ("/steps", "resource_request_runtime"),
    ("/triggers/", "cache_policy"),
    ("/triggers/", "model"),
    ("/triggers/", "schedule"),
];

/// A field of a body: its operation, its place in the body, and of which kinds it may be.
struct Field {
    method: Method,
    path: String,
    is_item: bool,
    place: Vec<String>,
    kinds: String,
}

/// What is read as a value of the kind, and what isn't.
fn spellings(kinds: &str) -> Option<(Value, Value)> {
    Some(match kinds {
        "boolean" => (
            json!([
                true, false, 1, 0, 1.0, 0.0, "true", "False", "1", "0", "yes", "No", "y", "n", "on", "OFF",
                "t", "f"
            ]),
            json!([2, 0.5, "", " true", "maybe", "2", [], {}]),
        ),
        "integer" => (
            json!([1, 1.0, "1", "1.0", " 1 ", "+1", "1_0", true]),
            json!([1.5, "1.5", "1e1", "x", "", 1e20, [], {}]),
        ),
        "integer string" => (json!([1, 1.0, true, "1.5", "x"]), json!([1.5, 1e20, [], {}])),
        "boolean string" => (json!([false, 0, 0.0, "yes", "x"]), json!([true, 1, 2, 0.5, [], {}])),
        "date-time" => (
            json!([5, 5.5, "5", "5.5", "2026-01-02", "2026-01-02 03:04", "2026-01-02T03:04:05Z"]),
            json!([true, "x", " 2026-01-02", [], {}]),
        ),
        "duration" => (json!([60, 60.5, true, "PT1M", "00:01:00"]), json!(["60", "x", [], {}])),
        "uuid" => (
            json!([
                NONE,
                format!("{{{NONE}}}"),
                format!("urn:uuid:{NONE}"),
                NONE.replace('-', "").to_uppercase()
            ]),
            json!([5, true, "x", [], {}]),
        ),
        "string" => (json!([]), json!([1, 1.5, true, [], {}])),
        "enum" => (json!([]), json!([5, true, "nope", [], {}])),
        "array" => (json!([[]]), json!(["x", 5, true, {}])),
        "object" => (json!([]), json!([5, ["x"]])),
        _ => return None,
    })
}

impl Field {
    /// Whether the value is refused for what it is; none where the server has failed.
    async fn refuses(&self, caller: &Caller, value: &Value) -> Option<bool> {
        let wrap = |inner: Value, step: &String| match step.parse::<usize>() {
            Ok(_) => json!([inner]),
            Err(_) => json!({ (step.as_str()): inner }),
        };
        let body = self.place.iter().rev().fold(value.clone(), wrap);
        let body = if self.is_item { json!([body]) } else { body };
        let json = caller.clone().with("content-type", "application/json");
        let answer = json.request(self.method.clone(), &self.path, body.to_string()).await;
        match answer.status {
            500 => None,
            422 => Some(self.is_refused(answer.json()[1].as_str().unwrap_or_default())),
            _ => Some(false),
        }
    }

    /// Whether something is wrong there, around it or within it, other than what isn't there.
    fn is_refused(&self, text: &str) -> bool {
        let step = |step: &String| match step.parse::<usize>() {
            Ok(_) => format!(", {step}"),
            Err(_) => format!(", '{step}'"),
        };
        let item = if self.is_item { ", 0" } else { "" };
        let own = format!("'body'{item}{}", self.place.iter().map(step).collect::<String>());
        text.lines().filter(|line| !line.contains("'type': 'missing'")).any(|line| {
            let place = line.split_once("'loc': (").and_then(|(_, rest)| rest.split_once("), 'msg'"));
            let place = place.map(|(place, _)| place.trim_end_matches(','));
            place
                .is_some_and(|place| place != "'body'" && (own.starts_with(place) || place.starts_with(&own)))
        })
    }
}

/// All fields of all bodies of the contract that are there.
fn fields() -> Vec<Field> {
    let contract: Value = serde_json::from_str(CONTRACT).unwrap();
    let there = zendo::testing::operations();
    let mut fields = Vec::new();
    for (path, methods) in contract["paths"].as_object().unwrap() {
        // Projects of a path, and what can be done once, have the bodies of others; nobody reads events.
        let is_other = path.contains("/workspaces") || path.ends_with("activate") || path.ends_with("events");
        for (method, operation) in methods.as_object().unwrap().iter().filter(|_| !is_other) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() || !there.iter().any(|(m, p)| *m == method.as_str() && p == path) {
                continue;
            }
            let is_item = schema["type"] == "array";
            let concrete: Vec<&str> =
                path.split('/').map(|part| if part.starts_with('{') { NONE } else { part }).collect();
            let path = concrete.join("/");
            let mut found = Vec::new();
            walk(&contract, if is_item { &schema["items"] } else { schema }, &mut Vec::new(), &mut found);
            let is_of_model = |(place, _): &Place| {
                OF_MODELS
                    .iter()
                    .any(|(of, name)| path.contains(of) && place.first().is_some_and(|it| it == name))
            };
            found.retain(|place| !is_of_model(place));
            fields.extend(found.into_iter().map(|(place, kinds)| {
                let (method, path) = (method.clone(), path.clone());
                Field { method, path, is_item, place, kinds }
            }));
        }
    }
    fields
}

/// A place, and the kinds of value that it may have.
type Place = (Vec<String>, String);

fn walk(contract: &Value, schema: &Value, place: &mut Vec<String>, found: &mut Vec<Place>) {
    let kinds = kinds(contract, schema);
    let names: Vec<&str> = kinds.iter().map(|(name, _)| name.as_str()).collect();
    if !place.is_empty() {
        found.push((place.clone(), names.join(" ")));
    }
    // Of what may be several things, the reference tells the place in each of them.
    let [(name, kind)] = &kinds[..] else { return };
    if place.len() >= DEPTH {
        return;
    }
    if name == "array" {
        place.push("0".to_owned());
        walk(contract, &kind["items"], place, found);
        place.pop();
    }
    for (field, schema) in kind["properties"].as_object().into_iter().flatten() {
        if !OTHERWISE.contains(&field.as_str()) {
            place.push(field.clone());
            walk(contract, schema, place, found);
            place.pop();
        }
    }
}

/// The kinds of value that it may be, without null, each with its schema.
fn kinds<'a>(contract: &'a Value, schema: &'a Value) -> Vec<(String, &'a Value)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(name) = schema["$ref"].as_str() {
        return kinds(contract, contract.pointer(name.trim_start_matches('#')).unwrap());
    }
    if let Some(all) = schema["anyOf"].as_array() {
        let mut all: Vec<_> = all.iter().flat_map(|one| kinds(contract, one)).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        return all;
    }
    let name = match () {
        () if schema.get("enum").is_some() => "enum".to_owned(),
        () => text(&schema["format"]).or_else(|| text(&schema["type"])).unwrap_or_default(),
    };
    if name == "null" { Vec::new() } else { vec![(name, schema)] }
}

/// The fields that are read otherwise than the table says. ZenML's server fails at some.
async fn otherwise(caller: &Caller, may_fail: bool) -> (usize, Vec<String>) {
    let (mut tried, mut wrong) = (0, Vec::new());
    for field in fields() {
        let Some((taken, refused)) = spellings(&field.kinds) else { continue };
        for (values, is_refused) in [(taken, false), (refused, true)] {
            for value in values.as_array().unwrap() {
                tried += 1;
                let refuses = field.refuses(caller, value).await;
                if refuses.map_or(!may_fail, |refuses| refuses != is_refused) {
                    let (method, path, kinds) = (&field.method, &field.path, &field.kinds);
                    let place = field.place.join(".");
                    wrong
                        .push(format!("{method} {path} {place} ({kinds}): {value} refused: {}", !is_refused));
                }
            }
        }
    }
    (tried, wrong)
}

#[tokio::test]
async fn each_field_is_read_in_every_spelling_of_the_reference() {
    let app = TestApp::start(&Database::sqlite()).await;
    let (tried, wrong) = otherwise(&app.signed_in().await, false).await;
    println!("{tried} values of fields were sent");
    assert!(tried > 1000 && wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_table_of_spellings_is_that_of_the_reference() {
    let Some(reference) = ReferenceServer::start(&Database::sqlite(), &super::SETTINGS[..1]).await else {
        return;
    };
    let (tried, wrong) = otherwise(&reference.signed_in().await, true).await;
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    reference.stop().await;
}
