//! Whose account a person has, which is made at their first sign-in; and what their groups make of it.

use sea_query::{Expr, ExprTrait, Query as Sql};
use sqlx_macros::FromRow;
use uuid::Uuid;

use crate::accounts::admins::is_last_admin;
use crate::accounts::identities::{self, NewIdentity};
use crate::accounts::names::{check_name, lock_names};
use crate::app::App;
use crate::audit::{Action, Claim, Event, Origin};
use crate::auth::oidc::person::Person;
use crate::auth::oidc::provider::Provider;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::values::{Name, ShortText};
use crate::store::{Id, Insert, Timestamp, Transaction};

/// An account as a sign-in finds it.
#[derive(Debug, FromRow)]
struct Found {
    id: Id,
    name: String,
    active: bool,
    is_admin: bool,
}

async fn find(tx: &mut Transaction, id: Id) -> ApiResult<Option<Found>> {
    let query = Sql::select()
        .columns(["id", "name", "active", "is_admin"])
        .from("user")
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("is_service_account").eq(false))
        .to_owned();
    Ok(tx.fetch_optional(&query).await?)
}

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::credentials(message)
}

/// The account of a person who signs in: the one that they are linked to, or a new one.
///
/// # Errors
/// 401 for an account that isn't active, or that may not be made.
pub(super) async fn sign_in(
    app: &App,
    provider: &Provider,
    person: &Person,
    origin: &Origin,
) -> ApiResult<Id> {
    let now = Timestamp::new(app.env.clock.now());
    let settings = &provider.settings;
    let digest = &identities::digest(provider.issuer(), &person.subject);
    let is_admin = person.is_admin(settings);
    let email = person.verified_email();
    let (user_id, identity_id) = (app.env.random.id(), app.env.random.id_in_time(now.to_utc()));
    let name = person.user_name(settings).map(str::to_owned);
    let engine = app.auth_store.engine();
    let (name, origin_ref) = (&name, origin);
    let id = app.auth_store.write(|mut tx| async move {
        lock_names(&mut tx).await?;
        tx.lock("admins").await?;
        if let Some(identity) = identities::find_person(&mut tx, digest).await? {
            let found = find(&mut tx, identity.user_id).await?;
            let found = found.ok_or_else(|| refused("The account of this person is gone."))?;
            if !found.active {
                return Err(refused(format!("The account '{}' is not active.", found.name)));
            }
            identities::note_sign_in(&mut tx, identity.id, email, now).await?;
            let event = match is_admin {
                Some(is_admin) => follow_groups(app, &mut tx, &found, is_admin, origin_ref).await?,
                None => None,
            };
            return Ok(match event {
                Some(event) => event.commit(tx, found.id).await?,
                None => tx.commit(found.id).await?,
            });
        }
        if !settings.create_accounts.0 {
            return Err(refused(
                "This person has no account here. Somebody who has one links it on their profile page; an admin can do \
                 it for others.",
            ));
        }
        let name = name.as_ref().map_err(|error| refused(error.to_string()))?;
        let name = ShortText::try_from(name.clone()).ok().and_then(|name| Name::try_from(name).ok());
        let name = name.ok_or_else(|| refused("The provider's name of this person can't be an account's."))?;
        let is_admin = is_admin.unwrap_or(false);
        insert(&mut tx, engine, (user_id, name.as_str()), person, is_admin, now).await?;
        let issuer = provider.issuer();
        let subject = person.subject.as_str();
        let new = NewIdentity { id: identity_id, issuer, subject, email, user_id, now, is_here: true };
        new.insert(&mut tx).await?;
        let claim = Claim { account: Some((user_id, name.as_str().to_owned())), ..Claim::of("oidc") };
        let made = app.audit.event(origin_ref, Action::UserCreated).by(claim.clone());
        let made = made.on("user", user_id, name.as_str()).with("is_admin", is_admin);
        let linked = linked_event(app, origin_ref, (user_id, name.as_str()), &new).by(claim);
        Ok(Event::commit_all(&[&made, &linked], tx, user_id).await?)
    });
    let id: Id = id.await?;
    app.auth.identities.forget(id.0).await;
    Ok(id)
}

async fn insert(
    tx: &mut Transaction,
    engine: crate::store::Engine,
    (id, name): (Id, &str),
    person: &Person,
    is_admin: bool,
    now: Timestamp,
) -> ApiResult<()> {
    let taken = || {
        refused(format!(
            "There is an account named '{name}' here already, which may be somebody else's. Whoever has it links it on \
             their profile page; an admin can do it for them."
        ))
    };
    check_name(tx, engine, id, name).await.map_err(|_| taken())?;
    let insert = Insert::into("user")
        .stamped(id, now)
        .set("name", name)
        .set("full_name", person.full_name().unwrap_or_default())
        .set("email", person.verified_email())
        .set("is_service_account", false)
        .set("active", true)
        .set("is_admin", is_admin)
        .set("oidc_claims", "null");
    insert.run(tx).await.map_err(if_duplicate(taken))
}

/// Makes the account what its person's groups say, but for the last admin; with the record of it.
async fn follow_groups(
    app: &App,
    tx: &mut Transaction,
    found: &Found,
    is_admin: bool,
    origin: &Origin,
) -> ApiResult<Option<Event>> {
    if found.is_admin == is_admin {
        return Ok(None);
    }
    if !is_admin && is_last_admin(tx, found.id, app.sign_in.ways_in).await? {
        tracing::warn!(user = %found.name, "the last admin stays one, though in no group of ZENDO_OIDC_ADMIN_GROUPS");
        return Ok(None);
    }
    let update = Sql::update()
        .table("user")
        .value("is_admin", is_admin)
        .value("updated", Timestamp::new(app.env.clock.now()))
        .and_where(Expr::col("id").eq(found.id))
        .to_owned();
    tx.execute(&update).await?;
    let claim = Claim { account: Some((found.id, found.name.clone())), ..Claim::of("oidc") };
    let event = app.audit.event(origin, Action::UserUpdated).by(claim).on("user", found.id, &found.name);
    Ok(Some(event.with("changed", vec!["is_admin"]).with("is_admin", is_admin).with("cause", "groups")))
}

/// Makes an account what its person's groups say.
///
/// # Errors
/// When the database doesn't answer.
pub(super) async fn set_admin(app: &App, id: Id, is_admin: bool, origin: &Origin) -> ApiResult<()> {
    let changed = app.auth_store.write(|mut tx| async move {
        tx.lock("admins").await?;
        let event = match find(&mut tx, id).await? {
            Some(found) => follow_groups(app, &mut tx, &found, is_admin, origin).await?,
            None => None,
        };
        Ok::<_, ApiError>(match event {
            Some(event) => event.commit(tx, true).await?,
            None => tx.commit(false).await?,
        })
    });
    if changed.await? {
        app.auth.identities.forget(id.0).await;
    }
    Ok(())
}

/// Links a person to the account of somebody who is signed in.
///
/// # Errors
/// 409 for a person or an account that is linked already.
pub(super) async fn link(
    app: &App,
    provider: &Provider,
    person: &Person,
    (user_id, name): (Uuid, &str),
    origin: &Origin,
) -> ApiResult<()> {
    let now = app.env.clock.now();
    let new = &NewIdentity {
        id: app.env.random.id_in_time(now),
        issuer: provider.issuer(),
        subject: &person.subject,
        email: person.verified_email(),
        user_id: Id(user_id),
        now: Timestamp::new(now),
        is_here: true,
    };
    let event = &linked_event(app, origin, (Id(user_id), name), new);
    let linked = app.auth_store.write(|mut tx| async move {
        lock_names(&mut tx).await?;
        new.insert(&mut tx).await?;
        Ok::<_, ApiError>(event.commit(tx, ()).await?)
    });
    linked.await
}

fn linked_event(app: &App, origin: &Origin, (id, name): (Id, &str), new: &NewIdentity<'_>) -> Event {
    let event = app.audit.event(origin, Action::IdentityLinked).on("user", id, name);
    event.with("issuer", new.issuer).with("subject", new.subject)
}
