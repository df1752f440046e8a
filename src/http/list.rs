//! Lists: paging, sorting, filters and the page that goes out. One mechanism for every resource.

use std::marker::PhantomData;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use sea_query::{Cond, Expr, ExprTrait, Order, SelectStatement, SimpleExpr};
use serde::Serialize;
use uuid::Uuid;

use super::compression::Compressible;
use super::error::{ApiError, ApiResult};
use super::filter::{FieldKind, Fields, Filter, SCOPE_USER, Sort};
use super::path::PathProject;
use super::query::QueryParams;
use crate::config::{Flag, Setting};
use crate::store::{Id, Row, Store};

const DEFAULT_SIZE: i64 = 20;
const MAX_SIZE: i64 = 10_000;
/// Filters of a request, and the values of all of them: far below what SQLite takes in one statement.
const MOST_FILTERS: usize = 500;
const MOST_VALUES: usize = 5_000;

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

/// A kind of row that is listed, with the fields its lists can be filtered and sorted by.
pub(crate) trait Listed {
    const FIELDS: Fields;
    /// Whether a list of them may hold what opens something to somebody. Pages of what holds none can be compressed.
    const HOLDS_SECRETS: bool = true;
    /// What is done without a `sort_by`.
    const DEFAULT_SORT: &'static str = "created";
}

/// What a caller asked of a list of `T`: a handler's argument.
#[derive(Debug)]
pub(crate) struct ListRequest<T> {
    page: u64,
    size: u64,
    order: (SimpleExpr, Order),
    condition: Cond,
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
        let order = sort_order(query.text("sort_by").unwrap_or(T::DEFAULT_SORT), T::FIELDS)?;
        let condition = condition(&query, operator, T::FIELDS)?;
        // The older name of the parameter comes first, as in ZenML.
        let named = query.text("project_name_or_id").filter(|name| !name.is_empty());
        let project = named.or_else(|| query.text("project")).map(str::to_owned);
        Ok(Self { page, size, order, condition, project, hydrate, listed: PhantomData })
    }
}

impl<T> ListRequest<T> {
    /// Leaves the rows that were asked for, on all pages.
    pub(crate) fn narrow(&self, select: &mut SelectStatement) {
        select.cond_where(self.condition.clone());
    }
}

impl<T: Row + Listed> ListRequest<T> {
    /// Fetches the page of `select` that was asked for, with one query for the rows and one for their number.
    ///
    /// # Errors
    /// 400 for a page past the end; the store's own errors.
    pub(crate) async fn fetch(&self, store: &Store, select: &SelectStatement) -> ApiResult<Page<T>> {
        let mut select = select.clone();
        self.narrow(&mut select);
        let total = store.count(&select).await?;
        let total_pages = Ord::max(total.div_ceil(self.size), 1);
        if self.page > total_pages {
            let (page, size) = (self.page, self.size);
            let message = format!(
                "Invalid page {page}. The requested page size is {size} and there are a total of {total} \
                 items for this query. The maximum page value therefore is {total_pages}."
            );
            return Err(ApiError::value(message));
        }
        let (column, order) = self.order.clone();
        // Rows of the same moment keep one order over all pages, in the direction of an index.
        select.order_by_expr(column, order.clone()).order_by("id", order);
        select.limit(self.size).offset((self.page - 1) * self.size);
        let items = store.fetch_all::<T>(&select).await?;
        let compressible = Compressible(!T::HOLDS_SECRETS);
        Ok(Page { index: self.page, max_size: self.size, total_pages, total, items, compressible })
    }
}

impl<T> Page<T> {
    /// A page of nothing.
    pub(crate) fn empty(max_size: u64) -> Self {
        let compressible = Compressible(false);
        Self { index: 1, max_size, total_pages: 1, total: 0, items: Vec::new(), compressible }
    }

    /// The same page with other items.
    pub(crate) fn with_items<U>(self, into: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U> {
        let Self { index, max_size, total_pages, total, items, compressible } = self;
        Page { index, max_size, total_pages, total, items: into(items), compressible }
    }
}

/// `field`, `asc:field` or `desc:field`; another word before the colon counts as ascending, as in ZenML.
fn sort_order(text: &str, fields: Fields) -> ApiResult<(SimpleExpr, Order)> {
    let (order, name) = match text.split_once(':') {
        Some(("desc", name)) => (Order::Desc, name),
        Some((_, name)) => (Order::Asc, name),
        None => (Order::Asc, text),
    };
    let fields = fields.iter().copied().flatten();
    let field = fields.clone().find(|field| field.name == name);
    match field.map(|field| (field.sort, field.column)) {
        Some((Sort::ByColumn, column)) => Ok((Expr::col(column), order)),
        Some((Sort::By(expression), _)) => Ok((expression(), order)),
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
fn condition(query: &QueryParams, operator: LogicalOperator, fields: Fields) -> ApiResult<Cond> {
    let (mut joined, mut always) = (Vec::new(), Vec::new());
    let (mut filters, mut values) = (0, 0);
    for field in fields.iter().copied().flatten() {
        if let FieldKind::Switch(condition) = field.kind {
            let flag = query.text(field.name).and_then(Flag::read);
            if let Some(condition) = flag.and_then(|Flag(flag)| condition(flag)) {
                joined.push(condition);
            }
            continue;
        }
        if let FieldKind::OnlyId(condition) = field.kind {
            let id = query.text(field.name).and_then(|text| Uuid::try_parse(text).ok());
            joined.extend(id.map(|id| condition(Id(id))));
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
            let condition = filter.condition(Expr::col(field.column), field.kind)?;
            if field.name == SCOPE_USER || matches!(field.kind, FieldKind::Always(_)) {
                always.push(condition);
            } else {
                joined.push(condition);
            }
        }
    }
    // Any of no filters is everything.
    let all = |conditions| balanced(conditions, SimpleExpr::and);
    let joined = match operator {
        LogicalOperator::Or => balanced(joined, SimpleExpr::or),
        LogicalOperator::And => all(joined),
    };
    Ok([all(always), joined].into_iter().flatten().fold(Cond::all(), Cond::add))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::filter::{Field, STAMPED};

    const FIELDS: Fields = &[STAMPED, &[Field::text("name"), Field::user()]];

    #[test]
    fn sorting_takes_fields_of_the_resource_only() {
        let sorted = |text| sort_order(text, FIELDS).unwrap();
        assert_eq!(sorted("created"), (Expr::col("created"), Order::Asc));
        assert_eq!(sorted("desc:name"), (Expr::col("name"), Order::Desc));
        assert_eq!(sorted("up:name"), (Expr::col("name"), Order::Asc));
        assert!(sort_order("user", FIELDS).is_ok(), "by the owner's name");
        for wrong in ["", "desc:", "password", "name;drop"] {
            assert!(sort_order(wrong, FIELDS).is_err(), "{wrong}");
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
