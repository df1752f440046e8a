//! The example of all settings is true.

use zendo::testing::{Config, variable_names};

const EXAMPLE: &str = include_str!("../../config/zendo.env.example");

/// Lines such as `#NAME=default`, each with its meaning in the comment before it.
fn examples() -> Vec<(&'static str, &'static str)> {
    EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='))
        .filter(|(name, _)| is_name(name))
        .collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The example as tables, one a section.
pub fn tables() -> String {
    let (mut tables, mut comment) = (String::new(), Vec::new());
    for line in EXAMPLE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let gap = if tables.is_empty() { "" } else { "\n" };
            let head = "| setting | default | meaning |\n| --- | --- | --- |\n";
            tables += &format!("{gap}### {title}\n\n{head}");
            comment.clear();
        } else if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
        } else if let Some((name, value)) = line.strip_prefix('#').and_then(|line| line.split_once('=')) {
            let default = if value.is_empty() { String::new() } else { format!("`{value}`") };
            let meaning = comment.join(" ").replace('|', "\\|");
            tables += &format!("| `{name}` | {default} | {meaning} |\n");
            comment.clear();
        }
    }
    tables
}

#[test]
fn the_example_lists_every_variable_and_no_other() {
    let mut listed: Vec<String> = examples().iter().map(|(name, _)| name.to_string()).collect();
    let mut known = variable_names();
    listed.sort();
    known.sort();
    assert_eq!(listed, known);
}

#[test]
fn the_example_gives_each_default() {
    for (name, value) in examples().into_iter().filter(|(_, value)| !value.is_empty()) {
        let (config, warnings) = Config::from_env([(name.to_owned(), value.to_owned())]).unwrap();
        assert_eq!(config, Config::default(), "{name}={value} is not the default");
        assert_eq!(warnings, Vec::<String>::new());
    }
}

#[test]
fn the_example_says_what_each_variable_means() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let is_setting = line
            .strip_prefix('#')
            .and_then(|line| line.split_once('='))
            .is_some_and(|(name, _)| is_name(name));
        let before = index.checked_sub(1).map_or("", |before| lines[before]);
        assert!(!is_setting || before.starts_with("# "), "{line} has no comment before it");
    }
}
