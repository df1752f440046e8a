//! Lists of what nobody has used for long.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, SimpleExpr};

use super::query::QueryParams;
use crate::store::Timestamp;

const PARAMETER: &str = "unused_days";
/// Days that may be asked for.
const LONGEST: i64 = 36_500;

/// The moment since which what is listed is to be unused, if that is asked for.
pub(crate) fn unused_since(query: &mut QueryParams, now: DateTime<Utc>) -> Option<Timestamp> {
    let days = query.integer(PARAMETER, 1, LONGEST)?;
    Some(Timestamp::new(now - TimeDelta::days(days)))
}

/// What was made before a moment and not used since.
pub(crate) fn is_unused(table: &'static str, last_use: &'static str, since: Timestamp) -> SimpleExpr {
    let column = |name: &'static str| Expr::col((table, name));
    let never = column(last_use).is_null().or(column(last_use).lt(since));
    column("created").lt(since).and(never)
}
