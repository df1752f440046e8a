//! What the servers of the whole suite have logged, and what must not be in it: `tests/run` looks at the end.
//!
//! In the folder of `ZENDO_TEST_LOGS` each server's log is a file in `logs`, and each secret that a caller has got or
//! given is a line of a file in `secrets`.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, Once};

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A shorter one may be part of any word.
const SHORTEST: usize = 12;
/// Fields of requests and answers that hold secrets.
const FIELDS: [&str; 10] = [
    "password",
    "old_password",
    "admin_password",
    "access_token",
    "csrf_token",
    "activation_token",
    "device_code",
    "user_code",
    "key",
    "token",
];

fn file(folder: &str, name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ZENDO_TEST_LOGS")?).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    Some(folder.join(format!("{name}.{}", std::process::id())))
}

/// Keeps what a program has logged.
pub fn keep(name: &str, text: &str) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    if let Some(path) = file("logs", &format!("{name}-{number}")).filter(|_| !text.is_empty()) {
        std::fs::write(path, text).unwrap();
    }
}

/// Logs all that the servers in this process have to say, at the level that says most.
pub fn log_this_process() {
    static START: Once = Once::new();
    START.call_once(|| {
        let Some(path) = file("logs", "in-process") else { return };
        let lines = tracing_subscriber::fmt::layer().with_ansi(false);
        let lines = lines.with_writer(std::fs::File::create(path).unwrap());
        let levels: tracing_subscriber::filter::Targets = "debug,zendo=trace".parse().unwrap();
        let _ = tracing_subscriber::registry().with(levels).with(lines).try_init();
    });
}

/// Notes a secret.
pub fn note_secret(secret: &str) {
    static NOTED: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    if secret.len() < SHORTEST {
        return;
    }
    let Some(path) = file("secrets", "noted") else { return };
    let mut noted = NOTED.lock().unwrap();
    if noted.get_or_insert_default().insert(secret.to_owned()) {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{secret}").unwrap();
    }
}

/// Notes the secrets of a request's or an answer's body.
pub fn note_secrets_of(body: &str) {
    if std::env::var_os("ZENDO_TEST_LOGS").is_none() {
        return;
    }
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        note_fields(&json);
    }
    for (name, value) in form_urlencoded::parse(body.as_bytes()) {
        if FIELDS.contains(&name.as_ref()) {
            note_secret(&value);
        }
    }
}

fn note_fields(json: &Value) {
    match json {
        Value::Array(items) => items.iter().for_each(note_fields),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if FIELDS.contains(&name.as_str()) => note_secret(text),
                    value => note_fields(value),
                }
            }
        }
        // An API token is a JSON text of its own.
        Value::String(text) if text.starts_with("eyJ") => note_secret(text),
        _ => {}
    }
}
