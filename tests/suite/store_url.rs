//! The store's URL as people write it, tried on a MariaDB with certificates of its own, and against the reference's reading.

use std::time::Duration;

use zendo::testing::{Config, Secret, Setting};

use crate::support::{PASSWORD, Program, TlsMariaDb, apart, end_of, reference_python};

/// As somebody pastes it.
const PASTED: &str = "ab/cd#e?f:g%h&i=j";

/// What opens the store as the server does, and ends.
fn users_of(url: &str) -> Program {
    Program::new(&["user", "list"]).with("ZENML_STORE_URL", url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_url_says_of_tls_holds() {
    let Some(server) = TlsMariaDb::start(true, PASTED).await else { return };
    let path = |name: &str| server.file(name).display().to_string();
    let (ca, other) = (path("ca.pem"), path("other.pem"));
    let (client, key) = (path("client.pem"), path("client.key"));
    let url = |query: &str| server.url("secure:secure", "localhost", query);

    // A password as it was pasted, and the server itself.
    let pasted = server.url(&format!("pasted:{PASTED}"), "127.0.0.1", &format!("?ssl_ca={ca}"));
    let program = Program::server().with("ZENML_STORE_URL", &pasted);
    let program = program.with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD);
    let process = program.serve().await;
    process.signed_in("default", PASSWORD).await.get("/api/v1/current-user").await.expect_ok();
    let said = process.stop().await;
    assert!(!format!("{said:?}").contains("cd#e"), "{said:?}");

    let both = format!("?ssl_cert={client}&ssl_key={key}");
    let certified = server.url("certified:certified", "localhost", &both);
    for query in [
        "",
        "?ssl=true",
        "?ssl=1&ssl_verify_server_cert=false",
        &format!("?ssl_ca={ca}"),
        &format!("?ssl_ca={ca}&ssl_verify_server_cert=true"),
        &format!("?ssl=true&ssl_ca={ca}&ssl_cert={client}&ssl_key={key}&ssl_verify_server_cert=yes"),
    ] {
        users_of(&url(query)).run().await.expect(0, &[]);
    }
    users_of(&certified).run().await.expect(0, &[]);
    for (refused, part) in [
        (url(&format!("?ssl_ca={other}")), "certificate"),
        (url(&format!("?ssl_ca={other}&ssl_verify_server_cert=true")), "certificate"),
        // Nobody in public has signed it.
        (url("?ssl_verify_server_cert=true"), "certificate"),
        // It is for localhost.
        (
            server.url("secure:secure", "127.0.0.1", &format!("?ssl_ca={ca}&ssl_verify_server_cert=true")),
            "certificate",
        ),
        (url(&format!("?ssl_ca={ca}x")), "ZENML_STORE_SSL_CA"),
        (url(&format!("?ssl_ca={}", path("output"))), "ZENML_STORE_SSL_CA"),
        (server.url("certified:certified", "localhost", ""), "denied"),
        (server.url("secure:wrong", "localhost", ""), "denied"),
    ] {
        let finished = users_of(&refused).run().await;
        finished.expect(1, &["can't be opened", part]);
        assert!(!finished.stderr.contains("secure:"), "{finished:?}");
    }
    // The variables say the same, and what the URL says counts before them.
    let text = std::fs::read_to_string(&ca).unwrap();
    users_of(&url("")).with("ZENML_STORE_SSL_CA", &text).run().await.expect(0, &[]);
    users_of(&url("")).with("ZENML_STORE_SSL_CA", &other).run().await.expect(1, &["certificate"]);
    let by_url = users_of(&url(&format!("?ssl_ca={ca}"))).with("ZENML_STORE_SSL_CA", &other);
    by_url.with("ZENML_STORE_PASSWORD", "wrong").run().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tls_at_the_server_there_is_no_start_where_it_is_wanted() {
    let Some(server) = TlsMariaDb::start(false, PASTED).await else { return };
    for query in ["?ssl=true", "?ssl_verify_server_cert=true"] {
        let url = server.url("plain:plain", "127.0.0.1", query);
        let finished = Program::server().with("ZENML_STORE_URL", &url).run().await;
        finished.expect(1, &["can't be opened", "TLS"]);
    }
    let wanted = Program::server().with("ZENML_STORE_URL", &server.url("plain:plain", "127.0.0.1", ""));
    wanted.clone().with("ZENML_STORE_SSL", "true").run().await.expect(1, &["TLS"]);
    wanted.serve().await.stop().await;
    users_of(&server.url("plain:plain", "127.0.0.1", "?ssl=false")).run().await.expect(0, &[]);
}

/// Passwords with what URLs are made of.
fn passwords() -> Vec<String> {
    let signs = [
        "/", "#", "?", ":", "%", "%40", "%zz", "%C3%A9", "%ff", "+", "&", "=", " ", "[", "]", "\\", "é", "'",
        "\"", "%2F",
    ];
    let pairs = signs.iter().flat_map(|a| signs.iter().map(move |b| format!("p{a}{b}w{a}")));
    pairs.chain(signs.iter().map(|sign| sign.repeat(3))).collect()
}

#[tokio::test]
async fn a_password_is_what_the_reference_takes_it_for() {
    const PROGRAM: &str = "import json\nfrom sqlalchemy.engine import make_url\n\
                           print(json.dumps([make_url(url).password for url in json.load(open('urls.json'))]))";
    let Some(python) = reference_python() else { return };
    let urls: Vec<String> = passwords()
        .iter()
        .map(|password| format!("mysql://zen:{password}@db.example:3307/zenml?ssl=true"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("urls.json"), serde_json::to_string(&urls).unwrap()).unwrap();
    let mut child = apart(python, folder.path()).args(["-c", PROGRAM]).spawn().unwrap();
    let (status, said) = end_of(&mut child, folder.path(), Duration::from_secs(120)).await;
    assert!(status.success(), "{said}");
    let expected: Vec<String> = serde_json::from_str(&said).unwrap();
    for (url, expected) in urls.iter().zip(expected) {
        let (config, _) = Config::from_env([("ZENML_STORE_URL".to_owned(), url.clone())]).unwrap();
        assert_eq!(config.store.account(), (Some("zen"), Secret::read(&expected).as_ref()), "{url}");
    }
}
