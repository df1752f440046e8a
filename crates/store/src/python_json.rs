//! JSON as Python's `json.dumps` writes it: what ZenML's server compares and stores as text.

use std::fmt::Write;

/// The same JSON with a space after each `,` and `:`, none elsewhere, and nothing but ASCII. Numbers stay as they are.
pub fn python_json(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    let mut characters = json.chars();
    let mut in_text = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_text => write_escape(&mut written, characters.next()),
            '"' => {
                in_text = !in_text;
                written.push('"');
            }
            _ if in_text => write_character(&mut written, character),
            ',' | ':' => {
                written.push(character);
                written.push(' ');
            }
            _ if character.is_ascii_whitespace() => {}
            _ => written.push(character),
        }
    }
    written
}

/// Python escapes no slash.
fn write_escape(written: &mut String, escaped: Option<char>) {
    match escaped {
        Some('/') => written.push('/'),
        Some(character) => {
            written.push('\\');
            written.push(character);
        }
        None => {}
    }
}

fn write_character(written: &mut String, character: char) {
    if character.is_ascii() {
        written.push(character);
        return;
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a text never fails.
        let _ = write!(written, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_python_writes_it() {
        for (sent, stored) in [
            ("{\"a\" : [1,2 ,{}],\n\"b\":null}", r#"{"a": [1, 2, {}], "b": null}"#),
            (r#""a, b: \"c\" \/ d""#, r#""a, b: \"c\" / d""#),
            ("\"Zoë 😀\"", r#""Zo\u00eb \ud83d\ude00""#),
            ("1.50", "1.50"),
        ] {
            assert_eq!(python_json(sent), stored);
        }
    }
}
