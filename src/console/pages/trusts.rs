//! Trusted workloads: whose tokens are taken in exchange for one of a service account.

use askama::Template;
use axum::extract::State;

use crate::address::Address;
use crate::console::Console;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, containing, newest};
use crate::console::shell::Shell;
use crate::console::views::{ServiceAccount, Trust};
use crate::console::visitor::Visitor;

pub(super) const PATH: &str = "/console/settings/trusted-workloads";
/// Service accounts that the forms offer at most.
const ACCOUNTS: u64 = 200;

#[derive(Template)]
#[template(path = "console/trusts.html")]
struct Trusts {
    shell: Shell,
    trusts: Vec<Trust>,
    paging: Paging,
    search: String,
    accounts: Vec<ServiceAccount>,
    /// Who a token has to be for, where a rule doesn't say.
    audience: String,
}

impl Trusts {
    fn account(&self, trust: &Trust) -> String {
        let account = trust.resources.as_ref().and_then(|resources| resources.service_account.as_ref());
        account.map_or_else(|| "gone: it gives nothing".to_owned(), |account| account.name.clone())
    }

    /// Each condition, in words.
    fn conditions(&self, trust: &Trust) -> Vec<String> {
        let words = |(claim, texts): (&String, &Vec<String>)| format!("{claim} is {}", texts.join(" or "));
        trust.body.conditions.iter().map(words).collect()
    }

    /// What else is refused when it is deleted.
    fn with_it(&self, trust: &Trust) -> String {
        match trust.metadata.as_ref().map_or(0, |metadata| metadata.tokens) {
            0 => String::new(),
            1 => " One live token ends with it.".to_owned(),
            count => format!(" {count} live tokens end with it."),
        }
    }
}

/// All rules.
pub(super) async fn trusts(State(console): State<Console>, visitor: Visitor) -> PageResult {
    let trusts = newest(Address::of("/api/v1/trusts", &[]), &visitor.asked)
        .with("hydrate", true)
        .maybe("name", visitor.asked.text("search").map(containing));
    let trusts: Page<Trust> = visitor.api.get(&trusts).await.map_err(visitor.refused())?;
    let accounts =
        Address::of("/api/v1/service_accounts", &[]).with("size", ACCOUNTS).with("sort_by", "name");
    let accounts: Page<ServiceAccount> = visitor.api.get(&accounts).await.map_err(visitor.refused())?;
    page(&Trusts {
        paging: Paging::of(&trusts, &visitor.shell.at(PATH), &visitor.asked, &["search"]),
        trusts: trusts.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        accounts: accounts.items,
        audience: console.app.own_audience().to_owned(),
        shell: visitor.shell,
    })
}
