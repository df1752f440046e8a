//! ZenML's dashboard: who isn't signed in is sent to the page with the button, and comes back.

use serde_json::json;

use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboards_people_sign_in_at_the_console_and_come_back() {
    let Some(provider) = FarSide::certified().await else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<title>A dashboard</title>").unwrap();
    let files = folder.path().display().to_string();
    let settings = [("ZENML_SERVER_DASHBOARD_FILES_PATH", files.as_str())];
    let app = server(&Database::sqlite(), &provider, &settings).await;
    let mut ada = Visitor::of(&app);
    let page = |visitor: &Visitor| visitor.with_cookies().with("accept", "text/html,*/*;q=0.8");
    for (asked, next) in [
        ("/", "%2F"),
        ("/login", "%2F"),
        ("/devices/verify?device_id=1", "%2Fdevices%2Fverify%3Fdevice_id%3D1"),
    ] {
        let answer = page(&ada).get(asked).await;
        assert_eq!(
            answer.header("location"),
            Some(format!("/console/sign-in?next={next}").as_str()),
            "{answer:?}"
        );
        let button = ada.with_cookies().get(answer.header("location").unwrap()).await;
        button.expect(200, "Sign in with Example");
    }
    // Its scripts and the API go on answering as they do.
    assert_eq!(ada.with_cookies().get("/assets/none.js").await.status, 404);
    ada.with_cookies().get(CURRENT_USER).await.expect(401, "");
    let address = ada.start(json!({"next": "/devices/verify?device_id=1"})).await;
    let code = provider.code(&address, "ada", "s").await;
    assert_eq!(ada.come_back(code).await.expect_ok()["next"], "/devices/verify?device_id=1");
    page(&ada).get("/devices/verify?device_id=1").await.expect(200, "A dashboard");
}
