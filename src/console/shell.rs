//! What every page has around it.

use std::fmt::Display;

use chrono::{DateTime, Utc};

use super::timestamp::{Shown, Timestamp};
use super::views::{ServerInfo, User};
use crate::address::Address;

/// The page that the console opens with, behind the root path.
pub(super) const HOME: &str = "/console/settings/api-tokens";

/// The pages of the settings: path, name, and whether they are for admins alone.
const SECTIONS: [(&str, &str, bool); 11] = [
    ("/console/settings/general", "General", false),
    (HOME, "API Tokens", false),
    ("/console/settings/service-accounts", "Service Accounts", false),
    ("/console/settings/connectors", "Connectors", false),
    ("/console/settings/trusted-workloads", "Trusted workloads", true),
    ("/console/settings/devices", "Devices", false),
    ("/console/settings/webhooks", "Webhooks", false),
    ("/console/settings/members", "Members", true),
    ("/console/settings/profile", "Profile", false),
    ("/console/settings/warnings", "Warnings", false),
    ("/console/settings/audit-log", "Audit log", true),
];

/// The frame of a page: whose server it is, who looks at it, and what its links and scripts need.
#[derive(Clone, Default)]
pub(super) struct Shell {
    /// Where all paths start; empty, or a path without a slash at its end.
    pub root: String,
    /// The name of this version of the style sheet and scripts.
    pub assets: String,
    pub server: ServerInfo,
    /// Whoever is signed in.
    pub user: Option<User>,
    /// The session's, which goes with every change; empty where sessions have none.
    pub csrf_token: String,
    /// The path that was asked for.
    pub path: String,
    /// As the server's clock has it.
    pub now: DateTime<Utc>,
}

impl Shell {
    pub(super) fn is_admin(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.body.is_admin)
    }

    pub(super) fn user_name(&self) -> &str {
        self.user.as_ref().map_or("", |user| &user.name)
    }

    /// Whether people sign in to the console, and can sign out of it.
    pub(super) fn has_sessions(&self) -> bool {
        matches!(self.server.auth_scheme.as_str(), "OAUTH2_PASSWORD_BEARER" | "EXTERNAL")
    }

    /// Whether users and their passwords are kept by another service.
    pub(super) fn is_external(&self) -> bool {
        self.server.auth_scheme == "EXTERNAL"
    }

    /// The pages of the settings that its visitor may see.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_admin = self.is_admin();
        SECTIONS
            .into_iter()
            .filter(move |(.., for_admins)| is_admin || !for_admins)
            .map(|(path, label, _)| (path, label))
    }

    /// Whether the page is this one, or below it.
    pub(super) fn is_in(&self, path: &'static str) -> bool {
        self.path.starts_with(self.at(path).as_str())
    }

    /// An address of the server.
    pub(super) fn at(&self, path: &'static str) -> Address {
        self.to(path, &[])
    }

    /// An address of the server with parts that come from elsewhere, one for each `{}` of `pattern`.
    pub(super) fn to(&self, pattern: &'static str, parts: &[&dyn Display]) -> Address {
        Address::of(pattern, parts).below(&self.root)
    }

    /// The page itself, without its query.
    pub(super) fn here(&self) -> Address {
        Address::asked(&self.path, &self.root).unwrap_or_else(|| self.at(HOME))
    }

    /// The address of a style sheet, script or picture.
    pub(super) fn asset(&self, name: &'static str) -> Address {
        self.to("/console/assets/{}/{}", &[&self.assets, &name])
    }

    /// A moment, as seen from now.
    pub(super) fn ago(&self, moment: &Timestamp) -> Shown {
        moment.shown(self.now)
    }
}
