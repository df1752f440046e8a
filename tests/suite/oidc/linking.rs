//! An account is linked to a person by its owner, who is signed in, or by an admin; and unlinked, but for the only way in.

use serde_json::json;

use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{ADMIN, Database, PASSWORD};

on_each_store! {
    an_owner_links_and_unlinks_their_account,
    an_admin_links_and_unlinks_others,
    a_link_is_of_whoever_began_it_and_of_who_may_come,
}

async fn an_owner_links_and_unlinks_their_account(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_CREATE_ACCOUNTS", "false")]).await;
    let mut owner = Visitor::of(&app);
    owner.at_console().post("/api/v1/oidc/start", json!({"link": true})).await.expect(401, "");
    owner.sign_in_with_password(ADMIN, PASSWORD).await;
    let address = owner.start(json!({"link": true, "next": "/console/settings/profile"})).await;
    let back = provider.code(&address, "mallory", "s").await;
    let linked = owner.come_back(back).await.expect_ok();
    assert_eq!(linked, json!({"next": "/console/settings/profile", "linked": true}));
    // From now on it is their account, and nobody else's.
    let mut again = Visitor::of(&app);
    again.sign_in(&provider, "mallory").await;
    let user = again.with_cookies().get(CURRENT_USER).await.expect_ok();
    assert_eq!(user["name"], ADMIN);
    let path = format!("/api/v1/users/{}/identities", user["id"].as_str().unwrap());
    let identities = again.with_cookies().get(&path).await.expect_ok();
    assert_eq!(
        (&identities[0]["subject"], &identities[0]["issuer"]),
        (&json!("mallory"), &json!(provider.url))
    );
    let address = owner.start(json!({"link": true})).await;
    let back = provider.code(&address, "ada", "s").await;
    owner.come_back(back).await.expect(409, "linked to a person of this provider already");
    // A token for scripts unlinks nobody; the session does, and the person's sign-ins end with it.
    let one = format!("{path}/{}", identities[0]["id"].as_str().unwrap());
    let script = app.anonymous().with_token(&again.api_token().await);
    script.delete(&one).await.expect(403, "");
    owner.at_console().delete(&one).await.expect_ok();
    again.with_cookies().until(401, CURRENT_USER, "").await;
    script.until(401, CURRENT_USER, "").await;
    owner.at_console().get(CURRENT_USER).await.expect_ok();
    Visitor::of(&app).try_sign_in(&provider, "mallory", "s").await.expect(401, "no account here");
    for action in ["identity_linked", "identity_unlinked"] {
        let records = owner.at_console().get(&format!("/api/v1/audit?action={action}")).await.expect_ok();
        let record = &records["items"][0];
        assert_eq!(
            (&record["subject_name"], &record["details"]["subject"]),
            (&json!(ADMIN), &json!("mallory"))
        );
    }
}

async fn an_admin_links_and_unlinks_others(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let (admin, carl) = (app.signed_in().await, app.new_user("carl", false).await);
    let path = "/api/v1/users/carl/identities";
    carl.post(path, json!({"subject": "ada"})).await.expect(403, "Only an admin");
    for subject in ["", " ", "a\nb", &"a".repeat(256)] {
        admin.post(path, json!({"subject": subject})).await.expect(422, "subject");
    }
    let linked = admin.post(path, json!({"subject": "ada"})).await.expect_ok();
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    assert_eq!(ada.with_cookies().get(CURRENT_USER).await.expect_ok()["name"], "carl");
    admin
        .post("/api/v1/users/default/identities", json!({"subject": "ada"}))
        .await
        .expect(409, "linked to an account here already");
    admin.post(path, json!({"subject": "bob"})).await.expect(409, "of this provider already");
    carl.get("/api/v1/users/default/identities").await.expect(403, "Only an admin");
    admin.post("/api/v1/users/nobody/identities", json!({"subject": "bob"})).await.expect(404, "no user");
    let one = format!("{path}/{}", linked[0]["id"].as_str().unwrap());
    admin.delete(&one).await.expect_ok();
    admin.delete(&one).await.expect(404, "linked to nobody");
    ada.with_cookies().until(401, CURRENT_USER, "").await;
    // An account of a first sign-in has no other way in: its owner can't close it, and an admin can.
    let mut bob = Visitor::of(&app);
    bob.sign_in(&provider, "bob").await;
    let of_bob = bob.with_cookies().get("/api/v1/users/bob/identities").await.expect_ok();
    let one = format!("/api/v1/users/bob/identities/{}", of_bob[0]["id"].as_str().unwrap());
    bob.with_cookies().delete(&one).await.expect(403, "the only way into your account");
    admin.put("/api/v1/users/bob", json!({"is_admin": true})).await.expect_ok();
    bob.with_cookies().put("/api/v1/users/default", json!({"is_admin": false})).await.expect_ok();
    let carl_as_admin = bob.with_cookies().put("/api/v1/users/carl", json!({"is_admin": true})).await;
    carl_as_admin.expect_ok();
    bob.with_cookies().put("/api/v1/users/carl", json!({"active": false})).await.expect_ok();
    // The account is gone with its identity, which may come anew.
    bob.with_cookies().delete("/api/v1/users/carl").await.expect_ok();
    Visitor::of(&app).sign_in(&provider, "ada").await;
}

async fn a_link_is_of_whoever_began_it_and_of_who_may_come(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_ALLOWED_DOMAINS", "example.com")]).await;
    app.new_user("carl", false).await;
    let began = async || {
        let mut owner = Visitor::of(&app);
        owner.sign_in_with_password(ADMIN, PASSWORD).await;
        let address = owner.start(json!({"link": true})).await;
        let back = provider.code(&address, "ada", "s").await;
        (owner, back)
    };
    let identities = async || {
        let admin = app.signed_in().await;
        let of = async |name: &str| {
            admin.get(&format!("/api/v1/users/{name}/identities")).await.expect_ok().as_array().unwrap().len()
        };
        (of(ADMIN).await, of("carl").await)
    };
    // The browser is somebody else's by now, or nobody's.
    let (mut owner, back) = began().await;
    owner.sign_in_with_password("carl", PASSWORD).await;
    owner.come_back(back).await.expect(401, "Somebody else is signed in by now");
    let (mut owner, back) = began().await;
    owner.at_console().get("/api/v1/logout").await.expect_ok();
    owner.come_back(back).await.expect(401, "");
    // What one has begun isn't ended in the browser of another, who would get a stranger into their account.
    let (_, back) = began().await;
    let (mut other, _) = began().await;
    let mut carl = Visitor::of(&app);
    carl.sign_in_with_password("carl", PASSWORD).await;
    carl.come_back(back.clone()).await.expect(401, "not begun in this browser");
    other.come_back(back).await.expect(401, "(state)");
    // Whoever may not sign in isn't linked either.
    for (subject, reason) in [("mallory", "not for the domain"), ("eve", "has verified no e-mail address")] {
        let address = other.start(json!({"link": true})).await;
        let back = provider.code(&address, subject, "s").await;
        other.come_back(back).await.expect(401, reason);
    }
    assert_eq!(identities().await, (0, 0));
    let (mut owner, back) = began().await;
    assert_eq!(owner.come_back(back).await.expect_ok()["linked"], true);
    assert_eq!(identities().await, (1, 0));
}
