//! Whoever leaves the company loses access: the provider says so, or doesn't say any more that they may come.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::refused::told;
use super::visitor::asked;
use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{Caller, Database, TestApp, wait_until};

on_each_store! {
    a_logout_at_the_provider_ends_all_that_a_sign_in_made_on_each_replica,
    all_of_a_persons_sign_ins_end_together,
    a_logout_that_could_not_be_noted_may_be_told_again,
    whoever_is_not_known_any_more_at_a_recheck_is_out,
    a_device_ends_with_the_sign_in_that_approved_it,
    a_provider_without_an_answer_ends_nothing,
    only_the_providers_own_logout_tokens_count,
    a_logout_ends_the_sessions_that_it_names_and_those_that_nobody_can_name,
}

const WITHIN: Duration = Duration::from_secs(1);

async fn is_out(caller: &Caller, since: Instant) {
    wait_until("the credential is refused", Duration::from_secs(5), async || {
        caller.get(CURRENT_USER).await.status == 401
    })
    .await;
    println!("ended after {:?}", since.elapsed());
    assert!(since.elapsed() < WITHIN, "{:?}", since.elapsed());
}

async fn a_logout_at_the_provider_ends_all_that_a_sign_in_made_on_each_replica(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let (app, other) = (server(&database, &provider, &[]).await, server(&database, &provider, &[]).await);
    let (mut ada, mut at_home, mut bob) = (Visitor::of(&app), Visitor::of(&app), Visitor::of(&app));
    ada.try_sign_in(&provider, "ada", "at work").await.expect_ok();
    at_home.try_sign_in(&provider, "ada", "at home").await.expect_ok();
    bob.try_sign_in(&provider, "bob", "of bob").await.expect_ok();
    let token = ada.api_token().await;
    let (script, of_home) =
        (other.anonymous().with_token(&token), other.anonymous().with_token(&at_home.api_token().await));
    let grandchild = other.anonymous().with_token(&script.api_token(600).await);
    let of_bob = other.anonymous().with_token(&bob.api_token().await);
    for caller in [&script, &grandchild, &of_home, &of_bob] {
        caller.get(CURRENT_USER).await.expect_ok();
    }
    // The list has all of them: a replica writes within half a second which tokens it has made.
    other.signed_in().await.get("/api/v1/api_tokens?user=ada").await.expect_ok();
    // One session at the provider, and what goes back to it.
    let asked = Instant::now();
    let told = provider.log_out(&app.url(), "ada", Some("at work")).await;
    let start = Instant::now();
    assert_eq!(told["status"], 200, "{told}");
    is_out(&script, start).await;
    let (all, heard) = (asked.elapsed(), start - asked);
    println!(
        "{all:?} from the provider's logout to a refusal at another replica, {heard:?} of it to this one's answer"
    );
    is_out(&grandchild, start).await;
    is_out(&ada.with_cookies(), start).await;
    assert_eq!(ada.with_cookies().get("/console/settings/profile").await.status, 303);
    of_home.get(CURRENT_USER).await.expect_ok();
    // The same token again is refused, and so is one that isn't the provider's; then all of a person's sessions.
    let form = [("logout_token", told["logout_token"].as_str().unwrap())];
    let path = "/api/v1/oidc/backchannel_logout";
    app.anonymous().post_form(path, &form).await.expect(400, "was used already");
    assert_eq!(provider.log_out(&other.url(), "ada", None).await["status"], 200);
    let start = Instant::now();
    is_out(&of_home, start).await;
    is_out(&at_home.with_cookies(), start).await;
    of_bob.get(CURRENT_USER).await.expect_ok();
    let admin = app.signed_in().await;
    let records = admin.get("/api/v1/audit?action=sign_in_ended&result=success").await.expect_ok();
    assert_eq!((&records["total"], &records["items"][0]["subject_name"]), (&json!(2), &json!("ada")));
    let tokens = admin.get("/api/v1/api_tokens?user=ada").await.expect_ok();
    assert!(
        tokens["items"].as_array().unwrap().iter().all(|token| token["body"]["status"] != "active"),
        "{tokens}"
    );
    // Whoever has logged out there may sign in again.
    ada.sign_in(&provider, "ada").await;
    ada.with_cookies().get(CURRENT_USER).await.expect_ok();
}

async fn all_of_a_persons_sign_ins_end_together(database: Database) {
    const MANY: usize = 25;
    let Some(provider) = FarSide::certified().await else { return };
    let (app, other) = (server(&database, &provider, &[]).await, server(&database, &provider, &[]).await);
    let mut scripts = Vec::new();
    for number in 0..MANY {
        let mut ada = Visitor::of(&app);
        ada.try_sign_in(&provider, "ada", &format!("{number}")).await.expect_ok();
        scripts.push(other.anonymous().with_token(&ada.api_token().await));
    }
    let asked = Instant::now();
    assert_eq!(provider.log_out(&app.url(), "ada", None).await["status"], 200);
    let start = Instant::now();
    for script in &scripts {
        is_out(script, start).await;
    }
    println!("{:?} from the provider's logout to the refusal of {MANY} sign-ins' tokens", asked.elapsed());
    let records = app.signed_in().await.get("/api/v1/audit?action=sign_in_ended").await.expect_ok();
    assert_eq!(records["total"], MANY, "{records}");
}

async fn a_logout_that_could_not_be_noted_may_be_told_again(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    database.execute("ALTER TABLE zendo_oidc_sign_in RENAME TO elsewhere").await;
    let told = provider.log_out(&app.url(), "ada", None).await;
    assert!(told["status"].as_u64().unwrap() >= 500, "{told}");
    database.execute("ALTER TABLE elsewhere RENAME TO zendo_oidc_sign_in").await;
    let form = [("logout_token", told["logout_token"].as_str().unwrap())];
    for status in [200, 400] {
        let answer = app.anonymous().post_form("/api/v1/oidc/backchannel_logout", &form).await;
        assert_eq!(answer.status, status, "{answer:?}");
        ada.with_cookies().until(401, CURRENT_USER, "").await;
    }
}

async fn whoever_is_not_known_any_more_at_a_recheck_is_out(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let settings = [
        ("ZENDO_OIDC_RECHECK", "60"),
        ("ZENDO_OIDC_ALLOWED_GROUPS", "ml,ops"),
        ("ZENDO_OIDC_ADMIN_GROUPS", "ops"),
    ];
    let app = server(&database, &provider, &settings).await;
    let (mut ada, mut bob) = (Visitor::of(&app), Visitor::of(&app));
    ada.sign_in(&provider, "ada").await;
    bob.sign_in(&provider, "bob").await;
    let (of_ada, of_bob) = (ada.api_token().await, bob.api_token().await);
    let (of_ada, of_bob) = (app.anonymous().with_token(&of_ada), app.anonymous().with_token(&of_bob));
    let checked = async |state: &TestApp| {
        state.clock.advance(61);
        zendo::testing::do_each_job(&state.state).await.unwrap();
    };
    // The refresh token is another one each time, and the sign-ins go on.
    for _ in 0..3 {
        checked(&app).await;
    }
    ada.with_cookies().get(CURRENT_USER).await.expect_ok();
    of_bob.get(CURRENT_USER).await.expect_ok();
    // One is in no group any more that may come, and the other one has left.
    provider
        .tell("person", json!({"subject": "bob", "claims": {"preferred_username": "bob", "groups": []}}))
        .await;
    checked(&app).await;
    of_bob.until(401, CURRENT_USER, "").await;
    bob.with_cookies().until(401, CURRENT_USER, "").await;
    of_ada.get(CURRENT_USER).await.expect_ok();
    provider.tell("person", json!({"subject": "ada", "claims": null})).await;
    checked(&app).await;
    of_ada.until(401, CURRENT_USER, "").await;
    ada.with_cookies().until(401, CURRENT_USER, "").await;
    let records = app.signed_in().await.get("/api/v1/audit?action=sign_in_ended").await.expect_ok();
    let causes: Vec<&Value> =
        records["items"].as_array().unwrap().iter().map(|it| &it["details"]["cause"]).collect();
    assert_eq!(causes, ["the provider has ended it", "the person may not come any more"]);
}

async fn a_device_ends_with_the_sign_in_that_approved_it(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let (app, other) = (server(&database, &provider, &[]).await, server(&database, &provider, &[]).await);
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    // Twice, since a machine that asks again takes its device's place.
    let mut device = app.anonymous();
    for _ in 0..2 {
        device = sign_in_on_device(&app, &ada.with_cookies()).await;
    }
    let script = other.anonymous().with_token(&device.api_token(600).await);
    script.get(CURRENT_USER).await.expect(200, "\"ada\"");
    // What was made in a session goes on after its sign-out, until the provider says that it is over.
    ada.with_cookies().get("/api/v1/logout").await.expect_ok();
    script.get(CURRENT_USER).await.expect_ok();
    assert_eq!(provider.log_out(&app.url(), "ada", Some("the session of ada")).await["status"], 200);
    let start = Instant::now();
    is_out(&script, start).await;
    device.get(CURRENT_USER).await.expect(401, "");
}

async fn sign_in_on_device(app: &TestApp, person: &Caller) -> Caller {
    let client = [("client_id", "00000000-0000-0000-0000-00000000c11e")];
    let waiting = app.anonymous().post_form("/api/v1/device_authorization", &client).await.expect_ok();
    let link = waiting["verification_uri_complete"].as_str().unwrap();
    let approval = json!({"user_code": asked(link, "user_code"), "trusted_device": false});
    person.put(&format!("/api/v1/devices/{}/verify", asked(link, "device_id")), approval).await.expect_ok();
    let code = waiting["device_code"].as_str().unwrap();
    let form =
        [client[0], ("device_code", code), ("grant_type", "urn:ietf:params:oauth:grant-type:device_code")];
    let token = app.anonymous().post_form("/api/v1/login", &form).await.expect_ok();
    app.anonymous().with_token(token["access_token"].as_str().unwrap())
}

async fn a_provider_without_an_answer_ends_nothing(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_RECHECK", "60")]).await;
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    drop(provider);
    app.clock.advance(61);
    zendo::testing::do_each_job(&app.state).await.unwrap();
    ada.with_cookies().get(CURRENT_USER).await.expect_ok();
}

async fn only_the_providers_own_logout_tokens_count(database: Database) {
    let Some(provider) = FarSide::misbehaving().await else { return };
    let app = server(&database, &provider, &[]).await;
    let path = "/api/v1/oidc/backchannel_logout";
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let right = json!({"jti": "a", "events": event});
    let with = |claims: Value, more: Value| {
        let mut all = right.as_object().unwrap().clone();
        all.extend(claims.as_object().unwrap().clone());
        let mut told = json!({"claims": all});
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        told
    };
    let send = async |told: &Value| {
        let far_side = Caller::new(provider.url.clone());
        let token = far_side.post_form("/logout-token", &[("told", &told.to_string())]).await.expect_ok();
        let token = token["logout_token"].as_str().unwrap().to_owned();
        app.anonymous().post_form(path, &[("logout_token", &token)]).await
    };
    for wrong in [
        with(json!({"aud": "another"}), json!({})),
        with(json!({"iss": "https://another.example"}), json!({})),
        with(json!({"nonce": "n"}), json!({})),
        with(json!({"events": {}}), json!({})),
        with(json!({"jti": null}), json!({})),
        with(json!({"sub": null}), json!({})),
        with(json!({"exp": 1}), json!({})),
        with(json!({"iat": 1}), json!({})),
        with(json!({}), json!({"key": "unknown"})),
        with(json!({}), json!({"key": "unknown", "kid": "other"})),
        with(json!({}), json!({"key": "weak", "kid": "weak"})),
        with(json!({}), json!({"key": "known", "kid": "curve"})),
        with(json!({}), json!({"alg": "RS512"})),
        with(json!({"iat": null}), json!({})),
        with(json!({"exp": null}), json!({})),
        with(json!({"aud": null}), json!({})),
        with(json!({"iat": i64::from(u32::MAX)}), json!({})),
        with(json!({}), json!({"key": "none"})),
        with(json!({}), json!({"alg": "HS256"})),
        with(json!({}), json!({"alg": "HS256", "key": "unknown"})),
        with(json!({}), json!({"header": {"typ": "at+jwt"}})),
    ] {
        let answer = send(&wrong).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!("invalid_request")),
            "{wrong} {answer:?}"
        );
    }
    for form in
        [vec![], vec![("logout_token", "")], vec![("logout_token", "a.b.c")], vec![("logout_token", "{}")]]
    {
        assert_eq!(app.anonymous().post_form(path, &form).await.status, 400, "{form:?}");
    }
    assert_eq!(send(&with(json!({}), json!({}))).await.status, 200);
}

/// Sends a logout token of the misbehaving provider.
async fn log_out(app: &TestApp, provider: &FarSide, claims: Value) -> u16 {
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let mut all = json!({"jti": claims.to_string(), "events": event});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let asked = json!({"claims": all}).to_string();
    let token = Caller::new(provider.url.clone()).post_form("/logout-token", &[("told", &asked)]).await;
    let token = token.expect_ok();
    let form = [("logout_token", token["logout_token"].as_str().unwrap())];
    app.anonymous().post_form("/api/v1/oidc/backchannel_logout", &form).await.status
}

async fn a_logout_ends_the_sessions_that_it_names_and_those_that_nobody_can_name(database: Database) {
    let Some(provider) = FarSide::misbehaving().await else { return };
    let app = server(&database, &provider, &[]).await;
    let signed_in = async |subject: &str, session: Value| {
        let claims = json!({"sub": subject, "preferred_username": subject, "sid": session});
        let (visitor, answer) = told(&app, &provider, json!({"claims": claims})).await;
        answer.expect_ok();
        app.anonymous().with_token(&visitor.api_token().await)
    };
    let by_session = signed_in("ada", json!("1")).await;
    let other = signed_in("ada", json!("2")).await;
    // The provider didn't say which session of its own this one goes back to.
    let unnamed = signed_in("ada", Value::Null).await;
    let (of_bob, unnamed_of_bob) = (signed_in("bob", json!("3")).await, signed_in("bob", Value::Null).await);
    let are = async |expected: [u16; 5]| {
        let all = [&by_session, &other, &unnamed, &of_bob, &unnamed_of_bob];
        for (caller, status) in all.into_iter().zip(expected) {
            caller.until(status, CURRENT_USER, "").await;
        }
    };
    // Sessions alone, of which one is nobody's.
    assert_eq!(log_out(&app, &provider, json!({"sub": null, "sid": "4"})).await, 200);
    assert_eq!(log_out(&app, &provider, json!({"sub": null, "sid": "1"})).await, 200);
    are([401, 200, 200, 200, 200]).await;
    // A session with whose it is: what could be of it ends, too.
    assert_eq!(log_out(&app, &provider, json!({"sub": "bob", "sid": "5"})).await, 200);
    are([401, 200, 200, 200, 401]).await;
    assert_eq!(log_out(&app, &provider, json!({"sub": "ada", "sid": "2"})).await, 200);
    are([401, 401, 401, 200, 401]).await;
    // All of somebody's.
    let again = signed_in("ada", json!("6")).await;
    assert_eq!(log_out(&app, &provider, json!({"sub": "bob"})).await, 200);
    are([401, 401, 401, 401, 401]).await;
    again.get(CURRENT_USER).await.expect_ok();
}
