//! A request that is sent again with its `Idempotency-Key` gets its first answer and does nothing again.

use futures_util::future::join_all;
use serde_json::{Value, json};
use zendo::testing::Clock;

use crate::support::{Answer, Caller, Database, TestApp};

const KEY: &str = "idempotency-key";
const ONE: &str = "00000000-0000-4000-8000-000000000001";
const TAGS: &str = "/api/v1/tags";
const USERS: &str = "/api/v1/users";

on_each_store! {
    a_repetition_gets_the_first_answer,
    a_key_is_of_one_request_of_one_user,
    an_error_is_not_kept,
    what_is_no_key_is_refused_and_deletions_are_not_replayed,
    equal_requests_at_once_make_one,
    another_replica_has_the_whole_answer,
    what_was_made_before_the_server_was_killed_is_not_made_again,
    an_answer_is_kept_for_a_while,
    answers_with_secrets_are_never_written,
    deduplication_can_be_turned_off,
}

async fn make_tag(caller: &Caller, name: &str) -> Answer {
    caller.post(TAGS, json!({"name": name})).await
}

async fn tags(caller: &Caller) -> Value {
    caller.get(TAGS).await.expect_ok()["total"].clone()
}

/// A second server on the same database; nothing of the first one's memory is there.
async fn replica(database: &Database) -> TestApp {
    TestApp::start(database).await
}

async fn a_repetition_gets_the_first_answer(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keyed = admin.clone().with(KEY, ONE);
    let first = make_tag(&keyed, "red").await;
    first.expect_ok();
    let again = make_tag(&keyed, "red").await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(again.header("content-type"), Some("application/json"));
    // Another body is passed over.
    assert_eq!(make_tag(&keyed, "blue").await.text, first.text);
    assert_eq!(tags(&admin).await, 1);
    make_tag(&admin, "red").await.expect(409, "already exists");
}

async fn a_key_is_of_one_request_of_one_user(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await.with(KEY, ONE);
    let eve = app.new_user("eve", false).await.with(KEY, ONE);
    let first = make_tag(&admin, "red").await.expect_ok();
    // In memory, and when it is only in the store.
    for app in [&app, &replica(&database).await] {
        app.state.replays.write(app.clock.now()).await.unwrap();
        let eve = app.signed_in_as("eve").await.with(KEY, ONE);
        make_tag(&eve, "red").await.expect(409, "already exists");
        let other = app.signed_in().await.with(KEY, ONE);
        other.post(&format!("{TAGS}?x=1"), json!({"name": "red"})).await.expect(409, "already exists");
        other
            .post("/api/v1/service_accounts", json!({"name": "red", "active": "maybe"}))
            .await
            .expect(422, "");
    }
    let own = make_tag(&eve, "blue").await.expect_ok();
    assert_ne!(own["id"], first["id"]);
}

async fn an_error_is_not_kept(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let taken = make_tag(&admin, "red").await.expect_ok();
    let keyed = admin.clone().with(KEY, ONE);
    make_tag(&keyed, "red").await.expect(409, "already exists");
    admin.delete(&format!("{TAGS}/{}", taken["id"].as_str().unwrap())).await.expect_ok();
    let made = make_tag(&keyed, "red").await.expect_ok();
    assert_ne!(made["id"], taken["id"]);
    assert_eq!(make_tag(&keyed, "red").await.expect_ok(), made);
}

async fn what_is_no_key_is_refused_and_deletions_are_not_replayed(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    make_tag(&admin.clone().with(KEY, "x"), "red").await.expect(422, "Idempotency-Key");
    make_tag(&app.anonymous().with(KEY, "x"), "red").await.expect(401, "");
    let id = make_tag(&admin.clone().with(KEY, ""), "red").await.expect_ok()["id"].clone();
    let path = format!("{TAGS}/{}", id.as_str().unwrap());
    let keyed = admin.clone().with(KEY, ONE);
    let renamed = |name: &str| keyed.put(&path, json!({"name": name}));
    assert_eq!(renamed("blue").await.expect_ok()["name"], "blue");
    assert_eq!(renamed("green").await.expect_ok()["name"], "green", "as in ZenML, tags are not among those");
    keyed.delete(&path).await.expect_ok();
    keyed.delete(&path).await.expect(404, "");
}

async fn equal_requests_at_once_make_one(database: Database) {
    let app = TestApp::start(&database).await;
    let other = replica(&database).await;
    for number in 0..8 {
        let key = format!("00000000-0000-4000-8000-00000000001{number}");
        let (one, two) = (app.signed_in().await.with(KEY, &key), other.signed_in().await.with(KEY, &key));
        let name = format!("tag {number}");
        let answers =
            join_all((0..10).map(|turn| make_tag(if turn % 2 == 0 { &one } else { &two }, &name))).await;
        let first = answers[0].expect_ok();
        for answer in &answers {
            assert_eq!(answer.expect_ok(), first);
        }
        assert_eq!(tags(&app.signed_in().await).await, number + 1);
    }
}

async fn another_replica_has_the_whole_answer(database: Database) {
    let app = TestApp::start(&database).await;
    let first = make_tag(&app.signed_in().await.with(KEY, ONE), "red").await;
    first.expect_ok();
    app.state.replays.write(app.clock.now()).await.unwrap();
    let other = replica(&database).await;
    let admin = other.signed_in().await;
    // The first answer, though what it was about is gone.
    admin.delete(&format!("{TAGS}/{}", first.json()["id"].as_str().unwrap())).await.expect_ok();
    let again = make_tag(&admin.clone().with(KEY, ONE), "red").await;
    assert_eq!((again.status, again.text), (200, first.text));
    assert_eq!(tags(&admin).await, 0);
}

async fn what_was_made_before_the_server_was_killed_is_not_made_again(database: Database) {
    let app = TestApp::start(&database).await;
    let user = json!({"name": "eve", "is_admin": false, "password": crate::support::PASSWORD});
    let made = app.signed_in().await.with(KEY, ONE).post(USERS, user.clone()).await.expect_ok();
    // Answers about users are never written: the store has what it has when a server is killed before it answers.
    app.state.replays.write(app.clock.now()).await.unwrap();
    let records = "SELECT CAST(completed AS CHAR) FROM api_transaction";
    assert_eq!(database.texts(records).await, ["0"]);
    let other = replica(&database).await;
    let admin = other.signed_in().await;
    let again = admin.clone().with(KEY, ONE).post(USERS, user.clone()).await.expect_ok();
    assert_eq!(again, made);
    assert_eq!(admin.get(USERS).await.expect_ok()["total"], 2);
    admin.post(USERS, user).await.expect(409, "");
}

async fn an_answer_is_kept_for_a_while(database: Database) {
    let app = TestApp::start(&database).await;
    app.clock.hold();
    let keyed = app.signed_in().await.with(KEY, ONE);
    make_tag(&keyed, "red").await.expect_ok();
    app.state.replays.write(app.clock.now()).await.unwrap();
    let kept = "SELECT CAST(COUNT(*) AS CHAR) FROM api_transaction_result";
    app.clock.advance(299);
    app.state.replays.sweep(app.clock.now()).await.unwrap();
    assert_eq!(database.texts(kept).await, ["1"]);
    app.clock.advance(3);
    app.state.replays.sweep(app.clock.now()).await.unwrap();
    assert_eq!(database.texts(kept).await, ["0"]);
    let other = replica(&database).await;
    make_tag(&other.signed_in().await.with(KEY, ONE), "red").await.expect(409, "already exists");
}

async fn answers_with_secrets_are_never_written(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let account = json!({"name": "robot", "active": true});
    let account = admin.post("/api/v1/service_accounts", account).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let keyed = admin.clone().with(KEY, ONE);
    let key = keyed.post(&keys, json!({"name": "key"})).await.expect_ok();
    assert!(key["body"]["key"].is_string(), "{key}");
    assert_eq!(keyed.post(&keys, json!({"name": "key"})).await.expect_ok(), key);
    app.state.replays.write(app.clock.now()).await.unwrap();
    let written = database.texts("SELECT CAST(COUNT(*) AS CHAR) FROM api_transaction").await;
    assert_eq!(written, ["0"]);
}

async fn deduplication_can_be_turned_off(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_REQUEST_DEDUPLICATION", "false")]).await;
    let keyed = app.signed_in().await.with(KEY, ONE);
    make_tag(&keyed, "red").await.expect_ok();
    make_tag(&keyed, "red").await.expect(409, "already exists");
}
