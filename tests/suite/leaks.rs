//! Keys and tokens are found by scanners when they leak, and don't leak by themselves into a debug print.
//! That none is in a log is looked at by `tests/leaks`, when the whole suite has passed.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::json;

use crate::support::{Answer, Database, TestApp};

const LEAKS: &str = include_str!("../../docs/leaks.md");

/// The patterns of the page, as they are there: of gitleaks and of TruffleHog.
fn patterns() -> Vec<(String, Regex)> {
    let quoted =
        [Regex::new(r"(?m)^regex = '''(.+)'''$").unwrap(), Regex::new(r"(?m)^ +\w+: '(.+)'$").unwrap()];
    let found: Vec<(String, Regex)> = quoted
        .iter()
        .flat_map(|quoted| quoted.captures_iter(LEAKS))
        .map(|pattern| (pattern[1].to_owned(), Regex::new(&pattern[1]).unwrap()))
        .collect();
    assert_eq!(found.len(), 4, "two kinds of secret for two scanners: {found:?}");
    found
}

/// How many patterns find something in the text, and whether each that does finds the whole secret.
#[track_caller]
fn expect_found(text: &str, secret: &str) {
    let patterns = patterns();
    let found: Vec<&str> =
        patterns.iter().filter_map(|(_, pattern)| pattern.find(text)).map(|found| found.as_str()).collect();
    assert_eq!(found, [secret, secret], "one pattern of each scanner, in {text}");
}

#[track_caller]
fn expect_nothing(text: &str) {
    for (pattern, regex) in patterns() {
        assert!(!regex.is_match(text), "{pattern} finds {text}");
    }
}

fn token(answer: &Answer) -> String {
    answer.expect_ok()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn scanners_find_each_kind_of_token_and_key() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    let account = json!({"name": "robot", "active": true});
    let account = admin.post("/api/v1/service_accounts", account).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    for name in ["ci", "cd", "other"] {
        let key = admin.post(&keys, json!({"name": name})).await.expect_ok();
        let key = key["body"]["key"].as_str().unwrap().to_owned();
        expect_found(&format!("ZENML_STORE_API_KEY={key}\n"), &key);
        expect_found(&format!(r#"{{"key": "{key}"}}"#), &key);
        let by_key = token(&app.anonymous().post_form("/api/v1/login", &[("password", &key)]).await);
        expect_found(&format!("Authorization: Bearer {by_key}\r\n"), &by_key);
        let generic = app.anonymous().with_token(&by_key).api_token(60).await;
        expect_found(&format!("curl -H 'Authorization: Bearer {generic}'"), &generic);
    }
    let login = app.anonymous().login(crate::support::ADMIN, crate::support::PASSWORD).await;
    expect_found(&login.text, &token(&login));
}

#[test]
fn scanners_find_keys_and_tokens_that_zenmls_server_made() {
    // json.dumps puts a space after each colon and comma; PyJWT puts the header's fields in another order.
    let key = base64(&format!(
        r#"{{"id": "0a1b2c3d-0000-4000-8000-00000000abcd", "key": "{}"}}"#,
        "0123456789abcdef".repeat(4)
    ));
    let key = format!("ZENKEY_{key}");
    expect_found(&key, &key);
    let claims = json!({"exp": 1, "aud": "x"}).to_string();
    let other =
        format!("{}.{}.{}", base64(r#"{"alg":"HS256","typ":"JWT"}"#), base64(&claims), "a".repeat(43));
    expect_nothing(&other);
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn scanners_leave_alone_what_is_no_secret_of_zendos() {
    for text in [
        "ZENKEY_",
        "ZENKEY_...",
        "ZENKEY_eyJpZCI6I",
        "an API key starts with ZENKEY_ and goes on in base64",
        // jwt.io's example
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWUsImlhdCI6\
         MTUxNjIzOTAyMn0.KMUFsIDTnFmyG3nMiGM6H9FNFUROf3wh7SmqJp-QV30",
        "0a1b2c3d-0000-4000-8000-00000000abcd",
    ] {
        expect_nothing(text);
    }
}

/// Fields that are named like a secret and are none.
const NO_SECRETS: [(&str, &str); 17] = [
    ("ArtifactVersionBody", "content_hash"),
    ("Claim", "credential"),
    ("Details", "code_path"),
    ("Details", "pipeline_version_hash"),
    ("Details", "source_code"),
    ("Grouping", "metadata_key"),
    ("Metric", "metadata_key"),
    // Of no password that anybody knows.
    ("Passwords", "decoy_hash"),
    ("Record", "credential"),
    ("RunBody", "child_key"),
    ("RunMetadata", "code_path"),
    ("SnapshotMetadata", "code_path|pipeline_version_hash|source_code"),
    ("StepMetadata", "cache_key|code_hash|source_code"),
    // A digest.
    ("Subject", "key"),
    ("ActiveToken", "token_type"),
    ("ApiTokenBody", "token_type"),
    ("RegisteredBody", "token_type"),
];

#[test]
fn what_can_be_printed_for_debugging_keeps_its_secrets_in_secrecys_types() {
    let debug_struct =
        Regex::new(r"(?s)#\[derive\([^)]*\bDebug\b[^)]*\)\][^;{}]*?\bstruct (\w+)[^;{}]*\{(.*?)\n\}")
            .unwrap();
    let field = Regex::new(r"(?m)^ +(?:pub(?:\([^)]*\))? )?(\w+): ([^\n]+),$").unwrap();
    let secret = Regex::new("(?i)password|secret|token|code|key|hash|pepper|digest|credential").unwrap();
    let plain =
        Regex::new(r"^(?:Option<)*(?:String|Box<str>|Arc<str>|&.*str|Cow<.*>|Vec<u8>|\[u8; ?\w+\])>*$")
            .unwrap();
    let (mut structs, mut leaks) = (0, Vec::new());
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        for found in debug_struct.captures_iter(&std::fs::read_to_string(&path).unwrap()) {
            structs += 1;
            for parts in field.captures_iter(&found[2]) {
                let (name, kind) = (&parts[1], &parts[2]);
                let is_known = NO_SECRETS.iter().any(|(known, fields)| {
                    *known == &found[1] && fields.split('|').any(|field| field == name)
                });
                if secret.is_match(name) && plain.is_match(kind) && !is_known {
                    leaks.push(format!("{}: {}.{name}: {kind}", path.display(), &found[1]));
                }
            }
        }
    }
    assert!(structs > 100, "only {structs} types were seen");
    assert!(leaks.is_empty(), "give these a SecretString, or no Debug:\n{}", leaks.join("\n"));
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files
}

#[test]
fn a_debug_print_of_what_holds_a_secret_shows_none() {
    use secrecy::{ExposeSecret, SecretString};
    use zendo::testing::BasicCredentials;
    use zendo::testing::NewPassword;
    use zendo::testing::SystemRandomness;
    use zendo::testing::{ApiKey, ApiKeyDigests};

    let key = ApiKey::generate(zendo::store::Id(uuid::Uuid::nil()), &SystemRandomness);
    let secret = key.secret.expose_secret().to_owned();
    let digests = ApiKeyDigests::new(SecretString::from(secret.clone()));
    let password = NewPassword::try_from(SecretString::from(secret.clone())).unwrap();
    let printed = format!("{key:?} {:?} {digests:?} {password:?}", key.encode());
    assert!(!printed.contains(&secret) && !printed.contains("ZENKEY_"), "{printed}");

    let basic = BasicCredentials::new(&Bytes);
    assert!(!format!("{basic:?}").contains("171"), "{basic:?}");
    let variables = [("ZENML_SERVER_JWT_SECRET_KEY", secret.as_str()), ("ZENML_STORE_PASSWORD", &secret)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (config, _) = zendo::testing::Config::from_env(variables).unwrap();
    assert!(!format!("{config:?}").contains(&secret));
}

/// Always the same byte.
#[derive(Debug)]
struct Bytes;

impl zendo::testing::Randomness for Bytes {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(171);
    }
}
