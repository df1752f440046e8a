//! The document of the routes says the same as ZenML 0.98.0's, for what is there so far.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Database, TestApp};

const CONTRACT: &str = include_str!("../contract/openapi.json");
/// Places where zendo's document is meant to differ, each with its reason.
const WANTED_DIFFERENCES: [(&str, &str); 5] = [
    (
        "GET /api/v1/stacks parameter project_name_or_id",
        "has no effect in ZenML either: stacks have no project",
    ),
    ("GET /api/v1/stacks 200.items[].metadata.components{}[].metadata", "is always null inside a stack"),
    ("GET /api/v1/stacks 200.items[].metadata.components{}[].resources", "is always null inside a stack"),
    ("GET /api/v1/stacks/{stack_id} 200.metadata.components{}[].metadata", "is always null inside a stack"),
    ("GET /api/v1/stacks/{stack_id} 200.metadata.components{}[].resources", "is always null inside a stack"),
];

/// One fact of a document: where, and what.
type Facts = BTreeMap<String, String>;

/// Follows a schema through its references and notes the kind of value at each place.
fn note_schema(document: &Value, schema: &Value, place: &str, facts: &mut Facts) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        let target = target.unwrap_or_else(|| panic!("{reference} leads nowhere"));
        return note_schema(document, target, place, facts);
    }
    let alternatives = ["anyOf", "oneOf"].iter().find_map(|name| schema[name].as_array());
    if let Some(alternatives) = alternatives {
        let is_null = |schema: &Value| schema["type"] == "null";
        let kinds: Vec<&Value> = alternatives.iter().filter(|schema| !is_null(schema)).collect();
        return match kinds.as_slice() {
            [only] => note_schema(document, only, place, facts),
            // Several kinds are noted by the first, which both documents list first.
            [first, ..] => note_schema(document, first, place, facts),
            [] => {}
        };
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("object") if schema["properties"].as_object().is_some_and(|map| !map.is_empty()) => {
            for (name, property) in schema["properties"].as_object().unwrap() {
                note_schema(document, property, &format!("{place}.{name}"), facts);
            }
        }
        Some("object")
            if schema["additionalProperties"]["type"].is_string()
                || schema["additionalProperties"]["$ref"].is_string() =>
        {
            note_schema(document, &schema["additionalProperties"], &format!("{place}{{}}"), facts);
        }
        Some("array") => note_schema(document, &schema["items"], &format!("{place}[]"), facts),
        Some(kind) => {
            let mut text = format!("{kind} {}", schema["format"].as_str().unwrap_or_default());
            if let Some(words) = schema["enum"].as_array() {
                let words: BTreeSet<String> = words.iter().map(Value::to_string).collect();
                text += &format!("{words:?}");
            }
            // Width and sign of a whole number are ours to say.
            let text = if kind == "integer" { "integer".to_owned() } else { text.trim().to_owned() };
            facts.insert(place.to_owned(), text);
        }
        None => drop(facts.insert(place.to_owned(), "anything".to_owned())),
    }
}

fn facts_of(document: &Value, method: &str, path: &str) -> Facts {
    let operation = &document["paths"][path][method];
    let name = format!("{} {path}", method.to_uppercase());
    let mut facts = Facts::new();
    facts.insert(format!("{name} id"), operation["operationId"].to_string());
    let is_open =
        matches!(&operation["security"], Value::Null) || operation["security"][0] == serde_json::json!({});
    facts.insert(format!("{name} is open"), is_open.to_string());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let place = format!("{name} parameter {}", parameter["name"].as_str().unwrap());
        facts.insert(
            format!("{place} is required"),
            parameter["required"].as_bool().unwrap_or(false).to_string(),
        );
        note_schema(document, &parameter["schema"], &place, &mut facts);
    }
    for content in ["application/json", "application/x-www-form-urlencoded"] {
        let schema = &operation["requestBody"]["content"][content]["schema"];
        if !schema.is_null() {
            note_schema(document, schema, &format!("{name} {content}"), &mut facts);
        }
    }
    for (status, response) in operation["responses"].as_object().unwrap() {
        facts.insert(format!("{name} answers {status}"), String::new());
        if status == "200" {
            let content =
                response["content"].as_object().into_iter().flat_map(|content| content.values()).next();
            let schema = content.map_or(&Value::Null, |content| &content["schema"]);
            note_schema(document, schema, &format!("{name} 200"), &mut facts);
        }
    }
    facts
}

#[tokio::test]
async fn the_document_says_what_the_contract_says() {
    let app = TestApp::start(&Database::sqlite()).await;
    let ours = app.anonymous().get("/openapi.json").await.expect_ok();
    let contract: Value = serde_json::from_str(CONTRACT).unwrap();
    let mut compared = 0;
    let mut differences = Vec::new();
    for (path, item) in ours["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let (ours, theirs) = (facts_of(&ours, method, path), facts_of(&contract, method, path));
            compared += theirs.len();
            for (place, expected) in &theirs {
                if ours.get(place) != Some(expected) {
                    differences
                        .push(format!("{place}: {expected:?} in the contract, {:?} here", ours.get(place)));
                }
            }
            // More statuses than the contract names are honesty, another parameter or property is not.
            let new =
                ours.keys().filter(|place| !theirs.contains_key(*place) && !place.contains(" answers "));
            differences.extend(new.map(|place| format!("{place}: not in the contract")));
        }
    }
    differences.retain(|text| !WANTED_DIFFERENCES.iter().any(|(place, _)| text.starts_with(place)));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > 200, "{compared}");
}

#[tokio::test]
async fn the_docs_page_can_be_read() {
    let app = TestApp::start(&Database::sqlite()).await;
    let page = app.anonymous().get("/docs/").await;
    page.expect(200, "Swagger UI");
    let script = app.anonymous().get("/docs/swagger-initializer.js").await;
    script.expect(200, "/openapi.json");
}

/// `UPDATE_README=1 cargo test --test suite coverage` writes the table.
#[test]
fn the_coverage_table_of_the_readme_is_made_from_the_code() {
    const START: &str = "<!-- coverage: made by `zendo openapi --coverage` -->\n";
    const END: &str = "<!-- end of coverage -->";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(START).expect("the README has no coverage table");
    let (table, after) = rest.split_once(END).expect("the README's coverage table has no end");
    let expected = zendo::cli::openapi::coverage();
    if std::env::var_os("UPDATE_README").is_some() {
        return std::fs::write(path, format!("{before}{START}{expected}{END}{after}")).unwrap();
    }
    assert_eq!(table, expected, "run UPDATE_README=1 cargo test --test suite coverage");
}
