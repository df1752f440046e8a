//! Somebody with a browser's cookies, and no browser.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::FarSide;
use crate::support::{Answer, Caller, TestApp};

#[derive(Clone)]
pub(super) struct Visitor {
    url: String,
    cookies: BTreeMap<String, String>,
    csrf_token: String,
}

impl Visitor {
    pub(super) fn of(app: &TestApp) -> Self {
        Self { url: app.url(), cookies: BTreeMap::new(), csrf_token: String::new() }
    }

    /// As a page of the console asks.
    pub(super) fn at_console(&self) -> Caller {
        let caller = self.with_cookies().with("x-zendo-session", "console").with("origin", &self.url);
        match self.csrf_token.as_str() {
            "" => caller,
            token => caller.with("x-csrf-token", token),
        }
    }

    /// As ZenML's dashboard asks.
    pub(super) fn with_cookies(&self) -> Caller {
        let all = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let caller = Caller::without_redirects(self.url.clone());
        match self.cookies.is_empty() {
            true => caller,
            false => caller.with("cookie", &all.collect::<Vec<_>>().join("; ")),
        }
    }

    pub(super) fn has_cookie(&self, end: &str) -> bool {
        self.cookies.keys().any(|name| name.ends_with(end))
    }

    pub(super) fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    fn keep(&mut self, answer: &Answer) {
        for header in answer.headers.get_all("set-cookie") {
            let cookie = header.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match cookie.contains("Max-Age=0") || value.is_empty() {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    /// Signs in to the console with a password.
    pub(super) async fn sign_in_with_password(&mut self, name: &str, password: &str) {
        let form = [("username", name), ("password", password)];
        let answer = self.at_console().post_form("/api/v1/login", &form).await;
        self.keep(&answer);
        self.csrf_token = answer.expect_ok()["csrf_token"].as_str().unwrap().to_owned();
    }

    /// Begins a sign-in, or a link, and says where the provider is to be asked.
    pub(super) async fn start(&mut self, body: Value) -> String {
        let answer = self.at_console().post("/api/v1/oidc/start", body).await;
        let cookie = answer.header("set-cookie").unwrap_or_default().to_owned();
        assert!(cookie.contains("SameSite=Strict") && cookie.contains("HttpOnly"), "{answer:?} {cookie}");
        self.keep(&answer);
        answer.expect_ok()["authorization_url"].as_str().unwrap().to_owned()
    }

    /// Comes back with what the provider has sent.
    pub(super) async fn come_back(&mut self, with: Value) -> Answer {
        let answer = self.at_console().post("/api/v1/oidc/sign_in", with).await;
        self.keep(&answer);
        answer
    }

    /// Signs in as somebody whom the certified provider knows, with a session of that name there.
    pub(super) async fn try_sign_in(&mut self, provider: &FarSide, subject: &str, session: &str) -> Answer {
        let address = self.start(json!({})).await;
        let code = provider.code(&address, subject, session).await;
        self.come_back(code).await
    }

    /// Opens a page of the console, whose scripts ask the API from then on.
    pub(super) async fn open_console(&mut self) {
        let page = self.with_cookies().get("/console/settings/profile").await;
        let after = page.text.split_once("name=\"csrf-token\" content=\"").expect("a page with a token").1;
        self.csrf_token = after.split('"').next().unwrap().to_owned();
    }

    pub(super) async fn sign_in(&mut self, provider: &FarSide, subject: &str) {
        self.try_sign_in(provider, subject, &format!("the session of {subject}")).await.expect_ok();
    }

    /// An API token that is made with ZenML's session.
    pub(super) async fn api_token(&self) -> String {
        self.with_cookies().api_token(3600).await
    }
}

/// What stands for a name in an address's query.
pub(super) fn asked(address: &str, name: &str) -> String {
    let query = address.split_once('?').unwrap().1.as_bytes();
    let found = form_urlencoded::parse(query).find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}
