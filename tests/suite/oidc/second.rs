//! A provider of another make (Authlib): no userinfo, no `iss` in its answers, keys without names.

use serde_json::json;

use super::visitor::asked;
use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{Caller, Database};

on_each_store! {
    another_provider_works_too,
}

async fn another_provider_works_too(database: Database) {
    let Some(provider) = FarSide::authlib().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_RECHECK", "60")]).await;
    let mut ada = Visitor::of(&app);
    let address = ada.start(json!({})).await;
    let path = format!("{}&login=ada", address.strip_prefix(&provider.url).unwrap());
    let sent_back = Caller::without_redirects(provider.url.clone()).get(&path).await;
    let back = sent_back.header("location").unwrap();
    ada.come_back(json!({"code": asked(back, "code"), "state": asked(back, "state")})).await.expect_ok();
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
