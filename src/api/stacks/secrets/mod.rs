//! Secrets: values that stacks and steps are given, encrypted at rest.

mod create;
mod internal;
mod links;
mod rules;
mod sealed;
mod update;
mod values;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::Serialize;

use self::create::create_secret;
use self::rules::require_store;
use self::update::update_secret;
use crate::api::identity::users::admins_only;
use crate::auth::Principal;
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{
    Answer, Answers, Context, Loader, NoResources, Owner, Resource, Response, Routes, delete, list,
};
use crate::http::conditions::Part;
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, FieldKind, Fields, Listed, STAMPED};
use crate::http::openapi::shapes::ErrorModel;
use crate::http::path::PathId;
use crate::http::query::{Hydrate, QueryParams};
use crate::store::{Id, Stored, row};

pub(crate) use self::internal::{
    SealedValues, delete_internal, insert_internal, open_internal, open_one, replace_internal, seal_internal,
    seal_one,
};
pub(crate) use self::links::{
    LINKED, Linkable, SecretNames, change_links, linked_secrets, secret_ids, unlink_all,
};
pub(crate) use self::values::SecretValues;

pub(crate) const KIND: Kind = Kind::new("secrets");
const BACKUP: &str = "/api/v1/secrets_operations/backup";
const RESTORE: &str = "/api/v1/secrets_operations/restore";
const OPERATE: Permission = Kind::new("secrets_operations").to(Verb::Update);
const SECRETS: &str = "/api/v1/secrets";
const SECRET: &str = "/api/v1/secrets/{secret_id}";
/// Writers of secrets take turns: the schema doesn't know that a public name is taken for all.
const TURN: &str = "secrets";
/// Writing a secret is not reading it.
const VALUES: [Also; 1] = [Also::shown("/body/values", KIND.to(Verb::Read))];

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(SECRETS, create_secret)
        .secret()
        .also(&VALUES)
        .get(SECRETS, list::<SecretRow>)
        .post("/api/v1/workspaces/{workspace_name_or_id}/secrets", create_secret)
        .secret()
        .also(&VALUES)
        .get(SECRET, get_secret)
        .put(SECRET, update_secret)
        .also(&VALUES)
        .delete(SECRET, delete_secret)
        .put(BACKUP, refuse_backup)
        .needs(OPERATE)
        .put(RESTORE, refuse_restore)
        .needs(OPERATE)
}

row! {
    /// Without the values.
    pub struct SecretRow in "secret" {
        pub id: Id,
        pub name: String,
    }
    body SecretColumns: owned {
        private: bool,
    }
}

impl Listed for SecretRow {
    const FIELDS: Fields = &[
        STAMPED,
        &[
            // As in ZenML it has no effect: everyone sees the public ones and their own.
            Field { kind: FieldKind::Custom(|_| Ok(Expr::val(1).eq(1))), ..Field::scope_user() },
            Field::user(),
            Field::text("name"),
            Field {
                kind: FieldKind::Switch(|is| Some(Part::plain(Expr::col("private").eq(is)))),
                ..Field::only_flag("private")
            },
        ],
    ];
}

#[derive(Debug, Serialize)]
pub(crate) struct SecretBody {
    #[serde(flatten)]
    columns: SecretColumns,
    /// None in lists and inside other answers.
    values: SecretValues,
}

impl Resource for SecretRow {
    const NAME: &'static str = "secret";
    type Body = SecretBody;
    type Metadata = NoResources;
    type Resources = Owner;

    fn narrow(select: &mut SelectStatement, principal: &Principal) {
        let own = Expr::col("user_id").eq(principal.user.id);
        select.and_where(Expr::col("internal").eq(false)).and_where(Expr::col("private").eq(false).or(own));
    }

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let response = |row: Self| {
            let body = SecretBody { columns: row.body, values: SecretValues::default() };
            Response::named(row.id, row.name, body, loader.metadata(|| NoResources {}), None)
        };
        loader.owned(rows, response).await
    }
}

/// One secret with its values.
async fn get_secret(cx: Context, PathId(id): PathId, Hydrate(hydrate): Hydrate) -> Answer<SecretRow> {
    answer_with_values(&cx, id, hydrate).await
}

async fn answer_with_values(cx: &Context, id: Id, hydrate: bool) -> Answer<SecretRow> {
    cx.find::<SecretRow>(id).await?;
    require_store(cx)?;
    let stored = cx.store.fetch_optional::<StoredValues>(&select_values(id)).await?;
    let values = open(cx, stored).ok_or_else(|| {
        let message =
            format!("\"The values of the secret with the ID '{id}' are not there or can't be decrypted\"");
        ApiError::key(message)
    })?;
    answer(cx, id, hydrate, values).await
}

async fn delete_secret(cx: Context, id: PathId) -> ApiResult<Json<()>> {
    cx.find::<SecretRow>(id.0).await?;
    require_store(&cx)?;
    delete::<SecretRow>(cx, id).await
}

/// zendo keeps secrets in its own store alone, so there is none to back them up to.
#[utoipa::path(
    put,
    path = BACKUP,
    responses((status = 501, description = "There is no backup secrets store.", body = ErrorModel))
)]
pub(crate) async fn refuse_backup(cx: Context, mut query: QueryParams) -> ApiResult<Json<()>> {
    query.flag("ignore_errors");
    query.flag("delete_secrets");
    query.finish()?;
    admins_only(&cx.principal, "back up and restore secrets")?;
    Err(ApiError::not_implemented("No backup secrets store is configured."))
}

/// Nor one to restore them from.
#[utoipa::path(
    put,
    path = RESTORE,
    responses((status = 501, description = "There is no backup secrets store.", body = ErrorModel))
)]
pub(crate) async fn refuse_restore(cx: Context, query: QueryParams) -> ApiResult<Json<()>> {
    refuse_backup(cx, query).await
}

async fn answer(cx: &Context, id: Id, hydrate: bool, values: SecretValues) -> Answer<SecretRow> {
    let Json(mut answer) = cx.answer_with::<SecretRow>(id, hydrate).await?;
    if let Some(body) = &mut answer.body {
        body.values = values;
    }
    Ok(Json(answer))
}

/// A secret's values as they are stored: text or BLOB, or none.
type StoredValues = (Option<Vec<u8>>,);

fn select_values(id: Id) -> SelectStatement {
    Sql::select().column("values").from(SecretRow::TABLE).and_where(Expr::col("id").eq(id)).to_owned()
}

fn open(cx: &Context, stored: Option<StoredValues>) -> Option<SecretValues> {
    cx.secrets.cipher.open(&stored?.0?)
}

fn seal(cx: &Context, values: &SecretValues) -> ApiResult<String> {
    values.check_size()?;
    cx.secrets.cipher.seal(values, &*cx.env.random).map_err(|_| {
        tracing::error!("a secret's values could not be encrypted");
        ApiError::internal()
    })
}
