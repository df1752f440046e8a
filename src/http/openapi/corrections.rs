//! Where ZenML's document doesn't say what is answered. What holds for many operations is put right by rule, and what is
//! so of one is said beside its handler.

use serde_json::{Map, Value, json};

use super::collect;

/// Moments in answers are UTC, and have no offset (the registry of OpenAPI's formats).
const MOMENT_FORMAT: &str = "date-time-local";
const MOMENT: &str = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$";
/// Whose refusals are OAuth's, as well.
const SIGN_IN: [&str; 2] = ["/api/v1/login", "/api/v1/device_authorization"];
const API: &str = "/api/";
const PROGRAMS: &str = "/oauth/";

/// Puts right what the document says of ZenML's API.
pub(super) fn apply(document: &mut Value) {
    correct_moments(document);
    show_secrets(document);
    for (path, method, operation) in operations(document) {
        if path.starts_with(API) {
            refuse_as_answered(path, method, operation);
        } else if path.starts_with(PROGRAMS) {
            refuse_programs(method, operation);
        }
    }
}

fn operations(document: &mut Value) -> impl Iterator<Item = (&String, &String, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object_mut().into_iter().flatten();
        methods.map(move |(method, operation)| (path, method, operation))
    })
}

/// Each refusal that an operation may answer with, in the shapes that it may have.
fn refuse_as_answered(path: &str, method: &str, operation: &mut Value) {
    let is_closed = operation.get("security").is_some();
    let has_body = operation.get("requestBody").is_some();
    let has_parameters = operation["parameters"].as_array().is_some_and(|all| !all.is_empty());
    // A query that isn't text is refused wherever one is read.
    let has_input = has_body || has_parameters || operation["responses"].get("422").is_some();
    let writes = method != "get";
    if has_input {
        let schemas =
            if SIGN_IN.contains(&path) { &["ErrorModel", "OAuthError"][..] } else { &["ErrorModel"] };
        refuse(operation, "400", "What was asked can't be read, or is invalid", schemas);
        refuse(operation, "404", "What is named isn't there", &["ErrorModel"]);
        refuse(operation, "422", "What was asked doesn't fit", &["ErrorModel", "InvalidRequest"]);
        refuse(operation, "501", "Not with this server, or as it is set up", &["ErrorModel"]);
    }
    if is_closed || writes {
        refuse(operation, "401", "Nobody that is known here", &["ErrorModel"]);
        refuse(operation, "403", "Not for whoever asks, or not now", &["ErrorModel"]);
    }
    if writes {
        refuse(operation, "409", "It is there already, or needed", &["ErrorModel"]);
        refuse(operation, "413", "The body is too long", &["ErrorModel"]);
    }
    refuse(operation, "429", "Too much at once", &["ErrorModel", "Busy"]);
    refuse(operation, "503", "The database does not answer", &["ErrorModel"]);
}

/// What the layers before a program's question refuse: in OAuth's form, but for a proxy's, which has none.
fn refuse_programs(method: &str, operation: &mut Value) {
    if method == "get" {
        refuse(operation, "429", "Too much at once", &["ErrorModel", "Busy"]);
        refuse(operation, "503", "The database does not answer", &["ErrorModel"]);
        return;
    }
    refuse(operation, "401", "The caller has no good credential", &["OAuthError"]);
    let challenge = json!({"WWW-Authenticate": {"required": true, "schema": {"type": "string"}}});
    operation["responses"]["401"]["headers"] = challenge;
    refuse(operation, "403", "The caller may not ask", &["OAuthError"]);
    refuse(operation, "413", "The body is too long", &["OAuthError"]);
    refuse(operation, "429", "Too much at once", &["OAuthError"]);
    refuse(operation, "503", "The database does not answer", &["OAuthError"]);
}

fn refuse(operation: &mut Value, status: &str, means: &str, schemas: &[&str]) {
    let schemas: Vec<Value> = schemas.iter().map(|name| reference(name)).collect();
    let schema = match schemas.as_slice() {
        [one] => one.clone(),
        all => json!({"anyOf": all}),
    };
    let content = json!({"application/json": {"schema": schema}});
    operation["responses"][status] = json!({"description": means, "content": content});
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What an answer tells is no value that is only written.
fn show_secrets(document: &mut Value) {
    for name in ["WebhookCreateResponse", "WebhookSecretResponse"] {
        let Some(secret) = document.pointer_mut(&format!("/components/schemas/{name}/properties/secret"))
        else {
            continue;
        };
        let kinds = secret.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten();
        kinds.filter_map(Value::as_object_mut).for_each(|kind| drop(kind.remove("writeOnly")));
        secret.as_object_mut().map(|secret| secret.remove("writeOnly"));
    }
}

/// Moments in requests may have an offset; those in answers have none.
fn correct_moments(document: &mut Value) {
    let mut answered = Map::new();
    for (_, _, operation) in operations(document) {
        correct_moments_in(&mut operation["responses"]);
    }
    let schemas = document["components"]["schemas"].clone();
    for (_, _, operation) in operations(document) {
        collect(&operation["responses"], &schemas, &mut answered);
    }
    for name in answered.keys() {
        correct_moments_in(&mut document["components"]["schemas"][name]);
    }
}

fn correct_moments_in(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(correct_moments_in),
        Value::Object(fields) => {
            if fields.get("format").is_some_and(|format| format == "date-time") {
                fields.insert("format".to_owned(), MOMENT_FORMAT.into());
                fields.insert("pattern".to_owned(), MOMENT.into());
            }
            fields.values_mut().for_each(correct_moments_in);
        }
        _ => {}
    }
}
