//! Members: who has an account here, for admins.

use askama::Template;
use axum::extract::State;

use super::provider::{self, ProviderLink};
use crate::address::Address;
use crate::console::Console;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, SIZE, containing};
use crate::console::shell::Shell;
use crate::console::views::User;
use crate::console::visitor::Visitor;

#[derive(Template)]
#[template(path = "console/members.html")]
struct Members {
    shell: Shell,
    members: Vec<User>,
    paging: Paging,
    search: String,
    /// The providers that know people.
    providers: Vec<ProviderLink>,
}

impl Members {
    fn is_self(&self, member: &User) -> bool {
        self.shell.user.as_ref().is_some_and(|user| user.id == member.id)
    }
}

/// All users.
pub(super) async fn members(State(console): State<Console>, visitor: Visitor) -> PageResult {
    visitor.require_admin()?;
    let found = visitor.asked.text("search").map(containing);
    let members = Address::of("/api/v1/users", &[])
        .with("sort_by", "name")
        .with("page", visitor.asked.page())
        .with("size", SIZE)
        .with("hydrate", true)
        .with("logical_operator", "or")
        .maybe("name", found.as_ref())
        .maybe("full_name", found.as_ref());
    let members: Page<User> = visitor.api.get(&members).await.map_err(visitor.refused())?;
    page(&Members {
        paging: Paging::of(
            &members,
            &visitor.shell.at("/console/settings/members"),
            &visitor.asked,
            &["search"],
        ),
        providers: provider::all(&console),
        members: members.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        shell: visitor.shell,
    })
}
