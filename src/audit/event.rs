//! Something that was done: a record before it is written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderValue;
use serde_json::Value;

use super::{Action, Origin, Record, Shipper};
use crate::store::{
    BatchRow, Cells, Committed, Id, JsonText, Store, StoreError, Timestamp, Transaction, Words,
    WriteStatement,
};

/// Characters that a column holds at most.
const LONGEST_TEXT: usize = 255;
/// Bytes of the details' JSON at most; longer ones are left out.
const LONGEST_DETAILS: usize = 4096;

/// Who did it.
#[derive(Debug, Clone)]
pub enum Actor {
    /// Whoever the request speaks for, or is signing in: an account, if it is known, and what it came with.
    Claimed(Box<Claim>),
    /// Whoever has the store, at a terminal.
    Operator,
    Nobody,
}

/// An account that somebody acts for or signs in to, and the credential that is to prove it.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    pub account: Option<(Id, String)>,
    /// `password`, `api_key`, ...
    pub credential: &'static str,
    /// The token that was made.
    pub token_id: Option<Id>,
    pub api_key_id: Option<Id>,
    pub device_id: Option<Id>,
}

/// What it was done to.
#[derive(Debug, Clone)]
struct Subject {
    kind: &'static str,
    id: Id,
    name: Option<String>,
}

/// Something that was done, with its record's id. Made by [`super::Audit::event`].
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) id: Id,
    pub(super) created: Timestamp,
    pub(super) action: Action,
    pub(super) refusal: Option<String>,
    pub(super) times: i64,
    pub(super) origin: Origin,
    subject: Option<Subject>,
    details: Vec<(&'static str, Value)>,
    pub(super) shipper: Option<Arc<Shipper>>,
}

impl Event {
    pub(super) fn new(
        origin: &Origin,
        action: Action,
        id: Id,
        created: Timestamp,
        shipper: Option<Arc<Shipper>>,
    ) -> Self {
        let (origin, details) = (origin.clone(), Vec::new());
        Self { id, created, action, refusal: None, times: 1, origin, subject: None, details, shipper }
    }

    /// Says what it was done to.
    #[must_use]
    pub fn on(mut self, kind: &'static str, id: Id, name: &str) -> Self {
        let name = (!name.is_empty()).then(|| name.to_owned());
        self.subject = Some(Subject { kind, id, name });
        self
    }

    /// Takes back what it was done to, since it was more than one.
    #[must_use]
    pub(super) fn without_subject(mut self) -> Self {
        (self.subject, self.details) = (None, Vec::new());
        self
    }

    /// Says who did it, when the request had no principal.
    #[must_use]
    pub fn by(mut self, claim: Claim) -> Self {
        self.origin.actor = Actor::Claimed(Box::new(claim));
        self
    }

    /// Adds a detail, which must not be a secret.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a detail that may not be there.
    #[must_use]
    pub fn maybe(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Says that it was refused, and why.
    #[must_use]
    pub fn refused(mut self, reason: impl Into<String>) -> Self {
        self.refusal = Some(reason.into());
        self
    }

    /// Makes a change of one statement, with its record if it touches a row, and says how many it touched.
    ///
    /// # Errors
    /// When the database doesn't answer or refuses either.
    pub async fn change(&self, store: &Store, statement: &impl WriteStatement) -> Result<u64, StoreError> {
        let changed = store.write(|mut tx| async move {
            match tx.execute(statement).await? {
                0 => tx.commit(0).await,
                touched => self.commit(tx, touched).await,
            }
        });
        changed.await
    }

    /// Commits a change together with its record.
    ///
    /// # Errors
    /// When the database doesn't answer or refuses either.
    pub async fn commit<T>(&self, tx: Transaction, value: T) -> Result<Committed<T>, StoreError> {
        Self::commit_all(&[self], tx, value).await
    }

    /// Commits a change that leaves several records.
    ///
    /// # Errors
    /// As [`Event::commit`].
    pub async fn commit_all<T>(
        events: &[&Self],
        mut tx: Transaction,
        value: T,
    ) -> Result<Committed<T>, StoreError> {
        for event in events {
            event.put_in(&mut tx).await?;
        }
        let committed = tx.commit(value).await?;
        events.iter().for_each(|event| event.ship());
        Ok(committed)
    }

    /// Puts the record in a transaction that somebody else commits; [`Event::ship`] belongs after that.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn put_in(&self, tx: &mut Transaction) -> Result<(), StoreError> {
        tx.insert_rows(std::slice::from_ref(self)).await
    }

    /// Hands the record to those who follow the audit elsewhere, since it is durable now.
    pub fn ship(&self) {
        if let Some(shipper) = &self.shipper {
            shipper.ship([self.record()]);
        }
    }

    /// The record as it is kept and shown.
    pub fn record(&self) -> Record<Cow<'_, str>> {
        let claim = self.origin.actor.claim();
        let (user_id, user_name) = claim.account.unzip();
        let subject = self.subject.as_ref();
        Record {
            id: self.id,
            created: self.created,
            action: self.action.as_str().into(),
            result: if self.refusal.is_some() { "refused" } else { "success" }.into(),
            reason: self.refusal.as_deref().map(shortened),
            times: self.times,
            user_id,
            user_name: user_name.map(|name| shortened(&name).into_owned().into()),
            credential: claim.credential.into(),
            token_id: claim.token_id,
            api_key_id: claim.api_key_id,
            device_id: claim.device_id,
            subject_kind: subject.map(|subject| subject.kind.into()),
            subject_id: subject.map(|subject| subject.id),
            subject_name: subject.and_then(|subject| subject.name.as_deref()).map(shortened),
            address: self.origin.address.map(|address| address.to_string().into()),
            user_agent: text_of(self.origin.user_agent.as_ref()),
            request_id: text_of(self.origin.request_id.as_ref()),
            details: self.details(),
        }
    }

    fn details(&self) -> Option<JsonText> {
        if self.details.is_empty() {
            return None;
        }
        let details: BTreeMap<&str, &Value> =
            self.details.iter().map(|(name, value)| (*name, value)).collect();
        let json = serde_json::value::to_raw_value(&details).ok()?;
        (json.get().len() <= LONGEST_DETAILS).then_some(JsonText(json))
    }
}

impl BatchRow for Event {
    const TABLE: &'static str = Record::TABLE;
    const COLUMNS: &'static [&'static str] = &Record::COLUMNS;

    fn put(&self, cells: &mut Cells) {
        self.record().put(cells);
    }
}

impl Claim {
    pub fn of(credential: &'static str) -> Self {
        Self { credential, ..Self::default() }
    }
}

impl Actor {
    /// Who it is, and with which credential.
    fn claim(&self) -> Claim {
        match self {
            Self::Claimed(claim) => Claim::clone(claim),
            Self::Operator => Claim { credential: "operator", ..Claim::default() },
            Self::Nobody => Claim { credential: "none", ..Claim::default() },
        }
    }
}

/// A header as it is kept.
pub(crate) fn text_of(header: Option<&HeaderValue>) -> Option<Cow<'_, str>> {
    // What isn't UTF-8 is no text to us, and no reason to lose the record.
    header.map(|value| match value.to_str() {
        Ok(text) => shortened(text),
        Err(_) => Cow::Owned(shortened(&String::from_utf8_lossy(value.as_bytes())).into_owned()),
    })
}

/// A text as a column holds it.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    text.chars().filter(|character| !character.is_control()).take(LONGEST_TEXT).collect()
}
