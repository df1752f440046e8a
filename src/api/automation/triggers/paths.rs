//! Paths into the JSON of a delivery: `key.key`, `key[0]`, `key[*]` and `key["any key"]`.

const LONGEST: usize = 512;
const MOST_SEGMENTS: usize = 8;
const MOST_WILDCARDS: usize = 1;

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Key,
    Index,
    Any,
}

/// Whether it is a path.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn check(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("a path says something");
    }
    if path.chars().count() > LONGEST {
        return Err("a path has at most 512 characters");
    }
    let mut rest = match path.starts_with("[\"") {
        true => path,
        false => after_key(path).ok_or("a path begins with a key")?,
    };
    let mut segments = usize::from(rest.len() < path.len());
    let mut wildcards = 0;
    while !rest.is_empty() {
        rest = match rest.strip_prefix('.') {
            Some(key) => after_key(key).ok_or("a key stands behind each point of a path")?,
            None => {
                let bracket = rest.strip_prefix('[').ok_or("a path has something between its keys")?;
                let (segment, rest) = after_bracket(bracket)?;
                wildcards += usize::from(segment == Segment::Any);
                rest
            }
        };
        segments += 1;
    }
    if segments > MOST_SEGMENTS {
        return Err("a path has at most 8 segments");
    }
    if wildcards > MOST_WILDCARDS {
        return Err("a path has at most one wildcard");
    }
    Ok(())
}

/// What is behind a key that needs no quotes.
fn after_key(text: &str) -> Option<&str> {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let is_more = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    text.starts_with(is_first).then(|| text.trim_start_matches(is_more))
}

/// What is in a bracket, and behind it.
fn after_bracket(text: &str) -> Result<(Segment, &str), &'static str> {
    const OPEN: &str = "a bracket of a path isn't closed";
    if text.starts_with('"') {
        let mut keys = serde_json::Deserializer::from_str(text).into_iter::<String>();
        keys.next().and_then(Result::ok).ok_or("a quoted key of a path is JSON")?;
        let rest = text.get(keys.byte_offset()..).and_then(|rest| rest.strip_prefix(']'));
        return rest.map(|rest| (Segment::Key, rest)).ok_or(OPEN);
    }
    let (inside, rest) = text.split_once(']').ok_or(OPEN)?;
    match inside {
        "*" => Ok((Segment::Any, rest)),
        _ if !inside.is_empty() && inside.bytes().all(|digit| digit.is_ascii_digit()) => {
            Ok((Segment::Index, rest))
        }
        _ => Err("a bracket of a path has a number, * or a quoted key"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_reference() {
        for path in [
            "a",
            "a1",
            "_",
            "a-b",
            "a[0]",
            "a[01]",
            "a[*]",
            r#"["a"]"#,
            r#"["a"].b"#,
            r#"a["b"]"#,
            r#"a["bA"]"#,
            "a.b.c.d.e.f.g.h",
            r#"a["é"]"#,
            "a[99999999999999999999]",
            "a[0][1]",
            r#"a["]"]"#,
            r#"a["x"]["y"]"#,
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        let long = "a".repeat(513);
        for path in [
            "",
            "a.",
            ".a",
            "a..b",
            "1a",
            "-a",
            "a[-1]",
            "a[ 1]",
            "a[*].b[*]",
            "[0]",
            "[*]",
            r#"a["b""#,
            "a[b]",
            r#"a["b"]c"#,
            "a.b.c.d.e.f.g.h.i",
            "a b",
            "é",
            "a[",
            "a[]",
            r#"a["\x"]"#,
            r#"a["x"].["y"]"#,
            &long,
            r#"["a"#,
        ] {
            assert!(check(path).is_err(), "{path}");
        }
    }

    fn segment() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z_][a-zA-Z0-9_-]{0,5}".prop_map(|key| format!(".{key}")),
            (0..1000u32).prop_map(|index| format!("[{index}]")),
            any::<String>().prop_map(|key| format!("[{}]", serde_json::Value::from(key))),
        ]
    }

    proptest! {
        #[test]
        fn what_is_put_together_of_segments_is_a_path(
            first in "[a-zA-Z_][a-zA-Z0-9_-]{0,5}", rest in proptest::collection::vec(segment(), 0..9),
        ) {
            let path = format!("{first}{}", rest.concat());
            let is_short = path.chars().count() <= LONGEST && rest.len() < MOST_SEGMENTS;
            prop_assert_eq!(check(&path).is_ok(), is_short, "{}", path);
            prop_assert!(check(&format!("{path}[*]{}", "[*]")).is_err(), "two wildcards");
        }

        #[test]
        fn any_text_is_judged(path in any::<String>()) {
            let _ = check(&path);
        }
    }
}
