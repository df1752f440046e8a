//! Rows of tables: a type, the table, and its columns, said once.

use sea_query::{Query, SelectStatement, SimpleExpr};

use super::{Id, Row};

/// A row type's table and columns; made by [`row!`](macro@crate::row).
pub trait Stored: Row + Sized {
    const TABLE: &'static str;
    fn columns() -> Vec<&'static str>;
    fn id(&self) -> Id;

    /// All rows.
    fn all() -> SelectStatement {
        Query::select().columns(Self::columns()).from(Self::TABLE).to_owned()
    }
}

/// All rows of a table, some of whose columns are computed.
pub fn select_computed<R: Stored>(computed: &[(&'static str, SimpleExpr)]) -> SelectStatement {
    let mut select = Query::select();
    for column in R::columns() {
        match computed.iter().find(|(name, _)| *name == column) {
            Some((_, expression)) => select.expr_as(expression.clone(), column),
            None => select.column((R::TABLE, column)),
        };
    }
    select.from(R::TABLE).to_owned()
}

/// A row type with its table, read from both engines, and the names of its columns from one list.
///
/// Columns that the answer's body has stand in `body`, those of its metadata in `metadata`: each is a struct of its own
/// that the row holds and gives to the answer. A body that is `owned` begins with when it was made, when it was changed
/// and whose it is; one that is `in_project` says besides in which project.
#[macro_export]
macro_rules! row {
    (
        $(#[$meta:meta])* $visibility:vis struct $name:ident in $table:literal { $($own:tt)* }
        body $body:ident: owned { $($of_body:tt)* }
        $(metadata $metadata:ident { $($of_metadata:tt)* })?
    ) => {
        $crate::row! {
            $(#[$meta])* $visibility struct $name in $table { $($own)* }
            body $body {
                $visibility created: $crate::Timestamp,
                $visibility updated: $crate::Timestamp,
                $visibility user_id: Option<$crate::Id>,
                $($of_body)*
            }
            $(metadata $metadata { $($of_metadata)* })?
        }
    };
    (
        $(#[$meta:meta])* $visibility:vis struct $name:ident in $table:literal { $($own:tt)* }
        body $body:ident: in_project { $($of_body:tt)* }
        $(metadata $metadata:ident { $($of_metadata:tt)* })?
    ) => {
        $crate::row! {
            $(#[$meta])* $visibility struct $name in $table { $($own)* }
            body $body: owned { $visibility project_id: $crate::Id, $($of_body)* }
            $(metadata $metadata { $($of_metadata)* })?
        }
    };
    (
        $(#[$meta:meta])* $visibility:vis struct $name:ident in $table:literal {
            $($(#[$own_meta:meta])* $own_visibility:vis $own:ident: $own_type:ty,)*
        }
        $(body $(#[$body_derive:meta])* $body:ident {
            $($(#[$body_meta:meta])* $body_visibility:vis $of_body:ident: $body_type:ty,)*
        })?
        $(metadata $(#[$metadata_derive:meta])* $metadata:ident {
            $($(#[$metadata_meta:meta])* $metadata_visibility:vis $of_metadata:ident: $metadata_type:ty,)*
        })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        $visibility struct $name {
            $($(#[$own_meta])* $own_visibility $own: $own_type,)*
            $($visibility body: $body,)?
            $($visibility metadata: $metadata,)?
        }

        $(#[derive(Debug, Clone, serde::Serialize)]
        $(#[$body_derive])*
        $visibility struct $body {
            $($(#[$body_meta])* $body_visibility $of_body: $body_type,)*
        })?

        $(#[derive(Debug, Clone, serde::Serialize)]
        $(#[$metadata_derive])*
        $visibility struct $metadata {
            $($(#[$metadata_meta])* $metadata_visibility $of_metadata: $metadata_type,)*
        })?

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            usize: sqlx::ColumnIndex<R>,
            $($own_type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*
            $($($body_type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*)?
            $($($metadata_type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*)?
        {
            fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
                let mut values = $crate::Values::of(row);
                Ok(Self {
                    $($own: values.next(stringify!($own))?,)*
                    $(body: $body { $($of_body: values.next(stringify!($of_body))?,)* },)?
                    $(metadata: $metadata { $($of_metadata: values.next(stringify!($of_metadata))?,)* },)?
                })
            }
        }

        impl $crate::Stored for $name {
            const TABLE: &'static str = $table;
            fn columns() -> Vec<&'static str> {
                // `type` is written `r#type` in Rust.
                [
                    $(stringify!($own),)*
                    $($(stringify!($of_body),)*)?
                    $($(stringify!($of_metadata),)*)?
                ]
                .map(|column| column.trim_start_matches("r#"))
                .to_vec()
            }
            fn id(&self) -> $crate::Id {
                self.id
            }
        }
    };
}
