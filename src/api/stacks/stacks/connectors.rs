//! The service connectors of a new stack, and its components' connections to them.

use sea_query::{Expr, ExprTrait};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::create::{ComponentInfo, Part, StackRequest};
use crate::api::stacks::components::{ComponentRow, ComponentType};
use crate::api::stacks::flavors::FlavorRow;
use crate::api::stacks::service_connectors::{
    self as connectors, ConnectorInfo, CreatedFrom, NewConnector, ServiceConnectorRow,
};
use crate::framework::{Context, Resource, find_in, find_named};
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::{Counted, InOrder, JsonObject, TextObject, TextOr};
use crate::store::{Id, Transaction};

/// An attribute of some clouds: whether credentials that end are handed out in place of those that are configured.
const TEMPORARY: &str = "generate_temporary_tokens";

/// A connector that is there, or one to be made with the stack.
#[derive(Debug, Deserialize)]
#[serde(from = "TextOr<Id, ConnectorInfo>")]
pub(super) enum SentConnector {
    Existing(Id),
    New(ConnectorInfo),
}

impl From<TextOr<Id, ConnectorInfo>> for SentConnector {
    fn from(sent: TextOr<Id, ConnectorInfo>) -> Self {
        match sent {
            TextOr::Text(id) => Self::Existing(id),
            TextOr::Object(info) => Self::New(info),
        }
    }
}

impl Counted for SentConnector {
    fn number(&self) -> usize {
        1
    }
}

/// The connectors of a stack that is to be made, checked.
pub(super) struct Connectors {
    planned: Vec<Planned>,
    /// Whether what runs on the stack lives longer than temporary credentials.
    is_permanent: bool,
}

enum Planned {
    Existing(Id),
    New(Box<NewConnector>),
}

impl Connectors {
    /// Checks what was sent.
    ///
    /// # Errors
    /// 400 for what a type or method doesn't take; 422 for an index that leads to none; the store's own.
    pub(super) async fn of(cx: &Context, request: &StackRequest) -> ApiResult<Self> {
        refuse_wrong_index(request)?;
        let is_permanent = !request.service_connectors.is_empty() && runs_on_machines(cx, request).await?;
        let planned = request.service_connectors.iter().map(|sent| match sent {
            SentConnector::Existing(id) => Ok(Planned::Existing(*id)),
            SentConnector::New(info) => {
                let from = CreatedFrom {
                    name: request.name.clone(),
                    info: ConnectorInfo {
                        configuration: info.configuration.clone().with(TEMPORARY, !is_permanent),
                        ..info.clone()
                    },
                    labels: labels(request.labels.as_ref()),
                };
                NewConnector::of(cx, from.into()).map(|new| Planned::New(Box::new(new)))
            }
        });
        Ok(Self { planned: planned.collect::<ApiResult<_>>()?, is_permanent })
    }

    /// The connectors, in their order; those that aren't there are made. They have the stack's name, with something
    /// after it when that is taken.
    ///
    /// # Errors
    /// 403 for a token that may not; 404 for one that isn't there; the store's own.
    pub(super) async fn find_or_make(
        &self,
        cx: &Context,
        tx: &mut Transaction,
    ) -> ApiResult<Vec<ServiceConnectorRow>> {
        let mut rows = Vec::new();
        for planned in &self.planned {
            let row = match planned {
                Planned::Existing(id) => {
                    cx.require(connectors::LINK)?;
                    let row = find_in::<ServiceConnectorRow>(tx, *id).await?;
                    self.make_permanent(cx, tx, &row).await?;
                    row
                }
                Planned::New(new) => {
                    cx.require(connectors::CREATE)?;
                    let mut name = new.name().to_owned();
                    while find_named::<ServiceConnectorRow>(tx, None, &name).await?.is_some() {
                        name = format!("{}-{}", new.name(), cx.env.random.hex::<2>()).to_lowercase();
                    }
                    let id = connectors::insert(cx, tx, new, &name).await?;
                    find_in::<ServiceConnectorRow>(tx, id).await?
                }
            };
            rows.push(row);
        }
        Ok(rows)
    }

    /// A connector hands out what is configured, where machines would outlive its temporary credentials.
    async fn make_permanent(
        &self,
        cx: &Context,
        tx: &mut Transaction,
        row: &ServiceConnectorRow,
    ) -> ApiResult<()> {
        let mut settings = row.settings();
        let knows = crate::connectors::find(row.kind())
            .and_then(|known| known.method(row.method()).ok())
            .is_some_and(|method| method.attributes.iter().any(|known| known.name == TEMPORARY));
        if !self.is_permanent || !knows || settings.get(TEMPORARY) == Some(&Value::Bool(false)) {
            return Ok(());
        }
        settings.insert(TEMPORARY.to_owned(), false.into());
        connectors::change_settings(cx, tx, row.id, settings).await
    }
}

/// Which connector a new component uses, and which of its resources.
///
/// # Errors
/// 400 when the flavor doesn't take it, or it isn't said which of several resources.
pub(super) fn connection(
    rows: &[ServiceConnectorRow],
    flavor: &FlavorRow,
    info: &ComponentInfo,
    configuration: &JsonObject,
) -> ApiResult<(Option<Id>, Option<String>)> {
    let Some(index) = info.service_connector_index else { return Ok((None, None)) };
    let row = usize::try_from(index).ok().and_then(|index| rows.get(index)).ok_or_else(wrong_index)?;
    let connectable = flavor.connectable();
    connectable.require(row)?;
    let configured = || {
        let attribute = flavor.metadata.connector_resource_id_attr.as_deref()?;
        let configuration: Map<String, Value> = serde_json::from_str(configuration.as_str()).ok()?;
        configuration.get(attribute)?.as_str().map(str::to_owned)
    };
    let is_said = |id: &String| !id.is_empty();
    let id = info.service_connector_resource_id.clone().filter(is_said).or_else(configured);
    let id = id.filter(is_said).or_else(|| row.body.resource_id.clone());
    if id.is_none() && row.body.supports_instances {
        let (name, flavor) = (&row.name, &flavor.name);
        let message =
            format!("'{name}' reaches several resources: say which one the '{flavor}' component uses.");
        return Err(ApiError::value(message));
    }
    Ok((Some(row.id), id))
}

fn refuse_wrong_index(request: &StackRequest) -> ApiResult<()> {
    let count = i64::try_from(request.service_connectors.len()).unwrap_or(i64::MAX);
    let parts = request.components.0.iter().flat_map(|(_, parts)| parts);
    let mut indexes = parts.filter_map(|part| match part {
        Part::New(info) => info.service_connector_index,
        Part::Existing(_) => None,
    });
    if indexes.all(|index| (0..count).contains(&index)) { Ok(()) } else { Err(wrong_index()) }
}

fn wrong_index() -> ApiError {
    ApiError::invalid_request("There is no service connector with that number in the list.")
}

/// Whether the orchestrator starts machines of a cloud by itself.
async fn runs_on_machines(cx: &Context, request: &StackRequest) -> ApiResult<bool> {
    let orchestrators = request.components.0.iter().filter(|(kind, _)| *kind == ComponentType::Orchestrator);
    let Some(part) = orchestrators.flat_map(|(_, parts)| parts).next_back() else { return Ok(false) };
    let flavor = match part {
        Part::New(info) => info.flavor.clone(),
        Part::Existing(id) => {
            let select = ComponentRow::select().and_where(Expr::col("id").eq(*id)).to_owned();
            let row = cx.store.fetch_optional::<ComponentRow>(&select).await?;
            row.map(|row| row.body.flavor).unwrap_or_default()
        }
    };
    Ok(flavor.starts_with("vm_"))
}

/// The stack's labels, as texts.
fn labels(labels: Option<&JsonObject>) -> TextObject {
    let read = |json: &JsonObject| serde_json::from_str::<Map<String, Value>>(json.as_str()).ok();
    let text = |value: Value| match value {
        Value::String(text) => text,
        // As Python writes it.
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        value => value.to_string(),
    };
    let labels = labels.and_then(read).unwrap_or_default();
    InOrder(labels.into_iter().map(|(name, value)| (name, text(value))).collect())
}
