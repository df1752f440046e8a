//! Beginning steps.

use std::collections::HashSet;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Func, Order, Query as Sql};
use serde::Deserialize;

use super::artifacts::{NewInput, add_input, add_outputs};
use super::prepared::prepare;
use super::{StepRow, update};
use crate::api::models::model_versions::{self, ConfiguredModel};
use crate::api::runs::execution_status::{ExceptionInfo, ExecutionStatus};
use crate::api::runs::logs::{self, LogsOwner, LogsReference};
use crate::api::runs::pipeline_runs::{self, Ended, ExecutionMode, RunRow};
use crate::api::runs::pipeline_snapshots::{StepRequest as DynamicStep, insert_step_configuration};
use crate::api::runs::run_metadata::{self, LoggedValue, MetadataKind};
use crate::api::runs::step_configuration::{MergedStep, Object, fill, object, value};
use crate::api::server::tagging::{TagReference, Taggable, set_tags};
use crate::framework::{Answer, Context, Resource, not_in_project, require};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::ModelBody;
use crate::http::timestamps::SentTimestamp;
use crate::http::values::{LongText, Name, ShortText, at_most};
use crate::store::{Id, Insert, JoinById, Transaction, Update, Word, Words, fields};

/// Steps that one comes after, and tags that go on to all of its outputs: each takes a statement or more.
const MOST_PARENTS: usize = 1_000;
const MOST_TAGGINGS: usize = 5_000;

#[derive(Debug, Deserialize)]
pub(super) struct StepRequest {
    project: Id,
    name: Name,
    start_time: SentTimestamp,
    end_time: Option<SentTimestamp>,
    status: ExecutionStatus,
    cache_key: Option<ShortText>,
    cache_expires_at: Option<SentTimestamp>,
    code_hash: Option<ShortText>,
    docstring: Option<LongText>,
    source_code: Option<LongText>,
    pipeline_run_id: Id,
    original_step_run_id: Option<Id>,
    #[serde(default, deserialize_with = "at_most::<5000, _, _>")]
    inputs: IndexMap<String, Vec<Id>>,
    #[serde(default, deserialize_with = "at_most::<5000, _, _>")]
    outputs: IndexMap<String, Vec<Id>>,
    logs: Option<LogsReference>,
    exception_info: Option<ExceptionInfo>,
    dynamic_config: Option<DynamicStep>,
}

modelled!(StepRequest as StepRunRequest);

pub(super) async fn create_step(cx: Context, ModelBody(request): ModelBody<StepRequest>) -> Answer<StepRow> {
    update::check_transition(None, request.status)?;
    request.logs.as_ref().map_or(Ok(()), LogsReference::check)?;
    let dynamic = match &request.dynamic_config {
        Some(step) => Some(step.stored(request.name.as_str())?),
        None => None,
    };
    let id = cx.new_id();
    let (context, request, dynamic) = (&cx, &request, dynamic.as_deref());
    let (run_id, name) = (request.pipeline_run_id, request.name.as_str());
    let prepared = prepare(&mut &cx.store, run_id, name, dynamic).await?;
    let prepared = prepared.as_ref();
    let made = cx.create_numbered(|mut tx| async move {
        pipeline_runs::lock(&mut tx, request.pipeline_run_id).await?;
        let run = find_run(&mut tx, request).await?;
        // A run that another node of a cluster has just made may be seen only here.
        let here = match prepared {
            Some(_) => None,
            None => prepare(&mut tx, run_id, name, dynamic).await?,
        };
        let of = prepared
            .or(here.as_ref())
            .ok_or_else(|| ApiError::value("The run has no snapshot: steps can't be added to it."))?;
        takes_step(&run, &of.configuration, name)?;
        require::<StepRow>(&mut tx, request.original_step_run_id, request.project).await?;
        let step = of.step.as_ref().map_err(|unfit| unfit.error(name))?;
        let tries = begin(context, &mut tx, id, request, (&run, of.snapshot_id), step).await?;
        if let Some(text) = dynamic {
            insert_step_configuration(context, &mut tx, ("step_run_id", id), 0, name, text).await?;
        }
        link(context, &mut tx, id, request, &of.configuration, step).await?;
        find_model(context, &mut tx, id, request, tries, step).await?;
        let ended = match request.status {
            ExecutionStatus::Running => None,
            _ => Some(pipeline_runs::follow_steps(context, &mut tx, request.pipeline_run_id).await?),
        };
        Ok((tx, (id, ended)))
    });
    let (id, ended): (Id, Option<Ended>) = made.await?;
    if let Some(ended) = ended {
        ended.note(&cx, request.pipeline_run_id).await?;
    }
    cx.answer::<StepRow>(id).await
}

/// The version of the model that the step is configured with; the next try of a step goes on with its first one's.
async fn find_model(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    request: &StepRequest,
    tries: usize,
    step: &MergedStep,
) -> ApiResult<()> {
    let first = Sql::select()
        .column("model_version_id")
        .from("step_run")
        .and_where(Expr::col("pipeline_run_id").eq(request.pipeline_run_id))
        .and_where(Expr::col("name").eq(request.name.as_str()))
        .and_where(Expr::col("version").eq(1))
        .and_where(Expr::col("id").ne(id))
        .to_owned();
    let first = match tries {
        0 => None,
        _ => tx.fetch_optional::<(Option<Id>,)>(&first).await?,
    };
    let version = match first {
        Some((version,)) => version,
        None => match step.value::<Option<ConfiguredModel>>("model").flatten() {
            None => None,
            Some(configured) => {
                let (project, run) = (request.project, request.pipeline_run_id);
                let filled = |template: &str| fill(template, &step.config);
                Some(model_versions::for_run(cx, tx, project, run, &configured, filled).await?)
            }
        },
    };
    if let Some(version) = version {
        Update::unnoted("step_run", id).set("model_version_id", version).run(tx).await?;
    }
    Ok(())
}

async fn find_run(tx: &mut Transaction, request: &StepRequest) -> ApiResult<RunRow> {
    let id = request.pipeline_run_id;
    let mut run = RunRow::select();
    run.and_where(Expr::col("id").eq(id)).and_where(Expr::col("project_id").eq(request.project));
    tx.fetch_optional(&run).await?.ok_or_else(|| not_in_project(RunRow::NAME, id))
}

/// 403 for a run that is being stopped, was, or has failed and ends with that.
fn takes_step(run: &RunRow, configuration: &Object, name: &str) -> ApiResult<()> {
    let illegal = |message: String| Err(ApiError::illegal(message));
    match run.body.status.known() {
        Some(status @ (ExecutionStatus::Stopping | ExecutionStatus::Stopped)) => {
            let status = status.as_str();
            illegal(format!("The step '{name}' can't begin: its run is {status}."))
        }
        Some(ExecutionStatus::Failed) => {
            let mode: ExecutionMode = value(configuration, "execution_mode").unwrap_or_default();
            match mode {
                ExecutionMode::ContinueOnFailure => Ok(()),
                _ => illegal(format!("The step '{name}' can't begin: its run has failed.")),
            }
        }
        _ => Ok(()),
    }
}

/// Inserts the row: the first try, or the next one if the step may be tried again. How often it was tried before.
async fn begin(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    request: &StepRequest,
    (run, snapshot): (&RunRow, Id),
    step: &MergedStep,
) -> ApiResult<usize> {
    let retry: Object = step.value("retry").unwrap_or_default();
    let max_retries: usize = value(&retry, "max_retries").unwrap_or(0);
    let tries = earlier_tries(tx, request, max_retries).await?;
    let is_retriable = tries < max_retries;
    let status = match request.status {
        ExecutionStatus::Failed if is_retriable => ExecutionStatus::Retrying,
        status => status,
    };
    let spec = object(step.spec.get());
    let sends_heartbeats = run.enable_heartbeat && value(&spec, "enable_heartbeat").unwrap_or(false);
    let threshold: Option<i32> = step.value("heartbeat_healthy_threshold");
    cx.insert("step_run", id)
        .set_all(fields!(request; name, start_time, end_time))
        .set("status", status.as_str())
        .set_all(fields!(request; docstring, cache_key, cache_expires_at, source_code, code_hash))
        .set("version", i32::try_from(tries + 1).unwrap_or(i32::MAX))
        .set("is_retriable", is_retriable)
        .set("exception_info", request.exception_info.clone())
        .set("heartbeat_threshold", threshold.filter(|_| sends_heartbeats))
        .set("original_step_run_id", request.original_step_run_id)
        .set("snapshot_id", snapshot)
        .set("pipeline_run_id", request.pipeline_run_id)
        .set("project_id", request.project)
        .run(tx)
        .await?;
    Ok(tries)
}

/// How often the step was tried before; those tries are over.
async fn earlier_tries(tx: &mut Transaction, request: &StepRequest, max_retries: usize) -> ApiResult<usize> {
    let name = request.name.as_str();
    let query = Sql::select()
        .column("status")
        .from("step_run")
        .and_where(Expr::col("pipeline_run_id").eq(request.pipeline_run_id))
        .and_where(Expr::col("name").eq(name))
        .order_by("version", Order::Desc)
        .to_owned();
    let tries: Vec<(Word<ExecutionStatus>,)> = tx.fetch_all(&query).await?;
    let exists = |message: String| Err(ApiError::exists(message));
    if tries.iter().any(is_done) {
        return exists(format!("The step '{name}' of this run has ended well already."));
    }
    if tries.len() > max_retries {
        return exists(format!("The step '{name}' of this run has been tried as often as it may."));
    }
    if !tries.is_empty() {
        let over = Sql::update()
            .table("step_run")
            .value("status", ExecutionStatus::Retried.as_str())
            .value("end_time", Func::coalesce([Expr::col("end_time"), Expr::val(request.start_time.0)]))
            .and_where(Expr::col("pipeline_run_id").eq(request.pipeline_run_id))
            .and_where(Expr::col("name").eq(name))
            .to_owned();
        tx.execute(&over).await?;
    }
    Ok(tries.len())
}

fn is_done((status,): &(Word<ExecutionStatus>,)) -> bool {
    status.known().is_some_and(ExecutionStatus::is_successful)
}

/// Its logs, its parents, what it takes in and gives out, and what a cached step has from the one it stands for.
async fn link(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    request: &StepRequest,
    configuration: &Object,
    step: &MergedStep,
) -> ApiResult<()> {
    if let Some(reference) = &request.logs {
        logs::attach(cx, tx, request.project, LogsOwner::Step(id), reference, "step").await?;
    }
    let is_reused = matches!(request.status, ExecutionStatus::Cached | ExecutionStatus::Skipped);
    if let Some(original) = request.original_step_run_id.filter(|_| is_reused) {
        share_metadata(cx, tx, original, id).await?;
    }
    let spec = object(step.spec.get());
    let upstream = value::<Vec<String>>(&spec, "upstream_steps").unwrap_or_default();
    if upstream.len() > MOST_PARENTS {
        let message = format!("A step comes after {MOST_PARENTS} others at most.");
        return Err(ApiError::value(message));
    }
    for parent in upstream {
        add_parent(tx, request.pipeline_run_id, id, &parent).await?;
    }
    let inputs = Inputs::of(&spec, step, configuration, request.name.as_str());
    for (name, artifacts) in &request.inputs {
        for (index, artifact) in (0..).zip(artifacts) {
            let input = match request.original_step_run_id {
                Some(original) => inputs.of_original(tx, original, name, *artifact, index).await?,
                None => inputs.of_configuration(name, *artifact, index),
            };
            add_input(tx, id, request.project, &input).await?;
        }
    }
    add_outputs(tx, id, request.project, &request.outputs).await?;
    if is_reused {
        cascade_tags(cx, tx, configuration, &request.outputs).await?;
    }
    Ok(())
}

/// What the configuration says of the inputs of a step, read once for all of them.
struct Inputs {
    overridden: HashSet<String>,
    external: HashSet<String>,
    lazy: HashSet<String>,
    specs: IndexMap<String, InputSpecs>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum InputSpecs {
    Each(Vec<InputSpec>),
    One(InputSpec),
    Other(serde::de::IgnoredAny),
}

/// A step's output as another step's input.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct InputSpec {
    chunk_index: Option<i32>,
    chunk_size: Option<i32>,
}

impl Inputs {
    fn of(spec: &Object, step: &MergedStep, configuration: &Object, invocation: &str) -> Self {
        let step_name: String = step.value("name").unwrap_or_default();
        let overrides = |key: &str, of: &str| {
            let all: Object = value(configuration, key).unwrap_or_default();
            value::<Object>(&all, of).unwrap_or_default().into_keys()
        };
        let named = |key: &str| step.value::<Object>(key).unwrap_or_default().into_keys();
        Self {
            overridden: overrides("step_default_input_overrides", &step_name)
                .chain(overrides("step_input_overrides", invocation))
                .collect(),
            external: named("external_input_artifacts").collect(),
            lazy: named("model_artifacts_or_metadata").chain(named("client_lazy_loaders")).collect(),
            specs: value(spec, "inputs").unwrap_or_default(),
        }
    }

    fn of_configuration<'n>(&self, name: &'n str, artifact: Id, index: i32) -> NewInput<'n> {
        let plain = |kind| NewInput { kind, ..NewInput::loaded(name, artifact) };
        if self.overridden.contains(name) {
            return plain("override");
        }
        if let Some(spec) = self.spec_of(name, index) {
            let InputSpec { chunk_index, chunk_size } = spec;
            return NewInput { index, chunk_index, chunk_size, ..plain("step_output") };
        }
        if self.external.contains(name) {
            return plain("external");
        }
        if self.lazy.contains(name) {
            return plain("lazy");
        }
        plain("manual")
    }

    fn spec_of(&self, name: &str, index: i32) -> Option<InputSpec> {
        match self.specs.get(name)? {
            InputSpecs::Each(specs) => specs.get(usize::try_from(index).ok()?).copied(),
            InputSpecs::One(spec) => Some(*spec),
            InputSpecs::Other(_) => None,
        }
    }

    /// A cached step took in what the one it stands for did, in the same way.
    async fn of_original<'n>(
        &self,
        tx: &mut Transaction,
        original: Id,
        name: &'n str,
        artifact: Id,
        index: i32,
    ) -> ApiResult<NewInput<'n>> {
        let query = Sql::select()
            .columns(["type", "input_index", "chunk_index", "chunk_size"])
            .from("step_run_input_artifact")
            .and_where(Expr::col("step_id").eq(original))
            .and_where(Expr::col("name").eq(name))
            .and_where(Expr::col("artifact_id").eq(artifact))
            .to_owned();
        let found: Option<(String, i32, Option<i32>, Option<i32>)> = tx.fetch_optional(&query).await?;
        let plain = NewInput::loaded(name, artifact);
        Ok(match found {
            None => self.of_configuration(name, artifact, index),
            Some((kind, index, chunk_index, chunk_size)) => {
                let known = ["step_output", "external", "lazy", "override"];
                let kind = known.into_iter().find(|known| *known == kind).unwrap_or("manual");
                NewInput { kind, index, chunk_index, chunk_size, ..plain }
            }
        })
    }
}

async fn add_parent(tx: &mut Transaction, run: Id, child: Id, parent: &str) -> ApiResult<()> {
    let query = Sql::select()
        .column("id")
        .from("step_run")
        .and_where(Expr::col("pipeline_run_id").eq(run))
        .and_where(Expr::col("name").eq(parent))
        .order_by("version", Order::Asc)
        .limit(1)
        .to_owned();
    let Some((parent_id,)) = tx.fetch_optional::<(Id,)>(&query).await? else {
        let message = format!("The step comes after '{parent}', which has not begun in this run.");
        return Err(ApiError::value(message));
    };
    Insert::into("step_run_parents").set("parent_id", parent_id).set("child_id", child).run(tx).await?;
    Ok(())
}

/// A cached step shows the metadata that the step it stands for has logged.
async fn share_metadata(cx: &Context, tx: &mut Transaction, original: Id, step: Id) -> ApiResult<()> {
    let logged = Sql::select()
        .columns(["id", "key", "value", "type"].map(|column| ("run_metadata", column)))
        .from("run_metadata_resource")
        .join_by_id("run_metadata", ("run_metadata_resource", "run_metadata_id"))
        .and_where(Expr::col(("run_metadata_resource", "resource_id")).eq(original))
        .and_where(Expr::col(("run_metadata_resource", "resource_type")).eq("step_run"))
        .and_where(Expr::col(("run_metadata", "publisher_step_id")).eq(original))
        .to_owned();
    type Logged = (Id, String, String, String);
    let logged: Vec<Logged> = tx.fetch_all(&logged).await?;
    let values: Vec<LoggedValue> = logged
        .iter()
        .map(|(id, key, json, kind)| LoggedValue { id: *id, key, json: json.clone(), kind })
        .collect();
    Ok(run_metadata::link(cx, tx, &values, &[(MetadataKind::StepRun, step)]).await?)
}

/// Tags of the pipeline that go on to what its steps make reach what a cached step has made before, too.
async fn cascade_tags(
    cx: &Context,
    tx: &mut Transaction,
    configuration: &Object,
    outputs: &IndexMap<String, Vec<Id>>,
) -> ApiResult<()> {
    #[derive(Deserialize)]
    struct Cascade {
        #[serde(default)]
        cascade: Option<bool>,
    }
    let tags: Vec<serde_json::Value> = value(configuration, "tags").unwrap_or_default();
    let cascading: Vec<TagReference> = tags
        .into_iter()
        .filter(|tag| Cascade::deserialize(tag).is_ok_and(|tag| tag.cascade == Some(true)))
        .filter_map(|tag| serde_json::from_value(tag).ok())
        .collect();
    let versions: Vec<Id> = outputs.values().flatten().copied().collect();
    if versions.len().saturating_mul(cascading.len()) > MOST_TAGGINGS {
        let message = format!("A step's tags go on to its outputs {MOST_TAGGINGS} times at most.");
        return Err(ApiError::value(message));
    }
    for version in versions {
        set_tags(cx, tx, Taggable::ArtifactVersion, version, &cascading).await?;
    }
    Ok(())
}
