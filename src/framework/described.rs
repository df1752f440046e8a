//! What the document says of the shapes that all answers share.

use std::borrow::Cow;

use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, Ref, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::Response;
use crate::http::list::Page;

impl<B: ToSchema, M: ToSchema, R: ToSchema> PartialSchema for Response<B, M, R> {
    fn schema() -> RefOr<Schema> {
        let id = of_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        ObjectBuilder::new()
            .property("id", id)
            .required("id")
            .property("name", of_type(Type::String))
            .required("name")
            .property("permission_denied", of_type(Type::Boolean))
            .property("body", B::schema())
            .property("metadata", or_null(M::schema()))
            .property("resources", or_null(R::schema()))
            .into()
    }
}

impl<B: ToSchema, M: ToSchema, R: ToSchema> ToSchema for Response<B, M, R> {
    fn name() -> Cow<'static, str> {
        format!("{}Response", B::name().trim_end_matches("Body")).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        B::schemas(schemas);
        M::schemas(schemas);
        R::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let numbers = ["index", "max_size", "total_pages", "total"].into_iter();
        let page = numbers.fold(ObjectBuilder::new(), |page, name| {
            page.property(name, of_type(Type::Integer)).required(name)
        });
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        page.property("items", items).required("items").into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name().trim_end_matches("Response")).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

fn of_type(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn or_null(schema: RefOr<Schema>) -> AnyOfBuilder {
    AnyOfBuilder::new().item(schema).item(of_type(Type::Null))
}
