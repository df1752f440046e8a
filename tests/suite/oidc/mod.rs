//! People who sign in with the company's account (OpenID Connect), at the certified provider and at one that misbehaves.

mod asked;
mod browser;
mod dashboard;
mod document;
mod ending;
mod far_side;
mod linking;
mod passwords;
mod refused;
mod second;
mod several;
mod sign_in;
mod slow;
mod terminal;
mod visitor;

use far_side::FarSide;
use visitor::Visitor;

use crate::support::{Database, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";

/// What makes a server's people sign in at a provider.
pub fn settings(issuer: &str) -> [(&str, &str); 4] {
    [
        ("ZENDO_OIDC_ISSUER", issuer),
        ("ZENDO_OIDC_CLIENT_ID", "zendo"),
        ("ZENDO_OIDC_CLIENT_SECRET", "the secret of zendo"),
        ("ZENDO_OIDC_NAME", "Example"),
    ]
}

/// A server whose people sign in at a provider, with more settings.
async fn server(database: &Database, provider: &FarSide, more: &[(&str, &str)]) -> TestApp {
    let mut settings = settings(&provider.url).to_vec();
    settings.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    settings.extend(more);
    TestApp::start_with(database, &settings).await
}
