//! A connector as its service is asked for it, whether it is kept or not.

use std::time::Duration;

use chrono::TimeDelta;

use super::create::{ServiceConnectorRequest, checked};
use super::secrets::ConnectorWithSecrets;
use crate::connectors::{
    self, Ask, Configuration, ConnectorType, Credentials, ResourceType, SentConfiguration, Service,
};
use crate::framework::Context;
use crate::http::budgets::Holder;
use crate::http::error::{ApiError, ApiResult};
use crate::store::Timestamp;

/// Seconds before its end in which a connector counts as expired, where it says nothing else.
const SKEW_TOLERANCE: i64 = 300;
/// What a request waits for all that it asks.
pub(super) const PATIENCE: Duration = Duration::from_secs(16);

/// A connector that fits its type.
#[derive(Debug)]
pub(super) struct Target {
    pub kind: &'static ConnectorType,
    service: &'static dyn Service,
    method: String,
    /// Words of what it reaches.
    pub resource_types: Vec<String>,
    configuration: Configuration,
    expires_at: Option<Timestamp>,
    skew_tolerance: i64,
}

/// Why there is nothing at the far side, in words for whoever asks.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Unreached {
    #[error("the connector's authentication credentials have expired")]
    Expired,
    #[error("the connector reaches '{only}' alone, and not '{asked}'")]
    OtherResource { asked: String, only: String },
    #[error("the server asks too much of others already: try again later")]
    Busy,
    #[error("{0}")]
    Refused(String),
}

impl Target {
    /// A connector that isn't kept.
    ///
    /// # Errors
    /// 400 for what its type or method doesn't take; 501 for a type that this server doesn't serve.
    pub(super) fn of_request(request: &ServiceConnectorRequest) -> ApiResult<Self> {
        let (kind, service) = served(&request.connector_type.0)?;
        let (resources, configuration) = checked(request)?;
        Ok(Self {
            kind,
            service,
            method: request.auth_method.as_str().to_owned(),
            resource_types: resources.types,
            configuration,
            expires_at: request.expires_at.map(|moment| moment.0),
            skew_tolerance: request.expires_skew_tolerance.map_or(SKEW_TOLERANCE, i64::from),
        })
    }

    /// # Errors
    /// As [`Target::of_request`]: ZenML keeps connectors that don't fit.
    pub(super) fn of_kept(connector: &ConnectorWithSecrets) -> ApiResult<Self> {
        let row = &connector.row;
        let (kind, service) = served(row.kind())?;
        let configuration = {
            let kept = &connector.configuration;
            let sent = SentConfiguration::kept(&kept.settings, kept.secrets.iter());
            kind.method(row.method())?.read(sent)?
        };
        let types = row.resource_types();
        Ok(Self {
            kind,
            service,
            method: row.method().to_owned(),
            resource_types: kind.resources(&types)?.types,
            configuration,
            expires_at: row.body.expires_at,
            skew_tolerance: row.body.expires_skew_tolerance.unwrap_or(SKEW_TOLERANCE),
        })
    }

    /// What it reaches of that type, or the only thing that it does.
    ///
    /// # Errors
    /// 400 when it reaches nothing of that type, or several and none was named.
    pub(super) fn resource_type(&self, asked: Option<&str>) -> ApiResult<&'static ResourceType> {
        let word = match (asked.filter(|word| !word.is_empty()), self.resource_types.as_slice()) {
            (Some(asked), known) if known.iter().any(|word| word == asked) => asked,
            (None, [only]) => only,
            (None, known) => {
                let message = format!("The resource type has to be named: {}.", known.join(", "));
                return Err(ApiError::value(message));
            }
            (Some(_), known) => {
                let known = known.join(", ");
                let message = format!("The service connector reaches no such resource type, but {known}.");
                return Err(ApiError::value(message));
            }
        };
        self.kind.resource_type(word)
    }

    /// The id of the resource.
    ///
    /// # Errors
    /// 400 for an id in none of the forms; the answer is about another one inside.
    pub(super) fn resource(
        &self,
        of: &ResourceType,
        asked: Option<&str>,
    ) -> ApiResult<Result<String, Unreached>> {
        let settings = &self.configuration.settings;
        let asked = asked.filter(|id| !id.is_empty()).map(|id| of.canonical_id(settings, id)).transpose()?;
        let only = (of.ids.default)(settings).unwrap_or_default();
        Ok(match asked {
            Some(asked) if asked != only => Err(Unreached::OtherResource { asked, only }),
            _ => Ok(only),
        })
    }

    /// Whether the far side takes what the connector has.
    pub(super) async fn verify(&self, cx: &Context) -> Result<(), Unreached> {
        self.call(cx, |ask| self.service.verify(ask)).await
    }

    /// What a program signs in with.
    pub(super) async fn credentials(&self, cx: &Context) -> Result<Credentials, Unreached> {
        let made = self.call(cx, |ask| self.service.credentials(ask)).await?;
        let ends = made.expires_at.or_else(|| self.expires_at.map(Timestamp::to_utc));
        Ok(Credentials { expires_at: ends, ..made })
    }

    async fn call<'a, T, F>(
        &'a self,
        cx: &'a Context,
        service: impl FnOnce(Ask<'a>) -> F,
    ) -> Result<T, Unreached>
    where
        F: Future<Output = Result<T, connectors::Refusal>>,
    {
        if self.has_expired(cx) {
            return Err(Unreached::Expired);
        }
        let asked = async {
            let holder = Holder::Account(cx.user_id());
            let _share = cx.edge.budgets.calls.take(holder, 1).await;
            let now = cx.env.clock.now();
            let ask =
                Ask { outbound: &cx.outbound, now, method: &self.method, configuration: &self.configuration };
            service(ask).await.map_err(|refusal| Unreached::Refused(refusal.to_string()))
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(Unreached::Busy))
    }

    fn has_expired(&self, cx: &Context) -> bool {
        let tolerance = TimeDelta::try_seconds(self.skew_tolerance).unwrap_or_default();
        self.expires_at.is_some_and(|end| {
            end.to_utc().checked_sub_signed(tolerance).is_none_or(|end| end < cx.env.clock.now())
        })
    }
}

/// # Errors
/// 501 for a type that this server doesn't verify and serve.
pub(super) fn served(word: &str) -> ApiResult<(&'static ConnectorType, &'static dyn Service)> {
    let found = connectors::find(word).and_then(|known| Some((known, known.service?)));
    found.ok_or_else(|| ApiError::not_implemented(unserved(word)))
}

/// Why connectors of a type aren't verified and served.
pub(super) fn unserved(word: &str) -> String {
    format!(
        "This server verifies and serves no service connectors of the type '{word}'; a client with that type's \
         libraries does so itself."
    )
}
