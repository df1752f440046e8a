//! A sign-in by the provider ends: both its sessions, all API tokens that were made in them, and the devices that were
//! approved in it.

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, Query as Sql};

use super::sign_in_rows::{self, DEVICES, SignInRow, TABLE, Whose};
use crate::accounts::users::find_accounts;
use crate::app::App;
use crate::audit::{Action, Claim, Event, Origin};
use crate::auth::revocation::Written;
use crate::auth::{Revocation, VerifiedToken};
use crate::login::origin::claim_of_token;
use crate::store::{Id, StoreError, Transaction, ids_where};
use crate::tasks;

/// Sign-ins that end in one transaction.
const AT_ONCE: u64 = 20;

/// What is to be felt here when it is durable.
#[derive(Default)]
struct Ended {
    revocations: Vec<Written>,
    devices: Vec<Id>,
}

/// Ends sign-ins with all that was made from them; durable when this returns, and felt on each replica within a second.
///
/// # Errors
/// When the database doesn't answer: then nothing has ended.
pub(super) async fn end(
    app: &App,
    rows: &[SignInRow],
    origin: &Origin,
    reason: &'static str,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    tasks::must_finish();
    // What was made just now is to be noted as ended, too.
    app.auth.register.flush().await?;
    let now = app.env.clock.now();
    let user_ids: Vec<Id> = rows.iter().map(|row| row.user_id).collect();
    let users = find_accounts(&app.auth_store, &user_ids).await?;
    let mut ends = Vec::with_capacity(rows.len());
    for row in rows {
        let user = users.iter().find(|user| user.id == row.user_id);
        let name = user.map_or("", |user| user.name.as_str());
        let event = app.audit.event(origin, Action::SignInEnded).on("user", row.user_id, name);
        ends.push((row, event.with("cause", reason).with("token_id", row.console_token_id.to_string())));
    }
    let ends = &ends;
    let ended = app.auth_store.write(|mut tx| async move {
        let (mut ended, mut events) = (Ended::default(), Vec::new());
        let mut written = Vec::with_capacity(ends.len());
        for (row, _) in ends {
            let mut of_row = Vec::new();
            for revocation in revocations_of(row) {
                of_row.push(revocation.write(&mut tx, now).await?);
            }
            written.push(of_row);
        }
        for ((row, event), written) in ends.iter().zip(written) {
            let Some((devices, descendants)) = end_in(&mut tx, row, now).await? else { continue };
            ended.revocations.extend(written);
            let event = event.clone().maybe("descendants", (descendants > 0).then_some(descendants));
            events.push(event.maybe("devices", (!devices.is_empty()).then_some(devices.len())));
            ended.devices.extend(devices);
        }
        Event::commit_all(&events.iter().collect::<Vec<_>>(), tx, ended).await
    });
    let Ended { revocations, devices } = ended.await?;
    for written in revocations {
        app.auth.revocations.note(written);
    }
    for Id(id) in devices {
        app.auth.identities.forget_device(id).await;
    }
    Ok(())
}

fn revocations_of(row: &SignInRow) -> [Revocation; 2] {
    row.tokens().map(|Id(id)| Revocation::Token { id, expires: None, user_id: row.user_id.0 })
}

/// Ends what a sign-in has left in the store: its devices, and how many API tokens; none where another replica was first.
async fn end_in(
    tx: &mut Transaction,
    row: &SignInRow,
    now: DateTime<Utc>,
) -> Result<Option<(Vec<Id>, u64)>, StoreError> {
    if tx.delete_where(TABLE, [Expr::col("id").eq(row.id)]).await? == 0 {
        return Ok(None);
    }
    let mut descendants = 0;
    for revocation in revocations_of(row) {
        descendants += revocation.take_along(tx, now).await?;
    }
    let is_of_it = Expr::col("sign_in_id").eq(row.id);
    let approved = Sql::select().column("client_id").from(DEVICES).and_where(is_of_it.clone()).to_owned();
    let clients: Vec<(Id,)> = tx.fetch_all(&approved).await?;
    if clients.is_empty() {
        return Ok(Some((Vec::new(), descendants)));
    }
    let clients = clients.into_iter().map(|(id,)| id);
    let is_approved = Expr::col("user_id").eq(row.user_id).and(Expr::col("client_id").is_in(clients));
    let devices = ids_where("auth_devices", [is_approved.clone()]);
    let devices: Vec<(Id,)> = tx.fetch_all(&devices).await?;
    if !devices.is_empty() {
        tx.delete_where("auth_devices", [is_approved]).await?;
    }
    tx.delete_where(DEVICES, [is_of_it]).await?;
    Ok(Some((devices.into_iter().map(|(id,)| id).collect(), descendants)))
}

/// Ends all of somebody's sign-ins, and says how many.
///
/// # Errors
/// When the database doesn't answer.
pub(super) async fn end_each(
    app: &App,
    origin: &Origin,
    reason: &'static str,
    whose: Whose,
) -> Result<u64, StoreError> {
    let mut count = 0;
    loop {
        let rows = sign_in_rows::some_of(&app.auth_store, &whose, AT_ONCE).await?;
        end(app, &rows, origin, reason).await?;
        count += rows.len() as u64;
        if (rows.len() as u64) < AT_ONCE {
            return Ok(count);
        }
    }
}

/// Ends all sign-ins of a person, whose identity was parted from its account.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn end_all_of(app: &App, person: &str, origin: &Origin) -> Result<u64, StoreError> {
    end_each(app, origin, "unlinked", Whose::Person(person.to_owned())).await
}

/// Ends the other session of the sign-in that a session is of, which is signed out of; false where it is of none. What was
/// made in them goes on, and so do the questions to the provider for that.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sign_out_of_other(
    app: &App,
    token: &VerifiedToken,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let Some(row) = sign_in_rows::of_verified(app, token).await? else { return Ok(false) };
    let now = app.env.clock.now();
    let expires = row.expires.map(|expires| expires.to_utc().timestamp());
    for Id(id) in row.tokens().into_iter().filter(|id| id.0 != token.id) {
        let claim = Claim { token_id: Some(Id(id)), ..claim_of_token(app, token).await };
        let event = app.audit.event(origin, Action::SignOut).by(claim);
        app.auth
            .revocations
            .revoke(Revocation::SignOut { id, expires, user_id: token.claims.sub }, &event, now)
            .await?;
    }
    sign_in_rows::note_sign_out(&app.auth_store, row.id, now).await?;
    Ok(true)
}
