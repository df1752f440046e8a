//! New components.

use serde::Deserialize;

use super::rules::{ComponentName, refuse_taken, require_flavor, taken};
use super::{ComponentRow, ComponentType, configuration};
use crate::api::artifacts::store_files::refuse_unregistered;
use crate::api::stacks::secrets::{Linkable, SecretNames, change_links};
use crate::api::stacks::service_connectors::find_to_link;
use crate::framework::{Answer, Context};
use crate::http::error::{ApiResult, if_duplicate};
use crate::http::json::JsonBody;
use crate::http::values::{JsonObject, ShortText, TextObject, check_name};
use crate::store::{Base64Json, Id, Transaction, Words};

#[derive(Debug, Deserialize)]
pub(crate) struct ComponentRequest {
    name: ComponentName,
    r#type: ComponentType,
    flavor: ShortText,
    configuration: JsonObject,
    labels: Option<JsonObject>,
    environment: Option<TextObject>,
    connector: Option<Id>,
    connector_resource_id: Option<String>,
    #[serde(default)]
    secrets: SecretNames,
}

/// A component that is to be made.
pub(crate) struct NewComponent<'a> {
    pub name: &'a str,
    pub kind: ComponentType,
    pub flavor: &'a str,
    pub configuration: &'a JsonObject,
    /// JSON.
    pub labels: Option<&'a str>,
    pub environment: Option<String>,
    pub connector: Option<Id>,
    pub connector_resource_id: Option<&'a str>,
}

pub(crate) async fn create_component(
    cx: Context,
    JsonBody(request): JsonBody<ComponentRequest>,
) -> Answer<ComponentRow> {
    let (context, request) = (&cx, &request);
    cx.create_row::<ComponentRow, _, _>(|mut tx| async move {
        let connector = find_to_link(context, &mut tx, request.connector).await?;
        let kind = request.r#type;
        let flavor = require_flavor(&mut tx, request.flavor.as_str(), kind.as_str()).await?;
        connector.map_or(Ok(()), |connector| flavor.connectable().require(&connector))?;
        let configuration = configuration::normal_form(&flavor, &request.configuration)?;
        check_name("Component", request.name.0.as_str())?;
        let component = NewComponent {
            name: request.name.0.as_str(),
            kind,
            flavor: request.flavor.as_str(),
            configuration: &configuration,
            labels: request.labels.as_ref().map(JsonObject::as_str),
            environment: request.environment.as_ref().map(TextObject::to_json),
            connector: request.connector,
            connector_resource_id: request.connector_resource_id.as_deref(),
        };
        let id = insert(context, &mut tx, &component).await?;
        let (kind, none) = (Linkable::StackComponent, SecretNames::default());
        change_links(context, &mut tx, kind, id, &request.secrets, &none).await?;
        Ok((tx, id))
    })
    .await
}

/// Inserts a component whose configuration was checked.
///
/// # Errors
/// 403 for a folder of this machine that no admin has registered; 409 when another one of its type has the name; the
/// store's own.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    component: &NewComponent<'_>,
) -> ApiResult<Id> {
    let (name, kind) = (component.name, component.kind.as_str());
    let configuration = component.configuration.as_str();
    refuse_unregistered(cx, tx, (kind, component.flavor), configuration).await?;
    refuse_taken(tx, name, kind, None).await?;
    let id = cx.new_id();
    let inserted = cx
        .insert("stack_component", id)
        .set("name", name)
        .set("type", kind)
        .set("flavor", component.flavor)
        .set("configuration", Base64Json::stored(Some(configuration)))
        .set("labels", Base64Json::stored(component.labels))
        .set("environment", Base64Json::stored(component.environment.as_deref()))
        .set("connector_id", component.connector)
        .set("connector_resource_id", component.connector_resource_id)
        .run(tx)
        .await;
    inserted.map_err(if_duplicate(|| taken(name, kind)))?;
    Ok(id)
}
