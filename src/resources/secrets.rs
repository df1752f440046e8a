//! Secrets: values that stacks and steps are given, encrypted at rest.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use serde::Serialize;

use super::users::UserResponse;
use crate::auth::Principal;
use crate::framework::{ById, NoResources, Read, Resource, Response, ResponseOf, list};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, Timestamp};

const SECRETS: &str = "/api/v1/secrets";

pub fn routes() -> Routes {
    Routes::new().get(SECRETS, list::<SecretRow>)
}

row! {
    /// Without the values.
    pub struct SecretRow in "secret" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub private: bool,
        pub user_id: Id,
    }
}

impl Listed for SecretRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::text("name"),
        Field::flag("private"),
    ];
}

#[derive(Debug, Serialize)]
pub struct SecretBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Id,
    private: bool,
    values: NoResources,
}

#[derive(Debug, Serialize)]
pub struct SecretResources {
    user: Option<Arc<UserResponse>>,
}

impl Resource for SecretRow {
    const NAME: &'static str = "secret";
    type Body = SecretBody;
    type Metadata = NoResources;
    type Resources = SecretResources;

    fn narrow(select: &mut SelectStatement, principal: &Principal) {
        let own = Expr::col("user_id").eq(principal.user.id);
        select.and_where(Expr::col("internal").eq(false)).and_where(Expr::col("private").eq(false).or(own));
    }

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| Some(row.user_id))).await?;
        let response = |row: Self| {
            let resources = read.resources(|| SecretResources { user: users.get(&row.user_id).cloned() });
            let body = SecretBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                private: row.private,
                values: NoResources {},
            };
            Response::named(row.id, row.name, body, read.metadata(|| NoResources {}), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// Ids of the secrets that each of these things gives to what runs on it, in the order of their names; when metadata
/// is wanted.
///
/// # Errors
/// The store's own.
pub async fn linked_secrets(read: &Read<'_>, kind: &'static str, ids: &[Id]) -> ApiResult<ById<Vec<Id>>> {
    let mut by_thing: ById<Vec<Id>> = ById::new();
    if ids.is_empty() || !read.metadata {
        return Ok(by_thing);
    }
    let query = Sql::select()
        .columns([("secret_resource", "resource_id"), ("secret_resource", "secret_id")])
        .from("secret_resource")
        .inner_join("secret", Expr::col(("secret", "id")).equals(("secret_resource", "secret_id")))
        .and_where(Expr::col(("secret_resource", "resource_type")).eq(kind))
        .and_where(Expr::col(("secret_resource", "resource_id")).is_in(ids.iter().copied()))
        .order_by(("secret", "name"), Order::Asc)
        .to_owned();
    for (thing, secret) in read.app.store.fetch_all::<(Id, Id)>(&query).await? {
        by_thing.entry(thing).or_default().push(secret);
    }
    Ok(by_thing)
}
