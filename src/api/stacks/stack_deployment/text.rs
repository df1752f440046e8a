//! A caller's words within an address, a shell's variables or Terraform's language: they stay words.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in an address (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn in_url(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A value of a shell's variable.
pub(super) fn in_shell(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@".contains(&byte);
    match text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Within the quotes of Terraform's language.
pub(super) fn in_terraform(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
    escaped.replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        assert_eq!(in_url("a b&c=é/#"), "a%20b%26c%3D%C3%A9%2F%23");
        assert_eq!(in_url("my-stack_1.x~"), "my-stack_1.x~");
        assert_eq!(in_shell("europe-west3"), "europe-west3");
        assert_eq!(in_shell("a'; rm $HOME"), r"'a'\''; rm $HOME'");
        assert_eq!(in_terraform(r#"a"b\ ${x} %{y}"#), r#"a\"b\\ $${x} %%{y}"#);
    }
}
