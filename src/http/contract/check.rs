//! One check: a value against what it can be, and the value as it is kept.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::legacy::Fields;
use super::scalars::{self, Wrong};
use super::schema::{Kind, Model};
use super::{Models, Ways};
use crate::http::timestamps::{Interval, SentTimestamp};

/// Things wrong that are told of one body.
pub(crate) const MOST_FAULTS: usize = 100;
/// Characters of a caller's own names that are told.
const LONGEST_NAME: usize = 100;
const NOT_AN_OBJECT: &str = "Input should be a valid dictionary or object to extract fields from";

/// A step of the way to a value.
#[derive(Debug, Clone, PartialEq)]
enum Step<'m> {
    Field(&'m str),
    Key(String),
    Index(usize),
}

/// What is wrong with a part of a body, in the words of pydantic.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub kind: &'static str,
    /// As Python writes it: `'body', 'steps', 0`.
    pub location: String,
    pub message: String,
}

impl Fault {
    /// Of the whole body.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self::of(&[], kind, message)
    }

    /// Of what is under these names.
    pub fn under(names: &[&str], kind: &'static str, message: impl Into<String>) -> Self {
        let path: Vec<Step<'_>> = names.iter().map(|name| Step::Key((*name).to_owned())).collect();
        Self::of(&path, kind, message)
    }

    /// The same of an item of a list.
    #[must_use]
    pub fn of_item(mut self, index: usize) -> Self {
        let rest = self.location.trim_start_matches("'body'").trim_end_matches(',');
        self.location = format!("'body', {index}{rest}");
        self
    }

    /// The same of a body that is one of several models, of which this is the one.
    #[must_use]
    pub fn of_tag(mut self, tag: &str) -> Self {
        let rest = self.location.trim_start_matches("'body'").trim_end_matches(',');
        self.location = format!("'body', '{tag}'{rest}");
        self
    }

    fn of(path: &[Step<'_>], kind: &'static str, message: impl Into<String>) -> Self {
        let mut location = "'body'".to_owned();
        for step in path {
            match step {
                Step::Field(name) => location += &format!(", '{name}'"),
                Step::Key(name) => {
                    let shown: String = name.chars().take(LONGEST_NAME).collect();
                    location += &format!(", '{}'", shown.replace('\'', "\\'").escape_debug());
                }
                Step::Index(index) => location += &format!(", {index}"),
            }
        }
        if path.is_empty() {
            location.push(',');
        }
        Self { kind, location, message: message.into() }
    }
}

pub(super) struct Check<'m> {
    models: &'m Models,
    path: Vec<Step<'m>>,
    faults: Vec<Fault>,
    /// The value as it is kept: JSON.
    kept: String,
    /// Whether models within a body are whole.
    fills_in: bool,
    /// Whether a number that may have a fraction is written with one, as Python writes it.
    points: bool,
    /// Whether of several kinds the first counts that a value can be read as.
    is_left_to_right: bool,
}

impl<'m> Check<'m> {
    pub(super) fn new(models: &'m Models, size: usize) -> Self {
        Self {
            models,
            path: Vec::new(),
            faults: Vec::new(),
            kept: String::with_capacity(size),
            fills_in: true,
            points: false,
            is_left_to_right: false,
        }
    }

    pub(super) fn finish(self) -> Result<String, Vec<Fault>> {
        if self.faults.is_empty() { Ok(self.kept) } else { Err(self.faults) }
    }

    /// A whole body: what isn't sent isn't added, and what the model doesn't know stays for zendo's own types.
    pub(super) fn body(&mut self, model: &'m Model, body: &RawValue) {
        let Some(mut fields) = object(body) else {
            return self.wrong(("model_attributes_type", NOT_AN_OBJECT.to_owned()));
        };
        let mut writer = ObjectWriter::begin(self);
        for field in &model.fields {
            match fields.shift_remove(&field.name) {
                Some(json) => writer.field(&field.name, &field.kind, &json),
                None if field.is_required => writer.missing(&field.name),
                None => {}
            }
        }
        for (name, json) in fields {
            writer.kept(&name, json.get());
        }
        writer.end();
    }

    /// A body by a schema of its own: none of its models is filled in but those that are to be whole.
    pub(super) fn body_by(&mut self, model: &'m Model, body: &RawValue, ways: Ways<'_>) {
        let Some(mut fields) = object(body) else {
            return self.wrong(("model_attributes_type", NOT_AN_OBJECT.to_owned()));
        };
        self.points = true;
        let mut writer = ObjectWriter::begin(self);
        for field in &model.fields {
            let named = |names: &[String]| names.contains(&field.name);
            writer.check.fills_in = named(ways.whole);
            writer.check.is_left_to_right = named(ways.left_to_right);
            match fields.shift_remove(&field.name) {
                Some(json) => writer.field(&field.name, &field.kind, &json),
                None if field.is_required => writer.missing(&field.name),
                None => {}
            }
        }
        writer.end();
    }

    /// A value within a body.
    pub(super) fn value(&mut self, kind: &'m Kind, json: &RawValue) {
        if self.faults.len() >= MOST_FAULTS {
            return;
        }
        match kind {
            Kind::Any => self.kept.push_str(json.get()),
            Kind::Text { least, most } => match text_within(json, *least, *most) {
                Ok(()) => self.kept.push_str(json.get()),
                Err(wrong) => self.wrong(wrong),
            },
            Kind::Timestamp => self.write(scalars::time::<SentTimestamp>(json, "datetime_parsing")),
            Kind::Interval => self.write(scalars::time::<Interval>(json, "time_delta_parsing")),
            Kind::Uuid => self.write(scalars::uuid(json).map(|id| format!("\"{id}\""))),
            Kind::Integer(bounds) => self.write(scalars::integer(json, bounds)),
            Kind::Number(bounds) => {
                let number = scalars::number(json, bounds);
                let is_whole = |number: &str| !number.contains(['.', 'e', 'E']);
                self.write(number.map(|number| match self.points && is_whole(&number) {
                    true => number + ".0",
                    false => number,
                }));
            }
            Kind::Flag => self.write(scalars::flag(json).map(|flag| flag.to_string())),
            Kind::Word { words, .. } => {
                self.write(scalars::word(json, words).map(|()| json.get().to_owned()));
            }
            Kind::List { items, is_set } => self.list(items, *is_set, json),
            Kind::Tuple(kinds) => self.tuple(kinds, json),
            Kind::Map(values) => self.map(values, json),
            Kind::Model(index) => self.model(*index, json),
            Kind::Union { kinds, nullable } => self.union(kinds, *nullable, json),
        }
    }

    fn write(&mut self, read: Result<String, Wrong>) {
        match read {
            Ok(text) => self.kept.push_str(&text),
            Err(wrong) => self.wrong(wrong),
        }
    }

    fn wrong(&mut self, (kind, message): Wrong) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault::of(&self.path, kind, message));
        }
    }

    fn list(&mut self, items: &'m Kind, is_set: bool, json: &RawValue) {
        let listed = json.get().starts_with('[').then(|| serde_json::from_str::<Vec<&RawValue>>(json.get()));
        let Some(Ok(mut listed)) = listed else {
            let (kind, name) = if is_set { ("set_type", "set") } else { ("list_type", "list") };
            return self.wrong((kind, format!("Input should be a valid {name}")));
        };
        if is_set {
            let mut met = std::collections::HashSet::new();
            listed.retain(|item| met.insert(item.get()));
        }
        self.kept.push('[');
        for (index, item) in listed.into_iter().enumerate() {
            if index > 0 {
                self.kept.push(',');
            }
            self.under(Step::Index(index), items, item);
        }
        self.kept.push(']');
    }

    fn tuple(&mut self, kinds: &'m [Kind], json: &RawValue) {
        let listed = json.get().starts_with('[').then(|| serde_json::from_str::<Vec<&RawValue>>(json.get()));
        let Some(Ok(listed)) = listed else {
            return self.wrong(("tuple_type", "Input should be a valid tuple".to_owned()));
        };
        let (most, number) = (kinds.len(), listed.len());
        if number > most {
            let message = format!("Tuple should have at most {most} items after validation, not {number}");
            return self.wrong(("too_long", message));
        }
        self.kept.push('[');
        for (index, kind) in kinds.iter().enumerate() {
            if index > 0 {
                self.kept.push(',');
            }
            self.path.push(Step::Index(index));
            match listed.get(index) {
                Some(item) => self.value(kind, item),
                None => self.wrong(("missing", "Field required".to_owned())),
            }
            self.path.pop();
        }
        self.kept.push(']');
    }

    fn map(&mut self, values: &'m Kind, json: &RawValue) {
        if matches!(values, Kind::Any) && json.get().starts_with('{') {
            return self.kept.push_str(json.get());
        }
        let Some(fields) = object(json) else {
            return self.wrong(("dict_type", "Input should be a valid dictionary".to_owned()));
        };
        let mut writer = ObjectWriter::begin(self);
        for (name, json) in fields {
            writer.name(&name);
            writer.check.under(Step::Key(name), values, &json);
        }
        writer.end();
    }

    fn model(&mut self, index: usize, json: &RawValue) {
        let model = &self.models.models[index];
        let of_text =
            model.before.and_then(|before| scalars::text(json).and_then(|text| before.of_text(&text)));
        match of_text {
            Some(Ok(value)) => match serde_json::value::to_raw_value(&value) {
                Ok(json) => self.fields_of(model, &json),
                Err(error) => self.wrong(("value_error", error.to_string())),
            },
            Some(Err(wrong)) => self.wrong(wrong),
            None => self.fields_of(model, json),
        }
    }

    fn fields_of(&mut self, model: &'m Model, json: &RawValue) {
        let Some(mut fields) = object(json) else {
            return self.wrong(("model_attributes_type", NOT_AN_OBJECT.to_owned()));
        };
        if let Some(Err(wrong)) = model.before.map(|before| before.prepare(&mut fields)) {
            return self.wrong(wrong);
        }
        let mut writer = ObjectWriter::begin(self);
        for field in &model.fields {
            match fields.shift_remove(&field.name) {
                Some(json) => writer.field(&field.name, &field.kind, &json),
                None if field.is_required => writer.missing(&field.name),
                None if !writer.check.fills_in => {}
                None => {
                    if let Some(default) = &field.default {
                        writer.kept(&field.name, default);
                    }
                }
            }
        }
        for (name, json) in fields {
            if model.keeps_unknown {
                writer.kept(&name, json.get());
            } else if model.refuses_unknown {
                writer.refused(name);
            }
        }
        writer.end();
    }

    /// The first that it exactly is, else the first that it can be read as.
    fn union(&mut self, kinds: &'m [Kind], nullable: bool, json: &RawValue) {
        if nullable && json.get() == "null" {
            return self.kept.push_str("null");
        }
        if let [kind] = kinds {
            return self.value(kind, json);
        }
        // Of the kinds within them, the one counts that it is.
        let counts_first = std::mem::take(&mut self.is_left_to_right);
        let (exact, loose): (Vec<&Kind>, Vec<&Kind>) =
            kinds.iter().partition(|kind| !counts_first && is_exactly(kind, json));
        let (start, before) = (self.kept.len(), std::mem::take(&mut self.faults));
        let mut all = Vec::new();
        for kind in exact.into_iter().chain(loose) {
            self.path.push(Step::Key(self.label(kind)));
            self.value(kind, json);
            self.path.pop();
            let faults = std::mem::take(&mut self.faults);
            if faults.is_empty() {
                self.faults = before;
                return;
            }
            self.kept.truncate(start);
            all.push((kinds.iter().position(|other| std::ptr::eq(other, kind)), faults));
        }
        all.sort_by_key(|(place, _)| *place);
        self.faults = before;
        self.faults.extend(all.into_iter().flat_map(|(_, faults)| faults));
        self.faults.truncate(MOST_FAULTS);
    }

    fn under(&mut self, step: Step<'m>, kind: &'m Kind, json: &RawValue) {
        self.path.push(step);
        self.value(kind, json);
        self.path.pop();
    }

    /// How pydantic calls one of several kinds.
    fn label(&self, kind: &Kind) -> String {
        match kind {
            Kind::Any => "any".to_owned(),
            Kind::Text { .. } => "str".to_owned(),
            Kind::Timestamp => "datetime".to_owned(),
            Kind::Interval => "timedelta".to_owned(),
            Kind::Uuid => "uuid".to_owned(),
            Kind::Integer(_) => "int".to_owned(),
            Kind::Number(_) => "float".to_owned(),
            Kind::Flag => "bool".to_owned(),
            Kind::List { items, is_set: false } => format!("list[{}]", self.label(items)),
            Kind::List { items, is_set: true } => format!("set[{}]", self.label(items)),
            Kind::Tuple(kinds) => {
                let items: Vec<String> = kinds.iter().map(|kind| self.label(kind)).collect();
                format!("tuple[{}]", items.join(","))
            }
            Kind::Map(values) => format!("dict[str,{}]", self.label(values)),
            Kind::Word { name, .. } => format!("str-enum[{name}]"),
            Kind::Model(index) => self.models.models[*index].name.clone(),
            Kind::Union { .. } => "union".to_owned(),
        }
    }
}

/// Whether it is of the kind without being read loosely.
fn is_exactly(kind: &Kind, json: &RawValue) -> bool {
    let json = json.get();
    match kind {
        Kind::Any => true,
        Kind::Text { .. } => json.starts_with('"'),
        Kind::Flag => json == "true" || json == "false",
        Kind::Integer(_) => is_number(json) && !json.contains(['.', 'e', 'E']),
        Kind::Number(_) => is_number(json),
        Kind::List { is_set, .. } => json.starts_with('[') && !is_set,
        Kind::Map(_) | Kind::Model(_) => json.starts_with('{'),
        Kind::Tuple(_)
        | Kind::Timestamp
        | Kind::Interval
        | Kind::Uuid
        | Kind::Word { .. }
        | Kind::Union { .. } => false,
    }
}

fn is_number(json: &str) -> bool {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

fn text_within(json: &RawValue, least: usize, most: usize) -> Result<(), Wrong> {
    if !json.get().starts_with('"') {
        return Err(("string_type", "Input should be a valid string".to_owned()));
    }
    // As JSON it is never shorter than its characters.
    if least == 0 && json.get().len() - 2 <= most {
        return Ok(());
    }
    let length = scalars::text(json).map_or(0, |text| text.chars().count());
    let characters = |number: usize| if number == 1 { "character" } else { "characters" };
    if length < least {
        let message = format!("String should have at least {least} {}", characters(least));
        return Err(("string_too_short", message));
    }
    if length > most {
        return Err(("string_too_long", format!("String should have at most {most} {}", characters(most))));
    }
    Ok(())
}

/// An object's fields; of a repeated one the last counts.
pub(super) fn object(json: &RawValue) -> Option<Fields<'_>> {
    let fields: IndexMap<String, &RawValue> =
        json.get().starts_with('{').then(|| serde_json::from_str(json.get()).ok()).flatten()?;
    Some(fields.into_iter().map(|(name, json)| (name, Cow::Borrowed(json))).collect())
}

/// Writes an object's fields one after the other.
struct ObjectWriter<'c, 'm> {
    check: &'c mut Check<'m>,
    is_first: bool,
}

impl<'c, 'm> ObjectWriter<'c, 'm> {
    fn begin(check: &'c mut Check<'m>) -> Self {
        check.kept.push('{');
        Self { check, is_first: true }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.check.kept.push(',');
        }
        self.check.kept.push_str(&serde_json::Value::from(name).to_string());
        self.check.kept.push(':');
    }

    fn field(&mut self, name: &'m str, kind: &'m Kind, json: &RawValue) {
        self.name(name);
        self.check.under(Step::Field(name), kind, json);
    }

    fn kept(&mut self, name: &str, json: &str) {
        self.name(name);
        self.check.kept.push_str(json);
    }

    fn missing(&mut self, name: &'m str) {
        self.check.path.push(Step::Field(name));
        self.check.wrong(("missing", "Field required".to_owned()));
        self.check.path.pop();
    }

    fn refused(&mut self, name: String) {
        self.check.path.push(Step::Key(name));
        self.check.wrong(("extra_forbidden", "Extra inputs are not permitted".to_owned()));
        self.check.path.pop();
    }

    fn end(self) {
        self.check.kept.push('}');
    }
}
