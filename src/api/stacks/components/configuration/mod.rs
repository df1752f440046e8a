//! A component's configuration, read as its flavor says.
//!
//! ZenML loads the flavor's Python class for that. zendo goes by the flavor's JSON schema, and by what the schema doesn't
//! say (`rules.json`). What is kept is the form that ZenML keeps: what was sent, in the types of the schema, without
//! defaults. Custom flavors take anything, as in ZenML, whose server can't load their classes.

mod rules;
mod steps;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::rules::Rules;
use super::rules::is_secret_reference;
use crate::api::stacks::flavors::FlavorRow;
use crate::http::contract;
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::JsonObject;

/// Fields as they were sent, or as they are kept.
type Fields = IndexMap<String, Box<RawValue>>;

/// What is asked of a flavor's schema here; [`contract::read_by`] asks the rest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Schema {
    properties: IndexMap<String, Property>,
    #[serde(rename = "$defs")]
    definitions: IndexMap<String, Property>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Property {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    r#type: Option<String>,
    any_of: Vec<Property>,
    r#enum: Option<serde_json::Value>,
    prefix_items: Option<serde_json::Value>,
    unique_items: bool,
}

/// A configuration as it is kept.
///
/// # Errors
/// 400 for fields that the flavor doesn't have, and for a secret's value where ZenML takes none; 422 for what is missing
/// or wrong.
pub(crate) fn normal_form(flavor: &FlavorRow, configuration: &JsonObject) -> ApiResult<JsonObject> {
    if flavor.body.is_custom {
        return Ok(configuration.clone());
    }
    let schema = &flavor.metadata.config_schema.0;
    let known: Schema = serde_json::from_str(schema.get()).unwrap_or_default();
    let unreadable = |error: serde_json::Error| ApiError::unprocessable(error.to_string());
    let mut fields: Fields = serde_json::from_str(configuration.as_str()).map_err(unreadable)?;
    refuse_unknown(flavor, &known, &fields)?;
    let rules = Rules::of(flavor.body.r#type.as_str(), &flavor.name);
    refuse_references(rules, &fields)?;
    rules.before(&mut fields)?;
    let read_texts = read_texts(&known, &mut fields)?;
    let sent = serde_json::value::to_raw_value(&fields).map_err(unreadable)?;
    let ways = contract::Ways { whole: &read_texts, left_to_right: &rules.left_to_right };
    let kept = contract::read_by(schema, &sent, ways).map_err(|faults| refusal(&faults))?;
    let mut fields: Fields = serde_json::from_str(&kept).map_err(unreadable)?;
    rules.after(&mut fields)?;
    let kept = serde_json::value::to_raw_value(&fields).map_err(unreadable)?;
    JsonObject::try_from(kept).map_err(ApiError::unprocessable)
}

fn refuse_unknown(flavor: &FlavorRow, known: &Schema, fields: &Fields) -> ApiResult<()> {
    let unknown: Vec<&str> =
        fields.keys().map(String::as_str).filter(|key| !known.properties.contains_key(*key)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let (keys, name, kind) = (unknown.join(", "), &flavor.name, &flavor.body.r#type);
    let message = format!("The flavor '{name}' of {kind} has no configuration fields of the names: {keys}.");
    Err(ApiError::value(message))
}

/// A secret's value is known to nobody who checks it.
fn refuse_references(rules: &Rules, fields: &Fields) -> ApiResult<()> {
    for field in &rules.checked {
        let text = fields.get(field).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
        if text.is_some_and(|text| is_secret_reference(&text)) {
            let message = format!("The field '{field}' is checked: it can't refer to a secret.");
            return Err(ApiError::value(message));
        }
    }
    Ok(())
}

/// Reads the JSON of texts that stand where no text can, as command lines send it. The models among them, which become
/// whole then, are named.
fn read_texts(known: &Schema, fields: &mut Fields) -> ApiResult<Vec<String>> {
    let mut models = Vec::new();
    for (name, value) in fields.iter_mut().filter(|(_, value)| value.get().starts_with('"')) {
        let Some(property) = known.properties.get(name).and_then(Property::of_json_text) else { continue };
        let is_model = property.reference.is_some();
        if is_model && !known.is_model(property) {
            continue;
        }
        let text: String = serde_json::from_str(value.get()).unwrap_or_default();
        let json = serde_json::from_str::<Box<RawValue>>(&text).ok();
        let Some(json) = json.filter(|json| !is_model || json.get().starts_with('{')) else {
            return Err(ApiError::unprocessable(format!("{name}: the text is no JSON of its kind")));
        };
        *value = json;
        if is_model {
            models.push(name.clone());
        }
    }
    Ok(models)
}

impl Schema {
    /// Whether what it refers to has fields; some are words.
    fn is_model(&self, property: &Property) -> bool {
        let name = property.reference.as_deref().and_then(|reference| reference.rsplit('/').next());
        let definition = name.and_then(|name| self.definitions.get(name));
        definition.is_some_and(|definition| definition.r#type.as_deref() == Some("object"))
    }
}

impl Property {
    /// The kind of value that a text's JSON is read as, if it is.
    fn of_json_text(&self) -> Option<&Self> {
        let is_null = |one: &&Self| one.r#type.as_deref() == Some("null");
        let kind = match self.any_of.iter().any(|one| is_null(&one)) {
            true if self.any_of.iter().any(Self::is_text) => return None,
            true => self.any_of.iter().find(|one| !is_null(one))?,
            false if self.any_of.is_empty() => self,
            false => return None,
        };
        let is_list =
            kind.r#type.as_deref() == Some("array") && kind.prefix_items.is_none() && !kind.unique_items;
        (is_list || kind.r#type.as_deref() == Some("object") || kind.reference.is_some()).then_some(kind)
    }

    fn is_text(&self) -> bool {
        self.r#type.as_deref() == Some("string") && self.r#enum.is_none()
    }
}

fn refusal(faults: &[contract::Fault]) -> ApiError {
    let told = faults.iter().map(|fault| {
        let place = fault.location.trim_start_matches("'body'").trim_matches([',', ' ']);
        format!("{}: {}", place.replace('\'', ""), fault.message)
    });
    ApiError::unprocessable(told.collect::<Vec<_>>().join("\n"))
}
