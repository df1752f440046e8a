//! Nothing of ZenML 0.98.0's contract is missing: each operation is served, and says that it isn't implemented only where
//! ZenML's own open server says so.

use std::collections::{BTreeSet, HashMap};

use reqwest::Method;
use serde_json::Value;

use crate::query_counts::Maker;
use crate::support::{Answer, Caller, Database, TestApp};

on_each_store! {
    each_operation_of_the_contract_is_served,
}

/// How many there are.
const OPERATIONS: usize = 268;
/// Answered 501 by ZenML's open server, too, as the comparison with it holds: pools of resources are the paid server's,
/// there is neither a second store of secrets nor a stream of events, and runs of a local orchestrator are nobody's to
/// stop. Connectors of types that aren't served are another matter, and have tests of their own.
const LACKING: [(&str, &str); 9] = [
    ("GET", "/api/v1/resource_requests"),
    ("GET", "/api/v1/resource_requests/{resource_request_id}"),
    ("POST", "/api/v1/resource_requests/{resource_request_id}/release"),
    ("PUT", "/api/v1/secrets_operations/backup"),
    ("PUT", "/api/v1/secrets_operations/restore"),
    ("GET", "/api/v1/runs/{pipeline_run_id}/events/stream"),
    ("POST", "/api/v1/runs/{pipeline_run_id}/events"),
    ("POST", "/api/v1/runs/{run_id}/refresh"),
    ("POST", "/api/v1/runs/{run_id}/stop"),
];
/// In this order, so that what is asked for is still there.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// It ends what the others are asked with.
const LAST: (&str, &str) = ("GET", "/api/v1/logout");
const NONE: &str = "00000000-0000-0000-0000-000000000001";

/// The operations of ZenML's document.
fn contract() -> BTreeSet<(String, String)> {
    let document: Value = serde_json::from_str(include_str!("../../contract/openapi.json")).unwrap();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        found.extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    found
}

/// Asks with things that are there.
struct Asking {
    caller: Caller,
    /// The newest thing of each list that was looked into.
    newest: HashMap<String, Option<String>>,
}

impl Asking {
    async fn newest(&mut self, list: &str) -> Option<String> {
        if let Some(known) = self.newest.get(list) {
            return known.clone();
        }
        let page = self.caller.get(list).await;
        let page = if page.status == 200 { page.json() } else { Value::Null };
        let newest = page["items"].as_array().and_then(|items| items.last()?["id"].as_str());
        self.newest.insert(list.to_owned(), newest.map(str::to_owned));
        newest.map(str::to_owned)
    }

    /// What stands in the place of a parameter below that path.
    async fn value(&mut self, name: &str, above: &str) -> Option<String> {
        match name {
            "connector_type" => return Some("docker".to_owned()),
            "webhook_type" => return Some("custom".to_owned()),
            "logs_id" => {
                let run = self.newest("/api/v1/runs").await?;
                let run = self.caller.get(&format!("/api/v1/runs/{run}")).await.expect_ok();
                return run["resources"]["log_collection"][0]["id"].as_str().map(str::to_owned);
            }
            _ => {}
        }
        let (before, group) = (above.rsplit('/').next()?, above.split('/').nth(3)?);
        for list in [above.to_owned(), format!("/api/v1/{before}"), format!("/api/v1/{group}")] {
            if let Some(newest) = self.newest(&list).await {
                return Some(newest);
            }
        }
        None
    }

    async fn ask(&mut self, method: &str, path: &str) -> Answer {
        let mut filled = String::new();
        for part in path.split('/').skip(1) {
            let part = match part.strip_prefix('{') {
                Some(name) => {
                    self.value(name.trim_end_matches('}'), &filled).await.unwrap_or(NONE.to_owned())
                }
                None => part.to_owned(),
            };
            filled += &format!("/{part}");
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let (kind, body) = match (&method, path) {
            (&Method::GET, _) => ("application/json", ""),
            (_, "/api/v1/login" | "/api/v1/device_authorization") => {
                ("application/x-www-form-urlencoded", "")
            }
            _ => ("application/json", "{}"),
        };
        self.caller.clone().with("content-type", kind).request(method, &filled, body).await
    }
}

async fn each_operation_of_the_contract_is_served(database: Database) {
    let app = TestApp::start(&database).await;
    let maker = Maker::new(&app).await;
    maker.make_all(0).await;
    let contract = contract();
    assert_eq!(contract.len(), OPERATIONS);
    let there: BTreeSet<_> = zendo::testing::operations()
        .into_iter()
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(contract.difference(&there).collect::<Vec<_>>(), Vec::<&(String, String)>::new());

    let is_last = |operation: &(String, String)| (operation.0.as_str(), operation.1.as_str()) == LAST;
    let in_order = METHODS.iter().flat_map(|method| contract.iter().filter(move |(own, _)| own == method));
    let (last, others): (Vec<_>, Vec<_>) = in_order.partition(|operation| is_last(operation));
    let mut asking = Asking { caller: maker.caller, newest: HashMap::new() };
    let (mut lacking, mut wrong, mut number) = (BTreeSet::new(), Vec::new(), 0);
    for (method, path) in others.into_iter().chain(last) {
        let answer = asking.ask(method, path).await;
        number += 1;
        let detail = serde_json::from_str::<Value>(&answer.text).unwrap_or_default()["detail"].clone();
        match (answer.status, detail.as_str()) {
            (501, _) => _ = lacking.insert((method.as_str(), path.as_str())),
            // No route has it.
            (404, Some("Not Found")) | (405 | 500.., _) => wrong.push(format!("{method} {path}: {answer:?}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((number, lacking), (OPERATIONS, BTreeSet::from(LACKING)));
}
