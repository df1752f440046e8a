//! Where an account has signed in before. Strangers who guess at its password have a limit of their own then, which
//! doesn't keep its owner out.
//!
//! A place is an address, or a browser, which is known again by a signed cookie. The store has digests of them, a few of
//! each account, so that every replica knows the same places.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::Mac;
use sea_query::{Expr, ExprTrait, OnConflict, Order, Query};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{csrf, throttle};
use crate::http::client_address::ClientAddress;
use crate::store::{Id, Insert, Store, StoreError};

const TABLE: &str = "zendo_known_place";
/// Keeps these MACs apart from token signatures, which use the same secret.
const BROWSER_DOMAIN: &[u8] = b"zendo browser\0";
const PLACE_DOMAIN: &[u8] = b"zendo place\0";
/// Places of an account that are kept: those where it was seen last.
const OF_AN_ACCOUNT: u64 = 20;
/// For so long a place stays known.
pub(crate) const LIFE: TimeDelta = TimeDelta::days(180);
/// A place that was noted so lately is not noted again.
const REFRESHED: TimeDelta = TimeDelta::days(1);

/// Where somebody tries to sign in.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub address: IpAddr,
    /// What the browser's cookie says, or is to say from now on; none for what is no browser.
    pub browser: Option<Uuid>,
}

impl Place {
    /// An address alone.
    pub fn at(ClientAddress(address): ClientAddress) -> Self {
        Self { address, browser: None }
    }
}

/// The digests of an account's places.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn digests_of(store: &Store, user_id: Id) -> Result<Vec<String>, StoreError> {
    let query =
        Query::select().column("place").from(TABLE).and_where(Expr::col("user_id").eq(user_id)).to_owned();
    let places: Vec<(String,)> = store.fetch_all(&query).await?;
    Ok(places.into_iter().map(|(place,)| place).collect())
}

/// Knows and notes places.
#[derive(Debug)]
pub struct KnownPlaces {
    store: Store,
    secret: SecretString,
}

impl KnownPlaces {
    /// `secret`: the same on every replica.
    pub fn new(store: Store, secret: SecretString) -> Self {
        Self { store, secret }
    }

    /// The digest of the place, if the account has signed in there before. An account that isn't there costs the same
    /// question.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn find(&self, user_id: Option<Id>, place: &Place) -> Result<Option<String>, StoreError> {
        let user_id = user_id.unwrap_or(Id(Uuid::nil()));
        // The browser goes first, which is its owner's alone.
        let digests = self.digests(user_id, place);
        let known = self.last_seen(user_id, &digests).await?;
        Ok(digests.into_iter().find(|digest| known.iter().any(|(place, _)| place == digest)))
    }

    /// Notes that the account has signed in there.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn note(&self, user_id: Id, place: &Place, now: DateTime<Utc>) -> Result<(), StoreError> {
        let digests = self.digests(user_id, place);
        let recent = (now - REFRESHED).timestamp_millis()..=now.timestamp_millis();
        let known = self.last_seen(user_id, &digests).await?;
        if known.iter().filter(|(_, seen)| recent.contains(seen)).count() == digests.len() {
            return Ok(());
        }
        let statement = |digest: &String| {
            let mut insert = Insert::into(TABLE)
                .set("user_id", user_id)
                .set("place", digest.as_str())
                .set("last_seen_ms", now.timestamp_millis())
                .statement();
            let seen = OnConflict::columns(["user_id", "place"]).update_column("last_seen_ms").to_owned();
            insert.on_conflict(seen).to_owned()
        };
        let notes: Vec<_> = digests.iter().map(statement).collect();
        let too_many = Query::select()
            .column("place")
            .from(TABLE)
            .and_where(Expr::col("user_id").eq(user_id))
            .order_by("last_seen_ms", Order::Desc)
            .order_by("place", Order::Asc)
            .offset(OF_AN_ACCOUNT)
            .limit(OF_AN_ACCOUNT)
            .to_owned();
        let (notes, too_many) = (&notes, &too_many);
        let noted = self.store.write(|mut tx| async move {
            for note in notes {
                tx.execute(note).await?;
            }
            let too_many: Vec<(String,)> = tx.fetch_all(too_many).await?;
            if !too_many.is_empty() {
                let places = too_many.into_iter().map(|(place,)| place);
                let of_user = Expr::col("user_id").eq(user_id);
                tx.delete_where(TABLE, [of_user, Expr::col("place").is_in(places)]).await?;
            }
            tx.commit(()).await
        });
        noted.await
    }

    /// Sweeps places that are known no longer.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let is_over = Expr::col("last_seen_ms").lt((now - LIFE).timestamp_millis());
        self.store.delete_where(TABLE, [is_over]).await.map(drop)
    }

    async fn last_seen(&self, user_id: Id, digests: &[String]) -> Result<Vec<(String, i64)>, StoreError> {
        let query = Query::select()
            .columns(["place", "last_seen_ms"])
            .from(TABLE)
            .and_where(Expr::col("user_id").eq(user_id))
            .and_where(Expr::col("place").is_in(digests.iter().map(String::as_str)))
            .to_owned();
        self.store.fetch_all(&query).await
    }

    fn digests(&self, user_id: Id, place: &Place) -> Vec<String> {
        let browser = place.browser.map(|id| format!("browser {id}"));
        let address = format!("address {}", throttle::network(place.address));
        browser.into_iter().chain([address]).map(|place| self.digest(user_id, &place)).collect()
    }

    fn digest(&self, Id(user_id): Id, place: &str) -> String {
        let mut mac = csrf::hmac(self.secret.expose_secret().as_bytes());
        mac.update(PLACE_DOMAIN);
        mac.update(user_id.as_bytes());
        mac.update(place.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// The browser that a request's cookie names, if this server has signed that.
    pub fn browser(&self, cookie_name: &str, headers: &HeaderMap) -> Option<Uuid> {
        let jar = CookieJar::from_headers(headers);
        let (id, mac) = jar.get(cookie_name)?.value().split_once('.')?;
        let id = Uuid::try_parse(id).ok()?;
        self.browser_mac(id).verify_slice(&hex::decode(mac).ok()?).is_ok().then_some(id)
    }

    /// The value of the cookie by which a browser is known again.
    pub fn cookie_value(&self, browser: Uuid) -> String {
        format!("{browser}.{}", hex::encode(self.browser_mac(browser).finalize().into_bytes()))
    }

    fn browser_mac(&self, browser: Uuid) -> hmac::Hmac<sha2::Sha256> {
        let mut mac = csrf::hmac(self.secret.expose_secret().as_bytes());
        mac.update(BROWSER_DOMAIN);
        mac.update(browser.as_bytes());
        mac
    }
}
