//! Stacks that a cloud's own tools set up: what they make, the link or configuration they start from, and the stack that
//! they have registered. They come back with a token of whoever asked.

mod configuration;
mod deployed;
mod text;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde_json::value::RawValue;

use self::configuration::{Asked, StackDeploymentConfig};
use super::stacks;
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::config::ServerSettings;
use crate::framework::{Context, Routes};
use crate::http::error::{ApiError, ApiResult};
use crate::http::query::QueryParams;
use crate::login::api_token;
use crate::login::origin::Sender;

pub(crate) const KIND: Kind = Kind::new("stack-deployment");

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .get("/api/v1/stack-deployment/info", get_info)
        .get("/api/v1/stack-deployment/config", get_config)
        .for_full_scope()
        .secret()
        .get("/api/v1/stack-deployment/stack", deployed::get_stack)
        .needs(stacks::KIND.to(Verb::Read))
        .also(&deployed::CONNECTOR)
}

/// Clouds (contract schema StackDeploymentProvider).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    Aws,
    Gcp,
    Azure,
}

impl Provider {
    const ALL: [(&'static str, Self); 3] = [("aws", Self::Aws), ("gcp", Self::Gcp), ("azure", Self::Azure)];

    fn read(query: &mut QueryParams) -> Option<Self> {
        query.required("provider")?;
        query.choice("provider", &Self::ALL)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, provider)| *provider == self).map_or("", |(name, _)| name)
    }

    /// How a stack's label says by what it was set up.
    fn deployment(self, terraform: bool) -> &'static str {
        match self {
            _ if terraform => "terraform",
            Self::Aws => "cloud-formation",
            Self::Gcp => "deployment-manager",
            Self::Azure => "azure-cloud-shell",
        }
    }
}

/// What is known of each cloud, as it is answered.
static PROVIDERS: LazyLock<BTreeMap<String, Box<RawValue>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("providers.json")).unwrap_or_else(|error| {
        tracing::error!(%error, "what is known of the clouds can't be read");
        BTreeMap::new()
    })
});

async fn get_info(_: Principal, mut query: QueryParams) -> ApiResult<Json<&'static RawValue>> {
    let provider = Provider::read(&mut query);
    query.finish()?;
    let info = provider.and_then(|provider| PROVIDERS.get(provider.name()));
    info.map(|info| Json(&**info)).ok_or_else(ApiError::internal)
}

/// For so many seconds the tools of a cloud may come back with their token.
const TOKEN_LIFETIME: u32 = 360 * 60;

/// Where to start, with a token of the caller's own in it: it ends with the caller's, and is listed with all others.
async fn get_config(
    cx: Context,
    sender: Sender,
    headers: HeaderMap,
    mut query: QueryParams,
) -> ApiResult<Json<StackDeploymentConfig>> {
    let provider = Provider::read(&mut query);
    let stack_name = query.required("stack_name").unwrap_or_default();
    let location = query.text("location").filter(|location| !location.is_empty()).map(str::to_owned);
    let terraform = query.flag("terraform").unwrap_or(false);
    // They become lines of what a shell or Terraform reads.
    for (name, text) in [("stack_name", Some(&stack_name)), ("location", location.as_ref())] {
        if text.is_some_and(|text| text.contains(char::is_control)) {
            query.refuse(name, "value_error", "Input should have no control characters");
        }
    }
    query.finish()?;
    let Some(provider) = provider else { return Err(ApiError::internal()) };
    let server_url = base_url(&cx.config, &headers);
    let name = format!("stack deployment {stack_name}");
    let token = api_token::issue_for(&cx, &cx.principal, sender, name, TOKEN_LIFETIME).await?;
    let resource_name = format!("zenml-{}", letters(cx.env.random.bytes()));
    let asked = Asked { provider, stack_name, location, terraform, server_url, token, resource_name };
    Ok(Json(asked.configuration()))
}

fn letters(bytes: [u8; 6]) -> String {
    bytes.into_iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// Where a cloud reaches this server: as the operator says, else as the caller did, by TLS.
fn base_url(config: &ServerSettings, headers: &HeaderMap) -> String {
    if let Some(url) = &config.server_url {
        return url.0.clone();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("https://{host}{}", config.root_url_path.0)
}
