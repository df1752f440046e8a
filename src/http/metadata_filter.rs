//! The filter over what was logged as a thing's metadata: `key:value` or `key:operator:value`.

use sea_query::{Cond, Expr, ExprTrait, Query as Sql, SelectStatement};

use super::error::{ApiError, ApiResult};
use super::filter::{Filter, Operator, pattern};
use super::one_of::{Item, is_none_of, is_one_of};

const VALUE: (&str, &str) = ("run_metadata", "value");

/// The ids of things of that kind for which a value was logged under the key, and the value is as the filter says.
///
/// # Errors
/// 422 without a key, or when the value doesn't fit the operator.
pub(super) fn rows(text: &str, kind: &'static str) -> ApiResult<SelectStatement> {
    let Some((key, value)) = text.split_once(':') else {
        let message = format!(
            "'{text}' is no filter of run metadata; give 'key:value' or 'key:operator:value', such as \
             'accuracy:gt:0.9'."
        );
        return Err(ApiError::unprocessable(message));
    };
    Ok(Sql::select()
        .column(("run_metadata_resource", "resource_id"))
        .from("run_metadata_resource")
        .inner_join(
            "run_metadata",
            Expr::col(("run_metadata", "id")).equals(("run_metadata_resource", "run_metadata_id")),
        )
        .and_where(Expr::col(("run_metadata_resource", "resource_type")).eq(kind))
        .and_where(Expr::col(("run_metadata", "key")).eq(key))
        .cond_where(on_value(&Filter::parse(value))?)
        .to_owned())
}

/// The condition on a value, which is stored as JSON: a text may be given with its quotes or without.
fn on_value(filter: &Filter<'_>) -> ApiResult<Cond> {
    let column = || Expr::col(VALUE);
    let value = filter.value;
    let quoted = |value: &str| format!("\"{value}\"");
    let both = |values: Vec<String>| values.into_iter().flat_map(move |value| [quoted(&value), value]);
    let each = |items: &[Item]| {
        let quoted_each = items.iter().map(|item| quoted(&item.in_python()));
        quoted_each.chain(items.iter().filter_map(Item::stored)).collect::<Vec<_>>()
    };
    Ok(match filter.operator {
        Operator::Equals => Cond::all().add(column().is_in(both(vec![value.to_owned()]))),
        Operator::NotEquals => Cond::all().add(column().is_not_in(both(vec![value.to_owned()]))),
        Operator::OneOf => {
            let items = filter.items()?;
            Cond::all().add(is_one_of(column(), &items, each(&items)))
        }
        Operator::NotOneOf => {
            let items = filter.items()?;
            Cond::all().add(is_none_of(column(), &items, each(&items)))
        }
        Operator::StartsWith => Cond::any()
            .add(column().like(pattern("", value, "%")))
            .add(column().like(pattern("\"", value, "%"))),
        Operator::EndsWith => Cond::any()
            .add(column().like(pattern("%", value, "")))
            .add(column().like(pattern("%", value, "\""))),
        Operator::Contains => Cond::all().add(column().like(pattern("%", value, "%"))),
        Operator::NotContains => Cond::all().add(column().not_like(pattern("%", value, "%"))),
        Operator::IsNull | Operator::IsNotNull if !value.is_empty() => {
            return Err(ApiError::unprocessable("'isnull:' and 'isnotnull:' take no value."));
        }
        Operator::IsNull => Cond::all().add(column().is_null()),
        Operator::IsNotNull => Cond::all().add(column().is_not_null()),
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => on_number(filter)?,
        Operator::In => return Err(filter.unfit()),
    })
}

/// Values that are numbers, compared as numbers.
fn on_number(filter: &Filter<'_>) -> ApiResult<Cond> {
    let is_number = Expr::col(("run_metadata", "type")).is_in(["int", "float", "StorageSize"]);
    Ok(Cond::all().add(is_number).add(filter.compared(Expr::col(VALUE).cast_as("DOUBLE"))?))
}
