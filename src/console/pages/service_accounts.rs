//! Service accounts, and the API keys that machines sign in with.

use askama::Template;
use axum::extract::Path;

use crate::address::Address;
use crate::console::asked;
use crate::console::error::{PageError, PageResult, page};
use crate::console::listing::{Page, Paging, containing, newest};
use crate::console::shell::Shell;
use crate::console::views::{ApiKey, ServiceAccount};
use crate::console::visitor::Visitor;

const PATH: &str = "/console/settings/service-accounts";

#[derive(Template)]
#[template(path = "console/service_accounts.html")]
struct ServiceAccounts {
    shell: Shell,
    accounts: Vec<ServiceAccount>,
    paging: Paging,
    search: String,
    unused: bool,
}

/// All service accounts.
pub(super) async fn list(visitor: Visitor) -> PageResult {
    let accounts = newest(Address::of("/api/v1/service_accounts", &[]), &visitor.asked)
        .with("hydrate", true)
        .maybe("unused_days", visitor.asked.unused())
        .maybe("name", visitor.asked.text("search").map(containing));
    let accounts: Page<ServiceAccount> = visitor.api.get(&accounts).await.map_err(visitor.refused())?;
    page(&ServiceAccounts {
        paging: Paging::of(&accounts, &visitor.shell.at(PATH), &visitor.asked, &["search", "unused"]),
        accounts: accounts.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        unused: visitor.asked.unused().is_some(),
        shell: visitor.shell,
    })
}

#[derive(Template)]
#[template(path = "console/service_account.html")]
struct OneServiceAccount {
    shell: Shell,
    account: ServiceAccount,
    keys: Vec<ApiKey>,
    paging: Paging,
    search: String,
    unused: bool,
}

impl OneServiceAccount {
    fn has_ended(&self, key: &ApiKey) -> bool {
        key.body.expires.is_some_and(|end| end.0 <= self.shell.now)
    }
}

/// One of them, with its keys.
pub(super) async fn one(visitor: Visitor, Path(id): Path<String>) -> PageResult {
    let Some(id) = asked::id(&id) else {
        return Err(PageError::not_found(visitor.shell, "There is no such service account."));
    };
    let account = Address::of("/api/v1/service_accounts/{}", &[&id]);
    let account: ServiceAccount = visitor.api.get(&account).await.map_err(visitor.refused())?;
    let keys = Address::of("/api/v1/service_accounts/{}/api_keys", &[&id]);
    let keys = newest(keys, &visitor.asked)
        .with("hydrate", true)
        .maybe("unused_days", visitor.asked.unused())
        .maybe("name", visitor.asked.text("search").map(containing));
    let keys: Page<ApiKey> = visitor.api.get(&keys).await.map_err(visitor.refused())?;
    page(&OneServiceAccount {
        paging: Paging::of(
            &keys,
            &visitor.shell.to("/console/settings/service-accounts/{}", &[&id]),
            &visitor.asked,
            &["search", "unused"],
        ),
        account,
        keys: keys.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        unused: visitor.asked.unused().is_some(),
        shell: visitor.shell,
    })
}
