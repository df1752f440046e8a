//! One of the two servers, and what it has answered so far.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::step::{By, Step};
use crate::support::{Answer, Caller};

pub struct Side {
    url: String,
    kept: HashMap<String, Value>,
}

impl Side {
    pub fn new(url: String) -> Self {
        let kept = HashMap::from([("server".to_owned(), json!({"url": url}))]);
        Self { url, kept }
    }

    /// Sends the request and keeps its answer.
    ///
    /// # Errors
    /// When an answer that it builds on is missing: what is missing.
    pub async fn send(&mut self, step: &Step) -> Result<Answer, String> {
        // On a connection of its own: after some failures ZenML's server closes it.
        let mut caller = Caller::new(self.url.clone());
        if let Some(token) = self.token(step.by)? {
            caller = caller.with_token(token);
        }
        for (name, value) in &step.headers {
            caller = caller.with(name, &self.fill(value)?);
        }
        let body = match std::str::from_utf8(&step.body) {
            Ok(text) => self.fill(text)?.into_bytes(),
            Err(_) => step.body.clone(),
        };
        let method = Method::from_bytes(step.method.as_bytes()).unwrap();
        let answer = caller.request(method, &self.fill(&step.path)?, body).await;
        if let Some(name) = step.keep {
            match serde_json::from_str(&answer.text) {
                Ok(value) if answer.status == 200 => self.kept.insert(name.to_owned(), value),
                _ => self.kept.remove(name),
            };
        }
        Ok(answer)
    }

    /// The token of a login or of `/api_token`, or an API key.
    fn token(&self, By(name): By) -> Result<Option<&str>, String> {
        if name.is_empty() {
            return Ok(None);
        }
        let kept = self.kept.get(name).ok_or_else(|| format!("the token of {name}"))?;
        let places = [Some(kept), kept.get("access_token"), kept.pointer("/body/key")];
        let token = places.into_iter().flatten().find_map(Value::as_str);
        token.map(Some).ok_or_else(|| format!("the token of {name}"))
    }

    /// The text with its placeholders filled in.
    fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled += before;
            let placeholder = after.split_once('}').filter(|(name, _)| is_placeholder(name));
            rest = match placeholder {
                Some((name, rest)) => {
                    filled += &self.part(name).ok_or_else(|| name.to_owned())?;
                    rest
                }
                None => {
                    filled.push('{');
                    after
                }
            };
        }
        Ok(filled + rest)
    }

    /// `kept.field.0.field`; below a URL are the parameters of its query.
    fn part(&self, path: &str) -> Option<String> {
        let mut fields = path.split('.');
        let mut value = self.kept.get(fields.next()?)?.clone();
        for field in fields {
            value = match &value {
                Value::Array(items) => items.get(field.parse::<usize>().ok()?)?.clone(),
                Value::String(url) => {
                    let (_, query) = url.split_once('?')?;
                    let mut pairs = form_urlencoded::parse(query.as_bytes());
                    pairs.find(|(key, _)| key == field)?.1.into()
                }
                other => other.get(field)?.clone(),
            };
        }
        value.as_str().map(str::to_owned)
    }
}

fn is_placeholder(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
}
