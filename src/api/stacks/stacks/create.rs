//! New stacks, with components of their own.

use serde::Deserialize;

use super::StackRow;
use super::connectors::{Connectors, SentConnector, connection};
use crate::accounts::server;
use crate::api::stacks::components::create::NewComponent;
use crate::api::stacks::components::rules::{self, TURN};
use crate::api::stacks::components::{ComponentRow, ComponentType, configuration, create as components};
use crate::api::stacks::flavors;
use crate::api::stacks::secrets::{Linkable, SecretNames, change_links};
use crate::api::stacks::service_connectors::ServiceConnectorRow;
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Answer, Context, find_in, or_taken, refuse_taken_name};
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::json::JsonBody;
use crate::http::values::{InOrder, JsonObject, ShortText, TextObject, TextOr, at_most, check_name};
use crate::store::{Base64Json, Id, Insert, Transaction, Words};

pub(super) const CREATE_COMPONENT: Permission = crate::api::stacks::components::KIND.to(Verb::Create);
/// What a route may do besides to make a stack.
pub(super) const PARTS: [Also; 1] = [Also::met(CREATE_COMPONENT, "a new component")];

#[derive(Debug, Deserialize)]
pub(super) struct StackRequest {
    pub(super) name: ShortText,
    #[serde(default)]
    description: ShortText,
    stack_spec_path: Option<String>,
    pub(super) components: Components<Part>,
    environment: Option<TextObject>,
    #[serde(default)]
    secrets: SecretNames,
    pub(super) labels: Option<JsonObject>,
    #[serde(default, deserialize_with = "at_most::<200, _, _>")]
    pub(super) service_connectors: Vec<SentConnector>,
}

/// Components of one type in a stack: each takes some statements.
pub(super) const MOST_PARTS: usize = 200;

/// The parts of a stack by their type: at least an orchestrator and an artifact store.
#[derive(Debug, Deserialize)]
#[serde(try_from = "InOrder<Vec<T>>", bound = "T: Deserialize<'de>")]
pub(super) struct Components<T>(pub(super) Vec<(ComponentType, Vec<T>)>);

impl<T> TryFrom<InOrder<Vec<T>>> for Components<T> {
    type Error = String;

    fn try_from(InOrder(fields): InOrder<Vec<T>>) -> Result<Self, Self::Error> {
        let mut by_type = Vec::new();
        for (word, parts) in fields {
            let kind: ComponentType =
                word.parse().map_err(|_| format!("There is no component type '{word}'"))?;
            if parts.len() > 1 && !kind.is_repeatable() {
                return Err(format!("Value error, a stack has one component of the type '{word}'"));
            }
            if parts.len() > MOST_PARTS {
                return Err(format!("Value error, a stack has at most {MOST_PARTS} components of a type"));
            }
            by_type.push((kind, parts));
        }
        let has = |kind| by_type.iter().any(|(known, parts)| *known == kind && !parts.is_empty());
        match has(ComponentType::Orchestrator) && has(ComponentType::ArtifactStore) {
            true => Ok(Self(by_type)),
            false => Err("Value error, a stack needs an orchestrator and an artifact store".to_owned()),
        }
    }
}

/// A part of a new stack: a component that is there, or one to be made with it.
#[derive(Debug, Deserialize)]
#[serde(from = "TextOr<Id, ComponentInfo>")]
pub(super) enum Part {
    Existing(Id),
    New(ComponentInfo),
}

impl From<TextOr<Id, ComponentInfo>> for Part {
    fn from(part: TextOr<Id, ComponentInfo>) -> Self {
        match part {
            TextOr::Text(id) => Self::Existing(id),
            TextOr::Object(info) => Self::New(info),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ComponentInfo {
    pub(super) flavor: String,
    configuration: Option<JsonObject>,
    pub(super) service_connector_index: Option<i64>,
    pub(super) service_connector_resource_id: Option<String>,
}

/// Makes a stack, and those of its components that aren't there yet: all or nothing.
pub(super) async fn create_stack(cx: Context, JsonBody(request): JsonBody<StackRequest>) -> Answer<StackRow> {
    let id = cx.new_id();
    let connectors = &Connectors::of(&cx, &request).await?;
    let (context, request) = (&cx, &request);
    let made = cx.create(|mut tx| async move {
        tx.lock(TURN).await?;
        let name = request.name.as_str();
        let parts = components_of(context, &mut tx, request, connectors).await?;
        refuse_taken_name::<StackRow>(&mut tx, None, name, None).await?;
        let inserted = Insert::into("stack")
            .stamped(id, context.now())
            .set("name", name)
            .set("description", request.description.as_str())
            .set("stack_spec_path", request.stack_spec_path.clone())
            .set("labels", Base64Json::stored(Some(request.labels_or_none())))
            .set("environment", {
                let environment = request.environment.as_ref().map(TextObject::to_json);
                Base64Json::stored(environment.as_deref())
            })
            .set("user_id", context.user_id())
            .run(&mut tx)
            .await;
        inserted.map_err(or_taken::<StackRow>(name))?;
        compose(&mut tx, id, &parts).await?;
        let none = SecretNames::default();
        change_links(context, &mut tx, Linkable::Stack, id, &request.secrets, &none).await?;
        Ok((tx, (id, steps(&parts))))
    });
    let (id, steps) = made.await?;
    for step in steps {
        server::note_step(&cx.store, &step, cx.now()).await?;
    }
    cx.answer::<StackRow>(id).await
}

impl StackRequest {
    fn labels_or_none(&self) -> &str {
        self.labels.as_ref().map_or("{}", JsonObject::as_str)
    }
}

/// Components by the type under which they were named.
pub(super) type Parts = Vec<(ComponentType, Vec<ComponentRow>)>;

/// The stack's components; those that aren't there are made.
pub(super) async fn components_of(
    cx: &Context,
    tx: &mut Transaction,
    request: &StackRequest,
    connectors: &Connectors,
) -> ApiResult<Parts> {
    // First those that have to be there.
    for part in request.components.0.iter().flat_map(|(_, parts)| parts) {
        if let Part::Existing(id) = part {
            find_in::<ComponentRow>(tx, *id).await?;
        }
    }
    check_name("Stack", request.name.as_str())?;
    let connectors = connectors.find_or_make(cx, tx).await?;
    let mut by_type = Parts::new();
    for (kind, parts) in &request.components.0 {
        let mut rows = Vec::new();
        for part in parts {
            rows.push(match part {
                Part::Existing(id) => find_in::<ComponentRow>(tx, *id).await?,
                Part::New(info) => make(cx, tx, request, &connectors, *kind, info).await?,
            });
        }
        by_type.push((*kind, rows));
    }
    Ok(by_type)
}

/// Makes a component of a new stack. It has the stack's name, with something after it when that is taken.
pub(super) async fn make(
    cx: &Context,
    tx: &mut Transaction,
    request: &StackRequest,
    connectors: &[ServiceConnectorRow],
    kind: ComponentType,
    info: &ComponentInfo,
) -> ApiResult<ComponentRow> {
    cx.require(CREATE_COMPONENT)?;
    let flavor = flavors::find_kind(tx, &info.flavor, kind.as_str()).await?.ok_or_else(|| {
        let message =
            format!("There is no flavor '{}' for the component type '{}'.", info.flavor, kind.as_str());
        ApiError::value(message)
    })?;
    let configuration = info.configuration.clone().unwrap_or_default();
    let configuration = configuration::normal_form(&flavor, &configuration)?;
    let (connector, resource_id) = connection(connectors, &flavor, info, &configuration)?;
    let mut name = request.name.as_str().to_owned();
    while rules::find_named(tx, &name, kind.as_str()).await?.is_some() {
        name = format!("{}-{}", request.name.as_str(), cx.env.random.hex::<2>()).to_lowercase();
    }
    let component = NewComponent {
        name: &name,
        kind,
        flavor: &info.flavor,
        configuration: &configuration,
        labels: Some(request.labels_or_none()),
        environment: None,
        connector,
        connector_resource_id: resource_id.as_deref(),
    };
    let id = components::insert(cx, tx, &component).await?;
    find_in::<ComponentRow>(tx, id).await
}

/// Makes the components parts of the stack, the first of each type its default.
pub(super) async fn compose(tx: &mut Transaction, stack: Id, parts: &Parts) -> ApiResult<()> {
    for (kind, components) in parts {
        for (number, component) in components.iter().enumerate() {
            let inserted = Insert::into("stack_composition")
                .set("stack_id", stack)
                .set("component_id", component.id)
                .set("default_for_type", (number == 0).then(|| kind.as_str()))
                .run(tx)
                .await;
            let twice = || ApiError::value(format!("The component '{}' is named twice.", component.name));
            inserted.map_err(if_duplicate(twice))?;
        }
    }
    Ok(())
}

/// The first steps that are made with a stack that is more than local.
pub(super) fn steps(parts: &Parts) -> Vec<String> {
    let has_remote = |kind: ComponentType, local: &[&str]| {
        let mut components = parts.iter().flat_map(|(_, components)| components);
        components.any(|component| {
            component.body.r#type == kind && !local.contains(&component.body.flavor.as_str())
        })
    };
    let mut steps = Vec::new();
    if has_remote(ComponentType::Orchestrator, &["local", "local_docker"]) {
        steps.push("stack_with_remote_orchestrator_created".to_owned());
    }
    if has_remote(ComponentType::ArtifactStore, &["local"]) {
        steps.push("stack_with_remote_artifact_store_created".to_owned());
    }
    steps
}
