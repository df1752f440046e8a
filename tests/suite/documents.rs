//! What the documents say of the program is true, and what they name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::settings;
use crate::support::Program;

/// The README sells and starts; all else is in docs/.
const README_BYTES: usize = 10_000;

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// All documents, by their path from the top.
fn documents() -> Vec<(String, String)> {
    let pages = |folder: &str| {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|file| file.unwrap().file_name());
        let names = files.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md"));
        names.map(|name| format!("{folder}{name}")).collect::<Vec<_>>()
    };
    let paths = [pages(""), pages("docs/")].concat();
    assert!(paths.len() > 10, "{paths:?}");
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(root().join(path)).unwrap())).collect()
}

/// `UPDATE_DOCS=1 cargo test --test suite documents` writes the tables.
#[test]
fn the_table_of_coverage_is_made_from_the_code() {
    let coverage = zendo::cli::openapi::coverage();
    is_made("docs/coverage.md", "coverage: made by `zendo openapi --coverage`", &coverage);
}

#[test]
fn the_table_of_scopes_is_made_from_the_code() {
    let scopes = zendo::cli::openapi::scopes();
    is_made("docs/tokens.md", "scopes: made by `zendo openapi --scopes`", &scopes);
}

#[test]
fn the_tables_of_settings_are_made_from_the_example() {
    is_made("docs/configuration.md", "settings: made from config/zendo.env.example", &settings::tables());
}

/// `mark` is the comment before the table: its name, and where it comes from.
fn is_made(file: &str, mark: &str, expected: &str) {
    let (name, _) = mark.split_once(':').unwrap();
    let (start, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {name} -->"));
    let path = root().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&start).expect("the file has no such table");
    let (table, after) = rest.split_once(&end).expect("the table has no end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return fs::write(path, format!("{before}{start}{expected}{end}{after}")).unwrap();
    }
    assert_eq!(table, expected, "run UPDATE_DOCS=1 cargo test --test suite documents");
}

#[test]
fn the_readme_is_short() {
    let length = fs::metadata(root().join("README.md")).unwrap().len();
    assert!(length <= README_BYTES as u64, "{length} bytes: what is more belongs into docs/");
}

/// A heading's anchor, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for (path, text) in documents() {
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, place) = target.split_once('#').unwrap_or((&target, ""));
            let file = match file {
                "" => root().join(&path),
                file => root().join(&path).parent().unwrap().join(file),
            };
            assert!(file.exists(), "{path} leads to {target}");
            let headings = |file: &Path| {
                let text = fs::read_to_string(file).unwrap();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect::<BTreeSet<_>>()
            };
            assert!(place.is_empty() || headings(&file).contains(place), "{path} leads to {target}");
        }
    }
}

/// Whoever moves a file corrects its name in the documents.
#[test]
fn every_file_that_a_document_names_is_there() {
    let tops = r"(src|crates|tests|migrations|config|docs|benches|templates|contract)/";
    let name = Regex::new(&format!(r"`({tops}[^`\s*{{}}]*)`")).unwrap();
    let mut named = 0;
    for (path, text) in documents().into_iter().filter(|(path, _)| path != "CHANGELOG.md") {
        for file in name.captures_iter(&text).map(|found| found[1].to_owned()) {
            assert!(root().join(&file).exists(), "{path} names {file}");
            named += 1;
        }
    }
    assert!(named > 100, "{named}");
}

/// The names below `Commands:` of a help text.
async fn commands(of: &[&str]) -> Vec<String> {
    let help = Program::new(&[of, &["--help"]].concat()).run().await;
    let lines = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_of_commands_has_each_and_no_other() {
    let page = fs::read_to_string(root().join("docs/terminal.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `zendo ([a-z ]+)` \|").unwrap();
    let listed: BTreeSet<String> = row.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    let mut known = BTreeSet::new();
    for command in commands(&[]).await {
        let below = commands(&[&command]).await;
        known.extend(below.iter().map(|name| format!("{command} {name}")));
        // One that does something by itself, too.
        if below.is_empty() || command == "token" {
            known.insert(command);
        }
    }
    assert_eq!(listed, known);
}
