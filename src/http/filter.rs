//! Filters: one parser turns the query string into conditions, by the fields that a resource lists.

use sea_query::{Cond, Expr, ExprTrait, LikeExpr, Query as Sql, SelectStatement, SimpleExpr};
use uuid::Uuid;

use super::conditions::{Among, Part, unindexed};
use super::error::{ApiError, ApiResult};
use super::fields::{Field, FieldKind, Related};
use super::one_of::{Item, is_none_of, is_one_of};
use crate::config::{Flag, Setting};
use crate::store::{Id, JoinById};

/// Bytes of a filter that is no list: SQLite takes patterns of 50,000, and an escaped letter is two.
const LONGEST: usize = 20_000;

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

    /// The operator, if it was said.
    pub(super) fn shape(&self) -> String {
        let said = self.text.split_once(':').map(|(before, _)| before);
        OPERATORS
            .iter()
            .find(|(name, _)| said == Some(*name))
            .map_or_else(String::new, |(name, _)| format!("{name}:"))
    }

    /// As it was sent, for a filter that has no operators.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// What this filter means for a field of a list that is sorted by a column.
    ///
    /// # Errors
    /// As [`Filter::condition`].
    pub(super) fn part(&self, field: &Field, sorted_by: Option<&'static str>) -> ApiResult<Part> {
        let is_walked = sorted_by.is_some_and(|column| field.walked_by.contains(&column));
        match field.kind {
            FieldKind::Related(related) => {
                let among = Among::new(related.column, self.related_rows(&related)?);
                Ok(Part::Among(Among { is_walked, ..among }))
            }
            FieldKind::RunMetadata(kind) => {
                self.refuse_too_long()?;
                super::metadata_filter::part(self.text, kind)
            }
            FieldKind::Tags(kind) => self.on_tags(kind),
            FieldKind::Among(ids) => Ok(Part::Among(ids(self)?)),
            kind => {
                let found = self.condition(Expr::col(field.column), kind)?;
                let is_walked = is_walked && self.operator == Operator::Equals;
                let seen = match is_walked {
                    true => found.clone(),
                    false => self.condition(unindexed(Expr::col(field.column)), kind)?,
                };
                let is_by_rows = matches!(
                    self.operator,
                    Operator::NotEquals | Operator::EndsWith | Operator::Contains | Operator::NotContains
                );
                let part = Part::Plain { found: found.clone(), seen, is_by_rows };
                Ok(match (kind, self.operator) {
                    (FieldKind::Name(_), Operator::StartsWith) => Part::Begins {
                        column: field.column,
                        with: self.value.to_owned(),
                        meant: Box::new(part),
                    },
                    (FieldKind::Name(table), Operator::Contains | Operator::EndsWith) => {
                        let holding = Sql::select().column("id").from(table).and_where(found).to_owned();
                        Part::Sought {
                            ids: Among::new("id", holding),
                            meant: Box::new(part),
                            may_lack_some: false,
                        }
                    }
                    _ => part,
                })
            }
        }
    }

    /// The condition on `column` that this filter means.
    ///
    /// # Errors
    /// 422 when the value or the operator doesn't fit the kind of column.
    pub(crate) fn condition(&self, column: SimpleExpr, kind: FieldKind) -> Result<SimpleExpr, ApiError> {
        self.refuse_too_long()?;
        if matches!(self.operator, Operator::IsNull | Operator::IsNotNull) {
            self.refuse_value()?;
        }
        match kind {
            FieldKind::Text | FieldKind::Name(_) | FieldKind::OneText | FieldKind::Word => {
                match self.is_order() {
                    true => self.on_numeric_text(column),
                    false => self.on_text(column, self.value),
                }
            }
            FieldKind::Id => self.on_id(column),
            FieldKind::Flag | FieldKind::OnlyFlag => self.on_flag(column),
            FieldKind::Number => self.on_number(column),
            FieldKind::Decimal => self.on_decimal(column),
            FieldKind::Time => self.on_time(column),
            FieldKind::Related(related) => self.on_related(&related),
            FieldKind::Custom(condition) | FieldKind::Always(condition) => condition(self),
            FieldKind::RunMetadata(_)
            | FieldKind::Tags(_)
            | FieldKind::Among(_)
            | FieldKind::Switch(_)
            | FieldKind::OnlyId(_) => Err(self.unfit()),
            FieldKind::Unfiltered => Ok(Expr::val(true)),
        }
    }

    fn refuse_too_long(&self) -> ApiResult<()> {
        let is_list = matches!(self.operator, Operator::OneOf | Operator::NotOneOf);
        if self.text.len() > LONGEST && !is_list {
            return Err(ApiError::unprocessable(format!(
                "The value of a filter has at most {LONGEST} bytes."
            )));
        }
        Ok(())
    }

    fn refuse_value(&self) -> ApiResult<()> {
        match self.value.is_empty() {
            true => Ok(()),
            false => Err(ApiError::unprocessable("'isnull:' and 'isnotnull:' take no value.")),
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
            Operator::StartsWith => {
                let first = stored(self.value);
                // No letter of an id comes after f: an index finds those between.
                let is_part = !first.is_empty() && first.bytes().all(|letter| letter.is_ascii_hexdigit());
                let begins = self.on_text(column.clone(), &first)?;
                let between =
                    || column.clone().gte(first.as_str()).and(column.clone().lt(format!("{first}g")));
                Ok(if is_part { between().and(begins) } else { begins })
            }
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
        Ok(Expr::col(related.column).in_subquery(self.related_rows(related)?))
    }

    fn related_rows(&self, related: &Related) -> Result<SelectStatement, ApiError> {
        self.refuse_too_long()?;
        let mut any = Cond::any();
        for (column, kind) in related.fields {
            any = any.add(self.condition(Expr::col(*column), *kind)?);
        }
        Ok((related.rows)().cond_where(any).to_owned())
    }

    /// The name of a tag that is attached.
    fn on_tags(&self, kind: &'static str) -> ApiResult<Part> {
        let links = Sql::select()
            .column(("tag_resource", "resource_id"))
            .from("tag_resource")
            .and_where(Expr::col(("tag_resource", "resource_type")).eq(kind))
            .to_owned();
        let tagged = |rows| Among::new("id", rows);
        if matches!(self.operator, Operator::IsNull | Operator::IsNotNull) {
            self.refuse_value()?;
            let has_any = tagged(links).exists();
            return Ok(Part::plain(if self.operator == Operator::IsNull { has_any.not() } else { has_any }));
        }
        let named = self.condition(Expr::col(("tag", "name")), FieldKind::Text)?;
        let named = links.clone().join_by_id("tag", ("tag_resource", "tag_id")).and_where(named).to_owned();
        Ok(Part::Among(tagged(named)))
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
            (
                FieldKind::Id,
                "startswith:ab-c",
                r#""c" >= 'abc' AND "c" < 'abcg' AND "c" LIKE 'abc%' ESCAPE '!'"#,
            ),
            (FieldKind::Id, "startswith:abx", r#""c" LIKE 'abx%' ESCAPE '!'"#),
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
