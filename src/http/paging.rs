//! Which rows are on a page, and how they are come by: at a cost that follows the page, and not the table.

use sea_query::extension::mysql::{IndexHintScope, MySqlSelectStatementExt};
use sea_query::{Cond, Expr, ExprTrait, Order, SelectStatement, SimpleExpr};

use super::conditions::{Conditions, FEW, Settled};
use super::error::{ApiError, ApiResult};
use crate::store::{Engine, Id, InIds, Store};

/// Rows before a page that is far behind.
const FAR: u64 = 10_000;

/// What is said of a list that takes long to count, for the moment.
const UNCOUNTED: u64 = 1_000_000;

/// Rows of a list's order that are looked at before ids are read that an index finds.
const NEAR: u64 = 2_000;

/// So many rows before a page are more than MySQL is to read as a whole.
const SKIPPED: u64 = 100;

/// Of a list, what matches is sorted if it is no more than one in so many: else it is walked to.
const SORTED_OF: u64 = 4;

/// What a list is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SortBy {
    pub expression: SimpleExpr,
    /// The column, if it is one.
    pub column: Option<&'static str>,
    /// Columns by which an index sorts rows of the same value.
    pub then: &'static [&'static str],
    pub order: Order,
}

impl SortBy {
    /// Rows of the same moment keep one order over all pages, in the direction of an index.
    fn apply(&self, select: &mut SelectStatement, order: &Order) {
        select.order_by_expr(self.expression.clone(), order.clone());
        for column in self.then {
            select.order_by(*column, order.clone());
        }
        select.order_by("id", order.clone());
    }
}

/// The page that was asked for.
#[derive(Debug)]
pub(super) struct Paging {
    /// From 1 on.
    pub page: u64,
    pub size: u64,
    pub sort: SortBy,
}

/// How many rows a list has.
#[derive(Debug, Clone, Copy)]
struct Length {
    /// None while they are being counted.
    counted: Option<u64>,
    is_exact: bool,
    most: u64,
}

/// A list whose length is known as far as it can be, and of which a page is wanted.
#[derive(Debug)]
pub(super) struct Paged<'a> {
    paging: &'a Paging,
    all: &'a SelectStatement,
    conditions: Settled,
    are_conditions: bool,
    length: Length,
}

/// A statement for the rows of a page.
#[derive(Debug)]
pub(super) struct Walk {
    pub select: SelectStatement,
    /// They come in the opposite order.
    pub is_from_end: bool,
    /// Rows before the page, in the order that they come in.
    skipped: u64,
    order: Order,
    /// Rows that it gives if there are so many.
    limit: u64,
    /// The rows of the whole list, where it ends before that does.
    near_of: Option<u64>,
}

impl Paging {
    /// # Errors
    /// 400 for a page past the end; the store's own errors.
    pub(super) async fn of<'a>(
        &'a self,
        store: &Store,
        all: &'a SelectStatement,
        conditions: &Conditions,
    ) -> ApiResult<Paged<'a>> {
        let settled = conditions.settle(store).await?;
        let length = length(store, all, &settled).await?;
        let are_conditions = !conditions.are_none();
        let paged = Paged { paging: self, all, conditions: settled, are_conditions, length };
        // There may be more than were counted a moment ago: then the page itself tells.
        let is_possible = !length.is_exact && self.page <= length.most.div_ceil(self.size);
        match paged.is_behind() && !is_possible {
            true => Err(paged.past_the_end()),
            false => Ok(paged),
        }
    }

    fn offset(&self) -> u64 {
        (self.page - 1) * self.size
    }
}

async fn length(store: &Store, all: &SelectStatement, conditions: &Settled) -> ApiResult<Length> {
    let those = |condition: &Cond| all.clone().cond_where(condition.clone()).to_owned();
    if conditions.is_by_rows {
        let most = number_of_all(store, all).await?;
        if most > FAR {
            let counted = store.count_later(&those(&conditions.read)).await?;
            return Ok(Length { counted, is_exact: false, most });
        }
    }
    match store.count(&those(&conditions.found)).await? {
        Some(counted) => Ok(Length { counted: Some(counted), is_exact: true, most: counted }),
        None => Ok(Length { counted: None, is_exact: false, most: number_of_all(store, all).await? }),
    }
}

/// No list is longer than all of its kind.
async fn number_of_all(store: &Store, all: &SelectStatement) -> ApiResult<u64> {
    Ok(store.count(all).await?.unwrap_or(UNCOUNTED))
}

impl Paged<'_> {
    /// How the page is come by first, if it can have rows.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn first(&self, store: &Store) -> ApiResult<Option<Walk>> {
        match self.length.counted.unwrap_or(u64::MAX) {
            0 if self.length.is_exact => Ok(None),
            0..=FEW if self.are_conditions => self.ready(store, self.sorted(&self.conditions.found)).await,
            _ => self.ready(store, self.near(store).await?).await,
        }
    }

    /// How it is come by where a walk gave that many rows: not at all if these are the page.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn next(&self, store: &Store, walk: &Walk, rows: usize) -> ApiResult<Option<Walk>> {
        match walk.near_of.filter(|_| (rows as u64) < walk.limit) {
            Some(most) => self.ready(store, self.far(store, most).await?).await,
            None => Ok(None),
        }
    }

    /// The page as it came to be, with the number of all rows and of all pages.
    ///
    /// # Errors
    /// 400 for a page past the end.
    pub(super) fn told<T>(&self, mut items: Vec<T>) -> ApiResult<(Vec<T>, u64, u64)> {
        if self.is_behind() && items.is_empty() {
            return Err(self.past_the_end());
        }
        let Paging { size, .. } = *self.paging;
        let mut total = self.total();
        if !self.length.is_exact {
            let until = self.paging.offset() + items.len() as u64;
            // One more than the page has tells whether there is another: whoever asks for page after page goes on until
            // there is none.
            total = match items.len() as u64 > size {
                true => Ord::max(total, until),
                false if items.is_empty() => Ord::min(total, until),
                false => until,
            };
            items.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        }
        Ok((items, total, pages(total, size)))
    }

    fn total(&self) -> u64 {
        self.length.counted.unwrap_or(self.length.most)
    }

    fn is_behind(&self) -> bool {
        self.paging.page > pages(self.total(), self.paging.size)
    }

    fn past_the_end(&self) -> ApiError {
        let (Paging { page, size, .. }, total) = (self.paging, self.total());
        ApiError::value(format!(
            "Invalid page {page}. The requested page size is {size} and there are a total of {total} items for \
             this query. The maximum page value therefore is {}.",
            pages(total, *size)
        ))
    }

    /// All that matches, found by indexes and sorted.
    fn sorted(&self, condition: &Cond) -> Walk {
        let ids = self.all.clone().cond_where(condition.clone()).clear_selects().column("id").to_owned();
        self.in_order(self.with(Expr::col("id").in_subquery(ids)))
    }

    /// The rows with some ids.
    fn with(&self, ids: SimpleExpr) -> SelectStatement {
        let mut select = self.all.clone().and_where(ids).to_owned();
        // Or MySQL goes through all rows, where it believes that they are few.
        select.force_index("PRIMARY", IndexHintScope::All);
        select
    }

    /// Each row of the list's order is looked at, until the page is full.
    fn walked(&self) -> Walk {
        self.in_order(self.seen())
    }

    fn seen(&self) -> SelectStatement {
        self.all.clone().cond_where(self.conditions.seen.clone()).to_owned()
    }

    /// As [`Self::walked`]; where ids are many, the first rows only: all that matches may be at the order's far end.
    async fn near(&self, store: &Store) -> ApiResult<Walk> {
        let walk = self.walked();
        if self.conditions.many.is_empty() || walk.is_from_end {
            return Ok(walk);
        }
        let most = match self.length.is_exact {
            true => number_of_all(store, self.all).await?,
            false => self.length.most,
        };
        if most <= FAR {
            return Ok(walk);
        }
        let SortBy { column, order, .. } = &self.paging.sort;
        let Some(column) = column.filter(|_| self.paging.offset() + walk.limit <= NEAR) else {
            return self.far(store, most).await;
        };
        let at = |offset| {
            let mut select = self.all.clone().clear_selects().column(column).to_owned();
            self.paging.sort.apply(&mut select, order);
            SimpleExpr::SubQuery(None, Box::new(select.limit(1).offset(offset).to_owned().into()))
        };
        let is_before = match order {
            Order::Desc => Expr::col(column).gte(at(NEAR - 1)),
            // Rows without a value come first, and are before nothing.
            _ => Expr::col(column).lte(at(NEAR - 1)).and(at(0).is_not_null()),
        };
        let near = self.in_order(self.seen().and_where(is_before).to_owned());
        Ok(Walk { near_of: Some(most), ..near })
    }

    /// Sorts what matches, unless that is so much of the list that a walk comes upon it.
    async fn far(&self, store: &Store, most: u64) -> ApiResult<Walk> {
        for ids in &self.conditions.many {
            if !store.has_more(ids, most / SORTED_OF).await? {
                return Ok(self.sorted(&self.conditions.read));
            }
        }
        Ok(self.walked())
    }

    /// The rows of the page, in their order, and one more if it isn't known how many there are. A page far behind is
    /// walked to from the end, if it is known where that is.
    fn in_order(&self, mut select: SelectStatement) -> Walk {
        let Paging { size, sort, .. } = self.paging;
        let total = self.length.counted.filter(|_| self.length.is_exact);
        let (mut offset, mut limit, mut order) = (self.paging.offset(), *size, sort.order.clone());
        if total.is_none() {
            limit += 1;
        }
        let from_end = total.filter(|total| offset >= FAR && offset > total / 2);
        if let Some(total) = from_end {
            limit = Ord::min(limit, total - offset);
            offset = total - offset - limit;
            order = if order == Order::Asc { Order::Desc } else { Order::Asc };
        }
        sort.apply(&mut select, &order);
        select.limit(limit).offset(offset);
        Walk { select, is_from_end: from_end.is_some(), skipped: offset, order, limit, near_of: None }
    }

    /// The walk, of which MySQL gives the ids first where it would read many rows as a whole to skip them: those it
    /// finds in an index.
    async fn ready(&self, store: &Store, walk: Walk) -> ApiResult<Option<Walk>> {
        if store.engine() == Engine::Sqlite || walk.skipped < SKIPPED {
            return Ok(Some(walk));
        }
        let ids = walk.select.clone().clear_selects().column("id").to_owned();
        let ids: Vec<(Id,)> = store.fetch_all(&ids).await?;
        let mut select = self.with(Expr::col("id").in_ids(ids.into_iter().map(|(id,)| id)));
        self.paging.sort.apply(&mut select, &walk.order);
        Ok(Some(Walk { select, ..walk }))
    }
}

fn pages(total: u64, size: u64) -> u64 {
    Ord::max(total.div_ceil(size), 1)
}
