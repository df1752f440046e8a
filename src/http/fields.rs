//! The fields that lists can be filtered and sorted by, as data.

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};

use super::conditions::{Among, Part};
use super::error::ApiResult;
use super::filter::Filter;
use crate::store::{Id, JoinById};

/// The filter by owner that takes nothing but an id.
pub(crate) const SCOPE_USER: &str = "scope_user";

/// A column or relation that a list can be filtered by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Name of the parameter.
    pub name: &'static str,
    pub column: &'static str,
    pub kind: FieldKind,
    pub sort: Sort,
    /// Columns by which an index sorts the rows that have one value of this.
    pub walked_by: &'static [&'static str],
}

/// What `sort_by` does with a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sort {
    /// Refuses it.
    Not,
    ByColumn,
    By(fn() -> SimpleExpr),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldKind {
    Text,
    /// A text of a table that has an index of it: SQLite finds its beginnings by one that doesn't care about case, and
    /// letters within it are looked for in the index.
    Name(&'static str),
    /// A text whose filter, when it is repeated, is the last one.
    OneText,
    Id,
    /// A text that is one of some words.
    Word,
    /// True or false.
    Flag,
    /// True or false, and no operators.
    OnlyFlag,
    /// A whole number.
    Number,
    /// A number that may have a fraction; what is none is equal to nothing.
    Decimal,
    /// Naive UTC, given as `%Y-%m-%d %H:%M:%S`.
    Time,
    /// What needs a subquery brings it: `column IN (rows of another table that match)`.
    Related(Related),
    /// Metadata that was logged for this kind of thing: `key:value` or `key:operator:value`.
    RunMetadata(&'static str),
    /// True or false, without operators: the condition that it means, if it narrows at all.
    Switch(fn(bool) -> Option<Part>),
    /// The name of a tag.
    Tags(&'static str),
    /// An id, without operators: the condition that it means.
    OnlyId(fn(Id) -> SimpleExpr),
    /// As `Custom`, and narrows whatever the other filters are joined by.
    Always(fn(&Filter<'_>) -> ApiResult<SimpleExpr>),
    /// What is there to sort by alone.
    Unfiltered,
    /// As `Related`, where more than one select tells whose the ids are.
    Among(fn(&Filter<'_>) -> ApiResult<Among>),
    /// What no kind above says: the filter, and the condition that it means.
    Custom(fn(&Filter<'_>) -> ApiResult<SimpleExpr>),
}

/// A filter over another table: `column IN (SELECT key FROM table WHERE one of the fields matches)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Related {
    /// Column of the listed table.
    pub column: &'static str,
    /// The select to narrow.
    pub rows: fn() -> SelectStatement,
    /// Columns of that select's tables that may match.
    pub fields: &'static [((&'static str, &'static str), FieldKind)],
}

/// The fields of a list, in groups: some have the same.
pub(crate) type Fields = &'static [&'static [Field]];

/// A kind of row that is listed, with the fields its lists can be filtered and sorted by.
pub(crate) trait Listed {
    const FIELDS: Fields;
    /// Whether a list of them may hold what opens something to somebody. Pages of what holds none can be compressed.
    const HOLDS_SECRETS: bool = true;
    /// What is done without a `sort_by`.
    const DEFAULT_SORT: &'static str = "created";
}

/// Fields of every thing that is kept.
pub(crate) const STAMPED: &[Field] = &[Field::id(), Field::time("created"), Field::time("updated")];
/// Fields of what has an owner.
pub(crate) const OWNED: &[Field] = &[Field::scope_user(), Field::user()];

/// What an account that a thing is related to is told by: its id, or one of its names.
pub(crate) const USER: &[((&str, &str), FieldKind)] = &[
    (("user", "id"), FieldKind::Id),
    (("user", "name"), FieldKind::Text),
    (("user", "full_name"), FieldKind::Text),
];

impl Field {
    pub(crate) const fn id() -> Self {
        Self { name: "id", column: "id", kind: FieldKind::Id, sort: Sort::ByColumn, walked_by: &[] }
    }
    pub(crate) const fn text(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Text, sort: Sort::ByColumn, walked_by: &[] }
    }
    /// The name of a thing, of which there may be many in the table.
    pub(crate) const fn name_in(table: &'static str) -> Self {
        Self { kind: FieldKind::Name(table), ..Self::text("name") }
    }
    /// A text of whose filters the last counts.
    pub(crate) const fn one_text(name: &'static str) -> Self {
        Self { kind: FieldKind::OneText, ..Self::text(name) }
    }
    pub(crate) const fn time(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Time, sort: Sort::ByColumn, walked_by: &[] }
    }
    pub(crate) const fn flag(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Flag, sort: Sort::ByColumn, walked_by: &[] }
    }
    pub(crate) const fn word(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Word, sort: Sort::ByColumn, walked_by: &[] }
    }
    /// A column that is true or false, with a parameter that takes nothing else.
    pub(crate) const fn only_flag(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::OnlyFlag, sort: Sort::ByColumn, walked_by: &[] }
    }
    pub(crate) const fn decimal(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Decimal, sort: Sort::ByColumn, walked_by: &[] }
    }
    pub(crate) const fn number(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Number, sort: Sort::ByColumn, walked_by: &[] }
    }
    /// A column that holds another thing's id.
    pub(crate) const fn reference(name: &'static str, column: &'static str) -> Self {
        Self { name, column, kind: FieldKind::Id, sort: Sort::ByColumn, walked_by: &[] }
    }
    pub(crate) const fn related(name: &'static str, related: Related) -> Self {
        Self {
            name,
            column: related.column,
            kind: FieldKind::Related(related),
            sort: Sort::Not,
            walked_by: &[],
        }
    }
    /// `scope_user`: the owner's id.
    pub(crate) const fn scope_user() -> Self {
        Self { name: SCOPE_USER, column: "user_id", kind: FieldKind::Id, sort: Sort::Not, walked_by: &[] }
    }
    /// `user`: the owner's id or name.
    pub(crate) const fn user() -> Self {
        const RELATED: Related = Related {
            column: "user_id",
            rows: || Sql::select().column(("user", "id")).from("user").to_owned(),
            fields: USER,
        };
        let sort = Sort::By(|| name_of("user", "user_id"));
        Self { sort, ..Self::related("user", RELATED) }
    }
    /// `tags`: the name of a tag that is attached to a thing of that kind; sorted by the names of all tags.
    pub(crate) const fn tags(kind: &'static str) -> Self {
        let sort = Sort::By(names_of_tags);
        Self { name: "tags", column: "id", kind: FieldKind::Tags(kind), sort, walked_by: &[] }
    }
    /// `run_metadata`: what was logged for a kind of thing.
    pub(crate) const fn run_metadata(kind: &'static str) -> Self {
        let name = "run_metadata";
        Self { name, column: name, kind: FieldKind::RunMetadata(kind), sort: Sort::Not, walked_by: &[] }
    }
    /// A parameter that is true or false and no column.
    pub(crate) const fn switch(name: &'static str, condition: fn(bool) -> Option<Part>) -> Self {
        Self { name, column: name, kind: FieldKind::Switch(condition), sort: Sort::Not, walked_by: &[] }
    }
    /// An id that takes no operators.
    pub(crate) const fn only_id(name: &'static str, condition: fn(Id) -> SimpleExpr) -> Self {
        Self { name, column: name, kind: FieldKind::OnlyId(condition), sort: Sort::Not, walked_by: &[] }
    }
    /// A custom field that is never joined with others by `or`.
    pub(crate) const fn always(
        name: &'static str,
        condition: fn(&Filter<'_>) -> ApiResult<SimpleExpr>,
    ) -> Self {
        Self { name, column: name, kind: FieldKind::Always(condition), sort: Sort::Not, walked_by: &[] }
    }
    /// A field of other rows, for which a function says among which ids its own is.
    pub(crate) const fn among(name: &'static str, ids: fn(&Filter<'_>) -> ApiResult<Among>) -> Self {
        Self { name, column: name, kind: FieldKind::Among(ids), sort: Sort::Not, walked_by: &[] }
    }
    /// With an index that sorts the rows of one value of this by these columns.
    pub(crate) const fn walked_by(self, columns: &'static [&'static str]) -> Self {
        Self { walked_by: columns, ..self }
    }
    /// A name that `sort_by` takes, and no filter.
    pub(crate) const fn sort_only(name: &'static str, by: fn() -> SimpleExpr) -> Self {
        Self { name, column: name, kind: FieldKind::Unfiltered, sort: Sort::By(by), walked_by: &[] }
    }
    /// A field that is no column: the condition is made by a function.
    pub(crate) const fn custom(
        name: &'static str,
        condition: fn(&Filter<'_>) -> ApiResult<SimpleExpr>,
    ) -> Self {
        Self { name, column: name, kind: FieldKind::Custom(condition), sort: Sort::Not, walked_by: &[] }
    }
}

impl Field {
    /// Whether of a repeated filter only the last counts: in ZenML's document its type is no list.
    pub(super) fn takes_one(&self) -> bool {
        let is_single = matches!(
            self.kind,
            FieldKind::OneText
                | FieldKind::Flag
                | FieldKind::OnlyFlag
                | FieldKind::Switch(_)
                | FieldKind::OnlyId(_)
                | FieldKind::Always(_)
        );
        is_single || self.name == SCOPE_USER
    }
}

/// The name of what `column` refers to in `table`, to sort by.
pub(crate) fn name_of(table: &'static str, column: &'static str) -> SimpleExpr {
    let referred = Expr::col((table, "id")).eq(Expr::col(column));
    Sql::select().column((table, "name")).from(table).and_where(referred).to_owned().into()
}

/// The names of a thing's tags, to sort by.
fn names_of_tags() -> SimpleExpr {
    // In a table of its own, so that `id` is the listed thing's.
    let names = Sql::select()
        .expr_as(Expr::col(("tag_resource", "resource_id")), "thing")
        .expr_as(Expr::cust("GROUP_CONCAT(`tag`.`name` ORDER BY `tag`.`name`)"), "names")
        .from("tag_resource")
        .join_by_id("tag", ("tag_resource", "tag_id"))
        .group_by_col(("tag_resource", "resource_id"))
        .to_owned();
    let of_thing = Expr::col(("tagged", "thing")).eq(Expr::col("id"));
    Sql::select()
        .column(("tagged", "names"))
        .from_subquery(names, "tagged")
        .and_where(of_thing)
        .to_owned()
        .into()
}
