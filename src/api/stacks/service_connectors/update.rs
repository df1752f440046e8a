//! Changes of a connector.

use axum::Json;
use serde::Deserialize;
use serde_json::Value;

use super::create::{SentType, stored_words};
use super::rules::refuse_used;
use super::secrets::{LONGEST_NAME, secret_name};
use super::{ServiceConnectorRow, answer_about, shows_secrets};
use crate::api::stacks::secrets::{
    SealedValues, SecretValues, delete_internal, insert_internal, replace_internal, seal_internal,
};
use crate::connectors::{self, Configuration, Resources, SentConfiguration, Settings, read_unknown};
use crate::framework::{Answer, Context, find_in, or_taken, refuse_taken_name};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::timestamps::SentTimestamp;
use crate::http::values::{ShortText, TextObject};
use crate::store::{Base64Json, Id, Transaction, Update};

/// What is to change. Null changes nothing, but takes away a resource id and the seconds that credentials last; without
/// resource types a connector reaches all that there are.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceConnectorUpdate {
    name: Option<ShortText>,
    connector_type: Option<SentType>,
    description: Option<ShortText>,
    auth_method: Option<ShortText>,
    resource_types: Option<Vec<String>>,
    resource_id: Option<ShortText>,
    supports_instances: Option<bool>,
    expires_at: Option<SentTimestamp>,
    expires_skew_tolerance: Option<i32>,
    expiration_seconds: Option<i32>,
    configuration: Option<SentConfiguration>,
    labels: Option<TextObject>,
}

modelled!(ServiceConnectorUpdate);

/// What a change comes to for the connector that it is of.
struct Change {
    resources: Resources,
    configuration: Option<StoredConfiguration>,
}

/// A new configuration as it is kept.
struct StoredConfiguration {
    settings: Option<Vec<u8>>,
    secrets: Option<SealedValues>,
}

pub(super) async fn update_connector(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<ServiceConnectorUpdate>,
) -> Answer<ServiceConnectorRow> {
    if update.name.as_ref().is_some_and(|name| name.as_str().chars().count() > LONGEST_NAME) {
        return Err(ApiError::too_long("name", LONGEST_NAME, "characters"));
    }
    let (context, update) = (&cx, &update);
    let updated = cx.store.write(|mut tx| async move {
        let connector = find_in::<ServiceConnectorRow>(&mut tx, id).await?;
        let name = update.name.as_ref().map(ShortText::as_str);
        refuse_taken_name::<ServiceConnectorRow>(&mut tx, None, name, Some(id)).await?;
        if update.changes_what_users_rely_on(&connector) {
            refuse_used(&mut tx, &connector, "reach or sign in otherwise").await?;
        }
        let change = update.check(context, &connector)?;
        let secret = update.change_secret(context, &mut tx, &connector, &change).await?;
        let changed = update.change(id, context, change).set("secret_id", secret).run(&mut tx).await;
        changed.map_err(or_taken::<ServiceConnectorRow>(name))?;
        if let Some(unused) = connector.secret_id.filter(|_| secret.is_none()) {
            delete_internal(&mut tx, unused).await?;
        }
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    updated.await?;
    answer_about(&cx, id, true, shows_secrets(&cx, None)).await.map(Json)
}

impl ServiceConnectorUpdate {
    fn kind<'a>(&'a self, connector: &'a ServiceConnectorRow) -> &'a str {
        self.connector_type.as_ref().map_or(connector.kind(), |sent| &sent.0)
    }

    fn method<'a>(&'a self, connector: &'a ServiceConnectorRow) -> &'a str {
        self.auth_method.as_ref().map_or(connector.method(), ShortText::as_str)
    }

    fn id(&self) -> Option<&str> {
        self.resource_id.as_ref().map(ShortText::as_str)
    }

    /// Another type, method, resource types or id than components were connected for.
    fn changes_what_users_rely_on(&self, connector: &ServiceConnectorRow) -> bool {
        let named = self.resource_types.as_ref().filter(|named| !named.is_empty());
        self.kind(connector) != connector.kind()
            || self.method(connector) != connector.method()
            || named.is_some_and(|named| *named != connector.resource_types())
            || self.id() != connector.body.resource_id.as_deref()
    }

    /// Checks the connector as it will be.
    fn check(&self, cx: &Context, connector: &ServiceConnectorRow) -> ApiResult<Change> {
        let (kind, method) = (self.kind(connector), self.method(connector));
        if (kind, method) != (connector.kind(), connector.method()) && self.configuration.is_none() {
            let message = "Another type or authentication method needs a configuration of its own.";
            return Err(ApiError::value(message));
        }
        let sent = self.configuration.clone();
        let Some(known) = connectors::find(kind) else {
            let types = self.resource_types.clone().unwrap_or_else(|| connector.resource_types());
            let has_instances = self.supports_instances.unwrap_or(connector.body.supports_instances);
            let configuration =
                sent.map(|sent| StoredConfiguration::of(cx, read_unknown(sent))).transpose()?;
            return Ok(Change { resources: Resources { types, has_instances }, configuration });
        };
        let method = known.method(method)?;
        let resources = known.resources(self.resource_types.as_deref().unwrap_or_default())?;
        let configuration = sent.map(|sent| method.read(sent)).transpose()?;
        let kept = connector.settings();
        known.check_id(&resources, configuration.as_ref().map_or(&kept, |new| &new.settings), self.id())?;
        let ends = self.expires_at.is_some() || connector.body.expires_at.is_some();
        method.check_expiry(ends, self.expiration_seconds.map(i64::from))?;
        let configuration = configuration.map(|new| StoredConfiguration::of(cx, new)).transpose()?;
        Ok(Change { resources, configuration })
    }

    /// Which secret the connector has from now on. The old one is still there.
    async fn change_secret(
        &self,
        cx: &Context,
        tx: &mut Transaction,
        connector: &ServiceConnectorRow,
        change: &Change,
    ) -> ApiResult<Option<Id>> {
        let Some(new) = &change.configuration else { return Ok(connector.secret_id) };
        match (&new.secrets, connector.secret_id) {
            (None, _) => Ok(None),
            (Some(sealed), Some(id)) => replace_internal(cx, tx, id, sealed).await.map(|()| Some(id)),
            (Some(sealed), None) => {
                let name = secret_name(&connector.name, &*cx.env.random);
                insert_internal(cx, tx, &name, sealed).await.map(Some)
            }
        }
    }

    fn change(&self, id: Id, cx: &Context, change: Change) -> Update {
        let labels = self.labels.as_ref().map(|labels| {
            let json = (!labels.0.is_empty()).then(|| labels.to_json());
            json.map(|json| Base64Json::stored(Some(&json)))
        });
        Update::of("service_connector", id, cx.now())
            .maybe("name", self.name.clone())
            .maybe("connector_type", self.connector_type.as_ref().map(|sent| sent.0.as_str()))
            .maybe("description", self.description.clone())
            .maybe("auth_method", self.auth_method.clone())
            .set("resource_types", stored_words(&change.resources.types))
            .set("resource_id", self.resource_id.clone())
            .set("supports_instances", change.resources.has_instances)
            .maybe("expires_at", self.expires_at)
            .maybe("expires_skew_tolerance", self.expires_skew_tolerance)
            .set("expiration_seconds", self.expiration_seconds)
            .maybe("configuration", change.configuration.map(|new| new.settings))
            .maybe("labels", labels)
    }
}

impl StoredConfiguration {
    fn of(cx: &Context, configuration: Configuration) -> ApiResult<Self> {
        let secrets = seal_internal(cx, &SecretValues::from(configuration.secrets))?;
        let settings = configuration.settings;
        let json = (!settings.is_empty()).then(|| Value::Object(settings).to_string());
        let settings = json.map(|json| Base64Json::stored(Some(&json)));
        Ok(Self { settings, secrets })
    }
}

/// Keeps other settings of a connector; its secrets stay.
///
/// # Errors
/// The store's own.
pub(crate) async fn change_settings(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    settings: Settings,
) -> ApiResult<()> {
    let json = Value::Object(settings).to_string();
    let stored = Base64Json::stored(Some(&json));
    Ok(Update::of("service_connector", id, cx.now()).set("configuration", stored).run(tx).await?)
}
