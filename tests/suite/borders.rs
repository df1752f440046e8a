//! The rooms of the server know only those below them (docs/architecture.md).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The rooms of src/, from the ground up: each may use those before it.
const ROOMS: [&str; 28] = [
    "packed",
    "env",
    "config",
    "connections",
    "http",
    "json_schema",
    "connectors",
    "local_files",
    "issuers",
    "accounts",
    "audit",
    "auth",
    "intake",
    "trusts",
    "idempotency",
    "warnings",
    "seed",
    "app",
    "framework",
    "login",
    "middleware",
    "api",
    "routes",
    "console",
    "jobs",
    "server",
    "startup",
    "cli",
];

/// Rust files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.extension().is_some_and(|kind| kind == "rs") => found.push(path),
            false => {}
        }
    }
}

/// The room of a file, by its path from src/.
fn room(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn no_room_knows_one_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (comment, name) = (Regex::new(r"//[^\n]*").unwrap(), Regex::new(r"\bcrate::(\{|\w+)").unwrap());
    let (mut all, mut rooms, mut wrong) = (Vec::new(), BTreeSet::new(), Vec::new());
    files(&src, &mut all);
    for path in &all {
        let path = path.strip_prefix(&src).unwrap();
        let own = room(path);
        if ["lib", "main"].contains(&own.as_str()) {
            continue;
        }
        rooms.insert(own.clone());
        let height = ROOMS.iter().position(|room| *room == own);
        let height = height.unwrap_or_else(|| panic!("say in tests/suite/borders.rs where {own} stands"));
        let text = fs::read_to_string(src.join(path)).unwrap();
        for used in name.captures_iter(&comment.replace_all(&text, "")) {
            let used = &used[1];
            let is_below = ROOMS.iter().position(|room| *room == used).is_none_or(|other| other <= height);
            if !is_below || used == "{" {
                wrong.push(format!("{}: crate::{used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "these use a room above their own:\n{}", wrong.join("\n"));
    assert!(rooms.len() == ROOMS.len() && all.len() > 200, "{rooms:?}");
}

#[test]
fn what_is_a_crate_of_its_own_knows_no_server() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let knows = |name: &str| {
        let manifest = fs::read_to_string(crates.join(name).join("Cargo.toml")).unwrap();
        let web = ["axum", "hyper", "tower", "zendo ", "zendo."];
        manifest.lines().any(|line| web.iter().any(|name| line.starts_with(name)))
    };
    for name in ["client", "store", "tasks"] {
        assert!(!knows(name), "{name}");
    }
}
