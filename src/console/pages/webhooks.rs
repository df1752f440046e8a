//! Webhooks of a project: where other services bring their events, what came of it, and the secret that they sign with.

use std::fmt::Display;

use askama::Template;

use crate::address::Address;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, containing, newest};
use crate::console::shell::Shell;
use crate::console::views::{Project, Webhook};
use crate::console::visitor::Visitor;

const PATH: &str = "/console/settings/webhooks";
/// Projects that can be chosen from.
const MOST_PROJECTS: u64 = 100;

#[derive(Template)]
#[template(path = "console/webhooks.html")]
struct Webhooks {
    shell: Shell,
    webhooks: Vec<Webhook>,
    paging: Paging,
    search: String,
    projects: Vec<Project>,
    /// The one whose webhooks are shown, if there is any.
    project: Option<Project>,
}

impl Webhooks {
    /// Where its events are brought; a path where the server doesn't know its own address.
    fn endpoint(&self, webhook: &Webhook) -> String {
        let path = || {
            let parts: [&dyn Display; 2] = [&webhook.body.webhook_type, &webhook.id];
            self.shell.to("/api/v1/webhooks/{}/{}/events", &parts).as_str().to_owned()
        };
        webhook.body.endpoint_url.clone().unwrap_or_else(path)
    }

    /// All of the project that is shown.
    fn all(&self) -> Address {
        self.shell.at(PATH).maybe("project", self.project.as_ref().map(|project| project.id))
    }

    fn of(&self, project: &Project) -> Address {
        self.shell.at(PATH).with("project", project.id)
    }

    fn is_shown(&self, project: &Project) -> bool {
        self.project.as_ref().is_some_and(|shown| shown.id == project.id)
    }
}

pub(super) async fn webhooks(visitor: Visitor) -> PageResult {
    let projects =
        Address::of("/api/v1/projects", &[]).with("size", MOST_PROJECTS).with("sort_by", "created");
    let projects: Page<Project> = visitor.api.get(&projects).await.map_err(visitor.refused())?;
    let asked = visitor.asked.id("project");
    let project = match asked {
        Some(id) => projects.items.iter().find(|project| project.id == id),
        None => projects.items.first(),
    };
    let project = project.cloned();
    let list = newest(Address::of("/api/v1/webhooks", &[]), &visitor.asked)
        .with("hydrate", true)
        .maybe("project", project.as_ref().map(|project| project.id).or(asked))
        .maybe("name", visitor.asked.text("search").map(containing));
    let webhooks: Page<Webhook> = visitor.api.get(&list).await.map_err(visitor.refused())?;
    page(&Webhooks {
        paging: Paging::of(&webhooks, &visitor.shell.at(PATH), &visitor.asked, &["search", "project"]),
        webhooks: webhooks.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        projects: projects.items,
        project,
        shell: visitor.shell,
    })
}
