//! What the engines do with dates, each in its own words.

use sea_query::{BinOper, Expr, ExprTrait, Func, SimpleExpr};

use super::Engine;

/// The spans that moments are gathered into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    Hour,
    Day,
    Week,
    Month,
}

impl Engine {
    /// The seconds from one column's moment to another's; null when one of them is.
    pub fn seconds_between(
        self,
        start: (&'static str, &'static str),
        end: (&'static str, &'static str),
    ) -> SimpleExpr {
        match self {
            Self::Sqlite => {
                let day = |column| Func::cust("julianday").arg(Expr::col(column));
                SimpleExpr::from(day(end)).sub(day(start)).mul(86400.0)
            }
            Self::MySql => {
                let second = Expr::cust("SECOND");
                Func::cust("TIMESTAMPDIFF").arg(second).arg(Expr::col(start)).arg(Expr::col(end)).into()
            }
        }
    }

    /// One column's moment, so many minutes later as another column says.
    pub fn minutes_after(
        self,
        moment: (&'static str, &'static str),
        minutes: (&'static str, &'static str),
    ) -> SimpleExpr {
        match self {
            Self::Sqlite => {
                let minutes = Expr::col(minutes).cast_as("TEXT").binary(BinOper::Custom("||"), " minutes");
                let text = Func::cust("strftime").arg("%Y-%m-%d %H:%M:%f").arg(Expr::col(moment));
                text.arg(minutes).into()
            }
            Self::MySql => {
                let values = [Expr::col(moment), Expr::col(minutes)];
                Expr::cust_with_exprs("DATE_ADD(?, INTERVAL ? MINUTE)", values)
            }
        }
    }

    /// The start of the span that a column's moment is in, as a text that sorts by time; a week starts on Monday.
    pub fn span_of(self, column: (&'static str, &'static str), span: Span) -> SimpleExpr {
        let column = || Expr::col(column);
        let format = match span {
            Span::Hour => "%Y-%m-%d %H:00:00",
            Span::Day | Span::Week => "%Y-%m-%d",
            Span::Month => "%Y-%m-01",
        };
        match (self, span) {
            (Self::Sqlite, Span::Week) => {
                Func::cust("date").arg(column()).arg("-6 days").arg("weekday 1").into()
            }
            (Self::Sqlite, _) => Func::cust("strftime").arg(format).arg(column()).into(),
            (Self::MySql, Span::Week) => {
                let monday = Func::cust("SUBDATE").arg(column()).arg(Func::cust("WEEKDAY").arg(column()));
                Func::cust("DATE_FORMAT").arg(monday).arg(format).into()
            }
            (Self::MySql, _) => Func::cust("DATE_FORMAT").arg(column()).arg(format).into(),
        }
    }
}
