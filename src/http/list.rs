//! Lists: paging, sorting, filters and the page that goes out. One mechanism for every resource.

use std::marker::PhantomData;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use sea_query::{Expr, Order, SelectStatement};
use serde::Serialize;
use uuid::Uuid;

use super::compression::Compressible;
use super::conditions::{Conditions, Part};
use super::error::{ApiError, ApiResult};
use super::fields::{Field, FieldKind, Fields, Listed, SCOPE_USER, Sort};
use super::filter::Filter;
use super::paging::{Paging, SortBy};
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

/// What a caller asked of a list of `T`: a handler's argument.
#[derive(Debug)]
pub(crate) struct ListRequest<T> {
    paging: Paging,
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
        let paging = Paging { page, size, sort };
        Ok(Self { paging, conditions, project, hydrate, listed: PhantomData })
    }

    /// With one more filter, whatever the others are joined by.
    ///
    /// # Errors
    /// 422 for what can't be read.
    pub(crate) fn with_filter(mut self, name: &'static str, text: &str) -> ApiResult<Self> {
        let fields = T::FIELDS.iter().copied().flatten().filter(|field| field.name == name);
        for field in fields {
            self.conditions.always.push(Filter::parse(text).part(field, self.paging.sort.column)?);
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
        let paged = self.paging.of(store, select, &self.conditions).await?;
        let mut items = Vec::new();
        let mut next = paged.first(store).await?;
        while let Some(walk) = next {
            items = store.fetch_all::<T>(&walk.select).await?;
            next = paged.next(store, &walk, items.len()).await?;
            if walk.is_from_end {
                items.reverse();
            }
        }
        let (items, total, total_pages) = paged.told(items)?;
        let Paging { page: index, size: max_size, .. } = self.paging;
        let compressible = Compressible(!T::HOLDS_SECRETS);
        Ok(Page { index, max_size, total_pages, total, items, compressible })
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
