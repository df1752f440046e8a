//! YAML as both tools read it the same way.
//!
//! The official client reads YAML 1.1, where a plain `1_000`, `12:30` or `yes` is a number or a truth value;
//! the usual Rust emitters write YAML 1.2, where the same letters are text. A password of that kind would not
//! survive the way from one tool through the other. So every string that could be taken for anything else is
//! written in double quotes here.

use serde_norway::{Mapping, Value};

/// Why a value cannot be read or written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct YamlError(String);

/// Reads a document whose top level is a mapping; an empty one is an empty mapping.
pub fn parse_mapping(text: &str) -> Result<Mapping, YamlError> {
    match serde_norway::from_str(text) {
        Ok(Value::Mapping(mapping)) => Ok(mapping),
        Ok(Value::Null) => Ok(Mapping::new()),
        Ok(_) => Err(YamlError("it should be a list of `key: value` lines".to_owned())),
        Err(error) => Err(YamlError(error.to_string())),
    }
}

/// Writes a mapping in block style, keys in their order.
pub fn write_mapping(mapping: &Mapping) -> Result<String, YamlError> {
    if mapping.is_empty() {
        return Ok("{}\n".to_owned());
    }
    let mut out = String::new();
    push_mapping(&mut out, mapping, 0)?;
    Ok(out)
}

fn push_mapping(out: &mut String, mapping: &Mapping, depth: usize) -> Result<(), YamlError> {
    for (key, value) in mapping {
        indent(out, depth);
        out.push_str(&scalar(key)?);
        out.push(':');
        push_value(out, value, depth + 1)?;
    }
    Ok(())
}

fn push_sequence(out: &mut String, items: &[Value], depth: usize) -> Result<(), YamlError> {
    for item in items {
        indent(out, depth);
        out.push('-');
        push_value(out, item, depth + 1)?;
    }
    Ok(())
}

fn push_value(out: &mut String, value: &Value, depth: usize) -> Result<(), YamlError> {
    match value {
        Value::Mapping(inner) if inner.is_empty() => out.push_str(" {}\n"),
        Value::Sequence(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Mapping(inner) => {
            out.push('\n');
            push_mapping(out, inner, depth)?;
        }
        Value::Sequence(items) => {
            out.push('\n');
            push_sequence(out, items, depth)?;
        }
        plain => {
            out.push(' ');
            out.push_str(&scalar(plain)?);
            out.push('\n');
        }
    }
    Ok(())
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn scalar(value: &Value) -> Result<String, YamlError> {
    match value {
        Value::Null => Ok("null".to_owned()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) if is_plain(text) => Ok(text.clone()),
        Value::String(text) => Ok(quoted(text)),
        Value::Tagged(_) => Err(YamlError("it uses a YAML tag".to_owned())),
        Value::Sequence(_) | Value::Mapping(_) => Err(YamlError("a key is a list or a mapping".to_owned())),
    }
}

/// Whether `text` is a string, and the same string, to every YAML reader without quotes.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(':')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            ' '..='~' => out.push(c),
            other => match u32::from(other) {
                code @ ..=0xffff => out.push_str(&format!("\\u{code:04x}")),
                code => out.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_words_stay_plain_and_ambiguous_ones_are_quoted() {
        for (text, expected) in [
            ("rest", "rest"),
            ("http://127.0.0.1:8237", "http://127.0.0.1:8237"),
            ("0.98.0", "\"0.98.0\""),
            ("1_000", "\"1_000\""),
            ("12:30", "\"12:30\""),
            ("2026-01-01", "\"2026-01-01\""),
            ("Yes", "\"Yes\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a\"\\\n\u{85}é\u{1f600}", "\"a\\\"\\\\\\n\\u0085\\u00e9\\U0001f600\""),
        ] {
            assert_eq!(scalar(&Value::String(text.to_owned())).unwrap(), expected);
        }
    }

    #[test]
    fn nested_values_come_back_as_they_were() {
        let text = "a:\n  b:\n    - 1\n    - x: true\n      y: null\n    - []\n  c: {}\nd: 30.5\n7: seven\n";
        let mapping = parse_mapping(text).unwrap();
        assert_eq!(parse_mapping(&write_mapping(&mapping).unwrap()).unwrap(), mapping);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        assert!(parse_mapping("- a").is_err());
        assert!(parse_mapping("a: [").is_err());
        assert!(write_mapping(&parse_mapping("a: !secret b").unwrap()).is_err());
        assert_eq!(parse_mapping("").unwrap(), Mapping::new());
        assert_eq!(write_mapping(&Mapping::new()).unwrap(), "{}\n");
    }

    proptest! {
        #[test]
        fn every_string_comes_back(key in "\\PC*", value in any::<String>()) {
            let mut mapping = Mapping::new();
            mapping.insert(Value::String(key), Value::String(value));
            let text = write_mapping(&mapping).unwrap();
            prop_assert_eq!(parse_mapping(&text).unwrap(), mapping);
        }
    }
}
