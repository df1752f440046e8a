//! What a page was asked for: its query.

use axum::http::request::Parts;
use uuid::Uuid;

/// The longest code of a device that is looked at.
const LONGEST_CODE: usize = 128;

/// The names and values of a page's query. What isn't known is passed over: it is a page's, no API's.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    /// The query of a page's request.
    pub(super) fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// What was said for `name`, if it was anything.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let said = self.0.iter().rev().find(|(said, _)| said == name);
        said.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The id that was said for `name`, as the API writes ids.
    pub(super) fn id(&self, name: &str) -> Option<Uuid> {
        self.text(name).and_then(id)
    }

    /// What was said for `name` if it can be a code of this server's: letters and digits.
    pub(super) fn code(&self, name: &str) -> Option<&str> {
        let is_code =
            |code: &&str| code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.text(name).filter(is_code)
    }

    /// For how many days what is listed is to be unused, if that was asked for.
    pub(super) fn unused(&self) -> Option<u64> {
        self.text("unused").filter(|days| *days == "90").map(|_| 90)
    }

    /// The page of a list, from 1.
    pub(super) fn page(&self) -> u64 {
        self.text("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }
}

/// An id in the one form that addresses have it in.
pub(super) fn id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    id.hyphenated().to_string().eq_ignore_ascii_case(text).then_some(id)
}
