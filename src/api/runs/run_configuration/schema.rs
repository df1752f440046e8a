//! The schema: which fields a run's configuration can have. It is made of parts that are the same for all, the settings
//! of the stack's components, and the steps with their parameters.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::{Component, Configurable};
use crate::api::runs::step_configuration::{MergedStep, Object, value};
use crate::api::stacks::flavors::title;
use crate::packed::{Packed, packed};

/// Made from ZenML 0.98.0 by contract/make_run_configuration.py.
const PARTS: Packed = packed!("run_configuration.json");
const TRACKERS: &str = "ExperimentTrackers";
const OPERATORS: &str = "StepOperators";

#[derive(Deserialize)]
struct Parts {
    definitions: Object,
    /// Fields of the pipeline's configuration.
    pipeline: Object,
    /// Fields of each step's.
    step: Object,
    /// By `type/name` of the flavor: what can be set for a run.
    settings: HashMap<String, Settings>,
}

#[derive(Deserialize)]
struct Settings {
    title: String,
    /// Fields of the flavor's configuration that are settings.
    fields: Vec<String>,
    #[serde(default)]
    required: Vec<String>,
    /// Fields that are otherwise in settings than in the configuration.
    #[serde(default)]
    own: Object,
}

/// An object's schema.
#[derive(Serialize)]
struct ObjectSchema<'a> {
    #[serde(rename = "additionalProperties", skip_serializing_if = "Option::is_none")]
    additional_properties: Option<bool>,
    properties: &'a Object,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    required: &'a [String],
    title: &'a str,
    r#type: &'static str,
}

impl<'a> ObjectSchema<'a> {
    fn of(title: &'a str, properties: &'a Object) -> Self {
        Self { additional_properties: None, properties, required: &[], title, r#type: "object" }
    }
}

/// A schema while it is made.
struct Making {
    definitions: Object,
    /// Definitions that are there for whoever refers to them.
    shared: Vec<String>,
    /// Fields that all steps have.
    step: Object,
}

impl Configurable<'_> {
    pub(super) fn schema(&self) -> serde_json::Result<String> {
        let parts: Parts = serde_json::from_slice(&PARTS.bytes().map_err(serde_json::Error::io)?)?;
        let Parts { definitions, mut pipeline, step, settings } = parts;
        let mut shared: Vec<String> = definitions.keys().cloned().collect();
        shared.extend([TRACKERS, OPERATORS].map(str::to_owned));
        let mut making = Making { definitions, shared, step };
        if !self.is_dynamic {
            making.step.shift_remove("runtime");
        }
        making.add_settings(&self.components, &settings)?;
        making.add_choices(&self.components)?;
        let steps = making.add_steps(self.steps)?;
        let mut properties = Object::new();
        if self.is_dynamic {
            let parameters = value::<Object>(self.pipeline, "parameters").unwrap_or_default();
            let parameters = parameters_schema("Parameters", &parameters)?;
            making.definitions.insert("Parameters".to_owned(), parameters);
            let reference = to_raw_value(&json!({"$ref": "#/$defs/Parameters", "default": null}))?;
            properties.insert("parameters".to_owned(), reference);
        }
        properties.append(&mut pipeline);
        properties.insert("settings".to_owned(), optional("Settings")?);
        let reference = if steps.is_empty() { optional("Steps")? } else { reference("Steps")? };
        properties.insert("steps".to_owned(), reference);
        let required = if steps.is_empty() { Vec::new() } else { vec!["steps".to_owned()] };
        let properties = to_raw_value(&properties)?;
        making.drop_unused(properties.get());
        let mut schema = Object::new();
        schema.insert("$defs".to_owned(), to_raw_value(&making.definitions)?);
        schema.insert("properties".to_owned(), properties);
        if !required.is_empty() {
            schema.insert("required".to_owned(), to_raw_value(&required)?);
        }
        schema.insert("title".to_owned(), to_raw_value("Result")?);
        schema.insert("type".to_owned(), to_raw_value("object")?);
        serde_json::to_string(&schema)
    }
}

impl Making {
    /// What can be set of each component whose flavor is known.
    fn add_settings(
        &mut self,
        components: &[&Component],
        known: &HashMap<String, Settings>,
    ) -> serde_json::Result<()> {
        let mut all = Object::new();
        all.insert("resources".to_owned(), optional("ResourceSettings")?);
        for component in components.iter().filter(|component| !component.is_custom) {
            let Some(settings) = known.get(&format!("{}/{}", component.r#type, component.flavor)) else {
                continue;
            };
            self.add_component(settings, component.config_schema.0.get())?;
            all.insert(format!("{}:{}", component.r#type, component.name), optional(&settings.title)?);
        }
        let schema = ObjectSchema::of("Settings", &all);
        self.definitions.insert("Settings".to_owned(), to_raw_value(&schema)?);
        self.step.insert("settings".to_owned(), optional("Settings")?);
        Ok(())
    }

    fn add_component(&mut self, settings: &Settings, configuration: &str) -> serde_json::Result<()> {
        let configuration: Object = serde_json::from_str(configuration)?;
        let properties: Object = value(&configuration, "properties").unwrap_or_default();
        let field = |name: &String| {
            let schema = settings.own.get(name).or_else(|| properties.get(name))?;
            Some((name.clone(), schema.clone()))
        };
        let fields: Object = settings.fields.iter().filter_map(field).collect();
        let schema = ObjectSchema {
            additional_properties: Some(true),
            required: &settings.required,
            ..ObjectSchema::of(&settings.title, &fields)
        };
        let schema = to_raw_value(&schema)?;
        let definitions: Object = value(&configuration, "$defs").unwrap_or_default();
        self.add_referred(schema.get(), &definitions);
        self.definitions.insert(settings.title.clone(), schema);
        Ok(())
    }

    /// The definitions that a schema refers to, and those that they refer to.
    fn add_referred(&mut self, schema: &str, definitions: &Object) {
        for (name, definition) in definitions {
            if !self.definitions.contains_key(name) && schema.contains(&format!("\"#/$defs/{name}\"")) {
                self.definitions.insert(name.clone(), definition.clone());
                self.add_referred(definition.get(), definitions);
            }
        }
    }

    /// Which experiment trackers and step operators a step can use.
    fn add_choices(&mut self, components: &[&Component]) -> serde_json::Result<()> {
        for (kind, field, definition) in [
            ("experiment_tracker", "Experiment Tracker", TRACKERS),
            ("step_operator", "Step Operator", OPERATORS),
        ] {
            let names: Vec<&str> = components
                .iter()
                .filter(|component| component.r#type == kind)
                .map(|component| component.name.as_str())
                .collect();
            if names.is_empty() {
                continue;
            }
            let choices = json!({"enum": names, "title": definition, "type": "string"});
            self.definitions.insert(definition.to_owned(), to_raw_value(&choices)?);
            let reference = format!("#/$defs/{definition}");
            let kinds = json!([{"$ref": reference}, {"type": "boolean"}, {"type": "null"}]);
            let choice = json!({"anyOf": kinds, "default": null, "title": field});
            self.step.insert(kind.to_owned(), to_raw_value(&choice)?);
        }
        Ok(())
    }

    /// The steps; answers with the names of those that need parameters.
    fn add_steps(&mut self, steps: &IndexMap<String, MergedStep>) -> serde_json::Result<Vec<String>> {
        let mut taken: HashSet<String> = self.definitions.keys().cloned().collect();
        taken.extend(["Steps", "Parameters", "Result"].map(str::to_owned));
        let shared = to_raw_value(&self.step)?;
        let shared = shared.get().trim_start_matches('{');
        let mut all = Object::new();
        let mut required = Vec::new();
        for (name, step) in steps {
            let definition = definition_name(name, &mut taken);
            let parameters = value::<Object>(&step.config, "parameters").unwrap_or_default();
            let needs_parameters = !parameters.is_empty();
            let parameters =
                match value::<Object>(&spec(step), "parameter_spec").filter(|spec| !spec.is_empty()) {
                    Some(spec) => Some(self.add_parameter_spec(&definition, spec)?),
                    None if needs_parameters => {
                        let title = format!("{name}_parameters");
                        let parameters_definition = definition_name(&title, &mut taken);
                        let schema = parameters_schema(&title, &parameters)?;
                        self.definitions.insert(parameters_definition.clone(), schema);
                        Some(nullable(&parameters_definition)?)
                    }
                    None => None,
                };
            let parameters = parameters.map(|json| format!("\"parameters\":{json},")).unwrap_or_default();
            let needed = if needs_parameters { ",\"required\":[\"parameters\"]" } else { "" };
            let title = Value::from(name.as_str());
            let schema = format!(
                "{{\"properties\":{{{parameters}{shared}{needed},\"title\":{title},\"type\":\"object\"}}"
            );
            self.definitions.insert(definition.clone(), RawValue::from_string(schema)?);
            let reference = if needs_parameters { reference(&definition)? } else { optional(&definition)? };
            all.insert(name.clone(), reference);
            if needs_parameters {
                required.push(name.clone());
            }
        }
        let schema = ObjectSchema { required: &required, ..ObjectSchema::of("Steps", &all) };
        self.definitions.insert("Steps".to_owned(), to_raw_value(&schema)?);
        Ok(required)
    }

    /// The schema of parameters that a step brings along. Its definitions join the others, by other names where one is
    /// there that is different.
    fn add_parameter_spec(&mut self, step: &str, mut spec: Object) -> serde_json::Result<Box<RawValue>> {
        let own = spec.shift_remove("$defs");
        let own: Object = own.and_then(|own| serde_json::from_str(own.get()).ok()).unwrap_or_default();
        let names: Vec<(String, String)> = own
            .iter()
            .map(|(name, definition)| (name.clone(), self.free_name(step, name, definition)))
            .collect();
        let renamed = |json: &RawValue| {
            let mut text = json.get().to_owned();
            for (name, new) in names.iter().filter(|(name, new)| name != new) {
                text = text.replace(&reference_text(name), &reference_text(new));
            }
            RawValue::from_string(text)
        };
        for ((_, definition), (_, name)) in own.iter().zip(&names) {
            if !self.definitions.contains_key(name) {
                self.definitions.insert(name.clone(), renamed(definition)?);
            }
        }
        renamed(&to_raw_value(&spec)?)
    }

    /// Drops the shared definitions that nothing refers to.
    fn drop_unused(&mut self, properties: &str) {
        let mut used: HashSet<&str> = HashSet::new();
        let mut texts = vec![properties];
        while let Some(text) = texts.pop() {
            for rest in text.split("\"#/$defs/").skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                if used.insert(name) {
                    texts.extend(self.definitions.get(name).map(|definition| definition.get()));
                }
            }
        }
        let unused: Vec<String> =
            self.shared.iter().filter(|name| !used.contains(name.as_str())).cloned().collect();
        for name in unused {
            self.definitions.shift_remove(&name);
        }
    }

    fn free_name(&self, step: &str, name: &str, definition: &RawValue) -> String {
        let is_free =
            |name: &str| self.definitions.get(name).is_none_or(|other| parsed(other) == parsed(definition));
        let numbered = |number: usize| match number {
            0 => name.to_owned(),
            1 => format!("{step}__{name}"),
            _ => format!("{step}__{name}_{number}"),
        };
        (0..usize::MAX).map(numbered).find(|name| is_free(name)).unwrap_or_default()
    }
}

fn parsed(json: &RawValue) -> Option<Value> {
    serde_json::from_str(json.get()).ok()
}

fn spec(step: &MergedStep) -> Object {
    serde_json::from_str(step.spec.get()).unwrap_or_default()
}

fn reference_text(name: &str) -> String {
    Value::from(format!("#/$defs/{name}")).to_string()
}

/// A name for a definition: of characters that need no escape in a reference, and of no other one.
fn definition_name(name: &str, taken: &mut HashSet<String>) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() || "._-".contains(letter) { letter } else { '_' };
    let mut free: String = name.chars().map(plain).collect();
    while !taken.insert(free.clone()) {
        free.push('_');
    }
    free
}

/// Parameters of any value, all of which are needed.
fn parameters_schema(title_of_all: &str, parameters: &Object) -> serde_json::Result<Box<RawValue>> {
    let field = |name: &String| Ok((name.clone(), to_raw_value(&json!({"title": title(name).trim()}))?));
    let fields = parameters.keys().map(field).collect::<serde_json::Result<Object>>()?;
    let names: Vec<String> = parameters.keys().cloned().collect();
    to_raw_value(&ObjectSchema { required: &names, ..ObjectSchema::of(title_of_all, &fields) })
}

fn reference(definition: &str) -> serde_json::Result<Box<RawValue>> {
    to_raw_value(&json!({"$ref": format!("#/$defs/{definition}")}))
}

/// What is of a definition, or null.
fn nullable(definition: &str) -> serde_json::Result<Box<RawValue>> {
    let kinds = json!([{"$ref": format!("#/$defs/{definition}")}, {"type": "null"}]);
    to_raw_value(&json!({"anyOf": kinds}))
}

/// The same, and null when nothing is said.
fn optional(definition: &str) -> serde_json::Result<Box<RawValue>> {
    let kinds = json!([{"$ref": format!("#/$defs/{definition}")}, {"type": "null"}]);
    to_raw_value(&json!({"anyOf": kinds, "default": null}))
}
