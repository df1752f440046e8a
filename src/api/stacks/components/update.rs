//! Changes of a component.

use serde::Deserialize;

use super::rules::{refuse_default, refuse_taken, require_flavor, taken};
use super::{ComponentRow, configuration};
use crate::api::artifacts::store_files::{refuse_unregistered, takes_over};
use crate::api::stacks::secrets::{Linkable, SecretNames, change_links};
use crate::api::stacks::service_connectors::find_to_link;
use crate::framework::{Answer, Context};
use crate::http::error::if_duplicate;
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, Name, TextObject, nullable};
use crate::store::{Base64Json, Id, Timestamp, Update};

/// What is to change. Without a connector the one that it had is taken away, as in ZenML.
#[derive(Debug, Deserialize)]
pub(crate) struct ComponentUpdate {
    name: Option<Name>,
    configuration: Option<JsonObject>,
    #[serde(default, deserialize_with = "nullable")]
    labels: Option<Option<JsonObject>>,
    #[serde(default, deserialize_with = "nullable")]
    environment: Option<Option<TextObject>>,
    connector: Option<Id>,
    connector_resource_id: Option<String>,
    #[serde(default)]
    add_secrets: SecretNames,
    #[serde(default)]
    remove_secrets: SecretNames,
}

pub(crate) async fn update_component(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ComponentUpdate>,
) -> Answer<ComponentRow> {
    let (context, update) = (&cx, &update);
    let takes_over = update.configuration.is_some() && takes_over(&cx, &cx.find(id).await?).await?;
    cx.change_row(id, |mut tx, component: ComponentRow| async move {
        let is_new = update.connector != component.connector_id;
        let connector = find_to_link(context, &mut tx, update.connector.filter(|_| is_new)).await?;
        if let Some(connector) = connector {
            let (kind, flavor) = (component.body.r#type.as_str(), &component.body.flavor);
            require_flavor(&mut tx, flavor, kind).await?.connectable().require(&connector)?;
        }
        let mut kept = None;
        if let Some(configuration) = &update.configuration {
            let kind = (component.body.r#type.as_str(), component.body.flavor.as_str());
            let flavor = require_flavor(&mut tx, kind.1, kind.0).await?;
            let normal = configuration::normal_form(&flavor, configuration)?;
            refuse_unregistered(context, &mut tx, kind, normal.as_str()).await?;
            kept = Some(normal);
        }
        refuse_default(&component, "changed")?;
        let (name, kind) = (update.name.as_ref().map(Name::as_str), component.body.r#type.as_str());
        if let Some(name) = name {
            refuse_taken(&mut tx, name, kind, Some(id)).await?;
        }
        let owner = takes_over.then(|| context.user_id());
        let updated =
            update.change(id, kept.as_ref(), context.now()).maybe("user_id", owner).run(&mut tx).await;
        let name = name.unwrap_or_default();
        updated.map_err(if_duplicate(|| taken(name, kind)))?;
        let (add, remove) = (&update.add_secrets, &update.remove_secrets);
        change_links(context, &mut tx, Linkable::StackComponent, id, add, remove).await?;
        Ok(tx)
    })
    .await
}

impl ComponentUpdate {
    fn change(&self, id: Id, configuration: Option<&JsonObject>, now: Timestamp) -> Update {
        let labels = self.labels.as_ref().map(|json| json.as_ref().map(JsonObject::as_str));
        let environment = self.environment.as_ref().map(|texts| texts.as_ref().map(TextObject::to_json));
        let configuration = configuration.map(JsonObject::as_str);
        Update::of("stack_component", id, now)
            .maybe("name", self.name.clone())
            .maybe("configuration", configuration.map(|json| Base64Json::stored(Some(json))))
            .maybe("labels", labels.map(Base64Json::stored))
            .maybe("environment", environment.map(|json| Base64Json::stored(json.as_deref())))
            .set("connector_id", self.connector)
            .set("connector_resource_id", self.connector.and(self.connector_resource_id.clone()))
    }
}
