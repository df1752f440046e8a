//! A model's fields that say something: neither nothing nor what they are when nobody says it.

use serde_json::Value;
use serde_json::value::RawValue;

use super::check::object;
use super::schema::{Kind, Model};
use super::{MODELS, Models};

/// Of a model as it is kept, these fields by name, each without what goes without saying.
pub(crate) fn sparse(
    model: &str,
    json: &RawValue,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let Some(index) = MODELS.by_name.get(model) else { return Vec::new() };
    let mut fields = sparse_fields(&MODELS, &MODELS.models[*index], json);
    fields.retain(|(name, _)| is_wanted(name));
    fields
}

/// The names of a model's fields.
pub(crate) fn fields(model: &str) -> Vec<&'static str> {
    let Some(index) = MODELS.by_name.get(model) else { return Vec::new() };
    MODELS.models[*index].fields.iter().map(|field| field.name.as_str()).collect()
}

fn sparse_fields(models: &Models, model: &Model, json: &RawValue) -> Vec<(String, String)> {
    let mut sent = object(json).unwrap_or_default();
    let mut kept = Vec::new();
    for field in &model.fields {
        let Some(json) = sent.shift_remove(&field.name) else { continue };
        let is_default = field.default.as_ref().is_some_and(|default| is_same(json.get(), default));
        if json.get() != "null" && (field.is_required || !is_default) {
            kept.push((field.name.clone(), sparse_value(models, &field.kind, &json)));
        }
    }
    if model.keeps_unknown {
        let unknown = sent.into_iter().filter(|(_, json)| json.get() != "null");
        kept.extend(unknown.map(|(name, json)| (name, json.get().to_owned())));
    }
    kept
}

fn sparse_value(models: &Models, kind: &Kind, json: &RawValue) -> String {
    match kind {
        Kind::Model(index) if json.get().starts_with('{') => {
            as_object(&sparse_fields(models, &models.models[*index], json))
        }
        Kind::List { items, .. } if json.get().starts_with('[') => {
            let items_sent: Vec<&RawValue> = serde_json::from_str(json.get()).unwrap_or_default();
            let items: Vec<String> =
                items_sent.into_iter().map(|item| sparse_value(models, items, item)).collect();
            format!("[{}]", items.join(","))
        }
        Kind::Map(values) if !matches!(**values, Kind::Any) => {
            let fields = object(json).unwrap_or_default().into_iter();
            let fields = fields.map(|(name, json)| (name, sparse_value(models, values, &json)));
            as_object(&fields.collect::<Vec<_>>())
        }
        Kind::Union { kinds, .. } => {
            let fits = |kind: &&Kind| match json.get().as_bytes().first() {
                Some(b'{') => matches!(kind, Kind::Model(_) | Kind::Map(_)),
                Some(b'[') => matches!(kind, Kind::List { .. }),
                _ => false,
            };
            match kinds.iter().find(fits) {
                Some(kind) => sparse_value(models, kind, json),
                None => json.get().to_owned(),
            }
        }
        _ => json.get().to_owned(),
    }
}

/// A JSON object of fields whose values are JSON.
pub(crate) fn as_object(fields: &[(String, String)]) -> String {
    let field = |(name, json): &(String, String)| format!("{}:{json}", Value::from(name.as_str()));
    format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
}

fn is_same(json: &str, other: &str) -> bool {
    let value = |json: &str| serde_json::from_str::<Value>(json).ok();
    json == other || (json.starts_with(['{', '[']) && value(json) == value(other))
}
