//! Lists: paging, sorting, filters and the page that goes out. One mechanism for every resource.

use std::marker::PhantomData;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use sea_query::{Expr, ExprTrait, Order, SelectStatement, SimpleExpr};
use serde::Serialize;
use uuid::Uuid;

use super::compression::Compressible;
use super::conditions::{Conditions, FEW, Part};
use super::error::{ApiError, ApiResult};
use super::fields::{Field, FieldKind, Fields, Listed, SCOPE_USER, Sort};
use super::filter::Filter;
use super::path::PathProject;
use super::query::QueryParams;
use crate::config::{Flag, Setting};
use crate::store::{Id, Row, Store};

const DEFAULT_SIZE: i64 = 20;
const MAX_SIZE: i64 = 10_000;
/// Filters of a request, and the values of all of them: far below what SQLite takes in one statement.
const MOST_FILTERS: usize = 500;
const MOST_VALUES: usize = 5_000;

/// Rows before a page that is far behind.
const FAR: u64 = 10_000;

/// What is said of a list that takes long to count, for the moment.
const UNCOUNTED: u64 = 1_000_000;

/// How several filters are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogicalOperator {
    Or,
    And,
}

/// A page of a list (contract schema Page).
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    pub index: u64,
    pub max_size: u64,
    pub total_pages: u64,
    pub total: u64,
    pub items: Vec<T>,
    #[serde(skip)]
    pub compressible: Compressible,
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        (self.compressible, Json(self)).into_response()
    }
}

/// What a list is sorted by.
#[derive(Debug, Clone, PartialEq)]
struct SortBy {
    expression: SimpleExpr,
    /// The column, if it is one.
    column: Option<&'static str>,
    /// Columns by which an index sorts rows of the same value.
    then: &'static [&'static str],
    order: Order,
}

/// How many rows a list has.
#[derive(Debug, Clone, Copy)]
struct Length {
    /// None while they are being counted.
    counted: Option<u64>,
    is_exact: bool,
    most: u64,
}

/// What a caller asked of a list of `T`: a handler's argument.
#[derive(Debug)]
pub(crate) struct ListRequest<T> {
    page: u64,
    size: u64,
    sort: SortBy,
    conditions: Conditions,
    /// Name or id of the project that the list is to be of.
    pub project: Option<String>,
    pub hydrate: bool,
    listed: PhantomData<fn() -> T>,
}

impl<T: Listed, S: Send + Sync> FromRequestParts<S> for ListRequest<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let PathProject(project) = PathProject::from_request_parts(parts, state).await?;
        let list = Self::read(QueryParams::of(parts))?;
        Ok(Self { project: project.or(list.project), ..list })
    }
}

impl<T: Listed> ListRequest<T> {
    /// Reads the list's parameters and the filters over the fields of `T`.
    ///
    /// # Errors
    /// 422 for what can't be read, in both shapes of the reference.
    pub(crate) fn read(mut query: QueryParams) -> ApiResult<Self> {
        let hydrate = query.flag("hydrate").unwrap_or(false);
        let page = query.integer("page", 1, i64::MAX - 1).unwrap_or(1).unsigned_abs();
        let size = query.integer("size", 1, MAX_SIZE).unwrap_or(DEFAULT_SIZE).unsigned_abs();
        let operators = [("or", LogicalOperator::Or), ("and", LogicalOperator::And)];
        let operator = query.choice("logical_operator", &operators).unwrap_or(LogicalOperator::And);
        for field in T::FIELDS.iter().copied().flatten() {
            match field.kind {
                FieldKind::Switch(_) | FieldKind::OnlyFlag => drop(query.flag(field.name)),
                FieldKind::OnlyId(_) => drop(query.uuid(field.name)),
                _ if field.name == SCOPE_USER => drop(query.uuid(SCOPE_USER)),
                _ => {}
            }
        }
        query.finish()?;
        if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::debug!(shape = shape(&query, T::FIELDS), "a list is asked for");
        }
        let sort = sort_by(query.text("sort_by").unwrap_or(T::DEFAULT_SORT), T::FIELDS)?;
        let conditions = conditions(&query, operator, T::FIELDS, sort.column)?;
        // The older name of the parameter comes first, as in ZenML.
        let named = query.text("project_name_or_id").filter(|name| !name.is_empty());
        let project = named.or_else(|| query.text("project")).map(str::to_owned);
        Ok(Self { page, size, sort, conditions, project, hydrate, listed: PhantomData })
    }

    /// With one more filter, whatever the others are joined by.
    ///
    /// # Errors
    /// 422 for what can't be read.
    pub(crate) fn with_filter(mut self, name: &'static str, text: &str) -> ApiResult<Self> {
        let fields = T::FIELDS.iter().copied().flatten().filter(|field| field.name == name);
        for field in fields {
            self.conditions.always.push(Filter::parse(text).part(field, self.sort.column)?);
        }
        Ok(self)
    }
}

impl<T> ListRequest<T> {
    /// Leaves the rows that were asked for, on all pages.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn narrow(&self, store: &Store, select: &mut SelectStatement) -> ApiResult<()> {
        select.cond_where(self.conditions.settle(store).await?.found);
        Ok(())
    }
}

impl<T: Row + Listed> ListRequest<T> {
    /// Fetches the page of `select` that was asked for, with one query for the rows and one for their number; each
    /// filter about related things takes one more.
    ///
    /// # Errors
    /// 400 for a page past the end; the store's own errors.
    pub(crate) async fn fetch(&self, store: &Store, select: &SelectStatement) -> ApiResult<Page<T>> {
        let conditions = self.conditions.settle(store).await?;
        let found = select.clone().cond_where(conditions.found).to_owned();
        let Length { counted, is_exact, most } =
            self.length(store, select, &found, conditions.is_by_rows).await?;
        let mut total = counted.unwrap_or(most);
        let mut total_pages = Ord::max(total.div_ceil(self.size), 1);
        let (page, size) = (self.page, self.size);
        let past_the_end = move || {
            ApiError::value(format!(
                "Invalid page {page}. The requested page size is {size} and there are a total of {total} \
                 items for this query. The maximum page value therefore is {total_pages}."
            ))
        };
        // There may be more than were counted a moment ago: then the page itself tells.
        let is_behind = page > total_pages;
        if is_behind && (is_exact || page > most.div_ceil(size)) {
            return Err(past_the_end());
        }
        let mut items = match counted.unwrap_or(u64::MAX) {
            0 if is_exact => Vec::new(),
            0..=FEW if !self.conditions.are_none() => {
                let ids = found.clone().clear_selects().column("id").to_owned();
                let select = select.clone().and_where(Expr::col("id").in_subquery(ids)).to_owned();
                self.page_of(store, select, counted.filter(|_| is_exact)).await?
            }
            _ => {
                let select = select.clone().cond_where(conditions.seen).to_owned();
                self.page_of(store, select, counted.filter(|_| is_exact)).await?
            }
        };
        if is_behind && items.is_empty() {
            return Err(past_the_end());
        }
        if !is_exact {
            let until = (self.page - 1) * self.size + items.len() as u64;
            // One more than the page has tells whether there is another: whoever asks for page after page goes on until
            // there is none.
            total = match items.len() as u64 > self.size {
                true => Ord::max(total, until),
                false if items.is_empty() => Ord::min(total, until),
                false => until,
            };
            total_pages = Ord::max(total.div_ceil(self.size), 1);
            items.truncate(usize::try_from(self.size).unwrap_or(usize::MAX));
        }
        let compressible = Compressible(!T::HOLDS_SECRETS);
        Ok(Page { index: self.page, max_size: self.size, total_pages, total, items, compressible })
    }

    async fn length(
        &self,
        store: &Store,
        all: &SelectStatement,
        found: &SelectStatement,
        is_by_rows: bool,
    ) -> ApiResult<Length> {
        // No list is longer than all of its kind.
        let most = async || Ok::<_, ApiError>(store.count(all).await?.unwrap_or(UNCOUNTED));
        if is_by_rows {
            let most = most().await?;
            if most > FAR {
                return Ok(Length { counted: store.count_later(found).await?, is_exact: false, most });
            }
        }
        match store.count(found).await? {
            Some(counted) => Ok(Length { counted: Some(counted), is_exact: true, most: counted }),
            None => Ok(Length { counted: None, is_exact: false, most: most().await? }),
        }
    }

    /// The rows of the page, in their order, and one more if it isn't known how many there are. A page far behind is
    /// walked to from the end, if it is known where that is.
    async fn page_of(
        &self,
        store: &Store,
        mut select: SelectStatement,
        total: Option<u64>,
    ) -> ApiResult<Vec<T>> {
        let SortBy { expression, mut order, then, .. } = self.sort.clone();
        let (mut offset, mut limit) = ((self.page - 1) * self.size, self.size);
        if total.is_none() {
            limit += 1;
        }
        let from_end = total.filter(|total| offset >= FAR && offset > total / 2);
        if let Some(total) = from_end {
            limit = Ord::min(limit, total - offset);
            offset = total - offset - limit;
            order = if order == Order::Asc { Order::Desc } else { Order::Asc };
        }
        // Rows of the same moment keep one order over all pages, in the direction of an index.
        select.order_by_expr(expression, order.clone());
        for column in then {
            select.order_by(*column, order.clone());
        }
        select.order_by("id", order);
        let mut items = store.fetch_all::<T>(select.limit(limit).offset(offset)).await?;
        if from_end.is_some() {
            items.reverse();
        }
        Ok(items)
    }
}

impl<T> Page<T> {
    /// A page of nothing.
    pub(crate) fn empty(max_size: u64) -> Self {
        let compressible = Compressible(false);
        Self { index: 1, max_size, total_pages: 1, total: 0, items: Vec::new(), compressible }
    }

    /// The same page with other items.
    pub(crate) fn with_items<U>(self, items: Vec<U>) -> Page<U> {
        let Self { index, max_size, total_pages, total, compressible, .. } = self;
        Page { index, max_size, total_pages, total, items, compressible }
    }

    /// The same page with what becomes of each item.
    pub(crate) fn map<U>(mut self, into: impl FnMut(T) -> U) -> Page<U> {
        let items = std::mem::take(&mut self.items);
        self.with_items(items.into_iter().map(into).collect())
    }
}

/// What is asked, without the values of filters, which may be secret: for benches/recorded.
fn shape(query: &QueryParams, fields: Fields) -> String {
    let mut parts = Vec::new();
    for name in ["size", "page", "sort_by", "hydrate", "logical_operator"] {
        parts.extend(query.text(name).map(|text| format!("{name}={text}")));
    }
    for field in fields.iter().copied().flatten() {
        let filters =
            query.texts(field.name).map(|text| format!("{}={}", field.name, Filter::parse(text).shape()));
        parts.extend(filters);
    }
    parts.join("&")
}

/// `field`, `asc:field` or `desc:field`; another word before the colon counts as ascending, as in ZenML.
fn sort_by(text: &str, fields: Fields) -> ApiResult<SortBy> {
    let (order, name) = match text.split_once(':') {
        Some(("desc", name)) => (Order::Desc, name),
        Some((_, name)) => (Order::Asc, name),
        None => (Order::Asc, text),
    };
    let fields = fields.iter().copied().flatten();
    let field = fields.clone().find(|field| field.name == name);
    match field.map(|field| (field.sort, field)) {
        Some((Sort::ByColumn, field)) => {
            let (column, then) = (field.column, field.walked_by);
            Ok(SortBy { expression: Expr::col(column), column: Some(column), then, order })
        }
        Some((Sort::By(expression), _)) => {
            Ok(SortBy { expression: expression(), column: None, then: &[], order })
        }
        Some((Sort::Not, _)) | None => {
            let sortable = fields.filter(|field| !matches!(field.sort, Sort::Not));
            let names: Vec<&str> = sortable.map(|field| field.name).collect();
            Err(ApiError::unprocessable(format!(
                "sort_by: You can only sort by valid fields of this resource: {}",
                names.join(", ")
            )))
        }
    }
}

/// Filters are joined by the logical operator, also the values of a repeated one that takes several.
fn conditions(
    query: &QueryParams,
    operator: LogicalOperator,
    fields: Fields,
    sorted_by: Option<&'static str>,
) -> ApiResult<Conditions> {
    let (mut joined, mut always) = (Vec::new(), Vec::new());
    let (mut filters, mut values) = (0, 0);
    for field in fields.iter().copied().flatten() {
        if let Some(part) = part_of_flag(query, field) {
            joined.extend(part);
            continue;
        }
        // What narrows always does so by a text that says something.
        let is_said = |text: &&str| !text.is_empty() || !matches!(field.kind, FieldKind::Always(_));
        let last = query.text(field.name).filter(|_| field.takes_one()).filter(is_said);
        let all = query.texts(field.name).filter(|_| !field.takes_one());
        for text in all.chain(last) {
            let filter = Filter::parse(text);
            (filters, values) = (filters + 1, values + filter.values());
            if filters > MOST_FILTERS || values > MOST_VALUES {
                return Err(ApiError::unprocessable(format!(
                    "A list takes at most {MOST_FILTERS} filters, with {MOST_VALUES} values in all."
                )));
            }
            let part = filter.part(field, sorted_by)?;
            if field.name == SCOPE_USER || matches!(field.kind, FieldKind::Always(_)) {
                always.push(part);
            } else {
                joined.push(part);
            }
        }
    }
    Ok(Conditions { always, joined, operator })
}

/// What a field means that has no operators, if it is one.
fn part_of_flag(query: &QueryParams, field: &Field) -> Option<Option<Part>> {
    let flag = || query.text(field.name).and_then(Flag::read).map(|Flag(flag)| flag);
    match field.kind {
        FieldKind::Switch(part) => Some(flag().and_then(part)),
        FieldKind::OnlyId(condition) => {
            let id = query.text(field.name).and_then(|text| Uuid::try_parse(text).ok());
            Some(id.map(|id| Part::plain(condition(Id(id)))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::{Field, STAMPED};

    const FIELDS: Fields = &[STAMPED, &[Field::text("name"), Field::user()]];

    #[test]
    fn sorting_takes_fields_of_the_resource_only() {
        let sorted = |text| sort_by(text, FIELDS).unwrap();
        let by =
            |column, order| SortBy { expression: Expr::col(column), column: Some(column), then: &[], order };
        assert_eq!(sorted("created"), by("created", Order::Asc));
        assert_eq!(sorted("desc:name"), by("name", Order::Desc));
        assert_eq!(sorted("up:name"), by("name", Order::Asc));
        assert!(sort_by("user", FIELDS).is_ok(), "by the owner's name");
        for wrong in ["", "desc:", "password", "name;drop"] {
            assert!(sort_by(wrong, FIELDS).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_of_a_page_are_kept() {
        struct Thing;
        impl Listed for Thing {
            const FIELDS: Fields = FIELDS;
        }
        let read = |text: &str| ListRequest::<Thing>::read(QueryParams::new("GET", "/x", text));
        assert!(read("page=1&size=10000&hydrate=true").is_ok());
        for wrong in
            ["page=0", "size=0", "size=10001", "page=-1", "page=x", "hydrate=2", "logical_operator=xor"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
