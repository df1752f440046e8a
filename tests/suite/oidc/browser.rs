//! In Chromium, at the certified provider's own pages.

use super::{FarSide, server};
use crate::support::{Database, browser};

on_each_store! {
    people_sign_in_link_and_unlink_in_a_browser,
}

async fn people_sign_in_link_and_unlink_in_a_browser(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_ADMIN_GROUPS", "ops")]).await;
    browser("oidc.mjs", &app, &[("PROVIDER", &provider.url)]).await;
}
