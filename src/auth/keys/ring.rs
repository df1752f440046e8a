//! The keys in memory: what is signed with now, what verifies, and what everybody may read of them.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use axum::body::Bytes;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};

use crate::config::SigningAlgorithm;
use crate::store::Id;

/// One key. Its algorithm is its own: no token's header can choose another one for it.
#[derive(Clone)]
pub struct SigningKey {
    pub kid: Id,
    pub algorithm: SigningAlgorithm,
    /// Milliseconds since 1970.
    pub signs_from_ms: i64,
    pub is_retired: bool,
    pub header: Header,
    pub decoding_key: DecodingKey,
    /// None where its private part is gone, or can't be opened.
    pub encoding_key: Option<EncodingKey>,
    pub public: Jwk,
}

/// All keys that this server knows, as they are now.
pub struct KeyRing {
    /// Read by each request, and so without a lock.
    keys: ArcSwap<Keys>,
}

#[derive(Default)]
struct Keys {
    all: Vec<Arc<SigningKey>>,
    /// A JWK Set (RFC 7517, section 5).
    published: Bytes,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kids: Vec<Id> = self.now().all.iter().map(|key| key.kid).collect();
        formatter.debug_tuple("KeyRing").field(&kids).finish()
    }
}

impl Default for KeyRing {
    fn default() -> Self {
        let ring = Self { keys: ArcSwap::default() };
        ring.replace(Vec::new());
        ring
    }
}

impl KeyRing {
    /// The key with that id, retired or not.
    pub fn find(&self, kid: Id) -> Option<Arc<SigningKey>> {
        self.now().all.iter().find(|key| key.kid == kid).cloned()
    }

    /// The key that signs at that moment.
    pub fn signer(&self, algorithm: SigningAlgorithm, moment: DateTime<Utc>) -> Option<Arc<SigningKey>> {
        let can_sign = |key: &&Arc<SigningKey>| {
            key.algorithm == algorithm
                && !key.is_retired
                && key.encoding_key.is_some()
                && key.signs_from_ms <= moment.timestamp_millis()
        };
        let keys = self.now();
        keys.all.iter().filter(can_sign).max_by_key(|key| (key.signs_from_ms, key.kid)).cloned()
    }

    /// The public parts of all keys that verify, as JSON.
    pub fn published(&self) -> Bytes {
        self.now().published.clone()
    }

    pub(super) fn all(&self) -> Vec<Arc<SigningKey>> {
        self.now().all.clone()
    }

    pub(super) fn replace(&self, all: Vec<Arc<SigningKey>>) {
        let keys = all.iter().filter(|key| !key.is_retired).map(|key| key.public.clone()).collect();
        let published = serde_json::to_vec(&JwkSet { keys }).unwrap_or_default().into();
        self.keys.store(Arc::new(Keys { all, published }));
    }

    fn now(&self) -> Guard<Arc<Keys>> {
        self.keys.load()
    }
}
