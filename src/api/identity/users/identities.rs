//! Whom a provider knows as which user: linked by an admin here, or by the users themselves with a sign-in, and unlinked.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{KIND, rules};
use crate::accounts::admins::{can_sign_in, has_admin};
use crate::accounts::identities::{self, IdentityRow, LONGEST_SUBJECT, NewIdentity};
use crate::accounts::names::lock_names;
use crate::accounts::users::{self, UserRow};
use crate::app::App;
use crate::audit::{Action, Event, Origin};
use crate::auth::Principal;
use crate::framework::{Context, Routes};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::openapi::shapes::{ErrorModel, Null};
use crate::http::path::{PathName, PathNameAndId};
use crate::login::oidc::end_all_of;
use crate::store::{Id, Store, Timestamp};

const IDENTITIES: &str = "/api/v1/users/{user_name_or_id}/identities";
const IDENTITY: &str = "/api/v1/users/{user_name_or_id}/identities/{identity_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .get(IDENTITIES, list_identities)
        .post(IDENTITIES, link_identity)
        .delete(IDENTITY, unlink_identity)
}

/// A person of a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityAnswer {
    #[schema(value_type = uuid::Uuid)]
    id: Id,
    issuer: String,
    subject: String,
    /// As the provider last told it.
    email: Option<String>,
    #[schema(value_type = String)]
    created: Timestamp,
    #[schema(value_type = Option<String>)]
    last_sign_in: Option<Timestamp>,
}

impl From<IdentityRow> for IdentityAnswer {
    fn from(row: IdentityRow) -> Self {
        let IdentityRow { id, issuer, subject, email, created, last_sign_in, .. } = row;
        Self { id, issuer, subject, email, created, last_sign_in }
    }
}

/// Whom the user is to be linked to.
#[derive(Deserialize, ToSchema)]
pub(crate) struct IdentityRequest {
    /// The person at the provider, by its `sub`.
    subject: String,
    /// The provider, by its issuer identifier; the first one of this server without.
    #[serde(default)]
    issuer: Option<String>,
}

async fn find_user(store: &Store, name_or_id: &str) -> ApiResult<UserRow> {
    let user = users::find(store, name_or_id).await?;
    if user.body.is_service_account { Err(users::unknown(name_or_id)) } else { Ok(user) }
}

/// Whom the provider knows as that user, for the user and for admins.
#[utoipa::path(
    get,
    path = IDENTITIES,
    operation_id = "list_identities",
    tag = "users",
    summary = "Whom the provider knows as that user.",
    params(("user_name_or_id" = String, Path, description = "The user's name or id.")),
    responses((status = 200, description = "At most one of each provider.", body = Vec<IdentityAnswer>)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn list_identities(
    State(store): State<Store>,
    principal: Principal,
    PathName(name_or_id): PathName,
) -> ApiResult<Json<Vec<IdentityAnswer>>> {
    let user = find_user(&store, &name_or_id).await?;
    rules::oneself_or_admins_only(&principal, &user, "see whom another user is linked to")?;
    let rows = identities::list(&store, user.id).await?;
    Ok(Json(rows.into_iter().map(IdentityAnswer::from).collect()))
}

/// Links a user to a person of the provider, for admins.
#[utoipa::path(
    post,
    path = IDENTITIES,
    operation_id = "link_identity",
    tag = "users",
    summary = "Link a user to a person of the provider.",
    description = "For admins. Users link themselves on their profile page.",
    params(("user_name_or_id" = String, Path, description = "The user's name or id.")),
    request_body = IdentityRequest,
    responses(
        (status = 200, description = "All whom the user is linked to.", body = Vec<IdentityAnswer>),
        (status = 409, description = "The person is somebody else's, or the user another person's.", body = ErrorModel)
    ),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn link_identity(
    cx: Context,
    origin: Origin,
    PathName(name_or_id): PathName,
    JsonBody(request): JsonBody<IdentityRequest>,
) -> ApiResult<Json<Vec<IdentityAnswer>>> {
    rules::admins_only(&cx.principal, "link a user to a person of the provider")?;
    let none = || ApiError::value("People don't sign in by OpenID Connect on this server.");
    let oidc = cx.sign_in.oidc.as_ref().ok_or_else(none)?;
    let provider = oidc.asked(request.issuer.as_deref())?;
    let user = find_user(&cx.store, &name_or_id).await?;
    let subject = request.subject.trim();
    let length = subject.chars().count();
    if length == 0 || length > LONGEST_SUBJECT || subject.contains(char::is_control) {
        return Err(ApiError::unprocessable(format!("subject: give 1 to {LONGEST_SUBJECT} characters")));
    }
    let now = cx.env.clock.now();
    let new = &NewIdentity {
        id: cx.env.random.id_in_time(now),
        issuer: provider.issuer(),
        subject,
        email: None,
        user_id: user.id,
        now: Timestamp::new(now),
        is_here: false,
    };
    let event = cx.audit.event(&origin, Action::IdentityLinked).on("user", user.id, &user.name);
    let event = &event.with("issuer", new.issuer).with("subject", subject);
    let linked = cx.store.write(|mut tx| async move {
        lock_names(&mut tx).await?;
        new.insert(&mut tx).await?;
        Ok::<_, ApiError>(event.commit(tx, ()).await?)
    });
    linked.await?;
    let rows = identities::list(&cx.store, user.id).await?;
    Ok(Json(rows.into_iter().map(IdentityAnswer::from).collect()))
}

/// Unlinks a user from a person of the provider: the person's sign-ins here end, with all that was made from them.
#[utoipa::path(
    delete,
    path = IDENTITY,
    operation_id = "unlink_identity",
    tag = "users",
    summary = "Unlink a user from a person of the provider.",
    description = "For the user, signed in, and for admins. The person's sign-ins end, with all that was made from them.",
    params(
        ("user_name_or_id" = String, Path, description = "The user's name or id."),
        ("identity_id" = uuid::Uuid, Path, description = "The identity's id.")
    ),
    responses(
        (status = 200, description = "They are unlinked.", body = Null),
        (status = 403, description = "It is the only way in.", body = ErrorModel)
    ),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn unlink_identity(
    cx: Context,
    origin: Origin,
    PathNameAndId(name_or_id, identity_id): PathNameAndId,
) -> ApiResult<Json<()>> {
    let user = find_user(&cx.store, &name_or_id).await?;
    rules::oneself_or_admins_only(&cx.principal, &user, "unlink another user")?;
    let is_self = rules::is_self(&cx.principal, &user);
    if is_self {
        cx.principal.require_own_sign_in()?;
    }
    let rows = identities::list(&cx.store, user.id).await?;
    let row = rows.into_iter().find(|row| row.id == identity_id);
    let row = row.ok_or_else(|| unknown(identity_id))?;
    let event = cx.audit.event(&origin, Action::IdentityUnlinked).on("user", user.id, &user.name);
    let event = event.with("issuer", row.issuer.as_str()).with("subject", row.subject.as_str());
    if !unlink(&cx, &user, identity_id, is_self, &event).await? {
        return Err(unknown(identity_id));
    }
    end_all_of(&cx, &row.person, &origin).await?;
    Ok(Json(()))
}

async fn unlink(app: &App, user: &UserRow, id: Id, is_self: bool, event: &Event) -> ApiResult<bool> {
    let (user_id, ways_in) = (user.id, app.sign_in.ways_in);
    let unlinked = app.store.write(|mut tx| async move {
        tx.lock("admins").await?;
        if identities::delete(&mut tx, id, user_id).await? == 0 {
            return Ok(tx.commit(false).await?);
        }
        if is_self && !can_sign_in(&mut tx, user_id, ways_in).await? {
            return Err(rules::forbidden("This is the only way into your account."));
        }
        if user.body.is_admin && user.body.active && !has_admin(&mut tx, ways_in).await? {
            return Err(rules::forbidden(
                "This is the only way in of the last admin. Make another user an admin first.",
            ));
        }
        Ok::<_, ApiError>(event.commit(tx, true).await?)
    });
    unlinked.await
}

fn unknown(id: Id) -> ApiError {
    ApiError::key(format!("\"This user is linked to nobody with the ID '{id}'.\""))
}
