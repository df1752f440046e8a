//! The way in for deliveries. It is open: what proves one is its signature.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, Query as Sql};
use secrecy::SecretString;

use super::{SIGNING_SECRET, WebhookRow};
use crate::api::stacks::secrets::open_one;
use crate::app::SecretsStore;
use crate::auth::cipher::SecretCipher;
use crate::env::Environment;
use crate::framework::Context;
use crate::http::client_address::ClientAddress;
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::{PathId, PathNameAndId};
use crate::http::query::QueryParams;
use crate::intake::{Answer, Counts, Delivery, Intake, Outcome, Provider, is_first};
use crate::store::{Id, JoinById, Store, Timestamp};

/// Bytes of a body that are looked at where requests are waited for; more take a thread.
const QUICKLY_CHECKED: usize = 64 << 10;

/// Takes a delivery that is signed as its provider signs, once: one that is sent again gets the same answer, and is no
/// other.
pub(super) async fn receive(
    State(intake): State<Arc<Intake>>,
    State(secrets): State<Arc<SecretsStore>>,
    State(store): State<Store>,
    State(env): State<Environment>,
    ClientAddress(address): ClientAddress,
    PathNameAndId(provider, id): PathNameAndId,
    request: Request,
) -> Result<Response, Response> {
    let refuse = IntoResponse::into_response;
    let provider: Provider = provider.parse().map_err(|_| refuse(not_found()))?;
    provider
        .check_headers(request.headers())
        .map_err(|reason| refuse(ApiError::plain(StatusCode::BAD_REQUEST, reason)))?;
    let now = env.clock.now();
    intake.admit(id, address, now).map_err(|too_many| {
        let message = "There are too many deliveries from this address.";
        refuse(ApiError::limited(message, too_many.seconds))
    })?;
    let webhook = find(&store, &secrets.cipher, provider, id).await.map_err(refuse)?;
    let headers = request.headers().clone();
    let body = Bytes::from_request(request, &()).await.map_err(IntoResponse::into_response)?;
    // The body may have taken its time: how old the signature is counts from here.
    let now = env.clock.now();
    let delivery = check(&intake, provider, webhook, (headers, body), now).await.map_err(refuse)?;
    accept(&store, id, &delivery, now).await.map_err(refuse)?;
    Ok(match delivery.answer {
        Answer::Accepted => StatusCode::ACCEPTED.into_response(),
        Answer::Ok => StatusCode::OK.into_response(),
        Answer::Challenge(text) => {
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            ([(CONTENT_TYPE, plain)], text).into_response()
        }
    })
}

/// What has to be known of a webhook to take a delivery.
struct Receiver {
    id: Id,
    is_active: bool,
    secret: SecretString,
}

fn not_found() -> ApiError {
    ApiError::plain(StatusCode::NOT_FOUND, "Not Found")
}

async fn find(store: &Store, cipher: &SecretCipher, provider: Provider, id: Id) -> ApiResult<Receiver> {
    let kind: &'static str = provider.into();
    let query = Sql::select()
        .column(("webhook", "active"))
        .column(("secret", "values"))
        .from("webhook")
        .join_by_id("secret", ("webhook", "secret_id"))
        .and_where(Expr::col(("webhook", "id")).eq(id))
        .and_where(Expr::col(("webhook", "webhook_type")).eq(kind))
        .to_owned();
    let found: Option<(bool, Option<Vec<u8>>)> = store.fetch_optional(&query).await?;
    let (is_active, stored) = found.ok_or_else(not_found)?;
    let secret = stored.and_then(|stored| open_one(cipher, SIGNING_SECRET, &stored)).ok_or_else(|| {
        tracing::error!(webhook = %id, "the secret of a webhook is not there or can't be decrypted");
        ApiError::internal()
    })?;
    Ok(Receiver { id, is_active, secret })
}

/// Whether the delivery is signed, and says what it has to. What is wrong with it is counted, unless the webhook takes
/// none.
async fn check(
    intake: &Intake,
    provider: Provider,
    webhook: Receiver,
    (headers, body): (HeaderMap, Bytes),
    now: DateTime<Utc>,
) -> ApiResult<Delivery> {
    let (webhook, id, is_active) = (Arc::new(webhook.secret), webhook.id, webhook.is_active);
    let is_large = body.len() > QUICKLY_CHECKED;
    let look = move || {
        let authentic = provider.authenticate(&headers, &body, &webhook, now);
        authentic.map(|()| is_active.then(|| provider.read(&headers, &body)))
    };
    let looked = if is_large { tokio::task::spawn_blocking(look).await } else { Ok(look()) };
    let looked = looked.map_err(|error| {
        tracing::error!(%error, "a delivery could not be looked at");
        ApiError::internal()
    })?;
    let count = |outcome| intake.counts.note(id, outcome, Timestamp::new(now));
    match looked {
        Ok(Some(Ok(delivery))) => Ok(delivery),
        Ok(Some(Err(reason))) => {
            count(Outcome::Unreadable(reason));
            Err(ApiError::plain(StatusCode::BAD_REQUEST, reason))
        }
        Ok(None) => Err(ApiError::plain(StatusCode::CONFLICT, "The webhook is not active.")),
        Err(reason) => {
            if is_active {
                count(Outcome::NotSigned(reason));
            }
            Err(ApiError::plain(StatusCode::UNAUTHORIZED, "The webhook does not know this signature."))
        }
    }
}

/// Remembers and counts a delivery, if it is none that came before.
async fn accept(store: &Store, webhook: Id, delivery: &Delivery, now: DateTime<Utc>) -> ApiResult<()> {
    let accepted = store.write(|mut tx| async move {
        let is_new = match &delivery.id {
            Some(delivery) => is_first(&mut tx, webhook, delivery, now).await?,
            None => true,
        };
        if is_new {
            Counts::accept(&mut tx, webhook, Timestamp::new(now)).await?;
        }
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    accepted.await
}

/// What a delivery said. None is kept, here as in ZenML's open server, so there is none to be shown.
pub(super) async fn get_raw_event(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<()>> {
    query.required("delivery_id");
    query.finish()?;
    cx.find::<WebhookRow>(id).await?;
    Err(ApiError::key("\"The webhook has kept no delivery with this ID\""))
}
