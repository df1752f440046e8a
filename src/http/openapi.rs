//! What the OpenAPI document says of every route alike.

use std::marker::PhantomData;

use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Required};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};

use super::filter::FieldKind;
use super::list::{Listed, LogicalOperator};
use crate::routes::api_token::ApiTokenType;

/// Name of the security scheme, as in the contract.
pub const SECURITY_SCHEME: &str = "CookieOAuth2TokenBearer";

/// The document before its paths.
#[derive(OpenApi)]
#[openapi(
    info(title = "zendo", description = "ZenML's REST API, with short-lived API tokens at its heart.",
        license(name = "Apache-2.0")),
    components(schemas(ErrorModel, LogicalOperator, ApiTokenType)),
    modifiers(&AddSecurityScheme)
)]
pub struct ApiDoc;

/// The body of every error (contract schema ErrorModel).
#[derive(ToSchema)]
pub struct ErrorModel {
    #[allow(dead_code, reason = "only its schema is used")]
    detail: Option<serde_json::Value>,
}

struct AddSecurityScheme;

impl Modify for AddSecurityScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let flow = Flow::Password(Password::new("/api/v1/login", Scopes::new()));
        let scheme = SecurityScheme::OAuth2(OAuth2::new([flow]));
        document.components.get_or_insert_default().add_security_scheme(SECURITY_SCHEME, scheme);
    }
}

/// `hydrate` of a route that returns one thing.
pub struct HydrateParameter;

impl IntoParams for HydrateParameter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![query("hydrate", boolean(true))]
    }
}

/// The parameters of a list of `T`: paging, sorting, and a filter for each of its fields.
pub struct ListParameters<T>(PhantomData<T>);

impl<T: Listed> IntoParams for ListParameters<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let sort_by = ObjectBuilder::new().schema_type(Type::String).default(Some(json!("created")));
        let operator: RefOr<Schema> = Ref::from_schema_name("LogicalOperators").into();
        let mut parameters = vec![
            query("hydrate", boolean(false)),
            query("sort_by", sort_by),
            query("logical_operator", operator),
            query("page", whole_number(1, None)),
            query("size", whole_number(20, Some(10_000))),
        ];
        parameters.extend(T::FIELDS.iter().map(|field| query(field.name, filter(field.kind))));
        parameters
    }
}

fn query(name: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .schema(Some(schema))
        .build()
}

fn boolean(default: bool) -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(default))).build()
}

fn whole_number(default: u32, max: Option<u32>) -> Object {
    let number = ObjectBuilder::new().schema_type(Type::Integer).default(Some(json!(default)));
    number.minimum(Some(1)).maximum(max).build()
}

/// A filter takes its kind's value, a text with an operator, or several of them.
fn filter(kind: FieldKind) -> OneOfBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let value = match kind {
        FieldKind::Text => text(),
        FieldKind::Word(words) => text().enum_values(Some(words.iter().copied())),
        FieldKind::Flag => ObjectBuilder::new().schema_type(Type::Boolean),
        FieldKind::Number => ObjectBuilder::new().schema_type(Type::Integer),
        FieldKind::Time => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
        FieldKind::Id | FieldKind::Related(_) => {
            text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        }
    };
    OneOfBuilder::new().item(value).item(ArrayBuilder::new().items(text()))
}
