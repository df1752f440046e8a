//! What a request asks of a key's end and addresses.

use sea_query::{Expr, ExprTrait, Query as Sql};

use super::proof::MadeWith;
use crate::accounts::api_keys::TABLE;
use crate::accounts::key_bounds::{KeyBounds, end_after};
use crate::app::App;
use crate::auth::Addresses;
use crate::auth::addresses::AddressesError;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, StoreError, Timestamp, Transaction};

/// Seconds that a secret may be asked for at most: a hundred years.
const LONGEST: i64 = 3_155_760_000;

/// The end and addresses that a request asks for.
#[derive(Debug)]
pub(super) struct AskedBounds {
    /// Seconds from now; none for what stands already.
    lifetime: Option<Lifetime>,
    /// The inner one is none for all addresses.
    addresses: Option<Option<Addresses>>,
    longest: Option<i64>,
    now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lifetime {
    Never,
    Seconds(i64),
}

impl AskedBounds {
    /// Reads them: 0 seconds is never, no addresses are all.
    ///
    /// # Errors
    /// 422 for what is none, 400 for more than the server allows.
    pub(super) fn read(
        app: &App,
        expires_in: Option<i64>,
        addresses: Option<Vec<String>>,
    ) -> ApiResult<Self> {
        let longest = app.auth.api_key_max_lifetime;
        let lifetime = match expires_in {
            None => None,
            Some(0) => Some(Lifetime::Never),
            Some(seconds @ 1..=LONGEST) => Some(Lifetime::Seconds(seconds)),
            Some(_) => {
                let message =
                    format!("expires_in: Input should be 0, for never, or at most {LONGEST} seconds");
                return Err(ApiError::unprocessable(message));
            }
        };
        let is_too_long = match (lifetime, longest) {
            (Some(Lifetime::Seconds(seconds)), Some(longest)) => seconds > longest,
            (Some(Lifetime::Never), Some(_)) => true,
            _ => false,
        };
        if let Some(longest) = longest.filter(|_| is_too_long) {
            let message = format!(
                "The maximum expiration time for API keys allowed by this server is {longest} seconds."
            );
            return Err(ApiError::value(message));
        }
        let addresses = addresses.map(|networks| match networks.is_empty() {
            true => Ok(None),
            false => networks.join(",").parse::<Addresses>().map(Some),
        });
        let addresses = addresses
            .transpose()
            .map_err(|error: AddressesError| ApiError::unprocessable(format!("addresses: {error}")))?;
        Ok(Self { lifetime, addresses, longest, now: Timestamp::new(app.env.clock.now()) })
    }

    /// Whether anything is asked for.
    pub(super) fn is_some(&self) -> bool {
        self.lifetime.is_some() || self.addresses.is_some()
    }

    /// Their names, for the audit.
    pub(super) fn changed(&self) -> impl Iterator<Item = &'static str> {
        let lifetime = self.lifetime.map(|_| "expires");
        lifetime.into_iter().chain(self.addresses.as_ref().map(|_| "addresses"))
    }

    /// The bounds of a new key: it ends with what it is made with, at the latest.
    pub(super) fn of_new_key(&self, maker: Option<&MadeWith>) -> Option<KeyBounds> {
        let mut bounds = KeyBounds { generation: 1, ..KeyBounds::default() };
        self.end(&mut bounds, None, maker.and_then(MadeWith::expires));
        bounds.addresses = self.addresses.as_ref().and_then(Option::as_ref).map(ToString::to_string);
        (bounds.expires.is_some() || bounds.addresses.is_some()).then_some(bounds)
    }

    /// Changes the bounds of a key whose row is locked by now.
    pub(super) async fn change(&self, tx: &mut Transaction, id: Id) -> Result<(), StoreError> {
        let mut bounds = self.current(tx, id).await?;
        if self.lifetime.is_some() {
            let maker_end = maker_end(tx, id).await?;
            self.end(&mut bounds, None, maker_end);
        }
        if let Some(addresses) = &self.addresses {
            bounds.addresses = addresses.as_ref().map(ToString::to_string);
        }
        bounds.keep(tx, id).await
    }

    /// Sets the end of a key's new secret, whose row has it by now: it lives as long as the one before was to live, unless
    /// something else is asked for. The old one lives no longer for it.
    pub(super) async fn rotate(&self, tx: &mut Transaction, id: Id) -> Result<(), StoreError> {
        let mut bounds = self.current(tx, id).await?;
        let generation = generation(tx, id).await?;
        bounds.previous_expires = bounds.expires;
        bounds.generation = generation;
        let lifetime = bounds.lifetime;
        self.end(&mut bounds, lifetime, None);
        bounds.keep(tx, id).await
    }

    async fn current(&self, tx: &mut Transaction, id: Id) -> Result<KeyBounds, StoreError> {
        if let Some(found) = KeyBounds::find(tx, id).await? {
            return Ok(found);
        }
        // A key from before there were bounds may end with a token.
        let expires = maker_end(tx, id).await?;
        Ok(KeyBounds { generation: generation(tx, id).await?, expires, ..KeyBounds::default() })
    }

    fn end(&self, bounds: &mut KeyBounds, before: Option<i64>, latest: Option<Timestamp>) {
        let asked = match self.lifetime {
            Some(Lifetime::Seconds(seconds)) => Some(seconds),
            Some(Lifetime::Never) => None,
            None => before,
        };
        let lifetime = [asked, self.longest].into_iter().flatten().min();
        let now = self.now.to_utc();
        let own = lifetime.and_then(|seconds| end_after(seconds, now));
        bounds.end(lifetime, [own, latest].into_iter().flatten().min(), now);
    }
}

/// The generation of a key's newest secret.
async fn generation(tx: &mut Transaction, id: Id) -> Result<i64, StoreError> {
    let query =
        Sql::select().column("key_generation").from(TABLE).and_where(Expr::col("id").eq(id)).to_owned();
    Ok(tx.fetch_optional::<(i64,)>(&query).await?.map_or(1, |(generation,)| generation))
}

/// When the API token ends that the newest secret was made with.
async fn maker_end(tx: &mut Transaction, id: Id) -> Result<Option<Timestamp>, StoreError> {
    let query = Sql::select()
        .column(("zendo_api_key_digest", "expires"))
        .from(TABLE)
        .inner_join(
            "zendo_api_key_digest",
            Expr::col(("zendo_api_key_digest", "key_hash")).equals((TABLE, "key")),
        )
        .and_where(Expr::col((TABLE, "id")).eq(id))
        .to_owned();
    Ok(tx.fetch_optional::<(Option<Timestamp>,)>(&query).await?.and_then(|(expires,)| expires))
}
