//! The server itself: what it is, and what an admin may change of it.

use askama::Template;
use axum::extract::State;

use crate::address::Address;
use crate::console::Console;
use crate::console::error::{PageResult, page};
use crate::console::shell::Shell;
use crate::console::timestamp::duration;
use crate::console::views::{Settings, SettingsBody};
use crate::console::visitor::Visitor;

#[derive(Template)]
#[template(path = "console/general.html")]
struct General {
    shell: Shell,
    settings: SettingsBody,
    zendo_version: &'static str,
    longest_token: String,
    session: String,
}

/// The server's facts, and its settings.
pub(super) async fn general(State(console): State<Console>, visitor: Visitor) -> PageResult {
    let settings: Settings =
        visitor.api.get(&Address::of("/api/v1/settings", &[])).await.map_err(visitor.refused())?;
    let config = &console.app.config;
    page(&General {
        settings: settings.body,
        zendo_version: env!("CARGO_PKG_VERSION"),
        longest_token: duration(config.generic_api_token_max_lifetime.0.into()),
        session: match config.jwt_token_expire_minutes {
            Some(minutes) => duration(u64::from(minutes.0) * 60),
            None => "until the browser is closed or the password changed".to_owned(),
        },
        shell: visitor.shell,
    })
}
