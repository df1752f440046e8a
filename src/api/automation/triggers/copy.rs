//! The copy of a snapshot that a trigger starts: it has no name, is configured as whoever attached it said, and doesn't wait
//! for its runs to end.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde_json::value::{RawValue, to_raw_value};
use sqlx_macros::FromRow;

use super::attach::RunConfiguration;
use crate::api::runs::pipeline_builds::BuildRow;
use crate::api::runs::pipeline_snapshots::{SnapshotRow, insert_step_configuration, step_configurations};
use crate::api::runs::step_configuration::{Object, StoredStep, object, updated, value};
use crate::api::stacks::flavors::components_with_flavors;
use crate::api::stacks::secrets::secret_ids;
use crate::framework::Context;
use crate::http::contract::fields;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, JsonText, Transaction, ZENML_REVISION};

const SYNCHRONOUS: &str = "synchronous";
/// Since that version components are told by their names in settings, and by their flavors before.
const BY_NAME: (u32, u32, u32) = (0, 94, 3);

/// A copy before it is written.
pub(super) struct SnapshotCopy {
    source: Source,
    pipeline_configuration: String,
    pipeline_spec: Option<String>,
    run_name_template: String,
    steps: Vec<(String, String)>,
}

/// What of a snapshot the copy takes over as it is.
#[derive(FromRow)]
struct Source {
    id: Id,
    project_id: Id,
    is_dynamic: bool,
    stack_id: Option<Id>,
    pipeline_id: Id,
    build_id: Option<Id>,
    code_reference_id: Option<Id>,
    code_path: Option<String>,
    source_code: Option<String>,
    pipeline_version_hash: Option<String>,
    pipeline_configuration: JsonText,
    pipeline_spec: Option<JsonText>,
    run_name_template: String,
    client_version: Option<String>,
}

/// A component of the stack that a copy runs on.
#[derive(Debug, FromRow)]
struct Component {
    name: String,
    r#type: String,
    flavor: String,
    config_schema: JsonText,
}

impl SnapshotCopy {
    /// # Errors
    /// 400 for parameters that a step doesn't have, or settings of a component that isn't in the stack; 404 for a secret that
    /// isn't there.
    pub(super) async fn of(
        cx: &Context,
        snapshot: &SnapshotRow,
        configuration: &RunConfiguration,
    ) -> ApiResult<Self> {
        let query = Sql::select()
            .columns([
                "id",
                "project_id",
                "is_dynamic",
                "stack_id",
                "pipeline_id",
                "build_id",
                "code_reference_id",
                "code_path",
                "source_code",
                "pipeline_version_hash",
                "pipeline_configuration",
                "pipeline_spec",
                "run_name_template",
                "client_version",
            ])
            .from("pipeline_snapshot")
            .and_where(Expr::col("id").eq(snapshot.id))
            .to_owned();
        let source: Option<Source> = cx.store.fetch_optional(&query).await?;
        let source = source.ok_or_else(|| crate::framework::not_found::<SnapshotRow>(snapshot.id))?;
        let settings = SettingKeys {
            components: components(cx, source.stack_id).await?,
            are_by_name: are_by_name(cx, &source).await?,
        };
        let steps = step_configurations(&cx.read(false), vec![source.id]).await?.remove(&source.id);
        let original = object(source.pipeline_configuration.0.get());
        let mut pipeline = pipeline_changes(cx, configuration, source.is_dynamic, &settings).await?;
        pipeline = updated(&original, &pipeline);
        let steps =
            steps_of(cx, steps.unwrap_or_default(), configuration, &pipeline, &source, &settings).await?;
        settings.run_apart(&mut pipeline)?;
        let run_name: Option<String> = value::<Option<String>>(&configuration.0, "run_name").flatten();
        Ok(Self {
            pipeline_spec: spec_with_parameters(source.pipeline_spec.as_ref(), &pipeline),
            pipeline_configuration: text(&pipeline),
            run_name_template: run_name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| source.run_name_template.clone()),
            steps,
            source,
        })
    }

    /// Writes the copy, and says its id.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn make(&self, cx: &Context, tx: &mut Transaction) -> ApiResult<Id> {
        let (id, source) = (cx.new_id(), &self.source);
        let insert = cx
            .insert("pipeline_snapshot", id)
            .set("is_dynamic", source.is_dynamic)
            .set("pipeline_configuration", self.pipeline_configuration.as_str())
            .set("client_environment", "{}")
            .set("run_name_template", self.run_name_template.as_str())
            .set("client_version", ZENML_REVISION)
            .set("server_version", ZENML_REVISION)
            .set("pipeline_version_hash", source.pipeline_version_hash.clone())
            .set("pipeline_spec", self.pipeline_spec.clone())
            .set("source_code", source.source_code.clone())
            .set("code_path", source.code_path.clone())
            .set("project_id", source.project_id)
            .set("stack_id", source.stack_id)
            .set("pipeline_id", source.pipeline_id)
            .set("build_id", source.build_id)
            .set("code_reference_id", source.code_reference_id)
            .set("source_snapshot_id", source.id)
            .set("step_count", i32::try_from(self.steps.len()).unwrap_or(i32::MAX));
        insert.run(tx).await?;
        for (index, (name, config)) in (0..).zip(&self.steps) {
            insert_step_configuration(cx, tx, ("snapshot_id", id), index, name, config).await?;
        }
        Ok(id)
    }
}

/// What a configuration changes of a pipeline's.
async fn pipeline_changes(
    cx: &Context,
    configuration: &RunConfiguration,
    is_dynamic: bool,
    settings: &SettingKeys,
) -> ApiResult<Object> {
    let known = fields("PipelineConfiguration-Input");
    let is_changed =
        |name: &str| name != "name" && (is_dynamic || name != "parameters") && known.contains(&name);
    let mut changes = configuration.0.clone();
    changes.retain(|name, json| is_changed(name) && json.get() != "null");
    settings.normalize(&mut changes)?;
    resolve_secrets(cx, &mut changes).await?;
    Ok(changes)
}

async fn steps_of(
    cx: &Context,
    steps: Vec<(String, StoredStep)>,
    configuration: &RunConfiguration,
    pipeline: &Object,
    source: &Source,
    settings: &SettingKeys,
) -> ApiResult<Vec<(String, String)>> {
    let sent: Option<IndexMap<String, Object>> = value::<Option<_>>(&configuration.0, "steps").flatten();
    let mut sent = sent.unwrap_or_default();
    let mut written = Vec::with_capacity(steps.len());
    for (name, step) in steps {
        let mut changes = sent.shift_remove(&name).unwrap_or_default();
        changes.retain(|field, json| field != "name" && json.get() != "null");
        settings.normalize(&mut changes)?;
        resolve_secrets(cx, &mut changes).await?;
        let own = updated(&step.step_config_overrides, &changes);
        let spec = step.spec.clone();
        let known = parameters(&step.merged(pipeline, source.is_dynamic).config);
        if let Some(unknown) = parameters(&own).difference(&known).next() {
            let message = format!("The step '{name}' has no parameter '{unknown}'.");
            return Err(ApiError::value(message));
        }
        let kept: IndexMap<&str, Box<RawValue>> =
            [("spec", Some(spec)), ("step_config_overrides", to_raw_value(&own).ok())]
                .into_iter()
                .filter_map(|(key, json)| Some((key, json?)))
                .collect();
        written.push((name, text(&kept)));
    }
    Ok(written)
}

fn parameters(configuration: &Object) -> BTreeSet<String> {
    value::<Option<Object>>(configuration, "parameters").flatten().unwrap_or_default().into_keys().collect()
}

fn text(json: &impl serde::Serialize) -> String {
    serde_json::to_string(json).unwrap_or_default()
}

/// A pipeline's parameters stand in its specification, too.
fn spec_with_parameters(spec: Option<&JsonText>, pipeline: &Object) -> Option<String> {
    let spec = spec?;
    let parameters = pipeline.get("parameters").filter(|json| !matches!(json.get(), "null" | "{}"));
    let Some(parameters) = parameters else { return Some(spec.0.get().to_owned()) };
    let mut spec = object(spec.0.get());
    spec.insert("parameters".to_owned(), parameters.clone());
    Some(text(&spec))
}

/// Secrets may be named, and are kept by their ids.
async fn resolve_secrets(cx: &Context, changes: &mut Object) -> ApiResult<()> {
    let names: Vec<String> = value::<Option<Vec<String>>>(changes, "secrets").flatten().unwrap_or_default();
    if names.is_empty() {
        return Ok(());
    }
    let ids = secret_ids(cx, &names).await?;
    if let Ok(json) = to_raw_value(&ids) {
        changes.insert("secrets".to_owned(), json);
    }
    Ok(())
}

async fn components(cx: &Context, stack: Option<Id>) -> ApiResult<Vec<Component>> {
    let query = components_with_flavors()
        .columns(["name", "type", "flavor"].map(|column| ("stack_component", column)))
        .column(("flavor", "config_schema"))
        .and_where(Expr::col(("stack_composition", "stack_id")).eq(stack))
        .order_by(("stack_component", "created"), Order::Asc)
        .order_by(("stack_component", "id"), Order::Asc)
        .to_owned();
    Ok(cx.store.fetch_all(&query).await?)
}

/// Whether what runs the snapshot knows components by their names.
async fn are_by_name(cx: &Context, source: &Source) -> ApiResult<bool> {
    let build = match source.build_id {
        Some(id) => cx.find::<BuildRow>(id).await?.metadata.zenml_version,
        None => None,
    };
    let version = build.or_else(|| source.client_version.clone());
    Ok(version.as_deref().and_then(version_of).is_some_and(|version| version >= BY_NAME))
}

fn version_of(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.trim().split('.').map(|part| {
        let digits = part.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        digits.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
    });
    Some((numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

/// How settings name the components that they are of.
struct SettingKeys {
    components: Vec<Component>,
    are_by_name: bool,
}

impl SettingKeys {
    fn key_of(&self, component: &Component) -> String {
        match self.are_by_name {
            true => format!("{}:{}", component.r#type, component.name),
            false => format!("{}.{}", component.r#type, component.flavor),
        }
    }

    /// Settings of components by the names that what runs the pipeline knows. Those of others are left out.
    ///
    /// # Errors
    /// 400 for settings of a kind of component that the stack has none of, or twice of one.
    fn normalize(&self, configuration: &mut Object) -> ApiResult<()> {
        let Some(settings) = value::<Option<Object>>(configuration, "settings").flatten() else {
            return Ok(());
        };
        let mut named = Object::new();
        let mut kept = Object::new();
        for (key, json) in settings {
            match self.resolve(&key)? {
                Resolved::General => drop(kept.insert(key, json)),
                Resolved::Absent => {}
                Resolved::Key(resolved) => {
                    if named.insert(resolved.clone(), json).is_some() {
                        let message = format!("There are settings for '{resolved}' twice.");
                        return Err(ApiError::value(message));
                    }
                }
            }
        }
        kept.extend(named);
        if let Ok(json) = to_raw_value(&kept) {
            configuration.insert("settings".to_owned(), json);
        }
        Ok(())
    }

    fn resolve(&self, key: &str) -> ApiResult<Resolved> {
        use crate::api::stacks::components::ComponentType;
        let (kind, rest) = match key.find([':', '.']) {
            Some(place) => (&key[..place], Some((&key[place..=place], &key[place + 1..]))),
            None => (key, None),
        };
        if kind.parse::<ComponentType>().is_err() || rest.is_some_and(|(_, name)| name.is_empty()) {
            return Ok(Resolved::General);
        }
        let mut of_kind = self.components.iter().filter(|component| component.r#type == kind);
        let found = match rest {
            None => {
                let first = of_kind.next();
                Some(first.ok_or_else(|| {
                    ApiError::value(format!("The stack has no component for the settings of '{kind}'."))
                })?)
            }
            Some((":", name)) => of_kind.find(|component| component.name == name),
            Some((_, flavor)) => {
                let matching: Vec<&Component> =
                    of_kind.filter(|component| component.flavor == flavor).collect();
                if matching.len() > 1 {
                    let message = format!("Several components are meant by the settings of '{key}'.");
                    return Err(ApiError::value(message));
                }
                matching.first().copied()
            }
        };
        Ok(found.map_or(Resolved::Absent, |component| Resolved::Key(self.key_of(component))))
    }

    /// Nobody waits for a run that a trigger starts, so its orchestrator doesn't either.
    fn run_apart(&self, pipeline: &mut Object) -> ApiResult<()> {
        let orchestrator = self.components.iter().find(|component| component.r#type == "orchestrator");
        let Some(orchestrator) = orchestrator.filter(|component| component.has_field(SYNCHRONOUS)) else {
            return Ok(());
        };
        self.normalize(pipeline)?;
        let key = self.key_of(orchestrator);
        let mut settings: Object =
            value::<Option<Object>>(pipeline, "settings").flatten().unwrap_or_default();
        let mut of_orchestrator: Object =
            value::<Option<Object>>(&settings, &key).flatten().unwrap_or_default();
        if let Ok(json) = to_raw_value(&false) {
            of_orchestrator.insert(SYNCHRONOUS.to_owned(), json);
        }
        if let Ok(json) = to_raw_value(&of_orchestrator) {
            settings.insert(key, json);
        }
        if let Ok(json) = to_raw_value(&settings) {
            pipeline.insert("settings".to_owned(), json);
        }
        Ok(())
    }
}

/// What a key of settings means.
enum Resolved {
    /// Nothing of a component's.
    General,
    /// Something of a component that isn't in the stack.
    Absent,
    Key(String),
}

impl Component {
    fn has_field(&self, field: &str) -> bool {
        let schema = object(self.config_schema.0.get());
        value::<Option<Object>>(&schema, "properties")
            .flatten()
            .is_some_and(|fields| fields.contains_key(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(are_by_name: bool) -> SettingKeys {
        let component = |r#type: &str, name: &str, flavor: &str| Component {
            name: name.to_owned(),
            r#type: r#type.to_owned(),
            flavor: flavor.to_owned(),
            config_schema: JsonText(
                RawValue::from_string(r#"{"properties": {"synchronous": {}}}"#.to_owned()).unwrap(),
            ),
        };
        let components = vec![
            component("orchestrator", "far", "kubernetes"),
            component("step_operator", "one", "sagemaker"),
            component("step_operator", "two", "sagemaker"),
        ];
        SettingKeys { components, are_by_name }
    }

    fn normalized(keys: &SettingKeys, settings: &str) -> Option<String> {
        let mut configuration = object(&format!(r#"{{"settings": {settings}}}"#));
        keys.normalize(&mut configuration).ok()?;
        Some(configuration["settings"].get().to_owned())
    }

    #[test]
    fn settings_are_named_as_what_runs_them_knows_them() {
        let sent = r#"{"orchestrator": {"a": 1}, "docker": {"b": 2}, "step_operator:gone": {}}"#;
        let new = normalized(&keys(true), sent);
        assert_eq!(new.as_deref(), Some(r#"{"docker":{"b": 2},"orchestrator:far":{"a": 1}}"#));
        let old = normalized(&keys(false), sent);
        assert_eq!(old.as_deref(), Some(r#"{"docker":{"b": 2},"orchestrator.kubernetes":{"a": 1}}"#));
        for wrong in [
            r#"{"orchestrator": {}, "orchestrator.kubernetes": {}}"#,
            r#"{"artifact_store": {}}"#,
            r#"{"step_operator.sagemaker": {}}"#,
        ] {
            assert_eq!(normalized(&keys(true), wrong), None, "{wrong}");
        }
        let mut pipeline = object(r#"{"settings": {"orchestrator.kubernetes": {"a": 1}}}"#);
        assert!(keys(true).run_apart(&mut pipeline).is_ok());
        assert_eq!(pipeline["settings"].get(), r#"{"orchestrator:far":{"a":1,"synchronous":false}}"#);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(version_of("0.94.3") >= Some(BY_NAME) && version_of("0.98.0") > Some(BY_NAME));
        assert!(version_of("0.94.2") < Some(BY_NAME) && version_of("0.9.10") < Some(BY_NAME));
        assert_eq!(version_of("0.98.0rc1"), Some((0, 98, 0)));
        assert_eq!((version_of(""), version_of("x")), (None, None));
    }
}
