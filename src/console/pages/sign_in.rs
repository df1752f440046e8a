//! Signing in.

use askama::Template;
use axum::extract::State;

use super::provider::{self, ProviderLink};
use crate::address::Address;
use crate::console::error::{PageError, PageResult, page};
use crate::console::shell::Shell;
use crate::console::views::User;
use crate::console::visitor::Anybody;
use crate::console::{Console, next};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignIn {
    shell: Shell,
    /// Where the sign-in leads.
    next: Address,
    /// Where people sign in under the EXTERNAL scheme.
    authorization_url: Option<String>,
    /// The providers that know people.
    providers: Vec<ProviderLink>,
    /// Whether there is a form for a password.
    has_passwords: bool,
}

/// A form, or the way to the service that knows people. Whoever is signed in goes on.
pub(super) async fn sign_in(
    State(console): State<Console>,
    Anybody { mut shell, api, asked }: Anybody,
) -> PageResult {
    if !shell.server.active {
        return Err(PageError::GoTo(shell.at("/console/activate")));
    }
    let next = next::safe(asked.text("next"), &shell.root, console.has_dashboard());
    // Whoever was sent here has been refused just now, and one refusal leaves one record.
    let may_be_signed_in = !shell.csrf_token.is_empty() && asked.text("next").is_none();
    let is_signed_in =
        may_be_signed_in && api.get::<User>(&Address::of("/api/v1/current-user", &[])).await.is_ok();
    if !shell.has_sessions() || is_signed_in {
        return Err(PageError::GoTo(next));
    }
    // The session that may have been here is over.
    shell.csrf_token = String::new();
    let authorization_url = match shell.is_external() {
        true => console.app.config.external_login_url.as_ref().map(|url| url.0.clone()),
        false => None,
    };
    let ways = &console.app.sign_in;
    let providers = provider::all(&console);
    // The operator may have set a password where nobody else has one.
    let has_passwords = ways.ways_in.password || asked.text("password").is_some();
    page(&SignIn { shell, next, authorization_url, providers, has_passwords })
}
