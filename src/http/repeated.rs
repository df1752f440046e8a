//! Of a field that stands several times in one JSON object the last counts, as in Python. serde would refuse it, and
//! what is kept as it was sent would keep them all.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde::de::IgnoredAny;

/// A list or an object that hasn't ended yet.
#[derive(Debug, Default)]
struct Open<'a> {
    /// Where each field begins.
    fields: Vec<usize>,
    /// Which of them had the name last.
    by_name: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Open<'a> {
    /// Notes a field; tells where an earlier one of that name is, up to the field behind it.
    fn add(&mut self, name: Cow<'a, str>, at: usize) -> Option<Range<usize>> {
        self.fields.push(at);
        let earlier = self.by_name.insert(name, self.fields.len() - 1)?;
        Some(self.fields[earlier]..self.fields[earlier + 1])
    }
}

/// The JSON with each field once, at every depth. What is no JSON stays as it is, for its reader to refuse.
pub(super) fn last_of_each(json: Cow<'_, str>) -> Cow<'_, str> {
    let mut repeated = repeated(&json);
    if repeated.is_empty() || serde_json::from_str::<IgnoredAny>(&json).is_err() {
        return json;
    }
    repeated.sort_unstable_by_key(|range| range.start);
    let mut kept = String::with_capacity(json.len());
    let mut from = 0;
    for Range { start, end } in repeated {
        kept.push_str(json.get(from..start).unwrap_or_default());
        from = from.max(end);
    }
    kept.push_str(&json[from..]);
    Cow::Owned(kept)
}

/// Where the fields are that another one follows of the same name; some may be within others.
fn repeated(json: &str) -> Vec<Range<usize>> {
    let bytes = json.as_bytes();
    let (mut open, mut repeated, mut at) = (Vec::<Open<'_>>::new(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => open.push(Open::default()),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let end = end_of_text(bytes, at);
                if bytes[end..].trim_ascii_start().starts_with(b":")
                    && let Some(object) = open.last_mut()
                {
                    repeated.extend(object.add(name(&json[at..end]), at));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    repeated
}

/// Behind the closing quote of the text that begins there.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The characters of a text in quotes: the same name may be spelled with escapes and without.
fn name(quoted: &str) -> Cow<'_, str> {
    match quoted.contains('\\') {
        true => serde_json::from_str(quoted).map_or(Cow::Borrowed(quoted), Cow::Owned),
        false => Cow::Borrowed(quoted.trim_matches('"')),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_last_of_several_counts_at_every_depth() {
        for (json, expected) in [
            (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#),
            (r#"{"a": 1, "b": [1, {"c": "x", "c": "}"}], "a" : 2 }"#, r#"{"b": [1, {"c": "}"}], "a" : 2 }"#),
            (r#"{"a": {"b": 1, "b": 2}, "a": {"b": 3, "b": 4}}"#, r#"{"a": {"b": 4}}"#),
            (r#"{"a": 1, "a": 2, "a": 3, "b": 4}"#, r#"{"a": 3, "b": 4}"#),
            (r#"{"a": 1, "\u0061": 2}"#, r#"{"\u0061": 2}"#),
            (r#"{"a\"": ",", "a\"" :"\\"}"#, r#"{"a\"" :"\\"}"#),
            (r#"[{"é": 1, "é": 12345678901234567890123}]"#, r#"[{"é": 12345678901234567890123}]"#),
            (r#"{"": 1, "": 2}"#, r#"{"": 2}"#),
        ] {
            assert_eq!(last_of_each(Cow::Borrowed(json)), expected, "{json}");
        }
        for same in [
            r#"{"a": {"a": 1}, "b": {"a": 1}}"#,
            r#"[{"a": 1}, {"a": 1}]"#,
            r#"{"a": ["a", "a"], "A": "a"}"#,
            r#"{"a": tru, "a": 1}"#,
            r#"{"a": 1, "a": 2"#,
            r#"{"a": 1, "a": "2}"#,
            r#"{"a": 1, "a"#,
            r#""a": 1, "a": 2"#,
            r#"{"\ud800": 1, "\"#,
            "",
        ] {
            assert!(matches!(last_of_each(Cow::Borrowed(same)), Cow::Borrowed(_)), "{same}");
        }
    }

    /// JSON whose objects have few names, so that some repeat.
    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("1".to_owned()), Just(r#""a\"{,:""#.to_owned()), Just("null".to_owned())];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let names = prop_oneof![Just("a"), Just("\\u0061"), Just("b\\\\"), Just("{")];
            let object = prop::collection::vec((names, inner.clone()), 0..5).prop_map(|fields| {
                let fields: Vec<String> =
                    fields.into_iter().map(|(name, json)| format!("\"{name}\" :{json}")).collect();
                format!("{{{}}}", fields.join(" , "))
            });
            let list = prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(",")));
            prop_oneof![object, list]
        })
    }

    proptest! {
        #[test]
        fn nothing_else_is_changed(json in json()) {
            let once = last_of_each(Cow::Borrowed(&json));
            let value = |json: &str| serde_json::from_str::<Value>(json).unwrap();
            prop_assert_eq!(value(&once), value(&json));
            prop_assert!(repeated(&once).is_empty(), "{}", once);
        }

        #[test]
        fn no_text_is_too_much(text in r#"[{}\[\]",:\\a-cé ]{0,60}"#) {
            last_of_each(Cow::Owned(text));
        }
    }
}
