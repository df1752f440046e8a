//! No new name passes for another account's, at zendo or at a service that doesn't care about case.

use serde_json::json;

use crate::support::{ADMIN, Database, PASSWORD, Program, TestApp};

on_each_store! {
    no_account_is_made_with_a_name_like_anothers,
    no_account_is_renamed_to_a_name_like_anothers,
    whoever_is_activated_takes_no_name_like_anothers,
    the_terminal_makes_no_name_like_anothers,
    of_two_names_alike_at_once_one_is_made,
}

const ALIKE: [&str; 4] = ["DEFAULT", "Default", " Default", "defaulT "];

async fn no_account_is_made_with_a_name_like_anothers(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let user = |name: &str| json!({"name": name, "is_admin": false, "password": PASSWORD});
    let robot = |name: &str| json!({"name": name, "active": true});
    admin.post("/api/v1/service_accounts", robot("Zoë")).await.expect_ok();
    for name in ALIKE.into_iter().chain(["zoë", "ZOË", "zoË"]) {
        admin.post("/api/v1/users", user(name)).await.expect(409, "EntityExistsError");
        admin.post("/api/v1/service_accounts", robot(name)).await.expect(409, "EntityExistsError");
    }
    // A user and a service account may bear the same name, as in ZenML.
    admin.post("/api/v1/users", user("Zoë")).await.expect_ok();
    admin.post("/api/v1/service_accounts", robot(ADMIN)).await.expect_ok();
    admin.post("/api/v1/users", user("defaults")).await.expect_ok();
}

async fn no_account_is_renamed_to_a_name_like_anothers(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, eve) = (app.signed_in().await, app.new_user("eve", false).await);
    admin.post("/api/v1/service_accounts", json!({"name": "robot", "active": true})).await.expect_ok();
    for name in ALIKE {
        let update = json!({"name": name});
        eve.put("/api/v1/current-user", update.clone()).await.expect(409, "EntityExistsError");
        admin.put("/api/v1/users/eve", update.clone()).await.expect(409, "EntityExistsError");
        admin.put("/api/v1/service_accounts/robot", update).await.expect(409, "EntityExistsError");
    }
    // One's own name in another case is one's own.
    eve.put("/api/v1/current-user", json!({"name": "Eve"})).await.expect_ok();
    eve.put("/api/v1/current-user", json!({"name": "Eve"})).await.expect_ok();
    admin.put("/api/v1/service_accounts/robot", json!({"name": "Robot"})).await.expect_ok();
    admin.put("/api/v1/users/Eve", json!({"name": "robot"})).await.expect(409, "Robot");
}

async fn whoever_is_activated_takes_no_name_like_anothers(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let made = admin.post("/api/v1/users", json!({"name": "eve", "is_admin": false})).await.expect_ok();
    let token = &made["body"]["activation_token"];
    let activate = async |name: &str| {
        let body = json!({"activation_token": token, "name": name, "password": PASSWORD});
        app.anonymous().put("/api/v1/users/eve/activate", body).await
    };
    for name in ALIKE {
        activate(name).await.expect(409, "EntityExistsError");
    }
    activate("Eve").await.expect_ok();
    app.signed_in_as("Eve").await;
}

async fn the_terminal_makes_no_name_like_anothers(database: Database) {
    let app = TestApp::start(&database).await;
    app.signed_in().await;
    for name in ["DEFAULT", "Default"] {
        let program = Program::new(&["user", "create", name, "--password-stdin"]).on(&database);
        let finished = program.reading("another horse\n").run().await;
        finished.expect(1, &["default", "already"]);
    }
}

async fn of_two_names_alike_at_once_one_is_made(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let (here, there) = (one.signed_in().await, other.signed_in().await);
    for round in 0..5 {
        let user = |name: String| json!({"name": name, "is_admin": false});
        let (a, b, c) = tokio::join!(
            here.post("/api/v1/users", user(format!("bob{round}"))),
            there.post("/api/v1/users", user(format!("BOB{round}"))),
            there.post("/api/v1/service_accounts", json!({"name": format!("Bob{round}"), "active": true})),
        );
        let statuses = [a.status, b.status, c.status];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 2, "{statuses:?}");
    }
}
