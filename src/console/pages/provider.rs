//! Where the provider that knows people sends them back to: a page whose script ends the sign-in, since the cookie of the
//! browser that has begun it goes only with requests of this server's own pages.

use askama::Template;

use crate::console::error::{PageResult, page};
use crate::console::shell::Shell;
use crate::console::visitor::Anybody;

#[derive(Template)]
#[template(path = "console/provider.html")]
struct Callback {
    shell: Shell,
}

pub(super) async fn callback(Anybody { shell, .. }: Anybody) -> PageResult {
    page(&Callback { shell })
}
