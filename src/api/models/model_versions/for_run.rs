//! The model version that a run or step is configured with: found, or made when it isn't there.

use sea_query::{Expr, ExprTrait, Order, SelectStatement};
use strum::VariantNames;

use super::create::NewVersion;
use super::rules::{is_number, lock};
use super::{KIND, ModelVersionRow, Stage};
use crate::api::models::model_version_pipeline_runs;
use crate::api::models::models::{self, ModelRow, with_card};
use crate::api::server::tagging::{TagNames, Taggable, set_tags};
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Context, Resource, find_named};
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::{LongText, NumberOrText, ShortText, check_name};
use crate::store::{Id, Insert, Transaction};

const CREATE_MODEL: Permission = models::KIND.to(Verb::Create);
const CREATE: Permission = KIND.to(Verb::Create);
const LINK: Permission = model_version_pipeline_runs::KIND.to(Verb::Create);
/// What a route may do to the model that a run or a step is configured with.
pub(crate) const CONFIGURED: [Also; 3] = [
    Also::met(CREATE_MODEL, "a new model in its configuration"),
    Also::met(CREATE, "a new version of a model in its configuration"),
    Also::met(LINK, "a version of a model in its configuration"),
];

with_card! {
    /// The model of a pipeline's or step's configuration (contract schema Model).
    pub(crate) struct ConfiguredModel {
        name: ShortText,
        /// A name, number or stage.
        version: Option<NumberOrText>,
        tags: TagNames,
    }
}

/// The version that a run is configured with, linked to the run. A named one, or the run's own numbered one, is made
/// when it isn't there, and so is the model.
///
/// `fill` puts values into the placeholders of the model's name and the version's. To be called within
/// [`Context::create_numbered`].
///
/// # Errors
/// 403 for a token that may not; 404 for a version that is given by its number or stage and isn't there; what `fill` refuses; the store's own.
pub(crate) async fn for_run(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    run: Id,
    configured: &ConfiguredModel,
    fill: impl Fn(&str) -> ApiResult<String>,
) -> ApiResult<Id> {
    let name = fill(configured.name.as_str())?;
    let model = match find_named::<ModelRow>(tx, Some(project), &name).await? {
        Some(model) => model.id,
        None => {
            cx.require(CREATE_MODEL)?;
            check_name("Model", &name)?;
            models::insert(cx, tx, project, &name, configured.card()).await?
        }
    };
    lock(tx, model).await?;
    let version = match &configured.version {
        None => None,
        Some(NumberOrText::Number(number)) => Some(number.to_string()),
        Some(NumberOrText::Text(name)) => Some(fill(name.as_str())?),
    };
    let found = tx.fetch_optional::<ModelVersionRow>(&meant(model, version.as_deref(), run)).await?;
    let id = match (found, version) {
        (Some(found), _) => found.id,
        (None, Some(version)) if is_number(&version) || Stage::VARIANTS.contains(&version.as_str()) => {
            let message = format!("\"The model '{name}' has no version '{version}'.\"");
            return Err(ApiError::key(message));
        }
        (None, version) => {
            cx.require(CREATE)?;
            let new = NewVersion {
                project,
                model,
                name: version.as_deref(),
                description: configured.description.as_ref().map(LongText::as_str),
                stage: None,
                producer_run: Some(run),
            };
            let id = new.insert(cx, tx).await?;
            set_tags(cx, tx, Taggable::ModelVersion, id, &configured.tags).await?;
            id
        }
    };
    cx.require(LINK)?;
    link_run(cx, tx, id, run).await?;
    Ok(id)
}

/// The version of a model with that number, stage or name; without any the one that the run has made.
fn meant(model: Id, version: Option<&str>, run: Id) -> SelectStatement {
    let mut select = ModelVersionRow::select();
    select.and_where(Expr::col("model_id").eq(model));
    match version {
        None => select.and_where(Expr::col("producer_run_id_if_numeric").eq(run)),
        Some(number) if is_number(number) => {
            select.and_where(Expr::col("number").eq(number.parse().unwrap_or(i64::MAX)))
        }
        Some("latest") => select.order_by("number", Order::Desc).limit(1),
        Some(stage) if Stage::VARIANTS.contains(&stage) => select.and_where(Expr::col("stage").eq(stage)),
        Some(name) => select.and_where(Expr::col("name").eq(name)),
    };
    select
}

/// Links a version to a run, once; returns the link, and whether it is new.
///
/// # Errors
/// The store's own.
pub(crate) async fn link_run(
    cx: &Context,
    tx: &mut Transaction,
    version: Id,
    run: Id,
) -> ApiResult<(Id, bool)> {
    if let Some(link) = tx
        .id_where(
            "model_versions_runs",
            [Expr::col("model_version_id").eq(version), Expr::col("pipeline_run_id").eq(run)],
        )
        .await?
    {
        return Ok((link, false));
    }
    let id = cx.new_id();
    Insert::into("model_versions_runs")
        .stamped(id, cx.now())
        .set("model_version_id", version)
        .set("pipeline_run_id", run)
        .run(tx)
        .await?;
    Ok((id, true))
}
