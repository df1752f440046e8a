//! Attaching tags to things.

use std::ops::Deref;
use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::{Deserialize, Deserializer};
use strum::{EnumString, IntoStaticStr, VariantNames};
use uuid::Uuid;

use super::tags::{self, Color, TagRow};
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Context, ResponseOf, find_in, find_named};
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::{ShortText, TextOr, at_most};
use crate::store::{Id, InIds, Insert, JoinById, Transaction, Words, ids_where};

/// Tags in one request: each takes some statements.
pub(crate) const MOST_TAGS: usize = 200;

/// What can have tags (contract schema TaggableResourceTypes). The words are those of the tables too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Taggable {
    Artifact,
    ArtifactVersion,
    Model,
    ModelVersion,
    Pipeline,
    PipelineRun,
    RunTemplate,
    PipelineSnapshot,
    Deployment,
}

impl Taggable {
    /// Ids of all things that share an exclusive tag with this one; none for kinds that can't have such a tag.
    fn rivals(self, thing: Id) -> Option<SelectStatement> {
        let column = match self {
            Self::PipelineRun | Self::PipelineSnapshot => "pipeline_id",
            Self::ArtifactVersion => "artifact_id",
            Self::Deployment => return Some(rivals_by_snapshot("deployment", "snapshot_id", thing)),
            Self::RunTemplate => {
                return Some(rivals_by_snapshot("run_template", "source_snapshot_id", thing));
            }
            Self::Artifact | Self::Model | Self::ModelVersion | Self::Pipeline => return None,
        };
        let table = self.as_str();
        let own = Sql::select().column(column).from(table).and_where(Expr::col("id").eq(thing)).to_owned();
        Some(ids_where(table, [Expr::col(column).in_subquery(own)]))
    }
}

/// Things of the table whose snapshots are of the same pipeline.
fn rivals_by_snapshot(table: &'static str, column: &'static str, thing: Id) -> SelectStatement {
    let with_snapshot = |select: &mut SelectStatement| {
        select.from(table).join_by_id("pipeline_snapshot", (table, column)).to_owned()
    };
    let own = with_snapshot(Sql::select().column(("pipeline_snapshot", "pipeline_id")))
        .and_where(Expr::col((table, "id")).eq(thing))
        .to_owned();
    with_snapshot(Sql::select().column((table, "id")))
        .and_where(Expr::col(("pipeline_snapshot", "pipeline_id")).in_subquery(own))
        .to_owned()
}

/// A tag as a request names it: by its name or id, or with what it is to be like.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "TextOr<ShortText, DescribedTag>")]
pub(crate) enum TagReference {
    NameOrId(ShortText),
    Described(DescribedTag),
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DescribedTag {
    name: ShortText,
    color: Option<Color>,
    exclusive: Option<bool>,
}

impl From<TextOr<ShortText, DescribedTag>> for TagReference {
    fn from(tag: TextOr<ShortText, DescribedTag>) -> Self {
        match tag {
            TextOr::Text(name_or_id) => Self::NameOrId(name_or_id),
            TextOr::Object(described) => Self::Described(described),
        }
    }
}

impl TagReference {
    fn name(&self) -> &str {
        match self {
            Self::NameOrId(name) | Self::Described(DescribedTag { name, .. }) => name.as_str(),
        }
    }
}

/// Tags of a field that takes their names and ids alone; null is none, and so is a field that isn't sent.
#[derive(Debug)]
pub(crate) struct TagNames(Vec<TagReference>);

impl<'de> Deserialize<'de> for TagNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names: Option<Vec<ShortText>> = at_most::<MOST_TAGS, _, _>(deserializer)?;
        Ok(Self(names.unwrap_or_default().into_iter().map(TagReference::NameOrId).collect()))
    }
}

impl Deref for TagNames {
    type Target = [TagReference];

    fn deref(&self) -> &[TagReference] {
        &self.0
    }
}

/// Tags as answers have them.
pub(crate) type Tags = Vec<Arc<ResponseOf<TagRow>>>;

/// Tags are made by a token for some projects, too: a run brings its own.
pub(crate) const TAG_KIND: Kind = Kind::new("tags").within_projects(&[Verb::Read, Verb::Create]);
pub(crate) const TAG_LINK_KIND: Kind = Kind::new("tag_resources").in_project();
const ATTACH: Permission = TAG_LINK_KIND.to(Verb::Create);
const DETACH: Permission = TAG_LINK_KIND.to(Verb::Delete);
const MAKE: Permission = TAG_KIND.to(Verb::Create);
/// What a route may do that takes tags for what it makes.
pub(crate) const TAGS: [Also; 2] = [Also::met(ATTACH, "tags"), Also::met(MAKE, "a new tag")];
/// What a route may do that takes tags from what it changes, besides.
pub(crate) const NO_TAGS: [Also; 1] = [Also::met(DETACH, "tags to remove")];

/// Attaches the tags to a thing, and makes those that aren't there yet.
///
/// # Errors
/// 403 for a token that may not; 400 for a tag that is exclusive here and not there; 404 for an unknown id; the store's own.
pub(crate) async fn set_tags(
    cx: &Context,
    tx: &mut Transaction,
    kind: Taggable,
    thing: Id,
    tags: &[TagReference],
) -> ApiResult<()> {
    if tags.len() > MOST_TAGS {
        return Err(ApiError::unprocessable(format!("tags: List should have at most {MOST_TAGS} items")));
    }
    if !tags.is_empty() {
        cx.require(ATTACH)?;
    }
    for reference in tags {
        let tag = find_or_make(cx, tx, reference).await?;
        attach(cx, tx, kind, thing, &tag).await?;
    }
    Ok(())
}

async fn find_or_make(cx: &Context, tx: &mut Transaction, reference: &TagReference) -> ApiResult<TagRow> {
    let name = reference.name();
    if let (TagReference::NameOrId(_), Ok(id)) = (reference, Uuid::try_parse(name)) {
        return find_in::<TagRow>(tx, Id(id)).await;
    }
    let (color, exclusive) = match reference {
        TagReference::NameOrId(_) => (None, None),
        TagReference::Described(DescribedTag { color, exclusive, .. }) => {
            (*color, Some(exclusive.unwrap_or(false)))
        }
    };
    match find_named::<TagRow>(tx, None, name).await? {
        None => {
            cx.require(MAKE)?;
            tags::insert(cx, tx, name, color, exclusive.unwrap_or(false)).await
        }
        Some(tag) if exclusive.is_none_or(|exclusive| exclusive == tag.body.exclusive) => Ok(tag),
        Some(tag) => {
            let is = if tag.body.exclusive { "an exclusive" } else { "a non-exclusive" };
            let message =
                format!("The tag '{name}' is {is} one. Please update it before attaching it to resources.");
            Err(ApiError::value(message))
        }
    }
}

/// Attaches one tag; an exclusive one leaves the thing that had it before. Attaching twice is attaching once.
///
/// # Errors
/// 400 for an exclusive tag on a kind of thing that can't have one; the store's own.
pub(crate) async fn attach(
    cx: &Context,
    tx: &mut Transaction,
    kind: Taggable,
    thing: Id,
    tag: &TagRow,
) -> ApiResult<Id> {
    let link = [
        Expr::col("tag_id").eq(tag.id),
        Expr::col("resource_id").eq(thing),
        Expr::col("resource_type").eq(kind.as_str()),
    ];
    if let Some(id) = tx.id_where("tag_resource", link).await? {
        return Ok(id);
    }
    if tag.body.exclusive {
        let Some(rivals) = kind.rivals(thing) else {
            let message = format!(
                "The exclusive tag '{}' can't be attached to a {}: exclusive tags are for pipeline runs, pipeline \
                 snapshots, deployments, run templates and artifact versions.",
                tag.name,
                kind.as_str()
            );
            return Err(ApiError::value(message));
        };
        let those = [
            Expr::col("tag_id").eq(tag.id),
            Expr::col("resource_type").eq(kind.as_str()),
            Expr::col("resource_id").in_subquery(rivals),
        ];
        tx.delete_where("tag_resource", those).await?;
    }
    let id = cx.new_id();
    Insert::into("tag_resource")
        .stamped(id, cx.now())
        .set("tag_id", tag.id)
        .set("resource_id", thing)
        .set("resource_type", kind.as_str())
        .run(tx)
        .await?;
    Ok(id)
}

/// Attaches some tags to a thing, and takes others from it.
///
/// # Errors
/// As [`set_tags`] and [`remove_tags`].
pub(crate) async fn retag(
    cx: &Context,
    tx: &mut Transaction,
    kind: Taggable,
    thing: Id,
    add: &[TagReference],
    remove: &[TagReference],
) -> ApiResult<()> {
    set_tags(cx, tx, kind, thing, add).await?;
    remove_tags(cx, tx, kind, thing, remove).await
}

/// Takes the tags with these names or ids from a thing; what it doesn't have is left out.
///
/// # Errors
/// 403 for a token that may not; the store's own.
async fn remove_tags(
    cx: &Context,
    tx: &mut Transaction,
    kind: Taggable,
    thing: Id,
    tags: &[TagReference],
) -> ApiResult<()> {
    if tags.is_empty() {
        return Ok(());
    }
    if tags.len() > MOST_TAGS {
        return Err(ApiError::unprocessable(format!("tags: List should have at most {MOST_TAGS} items")));
    }
    cx.require(DETACH)?;
    let names = tags.iter().map(TagReference::name);
    let ids = tags.iter().filter_map(|tag| Uuid::try_parse(tag.name()).ok().map(Id));
    let meant = ids_where("tag", [Expr::col("name").is_in(names).or(Expr::col("id").in_ids(ids))]);
    let those = [
        Expr::col("resource_id").eq(thing),
        Expr::col("resource_type").eq(kind.as_str()),
        Expr::col("tag_id").in_subquery(meant),
    ];
    tx.delete_where("tag_resource", those).await?;
    Ok(())
}
