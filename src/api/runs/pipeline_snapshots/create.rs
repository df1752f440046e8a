//! New snapshots.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::SnapshotRow;
use super::update::{name_taken, take_name};
use crate::api::runs::code_references::{self, CodeReferenceRequest};
use crate::api::runs::pipeline_builds::BuildRow;
use crate::api::runs::pipelines::PipelineRow;
use crate::api::runs::run_templates::TemplateRow;
use crate::api::runs::schedules::ScheduleRow;
use crate::api::runs::step_configuration::{Object, StoredStep, object, value};
use crate::api::server::tagging::{TagNames, Taggable, set_tags};
use crate::api::stacks::stacks::StackRow;
use crate::auth::Scope;
use crate::framework::{Answer, Context, NamedProject, require, require_project};
use crate::http::contract::{Fault, Modelled};
use crate::http::error::{ApiError, ApiResult, if_taken};
use crate::http::json::ModelBody;
use crate::http::values::{Counted, JsonObject, LongText, ShortText, at_most, check_name};
use crate::store::{Id, Insert, Transaction, fields};

/// What an environment may take in its TEXT column.
const LONGEST_ENVIRONMENT: usize = 65_535;

/// A name, or that there is to be none.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub(super) enum SnapshotName {
    Named(ShortText),
    None,
}

impl TryFrom<serde_json::Value> for SnapshotName {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        match value {
            serde_json::Value::Bool(false) => Ok(Self::None),
            serde_json::Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Self::None),
            serde_json::Value::String(name) if !name.is_empty() => ShortText::try_from(name).map(Self::Named),
            _ => Err("A name needs at least 1 character; false is none".to_owned()),
        }
    }
}

impl SnapshotName {
    pub(super) fn text(name: Option<&Self>) -> Option<&str> {
        match name {
            Some(Self::Named(name)) => Some(name.as_str()),
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct SnapshotRequest {
    pub project: Id,
    pub run_name_template: ShortText,
    pub pipeline_configuration: JsonObject,
    #[serde(default, deserialize_with = "at_most::<5000, _, _>")]
    pub step_configurations: IndexMap<String, StepRequest>,
    #[serde(default)]
    pub client_environment: JsonObject,
    pub client_version: Option<ShortText>,
    pub server_version: Option<ShortText>,
    pub pipeline_version_hash: Option<ShortText>,
    pub pipeline_spec: Option<JsonObject>,
    #[serde(default)]
    pub is_dynamic: bool,
    pub name: Option<SnapshotName>,
    pub description: Option<LongText>,
    pub source_code: Option<LongText>,
    #[serde(default)]
    pub replace: Option<bool>,
    pub tags: TagNames,
    pub stack: Id,
    pub pipeline: Id,
    pub build: Option<Id>,
    pub schedule: Option<Id>,
    pub code_reference: Option<CodeReferenceRequest>,
    pub code_path: Option<ShortText>,
    pub template: Option<Id>,
    pub source_snapshot: Option<Id>,
}

impl Modelled for SnapshotRequest {
    const MODEL: &'static str = "PipelineSnapshotRequest";

    /// A pipeline's environment can be anything, but steps take it over, whose environment is of texts.
    fn faults(&self) -> Vec<Fault> {
        if self.step_configurations.is_empty() && !self.is_dynamic {
            return Vec::new();
        }
        let configuration = object(self.pipeline_configuration.as_str());
        let environment = value::<Object>(&configuration, "environment").unwrap_or_default();
        let handed_down = environment.iter().filter(|(_, json)| !json.get().starts_with(['"', 'n']));
        let fault = |(name, _): (&String, _)| {
            let place = ["pipeline_configuration", "environment", name.as_str()];
            Fault::under(&place, "string_type", "Input should be a valid string")
        };
        handed_down.map(fault).collect()
    }
}

/// A step, of which everything but the merged configuration is kept.
#[derive(Debug, Deserialize)]
pub(crate) struct StepRequest(Object);

impl StepRequest {
    /// The text that is kept: the configuration is made again from the pipeline's when it is read.
    ///
    /// # Errors
    /// 422 when the step doesn't say what it is.
    pub(crate) fn stored(&self, name: &str) -> ApiResult<String> {
        let mut kept: IndexMap<&str, &RawValue> =
            self.0.iter().map(|(key, value)| (key.as_str(), &**value)).collect();
        let merged = kept.shift_remove("config");
        // Older clients send the merged configuration alone.
        if let Some(merged) = merged.filter(|_| !kept.contains_key("step_config_overrides")) {
            kept.insert("step_config_overrides", merged);
        }
        let text = serde_json::to_string(&kept).unwrap_or_default();
        match serde_json::from_str::<StoredStep>(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(ApiError::invalid_request(format!("step_configurations.{name}: {error}"))),
        }
    }
}

/// Bytes of what all steps take over from the pipeline together, as answers repeat it.
const MOST_INHERITED: usize = 64 << 20;

impl SnapshotRequest {
    /// # Errors
    /// 422 for a snapshot whose answers would be too large.
    pub(super) fn check_size(&self) -> ApiResult<()> {
        let inherited = self.pipeline_configuration.as_str().len() * self.step_configurations.len();
        match inherited <= MOST_INHERITED {
            true => Ok(()),
            false => Err(ApiError::too_long("pipeline_configuration, in all steps", MOST_INHERITED, "bytes")),
        }
    }
}

impl Counted for StepRequest {
    fn number(&self) -> usize {
        1
    }
}

pub(super) async fn create_snapshot(
    cx: Context,
    project: NamedProject,
    ModelBody(mut request): ModelBody<SnapshotRequest>,
) -> Answer<SnapshotRow> {
    request.project = project.or(&cx, request.project).await?;
    request.check_size()?;
    let id = cx.new_id();
    let steps = request
        .step_configurations
        .iter()
        .map(|(name, step)| Ok((name.as_str(), step.stored(name)?)))
        .collect::<ApiResult<Vec<(&str, String)>>>()?;
    let (context, request, steps) = (&cx, &request, &steps);
    refuse_schedule_of_work(&cx, request)?;
    cx.create_row::<SnapshotRow, _, _>(|mut tx| async move {
        check_references(&mut tx, request).await?;
        let name = SnapshotName::text(request.name.as_ref());
        if let Some(name) = name {
            check_name("PipelineSnapshot", name)?;
            take_name(context, &mut tx, request.pipeline, name, request.replace, None).await?;
        }
        insert(context, &mut tx, id, request, steps).await?;
        set_tags(context, &mut tx, Taggable::PipelineSnapshot, id, &request.tags).await?;
        Ok((tx, id))
    })
    .await
}

/// What a schedule's token may use is what its snapshots run on.
fn refuse_schedule_of_work(cx: &Context, request: &SnapshotRequest) -> ApiResult<()> {
    match request.schedule.is_some() && cx.principal.scope().is_some_and(Scope::is_workload) {
        true => {
            Err(ApiError::illegal("A token that is bound to a piece of work puts nothing on a schedule."))
        }
        false => Ok(()),
    }
}

async fn check_references(tx: &mut Transaction, request: &SnapshotRequest) -> ApiResult<()> {
    let project = request.project;
    require_project(tx, project).await?;
    require::<StackRow>(tx, Some(request.stack), project).await?;
    require::<PipelineRow>(tx, Some(request.pipeline), project).await?;
    require::<BuildRow>(tx, request.build, project).await?;
    require::<ScheduleRow>(tx, request.schedule, project).await?;
    require::<TemplateRow>(tx, request.template, project).await?;
    require::<SnapshotRow>(tx, request.source_snapshot, project).await
}

async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    request: &SnapshotRequest,
    steps: &[(&str, String)],
) -> ApiResult<()> {
    let code_reference = match &request.code_reference {
        Some(reference) => Some(code_references::find_or_make(cx, tx, request.project, reference).await?),
        None => None,
    };
    let environment = request.client_environment.as_str();
    let environment = if environment.len() > LONGEST_ENVIRONMENT { "{}" } else { environment };
    let inserted = cx
        .insert("pipeline_snapshot", id)
        .set("name", SnapshotName::text(request.name.as_ref()))
        .set_all(fields!(request; description, is_dynamic, pipeline_configuration))
        .set("client_environment", environment)
        .set_all(fields!(
            request;
            run_name_template, client_version, server_version, pipeline_version_hash, pipeline_spec,
            source_code, code_path,
        ))
        .set("project_id", request.project)
        .set("stack_id", request.stack)
        .set("pipeline_id", request.pipeline)
        .set("schedule_id", request.schedule)
        .set("build_id", request.build)
        .set("code_reference_id", code_reference)
        .set("source_snapshot_id", request.source_snapshot)
        .set("template_id", request.template)
        .set("step_count", i32::try_from(steps.len()).unwrap_or(i32::MAX))
        .run(tx)
        .await;
    inserted.map_err(if_taken(SnapshotName::text(request.name.as_ref()), name_taken))?;
    for (index, (name, config)) in (0..).zip(steps) {
        insert_step_configuration(cx, tx, ("snapshot_id", id), index, name, config).await?;
    }
    Ok(())
}

/// Keeps what a step is configured to do, for a snapshot or for a step that was made at run time.
///
/// # Errors
/// The store's own.
pub(crate) async fn insert_step_configuration(
    cx: &Context,
    tx: &mut Transaction,
    (owner, owner_id): (&'static str, Id),
    index: i32,
    name: &str,
    config: &str,
) -> ApiResult<()> {
    let insert = Insert::into("step_configuration")
        .stamped(cx.new_id(), cx.now())
        .set("index", index)
        .set("name", name)
        .set("config", config)
        .set(owner, owner_id);
    Ok(insert.run(tx).await?)
}
