//! What an answer holds that its token may not see.

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::auth::access::{Access, Also, When};
use crate::auth::scope::Scope;
use crate::http::error::ApiError;

/// Bytes of an answer at most out of which something is left.
const LARGEST: usize = 16 << 20;

/// Places in an answer (RFC 6901) that its token may not see.
#[derive(Debug, Default)]
pub(crate) struct Hidden(Vec<&'static str>);

impl Hidden {
    /// Of what a route's answer shows, what a token with this scope may not see.
    pub(crate) fn from(also: &[Also], scope: &Scope) -> Self {
        let places = also.iter().filter_map(|also| match also.when {
            When::Shown(place) => Access::Needs(also.needs).check(scope).is_err().then_some(place),
            When::Flag(..) | When::Met(_) => None,
        });
        Self(places.collect())
    }

    /// The answer without that.
    pub(crate) async fn leave_out_of(self, response: Response) -> Response {
        if self.0.is_empty() || !response.status().is_success() {
            return response;
        }
        Box::pin(self.rewrite(response)).await
    }

    /// What can't be read is not handed on.
    async fn rewrite(self, response: Response) -> Response {
        let (mut parts, body) = response.into_parts();
        let read = to_bytes(body, LARGEST).await.ok();
        let Some(mut answer) = read.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) else {
            tracing::error!("an answer could not be read to leave something out");
            return ApiError::internal().into_response();
        };
        self.empty(&mut answer);
        parts.headers.remove(CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(answer.to_string()))
    }

    fn empty(&self, answer: &mut Value) {
        for place in &self.0 {
            match answer.pointer_mut(place) {
                Some(Value::Object(fields)) => fields.clear(),
                Some(Value::Array(items)) => items.clear(),
                Some(value) => *value = Value::Null,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_hidden_is_empty_in_its_own_way() {
        let mut answer = json!({"body": {"values": {"a": "b"}, "list": [1], "text": "x", "kept": 1}});
        Hidden(vec!["/body/values", "/body/list", "/body/text", "/body/no"]).empty(&mut answer);
        assert_eq!(answer, json!({"body": {"values": {}, "list": [], "text": null, "kept": 1}}));
    }
}
