//! Stacks: which components a pipeline runs on.

mod connectors;
mod create;
mod rules;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::Serialize;
use tokio::try_join;

use super::components::ComponentRow;
use super::secrets::{self, Linkable, linked_secrets};
use super::service_connectors;
use crate::auth::kind::Kind;
use crate::framework::{
    Answers, ById, Loader, Owner, Resource, Response, ResponseOf, Routes, delete, get, list,
};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED};
use crate::http::written::or_empty_object;
use crate::store::{Base64Json, Id, InIds, JoinById, Transaction, row};

/// Which connectors a piece of work may use is up to them.
pub(crate) const KIND: Kind = Kind::new("stacks").administration();
/// The second is an older path; stacks are of no project.
const STACKS: [&str; 2] = ["/api/v1/stacks", "/api/v1/workspaces/{project_name_or_id}/stacks"];
const STACK: &str = "/api/v1/stacks/{stack_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(STACKS, create::create_stack)
        .also(&create::PARTS)
        .also(&secrets::LINKED)
        .also(&service_connectors::PARTS)
        .get(STACKS, list::<StackRow>)
        .get(STACK, get::<StackRow>)
        .put(STACK, update::update_stack)
        .also(&secrets::LINKED)
        .delete(STACK, delete::<StackRow>)
}

row! {
    pub struct StackRow in "stack" {
        pub id: Id,
        pub name: String,
    }
    body StackBody: owned {}
    metadata StackColumns {
        description: Option<String>,
        stack_spec_path: Option<String>,
        labels: Option<Base64Json>,
        #[serde(serialize_with = "or_empty_object")]
        environment: Option<Base64Json>,
    }
}

const COMPONENT: Related = Related {
    column: "id",
    rows: || {
        Sql::select()
            .column(("stack_composition", "stack_id"))
            .from("stack_composition")
            .join_by_id("stack_component", ("stack_composition", "component_id"))
            .to_owned()
    },
    fields: &[(("stack_component", "id"), FieldKind::Id), (("stack_component", "name"), FieldKind::Text)],
};
const COMPONENT_ID: Related = Related { fields: &[(("stack_component", "id"), FieldKind::Id)], ..COMPONENT };

impl Listed for StackRow {
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::text("name"),
            Field::text("description"),
            Field::related("component_id", COMPONENT_ID),
            Field::related("component", COMPONENT),
        ],
    ];
}

/// Components by their type.
type Components = BTreeMap<String, Vec<Arc<ResponseOf<ComponentRow>>>>;

#[derive(Debug, Serialize)]
pub(crate) struct StackMetadata {
    #[serde(flatten)]
    columns: StackColumns,
    components: Components,
    secrets: Vec<Id>,
}

impl Resource for StackRow {
    const NAME: &'static str = "stack";
    type Body = StackBody;
    type Metadata = StackMetadata;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let (mut components, mut secrets) =
            try_join!(components(loader, &ids), linked_secrets(loader, Linkable::Stack, &ids))?;
        let response = |row: Self| {
            let metadata = loader.metadata(|| StackMetadata {
                columns: row.metadata,
                components: components.remove(&row.id).unwrap_or_default(),
                secrets: secrets.remove(&row.id).unwrap_or_default(),
            });
            Response::named(row.id, row.name, row.body, metadata, None)
        };
        loader.owned(rows, response).await
    }

    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        rules::delete(tx, id).await
    }
}

/// The components of each stack, when metadata is wanted: of one type the stack's default first, then the oldest.
async fn components(loader: &Loader<'_>, stacks: &[Id]) -> ApiResult<ById<Components>> {
    let mut by_stack: ById<Components> = ById::new();
    if stacks.is_empty() || !loader.metadata {
        return Ok(by_stack);
    }
    let composition = |column: &'static str| ("stack_composition", column);
    let query = Sql::select()
        .columns([composition("stack_id"), composition("component_id")])
        .from("stack_composition")
        .join_by_id("stack_component", composition("component_id"))
        .and_where(Expr::col(composition("stack_id")).in_ids(stacks.iter().copied()))
        .order_by_expr(Expr::col(composition("default_for_type")).is_null(), Order::Asc)
        .order_by(("stack_component", "created"), Order::Asc)
        .order_by(("stack_component", "id"), Order::Asc)
        .to_owned();
    let links: Vec<(Id, Id)> = loader.store.fetch_all(&query).await?;
    let components =
        loader.embed::<ComponentRow>(links.iter().map(|(_, component)| Some(*component))).await?;
    for (stack, component) in links {
        let Some(component) = components.get(&component) else { continue };
        let kind = component.body.as_ref().map(|body| body.columns.r#type.to_string()).unwrap_or_default();
        by_stack.entry(stack).or_default().entry(kind).or_default().push(Arc::clone(component));
    }
    Ok(by_stack)
}
