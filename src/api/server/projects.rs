//! Projects: what keeps the work of several teams apart.

use axum::Json;
use sea_query::{DeleteStatement, Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::tagging::Taggable;
use crate::accounts::server;
use crate::api::artifacts::{artifact_versions, artifacts, curated_visualizations};
use crate::api::automation::{triggers, webhooks};
use crate::api::models::{model_versions, models, services};
use crate::api::runs::{
    code_repositories, deployments, hook_invocations, pipeline_builds, pipeline_runs, pipeline_snapshots,
    pipelines, run_templates, schedules,
};
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Held, Loader, NoResources, Resource, Response, Routes, change_named,
    delete_row, find_in, insert_named, list, refuse_held,
};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, STAMPED};
use crate::http::filter::by_name_or_id;
use crate::http::json::JsonBody;
use crate::http::path::{PathId, PathName};
use crate::http::query::{Hydrate, Violation, reject};
use crate::http::values::{JsonObject, ShortText};
use crate::http::written::as_object;
use crate::store::{Id, Insert, Transaction, Update, ids_where, row, sent_fields};

pub(crate) const KIND: Kind = Kind::new("projects");
const PROJECTS: &str = "/api/v1/projects";
const PROJECT: &str = "/api/v1/projects/{project_name_or_id}";

/// What projects were called before.
const WORKSPACES: &str = "/api/v1/workspaces";
const WORKSPACE: &str = "/api/v1/workspaces/{project_name_or_id}";

/// What goes with one that is deleted.
const HOLDS: [Held; 17] = [
    Held::new(artifacts::KIND, "artifact", "project_id"),
    Held::new(artifact_versions::KIND, "artifact_version", "project_id"),
    Held::new(code_repositories::KIND, "code_repository", "project_id"),
    Held::new(curated_visualizations::KIND, "curated_visualization", "project_id"),
    Held::new(deployments::KIND, "deployment", "project_id"),
    Held::new(hook_invocations::KIND, "hook_invocation", "project_id"),
    Held::new(models::KIND, "model", "project_id"),
    Held::new(model_versions::KIND, "model_version", "project_id"),
    Held::new(pipelines::KIND, "pipeline", "project_id"),
    Held::new(pipeline_builds::KIND, "pipeline_build", "project_id"),
    Held::new(pipeline_runs::KIND, "pipeline_run", "project_id"),
    Held::new(pipeline_snapshots::KIND, "pipeline_snapshot", "project_id"),
    Held::new(run_templates::KIND, "run_template", "project_id"),
    Held::new(schedules::KIND, "schedule", "project_id"),
    Held::new(services::KIND, "service", "project_id"),
    Held::new(triggers::KIND, "trigger", "project_id"),
    Held::new(webhooks::KIND, "webhook", "project_id"),
];

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(WORKSPACES, create_project)
        .get(WORKSPACES, list::<ProjectRow>)
        .get(WORKSPACE, get_project)
        .put(WORKSPACE, update_project)
        .delete(WORKSPACE, delete_project)
        .also(&HOLDS.map(Held::also))
        .get("/api/v1/workspaces/{project_name_or_id}/statistics", get_statistics)
        .post(PROJECTS, create_project)
        .get(PROJECTS, list::<ProjectRow>)
        .get(PROJECT, get_project)
        .put(PROJECT, update_project)
        .delete(PROJECT, delete_project)
        .also(&HOLDS.map(Held::also))
        .get("/api/v1/projects/{project_name_or_id}/statistics", get_statistics)
}

row! {
    pub struct ProjectRow in "project" {
        pub id: Id,
        pub name: String,
    }
    body ProjectBody: stamped {
        display_name: String,
    }
    metadata ProjectMetadata {
        description: String,
        #[serde(serialize_with = "as_object")]
        project_metadata: Option<String>,
    }
}

impl Listed for ProjectRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[STAMPED, &[Field::text("name"), Field::text("display_name")]];
}

impl Resource for ProjectRow {
    const NAME: &'static str = "project";
    const HOLDS: &'static [Held] = &HOLDS;
    type Body = ProjectBody;
    type Metadata = ProjectMetadata;
    type Resources = NoResources;

    fn narrow(select: &mut SelectStatement, principal: &Principal) {
        if let Some(projects) = principal.projects() {
            select.and_where(Expr::col("id").is_in(projects.iter().copied().map(Id)));
        }
    }

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let response =
            |row: Self| Response::named(row.id, row.name, row.body, loader.metadata(|| row.metadata), None);
        Ok(rows.into_iter().map(response).collect())
    }

    /// With everything in it.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        for statement in leftovers(id) {
            tx.execute(&statement).await?;
        }
        let secrets = Sql::select().column("secret_id").from("webhook").and_where(of(id)).to_owned();
        let secrets: Vec<(Id,)> = tx.fetch_all(&secrets).await?;
        delete_row::<Self>(tx, id).await?;
        let secrets = Expr::col("id").is_in(secrets.into_iter().map(|(id,)| id));
        tx.delete_where("secret", [secrets]).await?;
        Ok(())
    }
}

fn of(project: Id) -> sea_query::SimpleExpr {
    Expr::col("project_id").eq(project)
}

/// What is to go with a project though the schema doesn't say so: tags and metadata of things in it, and what would
/// keep the schema from deleting them.
fn leftovers(project: Id) -> Vec<DeleteStatement> {
    let in_project = |table: &'static str| ids_where(table, [of(project)]);
    let of_things = |table: &'static str, kind: &'static str, things: SelectStatement| {
        Sql::delete()
            .from_table(table)
            .and_where(Expr::col("resource_type").eq(kind))
            .and_where(Expr::col("resource_id").in_subquery(things))
            .to_owned()
    };
    let tags = Taggable::VARIANTS.iter().map(|kind| of_things("tag_resource", kind, in_project(kind)));
    let outputs = Sql::delete()
        .from_table("pipeline_run_output")
        .and_where(Expr::col("artifact_id").in_subquery(in_project("artifact_version")))
        .to_owned();
    tags.chain([outputs]).collect()
}

/// Characters of a project's name at most.
const LONGEST_NAME: usize = 50;

/// A project's name: small letters, digits, `_` and `-`. An empty one is made from the name for people.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "String")]
struct ProjectName(String);

impl TryFrom<String> for ProjectName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name.chars().count() > LONGEST_NAME {
            return Err("String should have at most 50 characters");
        }
        match name.chars().all(is_of_name) {
            true => Ok(Self(name)),
            false => Err("String should match pattern '^[a-z0-9_-]+$'"),
        }
    }
}

impl ProjectName {
    /// `My project!` becomes `my-project`.
    fn of(display_name: &str) -> Self {
        let name = display_name.to_lowercase().replace(' ', "-");
        Self(name.chars().filter(|letter| is_of_name(*letter)).take(LONGEST_NAME).collect())
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-')
}

#[derive(Debug, Deserialize)]
struct ProjectRequest {
    name: Option<ProjectName>,
    display_name: Option<ShortText>,
    #[serde(default)]
    description: ShortText,
    project_metadata: Option<JsonObject>,
}

#[derive(Debug, Deserialize)]
struct ProjectUpdate {
    name: Option<ProjectName>,
    display_name: Option<ShortText>,
    description: Option<ShortText>,
    project_metadata: Option<JsonObject>,
}

/// Makes a project. Of its name and its name for people one may be left out.
async fn create_project(cx: Context, JsonBody(request): JsonBody<ProjectRequest>) -> Answer<ProjectRow> {
    let display_name = request.display_name.as_ref().map_or("", ShortText::as_str);
    let name = request.name.clone().filter(|name| !name.0.is_empty());
    let ProjectName(name) = name.unwrap_or_else(|| ProjectName::of(display_name));
    refuse_empty("POST", &name)?;
    let display_name = if display_name.is_empty() { name.as_str() } else { display_name };
    let id = cx.new_id();
    let name = name.as_str();
    let row = &Insert::into("project")
        .stamped(id, cx.now())
        .set("name", name)
        .set("display_name", display_name)
        .set("description", request.description.as_str())
        .set("project_metadata", request.project_metadata.clone().unwrap_or_default());
    let made = cx.create(|mut tx| async move {
        insert_named::<ProjectRow>(&mut tx, None, name, row).await?;
        Ok((tx, id))
    });
    let id = made.await?;
    server::note_step(&cx.store, "project_created", cx.now()).await?;
    cx.answer::<ProjectRow>(id).await
}

/// 422 for a project without a name.
fn refuse_empty(method: &str, name: &str) -> ApiResult<()> {
    if !name.is_empty() {
        return Ok(());
    }
    let violation = Violation {
        place: "body",
        field: "name".to_owned(),
        kind: "missing",
        message: "Field required".to_owned(),
        input: String::new(),
    };
    Err(reject(method, PROJECTS, &[violation]))
}

/// One project, by its name or id.
async fn get_project(
    cx: Context,
    PathName(name_or_id): PathName,
    Hydrate(hydrate): Hydrate,
) -> Answer<ProjectRow> {
    let project = find_by_name_or_id(&cx, &name_or_id).await?;
    cx.answer_with::<ProjectRow>(project.id, hydrate).await
}

/// Changes a project, by its id alone. The default project keeps its name: that is how the server finds it.
async fn update_project(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ProjectUpdate>,
) -> Answer<ProjectRow> {
    update.name.as_ref().map_or(Ok(()), |name| refuse_empty("PUT", &name.0))?;
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, project: ProjectRow| async move {
        let name = update.name.as_ref().map(|name| name.0.as_str()).filter(|name| *name != project.name);
        if name.is_some() {
            refuse_default(context, &project, "renamed")?;
        }
        let change = Update::of("project", id, context.now())
            .maybe("name", name)
            .maybe_all(sent_fields!(update; display_name, description, project_metadata));
        change_named(&mut tx, &project, name, change).await?;
        Ok(tx)
    })
    .await
}

/// Deletes a project and everything in it, by its name or id.
async fn delete_project(cx: Context, PathName(name_or_id): PathName) -> ApiResult<Json<()>> {
    let project = find_by_name_or_id(&cx, &name_or_id).await?;
    refuse_default(&cx, &project, "deleted")?;
    let context = &cx;
    let deleted = cx.store.write(|mut tx| async move {
        find_in::<ProjectRow>(&mut tx, project.id).await?;
        refuse_held::<ProjectRow>(context, &mut tx, project.id).await?;
        ProjectRow::delete(&mut tx, project.id).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    deleted.await?;
    cx.auth.identities.forget_work();
    Ok(Json(()))
}

/// How much there is in a project.
#[derive(Debug, Serialize)]
struct ProjectStatistics {
    pipelines: u64,
    runs: u64,
}

async fn get_statistics(cx: Context, PathName(name_or_id): PathName) -> ApiResult<Json<ProjectStatistics>> {
    let project = find_by_name_or_id(&cx, &name_or_id).await?;
    let number_of = async |table: &'static str| -> ApiResult<u64> {
        let all = Sql::select().column("id").from(table).and_where(of(project.id)).to_owned();
        Ok(cx.store.count_all(&all).await?)
    };
    Ok(Json(ProjectStatistics {
        pipelines: number_of("pipeline").await?,
        runs: number_of("pipeline_run").await?,
    }))
}

fn refuse_default(cx: &Context, project: &ProjectRow, change: &str) -> ApiResult<()> {
    if project.name != cx.server.default_project {
        return Ok(());
    }
    let message = format!("The default project can't be {change}.");
    Err(ApiError::illegal(message))
}

async fn find_by_name_or_id(cx: &Context, name_or_id: &str) -> ApiResult<ProjectRow> {
    let mut select = ProjectRow::select();
    ProjectRow::narrow(&mut select, &cx.principal);
    let found = cx.store.fetch_optional(select.and_where(by_name_or_id(name_or_id))).await?;
    found.ok_or_else(|| {
        let message = format!("\"No project with the name or ID '{name_or_id}' was found\"");
        ApiError::key(message)
    })
}

#[cfg(test)]
mod tests {
    use super::ProjectName;

    #[test]
    fn a_name_is_made_from_the_name_for_people() {
        assert_eq!(ProjectName::of("My Pro!ject é_1").0, "my-project-_1");
        assert!(ProjectName::try_from("Upper".to_owned()).is_err());
        assert!(ProjectName::try_from("a".repeat(51)).is_err());
        assert!(ProjectName::try_from("a-b_1".to_owned()).is_ok());
    }
}
