//! Webhooks by the rules of Standard Webhooks (standardwebhooks.com): signed, durable until they are delivered, tried
//! again with a growing delay.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use hmac::Mac;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sea_query::{Expr, ExprTrait, Order, Query};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use sqlx_macros::FromRow;
use url::Url;

use super::record::Warning;
use super::{DELIVERIES, Warnings};
use crate::auth::csrf::hmac;
use crate::config::{WebhookSecrets, ZendoSettings};
use crate::outbound::{Call, Outbound, Tls};
use crate::store::{Id, StoreError};

/// Seconds from one attempt to the next; after the last of them, each day.
const DELAYS: [i64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Seconds that an attempt may take before another replica makes it: more than a call takes.
const LEASE: i64 = 60;
/// Deliveries that are under way at once.
const AT_ONCE: u64 = 16;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Where warnings are sent.
#[derive(Debug)]
pub(super) struct Webhooks {
    receivers: Vec<Receiver>,
    secrets: WebhookSecrets,
    outbound: Outbound,
}

#[derive(Debug)]
struct Receiver {
    url: Url,
    /// What stands for it in the store, a digest: an address may be a secret.
    mark: String,
}

#[derive(Debug, FromRow)]
struct Delivery {
    id: Id,
    warning_id: Id,
    attempts: i64,
    due: i64,
}

impl Webhooks {
    pub(super) fn new(settings: &ZendoSettings) -> Self {
        let mut receivers: Vec<Receiver> = Vec::new();
        for url in settings.warning_webhooks.iter().flat_map(|urls| &urls.0) {
            let mark = hex::encode(Sha256::digest(url.as_str()));
            // Whoever is named twice is told once.
            if receivers.iter().all(|known| known.mark != mark) {
                receivers.push(Receiver { url: url.clone(), mark });
            }
        }
        Self {
            receivers,
            secrets: settings.warning_secret.clone().unwrap_or_default(),
            outbound: Outbound::new(settings.warning_networks.0.iter().copied()),
        }
    }

    /// What stands for each of them in the store.
    pub(super) fn marks(&self) -> impl Iterator<Item = &str> {
        self.receivers.iter().map(|receiver| receiver.mark.as_str())
    }

    /// A signature by each of the secrets, so that a receiver may change its own at any time.
    fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let sign = |secret: &secrecy::SecretSlice<u8>| {
            let mut mac = hmac(secret.expose_secret());
            mac.update(signed.as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.secrets.0.iter().map(sign).collect::<Vec<String>>().join(" ")
    }

    /// Sends a warning.
    ///
    /// # Errors
    /// What kept it from being taken, for the log.
    async fn send(&self, receiver: &Receiver, warning: &Warning, now: i64) -> Result<(), String> {
        let (id, body) = (warning.id.to_string(), warning.payload());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(TIMESTAMP, HeaderValue::from(now));
        let signature = HeaderValue::try_from(self.signature(&id, now, &body));
        headers.insert(SIGNATURE, signature.map_err(|error| error.to_string())?);
        headers.insert(ID, HeaderValue::try_from(id).map_err(|error| error.to_string())?);
        let url = receiver.url.clone();
        let call = Call { method: Method::POST, url, headers, body: body.into_bytes(), tls: Tls::default() };
        let answer = self.outbound.call(call).await.map_err(|error| error.to_string())?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(format!("it answered {}", answer.status.as_u16())),
        }
    }
}

impl Warnings {
    /// How many receivers there are.
    pub fn receivers(&self) -> usize {
        self.webhooks.receivers.len()
    }

    /// Sends one of the receivers what is due, each on one replica.
    ///
    /// # Errors
    /// When the database doesn't answer; what was sent meanwhile may be sent again.
    pub async fn deliver(&self, receiver: usize) -> Result<(), StoreError> {
        let Some(receiver) = self.webhooks.receivers.get(receiver) else { return Ok(()) };
        let due = Query::select()
            .columns(["id", "warning_id", "attempts", "due"])
            .from(DELIVERIES)
            .and_where(Expr::col("receiver").eq(receiver.mark.as_str()))
            .and_where(Expr::col("due").lte(self.clock.now().timestamp()))
            .order_by("due", Order::Asc)
            .limit(AT_ONCE)
            .to_owned();
        let due: Vec<Delivery> = self.store.fetch_all(&due).await?;
        try_join_all(due.iter().map(|delivery| self.attempt(receiver, delivery))).await.map(drop)
    }

    async fn attempt(&self, receiver: &Receiver, delivery: &Delivery) -> Result<(), StoreError> {
        let now = self.clock.now().timestamp();
        if self.put_off(delivery, now + LEASE, delivery.attempts + 1).await? == 0 {
            // Another replica has it.
            return Ok(());
        }
        let claimed = Delivery { due: now + LEASE, attempts: delivery.attempts + 1, ..*delivery };
        let warning = Warning::select().and_where(Expr::col("id").eq(delivery.warning_id)).to_owned();
        let warning: Option<Warning> = self.store.fetch_optional(&warning).await?;
        let Some(warning) = warning else { return self.forget(delivery.id).await };
        match self.webhooks.send(receiver, &warning, now).await {
            Ok(()) => self.forget(delivery.id).await,
            Err(reason) => {
                let place = usize::try_from(claimed.attempts - 1).unwrap_or_default().min(DELAYS.len() - 1);
                let host = receiver.url.host_str().unwrap_or_default();
                let (attempts, delay) = (claimed.attempts, DELAYS[place]);
                tracing::warn!(%reason, host, attempts, "a warning's webhook failed; again in {delay} seconds");
                self.put_off(&claimed, now + delay, claimed.attempts).await.map(drop)
            }
        }
    }

    /// Gives a delivery another time, unless somebody else has done so, and says how many rows that was.
    async fn put_off(&self, delivery: &Delivery, due: i64, attempts: i64) -> Result<u64, StoreError> {
        let update = Query::update()
            .table(DELIVERIES)
            .value("due", due)
            .value("attempts", attempts)
            .and_where(Expr::col("id").eq(delivery.id))
            .and_where(Expr::col("due").eq(delivery.due))
            .and_where(Expr::col("attempts").eq(delivery.attempts))
            .to_owned();
        self.store.execute(&update).await
    }

    async fn forget(&self, id: Id) -> Result<(), StoreError> {
        self.store.delete_where(DELIVERIES, [Expr::col("id").eq(id)]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;

    /// The example of Standard Webhooks' own documents and libraries.
    #[test]
    fn a_signature_is_that_of_the_standards_example() {
        let settings = ZendoSettings {
            warning_secret: WebhookSecrets::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ..ZendoSettings::default()
        };
        let signature = Webhooks::new(&settings).signature(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
