//! Flavors: what a stack component can be, and how it is configured.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};
use serde::Deserialize;

use super::components::ComponentType;
use super::service_connectors::Connectable;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Loader, Owner, Resource, Response, ResponseOf, Routes, delete, delete_row,
    find_in, get, list,
};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, Name, ShortText, nullable, required, yes};
use crate::seed::sync_flavors;
use crate::store::{
    Id, Insert, JoinById, JsonText, Timestamp, Transaction, Update, Word, Words, fields, number_of_rows, row,
    sent_fields,
};

pub(crate) const KIND: Kind = Kind::new("flavors");
const FLAVORS: &str = "/api/v1/flavors";
const FLAVOR: &str = "/api/v1/flavors/{flavor_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(FLAVORS, create_flavor)
        .get(FLAVORS, list::<FlavorRow>)
        .patch("/api/v1/flavors/sync", sync)
        .get(FLAVOR, get::<FlavorRow>)
        .put(FLAVOR, update_flavor)
        .delete(FLAVOR, delete::<FlavorRow>)
}

row! {
    pub struct FlavorRow in "flavor" {
        pub id: Id,
        pub name: String,
    }
    body FlavorBody: owned {
        pub r#type: Word<ComponentType>,
        source: String,
        display_name: Option<String>,
        pub integration: Option<String>,
        pub logo_url: Option<String>,
        pub is_custom: bool,
    }
    metadata FlavorMetadata {
        pub config_schema: JsonText,
        pub connector_type: Option<String>,
        pub connector_resource_type: Option<String>,
        /// The field of a configuration that names the resource.
        pub connector_resource_id_attr: Option<String>,
        docs_url: Option<String>,
        sdk_docs_url: Option<String>,
    }
}

impl FlavorRow {
    /// Which connectors its components take.
    pub(crate) fn connectable(&self) -> Connectable<'_> {
        Connectable {
            flavor: &self.name,
            connector_type: self.metadata.connector_type.as_deref(),
            resource_type: self.metadata.connector_resource_type.as_deref(),
        }
    }
}

impl Listed for FlavorRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[Field::text("name"), Field::text("display_name"), Field::word("type"), Field::text("integration")],
    ];
}

impl Resource for FlavorRow {
    const NAME: &'static str = "flavor";
    type Body = FlavorBody;
    type Metadata = FlavorMetadata;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let response = |mut row: Self| {
            let given = row.body.display_name.take().filter(|name| !name.is_empty());
            row.body.display_name = given.or_else(|| Some(title(&row.name)));
            Response::named(row.id, row.name, row.body, loader.metadata(|| row.metadata), None)
        };
        loader.owned(rows, response).await
    }

    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        let flavor = find_in::<Self>(tx, id).await?;
        refuse_used(tx, &flavor.name, None, "deleted").await?;
        delete_row::<Self>(tx, id).await
    }
}

/// A name for people: words with a capital each.
pub(crate) fn title(name: &str) -> String {
    let mut title = String::with_capacity(name.len());
    let mut in_word = false;
    for letter in name.replace('_', " ").chars() {
        match in_word {
            true => title.extend(letter.to_lowercase()),
            false => title.extend(letter.to_uppercase()),
        }
        in_word = letter.is_alphabetic();
    }
    title
}

/// Flavors by name and type of component.
pub(crate) type ByKind = HashMap<(String, Word<ComponentType>), Arc<ResponseOf<FlavorRow>>>;

/// The flavors of these names, as they look inside another answer.
///
/// # Errors
/// The store's own.
pub(crate) async fn of_components<'a>(
    loader: &Loader<'_>,
    names: impl Iterator<Item = &'a str>,
) -> ApiResult<ByKind> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(ByKind::new());
    }
    let query = FlavorRow::select().and_where(Expr::col("name").is_in(names)).to_owned();
    let rows: Vec<FlavorRow> = loader.store.fetch_all(&query).await?;
    let kinds: Vec<_> = rows.iter().map(|row| (row.name.clone(), row.body.r#type.clone())).collect();
    let answers = FlavorRow::responses(&loader.embedded(), rows).await?;
    Ok(kinds.into_iter().zip(answers.into_iter().map(Arc::new)).collect())
}

/// Whether a flavor is the component's, for joins.
pub(crate) fn is_of_component() -> SimpleExpr {
    Expr::col(("flavor", "name"))
        .equals(("stack_component", "flavor"))
        .and(Expr::col(("flavor", "type")).equals(("stack_component", "type")))
}

/// The components of stacks with their flavors, of which a query says what it wants.
pub(crate) fn components_with_flavors() -> SelectStatement {
    Sql::select()
        .from("stack_composition")
        .join_by_id("stack_component", ("stack_composition", "component_id"))
        .inner_join("flavor", is_of_component())
        .to_owned()
}

/// What a column of 65535 characters holds.
const LONGEST_SCHEMA: usize = 65_535;

#[derive(Debug, Deserialize)]
struct FlavorRequest {
    name: Name,
    r#type: ComponentType,
    config_schema: JsonObject,
    connector_type: Option<ShortText>,
    connector_resource_type: Option<ShortText>,
    connector_resource_id_attr: Option<ShortText>,
    source: ShortText,
    #[serde(deserialize_with = "required")]
    integration: Option<ShortText>,
    logo_url: Option<String>,
    docs_url: Option<String>,
    sdk_docs_url: Option<String>,
    #[serde(default = "yes")]
    is_custom: bool,
}

#[derive(Debug, Deserialize)]
struct FlavorUpdate {
    name: Option<Name>,
    r#type: Option<ComponentType>,
    config_schema: Option<JsonObject>,
    source: Option<ShortText>,
    is_custom: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    display_name: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    connector_type: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    connector_resource_type: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    connector_resource_id_attr: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    integration: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    logo_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    docs_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    sdk_docs_url: Option<Option<String>>,
}

modelled!(FlavorRequest, FlavorUpdate);

/// Makes a flavor. As in ZenML its name for people is not taken over; an update can give one.
async fn create_flavor(cx: Context, ModelBody(request): ModelBody<FlavorRequest>) -> Answer<FlavorRow> {
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    cx.create_row::<FlavorRow, _, _>(|mut tx| async move {
        let (name, kind) = (request.name.as_str(), request.r#type.as_str());
        refuse_taken(&mut tx, name, kind, None).await?;
        check_length(&request.config_schema)?;
        let inserted = Insert::into("flavor")
            .stamped(id, context.now())
            .set("name", name)
            .set("type", kind)
            .set_all(fields!(request; source, config_schema))
            .set("integration", request.integration.clone().unwrap_or_default())
            .set_all(fields!(request; connector_type, connector_resource_type, connector_resource_id_attr))
            .set("user_id", request.is_custom.then(|| context.user_id()))
            .set_all(fields!(request; logo_url, docs_url, sdk_docs_url, is_custom))
            .run(&mut tx)
            .await;
        inserted.map_err(if_duplicate(|| taken(name, kind)))?;
        Ok((tx, id))
    })
    .await
}

async fn update_flavor(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<FlavorUpdate>,
) -> Answer<FlavorRow> {
    let (now, update) = (cx.now(), &update);
    cx.change_row(id, |mut tx, flavor: FlavorRow| async move {
        let name = update.name.as_ref().map_or(flavor.name.as_str(), Name::as_str);
        let kind = match update.r#type {
            Some(kind) => kind.as_str(),
            None => flavor.body.r#type.as_str(),
        };
        if (name, kind) != (flavor.name.as_str(), flavor.body.r#type.as_str()) {
            refuse_taken(&mut tx, name, kind, Some(id)).await?;
            refuse_used(&mut tx, &flavor.name, Some(flavor.body.r#type.as_str()), "renamed").await?;
        }
        update.config_schema.as_ref().map_or(Ok(()), check_length)?;
        update.change(id, now).run(&mut tx).await?;
        Ok(tx)
    })
    .await
}

impl FlavorUpdate {
    fn change(&self, id: Id, now: Timestamp) -> Update {
        Update::of("flavor", id, now)
            .maybe("name", self.name.clone())
            .maybe("type", self.r#type.map(ComponentType::as_str))
            .maybe_all(sent_fields!(
                self;
                config_schema, source, is_custom, display_name, connector_type, connector_resource_type,
                connector_resource_id_attr, integration, logo_url, docs_url, sdk_docs_url,
            ))
    }
}

/// Makes the built-in flavors as they come with the server.
async fn sync(cx: Context) -> ApiResult<Json<()>> {
    let context = &cx;
    let synced = cx.store.write(|mut tx| async move {
        sync_flavors(&mut tx, context.now(), &*context.env.random).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    synced.await.map(Json)
}

/// The flavor of that name for that type of component.
///
/// # Errors
/// The store's own.
pub(crate) async fn find_kind(tx: &mut Transaction, name: &str, kind: &str) -> ApiResult<Option<FlavorRow>> {
    let query = FlavorRow::select()
        .and_where(Expr::col("name").eq(name))
        .and_where(Expr::col("type").eq(kind))
        .to_owned();
    Ok(tx.fetch_optional(&query).await?)
}

async fn refuse_taken(tx: &mut Transaction, name: &str, kind: &str, own: Option<Id>) -> ApiResult<()> {
    match find_kind(tx, name, kind).await? {
        Some(flavor) if Some(flavor.id) != own => Err(taken(name, kind)),
        _ => Ok(()),
    }
}

fn taken(name: &str, kind: &str) -> ApiError {
    let message = format!("A flavor with the name '{name}' and the type '{kind}' already exists.");
    ApiError::exists(message)
}

/// Components name their flavor: one that is used keeps its name, and stays.
async fn refuse_used(
    tx: &mut Transaction,
    name: &str,
    kind: Option<&str>,
    change: &'static str,
) -> ApiResult<()> {
    let mut count = Sql::select();
    count.expr(number_of_rows()).from("stack_component").and_where(Expr::col("flavor").eq(name));
    if let Some(kind) = kind {
        count.and_where(Expr::col("type").eq(kind));
    }
    match tx.fetch_optional::<(i64,)>(&count).await? {
        Some((users,)) if users > 0 => {
            let message = format!("The flavor '{name}' can't be {change}: {users} components are of it.");
            Err(ApiError::illegal(message))
        }
        _ => Ok(()),
    }
}

fn check_length(schema: &JsonObject) -> ApiResult<()> {
    if schema.as_str().chars().count() <= LONGEST_SCHEMA {
        return Ok(());
    }
    let message = format!("A flavor's configuration schema has at most {LONGEST_SCHEMA} characters.");
    Err(ApiError::value(message))
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn a_title_is_made_as_python_makes_it() {
        for (name, expected) in [("my_flavor", "My Flavor"), ("s3x", "S3X"), ("HTTP", "Http"), ("", "")] {
            assert_eq!(title(name), expected);
        }
    }
}
