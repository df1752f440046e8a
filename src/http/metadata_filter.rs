//! The filter over what was logged as a thing's metadata: `key:value` or `key:operator:value`.

use sea_query::{Cond, Expr, ExprTrait, Query as Sql};

use super::conditions::{Among, Part};
use super::error::{ApiError, ApiResult};
use super::filter::{Filter, Operator, pattern};
use super::one_of::{Item, is_none_of, is_one_of};
use crate::lookups;
use crate::store::JoinById;

const VALUE: (&str, &str) = ("run_metadata", "value");

/// Things of that kind for which a value was logged under the key, and the value is as the filter says.
///
/// # Errors
/// 422 without a key, or when the value doesn't fit the operator.
pub(super) fn part(text: &str, kind: &'static str) -> ApiResult<Part> {
    let Some((key, value)) = text.split_once(':') else {
        let message = format!(
            "'{text}' is no filter of run metadata; give 'key:value' or 'key:operator:value', such as \
             'accuracy:gt:0.9'."
        );
        return Err(ApiError::unprocessable(message));
    };
    let filter = Filter::parse(value);
    let rows = Sql::select()
        .column(("run_metadata_resource", "resource_id"))
        .from("run_metadata_resource")
        .join_by_id("run_metadata", ("run_metadata_resource", "run_metadata_id"))
        .and_where(Expr::col(("run_metadata_resource", "resource_type")).eq(kind))
        .and_where(Expr::col(("run_metadata", "key")).eq(key))
        .cond_where(on_value(&filter)?)
        .to_owned();
    let sought = Sql::select()
        .column((lookups::LOGGED, "resource_id"))
        .from(lookups::LOGGED)
        .and_where(Expr::col((lookups::LOGGED, "resource_type")).eq(kind))
        .and_where(Expr::col((lookups::LOGGED, "key")).eq(key))
        .cond_where(may_match(&filter))
        .to_owned();
    let meant = Box::new(Part::Among(Among::new("id", rows)));
    Ok(Part::Sought { ids: Among::new("id", sought), meant, may_lack_some: true })
}

/// Where an index finds the values that may be as the filter says, and some more.
fn may_match(filter: &Filter<'_>) -> Cond {
    let sorted = || Expr::col((lookups::LOGGED, "sorted"));
    let number = || filter.value.trim().parse::<f64>().ok().filter(|number| !number.is_nan());
    let range = match (filter.operator, number()) {
        (Operator::Gt | Operator::Gte, Some(number)) => (lookups::at_least(number), lookups::greatest()),
        (Operator::Lt | Operator::Lte, Some(number)) => (lookups::least(), lookups::at_most(number)),
        (Operator::Equals, _) => {
            return lookups::equal_to(filter.value)
                .map_or_else(Cond::all, |texts| Cond::all().add(sorted().is_in(texts)));
        }
        _ => return Cond::all(),
    };
    Cond::all().add(sorted().gte(range.0)).add(sorted().lte(range.1))
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
    let is_number = Expr::col(("run_metadata", "type")).is_in(lookups::NUMBERS);
    Ok(Cond::all().add(is_number).add(filter.compared(Expr::col(VALUE).cast_as("DOUBLE"))?))
}
