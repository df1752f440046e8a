//! Forms of names that several types share.

/// Whether a text is not empty, and of such characters alone.
pub(super) fn is_of(text: &str, kind: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(kind)
}

/// Letters in lower case, digits and dashes.
pub(super) fn is_dashed(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// Whether a text is the name of a bucket or container: 3 to 63 such characters, the first and the last of which are
/// letters in lower case or digits.
pub(super) fn is_bucket(name: &str, kind: fn(u8) -> bool) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let mut bytes = name.bytes();
    (3..=63).contains(&name.len()) && is_of(name, kind) && is_end(bytes.next()) && is_end(bytes.next_back())
}

/// Without the scheme of a web address.
pub(super) fn without_scheme(id: &str) -> &str {
    id.strip_prefix("https://").or_else(|| id.strip_prefix("http://")).unwrap_or(id)
}

/// What is before the first slash, if nothing empty follows it.
pub(super) fn before_path(id: &str) -> &str {
    id.split_once('/').map_or(id, |(before, _)| before)
}
