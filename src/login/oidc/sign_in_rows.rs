//! Sign-ins by a provider, as the store has them: whose they are, their tokens, and when the provider is asked again.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Cond, Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use sha2::{Digest, Sha256};
use sqlx_macros::FromRow;

use crate::app::App;
use crate::auth::oidc::provider::Provider;
use crate::auth::{Principal, VerifiedToken};
use crate::store::{Id, Insert, SecretText, Store, StoreError, Timestamp, Transaction};

pub(crate) const TABLE: &str = "zendo_oidc_sign_in";
pub(super) const DEVICES: &str = "zendo_oidc_device";
const COLUMNS: [&str; 9] = [
    "id",
    "user_id",
    "person",
    "token_id",
    "console_token_id",
    "refresh_token",
    "created",
    "expires",
    "check_ms",
];
/// Sign-ins of an account at a time; the oldest one gives way.
pub(super) const OF_AN_ACCOUNT: u64 = 100;

#[derive(Debug, FromRow)]
pub(crate) struct SignInRow {
    pub id: Id,
    pub user_id: Id,
    pub person: String,
    /// Of ZenML's session, and of the console's.
    pub token_id: Id,
    pub console_token_id: Id,
    /// Sealed.
    pub refresh_token: Option<SecretText>,
    pub created: Timestamp,
    /// When both sessions end by themselves.
    pub expires: Option<Timestamp>,
    /// Milliseconds since 1970.
    pub check_ms: Option<i64>,
}

impl SignInRow {
    pub(super) fn tokens(&self) -> [Id; 2] {
        [self.token_id, self.console_token_id]
    }

    /// Inserts a new one.
    pub(super) async fn insert(
        &self,
        tx: &mut Transaction,
        provider_session: Option<String>,
    ) -> Result<(), StoreError> {
        use secrecy::ExposeSecret;
        let refresh_token = self.refresh_token.as_ref().map(|token| token.0.expose_secret().to_owned());
        Insert::into(TABLE)
            .set("id", self.id)
            .set("user_id", self.user_id)
            .set("person", self.person.as_str())
            .set("provider_session", provider_session)
            .set("token_id", self.token_id)
            .set("console_token_id", self.console_token_id)
            .set("refresh_token", refresh_token)
            .set("created", self.created)
            .set("expires", self.expires)
            .set("check_ms", self.check_ms)
            .run(tx)
            .await
    }
}

/// The digest of what a provider calls its own session.
pub(super) fn session_digest(issuer: &str, session: &str) -> String {
    hex::encode(Sha256::new().chain_update(issuer).chain_update([0]).chain_update(session).finalize())
}

fn select() -> SelectStatement {
    Sql::select().columns(COLUMNS).from(TABLE).to_owned()
}

/// Whose sign-ins are meant.
pub(super) enum Whose {
    /// Those of a person, by their digest.
    Person(String),
    /// Those that go back to one session at the provider, by its digest.
    Session(String),
    /// Those of a person of which the provider didn't say to which session they go back.
    OfNoSession(String),
}

/// Some of somebody's sign-ins.
///
/// # Errors
/// When the database doesn't answer; so do the others.
pub(super) async fn some_of(store: &Store, whose: &Whose, most: u64) -> Result<Vec<SignInRow>, StoreError> {
    let session = || Expr::col("provider_session");
    let mut query = select();
    match whose {
        Whose::Person(person) => query.and_where(Expr::col("person").eq(person)),
        Whose::Session(digest) => query.and_where(session().eq(digest)),
        Whose::OfNoSession(person) => {
            query.and_where(Expr::col("person").eq(person)).and_where(session().is_null())
        }
    };
    store.fetch_all(query.limit(most)).await
}

/// Those of an account beyond the newest ones.
pub(super) async fn surplus(store: &Store, user_id: Id) -> Result<Vec<SignInRow>, StoreError> {
    let mut query = select();
    query
        .and_where(Expr::col("user_id").eq(user_id))
        .order_by("user_id", Order::Desc)
        .order_by("id", Order::Desc)
        .offset(OF_AN_ACCOUNT)
        .limit(OF_AN_ACCOUNT);
    store.fetch_all(&query).await
}

/// The next ones that the provider is to be asked about.
pub(super) async fn due(store: &Store, now: DateTime<Utc>, most: u64) -> Result<Vec<SignInRow>, StoreError> {
    let mut query = select();
    query
        .and_where(Expr::col("check_ms").lte(now.timestamp_millis()))
        .order_by("check_ms", Order::Asc)
        .limit(most);
    store.fetch_all(&query).await
}

/// The sign-in that the session with this token is of.
pub(crate) async fn of_token(
    store: &Store,
    user_id: Id,
    token_id: Id,
) -> Result<Option<SignInRow>, StoreError> {
    let is_one =
        Cond::any().add(Expr::col("token_id").eq(token_id)).add(Expr::col("console_token_id").eq(token_id));
    let query = select().and_where(Expr::col("user_id").eq(user_id)).cond_where(is_one).limit(1).to_owned();
    store.fetch_optional(&query).await
}

/// Moves the next question to the provider on, unless another replica has.
pub(super) async fn take(store: &Store, row: &SignInRow, until: DateTime<Utc>) -> Result<bool, StoreError> {
    let update = Sql::update()
        .table(TABLE)
        .value("check_ms", until.timestamp_millis())
        .and_where(Expr::col("id").eq(row.id))
        .and_where(Expr::col("check_ms").eq(row.check_ms))
        .to_owned();
    Ok(store.execute(&update).await? == 1)
}

/// Notes when the provider is asked again, and with what.
pub(super) async fn set_next(
    store: &Store,
    id: Id,
    sealed: Option<String>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut update = Sql::update();
    update.table(TABLE).value("check_ms", at.timestamp_millis()).and_where(Expr::col("id").eq(id));
    if let Some(sealed) = sealed {
        update.value("refresh_token", sealed);
    }
    store.execute(&update).await.map(drop)
}

/// Notes that both sessions are over; what was made in them may go on. Whether anything does is looked at in a while, when
/// each replica has written which API tokens it has made.
pub(super) async fn note_sign_out(store: &Store, id: Id, now: DateTime<Utc>) -> Result<(), StoreError> {
    const WHILE: TimeDelta = TimeDelta::minutes(1);
    let update = Sql::update()
        .table(TABLE)
        .value("expires", Timestamp::new(now))
        .value("check_ms", (now + WHILE).timestamp_millis())
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    store.execute(&update).await.map(drop)
}

/// Forgets one of which nothing lives any more.
pub(super) async fn forget(store: &Store, id: Id) -> Result<(), StoreError> {
    store.delete_where(TABLE, [Expr::col("id").eq(id)]).await.map(drop)
}

/// Whether an API token or a device that was made in it may still live.
pub(super) async fn has_offspring(
    store: &Store,
    row: &SignInRow,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let is_live = Expr::col("expires").is_null().or(Expr::col("expires").gt(Timestamp::new(now)));
    let tokens = Sql::select()
        .column("id")
        .from("zendo_api_token")
        .and_where(Expr::col("parent_id").is_in(row.tokens()))
        .and_where(is_live.and(Expr::col("revoked_with").is_null()))
        .limit(1)
        .to_owned();
    if store.fetch_optional::<(Id,)>(&tokens).await?.is_some() {
        return Ok(true);
    }
    let devices = Sql::select()
        .column("client_id")
        .from(DEVICES)
        .and_where(Expr::col("sign_in_id").eq(row.id))
        .limit(1)
        .to_owned();
    Ok(store.fetch_optional::<(Id,)>(&devices).await?.is_some())
}

/// Notes with which sign-in a person has approved their device: it ends with that.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn bind_device(
    app: &App,
    tx: &mut Transaction,
    principal: &Principal,
    client_id: Id,
    sign_in: Option<&SignInRow>,
) -> Result<(), StoreError> {
    if app.sign_in.oidc.is_none() {
        return Ok(());
    }
    tx.delete_where(
        DEVICES,
        [Expr::col("client_id").eq(client_id), Expr::col("user_id").eq(principal.user.id)],
    )
    .await?;
    match sign_in {
        Some(row) => {
            let insert = Insert::into(DEVICES).set("client_id", client_id).set("user_id", principal.user.id);
            insert.set("sign_in_id", row.id).run(tx).await
        }
        None => Ok(()),
    }
}

/// The sign-in by the provider that a principal's session is of, if it is of one.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn of_principal(app: &App, principal: &Principal) -> Result<Option<SignInRow>, StoreError> {
    match principal.token() {
        Ok(token) => of_verified(app, token).await,
        Err(_) => Ok(None),
    }
}

/// As [`of_principal`], for a token.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn of_verified(app: &App, token: &VerifiedToken) -> Result<Option<SignInRow>, StoreError> {
    if app.sign_in.oidc.is_none() || !token.is_own_sign_in() {
        return Ok(None);
    }
    of_token(&app.auth_store, Id(token.claims.sub), Id(token.id)).await
}

/// When one is looked at again: the provider is asked about it, or it may be over.
pub(super) fn next_check(
    provider: &Provider,
    has_refresh_token: bool,
    expires: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let seconds = provider.settings.recheck.0;
    match seconds > 0 && has_refresh_token {
        true => Some(now + TimeDelta::seconds(seconds.into())),
        false => expires,
    }
}

/// Forgets devices whose sign-ins are forgotten, and sign-ins of accounts that are gone.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sweep(store: &Store) -> Result<(), StoreError> {
    const AT_ONCE: u64 = 500;
    let account = Sql::select()
        .column(("user", "id"))
        .from("user")
        .and_where(Expr::col(("user", "id")).equals((TABLE, "user_id")))
        .to_owned();
    store.sweep_all(TABLE, "id", &Expr::exists(account).not(), AT_ONCE).await?;
    let sign_in = Sql::select()
        .column((TABLE, "id"))
        .from(TABLE)
        .and_where(Expr::col((TABLE, "id")).equals((DEVICES, "sign_in_id")))
        .to_owned();
    store.sweep_all(DEVICES, "sign_in_id", &Expr::exists(sign_in).not(), AT_ONCE).await
}
