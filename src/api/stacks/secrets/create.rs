//! New secrets.

use serde::Deserialize;

use super::rules::{refuse_taken, require_store, taken};
use super::values::{SecretValues, SentValues};
use super::{SecretRow, TURN, answer_with_values, seal};
use crate::framework::{Answer, Context};
use crate::http::error::if_duplicate;
use crate::http::json::JsonBody;
use crate::http::values::Name;

#[derive(Debug, Deserialize)]
pub(super) struct SecretRequest {
    name: Name,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    values: SentValues,
}

pub(super) async fn create_secret(
    cx: Context,
    JsonBody(request): JsonBody<SecretRequest>,
) -> Answer<SecretRow> {
    let sealed = seal(&cx, &SecretValues::of(&request.values))?;
    let id = cx.new_id();
    let (context, name, private, sealed) = (&cx, request.name.as_str(), request.private, sealed.as_str());
    let made = cx.create(|mut tx| async move {
        tx.lock(TURN).await?;
        refuse_taken(&mut tx, name, private, Some(context.user_id()), None).await?;
        require_store(context)?;
        let inserted = context
            .insert("secret", id)
            .set("name", name)
            .set("private", private)
            .set("internal", false)
            .set("values", sealed)
            .run(&mut tx)
            .await;
        inserted.map_err(if_duplicate(|| taken(name, private)))?;
        Ok((tx, id))
    });
    let id = made.await?;
    answer_with_values(&cx, id, true).await
}
