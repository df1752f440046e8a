//! Lists: pages, order and filters, the same on each store.

use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp};

on_each_store! {
    a_list_is_paged_in_a_steady_order,
    filters_narrow_and_are_joined,
    what_a_list_can_not_be_asked_is_refused,
    one_thing_is_found_by_name_or_id_in_every_spelling,
    of_a_repeated_flag_the_last_counts,
    lists_of_values_may_hold_numbers,
}

/// Beside `default`: `red_1`, `red_2` and `blue%`, a second apart.
async fn with_projects(database: &Database) -> TestApp {
    let app = TestApp::start(database).await;
    for (number, name) in ["red_1", "red_2", "blue%"].into_iter().enumerate() {
        let created = format!("2030-01-01 00:00:0{number}.000000");
        let sql = format!(
            "INSERT INTO project (id, created, updated, name, display_name, description, project_metadata) \
             VALUES ('0000000000000000000000000000000{number}', '{created}', '{created}', '{name}', '{name}', '', '{{}}')"
        );
        database.execute(&sql).await;
    }
    app
}

async fn names(caller: &Caller, query: &str) -> Vec<String> {
    let page = caller.get(&format!("/api/v1/projects?{query}")).await.expect_ok();
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn a_list_is_paged_in_a_steady_order(database: Database) {
    let app = with_projects(&database).await;
    let script = app.script(600).await;
    let page = script.get("/api/v1/projects?size=3&page=2").await.expect_ok();
    assert_eq!((&page["index"], &page["max_size"]), (&json!(2), &json!(3)));
    assert_eq!((&page["total"], &page["total_pages"]), (&json!(4), &json!(2)));
    assert_eq!(page["items"][0]["name"], "blue%");
    assert_eq!(page["items"][0]["metadata"], Value::Null);
    assert_eq!(names(&script, "sort_by=desc:created").await, ["blue%", "red_2", "red_1", "default"]);
    assert_eq!(names(&script, "sort_by=asc:name&size=2").await, ["blue%", "default"]);
    let hydrated = script.get("/api/v1/projects?hydrate=true&name=red_1").await.expect_ok();
    assert_eq!(hydrated["items"][0]["metadata"], json!({"description": "", "project_metadata": {}}));
    let past_the_end = script.get("/api/v1/projects?page=2").await;
    past_the_end
        .expect(400, "Invalid page 2. The requested page size is 20 and there are a total of 4 items");
    let empty = script.get("/api/v1/projects?name=nothing").await.expect_ok();
    assert_eq!((&empty["total"], &empty["total_pages"]), (&json!(0), &json!(1)));
}

async fn filters_narrow_and_are_joined(database: Database) {
    let app = with_projects(&database).await;
    let script = app.script(600).await;
    for (query, expected) in [
        ("name=red_1", vec!["red_1"]),
        ("name=equals:red_1", vec!["red_1"]),
        ("name=startswith:red_", vec!["red_1", "red_2"]),
        ("name=endswith:%25", vec!["blue%"]),
        ("name=contains:_", vec!["red_1", "red_2"]),
        ("name=contains:ED", vec!["red_1", "red_2"]),
        ("name=notequals:default", vec!["red_1", "red_2", "blue%"]),
        ("name=oneof:[\"red_1\",\"blue%25\"]", vec!["red_1", "blue%"]),
        ("name=contains:red&name=endswith:2", vec!["red_2"]),
        ("name=red_1&display_name=red_2", vec![]),
        ("name=red_1&display_name=red_2&logical_operator=or", vec!["red_1", "red_2"]),
        ("created=gte:2030-01-01 00:00:01", vec!["red_2", "blue%"]),
        ("created=gt:2030-01-01 00:00:00&created=lt:2030-01-01 00:00:02", vec!["red_2"]),
        ("created=in:2030-01-01 00:00:00,2030-01-01 00:00:01", vec!["red_1", "red_2"]),
        ("created=2030-01-01 00:00:02", vec!["blue%"]),
        ("id=00000000-0000-0000-0000-000000000001", vec!["red_2"]),
        ("id=startswith:00000000-0000", vec!["red_1", "red_2", "blue%"]),
        ("id=no-uuid", vec![]),
        ("unknown=1&name=red_1", vec!["red_1"]),
    ] {
        assert_eq!(names(&script, query).await, expected, "{query}");
    }
    let stacks =
        async |query: &str| script.get(&format!("/api/v1/stacks?{query}")).await.expect_ok()["total"].clone();
    assert_eq!(stacks("component=default").await, json!(1));
    assert_eq!(stacks("component=other").await, json!(0));
    assert_eq!(stacks("user=default").await, json!(0));
}

async fn what_a_list_can_not_be_asked_is_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let script = app.script(600).await;
    for query in ["page=0", "size=0", "size=10001", "page=x", "hydrate=maybe", "logical_operator=xor"] {
        let answer = script.get(&format!("/api/v1/projects?{query}")).await;
        answer.expect(422, &format!("('query', '{}')", query.split('=').next().unwrap()));
        assert_eq!(answer.json()[0], "ValueError", "the bare list of a failed validation");
    }
    for query in
        ["sort_by=", "sort_by=password", "created=2030-01-01T00:00:00", "name=oneof:x", "created=contains:1"]
    {
        let answer = script.get(&format!("/api/v1/projects?{query}")).await;
        answer.expect(422, "");
        assert_eq!(answer.json()["detail"][0], "ValueError", "{query}");
    }
}

async fn one_thing_is_found_by_name_or_id_in_every_spelling(database: Database) {
    let app = TestApp::start(&database).await;
    let script = app.script(600).await;
    let project = script.get("/api/v1/projects/default").await.expect_ok();
    let id = project["id"].as_str().unwrap();
    let hex = id.replace('-', "");
    for spelling in
        [id.to_owned(), hex.clone(), hex.to_uppercase(), format!("%7B{id}%7D"), format!("urn:uuid:{id}")]
    {
        assert_eq!(
            script.get(&format!("/api/v1/projects/{spelling}")).await.expect_ok(),
            project,
            "{spelling}"
        );
    }
    script.get("/api/v1/projects/nope").await.expect(404, "No project with the name or ID 'nope'");
    script
        .get(&format!("/api/v1/projects/{}", uuid::Uuid::nil()))
        .await
        .expect(404, "No project with the name or ID");
    script.get("/api/v1/stacks/default").await.expect(422, "('path', 'stack_id')");
    script
        .get(&format!("/api/v1/stacks/{}", uuid::Uuid::nil()))
        .await
        .expect(404, "No stack with this ID found");
}

/// The lists of the contract that are there, each with its parameters that take one value.
fn single_parameters() -> Vec<(String, String, Value)> {
    let contract: Value = serde_json::from_str(include_str!("../../contract/openapi.json")).unwrap();
    let there = zendo::testing::operations();
    let mut found = Vec::new();
    for (path, methods) in contract["paths"].as_object().unwrap() {
        let is_there = there.iter().any(|(method, known)| *method == "GET" && known == path);
        let parameters = methods["get"]["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        // What only the paid server has answers 501.
        let is_list = path != "/api/v1/resource_requests"
            && parameters.iter().any(|parameter| parameter["name"] == "sort_by");
        for parameter in parameters.iter().filter(|_| is_there && is_list && !path.contains('{')) {
            let kinds = parameter["schema"]["anyOf"].as_array();
            let kinds = kinds.map_or(vec![&parameter["schema"]], |kinds| kinds.iter().collect());
            let is_single = parameter["in"] == "query" && kinds.iter().all(|kind| kind["type"] != "array");
            if is_single {
                let name = parameter["name"].as_str().unwrap().to_owned();
                found.push((path.clone(), name, kinds[0].clone()));
            }
        }
    }
    found
}

async fn of_a_repeated_flag_the_last_counts(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.script(3000).await;
    let mut tried = 0;
    for (path, name, kind) in single_parameters() {
        let values = match (kind["type"].as_str(), kind["format"].as_str()) {
            (Some("boolean"), _) => vec!["true", "false"],
            (_, Some("uuid")) if name == "scope_user" => vec!["00000000-0000-0000-0000-000000000001"],
            (Some("string"), None) if name == "scope_type" => vec!["orchestrator", ""],
            (Some("integer"), _) => vec!["1"],
            _ => continue,
        };
        for last in values {
            tried += 1;
            let alone = admin.get(&format!("{path}?{name}={last}")).await;
            let after_another = admin.get(&format!("{path}?{name}=nonsense&{name}={last}")).await;
            assert_eq!(alone.status, 200, "{alone:?}");
            assert_eq!((after_another.status, after_another.text), (200, alone.text), "{path} {name}={last}");
        }
    }
    assert!(tried > 60, "{tried}");
    let users =
        async |query: &str| admin.get(&format!("/api/v1/users?{query}")).await.expect_ok()["total"].clone();
    assert_eq!(users("active=false&active=true").await, 1);
    assert_eq!(users("active=true&active=false").await, 0);
    assert_eq!(users("name=default&name=other").await, 0, "others are joined");
}

async fn lists_of_values_may_hold_numbers(database: Database) {
    let app = with_projects(&database).await;
    database.execute("UPDATE project SET name = '7' WHERE name = 'red_1'").await;
    database.execute("UPDATE project SET name = '1.5' WHERE name = 'red_2'").await;
    let script = app.script(600).await;
    for (list, expected) in [
        ("oneof:[7]", vec!["7"]),
        (r#"oneof:["7", 1.5, null]"#, vec!["1.5", "7"]),
        ("notoneof:[7, 1.5]", vec!["blue%", "default"]),
        ("oneof:[null]", vec![]),
        ("oneof:[NaN, Infinity, 7]", vec!["7"]),
        ("notoneof:[Infinity, null, 7]", vec!["1.5", "blue%", "default"]),
        ("notoneof:[7, NaN]", vec![]),
    ] {
        assert_eq!(names(&script, &format!("sort_by=name&name={list}")).await, expected, "{list}");
    }
    for wrong in [
        "oneof:[nan]",
        "oneof:[7,]",
        "oneof:NaN",
        "oneof:{}",
        "oneof:7",
        "oneof:[[7]]",
        r#"oneof:[{"a": 7}]"#,
    ] {
        script.get(&format!("/api/v1/projects?name={wrong}")).await.expect(422, "JSON list");
    }
    // A number with a fraction, which is asked for as a text.
    let project = script.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let schedule = json!({
        "project": project, "name": "s", "active": true, "orchestrator_id": null, "pipeline_id": null,
        "start_time": "2030-01-01", "interval_second": 90,
    });
    script.post("/api/v1/schedules", schedule).await.expect_ok();
    for (filter, expected) in [
        (r#"oneof:["90"]"#, 1),
        ("oneof:[90, 91]", 1),
        (r#"oneof:["x"]"#, 0),
        (r#"notoneof:["x"]"#, 1),
        ("notoneof:[90]", 0),
        ("oneof:[NaN]", 0),
        ("oneof:[90, NaN, null]", 1),
        ("oneof:[null]", 0),
        ("oneof:[Infinity, -Infinity]", 0),
        ("notoneof:[NaN]", 0),
        ("notoneof:[null]", 1),
        ("notoneof:[Infinity]", 1),
        ("startswith:9", 1),
        ("x", 0),
        ("notequals:x", 1),
        ("gt:89.5", 1),
    ] {
        let found = script.get(&format!("/api/v1/schedules?interval_second={filter}")).await.expect_ok();
        assert_eq!(found["total"], expected, "{filter}");
    }
    // What isn't there, and ids, which are compared as texts.
    for (filter, expected) in [
        ("cron_expression=oneof:[null]", 1),
        ("cron_expression=oneof:[\"x\", null]", 1),
        ("cron_expression=notoneof:[null]", 0),
        ("cron_expression=notoneof:[\"x\"]", 0),
        ("pipeline_id=oneof:[null, NaN, 1, true]", 0),
        ("id=notoneof:[null, NaN, Infinity]", 1),
        ("user=notoneof:[NaN]", 1),
        ("created=oneof:[null, NaN]", 0),
        ("end_time=oneof:[null, NaN]", 1),
    ] {
        let found = script.get(&format!("/api/v1/schedules?{filter}")).await.expect_ok();
        assert_eq!(found["total"], expected, "{filter}");
    }
}
