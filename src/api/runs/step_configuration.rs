//! What a pipeline and its steps are configured to do: opaque but for what the server has to understand.
//!
//! A step's own settings are kept apart from its pipeline's, and are put together when they are read, so that a
//! snapshot of many steps doesn't say everything as many times.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::http::error::{ApiError, ApiResult};
use crate::store::Timestamp;

/// A JSON object whose values are kept as they are.
pub(crate) type Object = IndexMap<String, Box<RawValue>>;

/// What a step takes over from its pipeline.
const INHERITED: [&str; 7] =
    ["settings", "extra", "retry", "substitutions", "environment", "secrets", "cache_policy"];
/// What a step of a static pipeline takes over as well.
const INHERITED_HOOKS: [&str; 4] =
    ["failure_hook_source", "success_hook_source", "start_hook_source", "end_hook_source"];

/// A step as the store keeps it.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredStep {
    pub spec: Box<RawValue>,
    pub step_config_overrides: Object,
    /// Only in rows of older versions of ZenML.
    pub config: Option<Object>,
}

/// What answers show of a step where they don't show its whole configuration.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub step_type: Option<String>,
    pub substitutions: Substitutions,
}

/// What placeholders stand for: an object, kept as it is.
#[derive(Debug, Default)]
pub(crate) struct Substitutions(Option<Box<RawValue>>);

impl Serialize for Substitutions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(json) => json.serialize(serializer),
            None => serializer.collect_map(std::iter::empty::<(&str, &str)>()),
        }
    }
}

/// A stored step; what its outline doesn't show is passed over.
#[derive(Deserialize)]
struct Glimpse<'a> {
    #[serde(borrow)]
    step_config_overrides: GlimpseOfConfiguration<'a>,
    #[serde(borrow)]
    config: Option<GlimpseOfConfiguration<'a>>,
}

#[derive(Deserialize)]
struct GlimpseOfConfiguration<'a> {
    #[serde(borrow)]
    step_type: Option<&'a RawValue>,
    #[serde(borrow)]
    substitutions: Option<&'a RawValue>,
}

impl Outline {
    /// Of a stored step, whose pipeline hands down these substitutions without nulls.
    ///
    /// # Errors
    /// When it is no step.
    pub(crate) fn read(stored: &str, inherited: Option<&RawValue>) -> serde_json::Result<Self> {
        let Glimpse { step_config_overrides, config } = serde_json::from_str(stored)?;
        let own = config.unwrap_or(step_config_overrides);
        let substitutions = match (inherited, own.substitutions) {
            (Some(inherited), Some(own)) => Some(update(inherited.to_owned(), own)),
            (inherited, own) => inherited.or(own).map(ToOwned::to_owned),
        };
        Ok(Self { step_type: own.step_type.and_then(text), substitutions: Substitutions::of(substitutions) })
    }

    /// Of a whole step.
    pub(crate) fn of(step: &MergedStep) -> Self {
        let substitutions = Substitutions::of(step.config.get("substitutions").cloned());
        Self { step_type: step.value("step_type"), substitutions }
    }
}

impl Substitutions {
    fn of(json: Option<Box<RawValue>>) -> Self {
        Self(json.filter(|json| json.get().starts_with('{')))
    }
}

fn text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

impl StoredStep {
    /// The step's configuration with what it takes over from its pipeline.
    pub(crate) fn merged(self, pipeline: &Object, is_dynamic: bool) -> MergedStep {
        let Self { spec, step_config_overrides, config } = self;
        let merged = match config {
            Some(config) => inherit(config, pipeline, &["substitutions"]),
            None if is_dynamic => inherit(step_config_overrides.clone(), pipeline, &INHERITED),
            None => {
                let keys: Vec<&str> = INHERITED.into_iter().chain(INHERITED_HOOKS).collect();
                inherit(step_config_overrides.clone(), pipeline, &keys)
            }
        };
        MergedStep { spec, config: merged, step_config_overrides }
    }
}

/// A step as answers show it (contract schema Step).
#[derive(Debug, Serialize)]
pub(crate) struct MergedStep {
    pub spec: Box<RawValue>,
    pub config: Object,
    pub step_config_overrides: Object,
}

impl MergedStep {
    /// A value of the configuration, read as a `T`.
    pub(crate) fn value<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Option<T> {
        value(&self.config, key)
    }
}

/// A value of an object, read as a `T`; none when it isn't there or is something else.
pub(crate) fn value<'a, T: Deserialize<'a>>(object: &'a Object, key: &str) -> Option<T> {
    object.get(key).and_then(|json| serde_json::from_str(json.get()).ok())
}

/// Reads an object, of whose values only some are understood.
pub(crate) fn object(json: &str) -> Object {
    serde_json::from_str(json).unwrap_or_default()
}

/// Of a pipeline's configuration only what steps take over in their outlines, in a run that began at `start`.
pub(crate) fn handed_down(pipeline: &str, start: Timestamp) -> Object {
    #[derive(Deserialize)]
    struct HandedDown<'a> {
        #[serde(borrow)]
        substitutions: Option<&'a RawValue>,
    }
    let read = serde_json::from_str::<HandedDown<'_>>(pipeline).ok().and_then(|read| read.substitutions);
    let read = read.map(|json| ("substitutions".to_owned(), json.to_owned()));
    let mut handed_down = read.into_iter().collect();
    finalize_substitutions(&mut handed_down, start);
    handed_down.values_mut().for_each(|json| *json = without_nulls(json));
    handed_down
}

/// Adds the substitutions that every run has: the date and the time of its start.
pub(crate) fn finalize_substitutions(pipeline: &mut Object, start: Timestamp) {
    let mut substitutions: Object = value(pipeline, "substitutions").unwrap_or_default();
    let start = start.to_utc();
    for (key, format) in [("date", "%Y_%m_%d"), ("time", "%H_%M_%S_%6f")] {
        if !substitutions.contains_key(key)
            && let Ok(text) = serde_json::value::to_raw_value(&start.format(format).to_string())
        {
            substitutions.insert(key.to_owned(), text);
        }
    }
    if let Ok(json) = serde_json::value::to_raw_value(&substitutions) {
        pipeline.insert("substitutions".to_owned(), json);
    }
}

/// A template with what its placeholders, such as `{date}`, stand for; `{{` and `}}` are braces.
///
/// # Errors
/// 400 for a placeholder that nothing is known for.
pub(crate) fn fill(template: &str, configuration: &Object) -> ApiResult<String> {
    if !template.contains(['{', '}']) {
        return Ok(template.to_owned());
    }
    let substitutions: BTreeMap<String, String> = value(configuration, "substitutions").unwrap_or_default();
    let mut filled = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            filled.push_str(&from[..1]);
            rest = after;
            continue;
        }
        let placeholder = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let known = placeholder.and_then(|(name, after)| Some((substitutions.get(name)?, after)));
        let Some((value, after)) = known else {
            let message =
                format!("The name template '{template}' has a placeholder that stands for nothing.");
            return Err(ApiError::value(message));
        };
        filled.push_str(value);
        rest = after;
    }
    Ok(filled + rest)
}

fn inherit(mut step: Object, pipeline: &Object, keys: &[&str]) -> Object {
    for key in keys {
        let Some(inherited) = pipeline.get(*key).filter(|json| json.get() != "null") else { continue };
        let own = step.get(*key).filter(|json| json.get() != "null");
        // A null within `extra` is a value like others, as long as it is the pipeline's.
        let handed_down = || if *key == "extra" { inherited.clone() } else { without_nulls(inherited) };
        let merged = match own {
            Some(own) if *key == "secrets" => joined(inherited, own),
            Some(own) => update(handed_down(), own),
            None => handed_down(),
        };
        step.insert((*key).to_owned(), merged);
    }
    step
}

/// Two lists as one.
fn joined(first: &RawValue, second: &RawValue) -> Box<RawValue> {
    let list = |json: &RawValue| serde_json::from_str::<Vec<Box<RawValue>>>(json.get()).unwrap_or_default();
    raw(&[list(first), list(second)].concat()).unwrap_or_else(|| second.to_owned())
}

/// `original` with the values of `update`, object by object; a null changes nothing.
fn update(original: Box<RawValue>, update_with: &RawValue) -> Box<RawValue> {
    let (Ok(mut values), Ok(changes)) =
        (serde_json::from_str::<Object>(original.get()), serde_json::from_str::<Object>(update_with.get()))
    else {
        return update_with.to_owned();
    };
    for (key, change) in changes {
        if change.get() == "null" {
            continue;
        }
        let merged = match values.get(&key) {
            Some(value) => update(value.clone(), &change),
            None => without_nulls(&change),
        };
        values.insert(key, merged);
    }
    raw(&values).unwrap_or(original)
}

/// An object with the values of another one, as far as these say something.
pub(crate) fn updated(original: &Object, update_with: &Object) -> Object {
    let (Some(original), Some(update_with)) = (raw(original), raw(update_with)) else {
        return original.clone();
    };
    object(update(original, &update_with).get())
}

/// An object without what is null in it, at any depth.
fn without_nulls(json: &RawValue) -> Box<RawValue> {
    let Ok(values) = serde_json::from_str::<Object>(json.get()) else { return json.to_owned() };
    let kept: Object = values
        .into_iter()
        .filter(|(_, value)| value.get() != "null")
        .map(|(key, value)| (key, without_nulls(&value)))
        .collect();
    raw(&kept).unwrap_or_else(|| json.to_owned())
}

fn raw(value: &impl Serialize) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn merged(step: &Value, pipeline: &Value, is_dynamic: bool) -> Value {
        let stored: StoredStep =
            serde_json::from_value(json!({"spec": {}, "step_config_overrides": step})).unwrap();
        let config = stored.merged(&object(&pipeline.to_string()), is_dynamic).config;
        serde_json::to_value(config).unwrap()
    }

    #[test]
    fn a_step_takes_over_what_it_does_not_say_itself() {
        let pipeline = json!({
            "settings": {"docker": {"image": "a", "user": null}, "resources": {"cpu": 1}},
            "secrets": ["s1"], "extra": {"a": 1}, "retry": null, "enable_cache": true,
            "success_hook_source": {"module": "m"},
        });
        let step = json!({
            "name": "load", "settings": {"docker": {"image": "b"}}, "secrets": ["s2"], "extra": null,
            "enable_cache": false, "success_hook_source": null,
        });
        let expected = json!({
            "name": "load", "settings": {"docker": {"image": "b"}, "resources": {"cpu": 1}},
            "secrets": ["s1", "s2"], "extra": {"a": 1}, "enable_cache": false,
            "success_hook_source": {"module": "m"},
        });
        assert_eq!(merged(&step, &pipeline, false), expected);
        assert_eq!(merged(&step, &pipeline, true)["success_hook_source"], Value::Null);
        // A null says nothing at any depth, where there is something to add it to.
        let step = json!({"extra": {"b": {"c": null, "d": {"e": null}}}});
        assert_eq!(merged(&step, &json!({"extra": {}}), false)["extra"], json!({"b": {"d": {}}}));
    }

    #[test]
    fn an_outline_shows_what_the_whole_step_does() {
        let start = Timestamp::new("2026-01-02T03:04:05.000006Z".parse().unwrap());
        let pipelines = [
            json!({}),
            json!({"substitutions": {"date": "d", "gone": null}, "extra": {"a": 1}}),
            json!({"substitutions": {"date": null}}),
            json!({"substitutions": null}),
        ];
        let configurations = [
            json!({"name": "load", "step_type": "tool_call", "substitutions": {"mine": "m", "date": null}}),
            json!({"name": "load", "substitutions": null}),
            json!({"extra": {"substitutions": 1}}),
        ];
        for pipeline in pipelines.map(|pipeline| pipeline.to_string()) {
            for own in &configurations {
                let older = json!({"spec": {}, "step_config_overrides": {}, "config": own});
                for stored in [json!({"spec": {"a": 1}, "step_config_overrides": own}), older] {
                    let stored = stored.to_string();
                    let whole: StoredStep = serde_json::from_str(&stored).unwrap();
                    let mut begun = object(&pipeline);
                    finalize_substitutions(&mut begun, start);
                    let whole = Outline::of(&whole.merged(&begun, false));
                    let handed_down = handed_down(&pipeline, start);
                    let inherited = handed_down.get("substitutions").map(|json| &**json);
                    let outline = Outline::read(&stored, inherited).unwrap();
                    assert_eq!(outline.step_type, whole.step_type);
                    let [outline, whole] = [outline, whole].map(|outline| json!(outline.substitutions));
                    assert_eq!(outline, whole, "{pipeline} {stored}");
                }
            }
        }
        assert!(Outline::read(r#"{"spec":{}}"#, None).is_err());
    }

    #[test]
    fn placeholders_are_filled_or_refused() {
        let configuration = object(r#"{"substitutions": {"date": "2026_01_02"}}"#);
        assert_eq!(fill("a-{date}-{{b}}", &configuration).unwrap(), "a-2026_01_02-{b}");
        for wrong in ["{time}", "{date", "}", "{}"] {
            assert!(fill(wrong, &configuration).is_err(), "{wrong}");
        }
    }

    #[test]
    fn large_numbers_stay_as_they_are() {
        let pipeline = object(r#"{"extra": {"n": 123456789012345678901234567890, "x": 1.10}}"#);
        let stored: StoredStep =
            serde_json::from_str(r#"{"spec": {}, "step_config_overrides": {"extra": {"y": 2}}}"#).unwrap();
        let extra = stored.merged(&pipeline, false).config["extra"].get().to_owned();
        assert_eq!(extra, r#"{"n":123456789012345678901234567890,"x":1.10,"y":2}"#);
    }

    #[test]
    fn the_start_of_a_run_is_substituted() {
        let mut pipeline = object(r#"{"substitutions": {"date": "mine"}}"#);
        finalize_substitutions(&mut pipeline, Timestamp::new("2026-01-02T03:04:05.000006Z".parse().unwrap()));
        assert_eq!(pipeline["substitutions"].get(), r#"{"date":"mine","time":"03_04_05_000006"}"#);
    }
}
