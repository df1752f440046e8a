//! Changes of a version.

use serde::Deserialize;

use super::ArtifactVersionRow;
use crate::api::server::tagging::{TagReference, Taggable, plain_tags, remove_tags, set_tags};
use crate::framework::{Answer, Context};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::store::Update;

/// Only tags of a version can be changed; a name is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct VersionUpdate {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(default, deserialize_with = "plain_tags")]
    add_tags: Vec<TagReference>,
    #[serde(default, deserialize_with = "plain_tags")]
    remove_tags: Vec<TagReference>,
}

pub(super) async fn update_version(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<VersionUpdate>,
) -> Answer<ArtifactVersionRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, _: ArtifactVersionRow| async move {
        Update::of("artifact_version", id, context.now()).run(&mut tx).await?;
        set_tags(context, &mut tx, Taggable::ArtifactVersion, id, &update.add_tags).await?;
        remove_tags(context, &mut tx, Taggable::ArtifactVersion, id, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}
