//! Warnings: one's own, for admins everyone's.

use askama::Template;

use crate::address::Address;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, newest};
use crate::console::shell::Shell;
use crate::console::views::Warning;
use crate::console::visitor::Visitor;

#[derive(Template)]
#[template(path = "console/warnings.html")]
struct Warnings {
    shell: Shell,
    warnings: Vec<Warning>,
    paging: Paging,
}

impl Warnings {
    fn kind(&self, warning: &Warning) -> &'static str {
        match warning.kind.as_str() {
            "api_key.expiring" => "Key ends soon",
            "api_key.expired" => "Key has ended",
            "api_token.used_elsewhere" => "Used elsewhere",
            "account.many_refusals" => "Many refusals",
            _ => "Warning",
        }
    }
}

/// The newest first.
pub(super) async fn warnings(visitor: Visitor) -> PageResult {
    let warnings = newest(Address::of("/api/v1/warnings", &[]), &visitor.asked);
    let warnings: Page<Warning> = visitor.api.get(&warnings).await.map_err(visitor.refused())?;
    let list = visitor.shell.at("/console/settings/warnings");
    page(&Warnings {
        paging: Paging::of(&warnings, &list, &visitor.asked, &[]),
        warnings: warnings.items,
        shell: visitor.shell,
    })
}
