//! `zendo login` where people have no password: it says where it is approved, and waits.

use std::time::Duration;

use serde_json::json;

use super::visitor::asked;
use super::{FarSide, Visitor, server};
use crate::support::{Database, Program, wait_until};

on_each_store! {
    a_terminal_signs_in_by_an_approval_in_the_browser,
}

async fn a_terminal_signs_in_by_an_approval_in_the_browser(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let settings = [("ZENML_SERVER_DEVICE_AUTH_POLLING_INTERVAL", "1"), ("ZENDO_PASSWORD_SIGN_IN", "false")];
    let app = server(&database, &provider, &settings).await;
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    for (denied, code, said) in [(false, 0, "Signed in to"), (true, 1, "not signed in: it was denied")] {
        let program = Program::new(&["login", &app.url()]);
        let config = program.folder().join("config").display().to_string();
        let terminal = program.with("ZENML_CONFIG_PATH", &config).with("HOME", &config).spawn();
        let mut link = String::new();
        wait_until("it says where it is approved", Duration::from_secs(60), async || {
            let said = terminal.stderr();
            link =
                said.lines().find(|line| line.contains("user_code=")).unwrap_or_default().trim().to_owned();
            !link.is_empty()
        })
        .await;
        assert!(link.starts_with(&app.url()), "{link}");
        let decision = json!({"user_code": asked(&link, "user_code"), "denied": denied});
        let path = format!("/api/v1/devices/{}/verify", asked(&link, "device_id"));
        ada.with_cookies().put(&path, decision).await.expect_ok();
        let finished = terminal.finish().await;
        assert_eq!(finished.code, Some(code), "{finished:?}");
        assert!(format!("{}{}", finished.stdout, finished.stderr).contains(said), "{finished:?}");
    }
}
