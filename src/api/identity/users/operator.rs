//! What the operator does to users on the store itself, for the case that nobody can sign in any more.

use sea_query::{Expr, ExprTrait, Order};

use super::create::UserRequest;
use super::update::{Changes, NewPassword, TokensEnd};
use super::{credentials, rules};
use crate::accounts::admins::WaysIn;
use crate::accounts::names::take_name;
use crate::accounts::operator_password;
use crate::accounts::server;
use crate::accounts::users::{self, UserRow};
use crate::audit::{Action, Audit, Event, Origin};
use crate::auth::throttle::{Subject, Throttle};
use crate::auth::{Passwords, known_places};
use crate::config::{AuthScheme, Config};
use crate::env::Environment;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Store, StoreError, Timestamp};

/// Whoever can open the store may do all that an admin may, and set passwords besides.
#[derive(Debug)]
pub(crate) struct Operator {
    store: Store,
    passwords: Passwords,
    scheme: AuthScheme,
    ways_in: WaysIn,
    audit: Audit,
    environment: Environment,
}

/// What came of making a user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Made {
    User,
    /// The first admin of a server that waited for one: it is active now.
    FirstAdmin,
}

impl Operator {
    pub(crate) fn new(store: Store, config: &Config, audit: Audit, environment: Environment) -> Self {
        let passwords = Passwords::new(1, environment.password_cost);
        Self {
            store,
            passwords,
            scheme: config.server.auth_scheme,
            ways_in: WaysIn::of(config),
            audit,
            environment,
        }
    }

    /// Ends the work on the store.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.audit.close().await {
            tracing::warn!(%error, "audit records could not be written");
        }
        self.store.close().await;
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// All users, by name. Service accounts are none: they have keys and no password.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub(crate) async fn list(&self) -> Result<Vec<UserRow>, StoreError> {
        let mut select = users::select();
        select.and_where(Expr::col("is_service_account").eq(false)).order_by("name", Order::Asc);
        self.store.fetch_all(&select).await
    }

    /// The user with that name or id.
    ///
    /// # Errors
    /// 404 when there is none, 403 where another service keeps the users.
    pub(crate) async fn find(&self, name_or_id: &str) -> ApiResult<UserRow> {
        rules::kept_here(self.scheme)?;
        let user = users::find(&self.store, name_or_id).await?;
        if user.body.is_service_account { Err(users::unknown(name_or_id)) } else { Ok(user) }
    }

    /// Whether such a user can be made.
    ///
    /// # Errors
    /// 409 for a name that is taken, 403 where another service keeps the users, or the server waits for an admin.
    pub(crate) async fn check_new(&self, user: &UserRequest) -> ApiResult<()> {
        rules::kept_here(self.scheme)?;
        if !user.is_admin && !server::find(&self.store).await?.body.active {
            return Err(rules::forbidden("This server waits for its first admin: make one before others."));
        }
        match users::find(&self.store, user.name.as_str()).await {
            Ok(other) if other.name == user.name.as_str() => Err(user.taken()),
            _ => Ok(()),
        }
    }

    /// Makes a user, who is active. An admin activates the server that waits for one.
    ///
    /// # Errors
    /// As [`Operator::check_new`].
    pub(crate) async fn create(&self, user: &UserRequest, password: NewPassword) -> ApiResult<Made> {
        self.check_new(user).await?;
        let now = self.now();
        let id = self.environment.random.id();
        let insert = user.insert(id, now);
        let engine = self.store.engine();
        let insert = credentials::insert_password(&self.passwords, engine, insert, password, now).await?;
        let created = user.event(&self.audit, &Origin::operator(), id);
        let activated = self.audit.event(&Origin::operator(), Action::ServerActivated);
        let (statement, created, server_activated) = (&insert.statement(), &created, &activated);
        let made = self.store.write(|mut tx| async move {
            take_name(&mut tx, engine, id, user.name.as_str()).await?;
            let activated = match user.is_admin {
                true => tx.execute(&server::activation(now)).await?,
                false => 0,
            };
            tx.execute(statement).await.map_err(|error| user.refused(error))?;
            operator_password::note(&mut tx, id, now.to_utc()).await?;
            Ok::<_, ApiError>(match activated {
                0 => created.commit(tx, Made::User).await?,
                _ => Event::commit_all(&[server_activated, created], tx, Made::FirstAdmin).await?,
            })
        });
        made.await
    }

    /// Sets a password. Tokens from before it end, and failed sign-ins are forgotten.
    ///
    /// # Errors
    /// 404 for a user who isn't there any more.
    pub(crate) async fn set_password(
        &self,
        user: &UserRow,
        password: NewPassword,
        activate: bool,
    ) -> ApiResult<()> {
        let (engine, clock) = (self.store.engine(), &*self.environment.clock);
        let changes = Changes::new(self.now()).by_operator(self.now());
        let mut changes =
            credentials::set_password(&self.passwords, engine, clock, changes, password).await?;
        if activate {
            changes = changes.activated();
        }
        self.make(user, &changes).await?;
        let throttle = Throttle::new(self.store.clone());
        let places = known_places::digests_of(&self.store, user.id).await?;
        let places = places.iter().map(|digest| Subject::known_place(digest));
        for subject in [Subject::account(&user.name)].into_iter().chain(places) {
            throttle.succeeded(&subject).await?;
        }
        Ok(())
    }

    /// Deactivates a user. Their tokens end, and no activation token brings them back.
    ///
    /// # Errors
    /// 403 for the last admin, 404 for a user who isn't there any more.
    pub(crate) async fn deactivate(&self, user: &UserRow) -> ApiResult<()> {
        let now = self.now();
        let tokens_end = TokensEnd::at(self.store.engine(), now);
        self.make(user, &Changes::new(now).deactivated(None, tokens_end)).await
    }

    async fn make(&self, user: &UserRow, changes: &Changes) -> ApiResult<()> {
        let event = changes.event(&self.audit, &Origin::operator(), user.id, &user.name);
        changes.make(&self.store, self.ways_in, user.id, &event).await
    }

    fn now(&self) -> Timestamp {
        Timestamp::new(self.environment.clock.now())
    }
}
