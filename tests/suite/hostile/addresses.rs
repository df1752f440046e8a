//! Addresses that somebody else has put together make nobody's browser do more than show a page.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp, browser};

const BOB: &str = "0f3a1d52-6a0e-4b9e-8d57-1c2f5a6b7c8d";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_link_makes_an_admins_browser_call_what_it_says() {
    let app = TestApp::start(&Database::sqlite()).await;
    app.new_user("bob", false).await;
    browser("hostile_links.mjs", &app, &[]).await;
    app.signed_in_as("bob").await.get("/api/v1/current-user").await.expect_ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_a_root_path_no_link_does_either() {
    let database = Database::sqlite();
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_ROOT_URL_PATH", "/team/zen")]).await;
    app.new_user("bob", false).await;
    browser("hostile_links.mjs", &app, &[]).await;
}

/// Somebody who is signed in to the console.
async fn admin(app: &TestApp) -> Caller {
    let page = app.anonymous().with("x-zendo-session", "console").with("origin", &app.url());
    let login = page.login(ADMIN, PASSWORD).await;
    app.anonymous().with("cookie", login.header("set-cookie").unwrap().split(';').next().unwrap())
}

#[tokio::test]
async fn a_page_is_for_an_id_or_it_is_not_there() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = admin(&app).await;
    for id in [
        "bob%2Fdeactivate%3F",
        "bob",
        "..",
        "%2e%2e",
        ".",
        "%00",
        "%0d%0aset-cookie%3Aa",
        "x%5C..%5Cy",
        "%2F%2Fevil.example",
        &format!("{BOB}%2Fdeactivate%3F"),
        &format!("{BOB}%23"),
        &format!("{BOB}%00"),
        &format!("%7B{BOB}%7D"),
        &format!("urn:uuid:{BOB}"),
        &BOB.replace('-', ""),
        "%ff%fe",
    ] {
        let join = app.anonymous().get(&format!("/console/join?user={id}")).await;
        join.expect(404, "This link names no user");
        let account = admin.get(&format!("/console/settings/service-accounts/{id}")).await;
        assert!(matches!(account.status, 400 | 404), "{id}: {account:?}");
        let device = admin.get(&format!("/console/devices/verify?device_id={id}&user_code=1")).await;
        device.expect(200, "Nothing to approve");
    }
    app.anonymous()
        .get(&format!("/console/join?user={BOB}"))
        .await
        .expect(200, &format!("data-user=\"{BOB}\""));
    app.anonymous().get(&format!("/console/join?user={}", BOB.to_uppercase())).await.expect(200, BOB);
    admin.get(&format!("/console/settings/service-accounts/{BOB}")).await.expect(404, "");
}

#[tokio::test]
async fn a_device_is_shown_by_its_code_alone() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = admin(&app).await;
    let asked =
        app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", BOB)]).await.expect_ok();
    let uri = asked["verification_uri_complete"].as_str().unwrap();
    // The address that the client opens leads to the page, with the device and its code and nothing else of it.
    let page = admin.get(&format!("{uri}&next=//evil.example&x=%0d%0ay")).await;
    page.expect(200, "Approve this device?");
    let query = uri.split_once('?').unwrap().1;
    let code = asked["user_code"].as_str().unwrap();
    for wrong in [
        query.replace(code, &format!("{code}%26hydrate%3Dfalse")),
        query.replace(code, &format!("{code}%00")),
        query.replace(code, &format!("..%2F{code}")),
        query.replace(code, &"a".repeat(5000)),
    ] {
        admin.get(&format!("/console/devices/verify?{wrong}")).await.expect(200, "Nothing to approve");
    }
}

#[tokio::test]
async fn a_list_is_asked_for_what_it_has_and_nothing_more() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = admin(&app).await;
    for list in ["api-tokens", "service-accounts", "devices", "members", "audit-log"] {
        for query in [
            "search=x%26size%3D10000%26is_admin%3Dtrue",
            "search=%00",
            "search=%0d%0a",
            "search=..%2F..%2F",
            "search=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
            "user=oneof%3A%5B%5D%26a%3Db",
            "of=everyone%26user%3Dx",
            "action=sign_in%26result%3Drefused",
            "since=%2F%2Fevil.example",
            "page=-1",
            "page=0",
            "page=1%26x%3Dy",
            "page=18446744073709551615",
            "page=99999999999999999999999",
            "page=1&page=2%2F..",
            "size=1000000&sort_by=password",
        ] {
            let page = admin.get(&format!("/console/settings/{list}?{query}")).await;
            assert!(page.status < 500, "{list}?{query}: {page:?}");
            assert!(!page.text.contains("<script>alert"), "{list}?{query}");
            for link in links_of(&page.text) {
                let is_own = link.starts_with('?') || link.starts_with('/') || link.starts_with('#');
                assert!(is_own && !link.starts_with("//"), "{list}?{query} leads to {link}");
            }
        }
    }
}

fn links_of(page: &str) -> Vec<&str> {
    let parts = page.split(" href=\"").skip(1);
    parts.filter_map(|part| part.split('"').next()).collect()
}

#[tokio::test]
async fn a_sign_in_leads_to_no_place_that_does_something() {
    let app = TestApp::start(&Database::sqlite()).await;
    for next in [
        "%2Fapi%2Fv1%2Flogout",
        "%2Fconsole%2F..%2Fapi%2Fv1%2Flogout",
        "%2Fconsole%2F%252e%252e%2Fapi%2Fv1%2Flogout",
        "%2Fconsole%2F%2Fevil.example",
        "%2F%2Fevil.example%2Fconsole%2F",
        "%2F%5Cevil.example%2Fconsole%2F",
        "%09%2F%2Fevil.example",
        "https%3A%2F%2Fevil.example%2Fconsole%2F",
        "javascript%3Aalert(1)",
        "%2Fconsole%2Fx%00",
        "",
    ] {
        let page = app.anonymous().get(&format!("/console/sign-in?next={next}")).await;
        page.expect(200, "data-then=\"/console/settings/api-tokens\"");
    }
    let page = app.anonymous().get("/console/settings/members?search=a%2Fb").await;
    page.expect(200, "data-then=\"/console/settings/members?search=a%2Fb\"");
}

#[tokio::test]
async fn an_account_with_any_name_has_a_page() {
    let app = TestApp::start(&Database::sqlite()).await;
    let (caller, page) = (app.signed_in().await, admin(&app).await);
    for name in ["../users", "a/b?c#d", "..", "%2e%2e", "a\\b"] {
        let account = json!({"name": name, "active": true});
        let made = caller.post("/api/v1/service_accounts", account).await;
        let Some(id) = made.json()["id"].as_str().map(str::to_owned) else { continue };
        let list = page.get("/console/settings/service-accounts").await;
        list.expect(200, &format!("href=\"/console/settings/service-accounts/{id}\""));
        page.get(&format!("/console/settings/service-accounts/{id}"))
            .await
            .expect(200, &format!("/api/v1/service_accounts/{id}"));
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Lines of the files below that folder that a rule is against, with their files.
fn breaches(folder: &str, is_breach: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for file in files_below(&folder) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let lines = text.lines().take_while(|line| !line.contains("#[cfg(test)]"));
        let bad = lines.filter(|line| !line.trim_start().starts_with("//") && is_breach(&file, line));
        found.extend(bad.map(|line| format!("{}: {line}", file.display())));
    }
    found
}

#[test]
fn addresses_are_built_in_one_place_on_each_side() {
    // In a template an address is one expression, or a literal.
    let attributes = ["href", "src", "action", "data-path", "data-then", "formaction"];
    let is_joined = |value: &str| match value.strip_prefix("{{") {
        Some(expression) => !expression.split_once("}}").is_some_and(|(_, after)| after.starts_with('"')),
        None => value.split('"').next().unwrap().contains("{{"),
    };
    let joined = breaches("templates/console", |_, line| {
        attributes.iter().any(|name| line.split(format!(" {name}=\"").as_str()).skip(1).any(is_joined))
    });
    assert_eq!(joined, Vec::<String>::new());
    // In a script only addresses.js knows where the API and the pages are, and nothing else goes anywhere.
    let joined = breaches("src/console/assets", |file, line| {
        let is_there = file.ends_with("addresses.js") || file.extension().is_some_and(|end| end != "js");
        let goes = ["fetch(", "location.assign(", "location.replace(", "location.href =", "location ="];
        let is_address = |rest: &str| {
            rest.starts_with("given(") || rest.starts_with("address,") || rest.starts_with("thenMade")
        };
        let names = ["/api/", "/console/", "dataset.path", "dataset.then"];
        let goes_elsewhere = goes.iter().any(|way| line.split(way).skip(1).any(|rest| !is_address(rest)));
        let names_a_place = names.iter().any(|name| {
            line.replace("given(form.dataset.then)", "").replace("given(out.dataset.then)", "").contains(name)
        });
        !is_there && (goes_elsewhere || names_a_place)
    });
    assert_eq!(joined, Vec::<String>::new());
    // On the server, texts are joined to addresses in address.rs alone.
    for folder in ["src/console", "crates/client/src"] {
        let joined = breaches(folder, |file, line| {
            let is_rust = file.extension().is_some_and(|end| end == "rs");
            let joins = line.contains("format!(") && (line.contains("/{") || line.contains("}/"));
            let of_the_terminal = file.ends_with("server_url.rs");
            is_rust && joins && !of_the_terminal
        });
        assert_eq!(joined, Vec::<String>::new());
    }
}
