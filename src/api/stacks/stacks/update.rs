//! Changes of a stack.

use sea_query::{Expr, ExprTrait};
use serde::Deserialize;

use super::StackRow;
use super::create::{Components, Parts, compose};
use super::rules::refuse_default;
use crate::api::stacks::components::ComponentRow;
use crate::api::stacks::components::rules::TURN;
use crate::api::stacks::secrets::{Linkable, SecretNames, change_links};
use crate::framework::{Answer, Context, Resource, change_named, find_in, not_found};
use crate::http::error::ApiResult;
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, Name, ShortText, TextObject, nullable};
use crate::store::{Base64Json, Id, InIds, Stored, Timestamp, Transaction, Update, sent_fields};

#[derive(Debug, Deserialize)]
pub(super) struct StackUpdate {
    name: Option<Name>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    stack_spec_path: Option<Option<String>>,
    components: Option<Components<Id>>,
    #[serde(default, deserialize_with = "nullable")]
    environment: Option<Option<TextObject>>,
    #[serde(default, deserialize_with = "nullable")]
    labels: Option<Option<JsonObject>>,
    #[serde(default)]
    add_secrets: SecretNames,
    #[serde(default)]
    remove_secrets: SecretNames,
}

pub(super) async fn update_stack(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<StackUpdate>,
) -> Answer<StackRow> {
    let (context, update) = (&cx, &update);
    cx.change::<StackRow, _, _>(id, |mut tx| async move {
        tx.lock(TURN).await?;
        let mut parts = Parts::new();
        for (kind, ids) in update.components.iter().flat_map(|components| &components.0) {
            parts.push((*kind, find_all(&mut tx, ids).await?));
        }
        let stack = find_in::<StackRow>(&mut tx, id).await?;
        refuse_default(&stack, "changed")?;
        let name = update.name.as_ref().map(Name::as_str);
        let change = update.change(id, context.now());
        change_named(&mut tx, &stack, name, change).await?;
        if update.components.is_some() {
            let of_stack = Expr::col("stack_id").eq(id);
            tx.delete_where("stack_composition", [of_stack]).await?;
            compose(&mut tx, id, &parts).await?;
        }
        let (add, remove) = (&update.add_secrets, &update.remove_secrets);
        change_links(context, &mut tx, Linkable::Stack, id, add, remove).await?;
        Ok(tx)
    })
    .await
}

/// The components with these ids, in their order.
pub(super) async fn find_all(tx: &mut Transaction, ids: &[Id]) -> ApiResult<Vec<ComponentRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = ComponentRow::select().and_where(Expr::col("id").in_ids(ids.iter().copied())).to_owned();
    let rows: Vec<ComponentRow> = tx.fetch_all(&query).await?;
    let row = |id: &Id| {
        rows.iter().find(|row| row.id() == *id).cloned().ok_or_else(|| not_found::<ComponentRow>(*id))
    };
    ids.iter().map(row).collect()
}

impl StackUpdate {
    fn change(&self, id: Id, now: Timestamp) -> Update {
        let labels = self.labels.as_ref().map(|json| json.as_ref().map(JsonObject::as_str));
        let environment = self.environment.as_ref().map(|texts| texts.as_ref().map(TextObject::to_json));
        Update::of("stack", id, now)
            .maybe_all(sent_fields!(self; name, description, stack_spec_path))
            .maybe("labels", labels.map(Base64Json::stored))
            .maybe("environment", environment.map(|json| Base64Json::stored(json.as_deref())))
    }
}
