//! Filters on numbers.

use sea_query::{Expr, ExprTrait, SimpleExpr};

use super::error::ApiError;
use super::filter::{Filter, Operator};
use super::one_of::{Item, is_none_of, is_one_of};

impl Filter<'_> {
    /// Texts that begin with a number other than zero, compared as numbers.
    pub(super) fn on_numeric_text(&self, column: SimpleExpr) -> Result<SimpleExpr, ApiError> {
        let number = column.cast_as("DOUBLE");
        Ok(number.clone().ne(0).and(self.compared(number)?))
    }

    /// A column that is a number, greater or less than the value.
    pub(super) fn compared(&self, column: SimpleExpr) -> Result<SimpleExpr, ApiError> {
        let number: f64 = self.value.trim().parse().map_err(|_| {
            ApiError::unprocessable(format!("'{}' is no number to compare with.", self.value))
        })?;
        Ok(match self.operator {
            Operator::Gt => column.gt(number),
            Operator::Gte => column.gte(number),
            Operator::Lt => column.lt(number),
            _ => column.lte(number),
        })
    }

    pub(super) fn on_number(&self, column: SimpleExpr) -> Result<SimpleExpr, ApiError> {
        let number = || {
            let read = self.value.trim().parse::<i64>();
            read.map_err(|_| ApiError::unprocessable(format!("'{}' is no such number.", self.value)))
        };
        Ok(match self.operator {
            Operator::Equals => column.eq(number()?),
            Operator::NotEquals => column.ne(number()?),
            Operator::Gt => column.gt(number()?),
            Operator::Gte => column.gte(number()?),
            Operator::Lt => column.lt(number()?),
            Operator::Lte => column.lte(number()?),
            Operator::IsNull => column.is_null(),
            Operator::IsNotNull => column.is_not_null(),
            _ => return Err(self.unfit()),
        })
    }

    pub(super) fn on_decimal(&self, column: SimpleExpr) -> Result<SimpleExpr, ApiError> {
        let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        let numbers = |items: &[Item]| {
            items.iter().filter_map(Item::stored).filter_map(|text| number(&text)).collect::<Vec<_>>()
        };
        Ok(match self.operator {
            Operator::Equals => column.is_in(number(self.value)),
            Operator::NotEquals => column.clone().is_not_null().and(column.is_not_in(number(self.value))),
            Operator::OneOf => {
                let items = self.items()?;
                is_one_of(column, &items, numbers(&items))
            }
            Operator::NotOneOf => match self.items()? {
                none if none.is_empty() => Expr::val(true),
                items => column.clone().is_not_null().and(is_none_of(column, &items, numbers(&items))),
            },
            Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => self.compared(column)?,
            _ => self.on_text(column.cast_as("CHAR"), self.value)?,
        })
    }
}
