//! In Chromium, at the certified provider's own pages.

use super::{FarSide, server};
use crate::support::{Database, browser, official_dashboard};

on_each_store! {
    people_sign_in_link_and_unlink_in_a_browser,
    one_sign_in_is_for_console_and_dashboard_and_one_sign_out_ends_both,
    groups_let_in_and_make_admins_in_a_browser,
}

async fn people_sign_in_link_and_unlink_in_a_browser(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[("ZENDO_OIDC_ADMIN_GROUPS", "ops")]).await;
    browser("oidc.mjs", &app, &[("PROVIDER", &provider.url)]).await;
}

async fn one_sign_in_is_for_console_and_dashboard_and_one_sign_out_ends_both(database: Database) {
    let (Some(provider), Some(files)) = (FarSide::certified().await, official_dashboard()) else { return };
    let files = files.display().to_string();
    let settings = [("ZENML_SERVER_DASHBOARD_FILES_PATH", files.as_str())];
    let app = server(&database, &provider, &settings).await;
    let other = server(&database, &provider, &settings).await;
    browser("oidc_dashboard.mjs", &app, &[("PROVIDER", &provider.url), ("OTHER", &other.url())]).await;
}

async fn groups_let_in_and_make_admins_in_a_browser(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let groups = [("ZENDO_OIDC_ALLOWED_GROUPS", "ml,ops"), ("ZENDO_OIDC_ADMIN_GROUPS", "ops")];
    let app = server(&database, &provider, &groups).await;
    browser("oidc_groups.mjs", &app, &[("PROVIDER", &provider.url)]).await;
}
