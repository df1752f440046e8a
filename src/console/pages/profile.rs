//! One's own profile and password.

use askama::Template;

use axum::extract::State;

use super::provider::{self, ProviderLink};
use crate::address::Address;
use crate::console::Console;
use crate::console::error::{PageResult, page};
use crate::console::shell::Shell;
use crate::console::views::{Identity, User};
use crate::console::visitor::Visitor;

#[derive(Template)]
#[template(path = "console/profile.html")]
struct Profile {
    shell: Shell,
    /// The providers that know people.
    providers: Vec<ProviderLink>,
    /// Whom they know as this user.
    identities: Vec<Identity>,
    has_passwords: bool,
}

impl Profile {
    fn is_linked_to(&self, provider: &ProviderLink) -> bool {
        self.identities.iter().any(|identity| identity.issuer == provider.issuer)
    }

    /// Whether the account can be changed here: another service may keep users, and machines have no profile.
    fn is_kept_here(&self, user: &User) -> bool {
        !self.shell.is_external() && !user.body.is_service_account
    }
}

/// Whoever looks.
pub(super) async fn profile(State(console): State<Console>, visitor: Visitor) -> PageResult {
    let ways = &console.app.sign_in;
    let providers = provider::all(&console);
    let user = visitor.shell.user.as_ref().filter(|user| !user.body.is_service_account);
    let identities = match user {
        Some(user) => {
            let address = Address::of("/api/v1/users/{}/identities", &[&user.id]);
            visitor.api.get::<Vec<Identity>>(&address).await.map_err(visitor.refused())?
        }
        None => Vec::new(),
    };
    // Whoever came by the provider has no password until an admin gives them one.
    let is_by_provider =
        user.is_some_and(|user| user.password_changed_at().is_none()) && !identities.is_empty();
    let has_passwords = ways.ways_in.password && !is_by_provider;
    page(&Profile { providers, identities, has_passwords, shell: visitor.shell })
}
