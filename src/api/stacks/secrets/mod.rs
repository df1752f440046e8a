//! Secrets: values that stacks and steps are given, encrypted at rest.

mod internal;
mod links;
mod sealed;
mod values;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::{Deserialize, Serialize};

use crate::api::identity::users::admins_only;
use crate::auth::Principal;
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::config::SecretsStoreType;
use crate::framework::routes::Routes;
use crate::framework::{
    Context, Loader, NoResources, Owner, Resource, Response, ResponseOf, delete, list, not_found,
};
use crate::http::conditions::Part;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::fields::{Field, FieldKind, Fields, STAMPED};
use crate::http::json::JsonBody;
use crate::http::list::Listed;
use crate::http::openapi::shapes::ErrorModel;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::http::values::Name;
use crate::store::{Id, Stored, Timestamp, Transaction, Update, row};

pub(crate) use self::internal::{
    SealedValues, delete_internal, insert_internal, open_internal, replace_internal, seal_internal,
};
pub(crate) use self::links::{LINKED, Linkable, SecretNames, change_links, linked_secrets, unlink_all};
use self::values::SentValues;
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
    body SecretColumns {
        created: Timestamp,
        updated: Timestamp,
        user_id: Id,
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

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = loader.users(rows.iter().map(|row| Some(row.body.user_id))).await?;
        let response = |row: Self| {
            let resources = loader.resources(|| Owner::among(&users, Some(row.body.user_id)));
            let body = SecretBody { columns: row.body, values: SecretValues::default() };
            Response::named(row.id, row.name, body, loader.metadata(|| NoResources {}), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

#[derive(Debug, Deserialize)]
struct SecretRequest {
    name: Name,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    values: SentValues,
}

#[derive(Debug, Deserialize)]
struct SecretUpdate {
    name: Option<Name>,
    private: Option<bool>,
    values: Option<SentValues>,
}

async fn create_secret(
    cx: Context,
    JsonBody(request): JsonBody<SecretRequest>,
) -> ApiResult<Json<ResponseOf<SecretRow>>> {
    let sealed = seal(&cx, &SecretValues::of(&request.values))?;
    let id = cx.new_id();
    let (context, name, private, sealed) = (&cx, request.name.as_str(), request.private, sealed.as_str());
    let made = cx.create(|mut tx| async move {
        tx.lock(TURN).await?;
        refuse_taken(&mut tx, name, private, context.user_id(), None).await?;
        require_store(context)?;
        let inserted = context
            .insert("secret", id)
            .set("name", name)
            .set("private", private)
            .set("internal", false)
            .set("values", sealed)
            .run(&mut tx)
            .await;
        inserted.map_err(if_duplicate(|| taken(name, private)))?;
        Ok((tx, id))
    });
    let id = made.await?;
    answer_with_values(&cx, id, true).await
}

/// One secret with its values.
async fn get_secret(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<ResponseOf<SecretRow>>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    answer_with_values(&cx, id, hydrate).await
}

async fn answer_with_values(cx: &Context, id: Id, hydrate: bool) -> ApiResult<Json<ResponseOf<SecretRow>>> {
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

/// Changes a secret. Its values are replaced by those that are sent, or with `patch_values` merged with them.
async fn update_secret(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
    JsonBody(update): JsonBody<SecretUpdate>,
) -> ApiResult<Json<ResponseOf<SecretRow>>> {
    let patch = query.flag("patch_values").unwrap_or(false);
    query.finish()?;
    if let Some(sent) = &update.values {
        SecretValues::of(sent).check_size()?;
    }
    let (context, update) = (&cx, &update);
    let updated = cx.store.write(|mut tx| async move {
        tx.lock(TURN).await?;
        let mut select = SecretRow::select();
        SecretRow::narrow(&mut select, &context.principal);
        let secret = tx.fetch_optional::<SecretRow>(select.and_where(Expr::col("id").eq(id))).await?;
        let secret = secret.ok_or_else(|| not_found::<SecretRow>(id))?;
        refuse_change(context, &mut tx, &secret, update).await?;
        require_store(context)?;
        let stored = tx.fetch_optional::<StoredValues>(&select_values(id)).await?;
        let before = open(context, stored);
        let (values, sealed) = match (&update.values, before) {
            (None, Some(before)) => (before, None),
            (None, None) => return Err(not_found::<SecretRow>(id)),
            (Some(sent), before) => {
                let mut values = before.filter(|_| patch).unwrap_or_default();
                values.merge(sent);
                let sealed = seal(context, &values)?;
                (values, Some(sealed))
            }
        };
        Update::of("secret", id, context.now())
            .maybe("name", update.name.as_ref().map(Name::as_str))
            .maybe("private", update.private)
            .maybe("values", sealed)
            .run(&mut tx)
            .await?;
        Ok::<_, ApiError>(tx.commit(values).await?)
    });
    let values = updated.await?;
    answer(&cx, id, true, values).await
}

async fn delete_secret(cx: Context, id: PathId) -> ApiResult<Json<()>> {
    cx.find::<SecretRow>(id.0).await?;
    require_store(&cx)?;
    delete::<SecretRow>(cx, id).await
}

/// As in ZenML, where none are kept those from before can be seen in the list, and no more.
///
/// # Errors
/// 501 where the operator wants none kept.
fn require_store(cx: &Context) -> ApiResult<()> {
    match cx.secrets.kind {
        SecretsStoreType::Sql => Ok(()),
        SecretsStoreType::None => Err(ApiError::not_implemented(
            "This server keeps no secrets: its ZENML_SECRETS_STORE_TYPE is none.",
        )),
    }
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

async fn answer(
    cx: &Context,
    id: Id,
    hydrate: bool,
    values: SecretValues,
) -> ApiResult<Json<ResponseOf<SecretRow>>> {
    let mut answer = cx.answer_with::<SecretRow>(id, hydrate).await?;
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

/// Only the owner makes a secret private or public; a new name or scope has to be free.
async fn refuse_change(
    cx: &Context,
    tx: &mut Transaction,
    secret: &SecretRow,
    update: &SecretUpdate,
) -> ApiResult<()> {
    if update.private.is_some() && secret.body.user_id != cx.user_id() {
        let message = "Only the user who made a secret may make it private or public.";
        return Err(ApiError::illegal(message));
    }
    let name = update.name.as_ref().map_or(secret.name.as_str(), Name::as_str);
    let private = update.private.unwrap_or(secret.body.private);
    if name == secret.name && private == secret.body.private {
        return Ok(());
    }
    refuse_taken(tx, name, private, secret.body.user_id, Some(secret.id)).await
}

/// A public name is taken for all; a private one for its owner.
async fn refuse_taken(
    tx: &mut Transaction,
    name: &str,
    private: bool,
    owner: Id,
    own: Option<Id>,
) -> ApiResult<()> {
    let mut select = SecretRow::select();
    select.and_where(Expr::col("name").eq(name)).and_where(Expr::col("private").eq(private));
    if private {
        select.and_where(Expr::col("user_id").eq(owner));
    }
    let others = tx.fetch_all::<SecretRow>(&select).await?;
    if others.iter().any(|other| Some(other.id) != own) { Err(taken(name, private)) } else { Ok(()) }
}

fn taken(name: &str, private: bool) -> ApiError {
    let scope = if private { "private" } else { "public" };
    let message = format!("There is an existing {scope} secret with the name '{name}'.");
    ApiError::exists(message)
}
