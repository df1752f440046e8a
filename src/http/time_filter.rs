//! Filters on moments: naive UTC, in whole seconds.

use chrono::NaiveDateTime;
use sea_query::{ExprTrait, SimpleExpr};

use super::error::{ApiError, ApiResult};
use super::filter::{Filter, Operator};
use super::one_of::{Item, is_none_of, is_one_of};

impl Filter<'_> {
    /// The earliest and the latest moment that a filter on a time may mean, where it says one.
    ///
    /// # Errors
    /// 422 when the value is no time.
    pub(crate) fn span(&self) -> ApiResult<(Option<NaiveDateTime>, Option<NaiveDateTime>)> {
        let moment = |text: &str| moment(text).map(Some);
        Ok(match self.operator {
            Operator::Equals => (moment(self.value)?, moment(self.value)?),
            Operator::Gt | Operator::Gte => (moment(self.value)?, None),
            Operator::Lt | Operator::Lte => (None, moment(self.value)?),
            Operator::In => match self.value.split_once(',') {
                Some((from, to)) => (moment(from)?, moment(to)?),
                None => (None, None),
            },
            _ => (None, None),
        })
    }

    pub(super) fn on_time(&self, column: SimpleExpr) -> Result<SimpleExpr, ApiError> {
        Ok(match self.operator {
            Operator::Equals => column.eq(time(self.value)?),
            Operator::NotEquals => column.ne(time(self.value)?),
            Operator::Gt => column.gt(time(self.value)?),
            Operator::Gte => column.gte(time(self.value)?),
            Operator::Lt => column.lt(time(self.value)?),
            Operator::Lte => column.lte(time(self.value)?),
            Operator::In => {
                let (from, to) = self.value.split_once(',').ok_or_else(|| {
                    ApiError::unprocessable("The 'in:' filter takes two times with a comma between them.")
                })?;
                column.between(time(from)?, time(to)?)
            }
            Operator::OneOf => {
                let items = self.items()?;
                is_one_of(column, &items, times(&items)?)
            }
            Operator::NotOneOf => {
                let items = self.items()?;
                is_none_of(column, &items, times(&items)?)
            }
            Operator::IsNull => column.is_null(),
            Operator::IsNotNull => column.is_not_null(),
            _ => return Err(self.unfit()),
        })
    }
}

fn times(items: &[Item]) -> Result<Vec<String>, ApiError> {
    items.iter().filter_map(Item::stored).map(|text| time(&text)).collect()
}

/// A time as the store writes it: six digits after the point, so that texts compare as times do.
fn time(text: &str) -> Result<String, ApiError> {
    Ok(moment(text)?.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
}

fn moment(text: &str) -> Result<NaiveDateTime, ApiError> {
    const FORMAT: &str = "%Y-%m-%d %H:%M:%S";
    NaiveDateTime::parse_from_str(text, FORMAT).map_err(|_| {
        ApiError::unprocessable(format!(
            "The datetime filter only works with values in the following format: {FORMAT}"
        ))
    })
}
