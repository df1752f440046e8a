//! What the provider is asked for, and what its answers, its refusals and its absence come to.

use serde_json::{Value, json};

use super::{CURRENT_USER, FarSide, Visitor, server, settings};
use crate::support::{Answer, Caller, Database, TestApp, unused_port};

on_each_store! {
    the_scopes_that_the_operator_names_are_asked_for_at_the_provider,
    a_wrong_secret_is_told_at_the_sign_in_and_signs_nobody_in,
    an_address_that_is_not_verified_is_nobodys,
    an_address_that_is_not_verified_any_more_ends_a_sign_in,
    a_provider_that_is_away_keeps_no_server_from_starting_and_is_asked_when_it_is_back,
}

const SCOPES: &str = "ZENDO_OIDC_SCOPES";
const DOMAINS: (&str, &str) = ("ZENDO_OIDC_ALLOWED_DOMAINS", "example.com");

async fn the_scopes_that_the_operator_names_are_asked_for_at_the_provider(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    for (scopes, in_request, name, email) in [
        ("profile", "openid profile offline_access", "ada", None),
        ("email, openid", "openid email offline_access", "bob@example.com", Some("bob@example.com")),
        ("groups offline_access email profile", "openid groups offline_access email profile", "eve", None),
    ] {
        let app = server(&database, &provider, &[(SCOPES, scopes)]).await;
        let mut visitor = Visitor::of(&app);
        let address = visitor.start(json!({})).await;
        // As a browser goes there.
        let path = address.strip_prefix(&provider.url).unwrap();
        let page = Caller::without_redirects(provider.url.clone()).get(path).await;
        assert!(page.header("location").unwrap().contains("/interaction/"), "{page:?}");
        let request = provider.tell("asked", json!({})).await;
        assert_eq!(request["scope"], in_request, "{request}");
        assert_eq!(
            (&request["client_id"], &request["code_challenge_method"]),
            (&json!("zendo"), &json!("S256"))
        );
        // What it says of somebody is what those scopes are for, and so is what an account is made of.
        let subject = name.split('@').next().unwrap();
        let code = provider.code(&address, subject, "s").await;
        visitor.come_back(code).await.expect_ok();
        let user = visitor.with_cookies().get(CURRENT_USER).await.expect_ok();
        assert_eq!((&user["name"], &user["metadata"]["email"]), (&json!(name), &json!(email)), "{user}");
    }
}

async fn a_wrong_secret_is_told_at_the_sign_in_and_signs_nobody_in(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    for (client, secret) in [
        ("zendo", "another secret"),
        ("zendo", ""),
        ("zendo", "the secret of zendo-posting"),
        ("zendo-posting", "another secret"),
        ("nobody", "the secret of zendo"),
    ] {
        let more = [("ZENDO_OIDC_CLIENT_ID", client), ("ZENDO_OIDC_CLIENT_SECRET", secret)];
        let app = server(&database, &provider, &more).await;
        let mut ada = Visitor::of(&app);
        let address = ada.start(json!({})).await;
        // Where the provider knows the client it would send a code.
        let known = address.replace("client_id=nobody", "client_id=zendo");
        let code = provider.code(&known, "ada", "s").await;
        let refused = ada.come_back(code).await;
        refused.expect(401, "The provider refused the code: invalid_client.");
        assert!(!refused.text.contains("secret"), "{refused:?}");
        assert_eq!(refused.header("set-cookie"), None, "{client}");
        ada.with_cookies().get(CURRENT_USER).await.expect(401, "");
        assert_eq!(ada.with_cookies().get("/console/settings/profile").await.status, 303);
        app.signed_in().await.get("/api/v1/users/ada").await.expect(404, "");
    }
    for table in ["zendo_oidc_sign_in", "zendo_identity"] {
        assert!(database.texts(&format!("SELECT 'row' FROM {table}")).await.is_empty(), "{table}");
    }
    // Once the secret is right, the same people come in.
    let app = server(&database, &provider, &[]).await;
    Visitor::of(&app).sign_in(&provider, "ada").await;
    let refused = app.signed_in().await.get("/api/v1/audit?action=sign_in_refused").await.expect_ok();
    assert_eq!(refused["total"], 5, "{refused}");
    assert!(refused["items"].to_string().contains("invalid_client"), "{refused}");
}

async fn an_address_that_is_not_verified_is_nobodys(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let admin = app.signed_in().await;
    let boss = admin.put("/api/v1/users/default", json!({"email": "boss@example.com"})).await.expect_ok();
    let narrow = server(&database, &provider, &[DOMAINS]).await;
    let by_address = server(&database, &provider, &[("ZENDO_OIDC_USERNAME_CLAIM", "email")]).await;
    app.new_user("carl@example.com", false).await;
    let says = async |subject: &str, claims: Value| {
        provider.tell("person", json!({"subject": subject, "claims": claims})).await;
    };
    for (number, verified) in [Some(json!(false)), Some(json!("false")), None].into_iter().enumerate() {
        let name = format!("mallory-{number}");
        let of = |email: &str| {
            let mut claims = json!({"preferred_username": name, "email": email});
            if let Some(verified) = &verified {
                claims["email_verified"] = verified.clone();
            }
            claims
        };
        // An address of this server's domain proves nothing.
        says(&name, of("boss@example.com")).await;
        let refused = Visitor::of(&narrow).try_sign_in(&provider, &name, "s").await;
        refused.expect(401, "has verified no e-mail address");
        // Neither does that of an account, and the new one doesn't have it.
        let mut mallory = Visitor::of(&app);
        mallory.sign_in(&provider, &name).await;
        let user = mallory.with_cookies().get(CURRENT_USER).await.expect_ok();
        assert_eq!((&user["name"], &user["metadata"]["email"]), (&json!(name), &Value::Null), "{user}");
        assert!(user["id"] != boss["id"] && user["body"]["is_admin"] == false, "{user}");
        let path = format!("/api/v1/users/{}/identities", user["id"].as_str().unwrap());
        let identities = mallory.with_cookies().get(&path).await.expect_ok();
        assert_eq!(identities[0]["email"], Value::Null, "{identities}");
        // Nor where accounts are named by addresses.
        let other = format!("other-{number}");
        says(&other, of("carl@example.com")).await;
        let refused = Visitor::of(&by_address).try_sign_in(&provider, &other, "s").await;
        refused.expect(401, "which may be somebody else's");
    }
    // One that is verified is a person's own, in either spelling that providers have for that.
    for (subject, verified) in [("ada", json!(true)), ("grace", json!("true"))] {
        let email = format!("{subject}@example.com");
        says(subject, json!({"preferred_username": subject, "email": email, "email_verified": verified}))
            .await;
        let mut person = Visitor::of(&narrow);
        person.sign_in(&provider, subject).await;
        let user = person.with_cookies().get(CURRENT_USER).await.expect_ok();
        assert_eq!(user["metadata"]["email"], email, "{user}");
    }
}

async fn an_address_that_is_not_verified_any_more_ends_a_sign_in(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[DOMAINS, ("ZENDO_OIDC_RECHECK", "60")]).await;
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    let script = app.anonymous().with_token(&ada.api_token().await);
    for (verified, status) in [(true, 200), (false, 401)] {
        let claims =
            json!({"preferred_username": "ada", "email": "ada@example.com", "email_verified": verified});
        provider.tell("person", json!({"subject": "ada", "claims": claims})).await;
        app.clock.advance(61);
        zendo::testing::do_each_job(&app.state).await.unwrap();
        script.until(status, CURRENT_USER, "").await;
        ada.with_cookies().until(status, CURRENT_USER, "").await;
    }
}

async fn a_provider_that_is_away_keeps_no_server_from_starting_and_is_asked_when_it_is_back(
    database: Database,
) {
    let port = unused_port();
    let issuer = format!("http://127.0.0.1:{port}");
    let mut settings = settings(&issuer).to_vec();
    settings.retain(|(name, _)| *name != "ZENDO_OIDC_NAME");
    let app = TestApp::start_with(&database, &settings).await;
    let start =
        async || -> Answer { Visitor::of(&app).at_console().post("/api/v1/oidc/start", json!({})).await };
    start().await.expect(503, "127.0.0.1 can't be asked");
    // Whoever has a password goes on signing in.
    app.signed_in().await.get(CURRENT_USER).await.expect_ok();
    app.anonymous().get("/console/sign-in").await.expect(200, "Sign in with 127.0.0.1");
    let Some(provider) = FarSide::certified_on(port).await else { return };
    assert_eq!(provider.url, issuer);
    // It isn't asked again at once, so that one that is away makes nobody wait.
    start().await.expect(503, "127.0.0.1 can't be asked");
    app.clock.advance(11);
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    ada.with_cookies().get(CURRENT_USER).await.expect(200, "\"ada\"");
}
