//! What a page was asked for: its query.

use axum::http::request::Parts;

/// The names and values of a page's query. What isn't known is passed over: it is a page's, no API's.
#[derive(Debug, Default)]
pub struct Asked(Vec<(String, String)>);

impl Asked {
    /// The query of a page's request.
    pub fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// What was said for `name`, if it was anything.
    pub fn text(&self, name: &str) -> Option<&str> {
        let said = self.0.iter().rev().find(|(said, _)| said == name);
        said.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The page of a list, from 1.
    pub fn page(&self) -> u64 {
        self.text("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }
}

/// A query in the making: names and values, written as a URL needs them.
#[derive(Default)]
pub struct Sent(Vec<(&'static str, String)>);

impl Sent {
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    #[must_use]
    pub fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The path with this behind it.
    pub fn at(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish();
        format!("{path}?{query}")
    }
}
