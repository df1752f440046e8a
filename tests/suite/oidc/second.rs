//! A provider of another make (Authlib): no userinfo, no `iss` in its answers, keys without names.

use serde_json::{Value, json};

use super::visitor::asked;
use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{Caller, Database};

on_each_store! {
    another_provider_works_too,
}

/// What somebody's browser comes back with from an address of authorization.
pub(super) async fn code(provider: &FarSide, address: &str, subject: &str) -> Value {
    let path = format!("{}&login={subject}", address.strip_prefix(&provider.url).unwrap());
    let sent_back = Caller::without_redirects(provider.url.clone()).get(&path).await;
    let back = sent_back.header("location").unwrap();
    json!({"code": asked(back, "code"), "state": asked(back, "state")})
}

async fn another_provider_works_too(database: Database) {
    let Some(provider) = FarSide::authlib().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_RECHECK", "60")]).await;
    let mut ada = Visitor::of(&app);
    let address = ada.start(json!({})).await;
    let back = code(&provider, &address, "ada").await;
    ada.come_back(back).await.expect_ok();
    let user = ada.with_cookies().get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["metadata"]["email"]), (&json!("ada"), &json!("ada@example.com")));
    let script = app.anonymous().with_token(&ada.api_token().await);
    for (leaves, status) in [(false, 200), (true, 401)] {
        if leaves {
            provider.tell("leave", json!({"subject": "ada"})).await;
        }
        app.clock.advance(61);
        zendo::testing::do_each_job(&app.state).await.unwrap();
        script.until(status, CURRENT_USER, "").await;
        ada.with_cookies().until(status, CURRENT_USER, "").await;
    }
}
