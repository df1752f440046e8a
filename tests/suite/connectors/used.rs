//! Stacks and components that use connectors.

use serde_json::{Value, json};

use super::{CONNECTORS, NONE, PLAIN, aws, docker, made, merged, names, path, rows};
use crate::support::{Answer, Caller, Database, TestApp};

on_each_store! {
    a_connector_in_use_stays_what_it_is,
    components_take_connectors_that_their_flavor_knows,
    stacks_bring_their_connectors,
    a_stack_that_is_refused_leaves_no_connector,
    a_whole_stack_is_not_made_of_what_reaches_no_cloud,
}

async fn register(caller: &Caller, name: &str, connector: &Value, more: Value) -> Answer {
    let registry = json!({
        "name": name, "type": "container_registry", "flavor": "default", "configuration": {"uri": "r.example"},
        "connector": connector["id"],
    });
    caller.post("/api/v1/components", merged(registry, &more)).await
}

async fn a_connector_in_use_stays_what_it_is(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let connector = made(&caller, docker("one", json!({"resource_id": "r.example"}))).await;
    let component = register(&caller, "registry", &connector, json!({})).await.expect_ok();
    let path = path(&connector);
    for change in [
        json!({}),
        json!({"resource_id": "other.example"}),
        json!({"resource_id": "r.example", "auth_method": "token"}),
        json!({"resource_id": "r.example", "connector_type": "oauth2"}),
        json!({"resource_id": "r.example", "resource_types": ["s3-bucket"]}),
    ] {
        caller.put(&path, change).await.expect(403, "IllegalOperationError");
    }
    caller.delete(&path).await.expect(403, "IllegalOperationError");
    let change = json!({
        "resource_id": "r.example", "name": "new", "description": "new",
        "configuration": {"username": "you", "password": "new"},
    });
    assert_eq!(caller.put(&path, change).await.expect_ok()["name"], "new");
    let component = format!("/api/v1/components/{}", component["id"].as_str().unwrap());
    // A component that is changed without one has none any longer.
    assert_eq!(caller.put(&component, json!({})).await.expect_ok()["metadata"]["connector"], Value::Null);
    caller.put(&path, json!({"resource_id": "other.example"})).await.expect_ok();
    caller.delete(&path).await.expect_ok();
    assert_eq!(rows(&database).await, (0, 0));
    // Nor does the owner of one go.
    let ada = app.new_user("ada", false).await;
    made(&ada, docker("hers", json!({}))).await;
    caller.delete("/api/v1/users/ada").await.expect(403, "");
}

async fn components_take_connectors_that_their_flavor_knows(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let connector = made(&caller, docker("one", json!({}))).await;
    let api = json!({
        "name": "api", "connector_type": "oauth2", "auth_method": "token", "resource_types": ["oauth2-api"],
        "configuration": {"api_url": "https://api.example", "access_token": PLAIN},
    });
    let api = made(&caller, api).await;
    let answer =
        register(&caller, "registry", &connector, json!({"connector_resource_id": "r.example"})).await;
    assert!(!answer.text.contains(PLAIN), "{}", answer.text);
    let component = answer.expect_ok();
    let metadata = &component["metadata"];
    assert_eq!(metadata["connector_resource_id"], "r.example");
    let shown = &metadata["connector"];
    assert_eq!((&shown["name"], &shown["body"]["connector_type"]), (&json!("one"), &json!("docker")));
    assert_eq!((&shown["metadata"], &shown["resources"]), (&Value::Null, &Value::Null));
    let local = json!({"type": "orchestrator", "flavor": "local", "configuration": {}});
    let of_gcp = json!({"flavor": "gcp", "configuration": {"uri": "gcr.io/p"}});
    register(&caller, "x", &api, json!({})).await.expect(400, "docker-registry");
    register(&caller, "x", &connector, local).await.expect(400, "take no service connectors");
    register(&caller, "x", &connector, of_gcp).await.expect(400, "'gcp'");
    register(&caller, "x", &json!({"id": NONE}), json!({})).await.expect(404, "KeyError");
    let path = format!("/api/v1/components/{}", component["id"].as_str().unwrap());
    caller.put(&path, json!({"connector": api["id"]})).await.expect(400, "docker-registry");
    caller.put(&path, json!({"connector": NONE})).await.expect(404, "KeyError");
    let same = caller.put(&path, json!({"connector": connector["id"], "name": "same"})).await.expect_ok();
    assert_eq!(
        (&same["metadata"]["connector"]["name"], &same["metadata"]["connector_resource_id"]),
        (&json!("one"), &Value::Null)
    );
    let of_connector =
        format!("/api/v1/components?hydrate=true&connector_id={}", connector["id"].as_str().unwrap());
    let list = caller.get(&of_connector).await.expect_ok();
    assert_eq!(
        (names(&list), &list["items"][0]["metadata"]["connector"]["name"]),
        (vec!["same"], &json!("one"))
    );
    // A token that may change components may not take connectors that it can't read.
    let scope = "/api/v1/api_token?token_type=generic&scope=components:write%20stacks:write%20flavors:read";
    let token = caller.get(scope).await.expect_ok();
    let narrow = app.anonymous().with_token(token.as_str().unwrap());
    register(&narrow, "y", &connector, json!({})).await.expect(403, "service_connectors:use");
    register(&narrow, "y", &json!({"id": null}), json!({})).await.expect_ok();
    let bring = json!([{"type": "docker", "auth_method": "password", "configuration": {"username": "u", "password": "p"}}]);
    narrow
        .post("/api/v1/stacks", stack("s", bring, json!([])))
        .await
        .expect(403, "service_connectors:create");
    narrow.post(CONNECTORS, docker("y", json!({}))).await.expect(403, "service_connectors:create");
}

fn stack(name: &str, connectors: Value, registries: Value) -> Value {
    json!({
        "name": name, "service_connectors": connectors, "labels": {"team": "red", "number": 5, "is": true},
        "components": {
            "orchestrator": [{"flavor": "local"}], "artifact_store": [{"flavor": "local"}],
            "container_registry": registries,
        },
    })
}

fn registry(index: usize, more: Value) -> Value {
    merged(
        json!({"flavor": "default", "configuration": {"uri": "r.example"}, "service_connector_index": index}),
        &more,
    )
}

async fn stacks_bring_their_connectors(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let connector = made(&caller, docker("mine", json!({}))).await;
    let api = json!({"type": "oauth2", "auth_method": "token", "configuration": {"api_url": "a", "access_token": PLAIN}});
    let own = json!({"type": "docker", "auth_method": "password", "configuration": {"username": "u", "password": PLAIN}});
    let made_with = async |name: &str, connectors: Value, registries: Value| {
        let answer = caller.post("/api/v1/stacks", stack(name, connectors, registries)).await;
        assert!(!answer.text.contains(PLAIN), "{}", answer.text);
        answer.expect_ok();
        let path = format!("/api/v1/components?name={name}&type=container_registry&hydrate=true");
        caller.get(&path).await.expect_ok()["items"][0]["metadata"].clone()
    };
    // One that is there, and the registry's own address for its resource.
    let metadata = made_with("first", json!([connector["id"]]), json!([registry(0, json!({}))])).await;
    assert_eq!(
        (&metadata["connector"]["name"], &metadata["connector_resource_id"]),
        (&json!("mine"), &json!("r.example"))
    );
    // New ones are named as the stack, have its labels as texts, and reach all that their type does.
    let asked = registry(1, json!({"service_connector_resource_id": "asked.example"}));
    let metadata = made_with("second", json!([api, own]), json!([asked])).await;
    assert_eq!(metadata["connector_resource_id"], "asked.example");
    let name = metadata["connector"]["name"].as_str().unwrap();
    assert!(name.starts_with("second-") && name.len() == 11, "{name}");
    let list = caller.get(&format!("{CONNECTORS}?name=startswith:second&sort_by=name")).await.expect_ok();
    assert_eq!(names(&list), ["second", name]);
    let new = &list["items"][1];
    assert_eq!(new["metadata"]["labels"], json!({"team": "red", "number": "5", "is": "True"}));
    assert_eq!(new["metadata"]["configuration"], json!({"username": "u", "password": PLAIN}));
    assert_eq!(new["body"]["resource_types"], json!(["docker-registry"]));
    // Machines that outlive temporary credentials get those that are configured.
    let account =
        json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"});
    let account = json!({"user_account_json": account.to_string(), "project_id": "p"});
    let cloud = json!({"type": "gcp", "auth_method": "user-account", "configuration": account});
    let of_cloud = json!({
        "name": "gcp", "connector_type": "gcp", "auth_method": "user-account", "resource_types": ["gcp-generic"],
        "resource_id": "p", "configuration": account,
    });
    let of_cloud = made(&caller, of_cloud).await;
    let machines = |name: &str, flavor: &str| {
        let mut stack = stack(name, json!([cloud, of_cloud["id"]]), json!([]));
        stack["components"]["orchestrator"] = json!([{"flavor": flavor, "service_connector_index": 1}]);
        stack
    };
    let temporary = async |path: &str| {
        caller.get(path).await.expect_ok()["metadata"]["configuration"]["generate_temporary_tokens"].clone()
    };
    caller.post("/api/v1/stacks", machines("fourth", "vertex")).await.expect(422, "location");
    let mut vertex = machines("fourth", "vertex");
    vertex["components"]["orchestrator"][0]["configuration"] = json!({"location": "eu"});
    caller.post("/api/v1/stacks", vertex).await.expect_ok();
    let of_stack = async |name: &str| {
        let list = caller.get(&format!("{CONNECTORS}?name={name}")).await.expect_ok();
        path(&list["items"][0])
    };
    assert_eq!(temporary(&of_stack("fourth").await).await, true);
    assert_eq!(temporary(&path(&of_cloud)).await, Value::Null);
    caller.post("/api/v1/stacks", machines("fifth", "vm_gcp")).await.expect_ok();
    assert_eq!(temporary(&of_stack("fifth").await).await, false);
    let changed = caller.get(&path(&of_cloud)).await.expect_ok();
    assert_eq!(changed["metadata"]["configuration"]["generate_temporary_tokens"], false);
    assert_eq!(
        (&changed["body"]["resource_id"], &changed["body"]["resource_types"]),
        (&json!("p"), &json!(["gcp-generic"]))
    );
    assert_eq!(changed["metadata"]["configuration"]["user_account_json"], account["user_account_json"]);
}

async fn a_stack_that_is_refused_leaves_no_connector(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let own = json!({"type": "docker", "auth_method": "password", "configuration": {"username": "u", "password": PLAIN}});
    let with = |more: Value| merged(own.clone(), &more);
    let cloud = json!({
        "type": "aws", "auth_method": "secret-key",
        "configuration": {"aws_access_key_id": "i", "aws_secret_access_key": PLAIN, "region": "eu"},
    });
    let bucket = json!([{"flavor": "s3", "configuration": {"path": "s3://b"}, "service_connector_index": 0}]);
    let several = json!([{"flavor": "kubernetes", "service_connector_index": 0}]);
    for (status, connectors, registries) in [
        (422, json!([]), json!([registry(0, json!({}))])),
        (422, json!([own]), json!([registry(1, json!({}))])),
        (422, json!([own]), json!([merged(registry(0, json!({})), &json!({"service_connector_index": -1}))])),
        (422, json!(["x"]), json!([])),
        (422, json!([5]), json!([])),
        (404, json!([own, NONE]), json!([registry(1, json!({}))])),
        (400, json!([own, with(json!({"configuration": {"username": "u"}}))]), json!([])),
        (400, json!([with(json!({"auth_method": "none"}))]), json!([])),
        (
            400,
            json!([own]),
            json!([registry(0, json!({"flavor": "gcp", "configuration": {"uri": "gcr.io/p"}}))]),
        ),
        (400, json!([own]), json!([registry(0, json!({"flavor": "none"}))])),
    ] {
        let answer = caller.post("/api/v1/stacks", stack("s", connectors.clone(), registries)).await;
        answer.expect(status, "");
        assert!(!answer.text.contains(PLAIN), "{}", answer.text);
        assert_eq!(rows(&database).await, (0, 0), "{connectors}");
    }
    let mut needs_id = stack("s", json!([cloud]), json!([]));
    needs_id["components"]["artifact_store"] = bucket;
    caller.post("/api/v1/stacks", needs_id.clone()).await.expect_ok();
    assert_eq!(rows(&database).await, (1, 1));
    // The name of the stack is taken.
    caller.post("/api/v1/stacks", needs_id.clone()).await.expect(409, "EntityExistsError");
    assert_eq!(rows(&database).await, (1, 1));
    // Of several clusters it has to be said which.
    let clusters = json!({"resource_types": ["kubernetes-cluster"]});
    let clusters = made(&caller, aws("clusters", clusters)).await;
    needs_id["name"] = json!("t");
    needs_id["service_connectors"] = json!([clusters["id"]]);
    needs_id["components"] = json!({"artifact_store": [{"flavor": "local"}], "orchestrator": several});
    caller.post("/api/v1/stacks", needs_id).await.expect(400, "several resources");
}

async fn a_whole_stack_is_not_made_of_what_reaches_no_cloud(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let connector = made(&caller, docker("one", json!({}))).await;
    let cloud = made(&caller, aws("cloud", json!({}))).await;
    let ask = async |query: String, body: Value| {
        caller.post(&format!("{CONNECTORS}/full_stack_resources{query}"), body).await
    };
    let by = |connector: &Value| format!("?connector_uuid={}", connector["id"].as_str().unwrap());
    let info = json!({"type": "docker", "auth_method": "password", "configuration": {"username": "u", "password": PLAIN}});
    let none = json!({"artifact_store": [], "orchestrator": [], "container_registry": []});
    for answer in [ask(String::new(), info.clone()).await, ask(by(&connector), Value::Null).await] {
        assert_eq!(
            answer.expect_ok(),
            json!({"connector_type": "docker", "components_resources_info": none})
        );
    }
    ask(String::new(), Value::Null).await.expect(400, "ValueError");
    ask(by(&connector), info.clone()).await.expect(400, "ValueError");
    ask(by(&json!({"id": NONE})), Value::Null).await.expect(404, "KeyError");
    ask(by(&cloud), Value::Null).await.expect(501, "'aws'");
    ask(String::new(), json!({"type": "elsewhere", "auth_method": "x"})).await.expect(501, "'elsewhere'");
    ask(String::new(), merged(info.clone(), &json!({"auth_method": "x"}))).await.expect(400, "ValueError");
    ask(String::new(), merged(info, &json!({"configuration": {}}))).await.expect(400, "username");
    ask(String::new(), json!({"type": "docker"})).await.expect(422, "");
}
