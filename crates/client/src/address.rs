//! Addresses within a server, made of parts, each of which is encoded: no part can become more of an address than it
//! is. Nothing else joins texts to addresses. What scripts have for it is in console/assets/addresses.js.

use std::fmt::{self, Display, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What of a part stays as it is (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands for a part that no address can have: nothing, and dots, at which browsers and proxies go up however they are
/// encoded. It is nobody's name.
const NO_PART: &str = "\u{fffd}";

/// What a path may hold beside what is encoded (RFC 3986, section 3.3), and a query beside a path.
const PATH: &str = "/-._~!$&'()*+,;=:@%";
const QUERY: &str = "/?-._~!$&'()*+,;=:@%";

/// A path of a server, and a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address that `pattern` says, which starts with a slash: each `{}` in it is the next part.
    pub fn of(pattern: &'static str, parts: &[&dyn Display]) -> Self {
        debug_assert_eq!(pattern.matches("{}").count(), parts.len(), "{pattern}");
        let mut parts = parts.iter();
        let mut literals = pattern.split("{}");
        let mut address = literals.next().unwrap_or_default().to_owned();
        for literal in literals {
            let part = parts.next().map_or_else(String::new, ToString::to_string);
            let part = if matches!(part.as_str(), "" | "." | "..") { NO_PART } else { &part };
            address.extend(utf8_percent_encode(part, ENCODED));
            address.push_str(literal);
        }
        Self(address)
    }

    /// The same below the server's root path, which is empty or starts with a slash and doesn't end with one.
    #[must_use]
    pub fn below(self, root: &str) -> Self {
        Self(format!("{root}{}", self.0))
    }

    /// With that in its query.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        let mark = if self.0.contains('?') { '&' } else { '?' };
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair(name, &value.to_string()).finish();
        // Writing to a text never fails.
        let _ = write!(self.0, "{mark}{query}");
        self
    }

    /// With that in its query, if it is anything.
    #[must_use]
    pub fn maybe(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// What somebody else has put together, if it is the address of a page below `root`: a path with an optional query,
    /// which every browser and proxy reads as just that.
    pub fn asked(text: &str, root: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let below = path.strip_prefix(root)?.strip_prefix('/')?;
        let is_made_of = |text: &str, signs: &str| {
            text.chars().all(|sign| sign.is_ascii_alphanumeric() || signs.contains(sign))
        };
        let parts_are_whole = !path.contains("//") && below.split('/').all(is_whole);
        (is_made_of(path, PATH) && is_made_of(query, QUERY) && parts_are_whole).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.0.split('?').next().unwrap_or_default()
    }
}

/// Whether a part of a path is the same to everyone, also to who decodes it once too often.
fn is_whole(part: &str) -> bool {
    let mut decoded = part.to_owned();
    while decoded.contains('%') {
        let Ok(text) = percent_encoding::percent_decode_str(&decoded).decode_utf8() else { return false };
        match text == decoded {
            // A percent sign of its own.
            true => break,
            false => decoded = text.into_owned(),
        }
    }
    let dots = decoded.trim_end_matches(' ');
    dots != "."
        && dots != ".."
        && !decoded.contains(|sign: char| sign.is_control() || matches!(sign, '/' | '\\' | '?' | '#'))
}

impl Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_part_stays_one() {
        let of = |part: &str| Address::of("/users/{}/activate", &[&part]).to_string();
        assert_eq!(of("bob"), "/users/bob/activate");
        assert_eq!(of("bob/deactivate?"), "/users/bob%2Fdeactivate%3F/activate");
        assert_eq!(of("..%2f\\"), "/users/..%252f%5C/activate");
        for nothing in ["", ".", ".."] {
            assert_eq!(of(nothing), "/users/%EF%BF%BD/activate");
        }
    }

    #[test]
    fn a_query_is_encoded_too() {
        let address = Address::of("/a", &[]).with("x", "1&y=2#").maybe("z", None::<u8>).with("u", "é +");
        assert_eq!(address.below("/zen").as_str(), "/zen/a?x=1%26y%3D2%23&u=%C3%A9+%2B");
    }

    proptest! {
        #[test]
        fn no_part_becomes_more_than_it_is(part in ".*", name in ".*") {
            let address = Address::of("/api/{}/end", &[&part]).with("name", &name);
            let url = url::Url::parse("http://zendo.example").unwrap().join(address.as_str()).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), "http://zendo.example");
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 3);
            prop_assert_eq!((segments[0], segments[2]), ("api", "end"));
            prop_assert!(url.fragment().is_none());
            let read: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(read, vec![("name".to_owned(), name)]);
            prop_assert!(Address::asked(address.as_str(), "").is_some() || part.contains(['/', '\\', '?', '#', '%']) || part.chars().any(char::is_control) || part.trim_matches([' ', '.']).is_empty());
        }

        #[test]
        fn what_was_asked_for_is_of_this_server_or_nothing(text in r"[/.\\%a25eEfF:?#@ ]{0,12}") {
            let base = url::Url::parse("http://zendo.example/console/").unwrap();
            if let Some(address) = Address::asked(&text, "") {
                let url = base.join(address.as_str()).unwrap();
                prop_assert_eq!(url.origin(), base.origin());
                prop_assert_eq!(url.path(), address.path());
            }
        }
    }
}
