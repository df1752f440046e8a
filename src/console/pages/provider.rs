//! The providers that know people, and where they send them back to: a page whose script ends the sign-in, since the cookie
//! of the browser that has begun it goes only with requests of this server's own pages.

use askama::Template;

use crate::auth::oidc::provider::Provider;
use crate::console::Console;
use crate::console::error::{PageResult, page};
use crate::console::shell::Shell;
use crate::console::visitor::Anybody;

#[derive(Template)]
#[template(path = "console/provider.html")]
struct Callback {
    shell: Shell,
}

/// A provider, as a page's button names it.
pub(super) struct ProviderLink {
    pub issuer: String,
    pub name: String,
}

/// Those of this server.
pub(super) fn all(console: &Console) -> Vec<ProviderLink> {
    let providers = console.app.sign_in.oidc.as_ref().map(|oidc| oidc.providers()).unwrap_or_default();
    let link = |it: &Provider| ProviderLink { issuer: it.issuer().to_owned(), name: it.name() };
    providers.iter().map(link).collect()
}

pub(super) async fn callback(Anybody { shell, .. }: Anybody) -> PageResult {
    page(&Callback { shell })
}
