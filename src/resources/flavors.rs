//! Flavors: what a stack component can be, and how it is configured.

use std::collections::HashMap;
use std::sync::Arc;

use sea_query::{Expr, ExprTrait};
use serde::Serialize;

use super::components::TYPES;
use super::users::UserResponse;
use crate::framework::{Read, Resource, Response, ResponseOf, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, JsonText, Timestamp};

const FLAVORS: &str = "/api/v1/flavors";
const FLAVOR: &str = "/api/v1/flavors/{flavor_id}";

pub fn routes() -> Routes {
    Routes::new().get(FLAVORS, list::<FlavorRow>).get(FLAVOR, get::<FlavorRow>)
}

row! {
    pub struct FlavorRow in "flavor" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub r#type: String,
        pub source: String,
        pub display_name: Option<String>,
        pub config_schema: JsonText,
        pub integration: Option<String>,
        pub connector_type: Option<String>,
        pub connector_resource_type: Option<String>,
        pub connector_resource_id_attr: Option<String>,
        pub user_id: Option<Id>,
        pub logo_url: Option<String>,
        pub docs_url: Option<String>,
        pub sdk_docs_url: Option<String>,
        pub is_custom: bool,
    }
}

impl Listed for FlavorRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::text("name"),
        Field::text("display_name"),
        Field::word("type", TYPES),
        Field::text("integration"),
    ];
}

#[derive(Debug, Serialize)]
pub struct FlavorBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    r#type: String,
    display_name: String,
    pub integration: Option<String>,
    source: String,
    pub logo_url: Option<String>,
    is_custom: bool,
}

#[derive(Debug, Serialize)]
pub struct FlavorMetadata {
    config_schema: JsonText,
    connector_type: Option<String>,
    connector_resource_type: Option<String>,
    connector_resource_id_attr: Option<String>,
    docs_url: Option<String>,
    sdk_docs_url: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct FlavorResources {
    user: Option<Arc<UserResponse>>,
}

impl Resource for FlavorRow {
    const NAME: &'static str = "flavor";
    type Body = FlavorBody;
    type Metadata = FlavorMetadata;
    type Resources = FlavorResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let response = |row: Self| {
            let metadata = read.metadata(|| FlavorMetadata {
                config_schema: row.config_schema,
                connector_type: row.connector_type,
                connector_resource_type: row.connector_resource_type,
                connector_resource_id_attr: row.connector_resource_id_attr,
                docs_url: row.docs_url,
                sdk_docs_url: row.sdk_docs_url,
            });
            let resources = read
                .resources(|| FlavorResources { user: row.user_id.and_then(|id| users.get(&id).cloned()) });
            let body = FlavorBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                r#type: row.r#type,
                display_name: row
                    .display_name
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| title(&row.name)),
                integration: row.integration,
                source: row.source,
                logo_url: row.logo_url,
                is_custom: row.is_custom,
            };
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// A name for people: words with a capital each.
fn title(name: &str) -> String {
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
pub type ByKind = HashMap<(String, String), Arc<ResponseOf<FlavorRow>>>;

/// The flavors of components, given by name and type, as they look inside another answer.
///
/// # Errors
/// The store's own.
pub async fn of_components<'a>(
    read: &Read<'_>,
    kinds: impl Iterator<Item = (&'a str, &'a str)>,
) -> ApiResult<ByKind> {
    let mut names: Vec<&str> = kinds.map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(ByKind::new());
    }
    let query = FlavorRow::select().and_where(Expr::col("name").is_in(names)).to_owned();
    let rows: Vec<FlavorRow> = read.app.store.fetch_all(&query).await?;
    let kinds: Vec<_> = rows.iter().map(|row| (row.name.clone(), row.r#type.clone())).collect();
    let answers = FlavorRow::responses(&read.embedded(), rows).await?;
    Ok(kinds.into_iter().zip(answers.into_iter().map(Arc::new)).collect())
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
