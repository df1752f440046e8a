//! Models as the contract describes them, compiled to what a check needs.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Models;
use super::check::Check;
use super::legacy::Before;
use super::scalars::Bounds;

/// What a value can be.
#[derive(Debug)]
pub(super) enum Kind {
    /// Anything, kept as it was sent.
    Any,
    Timestamp,
    Interval,
    Text {
        least: usize,
        most: usize,
    },
    Uuid,
    Integer(Bounds),
    Number(Bounds),
    Flag,
    List {
        items: Box<Kind>,
        is_set: bool,
    },
    /// A list of so many items, each of its kind.
    Tuple(Vec<Kind>),
    /// An object whose values are of one kind.
    Map(Box<Kind>),
    Word {
        name: String,
        words: Vec<String>,
    },
    Model(usize),
    /// One of these, or null.
    Union {
        kinds: Vec<Kind>,
        nullable: bool,
    },
}

#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    pub kind: Kind,
    pub is_required: bool,
    /// What it is when it isn't sent: JSON. None where ZenML makes it anew each time.
    pub default: Option<String>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub name: String,
    pub fields: Vec<Field>,
    /// Whether fields that it doesn't know are kept.
    pub keeps_unknown: bool,
    /// Whether they are refused.
    pub refuses_unknown: bool,
    pub before: Option<Before>,
}

/// A schema of the document.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Schema {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    r#type: Option<String>,
    properties: IndexMap<String, Schema>,
    required: Vec<String>,
    additional_properties: Option<Box<RawValue>>,
    items: Option<Box<Schema>>,
    prefix_items: Vec<Schema>,
    any_of: Vec<Schema>,
    r#enum: Option<Vec<String>>,
    r#const: Option<String>,
    default: Option<Box<RawValue>>,
    format: Option<String>,
    unique_items: bool,
    min_length: Option<usize>,
    max_length: Option<usize>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_minimum: Option<f64>,
    exclusive_maximum: Option<f64>,
}

#[derive(Deserialize)]
struct Document {
    components: Components,
}

#[derive(Deserialize)]
struct Components {
    schemas: HashMap<String, Box<RawValue>>,
}

impl Models {
    /// Compiles these models of a document, and those that they refer to.
    pub(super) fn read(document: &[u8], names: &[&str]) -> serde_json::Result<Self> {
        let document: Document = serde_json::from_slice(document)?;
        let mut reading = Reading { schemas: document.components.schemas, models: Self::default() };
        for name in names {
            reading.refer(name)?;
        }
        let mut models = reading.models;
        models.complete_defaults();
        Ok(models)
    }

    /// Compiles a schema that stands for itself, with its own definitions, and tells which of the models it is. None for one
    /// that says nothing.
    pub(super) fn of_schema(schema: &RawValue) -> serde_json::Result<(Self, Option<usize>)> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Definitions {
            title: String,
            #[serde(rename = "$defs")]
            of: HashMap<String, Box<RawValue>>,
        }
        let Definitions { title, of: mut schemas } = serde_json::from_str(schema.get())?;
        schemas.insert(title.clone(), schema.to_owned());
        let mut reading = Reading { schemas, models: Self::default() };
        let root = match reading.refer(&title)? {
            Kind::Model(index) => Some(index),
            _ => None,
        };
        let mut models = reading.models;
        models.complete_defaults();
        Ok((models, root))
    }

    /// What is filled in for a model is itself whole.
    fn complete_defaults(&mut self) {
        let complete = |field: &Field| {
            let default = field.default.clone().filter(|default| default.starts_with('{'))?;
            let default = RawValue::from_string(default).ok()?;
            let mut check = Check::new(self, default.get().len());
            check.value(&field.kind, &default);
            check.finish().ok()
        };
        let all = self.models.iter().map(|model| model.fields.iter().map(complete).collect::<Vec<_>>());
        let all: Vec<_> = all.collect();
        for (model, defaults) in self.models.iter_mut().zip(all) {
            for (field, default) in model.fields.iter_mut().zip(defaults) {
                field.default = default.or_else(|| field.default.take());
            }
        }
    }
}

struct Reading {
    schemas: HashMap<String, Box<RawValue>>,
    models: Models,
}

impl Reading {
    /// What a name refers to, which is compiled when it wasn't yet.
    fn refer(&mut self, name: &str) -> serde_json::Result<Kind> {
        if let Some(index) = self.models.by_name.get(name) {
            return Ok(Kind::Model(*index));
        }
        let Some(schema) = self.schemas.get(name) else { return Ok(Kind::Any) };
        let schema: Schema = serde_json::from_str(schema.get())?;
        let class = class(name);
        if let Some(words) = schema.r#enum {
            return Ok(Kind::Word { name: class.to_owned(), words });
        }
        if schema.properties.is_empty() && schema.r#type.as_deref() != Some("object") {
            return Ok(Kind::Any);
        }
        let more = schema.additional_properties.as_ref();
        let says = |word: &str| more.is_some_and(|more| more.get() == word);
        let index = self.models.models.len();
        self.models.by_name.insert(name.to_owned(), index);
        // Its place is kept while those that it refers to find theirs.
        self.models.models.push(Model {
            name: class.to_owned(),
            fields: Vec::new(),
            keeps_unknown: says("true"),
            refuses_unknown: says("false"),
            before: Before::of(class),
        });
        let mut fields = Vec::with_capacity(schema.properties.len());
        for (field, of) in schema.properties {
            let is_required = schema.required.contains(&field);
            let default = of.default.as_ref().map(|default| default.get().to_owned());
            let kind = self.kind(of)?;
            let default = default.or_else(|| nothing(&kind).map(str::to_owned));
            fields.push(Field { name: field, kind, is_required, default });
        }
        self.models.models[index].fields = fields;
        Ok(Kind::Model(index))
    }

    fn kind(&mut self, schema: Schema) -> serde_json::Result<Kind> {
        if let Some(reference) = &schema.reference {
            return self.refer(reference.rsplit('/').next().unwrap_or_default());
        }
        if !schema.any_of.is_empty() {
            return self.union(schema.any_of);
        }
        if let Some(words) = schema.r#enum.or_else(|| schema.r#const.map(|word| vec![word])) {
            return Ok(Kind::Word { name: String::new(), words });
        }
        let bounds = Bounds {
            least: schema.minimum,
            most: schema.maximum,
            above: schema.exclusive_minimum,
            below: schema.exclusive_maximum,
        };
        Ok(match (schema.r#type.as_deref(), schema.format.as_deref()) {
            (Some("string"), Some("uuid")) => Kind::Uuid,
            (Some("string"), Some("date-time")) => Kind::Timestamp,
            (Some("string"), Some("duration")) => Kind::Interval,
            (Some("string"), _) => Kind::Text {
                least: schema.min_length.unwrap_or(0),
                most: schema.max_length.unwrap_or(usize::MAX),
            },
            (Some("integer"), _) => Kind::Integer(bounds),
            (Some("number"), _) => Kind::Number(bounds),
            (Some("boolean"), _) => Kind::Flag,
            (Some("array"), _) if !schema.prefix_items.is_empty() => Kind::Tuple(
                schema.prefix_items.into_iter().map(|item| self.kind(item)).collect::<Result<_, _>>()?,
            ),
            (Some("array"), _) => {
                let items = schema.items.map(|items| *items).unwrap_or_default();
                Kind::List { items: Box::new(self.kind(items)?), is_set: schema.unique_items }
            }
            (Some("object"), _) => {
                let more = schema.additional_properties.filter(|more| more.get().starts_with('{'));
                let values = more.map(|more| serde_json::from_str(more.get())).transpose()?;
                Kind::Map(Box::new(self.kind(values.unwrap_or_default())?))
            }
            _ => Kind::Any,
        })
    }

    fn union(&mut self, schemas: Vec<Schema>) -> serde_json::Result<Kind> {
        let (nulls, others): (Vec<_>, Vec<_>) =
            schemas.into_iter().partition(|schema| schema.r#type.as_deref() == Some("null"));
        let kinds = others.into_iter().map(|schema| self.kind(schema)).collect::<Result<Vec<_>, _>>()?;
        Ok(Kind::Union { kinds, nullable: !nulls.is_empty() })
    }
}

/// The name of the class behind a schema: what is sent may differ from what is answered.
fn class(name: &str) -> &str {
    name.strip_suffix("-Input").unwrap_or(name)
}

/// What a field is without a default of its own.
fn nothing(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::List { .. } => Some("[]"),
        Kind::Map(_) => Some("{}"),
        Kind::Union { nullable: true, .. } => Some("null"),
        _ => None,
    }
}
