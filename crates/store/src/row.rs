//! Rows of tables: a type, the table, and its columns, said once.

use sea_query::{Query, SelectStatement, SimpleExpr};

use super::{Id, Row};

/// A row type's table and columns; made by [`row!`](macro@crate::row).
pub trait Stored: Row + Sized {
    const TABLE: &'static str;
    /// Whether each is of a project, as its body says.
    const IN_PROJECT: bool = false;
    fn columns() -> Vec<&'static str>;
    fn id(&self) -> Id;

    /// The project that it is of, where its body says so.
    fn project(&self) -> Option<Id> {
        None
    }

    /// All rows.
    fn all() -> SelectStatement {
        Query::select().columns(Self::columns()).from(Self::TABLE).to_owned()
    }
}

/// A row type whose body says whose each is.
pub trait Owned: Stored {
    fn owner(&self) -> Option<Id>;
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
/// that the row holds and gives to the answer. A body that is `stamped` begins with when it was made and when it was
/// changed; one that is `owned` says besides whose it is, and one that is `in_project` in which project, too.
#[macro_export]
macro_rules! row {
    (
        $(#[$meta:meta])* $visibility:vis struct $name:ident in $table:literal $own:tt
        body $(#[$of_body:meta])* $body:ident: stamped { $($columns:tt)* }
        $($rest:tt)*
    ) => {
        $crate::row! {
            $(#[$meta])* $visibility struct $name in $table $own
            body $(#[$of_body])* $body {
                $visibility created: $crate::Timestamp,
                $visibility updated: $crate::Timestamp,
                $($columns)*
            }
            $($rest)*
        }
    };
    (
        $(#[$meta:meta])* $visibility:vis struct $name:ident in $table:literal $own:tt
        body $body:ident: owned { $($columns:tt)* }
        $($rest:tt)*
    ) => {
        $crate::row! {
            $(#[$meta])* $visibility struct $name in $table $own
            body $body: stamped { $visibility user_id: Option<$crate::Id>, $($columns)* }
            $($rest)*
        }

        impl $crate::Owned for $name {
            fn owner(&self) -> Option<$crate::Id> {
                self.body.user_id
            }
        }
    };
    (
        $(#[$meta:meta])* $visibility:vis struct $name:ident in $table:literal $own:tt
        body $body:ident: in_project { $($columns:tt)* }
        $($rest:tt)*
    ) => {
        $crate::row! {
            $(#[$meta])* $visibility struct $name in $table $own
            body $body: owned { $visibility project_id: $crate::Id, $($columns)* }
            $($rest)*
            says {
                const IN_PROJECT: bool = true;
                fn project(&self) -> Option<$crate::Id> {
                    Some(self.body.project_id)
                }
            }
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
        $(says { $($said:tt)* })?
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
            $($($said)*)?
        }
    };
}
