//! Several providers: each has its people, who are nobody else's.

use serde_json::{Value, json};

use super::second::code;
use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{Answer, Database, TestApp};

on_each_store! {
    an_account_is_linked_to_a_person_of_each_provider,
    a_provider_ends_its_own_sign_ins_alone,
    what_one_provider_sends_back_is_not_of_a_sign_in_at_another,
    what_is_said_for_all_counts_where_a_provider_says_nothing_else,
}

/// A server whose people sign in at two: the certified one, and one of another make.
async fn at_two(database: &Database, first: &FarSide, second: &FarSide, more: &[(&str, &str)]) -> TestApp {
    let of_second = [
        ("ZENDO_OIDC_PROVIDERS", "other"),
        ("ZENDO_OIDC_OTHER_ISSUER", second.url.as_str()),
        ("ZENDO_OIDC_OTHER_CLIENT_ID", "zendo"),
        ("ZENDO_OIDC_OTHER_CLIENT_SECRET", "the secret of zendo"),
        ("ZENDO_OIDC_OTHER_NAME", "Other"),
    ];
    server(database, first, &[&of_second, more].concat()).await
}

/// Goes to the second one, and comes back.
async fn at_second(visitor: &mut Visitor, second: &FarSide, body: Value) -> Answer {
    let mut body = body;
    body["provider"] = second.url.as_str().into();
    let address = visitor.start(body).await;
    let back = code(second, &address, "ada").await;
    visitor.come_back(back).await
}

async fn an_account_is_linked_to_a_person_of_each_provider(database: Database) {
    let (Some(first), Some(second)) = (FarSide::certified().await, FarSide::authlib().await) else { return };
    let app = at_two(&database, &first, &second, &[]).await;
    let told = app.anonymous().get("/api/v1/oidc").await.expect_ok();
    assert_eq!(told["name"], "Example or Other");
    assert_eq!(
        told["providers"],
        json!([{"issuer": first.url, "name": "Example"}, {"issuer": second.url, "name": "Other"}])
    );
    let page = app.anonymous().get("/console/sign-in").await;
    assert!(
        page.text.contains("Sign in with Example") && page.text.contains("Sign in with Other"),
        "{page:?}"
    );
    let mut ada = Visitor::of(&app);
    ada.sign_in(&first, "ada").await;
    let user = ada.with_cookies().get(CURRENT_USER).await.expect_ok();
    // Whoever is called so at the other one is somebody else, until the owner says that it is them.
    let mut other = Visitor::of(&app);
    at_second(&mut other, &second, json!({})).await.expect(401, "which may be somebody else's");
    let page = ada.with_cookies().get("/console/settings/profile").await;
    assert!(page.text.contains("Link to Other") && !page.text.contains("Link to Example"), "{page:?}");
    ada.open_console().await;
    at_second(&mut ada, &second, json!({"link": true})).await.expect_ok();
    at_second(&mut other, &second, json!({})).await.expect_ok();
    assert_eq!(other.with_cookies().get(CURRENT_USER).await.expect_ok()["id"], user["id"]);
    let path = format!("/api/v1/users/{}/identities", user["id"].as_str().unwrap());
    let identities = ada.with_cookies().get(&path).await.expect_ok();
    let issuers: Vec<&Value> = identities.as_array().unwrap().iter().map(|it| &it["issuer"]).collect();
    assert_eq!(issuers, [&json!(first.url), &json!(second.url)]);
    // Unlinked from one, the account is still the other one's.
    let one = format!("{path}/{}", identities[1]["id"].as_str().unwrap());
    ada.with_cookies().delete(&one).await.expect_ok();
    other.with_cookies().until(401, CURRENT_USER, "").await;
    ada.with_cookies().get(CURRENT_USER).await.expect_ok();
    // An admin says of which provider the person is.
    let admin = app.signed_in().await;
    let person = |issuer: &str| json!({"subject": "ada", "issuer": issuer});
    admin.post(&path, person("https://another.example")).await.expect(404, "that provider");
    admin.post(&path, person(&second.url)).await.expect_ok();
    at_second(&mut other, &second, json!({})).await.expect_ok();
}

async fn a_provider_ends_its_own_sign_ins_alone(database: Database) {
    let (Some(first), Some(second)) = (FarSide::certified().await, FarSide::authlib().await) else { return };
    let settings = [("ZENDO_OIDC_RECHECK", "60")];
    let app = at_two(&database, &first, &second, &settings).await;
    let (mut here, mut there) = (Visitor::of(&app), Visitor::of(&app));
    here.sign_in(&first, "ada").await;
    here.open_console().await;
    at_second(&mut here, &second, json!({"link": true})).await.expect_ok();
    at_second(&mut there, &second, json!({})).await.expect_ok();
    assert_eq!(first.log_out(&app.url(), "ada", None).await["status"], 200);
    here.with_cookies().until(401, CURRENT_USER, "").await;
    there.with_cookies().get(CURRENT_USER).await.expect_ok();
    // Each is asked about its own.
    here.sign_in(&first, "ada").await;
    second.tell("leave", json!({"subject": "ada"})).await;
    app.clock.advance(61);
    zendo::testing::do_each_job(&app.state).await.unwrap();
    there.with_cookies().until(401, CURRENT_USER, "").await;
    here.with_cookies().get(CURRENT_USER).await.expect_ok();
}

async fn what_one_provider_sends_back_is_not_of_a_sign_in_at_another(database: Database) {
    let (Some(first), Some(second)) = (FarSide::certified().await, FarSide::authlib().await) else { return };
    let app = at_two(&database, &first, &second, &[]).await;
    let (mut at_first, mut at_other) = (Visitor::of(&app), Visitor::of(&app));
    let of_first = at_first.start(json!({"provider": first.url})).await;
    let of_other = at_other.start(json!({"provider": second.url})).await;
    assert!(of_first.starts_with(&first.url) && of_other.starts_with(&second.url));
    let (by_first, by_other) =
        (first.code(&of_first, "ada", "s").await, code(&second, &of_other, "ada").await);
    let mix = |state: &Value, code: &Value, iss: Value| json!({"state": state["state"], "code": code["code"], "iss": iss});
    // The first one says who it is; the other one doesn't, and takes no code of the first one's.
    at_first.clone().come_back(mix(&by_first, &by_other, Value::Null)).await.expect(401, "(iss)");
    at_first.clone().come_back(mix(&by_first, &by_other, json!(second.url))).await.expect(401, "(iss)");
    at_first.clone().come_back(mix(&by_first, &by_other, json!(first.url))).await.expect(401, "refused");
    at_other.clone().come_back(mix(&by_other, &by_first, json!(first.url))).await.expect(401, "(iss)");
    at_other.clone().come_back(mix(&by_other, &by_first, Value::Null)).await.expect(401, "refused");
    at_first.come_back(by_first).await.expect_ok();
    let unknown = at_other.at_console().post("/api/v1/oidc/start", json!({"provider": "https://x"})).await;
    unknown.expect(404, "that provider");
}

async fn what_is_said_for_all_counts_where_a_provider_says_nothing_else(database: Database) {
    let (Some(first), Some(second)) = (FarSide::certified().await, FarSide::authlib().await) else { return };
    const ALL: &str = "ZENDO_OIDC_ALLOWED_DOMAINS";
    const OTHER: &str = "ZENDO_OIDC_OTHER_ALLOWED_DOMAINS";
    // Both call ada's address one of example.com.
    for (settings, at_first_one, at_other_one) in [
        (&[(ALL, "example.com"), (OTHER, "example.org")][..], "", "not for the domain"),
        (&[(ALL, "example.org")], "not for the domain", "not for the domain"),
        (&[(ALL, "example.org"), (OTHER, "example.com")], "not for the domain", "may be somebody else's"),
        (&[(ALL, "example.com"), ("ZENDO_OIDC_OTHER_CREATE_ACCOUNTS", "false")], "", "has no account here"),
    ] {
        let app = at_two(&database, &first, &second, settings).await;
        let at_first = Visitor::of(&app).try_sign_in(&first, "ada", "s").await;
        let at_other = at_second(&mut Visitor::of(&app), &second, json!({})).await;
        for (answer, reason) in [(at_first, at_first_one), (at_other, at_other_one)] {
            let status = if reason.is_empty() { 200 } else { 401 };
            assert!(answer.status == status && answer.text.contains(reason), "{settings:?}: {answer:?}");
        }
    }
}
