//! The end of a user.

use axum::Json;
use sea_query::{Expr, ExprTrait};

use super::rules;
use crate::accounts::admins::keep_an_admin;
use crate::accounts::{identities, users};
use crate::audit::{Action, Origin};
use crate::framework::Context;
use crate::http::error::ApiResult;
use crate::http::path::PathName;

/// Deletes a user who owns nothing.
pub(crate) async fn delete_user(
    cx: Context,
    origin: Origin,
    PathName(name_or_id): PathName,
) -> ApiResult<Json<()>> {
    rules::kept_here(cx.config.auth_scheme)?;
    let user = users::find(&cx.store, &name_or_id).await?;
    if rules::is_self(&cx.principal, &user) {
        return Err(rules::forbidden("Nobody may delete themselves; ask another admin."));
    }
    rules::admins_only(&cx.principal, "delete users")?;
    if user.body.is_service_account {
        return Err(users::unknown(name_or_id));
    }
    let (id, ways_in) = (user.id, cx.sign_in.ways_in);
    let event = &cx.audit.event(&origin, Action::UserDeleted).on("user", id, &user.name);
    let deleted = cx.store.write(|mut tx| async move {
        keep_an_admin(&mut tx, id, ways_in).await?;
        if rules::owns_anything(&mut tx, id).await? {
            return Err(rules::forbidden(
                "This user owns things, such as stacks or pipelines. Delete those first, or deactivate the user.",
            ));
        }
        tx.delete_where("auth_devices", [Expr::col("user_id").eq(id)]).await?;
        identities::delete_all(&mut tx, id).await?;
        let touched = tx.delete_where("user", [Expr::col("id").eq(id)]).await?;
        Ok(match touched {
            0 => tx.commit(touched).await?,
            _ => event.commit(tx, touched).await?,
        })
    });
    let deleted: ApiResult<u64> = deleted.await;
    let touched = deleted?;
    cx.auth.identities.forget(id.0).await;
    if touched == 0 { Err(users::unknown(name_or_id)) } else { Ok(Json(())) }
}
