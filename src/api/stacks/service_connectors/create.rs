//! New connectors.

use axum::Json;
use serde::Deserialize;
use serde_json::Value;

use super::full_stack::ConnectorInfo;
use super::secrets::{LONGEST_NAME, secret_name};
use super::{ServiceConnectorRow, answer_about, shows_secrets};
use crate::api::stacks::secrets::{SealedValues, SecretValues, insert_internal, seal_internal};
use crate::connectors::{self, Configuration, Resources, SentConfiguration, read_unknown};
use crate::framework::{Answer, Context, or_taken, refuse_taken_name};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::ModelBody;
use crate::http::timestamps::SentTimestamp;
use crate::http::values::{ShortText, TextObject, TextOr};
use crate::store::{Base64Json, Id, Transaction};

/// A type, by its word or by all that is known of it.
#[derive(Debug, Deserialize)]
#[serde(from = "TextOr<String, DescribedType>")]
pub(crate) struct SentType(pub String);

#[derive(Debug, Deserialize)]
struct DescribedType {
    connector_type: String,
}

impl From<TextOr<String, DescribedType>> for SentType {
    fn from(sent: TextOr<String, DescribedType>) -> Self {
        match sent {
            TextOr::Text(word) => Self(word),
            TextOr::Object(described) => Self(described.connector_type),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServiceConnectorRequest {
    pub name: ShortText,
    pub connector_type: SentType,
    #[serde(default)]
    pub description: ShortText,
    pub auth_method: ShortText,
    #[serde(default)]
    pub resource_types: Vec<String>,
    pub resource_id: Option<ShortText>,
    /// It counts where the type isn't known.
    #[serde(default)]
    pub supports_instances: bool,
    pub expires_at: Option<SentTimestamp>,
    pub expires_skew_tolerance: Option<i32>,
    pub expiration_seconds: Option<i32>,
    #[serde(default)]
    pub configuration: SentConfiguration,
    #[serde(default)]
    pub labels: TextObject,
}

modelled!(ServiceConnectorRequest);

/// A connector that is one of its type, ready to be kept.
#[derive(Debug)]
pub(crate) struct NewConnector {
    request: ServiceConnectorRequest,
    resources: Resources,
    /// JSON of what isn't secret.
    configuration: Option<String>,
    secrets: Option<SealedValues>,
}

/// What a connector is made from that comes with a stack: it reaches all that its type does.
#[derive(Debug)]
pub(crate) struct CreatedFrom {
    pub name: ShortText,
    pub info: ConnectorInfo,
    pub labels: TextObject,
}

impl From<CreatedFrom> for ServiceConnectorRequest {
    fn from(CreatedFrom { name, info, labels }: CreatedFrom) -> Self {
        Self {
            name,
            connector_type: SentType(info.r#type),
            description: ShortText::default(),
            auth_method: info.auth_method,
            resource_types: Vec::new(),
            resource_id: None,
            supports_instances: false,
            expires_at: None,
            expires_skew_tolerance: None,
            expiration_seconds: None,
            configuration: info.configuration,
            labels,
        }
    }
}

pub(super) async fn create_connector(
    cx: Context,
    ModelBody(request): ModelBody<ServiceConnectorRequest>,
) -> Answer<ServiceConnectorRow> {
    let new = &NewConnector::of(&cx, request)?;
    let context = &cx;
    let id = cx.create(|mut tx| async move {
        let id = insert(context, &mut tx, new, new.name()).await?;
        Ok((tx, id))
    });
    answer_about(&cx, id.await?, true, shows_secrets(&cx, None)).await.map(Json)
}

/// What a connector reaches, and its configuration with the secrets apart.
///
/// # Errors
/// 400 for what its type or method doesn't take.
pub(crate) fn checked(request: &ServiceConnectorRequest) -> ApiResult<(Resources, Configuration)> {
    let sent = request.configuration.clone();
    let Some(known) = connectors::find(&request.connector_type.0) else {
        let (types, has_instances) = (request.resource_types.clone(), request.supports_instances);
        return Ok((Resources { types, has_instances }, read_unknown(sent)));
    };
    let method = known.method(request.auth_method.as_str())?;
    let resources = known.resources(&request.resource_types)?;
    let configuration = method.read(sent)?;
    let id = request.resource_id.as_ref().map(ShortText::as_str);
    known.check_id(&resources, &configuration.settings, id)?;
    method.check_expiry(request.expires_at.is_some(), request.expiration_seconds.map(i64::from))?;
    Ok((resources, configuration))
}

impl NewConnector {
    /// # Errors
    /// 400 for what its type or method doesn't take, and for larger secrets than are kept; 422 for a name that is too
    /// long; 501 where the operator wants no secrets kept.
    pub(crate) fn of(cx: &Context, request: ServiceConnectorRequest) -> ApiResult<Self> {
        if request.name.as_str().chars().count() > LONGEST_NAME {
            return Err(ApiError::too_long("name", LONGEST_NAME, "characters"));
        }
        let (resources, Configuration { settings, secrets }) = checked(&request)?;
        let secrets = seal_internal(cx, &SecretValues::from(secrets))?;
        let configuration = (!settings.is_empty()).then(|| Value::Object(settings).to_string());
        Ok(Self { request, resources, configuration, secrets })
    }

    /// The name that was asked for.
    pub(crate) fn name(&self) -> &str {
        self.request.name.as_str()
    }
}

/// Inserts a connector, with its secrets.
///
/// # Errors
/// 409 when another one has the name; the store's own.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    new: &NewConnector,
    name: &str,
) -> ApiResult<Id> {
    let request = &new.request;
    refuse_taken_name::<ServiceConnectorRow>(tx, None, name, None).await?;
    let secret = match &new.secrets {
        Some(sealed) => {
            let secret = secret_name(name, &*cx.env.random);
            Some(insert_internal(cx, tx, &secret, sealed).await?)
        }
        None => None,
    };
    let id = cx.new_id();
    let labels = (!request.labels.0.is_empty()).then(|| request.labels.to_json());
    let inserted = cx
        .insert("service_connector", id)
        .set("name", name)
        .set("connector_type", request.connector_type.0.as_str())
        .set("description", request.description.clone())
        .set("auth_method", request.auth_method.clone())
        .set("resource_types", stored_words(&new.resources.types))
        .set("resource_id", request.resource_id.clone())
        .set("supports_instances", new.resources.has_instances)
        .set("configuration", new.configuration.as_deref().map(|json| Base64Json::stored(Some(json))))
        .set("secret_id", secret)
        .set("expires_at", request.expires_at)
        .set("expires_skew_tolerance", request.expires_skew_tolerance)
        .set("expiration_seconds", request.expiration_seconds)
        .set("labels", labels.map(|json| Base64Json::stored(Some(&json))))
        .run(tx)
        .await;
    inserted.map_err(or_taken::<ServiceConnectorRow>(name))?;
    Ok(id)
}

/// A list of words as it is kept.
pub(super) fn stored_words(words: &[String]) -> Vec<u8> {
    Base64Json::stored(Some(&Value::from(words).to_string()))
}
