//! Each thing that can be wrong with a sign-in that comes back, at a provider that says whatever it is told.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::visitor::asked;
use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{Answer, Database, TestApp};

on_each_store! {
    what_is_wrong_with_a_sign_in_is_refused_and_recorded,
    a_sign_in_comes_back_to_the_browser_that_began_it_and_says_from_whom,
    pages_of_other_sites_begin_and_end_no_sign_in,
}

/// A sign-in whose code tells the provider what to say; `{nonce}` is the right one.
pub(super) async fn told(app: &TestApp, provider: &FarSide, mut told: Value) -> (Visitor, Answer) {
    let mut visitor = Visitor::of(app);
    let address = visitor.start(json!({})).await;
    let claims = told["claims"].as_object().cloned().unwrap_or_default();
    let mut all = serde_json::Map::from_iter([("nonce".to_owned(), json!(asked(&address, "nonce")))]);
    all.extend(claims);
    told["claims"] = all.into();
    let code = URL_SAFE_NO_PAD.encode(told.to_string());
    let back = json!({"code": code, "state": asked(&address, "state"), "iss": provider.url});
    let answer = visitor.come_back(back).await;
    (visitor, answer)
}

async fn what_is_wrong_with_a_sign_in_is_refused_and_recorded(database: Database) {
    let Some(provider) = FarSide::misbehaving().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_ALLOWED_DOMAINS", "example.com")]).await;
    let good = json!({"email": "ada@example.com", "email_verified": true});
    let with = |claims: Value| {
        let mut all = good.as_object().unwrap().clone();
        all.extend(claims.as_object().unwrap().clone());
        json!({"claims": all})
    };
    let and = |claims: Value, more: Value| {
        let mut all = with(claims);
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let now = chrono::Utc::now().timestamp();
    for (what, reason) in [
        (with(json!({"nonce": "another"})), "another sign-in (nonce)"),
        (with(json!({"nonce": null})), "another sign-in (nonce)"),
        (with(json!({"aud": "another"})), "for another client"),
        (with(json!({"aud": ["zendo", "another"]})), "for another client"),
        (with(json!({"aud": []})), "for another client"),
        (with(json!({"azp": "another"})), "for another client (azp)"),
        (with(json!({"iss": "https://another.example"})), "of another issuer"),
        (with(json!({"iss": format!("{}/", provider.url)})), "of another issuer"),
        (with(json!({"exp": now - 300})), "too old"),
        (with(json!({"iat": now - 3600, "exp": now + 300})), "too old"),
        (with(json!({"iat": now + 3600, "exp": now + 7200})), "too old, or of the future"),
        (with(json!({"exp": null})), "missing field `exp`"),
        (with(json!({"iat": null})), "missing field `iat`"),
        (with(json!({"sub": null})), "missing field `sub`"),
        (with(json!({"sub": ""})), "can't be one"),
        (with(json!({"sub": "a".repeat(256)})), "can't be one"),
        (with(json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})), "can't be read"),
        (with(json!({"email_verified": false})), "has verified no e-mail address"),
        (with(json!({"email_verified": null})), "has verified no e-mail address"),
        (with(json!({"email": "ada@example.org"})), "not for the domain"),
        (and(json!({}), json!({"key": "unknown"})), "its signature is wrong"),
        (and(json!({}), json!({"key": "unknown", "kid": "unknown"})), "no such key"),
        (and(json!({}), json!({"key": "known", "kid": "curve"})), "no such key"),
        // A key that can be broken is none.
        (and(json!({}), json!({"key": "weak", "kid": "weak"})), "no such key"),
        (and(json!({}), json!({"key": "none"})), "has no signature"),
        (and(json!({}), json!({"alg": "HS256"})), "doesn't count"),
        (and(json!({}), json!({"alg": "HS256", "key": "unknown"})), "doesn't count"),
        (and(json!({}), json!({"alg": "RS512"})), "doesn't count"),
        (and(json!({}), json!({"alg": "PS256"})), "doesn't count"),
        (and(json!({}), json!({"header": {"typ": "logout+jwt"}})), "can't be read"),
        (and(json!({}), json!({"header": {"crit": ["x"], "x": 1}})), "can't be"),
        (
            and(json!({}), json!({"answer": {"error": "invalid_grant"}, "status": 400})),
            "refused the code: invalid_grant",
        ),
        (
            and(json!({}), json!({"answer": {"access_token": "a", "token_type": "Bearer"}})),
            "gave no ID token",
        ),
        (and(json!({}), json!({"answer": [], "status": 200})), "can't be asked"),
        (and(json!({}), json!({"answer": {}, "status": 500})), "can't be asked"),
    ] {
        let (visitor, answer) = told(&app, &provider, what.clone()).await;
        assert!(matches!(answer.status, 401 | 503) && answer.text.contains(reason), "{what}: {answer:?}");
        assert!(!visitor.has_cookie("-console"), "{what}");
    }
    for right in [json!({}), json!({"alg": "ES256"})] {
        let (ada, answer) = told(&app, &provider, and(json!({"azp": "zendo"}), right)).await;
        answer.expect_ok();
        ada.with_cookies().get(CURRENT_USER).await.expect(200, "\"ada\"");
    }
    let records =
        app.signed_in().await.get("/api/v1/audit?action=sign_in_refused&size=100").await.expect_ok();
    let said = records["items"].to_string();
    for reason in ["(nonce)", "(azp)", "too old", "signature is wrong", "verified no e-mail"] {
        assert!(said.contains(reason), "{reason} is in no record: {said}");
    }
}

async fn a_sign_in_comes_back_to_the_browser_that_began_it_and_says_from_whom(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let back = async |visitor: &mut Visitor| {
        let address = visitor.start(json!({})).await;
        provider.code(&address, "ada", "s").await
    };
    // The state is another's.
    let (mut ada, mut eve) = (Visitor::of(&app), Visitor::of(&app));
    let (of_ada, of_eve) = (back(&mut ada).await, back(&mut eve).await);
    ada.come_back(of_eve.clone()).await.expect(401, "(state)");
    let mixed = json!({"state": of_ada["state"], "code": of_eve["code"], "iss": of_ada["iss"]});
    ada.come_back(mixed).await.expect(401, "refused the code");
    // PKCE was taken out of the address, or made weaker.
    let method = "code_challenge_method=S256";
    for (taken, put) in [(method, "code_challenge_method=plain"), (method, ""), ("code_challenge=", "x=")] {
        let mut visitor = Visitor::of(&app);
        let address = visitor.start(json!({})).await;
        assert!(address.contains(taken), "{address}");
        let of_it = provider.code(&address.replace(taken, put), "ada", "s").await;
        visitor.come_back(of_it).await.expect(401, "refused the code");
    }
    // The code is good once, also for whoever has the browser's cookie.
    let mut first = Visitor::of(&app);
    let of_first = back(&mut first).await;
    let mut second = first.clone();
    first.come_back(of_first.clone()).await.expect_ok();
    second.come_back(of_first).await.expect(401, "refused the code");
    // The browser is another one.
    Visitor::of(&app).come_back(of_eve.clone()).await.expect(401, "not begun in this browser");
    eve.forget_cookies();
    eve.come_back(of_eve).await.expect(401, "not begun in this browser");
    // The issuer is another one, or isn't said by one that says it.
    for iss in [json!("https://another.example"), json!(format!("{}/", provider.url)), json!(null)] {
        let mut visitor = Visitor::of(&app);
        let mut with = back(&mut visitor).await;
        with["iss"] = iss;
        visitor.come_back(with).await.expect(401, "(iss)");
    }
    // Too late.
    let mut late = Visitor::of(&app);
    let of_late = back(&mut late).await;
    app.clock.advance(601);
    late.come_back(of_late).await.expect(401, "took too long");
    // What the provider says is repeated only as a word of OAuth's.
    for (error, said) in [("access_denied", "access_denied"), ("Click <here>!", "doesn't say why")] {
        let mut visitor = Visitor::of(&app);
        let of_it = back(&mut visitor).await;
        let with = json!({"state": of_it["state"], "iss": of_it["iss"], "error": error});
        visitor.come_back(with).await.expect(401, said);
    }
    for body in [json!({}), json!({"state": 1}), json!({"state": "a", "code": {}})] {
        assert_eq!(Visitor::of(&app).come_back(body).await.status, 422);
    }
}

async fn pages_of_other_sites_begin_and_end_no_sign_in(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[]).await;
    let evil = app.anonymous().with("origin", "https://evil.example").with("sec-fetch-site", "cross-site");
    for path in ["/api/v1/oidc/start", "/api/v1/oidc/sign_in"] {
        evil.post(path, json!({"state": "a", "code": "b"})).await.expect(403, "another origin");
    }
    // A page of the API is no page that a sign-in leads to.
    for next in ["/api/v1/logout", "//evil.example", "https://evil.example", "/console/../api/v1/logout"] {
        let mut ada = Visitor::of(&app);
        let address = ada.start(json!({"next": next})).await;
        let code = provider.code(&address, "ada", "s").await;
        assert_eq!(ada.come_back(code).await.expect_ok()["next"], "/console/", "{next}");
    }
    // Where nobody signs in so, there is nothing to begin.
    let none = TestApp::start(&database).await;
    for path in ["/api/v1/oidc/start", "/api/v1/oidc/sign_in", "/api/v1/oidc/backchannel_logout"] {
        none.anonymous().post(path, json!({"state": "a"})).await.expect(404, "OpenID Connect");
    }
}
