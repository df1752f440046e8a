//! Lists: pages, order and filters, the same on each store.

use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp};

on_each_store! {
    a_list_is_paged_in_a_steady_order,
    filters_narrow_and_are_joined,
    what_a_list_can_not_be_asked_is_refused,
    one_thing_is_found_by_name_or_id_in_every_spelling,
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
