//! What the filters of a list mean, said in the form that suits how many rows match.
//!
//! Rows that belong to a few others are found from those. Where nearly all rows match, each row of the list's order is
//! looked at, until the page is full. Either way the cost follows what is found, and not the table.

use std::collections::HashSet;

use sea_query::{Cond, Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};

use super::error::ApiResult;
use super::list::LogicalOperator;
use crate::store::{Id, InIds, Store};

/// So many rows, or ids, are few: they are looked up one by one, and sorted.
pub(super) const FEW: u64 = 1_000;

/// What one filter means.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Plain {
        /// In which an index may find what matches.
        found: SimpleExpr,
        /// In which what is found by the list's order is looked at.
        seen: SimpleExpr,
    },
    Among(Among),
}

/// Rows whose column has one of the ids that are the first column of other rows.
#[derive(Debug, Clone)]
pub(crate) struct Among {
    pub column: &'static str,
    /// The list's order can be walked for one id of this column.
    pub is_walked: bool,
    pub rows: Box<SelectStatement>,
}

impl Part {
    /// A condition that no index helps to find rows by.
    pub(crate) fn plain(condition: SimpleExpr) -> Self {
        Self::Plain { found: condition.clone(), seen: condition }
    }

    async fn settle(&self, store: &Store) -> ApiResult<(SimpleExpr, SimpleExpr)> {
        match self {
            Self::Plain { found, seen } => Ok((found.clone(), seen.clone())),
            Self::Among(among) => among.settle(store).await,
        }
    }
}

impl Among {
    pub(crate) fn new(column: &'static str, rows: SelectStatement) -> Self {
        Self { column, is_walked: false, rows: Box::new(rows) }
    }

    async fn settle(&self, store: &Store) -> ApiResult<(SimpleExpr, SimpleExpr)> {
        let first = SelectStatement::clone(&self.rows).limit(FEW + 1).to_owned();
        let ids: Vec<(Option<Id>,)> = store.fetch_all(&first).await?;
        if ids.len() as u64 > FEW {
            let exists = self.exists();
            return Ok((exists.clone(), exists));
        }
        let ids: HashSet<Id> = ids.into_iter().filter_map(|(id,)| id).collect();
        let column = || Expr::col(self.column);
        Ok(match Vec::from_iter(ids).as_slice() {
            [] => (Expr::val(1).eq(2), Expr::val(1).eq(2)),
            [id] if self.is_walked => (column().eq(*id), column().eq(*id)),
            [id] => (column().eq(*id), unindexed(column()).eq(*id)),
            ids => (column().in_ids(ids.iter().copied()), unindexed(column()).in_ids(ids.iter().copied())),
        })
    }

    /// Whether there is such a row for the one that is looked at.
    pub(crate) fn exists(&self) -> SimpleExpr {
        let mut rows = SelectStatement::clone(&self.rows);
        rows.exprs_mut_for_each(|select| select.alias = Some("among_id".into()));
        let any = Sql::select()
            .expr(Expr::val(1))
            .from_subquery(rows, "among")
            .and_where(Expr::col(("among", "among_id")).eq(Expr::col(self.column)))
            .to_owned();
        Expr::exists(any)
    }
}

/// The same value, by which no index of SQLite is chosen.
pub(super) fn unindexed(column: SimpleExpr) -> SimpleExpr {
    Expr::cust_with_expr("+?", column)
}

/// All filters of a list.
#[derive(Debug)]
pub(super) struct Conditions {
    /// Those that narrow whatever the others are joined by.
    pub always: Vec<Part>,
    pub joined: Vec<Part>,
    pub operator: LogicalOperator,
}

/// All filters in one condition, in both forms.
#[derive(Debug)]
pub(super) struct Settled {
    pub found: Cond,
    pub seen: Cond,
}

impl Conditions {
    pub(super) fn are_none(&self) -> bool {
        self.always.is_empty() && self.joined.is_empty()
    }

    /// # Errors
    /// The store's own.
    pub(super) async fn settle(&self, store: &Store) -> ApiResult<Settled> {
        let (always_found, always_seen) = settle_all(&self.always, store).await?;
        let (found, seen) = settle_all(&self.joined, store).await?;
        let join = |always, joined| {
            let joined = match self.operator {
                LogicalOperator::Or => balanced(joined, SimpleExpr::or),
                LogicalOperator::And => balanced(joined, SimpleExpr::and),
            };
            let all = [balanced(always, SimpleExpr::and), joined];
            // Any of no filters is everything.
            all.into_iter().flatten().fold(Cond::all(), Cond::add)
        };
        Ok(Settled { found: join(always_found, found), seen: join(always_seen, seen) })
    }
}

async fn settle_all(parts: &[Part], store: &Store) -> ApiResult<(Vec<SimpleExpr>, Vec<SimpleExpr>)> {
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    for part in parts {
        let (one, other) = part.settle(store).await?;
        found.push(one);
        seen.push(other);
    }
    Ok((found, seen))
}

/// All of the conditions in one that is as flat as can be: what walks through it goes as deep.
fn balanced(
    mut conditions: Vec<SimpleExpr>,
    join: fn(SimpleExpr, SimpleExpr) -> SimpleExpr,
) -> Option<SimpleExpr> {
    if conditions.len() > 1 {
        let right = conditions.split_off(conditions.len() / 2);
        return Some(join(balanced(conditions, join)?, balanced(right, join)?));
    }
    conditions.pop()
}
