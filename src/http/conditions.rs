//! What the filters of a list mean, said in the form that suits how many rows match.
//!
//! Rows that belong to a few others are found from those. Where nearly all rows match, each row of the list's order is
//! looked at, until the page is full. Either way the cost follows what is found, and not the table. In between, ids are many:
//! they are read and sorted where a walk through the list's beginning doesn't come upon them.

use std::collections::BTreeSet;

use sea_query::{ColumnName, ColumnRef, Cond, Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};

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
        /// No index finds what matches.
        is_by_rows: bool,
    },
    Among(Among),
    /// Ids that are found at another place than in the row, of which those are meant that `meant` says.
    Sought {
        ids: Among,
        meant: Box<Part>,
        /// They are in a table of zendo's own, which lacks some until it is known to be complete.
        may_lack_some: bool,
    },
    /// Texts that begin so, whatever their case, in a column with an index for that on SQLite.
    Begins {
        column: &'static str,
        with: String,
        meant: Box<Part>,
    },
}

/// What a part means in the store of now.
#[derive(Debug)]
struct Meaning {
    found: SimpleExpr,
    seen: SimpleExpr,
    /// Also what is found is looked at row by row.
    is_by_rows: bool,
    many: Option<Many>,
}

/// Many ids that an index finds.
#[derive(Debug)]
struct Many {
    ids: SelectStatement,
    /// In which all of them are read first.
    read: SimpleExpr,
}

impl Meaning {
    fn indexed(found: SimpleExpr, seen: SimpleExpr) -> Self {
        Self { found, seen, is_by_rows: false, many: None }
    }

    fn by_rows(condition: SimpleExpr, many: Many) -> Self {
        Self { found: condition.clone(), seen: condition, is_by_rows: true, many: Some(many) }
    }

    fn read(&self) -> SimpleExpr {
        self.many.as_ref().map_or_else(|| self.found.clone(), |many| many.read.clone())
    }
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
        Self::Plain { found: condition.clone(), seen: condition, is_by_rows: true }
    }

    async fn settle(&self, store: &Store) -> ApiResult<Meaning> {
        match self {
            Self::Plain { found, seen, is_by_rows } => {
                let (found, seen) = (found.clone(), seen.clone());
                Ok(Meaning { found, seen, is_by_rows: *is_by_rows, many: None })
            }
            Self::Among(among) => among.settle(store).await,
            Self::Sought { meant, may_lack_some: true, .. } if !store.lookups().find_all() => {
                Box::pin(meant.settle(store)).await
            }
            Self::Sought { ids, meant, .. } => {
                let meant = meant.by_rows();
                Ok(match ids.few(store).await? {
                    None => {
                        let Many { ids, read } = ids.many();
                        Meaning::by_rows(meant.clone(), Many { ids, read: read.and(meant) })
                    }
                    Some(few) => {
                        let (found, seen) = ids.one_of(&few);
                        Meaning::indexed(found.and(meant.clone()), seen.and(meant))
                    }
                })
            }
            Self::Begins { column, with, meant } => {
                let meaning = Box::pin(meant.settle(store)).await?;
                let found = match store.engine().begins(column, with) {
                    Some(between) => between.and(meaning.found),
                    None => meaning.found,
                };
                Ok(Meaning { found, ..meaning })
            }
        }
    }

    /// The condition on a row that is looked at.
    fn by_rows(&self) -> SimpleExpr {
        match self {
            Self::Plain { seen, .. } => seen.clone(),
            Self::Among(among) => among.exists(),
            Self::Sought { meant, .. } | Self::Begins { meant, .. } => meant.by_rows(),
        }
    }
}

impl Among {
    pub(crate) fn new(column: &'static str, rows: SelectStatement) -> Self {
        Self { column, is_walked: false, rows: Box::new(rows) }
    }

    async fn settle(&self, store: &Store) -> ApiResult<Meaning> {
        Ok(match self.few(store).await? {
            None => Meaning::by_rows(self.exists(), self.many()),
            Some(ids) => {
                let (found, seen) = self.one_of(&ids);
                Meaning::indexed(found, seen)
            }
        })
    }

    fn many(&self) -> Many {
        let ids = SelectStatement::clone(&self.rows);
        Many { read: Expr::col(self.column).in_subquery(ids.clone()), ids }
    }

    /// The ids, if they are few.
    async fn few(&self, store: &Store) -> ApiResult<Option<Vec<Id>>> {
        let first = SelectStatement::clone(&self.rows).limit(FEW + 1).to_owned();
        let ids: Vec<(Option<Id>,)> = store.fetch_all(&first).await?;
        if ids.len() as u64 > FEW {
            return Ok(None);
        }
        // In one order, so that a list is known again by its statement: its length is remembered by that.
        let different: BTreeSet<Id> = ids.into_iter().filter_map(|(id,)| id).collect();
        Ok(Some(Vec::from_iter(different)))
    }

    /// The condition that the column is one of these ids, for what is found and for what is seen.
    fn one_of(&self, ids: &[Id]) -> (SimpleExpr, SimpleExpr) {
        let column = || Expr::col(self.column);
        match ids {
            [] => (Expr::val(1).eq(2), Expr::val(1).eq(2)),
            [id] if self.is_walked => (column().eq(*id), column().eq(*id)),
            [id] => (column().eq(*id), unindexed(column()).eq(*id)),
            ids => (column().in_ids(ids.iter().copied()), unindexed(column()).in_ids(ids.iter().copied())),
        }
    }

    /// Whether there is such a row for the one that is looked at.
    pub(crate) fn exists(&self) -> SimpleExpr {
        let mut rows = SelectStatement::clone(&self.rows);
        let mut is_by_key = false;
        rows.exprs_mut_for_each(|select| {
            is_by_key = is_key(&select.expr);
            select.alias = Some("among_id".into());
        });
        let mut any = Sql::select()
            .expr(Expr::val(1))
            .from_subquery(rows, "among")
            .and_where(Expr::col(("among", "among_id")).eq(Expr::col(self.column)))
            .to_owned();
        match is_by_key {
            // With a limit MariaDB can't make a join of it, which it would begin at the other end, and read and sort a whole
            // list for its first page. Only of what a key finds: else it may look through all rows of the other table each time.
            true => SimpleExpr::from(any.limit(1).to_owned()).is_not_null(),
            false => Expr::exists(any),
        }
    }
}

fn is_key(column: &SimpleExpr) -> bool {
    matches!(column, SimpleExpr::Column(ColumnRef::Column(ColumnName(_, name))) if name.inner() == "id")
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
    /// As `found`, but ids are read first, however many they are.
    pub read: Cond,
    /// No index finds what matches: all rows have to be looked at.
    pub is_by_rows: bool,
    /// Many ids that an index finds: what matches is among all of these.
    pub many: Vec<SelectStatement>,
}

impl Conditions {
    pub(super) fn are_none(&self) -> bool {
        self.always.is_empty() && self.joined.is_empty()
    }

    /// # Errors
    /// The store's own.
    pub(super) async fn settle(&self, store: &Store) -> ApiResult<Settled> {
        let always = settle_all(&self.always, store).await?;
        let joined = settle_all(&self.joined, store).await?;
        let by_rows = |parts: &[Meaning]| parts.iter().filter(|part| part.is_by_rows).count();
        let is_by_rows = match self.operator {
            _ if by_rows(&always) < always.len() => false,
            LogicalOperator::And => by_rows(&joined) == joined.len() && !self.are_none(),
            LogicalOperator::Or => by_rows(&joined) > 0 || !always.is_empty(),
        };
        let join = |always, joined| {
            let joined = match self.operator {
                LogicalOperator::Or => balanced(joined, SimpleExpr::or),
                LogicalOperator::And => balanced(joined, SimpleExpr::and),
            };
            let all = [balanced(always, SimpleExpr::and), joined];
            // Any of no filters is everything.
            all.into_iter().flatten().fold(Cond::all(), Cond::add)
        };
        let is_any = self.operator == LogicalOperator::Or && joined.len() > 1;
        let narrowing = always.iter().chain(joined.iter().filter(|_| !is_any));
        let many = narrowing.filter_map(|part| Some(part.many.as_ref()?.ids.clone())).collect();
        let found = |parts: &[Meaning]| parts.iter().map(|part| part.found.clone()).collect();
        let read = |parts: &[Meaning]| parts.iter().map(Meaning::read).collect();
        let seen = |parts: &[Meaning]| parts.iter().map(|part| part.seen.clone()).collect();
        Ok(Settled {
            found: join(found(&always), found(&joined)),
            seen: join(seen(&always), seen(&joined)),
            read: join(read(&always), read(&joined)),
            is_by_rows,
            many,
        })
    }
}

async fn settle_all(parts: &[Part], store: &Store) -> ApiResult<Vec<Meaning>> {
    let mut settled = Vec::new();
    for part in parts {
        settled.push(part.settle(store).await?);
    }
    Ok(settled)
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
