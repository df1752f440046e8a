//! The first steps: of a server that waits for its first admin, and of a user who was invited.

use askama::Template;
use uuid::Uuid;

use crate::console::error::{PageError, PageResult, page};
use crate::console::shell::Shell;
use crate::console::visitor::Anybody;

#[derive(Template)]
#[template(path = "console/activate.html")]
struct Activate {
    shell: Shell,
}

/// For a server that waits for its first admin.
pub(super) async fn activate(Anybody { shell, .. }: Anybody) -> PageResult {
    match shell.server.active {
        true => Err(PageError::GoTo(shell.at("/console/sign-in"))),
        false => page(&Activate { shell }),
    }
}

#[derive(Template)]
#[template(path = "console/join.html")]
struct Join {
    shell: Shell,
    user: Uuid,
}

/// For a user whom an admin has invited: the link's fragment, which no server sees, has the activation token.
pub(super) async fn join(Anybody { shell, asked, .. }: Anybody) -> PageResult {
    match asked.id("user") {
        Some(user) => page(&Join { shell, user }),
        None => Err(PageError::not_found(shell, "This link names no user. Open it as you got it.")),
    }
}
