//! Service connectors: kept with their secrets apart, checked early, found again, and used by stacks.

mod asked;
mod far_clusters;
mod kept;
mod of_work;
mod unserved;
mod used;
mod without_secrets;

use serde_json::{Value, json};

use crate::support::{Caller, Database};

pub const CONNECTORS: &str = "/api/v1/service_connectors";
pub const TYPES: &str = "/api/v1/service_connector_types";
pub const NONE: &str = "00000000-0000-0000-0000-000000000001";
pub const PLAIN: &str = "open-sesame-5341";

pub fn merged(mut base: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

pub fn docker(name: &str, more: Value) -> Value {
    let base = json!({
        "name": name, "connector_type": "docker", "auth_method": "password",
        "resource_types": ["docker-registry"],
        "configuration": {"username": "me", "password": PLAIN, "registry": "r.example"},
    });
    merged(base, &more)
}

pub fn aws(name: &str, more: Value) -> Value {
    let base = json!({
        "name": name, "connector_type": "aws", "auth_method": "secret-key", "resource_types": ["s3-bucket"],
        "configuration": {"aws_access_key_id": PLAIN, "aws_secret_access_key": PLAIN, "region": "eu"},
    });
    merged(base, &more)
}

pub async fn made(caller: &Caller, body: Value) -> Value {
    caller.post(CONNECTORS, body).await.expect_ok()
}

pub fn path(connector: &Value) -> String {
    format!("{CONNECTORS}/{}", connector["id"].as_str().unwrap())
}

pub fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

/// How many rows there are of connectors and of their secrets.
pub async fn rows(database: &Database) -> (usize, usize) {
    let connectors = database.texts("SELECT id FROM service_connector").await.len();
    (connectors, database.texts("SELECT id FROM secret WHERE internal = 1").await.len())
}
