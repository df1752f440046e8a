//! Trusted workloads: whose tokens are taken in exchange for one of a service account.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use crate::address::Address;
use crate::console::Console;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, containing, newest};
use crate::console::shell::Shell;
use crate::console::views::{Project, ServiceAccount, Trust};
use crate::console::visitor::Visitor;

pub(super) const PATH: &str = "/console/settings/trusted-workloads";
/// Service accounts and projects that the forms offer at most.
const OFFERED: u64 = 200;

#[derive(Template)]
#[template(path = "console/trusts.html")]
struct Trusts {
    shell: Shell,
    trusts: Vec<Trust>,
    paging: Paging,
    search: String,
    accounts: Vec<ServiceAccount>,
    projects: Vec<Project>,
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

    /// Each condition as the form takes it; none where that couldn't say the same.
    fn lines(&self, trust: &Trust) -> Option<String> {
        let mut lines = Vec::new();
        for (claim, texts) in &trust.body.conditions {
            let is_plain = |text: &str| text.trim() == text && !text.contains(['\n', '\r']);
            if claim.contains('=') || !is_plain(claim) || !texts.iter().all(|text| is_plain(text)) {
                return None;
            }
            lines.extend(texts.iter().map(|text| format!("{claim}={text}")));
        }
        Some(lines.join("\n"))
    }

    fn description<'t>(&self, trust: &'t Trust) -> &'t str {
        trust.metadata.as_ref().map_or("", |metadata| metadata.description.as_str())
    }

    /// The keys that were given.
    fn jwks(&self, trust: &Trust) -> String {
        let jwks = trust.metadata.as_ref().and_then(|metadata| metadata.jwks.as_ref());
        jwks.map(ToString::to_string).unwrap_or_default()
    }

    fn has_account(&self, trust: &Trust) -> bool {
        self.accounts.iter().any(|account| account.id == trust.body.service_account_id)
    }

    fn is_for(&self, trust: &Trust, project: &Uuid) -> bool {
        trust.body.projects.as_ref().is_some_and(|ids| ids.contains(project))
    }

    /// Projects that its form offers: also those that the rule names and that are gone, or beyond the first.
    fn offered(&self, trust: &Trust) -> Vec<(Uuid, String)> {
        let mut offered: Vec<(Uuid, String)> =
            self.projects.iter().map(|project| (project.id, project.name.clone())).collect();
        let known: BTreeSet<Uuid> = offered.iter().map(|(id, _)| *id).collect();
        let others = trust.body.projects.iter().flatten().filter(|id| !known.contains(id));
        offered.extend(others.map(|id| (*id, id.to_string())));
        offered
    }

    /// What a change ends.
    fn tokens_end(&self, trust: &Trust) -> String {
        match trust.metadata.as_ref().map_or(0, |metadata| metadata.tokens) {
            0 => String::new(),
            count => format!(
                " {count} live token{} end{} with a change of anything but its name and description.",
                if count == 1 { "" } else { "s" },
                if count == 1 { "s" } else { "" },
            ),
        }
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
    let accounts = Address::of("/api/v1/service_accounts", &[]).with("size", OFFERED).with("sort_by", "name");
    let accounts: Page<ServiceAccount> = visitor.api.get(&accounts).await.map_err(visitor.refused())?;
    let projects = Address::of("/api/v1/projects", &[]).with("size", OFFERED).with("sort_by", "name");
    let projects: Page<Project> = visitor.api.get(&projects).await.map_err(visitor.refused())?;
    page(&Trusts {
        paging: Paging::of(&trusts, &visitor.shell.at(PATH), &visitor.asked, &["search"]),
        trusts: trusts.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        accounts: accounts.items,
        projects: projects.items,
        audience: console.app.own_audience().to_owned(),
        shell: visitor.shell,
    })
}
