//! Changes of a version.

use serde::Deserialize;

use super::ArtifactVersionRow;
use crate::api::server::tagging::{TagNames, Taggable, retag};
use crate::framework::{Answer, Context};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::store::Update;

/// Only tags of a version can be changed; a name is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct VersionUpdate {
    #[serde(rename = "name")]
    _name: Option<String>,
    add_tags: TagNames,
    remove_tags: TagNames,
}

pub(super) async fn update_version(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<VersionUpdate>,
) -> Answer<ArtifactVersionRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, _: ArtifactVersionRow| async move {
        Update::of("artifact_version", id, context.now()).run(&mut tx).await?;
        retag(context, &mut tx, Taggable::ArtifactVersion, id, &update.add_tags, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}
