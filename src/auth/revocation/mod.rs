//! Tokens that were taken back before their end. A look in memory says whether one was; the store keeps them, and
//! every replica reads what is new there several times a second.

mod stream;
mod sweep;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, OnConflict, Order, Query, SimpleExpr};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::claims::VerifiedToken;
use super::register;
use super::revoked_ids::{RevokedIds, UnsortedIds};
use super::standing::RevokedBefore;
use crate::audit::Event;
use crate::store::{Id, Insert, NumberedIds, Store, StoreError, Timestamp, Transaction};
use stream::Cursor;

pub(crate) const TOKENS: &str = "zendo_revoked_token";
pub(crate) const ACCOUNTS: &str = "zendo_tokens_revoked_before";
/// Rows that are read again at once.
const BATCH: u64 = 10_000;
/// Seconds beyond a token's end for which its revocation is kept: more than any leeway between clocks.
const KEPT_AFTER_END: i64 = 86_400;
/// In the place of a token's end that has none, in seconds since 1970: some 130,000 years from now.
const NO_END: i64 = 4_000_000_000_000;
/// What is read of a revoked token: its id, its end in seconds since 1970, and whether it ended alone.
const ENTRY: [&str; 3] = ["jti", "expires", "alone"];
type Entry = (Id, Option<i64>, bool);

/// The revoked tokens: each by its id, and all of an account whose proof was given before a moment.
#[derive(Debug)]
pub struct Revocations {
    store: Store,
    known: RwLock<Known>,
    /// How often it was changed. A token that was found good at this count still is, and needs no look behind a lock that
    /// all requests share.
    changes: AtomicU64,
    /// Up to where the store was read. One reading at a time.
    cursors: tokio::sync::Mutex<Cursors>,
    /// Whether rows have gone from the store that are still in memory here.
    is_outdated: AtomicBool,
}

/// At which count of changes a token was last found good.
#[derive(Debug, Default)]
pub(super) struct FoundGood(AtomicU64);

impl FoundGood {
    fn is_at(&self, changes: u64) -> bool {
        self.0.load(Ordering::Relaxed) == changes
    }

    fn note(&self, changes: u64) {
        self.0.store(changes, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Cursors {
    tokens: Cursor,
    accounts: Cursor,
    up_to: Cursor,
}

/// How a token was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// By its id, or that of one that it was made from.
    Alone,
    /// With everything of its account.
    WithAccount,
}

#[derive(Debug, Default)]
struct Known {
    ids: Ids,
    /// What takes the place of `ids`, while it is read from the store.
    loading: Option<Ids>,
    before: HashMap<Uuid, RevokedBefore>,
    /// What older servers wrote of accounts, as it was read.
    unplaced: HashMap<Uuid, DateTime<Utc>>,
    /// Of accounts that have revoked too many endless tokens ([`sweep`]): the last one of which all up to it are over.
    up_to: HashMap<Uuid, Uuid>,
}

#[derive(Debug, Default)]
struct Ids {
    /// Tokens that are over with all that was made from them.
    trees: RevokedIds,
    /// Sessions that are over alone.
    signed_out: RevokedIds,
}

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// One token of an account and all that was made from it. None of them lives beyond `expires`, in seconds since 1970.
    Token { id: Uuid, expires: Option<i64>, user_id: Uuid },
    /// A session alone, which ends by itself at `expires`: API tokens that were made in it live on.
    SignOut { id: Uuid, expires: Option<i64>, user_id: Uuid },
    /// Everything that goes back to a proof of this account which was given up to a moment: sessions too. The moment is
    /// for tokens of older servers; others are told by their generation.
    AllOf { user_id: Uuid, until: DateTime<Utc> },
}

/// A revocation that was written, and counts when that is committed.
#[derive(Debug, Clone, Copy)]
#[must_use = "it is felt here when it was given to `Revocations::note`"]
pub struct Written {
    revocation: Revocation,
    /// Its place in the stream; 0 where nobody asks for it.
    place: i64,
}

impl Revocation {
    /// Writes it, before anything else in the transaction; it counts when that is committed, and here when
    /// [`Revocations::note`] was called then.
    ///
    /// # Errors
    /// When the database doesn't answer: then nothing is revoked.
    pub async fn write(self, tx: &mut Transaction, now: DateTime<Utc>) -> Result<Written, StoreError> {
        stream::take_place(tx).await?;
        let place = match self {
            Self::Token { id, expires, user_id } => {
                write_token(tx, (id, expires, user_id), false, now).await?;
                0
            }
            Self::SignOut { id, expires, user_id } => {
                write_token(tx, (id, expires, user_id), true, now).await?;
                0
            }
            Self::AllOf { user_id, until } => write_account(tx, Id(user_id), until, now).await?,
        };
        Ok(Written { revocation: self, place })
    }

    /// Notes in the register what ends with it, and says how much that is.
    pub async fn take_along(self, tx: &mut Transaction, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let now = Timestamp::new(now);
        match self {
            Self::Token { id, .. } => register::revoke_descendants(tx, Id(id), now).await,
            Self::SignOut { .. } => Ok(0),
            Self::AllOf { user_id, .. } => register::count_live(tx, Id(user_id), now).await,
        }
    }
}

/// A session that was signed out of may be revoked as stolen after that, with what was made in it; never the other way.
async fn write_token(
    tx: &mut Transaction,
    (id, expires, user_id): (Uuid, Option<i64>, Uuid),
    alone: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // ZenML's tokens have no place in time, which is what endless ones are swept by.
    let owner = (expires.is_none() && id.get_version_num() == 7).then_some(Id(user_id));
    let insert = Insert::into(TOKENS).set("jti", Id(id)).set("expires", expires).set("alone", alone);
    let insert = insert.set("user_id", owner).set("position", stream::place());
    let mut insert = insert.set("revoked_ms", now.timestamp_millis()).statement();
    let all = ["expires", "alone", "user_id", "position", "revoked_ms"];
    let on_conflict = match alone {
        true => OnConflict::column("jti").do_nothing_on(["jti"]).to_owned(),
        false => OnConflict::column("jti").update_columns(all).to_owned(),
    };
    tx.execute(insert.on_conflict(on_conflict)).await.map(drop)
}

/// A moment that was noted never goes back, though the clocks of two replicas differ.
async fn write_account(
    tx: &mut Transaction,
    user_id: Id,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let noted = Query::select()
        .column("revoked_before")
        .from(ACCOUNTS)
        .and_where(Expr::col("user_id").eq(user_id))
        .to_owned();
    let noted: Option<(Timestamp,)> = tx.fetch_optional(&noted).await?;
    let until = noted.map_or(Timestamp::new(until), |(noted,)| std::cmp::max(noted, Timestamp::new(until)));
    let place = stream::taken_place(tx).await?;
    let mut insert = Insert::into(ACCOUNTS)
        .set("user_id", user_id)
        .set("revoked_before", until)
        .set("position", place)
        .set("revoked_ms", now.timestamp_millis())
        .statement();
    let changed = ["revoked_before", "position", "revoked_ms"];
    insert.on_conflict(OnConflict::column("user_id").update_columns(changed).to_owned());
    tx.execute(&insert).await?;
    Ok(place)
}

impl Revocations {
    /// Reads what the store has.
    ///
    /// # Errors
    /// When the database doesn't answer: a server that doesn't know what is revoked must not start.
    pub async fn load(store: Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let cursors = Cursors {
            tokens: Cursor::start(&store, TOKENS).await?,
            accounts: Cursor::start(&store, ACCOUNTS).await?,
            up_to: Cursor::start(&store, sweep::UP_TO).await?,
        };
        let revocations = Self {
            store,
            known: RwLock::default(),
            changes: AtomicU64::new(1),
            cursors: tokio::sync::Mutex::new(cursors),
            is_outdated: AtomicBool::new(false),
        };
        revocations.load_tokens().await?;
        revocations.load_accounts(now).await?;
        Ok(revocations)
    }

    /// How the token was taken back, if it was.
    pub fn find(&self, token: &VerifiedToken) -> Option<Revoked> {
        // Before the look: what comes to be known meanwhile is looked for the next time.
        let changes = self.changes.load(Ordering::SeqCst);
        if token.found_good.is_at(changes) {
            return None;
        }
        let revoked = self.look_for(token);
        if revoked.is_none() {
            token.found_good.note(changes);
        }
        revoked
    }

    /// How many tokens are known here that were taken back by their ids.
    pub fn number(&self) -> usize {
        let known = self.read();
        known.ids.trees.number() + known.ids.signed_out.number()
    }

    fn look_for(&self, token: &VerifiedToken) -> Option<Revoked> {
        let known = self.read();
        let claims = &token.claims;
        // A generic token's revocation has an end, and is kept to it.
        let is_over = |id: &Uuid| known.ids.trees.contains(*id) || known.is_up_to(claims.sub, *id);
        let is_itself = match token.generic_end() {
            Some(_) => known.ids.trees.contains(token.id),
            None => is_over(&token.id) || known.ids.signed_out.contains(token.id),
        };
        if is_itself || claims.parents.iter().any(is_over) {
            return Some(Revoked::Alone);
        }
        let before = known.before.get(&claims.sub)?;
        before.ends(claims, token.proven_at()).then_some(Revoked::WithAccount)
    }

    /// Of the account's tokens, those of an older generation are over.
    pub fn generation(&self, user_id: Uuid) -> i64 {
        self.read().before.get(&user_id).map_or(0, |before| before.generation)
    }

    /// As [`Revocations::generation`], and as the store has it: whoever signs in here may have ended all before elsewhere,
    /// just now.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn stored_generation(&self, user_id: Uuid) -> Result<i64, StoreError> {
        let stored = Query::select()
            .column("position")
            .from(ACCOUNTS)
            .and_where(Expr::col("user_id").eq(Id(user_id)))
            .to_owned();
        let stored = self.store.fetch_optional::<(i64,)>(&stored).await?;
        Ok(stored.map_or(0, |(place,)| place))
    }

    /// Takes a token back, and leaves the record of that; both are durable when this returns. One that is taken back
    /// already, or that ended long ago, leaves nothing: whoever has its text could fill the store with it. Says how many API
    /// tokens of the register go with it.
    ///
    /// # Errors
    /// When the database doesn't answer: then the token is not revoked.
    pub async fn revoke(
        &self,
        revocation: Revocation,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        if self.is_done(revocation, now) {
            return Ok(0);
        }
        let written = self.store.write(|mut tx| async move {
            let written = revocation.write(&mut tx, now).await?;
            let descendants = revocation.take_along(&mut tx, now).await?;
            let event = event.clone().maybe("descendants", (descendants > 0).then_some(descendants));
            event.commit(tx, (written, descendants)).await
        });
        let (written, descendants) = written.await?;
        self.note(written);
        Ok(descendants)
    }

    fn is_done(&self, revocation: Revocation, now: DateTime<Utc>) -> bool {
        let is_long_over =
            |expires: Option<i64>| expires.is_some_and(|end| end < now.timestamp() - KEPT_AFTER_END);
        let known = self.read();
        match revocation {
            Revocation::Token { id, expires, .. } => is_long_over(expires) || known.ids.trees.contains(id),
            Revocation::SignOut { id, expires, .. } => {
                is_long_over(expires) || known.ids.trees.contains(id) || known.ids.signed_out.contains(id)
            }
            Revocation::AllOf { .. } => false,
        }
    }

    /// Lets a revocation that was written be felt here at once.
    pub fn note(&self, Written { revocation, place }: Written) {
        let mut known = self.known();
        match revocation {
            Revocation::Token { id, expires, .. } => known.insert(&(Id(id), expires, false)),
            Revocation::SignOut { id, expires, .. } => known.insert(&(Id(id), expires, true)),
            Revocation::AllOf { user_id, until } => {
                known.note_account(user_id, RevokedBefore { generation: place, moment: until });
            }
        }
    }

    /// Reads what other replicas have revoked since the last time.
    ///
    /// # Errors
    /// When the database doesn't answer; what is known stays known, and the next call reads the same again.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut cursors = self.cursors.lock().await;
        let newest = stream::newest_place(&self.store).await?;
        let tokens = Query::select()
            .columns(ENTRY)
            .columns(["position", "revoked_ms"])
            .from(TOKENS)
            .cond_where(cursors.tokens.unread(newest))
            .to_owned();
        let tokens: Vec<(Id, Option<i64>, bool, i64, i64)> = self.store.fetch_all(&tokens).await?;
        self.add(tokens.iter().map(|(id, expires, alone, ..)| (*id, *expires, *alone)));
        cursors.tokens.note(newest, tokens.iter().map(|(.., place, ms)| (*place, *ms)));
        let accounts = select_accounts().cond_where(cursors.accounts.unread(newest)).to_owned();
        let accounts: Vec<AccountRow> = self.store.fetch_all(&accounts).await?;
        self.add_accounts(&accounts, now);
        cursors.accounts.note(newest, accounts.iter().map(|(_, _, place, ms)| (*place, *ms)));
        self.read_again(&mut cursors, now).await?;
        self.read_up_to(&mut cursors.up_to, newest).await
    }

    /// Reads again what older servers have written lately.
    async fn read_again(&self, cursors: &mut Cursors, now: DateTime<Utc>) -> Result<(), StoreError> {
        if let Some(unplaced) = cursors.tokens.read_again() {
            let tokens = Query::select()
                .columns(ENTRY)
                .from(TOKENS)
                .cond_where(unplaced)
                .order_by("revoked_ms", Order::Desc)
                .limit(BATCH)
                .to_owned();
            let tokens: Vec<Entry> = self.store.fetch_all(&tokens).await?;
            self.add(tokens.into_iter());
        }
        if let Some(unplaced) = cursors.accounts.read_again() {
            let accounts = select_accounts().cond_where(unplaced).to_owned();
            self.add_accounts(&self.store.fetch_all::<AccountRow>(&accounts).await?, now);
        }
        Ok(())
    }

    /// Reads all tokens, in no order: what is read is sorted when all is there.
    async fn load_tokens(&self) -> Result<(), StoreError> {
        let rows = self.store.count_rows(TOKENS).await?;
        // What comes meanwhile is for it, too.
        self.known().loading = Some(Ids::default());
        let mut trees = UnsortedIds::with_capacity(usize::try_from(rows).unwrap_or_default());
        let mut signed_out = UnsortedIds::with_capacity(0);
        let take = |jti, number| {
            let (expires, alone) = end_of_number(number);
            let ids = if alone { &mut signed_out } else { &mut trees };
            ids.push(jti, expires);
        };
        self.store.each_numbered(&numbered(), rows, take).await?;
        // Apart, since no request is to wait for it.
        let sorted = spawn_blocking(|| Ids { trees: trees.sorted(), signed_out: signed_out.sorted() }).await;
        let mut loading = sorted.map_err(|_| StoreError::WorkerCrashed)?;
        let mut known = self.known();
        if let Some(meanwhile) = known.loading.take() {
            loading.trees.append(&meanwhile.trees);
            loading.signed_out.append(&meanwhile.signed_out);
        }
        known.ids = loading;
        Ok(())
    }

    async fn load_accounts(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let rows: Vec<AccountRow> = self.store.fetch_all(&select_accounts()).await?;
        self.add_accounts(&rows, now);
        self.load_up_to().await
    }

    fn add(&self, rows: impl ExactSizeIterator<Item = Entry>) {
        if rows.len() > 0 {
            let mut known = self.known();
            rows.for_each(|row| known.insert(&row));
        }
    }

    fn add_accounts(&self, rows: &[AccountRow], now: DateTime<Utc>) {
        if rows.is_empty() {
            return;
        }
        let mut known = self.known();
        for (Id(user_id), until, place, _) in rows {
            let until = until.to_utc();
            match place {
                0 => known.note_unplaced(*user_id, until, now),
                place => {
                    known.note_account(*user_id, RevokedBefore { generation: *place, moment: until });
                }
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be changed: whoever was found good up to now is looked for again, and waits for the change.
    fn known(&self) -> RwLockWriteGuard<'_, Known> {
        let known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.changes.fetch_add(1, Ordering::SeqCst);
        known
    }
}

/// An account, the moment, the place in the stream, and the writer's clock in milliseconds since 1970.
type AccountRow = (Id, Timestamp, i64, i64);

/// Revoked tokens, each with a number that says what else is kept of it: its end in seconds since 1970, or [`NO_END`],
/// and whether it ended alone.
fn numbered() -> NumberedIds {
    // An end that is out of all bounds is none.
    let has_end = Expr::col("expires").gte(0).and(Expr::col("expires").lt(NO_END));
    let end: SimpleExpr = Expr::case(has_end, Expr::col("expires")).finally(NO_END).into();
    NumberedIds { table: TOKENS, id: "jti", number: end.mul(2).add(Expr::col("alone")) }
}

fn end_of_number(number: u64) -> (Option<i64>, bool) {
    let end = i64::try_from(number / 2).ok().filter(|end| *end < NO_END);
    (end, number % 2 == 1)
}

fn select_accounts() -> sea_query::SelectStatement {
    Query::select().columns(["user_id", "revoked_before", "position", "revoked_ms"]).from(ACCOUNTS).to_owned()
}

impl Ids {
    fn insert(&mut self, (Id(id), expires, alone): &Entry) {
        let ids = if *alone { &mut self.signed_out } else { &mut self.trees };
        ids.insert(*id, *expires);
    }
}

impl Known {
    fn insert(&mut self, row: &Entry) {
        self.ids.insert(row);
        if let Some(loading) = &mut self.loading {
            loading.insert(row);
        }
    }

    fn note_account(&mut self, user_id: Uuid, new: RevokedBefore) {
        let before = self.before.entry(user_id).or_insert(new);
        before.generation = std::cmp::max(before.generation, new.generation);
        before.moment = before.moment.max(new.moment);
    }

    /// What an older server wrote can't have meant tokens that were made after it was read here, whatever its clock said.
    fn note_unplaced(&mut self, user_id: Uuid, until: DateTime<Utc>, now: DateTime<Utc>) {
        if self.unplaced.insert(user_id, until) != Some(until) {
            self.note_account(user_id, RevokedBefore { generation: 0, moment: until.min(now) });
        }
    }

    /// Whether an account's endless token is one of those that are over up to a last one.
    fn is_up_to(&self, user_id: Uuid, id: Uuid) -> bool {
        !self.up_to.is_empty()
            && id.get_version_num() == 7
            && self.up_to.get(&user_id).is_some_and(|last| id <= *last)
    }
}
