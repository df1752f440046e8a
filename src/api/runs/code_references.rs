//! Code references: the commit of a code repository that a snapshot's code is in. They have no routes of their own.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait};
use serde::{Deserialize, Serialize};

use super::code_repositories::CodeRepositoryRow;
use crate::framework::{Answers, Context, Loader, NoResources, Resource, Response, ResponseOf, require};
use crate::http::error::ApiResult;
use crate::http::fields::{Fields, Listed};
use crate::http::values::ShortText;
use crate::store::{Id, Insert, Transaction, fields, row};

row! {
    pub struct CodeReferenceRow in "code_reference" {
        pub id: Id,
        code_repository_id: Id,
    }
    body CodeReferenceColumns: stamped {
        commit: String,
        subdirectory: String,
    }
}

impl Listed for CodeReferenceRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[];
}

#[derive(Debug, Serialize)]
pub(crate) struct CodeReferenceBody {
    #[serde(flatten)]
    columns: CodeReferenceColumns,
    code_repository: Option<Arc<ResponseOf<CodeRepositoryRow>>>,
}

impl Resource for CodeReferenceRow {
    const NAME: &'static str = "code reference";
    type Body = CodeReferenceBody;
    type Metadata = NoResources;
    type Resources = NoResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let repositories =
            loader.embed::<CodeRepositoryRow>(rows.iter().map(|row| Some(row.code_repository_id))).await?;
        let response = |row: Self| {
            let code_repository = repositories.get(&row.code_repository_id).cloned();
            let body = CodeReferenceBody { columns: row.body, code_repository };
            Response::nameless(row.id, body, None, None)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// A commit, and the folder in it (contract schema CodeReferenceRequest).
#[derive(Debug, Deserialize)]
pub(crate) struct CodeReferenceRequest {
    commit: ShortText,
    subdirectory: ShortText,
    code_repository: Id,
}

/// The reference that says the same, made when there is none.
///
/// # Errors
/// 404 for an unknown repository; the store's own.
pub(crate) async fn find_or_make(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    request: &CodeReferenceRequest,
) -> ApiResult<Id> {
    require::<CodeRepositoryRow>(tx, Some(request.code_repository), project).await?;
    let same = [
        Expr::col("project_id").eq(project),
        Expr::col("code_repository_id").eq(request.code_repository),
        Expr::col("commit").eq(request.commit.as_str()),
        Expr::col("subdirectory").eq(request.subdirectory.as_str()),
    ];
    if let Some(id) = tx.id_where("code_reference", same).await? {
        return Ok(id);
    }
    let id = cx.new_id();
    Insert::into("code_reference")
        .stamped(id, cx.now())
        .set("project_id", project)
        .set("code_repository_id", request.code_repository)
        .set_all(fields!(request; commit, subdirectory))
        .run(tx)
        .await?;
    Ok(id)
}
