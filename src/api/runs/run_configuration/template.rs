//! The template: what a run of the snapshot is configured with when nobody says otherwise.

use serde_json::Value;

use super::Configurable;
use crate::api::runs::step_configuration::Object;
use crate::http::contract::{as_object, fields, sparse};

/// What no run can change.
const NOT_OF_STEPS: [&str; 2] = ["name", "outputs"];
const NOT_OF_PIPELINES: [&str; 2] = ["schedule", "build"];
const PARAMETERS: &str = "parameters";

type Fields = Vec<(String, String)>;

impl Configurable<'_> {
    pub(super) fn template(&self) -> String {
        let of_steps = fields("StepConfigurationUpdate");
        let of_steps = |name: &str| of_steps.contains(&name) && !NOT_OF_STEPS.contains(&name);
        let steps: Fields = self
            .steps
            .iter()
            .map(|(name, step)| {
                let said = said("StepConfiguration-Input", &step.step_config_overrides, of_steps);
                (name.clone(), as_object(&said))
            })
            .collect();
        let of_pipelines = fields("PipelineRunConfiguration");
        let of_pipelines = |name: &str| {
            of_pipelines.contains(&name)
                && !NOT_OF_PIPELINES.contains(&name)
                && (self.is_dynamic || name != PARAMETERS)
        };
        let mut template = vec![
            ("run_name".to_owned(), Value::from(self.run_name_template).to_string()),
            ("steps".to_owned(), as_object(&steps)),
        ];
        template.extend(said("PipelineConfiguration-Input", self.pipeline, of_pipelines));
        as_object(&template)
    }
}

/// The fields that say something, hooks by their import paths, and without what images are built with.
fn said(model: &str, configuration: &Object, is_wanted: impl Fn(&str) -> bool) -> Fields {
    let Ok(json) = serde_json::value::to_raw_value(configuration) else { return Vec::new() };
    let mut said = sparse(model, &json, is_wanted);
    for (name, json) in &mut said {
        if name.ends_with("_hook_source") {
            *json = import_path(json).unwrap_or_else(|| std::mem::take(json));
        } else if name == "settings"
            && let Ok(settings) = serde_json::from_str::<Object>(json)
        {
            let kept = settings.into_iter().filter(|(key, _)| key != "docker");
            *json = as_object(&kept.map(|(key, json)| (key, json.get().to_owned())).collect::<Vec<_>>());
        }
    }
    said
}

fn import_path(source: &str) -> Option<String> {
    let source: Object = serde_json::from_str(source).ok()?;
    let text = |name: &str| serde_json::from_str::<String>(source.get(name)?.get()).ok();
    let module = text("module")?;
    let path = match text("attribute") {
        Some(attribute) => format!("{module}.{attribute}"),
        None => module,
    };
    Some(Value::from(path).to_string())
}
