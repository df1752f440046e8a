//! Who looks at a page.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::Console;
use super::api::{Api, Refusal};
use super::asked::Asked;
use super::error::PageError;
use super::shell::Shell;
use super::views::ServerInfo;
use crate::address::Address;
use crate::login::principal;

/// Somebody who is signed in, or need not be: an argument of a page's handler. Everybody else is sent to the page where
/// they can sign in, and a server that waits for its first admin sends everybody to its activation.
pub(super) struct Visitor {
    pub shell: Shell,
    pub api: Api,
    pub asked: Asked,
}

/// Anybody, of a server that may wait for its activation.
pub(super) struct Anybody {
    pub shell: Shell,
    pub api: Api,
    pub asked: Asked,
}

impl Visitor {
    /// The error of a page for what the API refused. The last page of a list is gone with its last row, and its first
    /// one always there.
    pub(super) fn refused(&self) -> impl FnOnce(Refusal) -> PageError {
        let (shell, is_later_page) = (self.shell.clone(), self.asked.page() > 1);
        move |refusal| match refusal.status {
            StatusCode::BAD_REQUEST if is_later_page => PageError::GoTo(shell.here()),
            _ => PageError::refused(shell, refusal),
        }
    }

    /// # Errors
    /// 403 for who is no admin.
    pub(super) fn require_admin(&self) -> Result<(), PageError> {
        match self.shell.is_admin() {
            true => Ok(()),
            false => Err(PageError::admins_only(self.shell.clone())),
        }
    }
}

impl FromRequestParts<Console> for Anybody {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Self::Rejection> {
        let mut api = Api::of(&console.api, parts);
        let now = console.app.env.clock.now();
        let root = console.root().to_owned();
        let assets = console.assets.version.clone();
        let path = format!("{root}{}", parts.uri.path());
        let mut shell = Shell { root, assets, path, now, ..Shell::default() };
        shell.server = match api.get::<ServerInfo>(&Address::of("/api/v1/info", &[])).await {
            Ok(server) => server,
            Err(refusal) => return Err(PageError::refused(shell, refusal)),
        };
        if let Some(token) = principal::login_token(&console.app, api.headers()).await
            && let Some(session_id) = token.claims.session_id
        {
            shell.csrf_token = console.app.auth.csrf_tokens.issue(session_id);
            api.know_csrf_token(&shell.csrf_token);
        }
        Ok(Self { shell, api, asked: Asked::of(parts) })
    }
}

impl FromRequestParts<Console> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Self::Rejection> {
        let Anybody { mut shell, api, asked } = Anybody::from_request_parts(parts, console).await?;
        if !shell.server.active {
            return Err(PageError::GoTo(shell.at("/console/activate")));
        }
        match api.get(&Address::of("/api/v1/current-user", &[])).await {
            Ok(user) => shell.user = Some(user),
            Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED && shell.has_sessions() => {
                return Err(PageError::GoTo(sign_in_for(parts, &shell)));
            }
            Err(refusal) => return Err(PageError::refused(shell, refusal)),
        }
        Ok(Self { shell, api, asked })
    }
}

/// The sign-in that leads to the page that was asked for.
fn sign_in_for(parts: &Parts, shell: &Shell) -> Address {
    let asked = parts.uri.path_and_query().map_or("", |asked| asked.as_str());
    shell.at("/console/sign-in").with("next", format_args!("{}{asked}", shell.root))
}
