//! Filters are data: a resource lists its fields, and one parser turns the query string into a condition.

use sea_query::{Cond, Expr, ExprTrait, LikeExpr, Query as Sql, SelectStatement, SimpleExpr};
use uuid::Uuid;

use super::error::{ApiError, ApiResult};
use super::one_of::{Item, is_none_of, is_one_of};
use crate::config::{Flag, Setting};
use crate::store::Id;

/// Bytes of a filter that is no list: SQLite takes patterns of 50,000, and an escaped letter is two.
const LONGEST: usize = 20_000;

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
    Switch(fn(bool) -> Option<SimpleExpr>),
    /// An id, without operators: the condition that it means.
    OnlyId(fn(Id) -> SimpleExpr),
    /// As `Custom`, and narrows whatever the other filters are joined by.
    Always(fn(&Filter<'_>) -> ApiResult<SimpleExpr>),
    /// What is there to sort by alone.
    Unfiltered,
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
        Self { name: "id", column: "id", kind: FieldKind::Id, sort: Sort::ByColumn }
    }
    pub(crate) const fn text(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Text, sort: Sort::ByColumn }
    }
    pub(crate) const fn time(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Time, sort: Sort::ByColumn }
    }
    pub(crate) const fn flag(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Flag, sort: Sort::ByColumn }
    }
    pub(crate) const fn word(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Word, sort: Sort::ByColumn }
    }
    /// A column that is true or false, with a parameter that takes nothing else.
    pub(crate) const fn only_flag(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::OnlyFlag, sort: Sort::ByColumn }
    }
    pub(crate) const fn decimal(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Decimal, sort: Sort::ByColumn }
    }
    pub(crate) const fn number(name: &'static str) -> Self {
        Self { name, column: name, kind: FieldKind::Number, sort: Sort::ByColumn }
    }
    /// A column that holds another thing's id.
    pub(crate) const fn reference(name: &'static str, column: &'static str) -> Self {
        Self { name, column, kind: FieldKind::Id, sort: Sort::ByColumn }
    }
    pub(crate) const fn related(name: &'static str, related: Related) -> Self {
        Self { name, column: related.column, kind: FieldKind::Related(related), sort: Sort::Not }
    }
    /// `scope_user`: the owner's id.
    pub(crate) const fn scope_user() -> Self {
        Self { name: SCOPE_USER, column: "user_id", kind: FieldKind::Id, sort: Sort::Not }
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
    /// `tags`: the name of a tag that is attached; sorted by the names of all tags.
    pub(crate) const fn tags() -> Self {
        let sort = Sort::By(names_of_tags);
        let field = Self::custom("tags", |filter| {
            let links =
                || Sql::select().column(("tag_resource", "resource_id")).from("tag_resource").to_owned();
            Ok(match filter.operator {
                Operator::IsNull => Expr::col("id").not_in_subquery(links()),
                Operator::IsNotNull => Expr::col("id").in_subquery(links()),
                _ => {
                    let named = filter.condition(Expr::col(("tag", "name")), FieldKind::Text)?;
                    let tag = Expr::col(("tag", "id")).equals(("tag_resource", "tag_id"));
                    Expr::col("id").in_subquery(links().inner_join("tag", tag).and_where(named).to_owned())
                }
            })
        });
        Self { sort, ..field }
    }
    /// `run_metadata`: what was logged for a kind of thing.
    pub(crate) const fn run_metadata(kind: &'static str) -> Self {
        let name = "run_metadata";
        Self { name, column: name, kind: FieldKind::RunMetadata(kind), sort: Sort::Not }
    }
    /// A parameter that is true or false and no column.
    pub(crate) const fn switch(name: &'static str, condition: fn(bool) -> Option<SimpleExpr>) -> Self {
        Self { name, column: name, kind: FieldKind::Switch(condition), sort: Sort::Not }
    }
    /// An id that takes no operators.
    pub(crate) const fn only_id(name: &'static str, condition: fn(Id) -> SimpleExpr) -> Self {
        Self { name, column: name, kind: FieldKind::OnlyId(condition), sort: Sort::Not }
    }
    /// A custom field that is never joined with others by `or`.
    pub(crate) const fn always(
        name: &'static str,
        condition: fn(&Filter<'_>) -> ApiResult<SimpleExpr>,
    ) -> Self {
        Self { name, column: name, kind: FieldKind::Always(condition), sort: Sort::Not }
    }
    /// A name that `sort_by` takes, and no filter.
    pub(crate) const fn sort_only(name: &'static str, by: fn() -> SimpleExpr) -> Self {
        Self { name, column: name, kind: FieldKind::Unfiltered, sort: Sort::By(by) }
    }
    /// A field that is no column: the condition is made by a function.
    pub(crate) const fn custom(
        name: &'static str,
        condition: fn(&Filter<'_>) -> ApiResult<SimpleExpr>,
    ) -> Self {
        Self { name, column: name, kind: FieldKind::Custom(condition), sort: Sort::Not }
    }
}

impl Field {
    /// Whether of a repeated filter only the last counts: in ZenML's document its type is no list.
    pub(super) fn takes_one(&self) -> bool {
        let is_single = matches!(
            self.kind,
            FieldKind::Flag
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
        .inner_join("tag", Expr::col(("tag", "id")).equals(("tag_resource", "tag_id")))
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

/// How a value is compared (contract: GenericFilterOps).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    StartsWith,
    EndsWith,
    Contains,
    NotContains,
    OneOf,
    NotOneOf,
    IsNull,
    IsNotNull,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
}

const OPERATORS: [(&str, Operator); 15] = [
    ("equals", Operator::Equals),
    ("notequals", Operator::NotEquals),
    ("startswith", Operator::StartsWith),
    ("endswith", Operator::EndsWith),
    ("contains", Operator::Contains),
    ("notcontains", Operator::NotContains),
    ("oneof", Operator::OneOf),
    ("notoneof", Operator::NotOneOf),
    ("isnull", Operator::IsNull),
    ("isnotnull", Operator::IsNotNull),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("in", Operator::In),
];

/// One value of a filter parameter, taken apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Filter<'a> {
    pub(super) operator: Operator,
    pub(super) value: &'a str,
    /// As it was sent.
    pub(super) text: &'a str,
}

impl<'a> Filter<'a> {
    /// `operator:value`; a text with no operator before its colon is a value to be equal to.
    pub(crate) fn parse(text: &'a str) -> Self {
        let (operator, value) = text.split_once(':').unwrap_or(("", text));
        match OPERATORS.iter().find(|(name, _)| *name == operator) {
            Some((_, operator)) => Self { operator: *operator, value, text },
            None => Self { operator: Operator::Equals, value: text, text },
        }
    }

    /// As it was sent, for a filter that has no operators.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The condition on `column` that this filter means.
    ///
    /// # Errors
    /// 422 when the value or the operator doesn't fit the kind of column.
    pub(crate) fn condition(&self, column: SimpleExpr, kind: FieldKind) -> Result<SimpleExpr, ApiError> {
        let is_list = matches!(self.operator, Operator::OneOf | Operator::NotOneOf);
        if self.text.len() > LONGEST && !is_list {
            return Err(ApiError::unprocessable(format!(
                "The value of a filter has at most {LONGEST} bytes."
            )));
        }
        if let FieldKind::RunMetadata(kind) = kind {
            return super::metadata_filter::condition(self.text, kind);
        }
        if matches!(self.operator, Operator::IsNull | Operator::IsNotNull) && !self.value.is_empty() {
            return Err(ApiError::unprocessable("'isnull:' and 'isnotnull:' take no value."));
        }
        match kind {
            FieldKind::Text | FieldKind::Word if self.is_order() => self.on_numeric_text(column),
            FieldKind::Text | FieldKind::Word => self.on_text(column, self.value),
            FieldKind::Id => self.on_id(column),
            FieldKind::Flag | FieldKind::OnlyFlag => self.on_flag(column),
            FieldKind::Number => self.on_number(column),
            FieldKind::Decimal => self.on_decimal(column),
            FieldKind::Time => self.on_time(column),
            FieldKind::Related(related) => self.on_related(&related),
            FieldKind::Custom(condition) | FieldKind::Always(condition) => condition(self),
            FieldKind::RunMetadata(_) | FieldKind::Switch(_) | FieldKind::OnlyId(_) => Err(self.unfit()),
            FieldKind::Unfiltered => Ok(Expr::val(true)),
        }
    }

    /// With how many values a column is compared, at most.
    pub(super) fn values(&self) -> usize {
        match self.text.contains("oneof:") {
            true => 1 + self.text.matches(',').count(),
            false => 1,
        }
    }

    fn is_order(&self) -> bool {
        matches!(self.operator, Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte)
    }

    pub(super) fn on_text(&self, column: SimpleExpr, value: &str) -> Result<SimpleExpr, ApiError> {
        let stored = |items: &[Item]| items.iter().filter_map(Item::stored).collect::<Vec<_>>();
        Ok(match self.operator {
            Operator::Equals => column.eq(value),
            Operator::NotEquals => column.ne(value),
            Operator::StartsWith => column.like(pattern("", value, "%")),
            Operator::EndsWith => column.like(pattern("%", value, "")),
            Operator::Contains => column.like(pattern("%", value, "%")),
            Operator::NotContains => column.not_like(pattern("%", value, "%")),
            Operator::OneOf => {
                let items = self.items()?;
                is_one_of(column, &items, stored(&items))
            }
            Operator::NotOneOf => {
                let items = self.items()?;
                is_none_of(column, &items, stored(&items))
            }
            Operator::IsNull => column.is_null(),
            Operator::IsNotNull => column.is_not_null(),
            Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte | Operator::In => {
                return Err(self.unfit());
            }
        })
    }

    /// Ids are texts without hyphens; whatever a list holds is compared as a text, too.
    fn on_id(&self, column: SimpleExpr) -> Result<SimpleExpr, ApiError> {
        let stored = |value: &str| value.replace('-', "").to_ascii_lowercase();
        let all = |items: Vec<Item>| items.into_iter().map(move |item| stored(&item.in_python()));
        match self.operator {
            Operator::OneOf => Ok(column.is_in(all(self.items()?))),
            Operator::NotOneOf => Ok(column.is_not_in(all(self.items()?))),
            _ => self.on_text(column, &stored(self.value)),
        }
    }

    /// The value as a yes or a no, for a field that takes nothing else.
    ///
    /// # Errors
    /// 422 when it is neither.
    pub(crate) fn flag(&self) -> ApiResult<bool> {
        Flag::read(self.value).map(|flag| flag.0).ok_or_else(|| {
            ApiError::unprocessable(format!("'{}' is no boolean; give true or false.", self.value))
        })
    }

    fn on_flag(&self, column: SimpleExpr) -> Result<SimpleExpr, ApiError> {
        Ok(match self.operator {
            Operator::Equals => column.eq(self.flag()?),
            Operator::NotEquals => column.ne(self.flag()?),
            Operator::IsNull => column.is_null(),
            Operator::IsNotNull => column.is_not_null(),
            _ => return Err(self.unfit()),
        })
    }

    fn on_related(&self, related: &Related) -> Result<SimpleExpr, ApiError> {
        let mut any = Cond::any();
        for (column, kind) in related.fields {
            any = any.add(self.condition(Expr::col(*column), *kind)?);
        }
        Ok(Expr::col(related.column).in_subquery((related.rows)().cond_where(any).to_owned()))
    }

    pub(super) fn unfit(&self) -> ApiError {
        let name =
            OPERATORS.iter().find(|(_, operator)| *operator == self.operator).map_or("", |(name, _)| name);
        ApiError::unprocessable(format!("This field can not be filtered using the operation '{name}'."))
    }
}

/// A LIKE pattern in which the caller's `%` and `_` mean themselves.
pub(super) fn pattern(before: &str, value: &str, after: &str) -> LikeExpr {
    let escaped = value.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    LikeExpr::new(format!("{before}{escaped}{after}")).escape('!')
}

/// What has that id, or that name when the text is no id.
pub(crate) fn by_name_or_id(text: &str) -> SimpleExpr {
    match Uuid::try_parse(text) {
        Ok(id) => Expr::col("id").eq(Id(id)),
        Err(_) => Expr::col("name").eq(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_query::SqliteQueryBuilder;

    fn sql(kind: FieldKind, text: &str) -> String {
        let Ok(condition) = Filter::parse(text).condition(Expr::col("c"), kind) else {
            return "422".to_owned();
        };
        let query = Sql::select().column("c").from("t").and_where(condition).to_string(SqliteQueryBuilder);
        query.split_once("WHERE ").unwrap().1.to_owned()
    }

    #[test]
    fn each_operator_means_what_it_says() {
        for (kind, text, expected) in [
            (FieldKind::Text, "x", r#""c" = 'x'"#),
            (FieldKind::Text, "equals:x", r#""c" = 'x'"#),
            (FieldKind::Text, "foo:bar", r#""c" = 'foo:bar'"#),
            (FieldKind::Text, "", r#""c" = ''"#),
            (FieldKind::Text, "contains:10%_!", r#""c" LIKE '%10!%!_!!%' ESCAPE '!'"#),
            (FieldKind::Text, "notcontains:x", r#""c" NOT LIKE '%x%' ESCAPE '!'"#),
            (FieldKind::Text, "oneof:[\"a\",\"b\"]", r#""c" IN ('a', 'b')"#),
            (FieldKind::Text, "oneof:a", "422"),
            (FieldKind::Text, "gt:a", "422"),
            (FieldKind::Text, "gt:1.5", r#"CAST("c" AS DOUBLE) <> 0 AND CAST("c" AS DOUBLE) > 1.5"#),
            (FieldKind::Id, "gt:1", "422"),
            (FieldKind::Text, "isnull:", r#""c" IS NULL"#),
            (FieldKind::Id, "AB-cd", r#""c" = 'abcd'"#),
            (FieldKind::Id, "startswith:ab-c", r#""c" LIKE 'abc%' ESCAPE '!'"#),
            (FieldKind::Time, "gte:2026-01-02 03:04:05", r#""c" >= '2026-01-02 03:04:05.000000'"#),
            (FieldKind::Time, "2026-01-02T03:04:05", "422"),
            (FieldKind::Time, "2026-01-02 03:04:05.5", "422"),
            (
                FieldKind::Time,
                "in:2026-01-01 00:00:00,2026-01-02 00:00:00",
                r#""c" BETWEEN '2026-01-01 00:00:00.000000' AND '2026-01-02 00:00:00.000000'"#,
            ),
            (FieldKind::Time, "contains:2026", "422"),
            (FieldKind::Flag, "True", r#""c" = TRUE"#),
            (FieldKind::Flag, "notequals:0", r#""c" <> FALSE"#),
            (FieldKind::Flag, "perhaps", "422"),
            (FieldKind::Flag, "gt:1", "422"),
            (FieldKind::Number, "gte:3", r#""c" >= 3"#),
            (FieldKind::Number, "three", "422"),
            (FieldKind::Number, "3.5", "422"),
            (FieldKind::Decimal, "lt:3.5", r#""c" < 3.5"#),
            (FieldKind::Decimal, "90", r#""c" IN (90)"#),
            (FieldKind::Decimal, "inf", "1 = 2"),
            (FieldKind::Decimal, "gt:x", "422"),
            (FieldKind::Decimal, "oneof:[\"90\", 90.5, \"x\"]", r#""c" IN (90, 90.5)"#),
            (FieldKind::Decimal, "oneof:[90, null]", r#""c" IN (90) OR "c" IS NULL"#),
            (FieldKind::Decimal, "oneof:[NaN, Infinity]", "1 = 2"),
            (FieldKind::Decimal, "notoneof:[NaN, 90]", r#""c" IS NOT NULL AND FALSE"#),
            (FieldKind::Decimal, "notoneof:[Infinity]", r#""c" IS NOT NULL AND 1 = 1"#),
            (FieldKind::Decimal, "startswith:9", r#"CAST("c" AS CHAR) LIKE '9%' ESCAPE '!'"#),
            (FieldKind::Text, "oneof:[1, 7.0, true, \"a\"]", r#""c" IN ('1', '7.0', '1', 'a')"#),
            (FieldKind::Text, "oneof:[null, \"a\"]", r#""c" IN ('a') OR "c" IS NULL"#),
            (FieldKind::Text, "notoneof:[null, \"a\"]", r#""c" NOT IN ('a') AND "c" IS NOT NULL"#),
            (FieldKind::Text, "notoneof:[NaN]", "FALSE"),
            (FieldKind::Id, "oneof:[null, NaN, \"A-b\"]", r#""c" IN ('none', 'nan', 'ab')"#),
            (FieldKind::Text, "oneof:[[1]]", "422"),
            (FieldKind::Text, "oneof:{}", "422"),
            (FieldKind::Number, "oneof:[1]", "422"),
        ] {
            assert_eq!(sql(kind, text), expected, "{text}");
        }
    }

    #[test]
    fn a_relation_is_asked_by_subquery() {
        let text = sql(Field::user().kind, "eve");
        assert!(text.starts_with(r#""user_id" IN (SELECT "user"."id" FROM "user" WHERE "#), "{text}");
        assert!(text.contains(r#""user"."id" = 'eve' OR "user"."name" = 'eve'"#), "{text}");
    }
}
