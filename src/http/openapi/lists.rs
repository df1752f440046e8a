//! The parameters that all lists share, for the document: [`ListRequest`](crate::http::list::ListRequest) reads them.

use utoipa::{IntoParams, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is described, not made")]
pub(crate) struct Paging {
    /// Page to return, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<i64>,
    /// How many a page has.
    #[param(minimum = 1, maximum = 10000, default = 20)]
    size: Option<i64>,
    /// field, asc:field or desc:field.
    sort_by: Option<String>,
    /// How filters are joined: by `and` when it isn't said.
    #[param(inline)]
    logical_operator: Option<LogicalOperator>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, not made")]
enum LogicalOperator {
    And,
    Or,
}
