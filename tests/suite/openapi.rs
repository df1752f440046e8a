//! The OpenAPI document, and what the README says of it.

use serde_json::Value;

use crate::support::{Database, TestApp};

/// Places of references that lead nowhere.
fn dangling(document: &Value, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| dangling(document, item, found)),
        Value::Object(fields) => {
            let target = fields.get("$ref").and_then(Value::as_str).map(|text| text.trim_start_matches('#'));
            found.extend(target.filter(|target| document.pointer(target).is_none()).map(str::to_owned));
            fields.values().for_each(|field| dangling(document, field, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_document_has_the_operations_that_answer_and_is_whole() {
    let app = TestApp::start(&Database::sqlite()).await;
    let document = app.anonymous().get("/openapi.json").await.expect_ok();
    let mut documented: Vec<(String, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        documented
            .extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    documented.sort();
    let there = zendo::routes::operations();
    let mut there: Vec<_> =
        there.into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    there.sort();
    assert_eq!(documented, there, "each operation is in ZenML's contract, and each that is there documented");
    let mut found = Vec::new();
    dangling(&document, &document, &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn the_docs_page_can_be_read() {
    let app = TestApp::start(&Database::sqlite()).await;
    let page = app.anonymous().get("/docs/").await;
    page.expect(200, "Swagger UI");
    let script = app.anonymous().get("/docs/swagger-initializer.js").await;
    script.expect(200, "/openapi.json");
}

/// `UPDATE_README=1 cargo test --test suite made_from_the_code` writes the tables.
#[test]
fn the_coverage_table_of_the_readme_is_made_from_the_code() {
    is_made_from_the_code("README.md", "coverage", &zendo::cli::openapi::coverage());
}

#[test]
fn the_table_of_scopes_is_made_from_the_code() {
    is_made_from_the_code("docs/tokens.md", "scopes", &zendo::cli::openapi::scopes());
}

fn is_made_from_the_code(file: &str, name: &str, expected: &str) {
    let start = format!("<!-- {name}: made by `zendo openapi --{name}` -->\n");
    let end = format!("<!-- end of {name} -->");
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&start).expect("the file has no such table");
    let (table, after) = rest.split_once(&end).expect("the table has no end");
    if std::env::var_os("UPDATE_README").is_some() {
        return std::fs::write(path, format!("{before}{start}{expected}{end}{after}")).unwrap();
    }
    assert_eq!(table, expected, "run UPDATE_README=1 cargo test --test suite made_from_the_code");
}
