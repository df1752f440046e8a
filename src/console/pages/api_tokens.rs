//! API tokens: which are out there, and new ones.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use crate::address::Address;
use crate::console::Console;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, containing, newest};
use crate::console::shell::{HOME, Shell};
use crate::console::timestamp::duration;
use crate::console::views::{ApiToken, Project};
use crate::console::visitor::Visitor;

/// Seconds that the form offers.
const PRESETS: [u64; 3] = [3600, 86_400, 604_800];
/// Projects that the form offers at most.
const PROJECTS: u64 = 200;

/// A time that a new token may live.
pub(super) struct Lifetime {
    pub seconds: u64,
    pub words: String,
    pub is_default: bool,
}

#[derive(Template)]
#[template(path = "console/api_tokens.html")]
struct ApiTokens {
    shell: Shell,
    tokens: Vec<ApiToken>,
    paging: Paging,
    search: String,
    /// Whether everyone's are shown, not one's own.
    of_everyone: bool,
    projects: Vec<Project>,
    /// Kinds of resource that a scope can name.
    kinds: &'static BTreeSet<&'static str>,
    more_projects: bool,
    project_names: BTreeMap<Uuid, String>,
    lifetimes: Vec<Lifetime>,
    longest: Lifetime,
    server_url: String,
}

impl ApiTokens {
    /// The projects that a token is for; empty for all.
    fn projects_of(&self, token: &ApiToken) -> String {
        let name = |id: &Uuid| self.project_names.get(id).cloned().unwrap_or_else(|| id.to_string());
        let names: Vec<String> = token.body.projects.iter().flatten().map(name).collect();
        names.join(", ")
    }

    /// The name or id of the API token that it was made from; none for one that was made in a session.
    fn made_from(&self, token: &ApiToken) -> Option<String> {
        let parent = token.resources.as_ref()?.parent.as_ref()?;
        Some(if parent.name.is_empty() { parent.id.to_string() } else { parent.name.clone() })
    }

    fn owner<'a>(&'a self, token: &'a ApiToken) -> &'a str {
        let user = token.resources.as_ref().and_then(|resources| resources.user.as_ref());
        user.map_or("", |user| &user.name)
    }

    /// Whether tokens can be had here at all: they are made from a session.
    fn can_create(&self) -> bool {
        self.shell.has_sessions()
    }
}

/// The tokens that are good: one's own, or everyone's for an admin.
pub(super) async fn api_tokens(State(console): State<Console>, visitor: Visitor) -> PageResult {
    let of_everyone = visitor.shell.is_admin() && visitor.asked.text("of") == Some("everyone");
    let own = visitor.shell.user.as_ref().filter(|_| !of_everyone).map(|user| user.id);
    let tokens = newest(Address::of("/api/v1/api_tokens", &[]), &visitor.asked)
        .with("active", true)
        .with("hydrate", true)
        .maybe("user", own)
        .maybe("name", visitor.asked.text("search").map(containing));
    let tokens: Page<ApiToken> = visitor.api.get(&tokens).await.map_err(visitor.refused())?;
    let projects = Address::of("/api/v1/projects", &[]).with("size", PROJECTS).with("sort_by", "name");
    let projects: Page<Project> = visitor.api.get(&projects).await.map_err(visitor.refused())?;
    let settings = &console.app.config;
    let longest = u64::from(settings.generic_api_token_max_lifetime.0);
    let paging = Paging::of(&tokens, &visitor.shell.at(HOME), &visitor.asked, &["search", "of"]);
    page(&ApiTokens {
        tokens: tokens.items,
        paging,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        of_everyone,
        more_projects: projects.total > PROJECTS,
        project_names: projects.items.iter().map(|project| (project.id, project.name.clone())).collect(),
        projects: projects.items,
        kinds: console.app.server.kinds,
        lifetimes: lifetimes(longest, u64::from(settings.default_token_lifetime())),
        longest: lifetime(longest, false),
        server_url: settings.server_url.as_ref().map(|url| url.0.clone()).unwrap_or_default(),
        shell: visitor.shell,
    })
}

/// The presets that the server allows, and its maximum if that is none of them.
fn lifetimes(longest: u64, default: u64) -> Vec<Lifetime> {
    let mut all: Vec<u64> = PRESETS.into_iter().filter(|seconds| *seconds <= longest).collect();
    if !all.contains(&longest) {
        all.push(longest);
    }
    let preset = all.iter().copied().find(|seconds| *seconds == default).unwrap_or(all[0]);
    all.into_iter().map(|seconds| lifetime(seconds, seconds == preset)).collect()
}

fn lifetime(seconds: u64, is_default: bool) -> Lifetime {
    Lifetime { seconds, words: duration(seconds), is_default }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_offers_what_the_server_allows() {
        let offered = |longest, default| -> Vec<(u64, bool)> {
            lifetimes(longest, default).iter().map(|each| (each.seconds, each.is_default)).collect()
        };
        assert_eq!(offered(604_800, 3600), [(3600, true), (86_400, false), (604_800, false)]);
        assert_eq!(offered(7200, 7200), [(3600, false), (7200, true)]);
        assert_eq!(offered(600, 600), [(600, true)]);
        assert_eq!(offered(90_000, 60), [(3600, true), (86_400, false), (90_000, false)]);
    }
}
