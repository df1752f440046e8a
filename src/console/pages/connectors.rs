//! Service connectors: what they reach, who uses them, and to whom credentials were handed out.

use askama::Template;
use axum::extract::Path;
use serde_json::Value;

use crate::address::Address;
use crate::console::asked;
use crate::console::error::{PageError, PageResult, page};
use crate::console::listing::{Page, Paging, containing, newest};
use crate::console::shell::Shell;
use crate::console::views::{AuditRecord, Component, Connector};
use crate::console::visitor::Visitor;

const PATH: &str = "/console/settings/connectors";
/// Components and records that the page of one connector shows at most.
const MOST: u64 = 50;

#[derive(Template)]
#[template(path = "console/connectors.html")]
struct Connectors {
    shell: Shell,
    connectors: Vec<Connector>,
    paging: Paging,
    search: String,
}

/// All connectors, without their secrets.
pub(super) async fn list(visitor: Visitor) -> PageResult {
    let connectors = newest(Address::of("/api/v1/service_connectors", &[]), &visitor.asked)
        .with("expand_secrets", false)
        .maybe("name", visitor.asked.text("search").map(containing));
    let connectors: Page<Connector> = visitor.api.get(&connectors).await.map_err(visitor.refused())?;
    page(&Connectors {
        paging: Paging::of(&connectors, &visitor.shell.at(PATH), &visitor.asked, &["search"]),
        connectors: connectors.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        shell: visitor.shell,
    })
}

#[derive(Template)]
#[template(path = "console/connector.html")]
struct OneConnector {
    shell: Shell,
    connector: Connector,
    users: Page<Component>,
    /// Credentials that were handed out, the newest first; for admins.
    uses: Vec<AuditRecord>,
}

impl OneConnector {
    /// What of its configuration isn't secret.
    fn settings(&self) -> Vec<(String, String)> {
        let settings = self.connector.metadata.iter().flat_map(|metadata| &metadata.configuration);
        settings.map(|(name, value)| (name.clone(), words(value))).collect()
    }

    fn labels(&self) -> Vec<(&String, &String)> {
        self.connector.metadata.iter().flat_map(|metadata| &metadata.labels).collect()
    }

    fn has_more_users(&self) -> bool {
        self.users.total > self.users.items.len() as u64
    }

    fn detail(&self, record: &AuditRecord, name: &str) -> String {
        record.details.as_ref().and_then(|details| details.get(name)).map(words).unwrap_or_default()
    }
}

/// One of them, with what uses it.
pub(super) async fn one(visitor: Visitor, Path(id): Path<String>) -> PageResult {
    let Some(id) = asked::id(&id) else {
        return Err(PageError::not_found(visitor.shell, "There is no such service connector."));
    };
    let connector = Address::of("/api/v1/service_connectors/{}", &[&id]).with("expand_secrets", false);
    let connector: Connector = visitor.api.get(&connector).await.map_err(visitor.refused())?;
    let users = Address::of("/api/v1/components", &[]).with("connector_id", id).with("sort_by", "name");
    let users = visitor.api.get(&users.with("size", MOST)).await.map_err(visitor.refused())?;
    let uses = match visitor.shell.is_admin() {
        false => Vec::new(),
        true => {
            let uses = Address::of("/api/v1/audit", &[]).with("action", "connector_used");
            let uses = uses.with("subject_id", id).with("sort_by", "desc:created").with("size", MOST);
            let uses: Page<AuditRecord> = visitor.api.get(&uses).await.map_err(visitor.refused())?;
            uses.items
        }
    };
    page(&OneConnector { connector, users, uses, shell: visitor.shell })
}

/// A value as people read it: a text without its quotes.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
