//! What a scenario is made of: requests as data, in the order in which they are sent.

use super::wanted::Wanted;

/// Requests that build on each other. What one keeps, the later ones of the same scenario can use.
pub struct Scenario {
    pub name: &'static str,
    pub steps: Vec<Step>,
}

pub fn scenario<const N: usize>(name: &'static str, steps: [Step; N]) -> Scenario {
    Scenario { name, steps: steps.into() }
}

/// Who sends a request: nobody in particular, or whoever holds the token or API key of a kept answer.
#[derive(Clone, Copy)]
pub struct By(pub &'static str);

pub const ANYONE: By = By("");
/// Signed in by the first scenario.
pub const ADMIN: By = By("admin");

/// One request. In its path, headers and body `{kept.field.field}` stands for a part of an answer kept before.
pub struct Step {
    pub by: By,
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
    /// The name that its answer is kept under.
    pub keep: Option<&'static str>,
    /// Seconds that pass before it.
    pub after: u32,
    pub wanted: Vec<&'static Wanted>,
    /// Takes away what may have been made on one server only; its answers are not compared.
    pub tidies: bool,
}

impl By {
    pub fn get(self, path: &str) -> Step {
        self.send("GET", path)
    }

    pub fn delete(self, path: &str) -> Step {
        self.send("DELETE", path)
    }

    pub fn post(self, path: &str, json: &str) -> Step {
        self.send("POST", path).json(json)
    }

    pub fn put(self, path: &str, json: &str) -> Step {
        self.send("PUT", path).json(json)
    }

    pub fn form(self, path: &str, fields: &str) -> Step {
        self.send("POST", path).header("content-type", "application/x-www-form-urlencoded").body(fields)
    }

    /// A path of the API: `/users` is `/api/v1/users`.
    pub fn send(self, method: &'static str, path: &str) -> Step {
        self.send_to_root(method, &format!("/api/v1{path}"))
    }

    pub fn send_to_root(self, method: &'static str, path: &str) -> Step {
        Step {
            by: self,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            keep: None,
            after: 0,
            wanted: Vec::new(),
            tidies: false,
        }
    }
}

impl Step {
    fn json(self, json: &str) -> Self {
        self.header("content-type", "application/json").body(json)
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn keep(mut self, name: &'static str) -> Self {
        self.keep = Some(name);
        self
    }

    pub fn after(mut self, seconds: u32) -> Self {
        self.after = seconds;
        self
    }

    /// Its answer is compared where its kind of thing is.
    pub fn compared_elsewhere(self) -> Self {
        self.tidies()
    }

    pub fn tidies(mut self) -> Self {
        self.tidies = true;
        self
    }

    /// A difference that is meant; the suite fails when it is not there.
    pub fn wanted(mut self, wanted: &'static Wanted) -> Self {
        self.wanted.push(wanted);
        self
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = if self.by.0.is_empty() { "anyone" } else { self.by.0 };
        let body = String::from_utf8_lossy(&self.body);
        let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(formatter, "{by}: {} {} {body:.200}", self.method, self.path)
    }
}
