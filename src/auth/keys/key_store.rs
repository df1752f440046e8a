//! Between the store and the ring: reads what other replicas have changed, and makes keys.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Header;
use secrecy::{SecretSlice, SecretString};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::material::{PrivateKey, decoding_key};
use super::ring::{KeyRing, SigningKey};
use super::rows::{self, KeyRow, NewKey, Parts, RetireError, Retired};
use crate::audit::{Action, Audit, Event, Origin};
use crate::auth::cipher::SecretCipher;
use crate::config::{Setting, SigningAlgorithm};
use crate::env::random::SharedRandomness;
use crate::store::{Id, Store, StoreError};

/// Between two readings of the store for keys that tokens name, so that a flood of made-up ones costs little.
const LEAST_BETWEEN: Duration = Duration::from_millis(100);
/// Seconds by which clocks may differ: for so long the first key could have signed, so that no server that starts at the
/// same time takes it for one that doesn't sign yet, and makes another one.
const CLOCKS: TimeDelta = TimeDelta::seconds(60);
/// What a private part starts with in the store: whether it is encrypted, or only in base64.
const ENCRYPTED: &str = "aes-gcm:";
const OPEN: &str = "base64:";

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no signing key could be made")]
    Material,
    #[error(
        "the signing key in the store can't be opened: set ZENML_SECRETS_STORE_ENCRYPTION_KEY to the one it was made \
         with, or make another one with `zendo keys rotate`"
    )]
    Closed,
    #[error("the store can't be read or written: {0}")]
    Store(#[from] StoreError),
}

/// Reads and makes the keys of one store.
#[derive(Debug)]
pub struct KeyStore {
    store: Store,
    cipher: SecretCipher,
    /// What new tokens are signed with; none for HMAC, which needs no key from here.
    algorithm: Option<SigningAlgorithm>,
    ring: Arc<KeyRing>,
    random: SharedRandomness,
    reading: Mutex<Reading>,
}

/// One reading at a time: an older one must not undo what a newer one has seen.
#[derive(Debug, Default)]
struct Reading {
    tried: Option<Instant>,
    /// When the last one began that has come to its end.
    done: Option<Instant>,
    /// Keys that say nothing to this server; told once.
    unreadable: HashSet<Id>,
}

impl KeyStore {
    pub fn new(
        store: Store,
        cipher: SecretCipher,
        algorithm: Option<SigningAlgorithm>,
        random: SharedRandomness,
    ) -> Self {
        Self { store, cipher, algorithm, ring: Arc::default(), random, reading: Mutex::default() }
    }

    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring)
    }

    /// Reads the keys, and makes the first one where there is none to sign with.
    ///
    /// # Errors
    /// [`KeyError`]: then nothing can be signed.
    pub async fn start(&self, now: DateTime<Utc>) -> Result<(), KeyError> {
        self.refresh(now).await?;
        match self.algorithm {
            Some(algorithm) if self.ring.signer(algorithm, now).is_none() => Err(KeyError::Closed),
            _ => Ok(()),
        }
    }

    /// Reads what other replicas and the operator have changed. Makes a key where there is none to sign with.
    ///
    /// # Errors
    /// When the database doesn't answer; what is known stays known.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<(), KeyError> {
        let mut reading = self.reading.lock().await;
        self.read(&mut reading).await?;
        let Some(algorithm) = self.algorithm else { return Ok(()) };
        if self.ring.signer(algorithm, now).is_some() {
            return Ok(());
        }
        // One that this server can't open may well be another one's.
        if !rows::has_signer(&rows::list(&self.store).await?, algorithm, now.timestamp_millis()) {
            let key = self.make(algorithm, now, now - CLOCKS).await?;
            rows::insert_first(&self.store, algorithm, &key).await?;
        }
        // Another replica may have made one since the first reading, too.
        Ok(self.read(&mut reading).await?)
    }

    /// Looks for a key that a token names and that isn't known here: when this returns, the store was read after
    /// it was called. So a token of a replica that has just read a new key is never refused by one that hasn't.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn look_again(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let mut reading = self.reading.lock().await;
        if reading.done.is_some_and(|began| began > asked) {
            return Ok(());
        }
        if let Some(tried) = reading.tried {
            sleep_until(tried + LEAST_BETWEEN).await;
        }
        self.read(&mut reading).await
    }

    /// All keys, in the order in which they sign.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn list(&self) -> Result<Vec<KeyRow>, StoreError> {
        rows::list(&self.store).await
    }

    /// Makes a key that is published at once, and signs when the delay is over.
    ///
    /// # Errors
    /// [`KeyError`]; there is no new key then.
    pub async fn rotate(
        &self,
        algorithm: SigningAlgorithm,
        delay: TimeDelta,
        (audit, origin): (&Audit, &Origin),
        now: DateTime<Utc>,
    ) -> Result<KeyRow, KeyError> {
        let key = self.make(algorithm, now, now + delay).await?;
        let event = audit.event(origin, Action::SigningKeyRotated).on("signing_key", key.row.kid, "");
        rows::insert_next(&self.store, algorithm, &key, &event.with("algorithm", algorithm.name())).await?;
        Ok(key.row)
    }

    /// Retires a key: every replica refuses what it has signed within a second.
    ///
    /// # Errors
    /// [`RetireError`]; nothing was changed then.
    pub async fn retire(&self, kid: Id, event: &Event, now: DateTime<Utc>) -> Result<Retired, RetireError> {
        rows::retire(&self.store, kid, self.algorithm, event, now.timestamp_millis()).await
    }

    async fn make(
        &self,
        algorithm: SigningAlgorithm,
        now: DateTime<Utc>,
        signs_from: DateTime<Utc>,
    ) -> Result<NewKey, KeyError> {
        let kid = self.random.id_in_time(now);
        let private_key = PrivateKey::generate(algorithm, Arc::clone(&self.random)).await?;
        let public = private_key.public(kid)?;
        let row = KeyRow {
            kid,
            algorithm: algorithm.name().to_owned(),
            created_ms: now.timestamp_millis(),
            signs_from_ms: signs_from.timestamp_millis(),
            retired_ms: None,
        };
        let public_jwk = serde_json::to_string(&public).map_err(|_| KeyError::Material)?;
        Ok(NewKey { row, public_jwk, private_key: self.seal(&private_key)? })
    }

    async fn read(&self, reading: &mut Reading) -> Result<(), StoreError> {
        let began = Instant::now();
        reading.tried = Some(began);
        let listed = rows::list(&self.store).await?;
        let known = self.ring.all();
        let is_known = |row: &KeyRow| known.iter().any(|key| key.kid == row.kid);
        let is_new = |row: &&KeyRow| !is_known(row) && !reading.unreadable.contains(&row.kid);
        let new: Vec<Id> = listed.iter().filter(is_new).map(|row| row.kid).collect();
        let parts = if new.is_empty() { Vec::new() } else { rows::parts(&self.store, &new).await? };
        let mut all = Vec::new();
        for row in &listed {
            let key = match known.iter().find(|key| key.kid == row.kid) {
                Some(key) => Some(key.as_told_by(row)),
                None => {
                    parts.iter().find(|parts| parts.kid == row.kid).and_then(|parts| self.key(row, parts))
                }
            };
            match key {
                Some(key) => all.push(key),
                None => drop(reading.unreadable.insert(row.kid)),
            }
        }
        let is_same = all.len() == known.len() && all.iter().zip(&known).all(|(a, b)| Arc::ptr_eq(a, b));
        if !is_same {
            self.ring.replace(all);
        }
        reading.done = Some(began);
        Ok(())
    }

    fn key(&self, row: &KeyRow, parts: &Parts) -> Option<Arc<SigningKey>> {
        let key = self.usable(row, parts);
        if key.is_none() {
            tracing::warn!(kid = %row.kid, algorithm = row.algorithm, "a signing key can't be read");
        }
        key
    }

    fn usable(&self, row: &KeyRow, parts: &Parts) -> Option<Arc<SigningKey>> {
        let algorithm = SigningAlgorithm::read(&row.algorithm)?;
        let public = serde_json::from_str(&parts.public_jwk).ok()?;
        let private_key = parts.private_key.as_deref().filter(|_| row.retired_ms.is_none());
        let private_key = private_key.and_then(|sealed| {
            let opened = self.open(sealed);
            if opened.is_none() {
                tracing::warn!(kid = %row.kid, "a signing key can't be opened, and doesn't sign here");
            }
            Some(PrivateKey::of_der(algorithm, opened?))
        });
        let mut header = Header::new(algorithm.of_jwt());
        header.kid = Some(row.kid.to_string());
        Some(Arc::new(SigningKey {
            kid: row.kid,
            algorithm,
            signs_from_ms: row.signs_from_ms,
            is_retired: row.retired_ms.is_some(),
            header,
            decoding_key: decoding_key(&public, algorithm)?,
            encoding_key: private_key.map(|key| key.encoding_key()),
            public,
        }))
    }

    fn seal(&self, key: &PrivateKey) -> Result<SecretString, KeyError> {
        let sealed = self.cipher.seal_bytes(key.der(), &*self.random).map_err(|_| KeyError::Material)?;
        let how = if self.cipher.has_key() { ENCRYPTED } else { OPEN };
        Ok(format!("{how}{sealed}").into())
    }

    fn open(&self, sealed: &str) -> Option<SecretSlice<u8>> {
        match (sealed.strip_prefix(ENCRYPTED), sealed.strip_prefix(OPEN)) {
            (Some(sealed), _) if self.cipher.has_key() => self.cipher.open_bytes(sealed.as_bytes()),
            (_, Some(plain)) => SecretCipher::new(None).open_bytes(plain.as_bytes()),
            _ => None,
        }
    }
}

impl SigningKey {
    /// The same key with the moments of its row.
    fn as_told_by(self: &Arc<Self>, row: &KeyRow) -> Arc<Self> {
        let is_retired = row.retired_ms.is_some();
        if self.signs_from_ms == row.signs_from_ms && self.is_retired == is_retired {
            return Arc::clone(self);
        }
        let encoding_key = self.encoding_key.clone().filter(|_| !is_retired);
        Arc::new(Self { signs_from_ms: row.signs_from_ms, is_retired, encoding_key, ..Self::clone(self) })
    }
}
