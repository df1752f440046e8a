//! A first sign-in makes an account, which is the person's by issuer and subject; what groups make of it; and the provider's
//! ways: its algorithms, its keys, its absence.

use std::time::Duration;

use serde_json::{Value, json};

use super::visitor::asked;
use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{Database, TestApp, wait_until};

on_each_store! {
    one_sign_in_gives_both_sessions_of_a_new_account,
    a_name_or_an_address_is_never_taken_for_a_person,
    an_address_that_an_account_has_makes_it_nobody_elses,
    groups_let_in_and_make_and_unmake_admins_but_the_last,
    of_two_admins_who_leave_at_once_one_stays,
    groups_are_read_from_the_claim_that_the_operator_names,
    the_providers_new_keys_are_found,
    accounts_are_made_only_where_the_operator_says_so_and_named_by_the_claim_that_they_name,
    an_account_that_an_admin_has_deactivated_stays_out,
}

async fn account(app: &TestApp, name: &str) -> Value {
    app.signed_in().await.get(&format!("/api/v1/users/{name}")).await.expect_ok()
}

async fn one_sign_in_gives_both_sessions_of_a_new_account(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let told = app.anonymous().get("/api/v1/oidc").await.expect_ok();
    let providers = json!([{"issuer": provider.url, "name": "Example"}]);
    assert_eq!(told, json!({"name": "Example", "providers": providers, "password_sign_in": true}));
    let mut ada = Visitor::of(&app);
    let address = ada.start(json!({"next": "/console/settings/profile"})).await;
    assert_eq!(
        (asked(&address, "code_challenge_method").as_str(), asked(&address, "response_type").as_str()),
        ("S256", "code")
    );
    assert_eq!(asked(&address, "redirect_uri"), format!("{}/console/oidc/callback", app.url()));
    assert_eq!(asked(&address, "scope"), "openid profile email offline_access");
    let back = provider.code(&address, "ada", "s").await;
    let answer = ada.come_back(back.clone()).await;
    let cookies: Vec<&str> =
        answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(
        cookies.iter().any(|cookie| cookie.contains("-console=") && cookie.contains("SameSite=Strict")),
        "{cookies:?}"
    );
    assert_eq!(answer.expect_ok(), json!({"next": "/console/settings/profile", "linked": false}));
    // ZenML's session, and the console's, whose token no script gets.
    let user = ada.with_cookies().get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["body"]["full_name"]), (&json!("ada"), &json!("Ada Lovelace")));
    assert_eq!(
        (&user["metadata"]["email"], &user["body"]["is_admin"]),
        (&json!("ada@example.com"), &json!(false))
    );
    ada.with_cookies().get("/console/settings/api-tokens").await.expect(200, "API Tokens");
    // The code is good once, and the cookie of the sign-in is gone.
    ada.come_back(back).await.expect(401, "not begun in this browser");
    // A second sign-in is of the same account, whatever it is called there by now.
    provider.tell("person", json!({"subject": "ada", "claims": {"preferred_username": "countess"}})).await;
    let mut again = Visitor::of(&app);
    again.sign_in(&provider, "ada").await;
    assert_eq!(again.with_cookies().get(CURRENT_USER).await.expect_ok()["id"], user["id"]);
    let records = app.signed_in().await.get("/api/v1/audit?action=sign_in&user=ada").await.expect_ok();
    assert_eq!((&records["total"], &records["items"][0]["credential"]), (&json!(2), &json!("oidc")));
    // One sign-out ends both sessions.
    again.with_cookies().get("/api/v1/logout").await.expect_ok();
    again.with_cookies().get(CURRENT_USER).await.expect(401, "");
    assert_eq!(again.with_cookies().get("/console/settings/profile").await.status, 303);
}

async fn a_name_or_an_address_is_never_taken_for_a_person(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let before = account(&app, "default").await;
    for (subject, claims) in [
        (
            "mallory",
            json!({"preferred_username": "default", "email": "x@example.com", "email_verified": true}),
        ),
        ("mallory", json!({"preferred_username": "DEFAULT"})),
    ] {
        provider.tell("person", json!({"subject": subject, "claims": claims})).await;
        let refused = Visitor::of(&app).try_sign_in(&provider, subject, "s").await;
        refused.expect(401, "which may be somebody else's");
    }
    assert_eq!(account(&app, "default").await, before);
    let refused = app.signed_in().await.get("/api/v1/audit?action=sign_in_refused").await.expect_ok();
    assert_eq!(refused["items"][0]["credential"], "oidc", "{refused}");
}

async fn an_address_that_an_account_has_makes_it_nobody_elses(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let admin = app.signed_in().await;
    let address = json!({"email": "boss@example.com"});
    admin.put("/api/v1/users/default", address).await.expect_ok();
    let claims = json!({"preferred_username": "other", "email": "boss@example.com", "email_verified": true});
    provider.tell("person", json!({"subject": "mallory", "claims": claims})).await;
    let mut mallory = Visitor::of(&app);
    mallory.sign_in(&provider, "mallory").await;
    let user = mallory.with_cookies().get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["body"]["is_admin"]), (&json!("other"), &json!(false)));
    assert_ne!(user["id"], account(&app, "default").await["id"]);
}

async fn of_two_admins_who_leave_at_once_one_stays(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let settings = [("ZENDO_OIDC_ADMIN_GROUPS", "ops")];
    let (app, other) =
        (server(&database, &provider, &settings).await, server(&database, &provider, &settings).await);
    let say = async |groups: Value| {
        for subject in ["ada", "bob"] {
            let claims = json!({"preferred_username": subject, "groups": groups});
            provider.tell("person", json!({"subject": subject, "claims": claims})).await;
        }
    };
    let both = async || {
        let (mut ada, mut bob) = (Visitor::of(&app), Visitor::of(&other));
        tokio::join!(ada.sign_in(&provider, "ada"), bob.sign_in(&provider, "bob"));
        ada
    };
    say(json!(["ops"])).await;
    let ada = both().await;
    ada.with_cookies().put("/api/v1/users/default", json!({"is_admin": false})).await.expect_ok();
    for _ in 0..5 {
        say(json!([])).await;
        both().await;
        let admins = database.texts("SELECT name FROM user WHERE is_admin = 1 AND active = 1").await;
        assert_eq!(admins.len(), 1, "{admins:?}");
        say(json!(["ops"])).await;
        both().await;
    }
}

async fn groups_are_read_from_the_claim_that_the_operator_names(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let settings = [
        ("ZENDO_OIDC_GROUPS_CLAIM", "realm_access.roles"),
        ("ZENDO_OIDC_ALLOWED_GROUPS", "ml,ops"),
        ("ZENDO_OIDC_ADMIN_GROUPS", "ops"),
    ];
    let app = server(&database, &provider, &settings).await;
    for (subject, claims, is_admin) in [
        ("ada", json!({"realm_access": {"roles": ["x", "ops"]}, "groups": ["x"]}), Some(true)),
        ("bob", json!({"realm_access": {"roles": ["ml"]}, "groups": ["ops"]}), Some(false)),
        ("eve", json!({"groups": ["ops"]}), None),
        ("eve", json!({"realm_access": "ops", "roles": ["ops"]}), None),
    ] {
        provider.tell("person", json!({"subject": subject, "claims": claims})).await;
        let mut visitor = Visitor::of(&app);
        let answer = visitor.try_sign_in(&provider, subject, "s").await;
        let Some(is_admin) = is_admin else {
            answer.expect(401, "none of the groups");
            continue;
        };
        answer.expect_ok();
        let user = visitor.with_cookies().get(CURRENT_USER).await.expect_ok();
        assert_eq!(user["body"]["is_admin"], is_admin, "{user}");
    }
}

async fn groups_let_in_and_make_and_unmake_admins_but_the_last(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let settings = [("ZENDO_OIDC_ALLOWED_GROUPS", "ml,ops"), ("ZENDO_OIDC_ADMIN_GROUPS", "ops")];
    let app = server(&database, &provider, &settings).await;
    Visitor::of(&app).try_sign_in(&provider, "eve", "s").await.expect(401, "none of the groups");
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    Visitor::of(&app).sign_in(&provider, "bob").await;
    assert_eq!(account(&app, "ada").await["body"]["is_admin"], true);
    assert_eq!(account(&app, "bob").await["body"]["is_admin"], false);
    let in_groups = async |subject: &str, groups: Value| {
        let claims = json!({"preferred_username": subject, "groups": groups});
        provider.tell("person", json!({"subject": subject, "claims": claims})).await;
        Visitor::of(&app).sign_in(&provider, subject).await;
    };
    in_groups("ada", json!(["ml"])).await;
    in_groups("bob", json!(["ops"])).await;
    assert_eq!(account(&app, "ada").await["body"]["is_admin"], false);
    assert_eq!(account(&app, "bob").await["body"]["is_admin"], true);
    // The admin with a password goes, and bob is the last one.
    let mut bob = Visitor::of(&app);
    bob.sign_in(&provider, "bob").await;
    bob.with_cookies().put("/api/v1/users/default", json!({"is_admin": false})).await.expect_ok();
    in_groups("bob", json!(["ml"])).await;
    assert_eq!(bob.with_cookies().get(CURRENT_USER).await.expect_ok()["body"]["is_admin"], true);
}

async fn the_providers_new_keys_are_found(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    Visitor::of(&app).sign_in(&provider, "ada").await;
    provider.tell("rotate", json!({})).await;
    Visitor::of(&app).sign_in(&provider, "ada").await;
    // Only one look a minute is made for keys that aren't known.
    provider.tell("rotate", json!({})).await;
    Visitor::of(&app).try_sign_in(&provider, "ada", "s").await.expect(401, "no such key");
    app.clock.advance(61);
    // The provider's own clock doesn't move along, so no more than its leeway: its tokens are a minute old by now.
    Visitor::of(&app).sign_in(&provider, "ada").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_signature_and_of_client_works_but_a_shared_secrets() {
    let Some(provider) = FarSide::certified().await else { return };
    for client in ["zendo-ES256", "zendo-EdDSA", "zendo-posting", "zendo-public", "zendo-HS256"] {
        let secret = format!("the secret of {client}");
        let secret = if client == "zendo-public" { "" } else { &secret };
        let settings = [("ZENDO_OIDC_CLIENT_ID", client), ("ZENDO_OIDC_CLIENT_SECRET", secret)];
        let app = server(&Database::sqlite(), &provider, &settings).await;
        let answer = Visitor::of(&app).try_sign_in(&provider, "ada", "s").await;
        match client {
            "zendo-HS256" => answer.expect(401, "of a kind that doesn't count"),
            _ => drop(answer.expect_ok()),
        }
    }
}

async fn accounts_are_made_only_where_the_operator_says_so_and_named_by_the_claim_that_they_name(
    database: Database,
) {
    let Some(provider) = FarSide::certified().await else { return };
    let none = server(&database, &provider, &[("ZENDO_OIDC_CREATE_ACCOUNTS", "false")]).await;
    Visitor::of(&none).try_sign_in(&provider, "ada", "s").await.expect(401, "has no account here");
    let named = server(&database, &provider, &[("ZENDO_OIDC_USERNAME_CLAIM", "email")]).await;
    Visitor::of(&named).sign_in(&provider, "ada").await;
    assert_eq!(account(&named, "ada@example.com").await["name"], "ada@example.com");
    let missing = server(&database, &provider, &[("ZENDO_OIDC_USERNAME_CLAIM", "upn")]).await;
    // By now ada has an account, whatever it is named by.
    Visitor::of(&missing).try_sign_in(&provider, "bob", "s").await.expect(401, "doesn't say the claim 'upn'");
    let domains = server(&database, &provider, &[("ZENDO_OIDC_ALLOWED_DOMAINS", "example.com")]).await;
    Visitor::of(&domains).sign_in(&provider, "bob").await;
    Visitor::of(&domains)
        .try_sign_in(&provider, "eve", "s")
        .await
        .expect(401, "has verified no e-mail address");
    Visitor::of(&domains).try_sign_in(&provider, "mallory", "s").await.expect(401, "not for the domain");
}

async fn an_account_that_an_admin_has_deactivated_stays_out(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    app.signed_in().await.put("/api/v1/users/ada", json!({"active": false})).await.expect_ok();
    wait_until("the session is over", Duration::from_secs(5), async || {
        ada.with_cookies().get(CURRENT_USER).await.status == 401
    })
    .await;
    Visitor::of(&app).try_sign_in(&provider, "ada", "s").await.expect(401, "is not active");
}
