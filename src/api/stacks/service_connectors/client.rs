//! Credentials for whoever uses a connector: the same connector, narrowed to one resource, with what a program signs in
//! with. It isn't kept.

use axum::Json;
use serde_json::value::to_raw_value;

use super::ServiceConnectorRow;
use super::access::require_use;
use super::answers::responses;
use super::secrets::find_with_secrets;
use super::target::{Target, Unreached};
use crate::api::stacks::secrets::SecretValues;
use crate::audit::{Action, Origin};
use crate::framework::{Answer, ById, Context, not_found};
use crate::http::error::ApiError;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::{Base64Json, Timestamp};

impl From<Unreached> for ApiError {
    /// 401, as ZenML says it of whatever the far side refuses.
    fn from(reason: Unreached) -> Self {
        Self::authorization(format!("There are no credentials: {reason}."))
    }
}

pub(super) async fn get_client(
    cx: Context,
    origin: Origin,
    PathId(id): PathId,
    query: QueryParams,
) -> Answer<ServiceConnectorRow> {
    query.finish()?;
    require_use(&cx, id).await?;
    let connector = find_with_secrets(&cx, id).await?;
    let target = Target::of_kept(&connector)?;
    let of = target.resource_type(query.text("resource_type"))?;
    let resource = target.resource(of, query.text("resource_id"))??;
    let made = target.credentials(&cx).await?;
    let expires_at = made.expires_at.map(Timestamp::new);

    let event = cx.audit.event(&origin, Action::ConnectorUsed);
    let event = event
        .on("service_connector", id, &connector.row.name)
        .with("resource_type", of.word)
        .with("resource_id", resource.as_str())
        .with("credentials", made.method.as_str())
        .maybe("expires_at", expires_at.map(|end| end.to_utc().to_rfc3339()));
    cx.audit.record(event).await?;

    let mut row = connector.row;
    let now = cx.now();
    (row.body.created, row.body.updated) = (now, now);
    row.body.auth_method = Some(made.method);
    row.body.resource_types = Base64Json(to_raw_value(&[of.word]).ok());
    (row.body.resource_id, row.body.supports_instances) = (Some(resource), false);
    (row.body.expires_at, row.metadata.expiration_seconds) = (expires_at, None);
    row.metadata.configuration = Some(Base64Json(to_raw_value(&made.configuration.settings).ok()));
    row.secret_id = Some(id);
    let secrets = ById::from([(id, SecretValues::from(made.configuration.secrets))]);
    let answers = responses(&cx.read(true), vec![row], Some(secrets)).await?;
    answers.into_iter().next().map(Json).ok_or_else(|| not_found::<ServiceConnectorRow>(id))
}
