//! A run as a graph: its steps, what goes from one to the other, and what else belongs to it.

mod rows;

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::rows::{Drawn, Input, OtherRun, Output, StepOfRun};
use super::RunRow;
use crate::api::artifacts::artifact_versions::{ArtifactType, SaveType};
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::step_configuration::{Object, StoredStep, fill, object, value};
use crate::framework::Context;
use crate::http::error::ApiResult;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::{Id, JsonText, Timestamp, Word};

/// A run's graph (contract schema PipelineRunDAG).
#[derive(Debug, Serialize)]
pub(super) struct Graph {
    id: Id,
    status: Word<ExecutionStatus>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// `metadata` is what is known, and no more.
#[derive(Debug, Clone, Serialize)]
struct Node {
    node_id: String,
    r#type: &'static str,
    id: Option<Id>,
    name: String,
    metadata: Value,
}

#[derive(Debug, Serialize)]
struct Edge {
    source: String,
    target: String,
    metadata: Value,
}

/// The graph of one run; with the metadata of its steps under the keys that are asked for.
pub(super) async fn get_graph(cx: Context, PathId(id): PathId, query: QueryParams) -> ApiResult<Json<Graph>> {
    let keys: Vec<&str> = query.texts("include_step_metadata").collect();
    let run = cx.find::<RunRow>(id).await?;
    let drawn = rows::load(&cx.read(true), &run, &keys).await?;
    let mut drawing = Drawing::default();
    let steps: IndexMap<&str, Step> = drawn
        .steps
        .iter()
        .filter_map(|(name, stored)| Some((name.as_str(), Step::of(stored, &drawn.substitutions)?)))
        .collect();
    drawing.add_conditions(&drawn);
    for name in in_order(&steps) {
        drawing.add_step(name, &steps, &drawn);
    }
    for child in &drawn.children {
        let mut metadata = timing(child.start_time, child.end_time);
        note(&mut metadata, "status", json!(child.status));
        note(&mut metadata, "end_time", maybe(child.start_time.and(child.end_time)));
        let node_id = format!("child_run/{}", part(&child.name));
        drawing.children.insert(node_id.clone(), Node { node_id, ..run_node(child, metadata) });
    }
    Ok(Json(Graph { id, status: run.body.status, nodes: drawing.nodes(), edges: drawing.edges }))
}

/// What a step's configuration says about the graph.
struct Step {
    upstream: Vec<String>,
    inputs: IndexMap<String, Vec<InputSpec>>,
    config: Object,
    /// With the step's own substitutions over those of the pipeline.
    substitutions: Object,
}

/// Another step's output as an input.
#[derive(Debug, Clone, Deserialize)]
struct InputSpec {
    step_name: String,
    output_name: String,
    chunk_index: Option<i32>,
    chunk_size: Option<i32>,
}

#[derive(Debug, Deserialize)]
struct Spec {
    #[serde(default)]
    upstream_steps: Vec<String>,
    #[serde(default)]
    inputs: IndexMap<String, OneOrMore>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(InputSpec),
    More(Vec<InputSpec>),
}

impl Step {
    fn of(stored: &StoredStep, substitutions: &Object) -> Option<Self> {
        let spec: Spec = serde_json::from_str(stored.spec.get()).ok()?;
        let inputs = spec.inputs.into_iter().map(|(name, input)| match input {
            OneOrMore::One(input) => (name, vec![input]),
            OneOrMore::More(inputs) => (name, inputs),
        });
        let config = stored.config.as_ref().unwrap_or(&stored.step_config_overrides).clone();
        let mut all = substitutions.clone();
        all.extend(value::<Object>(&config, "substitutions").unwrap_or_default());
        let substitutions = serde_json::value::to_raw_value(&all).ok()?;
        let substitutions = Object::from([("substitutions".to_owned(), substitutions)]);
        Some(Self { upstream: spec.upstream_steps, inputs: inputs.collect(), config, substitutions })
    }

    /// An output's name with what its placeholders stand for.
    fn filled(&self, output: &str) -> String {
        fill(output, &self.substitutions).unwrap_or_else(|_| output.to_owned())
    }

    fn keys(&self, key: &str) -> Vec<String> {
        value::<Object>(&self.config, key).unwrap_or_default().into_keys().collect()
    }
}

/// The steps, each after those that it comes after.
fn in_order<'a>(steps: &IndexMap<&'a str, Step>) -> Vec<&'a str> {
    let names: HashMap<&str, usize> = steps.keys().copied().zip(0..).collect();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    let mut waits_for = vec![0_usize; steps.len()];
    for (at, step) in steps.values().enumerate() {
        for before in step.upstream.iter().filter_map(|name| names.get(name.as_str())) {
            after[*before].push(at);
            waits_for[at] += 1;
        }
    }
    let mut ordered = Vec::with_capacity(steps.len());
    let mut next: Vec<usize> = (0..steps.len()).filter(|at| waits_for[*at] == 0).collect();
    // Steps that come after each other in a circle are never next.
    while !next.is_empty() {
        let mut freed = Vec::new();
        for at in next {
            ordered.extend(steps.get_index(at).map(|(name, _)| *name));
            for later in &after[at] {
                waits_for[*later] -= 1;
                if waits_for[*later] == 0 {
                    freed.push(*later);
                }
            }
        }
        freed.sort_unstable();
        next = freed;
    }
    ordered
}

/// A graph as it grows; nodes by their ids.
#[derive(Default)]
struct Drawing {
    steps: IndexMap<String, Node>,
    artifacts: IndexMap<String, Node>,
    conditions: IndexMap<String, Node>,
    triggered: IndexMap<String, Node>,
    children: IndexMap<String, Node>,
    edges: Vec<Edge>,
    /// The node of each output of each step.
    outputs: IndexMap<(String, String), String>,
}

impl Drawing {
    fn nodes(&mut self) -> Vec<Node> {
        [&mut self.steps, &mut self.artifacts, &mut self.conditions, &mut self.triggered, &mut self.children]
            .into_iter()
            .flat_map(|nodes| std::mem::take(nodes).into_values())
            .collect()
    }

    fn add_conditions(&mut self, drawn: &Drawn) {
        for condition in &drawn.conditions {
            let mut metadata = json!({
                "status": condition.status, "type": condition.r#type, "created_at": condition.created,
            });
            let text = |text: Option<&str>| json!(text.filter(|text| !text.is_empty()));
            note(&mut metadata, "resolution", text(condition.resolution.as_ref().map(Word::as_str)));
            note(&mut metadata, "question", text(condition.question.as_deref()));
            note(&mut metadata, "resolved_at", maybe(condition.resolved_at));
            let node_id = format!("wait_condition/{}", part(&condition.name));
            let name = condition.name.clone();
            let node = Node {
                node_id: node_id.clone(),
                r#type: "wait_condition",
                id: Some(condition.id),
                name,
                metadata,
            };
            self.conditions.insert(node_id, node);
        }
    }

    fn add_step(&mut self, name: &str, steps: &IndexMap<&str, Step>, drawn: &Drawn) {
        let Some(step) = steps.get(name) else { return };
        let begun = drawn.begun.get(name);
        let node_id = format!("step/{}", part(name));
        let node = Node {
            node_id: node_id.clone(),
            r#type: "step",
            id: begun.map(|begun| begun.id),
            name: name.to_owned(),
            metadata: step_metadata(step, begun, drawn),
        };
        self.steps.insert(node_id.clone(), node);
        let connected = match begun {
            Some(begun) => self.add_begun(name, step, begun, steps, drawn),
            None => self.add_planned(name, step, steps),
        };
        self.add_planned_outputs(name, step);
        if let Some(runs) = begun.and_then(|begun| drawn.triggered.get(&begun.id)) {
            self.add_triggered(&node_id, runs);
        }
        for upstream in step.upstream.iter().filter(|upstream| !connected.contains(*upstream)) {
            let source = format!("step/{}", part(upstream));
            if self.steps.contains_key(&source) {
                self.connect(source, node_id.clone(), json!({}));
            }
        }
    }

    /// What a step took in and gave out; which steps it is connected with by that.
    fn add_begun(
        &mut self,
        name: &str,
        step: &Step,
        begun: &StepOfRun,
        steps: &IndexMap<&str, Step>,
        drawn: &Drawn,
    ) -> BTreeSet<String> {
        let node_id = format!("step/{}", part(name));
        let mut connected = BTreeSet::new();
        for input in drawn.inputs.get(&begun.id).into_iter().flatten() {
            let source = if input.kind == "step_output" {
                let index = usize::try_from(input.input_index).unwrap_or_default();
                let spec = step.inputs.get(&input.name).and_then(|specs| specs.get(index));
                let Some(source) = spec.and_then(|spec| self.output_of(spec, steps)) else { continue };
                connected.extend(spec.map(|spec| spec.step_name.clone()));
                source
            } else {
                self.add_taken(name, input)
            };
            let metadata = json!({
                "input_name": input.name, "type": input.kind, "index": input.input_index,
                "chunk_index": input.chunk_index, "chunk_size": input.chunk_size,
            });
            self.connect(source, node_id.clone(), metadata);
        }
        for output in drawn.outputs.get(&begun.id).into_iter().flatten() {
            let artifact = self.add_given(name, output);
            let metadata = json!({"output_name": output.name, "type": output.save_type});
            self.connect(node_id.clone(), artifact.clone(), metadata);
            if output.save_type == SaveType::StepOutput {
                self.outputs.insert((name.to_owned(), output.name.clone()), artifact);
            }
        }
        connected
    }

    /// What a step that has not begun is to take in; which steps it is connected with by that.
    fn add_planned(&mut self, name: &str, step: &Step, steps: &IndexMap<&str, Step>) -> BTreeSet<String> {
        let node_id = format!("step/{}", part(name));
        let mut connected = BTreeSet::new();
        for (input, spec) in
            step.inputs.iter().flat_map(|(name, specs)| specs.iter().map(move |spec| (name, spec)))
        {
            let Some(source) = self.output_of(spec, steps) else { continue };
            let metadata = json!({
                "input_name": input, "type": "step_output", "chunk_index": spec.chunk_index,
                "chunk_size": spec.chunk_size,
            });
            self.connect(source, node_id.clone(), metadata);
            connected.insert(spec.step_name.clone());
        }
        for (key, kind) in [
            ("client_lazy_loaders", "lazy"),
            ("model_artifacts_or_metadata", "lazy"),
            ("external_input_artifacts", "external"),
        ] {
            for input in step.keys(key) {
                let artifact = format!("{}/inputs/{kind}/{}", part(name), part(&input));
                self.add_artifact(&artifact, None, &input, json!({}));
                self.connect(artifact, node_id.clone(), json!({"input_name": input, "type": kind}));
            }
        }
        connected
    }

    /// Outputs that the step is to give and hasn't yet.
    fn add_planned_outputs(&mut self, name: &str, step: &Step) {
        for output in step.keys("outputs") {
            let filled = step.filled(&output);
            let key = (name.to_owned(), filled.clone());
            if self.outputs.contains_key(&key) {
                continue;
            }
            let artifact = format!("{}/outputs/step_output/{}", part(name), part(&filled));
            self.add_artifact(&artifact, None, &filled, json!({}));
            let metadata = json!({"output_name": output, "type": "step_output"});
            self.connect(format!("step/{}", part(name)), artifact.clone(), metadata);
            self.outputs.insert(key, artifact);
        }
    }

    /// An artifact that a step took from elsewhere than another step of the run.
    fn add_taken(&mut self, step: &str, input: &Input) -> String {
        // A step may load several artifacts under one name.
        let name = match input.kind.as_str() {
            "manual" => input.artifact_id.to_string(),
            _ => part(&input.name),
        };
        let node_id = format!("{}/inputs/{}/{name}", part(step), input.kind);
        let metadata = artifact_metadata(&input.r#type, &input.data_type, &input.save_type);
        self.add_artifact(&node_id, Some(input.artifact_id), &input.name, metadata);
        node_id
    }

    fn add_given(&mut self, step: &str, output: &Output) -> String {
        // A step may save several artifacts under one name.
        let name = match output.save_type {
            Word::Known(SaveType::Manual) => output.artifact_id.to_string(),
            _ => part(&output.name),
        };
        let node_id = format!("{}/outputs/{}/{name}", part(step), output.save_type);
        let metadata = artifact_metadata(&output.r#type, &output.data_type, &output.save_type);
        self.add_artifact(&node_id, Some(output.artifact_id), &output.name, metadata);
        node_id
    }

    fn add_artifact(&mut self, node_id: &str, id: Option<Id>, name: &str, metadata: Value) {
        let node =
            Node { node_id: node_id.to_owned(), r#type: "artifact", id, name: name.to_owned(), metadata };
        self.artifacts.insert(node_id.to_owned(), node);
    }

    fn add_triggered(&mut self, step: &str, runs: &[OtherRun]) {
        for run in runs {
            let mut metadata = timing(run.start_time, run.end_time);
            note(&mut metadata, "status", json!(run.status));
            note(&mut metadata, "index", json!(run.index));
            let node_id = format!("run/{}", part(&run.name));
            self.triggered
                .insert(node_id.clone(), Node { node_id: node_id.clone(), ..run_node(run, metadata) });
            self.connect(step.to_owned(), node_id, json!({}));
        }
    }

    fn output_of(&self, spec: &InputSpec, steps: &IndexMap<&str, Step>) -> Option<String> {
        let step = steps.get(spec.step_name.as_str())?;
        self.outputs.get(&(spec.step_name.clone(), step.filled(&spec.output_name))).cloned()
    }

    fn connect(&mut self, source: String, target: String, metadata: Value) {
        self.edges.push(Edge { source, target, metadata });
    }
}

/// A name as a part of a node's id, in which slashes divide.
fn part(name: &str) -> String {
    name.replace('/', "-")
}

fn run_node(run: &OtherRun, metadata: Value) -> Node {
    Node {
        node_id: String::new(),
        r#type: "triggered_run",
        id: Some(run.id),
        name: run.name.clone(),
        metadata,
    }
}

fn step_metadata(step: &Step, begun: Option<&StepOfRun>, drawn: &Drawn) -> Value {
    let configured = |key: &str| value::<Value>(&step.config, key).unwrap_or_default();
    let mut metadata = begun.map_or_else(|| json!({}), |begun| timing(begun.start_time, begun.end_time));
    note(&mut metadata, "type", configured("step_type"));
    note(&mut metadata, "group", configured("group"));
    if let Some(begun) = begun {
        note(&mut metadata, "status", json!(begun.status));
        note(&mut metadata, "run_metadata", json!(drawn.metadata.get(&begun.id)));
    }
    metadata
}

fn artifact_metadata(kind: &Word<ArtifactType>, data_type: &JsonText, save_type: &Word<SaveType>) -> Value {
    let source = object(data_type.0.get());
    let text = |key: &str| value::<Option<String>>(&source, key).flatten();
    let path = [text("module"), text("attribute")].into_iter().flatten().collect::<Vec<_>>().join(".");
    json!({"type": kind, "data_type": path, "save_type": save_type})
}

/// When something began, and the seconds that it took if it has ended.
fn timing(start: Option<Timestamp>, end: Option<Timestamp>) -> Value {
    let mut metadata = json!({});
    note(&mut metadata, "start_time", maybe(start));
    if let (Some(start), Some(end)) = (start, end) {
        let seconds = (end.to_utc() - start.to_utc()).as_seconds_f64();
        note(&mut metadata, "duration", json!(seconds));
    }
    metadata
}

fn maybe(value: Option<impl Serialize>) -> Value {
    json!(value)
}

/// Notes what is known; null is not.
fn note(metadata: &mut Value, key: &str, known: Value) {
    if let Value::Object(metadata) = metadata
        && !known.is_null()
    {
        metadata.insert(key.to_owned(), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(upstream: &[&str]) -> Step {
        let upstream = upstream.iter().map(|name| (*name).to_owned()).collect();
        Step { upstream, inputs: IndexMap::new(), config: Object::new(), substitutions: Object::new() }
    }

    #[test]
    fn a_step_comes_after_those_before_it() {
        let steps = IndexMap::from([
            ("c", step(&["b", "a"])),
            ("b", step(&["a"])),
            ("d", step(&[])),
            ("a", step(&["elsewhere"])),
        ]);
        assert_eq!(in_order(&steps), ["d", "a", "b", "c"]);
        let circle = IndexMap::from([("a", step(&["b"])), ("b", step(&["a"])), ("c", step(&[]))]);
        assert_eq!(in_order(&circle), ["c"]);
    }
}
