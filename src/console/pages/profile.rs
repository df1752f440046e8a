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
}

impl Profile {
    /// Whether the account can be changed here: another service may keep users, and machines have no profile.
    fn is_kept_here(&self, user: &User) -> bool {
        !self.shell.is_external() && !user.body.is_service_account
    }
}

/// Whoever looks.
pub(super) async fn profile(visitor: Visitor) -> PageResult {
    page(&Profile { shell: visitor.shell })
}
