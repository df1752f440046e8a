//! One's own profile and password.

use askama::Template;

use crate::console::error::{PageResult, page};
use crate::console::shell::Shell;
use crate::console::views::User;
use crate::console::visitor::Visitor;

#[derive(Template)]
#[template(path = "console/profile.html")]
struct Profile {
    shell: Shell,
    user: User,
}

impl Profile {
    fn email(&self) -> &str {
        self.user.metadata.as_ref().and_then(|metadata| metadata.email.as_deref()).unwrap_or_default()
    }

    /// Whether it can be changed here: another service may keep users, and machines have no profile.
    fn is_kept_here(&self) -> bool {
        !self.shell.is_external() && !self.user.body.is_service_account
    }
}

/// Whoever looks.
pub async fn profile(visitor: Visitor) -> PageResult {
    let user = visitor.api.get("/api/v1/current-user").await.map_err(visitor.refused())?;
    page(&Profile { shell: visitor.shell, user })
}
