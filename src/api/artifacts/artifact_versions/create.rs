//! Making artifact versions, one or several at once.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use sea_query::{Expr, ExprTrait, Func, Query as Sql};
use serde::Deserialize;
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::ArtifactVersionRow;
use crate::api::artifacts::artifacts::{self, ArtifactRow};
use crate::api::runs::run_metadata::{self, MetadataKind};
use crate::api::runs::source::Source;
use crate::api::server::tagging::{TagNames, Taggable, set_tags};
use crate::api::stacks::components::ComponentRow;
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Answer, Context, ResponseOf, find_named, require, require_project};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult, if_taken};
use crate::http::json::{ModelBody, ModelItems};
use crate::http::values::{Counted, LongText, NumberOrText, ShortText, at_most};
use crate::lookups::note_unused;
use crate::store::{Id, Insert, StoreError, Transaction, Words, fields};

const CREATE_ARTIFACT: Permission = artifacts::KIND.to(Verb::Create);
const UPDATE_ARTIFACT: Permission = artifacts::KIND.to(Verb::Update);
/// What a route may do besides to make a version.
pub(super) const RELATED: [Also; 3] = [
    Also::met(CREATE_ARTIFACT, "the name of a new artifact"),
    Also::met(UPDATE_ARTIFACT, "an artifact whose name becomes a custom one"),
    run_metadata::LOGGED,
];

/// A new artifact version (contract schema ArtifactVersionRequest).
#[derive(Debug, Deserialize)]
pub(crate) struct ArtifactVersionRequest {
    project: Id,
    artifact_id: Option<Id>,
    artifact_name: Option<ShortText>,
    /// Its name, or its number.
    version: Option<NumberOrText>,
    #[serde(default)]
    has_custom_name: bool,
    r#type: ArtifactType,
    artifact_store_id: Option<Id>,
    uri: LongText,
    materializer: Source,
    data_type: Source,
    content_hash: Option<ShortText>,
    tags: TagNames,
    #[serde(default, deserialize_with = "at_most::<200, _, _>")]
    visualizations: Option<Vec<VisualizationRequest>>,
    save_type: SaveType,
    #[serde(default, deserialize_with = "at_most::<1000, _, _>")]
    metadata: Option<BTreeMap<String, Box<RawValue>>>,
    item_count: Option<i32>,
}

modelled!(ArtifactVersionRequest);

#[derive(Debug, Deserialize)]
struct VisualizationRequest {
    r#type: VisualizationType,
    uri: LongText,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum VisualizationType {
    Csv,
    Html,
    Image,
    Markdown,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[allow(clippy::enum_variant_names, reason = "these are the contract's words")]
pub enum ArtifactType {
    DataAnalysisArtifact,
    DataArtifact,
    ModelArtifact,
    SchemaArtifact,
    ServiceArtifact,
    StatisticsArtifact,
    BaseArtifact,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SaveType {
    StepOutput,
    Manual,
    Preexisting,
    External,
}

impl ArtifactVersionRequest {
    /// The artifact that it is to be a version of.
    ///
    /// # Errors
    /// 422 unless it is given in one of both ways.
    fn artifact(&self) -> ApiResult<Artifact<'_>> {
        let name = self.artifact_name.as_ref().map(ShortText::as_str).filter(|name| !name.is_empty());
        match (self.artifact_id, name) {
            (Some(id), None) => Ok(Artifact::Id(id)),
            (None, Some(name)) => Ok(Artifact::Name(name)),
            _ => Err(ApiError::invalid_request("Give either artifact_id or artifact_name.")),
        }
    }
}

/// Which artifact a version is of. One that is named is made when it isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Artifact<'a> {
    Id(Id),
    Name(&'a str),
}

impl Artifact<'_> {
    /// Keeps the artifact's row locked: until the transaction ends, nobody else gives numbers to versions of it.
    async fn lock(self, tx: &mut Transaction, project: Id) -> Result<(), StoreError> {
        match self {
            Self::Id(id) => tx.lock_where("artifact", [Expr::col("id").eq(id)]).await,
            Self::Name(name) => {
                let is_it = [Expr::col("name").eq(name), Expr::col("project_id").eq(project)];
                tx.lock_where("artifact", is_it).await
            }
        }
    }
}

pub(super) async fn create_version(
    cx: Context,
    ModelBody(request): ModelBody<ArtifactVersionRequest>,
) -> Answer<ArtifactVersionRow> {
    let made = create(&cx, std::slice::from_ref(&request)).await?;
    let id = made.first().copied().ok_or_else(ApiError::internal)?;
    cx.answer::<ArtifactVersionRow>(id).await
}

/// Makes all of them or none.
pub(super) async fn create_versions(
    cx: Context,
    ModelItems(requests): ModelItems<ArtifactVersionRequest>,
) -> ApiResult<Json<Vec<std::sync::Arc<ResponseOf<ArtifactVersionRow>>>>> {
    let ids = create(&cx, &requests).await?;
    let answers = cx.read(true).load::<ArtifactVersionRow>(ids.clone()).await?;
    Ok(Json(ids.iter().filter_map(|id| answers.get(id).cloned()).collect()))
}

/// Things that a batch writes: each takes some statements.
const MOST_WRITTEN: usize = 10_000;

async fn create(cx: &Context, requests: &[ArtifactVersionRequest]) -> ApiResult<Vec<Id>> {
    let written = |request: &ArtifactVersionRequest| {
        1 + request.tags.len() + request.visualizations.number() + request.metadata.number()
    };
    if requests.iter().map(written).sum::<usize>() > MOST_WRITTEN {
        let message =
            format!("A batch has at most {MOST_WRITTEN} versions, tags, visualizations and values.");
        return Err(ApiError::invalid_request(message));
    }
    // In one order for all writers, so that two of them never wait for each other.
    let locks = requests
        .iter()
        .map(|request| Ok((request.artifact()?, request.project)))
        .collect::<ApiResult<BTreeSet<_>>>()?;
    let locks = &locks;
    let made = cx.create_numbered(|mut tx| async move {
        for (artifact, project) in locks {
            artifact.lock(&mut tx, *project).await?;
        }
        let mut ids = Vec::with_capacity(requests.len());
        for request in requests {
            ids.push(insert(cx, &mut tx, request).await?);
        }
        Ok((tx, ids))
    });
    made.await
}

/// Inserts a version with its visualizations, tags and metadata.
///
/// # Errors
/// 404 for what it refers to and isn't there; 409 for a version that is there; the store's own.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    request: &ArtifactVersionRequest,
) -> ApiResult<Id> {
    require_project(tx, request.project).await?;
    require::<ComponentRow>(tx, request.artifact_store_id, request.project).await?;
    let artifact = artifact_of(cx, tx, request).await?;
    let (version, number) = match &request.version {
        None => {
            let number = next_number(tx, artifact).await?;
            (number.to_string(), Some(number))
        }
        Some(version) => {
            let name = version.text();
            if name.is_empty() {
                return Err(ApiError::value("The version of an artifact is not empty."));
            }
            let number = name.parse().ok();
            (name, number)
        }
    };
    let id = cx.new_id();
    let inserted = cx
        .insert("artifact_version", id)
        .set("version", version.as_str())
        .set("version_number", number)
        .set("type", request.r#type.as_str())
        .set("save_type", request.save_type.as_str())
        .set_all(fields!(request; uri, materializer, data_type, content_hash, item_count))
        .set("artifact_id", artifact)
        .set("artifact_store_id", request.artifact_store_id)
        .set("project_id", request.project)
        .run(tx)
        .await;
    let taken = |_| ApiError::exists(format!("The artifact has a version '{version}' already."));
    inserted.map_err(if_taken(request.version.as_ref(), taken))?;
    note_unused(tx, [id]).await?;
    insert_related(cx, tx, request, id).await?;
    Ok(id)
}

async fn insert_related(
    cx: &Context,
    tx: &mut Transaction,
    request: &ArtifactVersionRequest,
    id: Id,
) -> ApiResult<()> {
    for visualization in request.visualizations.iter().flatten() {
        Insert::into("artifact_visualization")
            .stamped(cx.new_id(), cx.now())
            .set("type", visualization.r#type.as_str())
            .set("uri", visualization.uri.as_str())
            .set("artifact_version_id", id)
            .run(tx)
            .await?;
    }
    set_tags(cx, tx, Taggable::ArtifactVersion, id, &request.tags).await?;
    let Some(metadata) = &request.metadata else { return Ok(()) };
    run_metadata::insert_untyped(cx, tx, request.project, (MetadataKind::ArtifactVersion, id), metadata).await
}

async fn artifact_of(cx: &Context, tx: &mut Transaction, request: &ArtifactVersionRequest) -> ApiResult<Id> {
    let name = match request.artifact()? {
        Artifact::Id(id) => {
            require::<ArtifactRow>(tx, Some(id), request.project).await?;
            return Ok(id);
        }
        Artifact::Name(name) => name,
    };
    let Some(artifact) = find_named::<ArtifactRow>(tx, Some(request.project), name).await? else {
        cx.require(CREATE_ARTIFACT)?;
        return Ok(artifacts::insert(cx, tx, request.project, name, request.has_custom_name).await?);
    };
    if request.has_custom_name && !artifact.metadata.has_custom_name {
        cx.require(UPDATE_ARTIFACT)?;
        tx.set_where("artifact", ("has_custom_name", true), [Expr::col("id").eq(artifact.id)]).await?;
    }
    Ok(artifact.id)
}

async fn next_number(tx: &mut Transaction, artifact: Id) -> ApiResult<i64> {
    let greatest = Sql::select()
        .expr(Func::max(Expr::col("version_number")))
        .from("artifact_version")
        .and_where(Expr::col("artifact_id").eq(artifact))
        .to_owned();
    let greatest = tx.fetch_optional::<(Option<i64>,)>(&greatest).await?;
    Ok(greatest.and_then(|(number,)| number).unwrap_or(0) + 1)
}
