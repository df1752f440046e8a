//! Somebody who speaks HTTP to the server.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::logs::note_secrets_of;

/// A caller with or without a token.
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
}

/// reqwest has none of its own here, since the server's requests choose theirs. One that was chosen before is as good.
pub fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

/// Short, for the messages of failed tests.
impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.status, self.text)
    }
}

impl Caller {
    pub fn new(base: String) -> Self {
        choose_cryptography();
        Self { http: reqwest::Client::new(), base, headers: HeaderMap::new() }
    }

    /// One who is told where an answer leads, and doesn't go there.
    pub fn without_redirects(base: String) -> Self {
        choose_cryptography();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, ..Self::new(base) }
    }

    pub fn with_token(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    /// What it sends with each request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, String::new()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::POST, path, &body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PUT, path, &body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, String::new()).await
    }

    async fn send_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let json = self.clone().with("content-type", "application/json");
        note_secrets_of(&body.to_string());
        json.request(method, path, body.to_string()).await
    }

    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = self.clone().with("content-type", "application/x-www-form-urlencoded");
        note_secrets_of(&body);
        form.request(Method::POST, path, body).await
    }

    pub async fn request(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let url = format!("{}{path}", self.base);
        let request = self.http.request(method, url).headers(self.headers.clone()).body(body);
        let response = request.send().await.unwrap();
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        note_secrets_of(&answer.text);
        answer
    }

    /// Asks until the answer has that status and part: what changes behind the server's back is seen within a
    /// second.
    pub async fn until(&self, status: u16, path: &str, part: &str) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        loop {
            let answer = self.get(path).await;
            if answer.status == status && answer.text.contains(part) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "still {answer:?} after 5 seconds");
        }
    }

    pub async fn login(&self, username: &str, password: &str) -> Answer {
        self.post_form("/api/v1/login", &[("username", username), ("password", password)]).await
    }

    /// A generic token of that many seconds.
    pub async fn api_token(&self, expires_in: u32) -> String {
        let answer = self.get(&format!("/api/v1/api_token?expires_in={expires_in}")).await;
        answer.expect_ok().as_str().unwrap().to_owned()
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn expect_ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The status, and a part of the body.
    #[track_caller]
    pub fn expect(&self, status: u16, part: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.text.contains(part), "no {part:?} in {self:?}");
    }
}
