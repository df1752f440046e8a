//! The shapes of refusals, and of an answer without words, for the document: each is written where it is answered.

use utoipa::openapi::schema::{AnyOfBuilder, Array, ArrayBuilder, Schema, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Why not: in words, or the exception that ZenML's client raises and its words.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is described, not made")]
pub(crate) struct ErrorModel {
    #[schema(schema_with = detail)]
    detail: String,
}

fn detail() -> RefOr<Schema> {
    let words = ObjectBuilder::new().schema_type(Type::String);
    AnyOfBuilder::new().item(words).item(exception_and_words().build()).into()
}

fn exception_and_words() -> ArrayBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    ArrayBuilder::new().items(text).min_items(Some(2)).max_items(Some(2))
}

/// The pair alone, of what doesn't fit.
pub(crate) struct InvalidRequest;

impl PartialSchema for InvalidRequest {
    fn schema() -> RefOr<Schema> {
        let means = "`ValueError`, and what is wrong with the query or the body.";
        let pair: Array = exception_and_words().description(Some(means)).build();
        RefOr::T(pair.into())
    }
}

impl ToSchema for InvalidRequest {}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is described, not made")]
pub(crate) struct Busy {
    error: String,
}

/// RFC 6749, section 5.2
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is described, not made")]
pub(crate) struct OAuthError {
    error: String,
    error_description: Option<String>,
    error_uri: Option<String>,
}

/// The answer: there is nothing to say.
pub(crate) struct Null;

impl PartialSchema for Null {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Null).into()
    }
}

impl ToSchema for Null {}
