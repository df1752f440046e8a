//! The rooms of the server know only those below them (docs/architecture.md).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The rooms of src/, from the ground up: each may use those before it.
const ROOMS: [&str; 30] = [
    "packed",
    "recent",
    "env",
    "config",
    "connections",
    "lookups",
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

/// The cells of the rows of docs/architecture.md whose first cell is in that form.
fn rows(first_cell: &str) -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let (row, first_cell) = (Regex::new(r"(?m)^\| (.*) \|$").unwrap(), Regex::new(first_cell).unwrap());
    let cells = |row: &str| row.split(" | ").map(str::to_owned).collect::<Vec<_>>();
    let rows =
        row.captures_iter(&fs::read_to_string(page).unwrap()).map(|row| cells(&row[1])).collect::<Vec<_>>();
    rows.into_iter().filter(|cells| first_cell.is_match(&cells[0])).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    Regex::new("`([^`]+)`").unwrap().captures_iter(cell).map(|name| name[1].to_owned()).collect()
}

/// Files of the API's resources that have folders: the resource's folder, and the path within it.
fn files_of_resources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    files(&root.join("src/api"), &mut all);
    let all = all.iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
    let split = |path: String| {
        let parts: Vec<&str> = path.split('/').collect();
        (parts.len() > 4).then(|| (format!("{}/", parts[..4].join("/")), parts[4..].join("/")))
    };
    all.filter_map(split).collect()
}

#[test]
fn a_resource_has_the_files_of_the_anatomy() {
    let anatomy: BTreeSet<String> = rows(r"^`\w+\.rs`").iter().flat_map(|row| quoted(&row[0])).collect();
    let besides: BTreeSet<(String, String)> = rows("^`src/api/[a-z]+/[a-z_]+/`$")
        .iter()
        .flat_map(|row| quoted(&row[1]).into_iter().map(|file| (row[0].trim_matches('`').to_owned(), file)))
        .collect();
    assert!(anatomy.contains("create.rs") && !anatomy.contains("routes.rs"), "{anatomy:?}");
    let (mut met, mut strange) = (BTreeSet::new(), Vec::new());
    for (folder, file) in files_of_resources() {
        let named = match file.split_once('/') {
            Some((within, _)) => format!("{within}/"),
            None => file.clone(),
        };
        if besides.contains(&(folder.clone(), named.clone())) {
            met.insert((folder, named));
        } else if !anatomy.contains(&named) {
            strange.push(format!("{folder}{file}"));
        }
    }
    assert!(strange.is_empty(), "docs/architecture.md doesn't say what these are for: {strange:?}");
    let gone: Vec<_> = besides.difference(&met).collect();
    assert!(gone.is_empty(), "docs/architecture.md lists what is no more: {gone:?}");
}

#[test]
fn what_makes_and_changes_a_resource_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let handler =
        Regex::new(r"(?m)^(?:pub(?:\(\w+\))? )?async fn (create|update)_\w+\(\s*(?:cx: Context|State\()")
            .unwrap();
    let mut misplaced = Vec::new();
    for (folder, file) in files_of_resources() {
        let text = fs::read_to_string(root.join(format!("{folder}{file}"))).unwrap();
        for found in handler.captures_iter(&text) {
            if file != format!("{}.rs", &found[1]) {
                misplaced.push(format!("{folder}{file}: {}", &found[0]));
            }
        }
    }
    assert!(misplaced.is_empty(), "{misplaced:#?}");
}
