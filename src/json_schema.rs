//! Whether a JSON value fits a JSON Schema (draft 2020-12, <https://json-schema.org/draft/2020-12>), as far as schemas
//! of Python's types and of people need it: all of the vocabularies for validation and applying but what is
//! "unevaluated", references within the schema by `#/` and a path, and patterns without look-around. As by default in
//! Python, a `format` asserts nothing.

use std::cell::Cell;
use std::cmp::Ordering;

use regex_lite::Regex;
use serde_json::{Map, Value};

/// Schemas within each other.
const DEEPEST: usize = 256;
/// Pairs of a schema and a value that one check looks at; references can make few words mean very many.
const MOST: usize = 100_000;
const UNKNOWN: [&str; 5] =
    ["unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef", "additionalItems"];

/// Why a value is refused.
#[derive(Debug, PartialEq)]
pub enum Unfit {
    /// The schema can't be understood.
    Schema(String),
    /// The value doesn't fit it.
    Value(String),
}

type Checked = Result<(), Unfit>;
type Object = Map<String, Value>;

/// Whether the value fits the schema.
///
/// # Errors
/// Why it doesn't.
pub fn check(schema: &Value, value: &Value) -> Result<(), Unfit> {
    Checker { root: schema, looked_at: Cell::new(0) }.check(schema, value, 0)
}

struct Checker<'a> {
    root: &'a Value,
    looked_at: Cell<usize>,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, depth: usize) -> Checked {
        self.looked_at.set(self.looked_at.get() + 1);
        if depth > DEEPEST || self.looked_at.get() > MOST {
            return Err(Unfit::Schema("it is too deep or too large".into()));
        }
        let schema = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return Err(unfit(value, "nothing fits")),
            Value::Object(schema) => schema,
            _ => return Err(misread("a schema", schema)),
        };
        if let Some(keyword) = UNKNOWN.iter().find(|keyword| schema.contains_key(**keyword)) {
            return Err(Unfit::Schema(format!("{keyword} is not understood here")));
        }
        general(schema, value)?;
        match value {
            Value::Number(_) => number(schema, value)?,
            Value::String(text) => string(schema, text, value)?,
            Value::Array(items) => self.array(schema, items, value, depth + 1)?,
            Value::Object(fields) => self.object(schema, fields, value, depth + 1)?,
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(schema, value, depth + 1)
    }

    /// Whether it fits; a schema that can't be understood is an error all the same.
    fn fits(&self, schema: &Value, value: &Value, depth: usize) -> Result<bool, Unfit> {
        match self.check(schema, value, depth) {
            Ok(()) => Ok(true),
            Err(Unfit::Value(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fitting(&self, schemas: &[Value], value: &Value, depth: usize) -> Result<usize, Unfit> {
        schemas
            .iter()
            .try_fold(0, |fitting, schema| Ok(fitting + usize::from(self.fits(schema, value, depth)?)))
    }

    fn combined(&self, schema: &Object, value: &Value, depth: usize) -> Checked {
        if let Some(reference) = schema.get("$ref") {
            self.check(self.referred(reference)?, value, depth)?;
        }
        for schema in list(schema, "allOf")? {
            self.check(schema, value, depth)?;
        }
        if schema.contains_key("anyOf") && self.fitting(list(schema, "anyOf")?, value, depth)? == 0 {
            return Err(unfit(value, "it fits none of anyOf"));
        }
        if schema.contains_key("oneOf") && self.fitting(list(schema, "oneOf")?, value, depth)? != 1 {
            return Err(unfit(value, "it doesn't fit exactly one of oneOf"));
        }
        if let Some(not) = schema.get("not")
            && self.fits(not, value, depth)?
        {
            return Err(unfit(value, "it fits what it must not"));
        }
        if let Some(condition) = schema.get("if") {
            let branch = if self.fits(condition, value, depth)? { "then" } else { "else" };
            if let Some(schema) = schema.get(branch) {
                self.check(schema, value, depth)?;
            }
        }
        Ok(())
    }

    fn referred(&self, reference: &Value) -> Result<&Value, Unfit> {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let pointer = pointer.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy());
        let found = pointer.and_then(|pointer| self.root.pointer(&pointer));
        found.ok_or_else(|| misread("$ref", reference))
    }

    fn array(&self, schema: &Object, items: &[Value], value: &Value, depth: usize) -> Checked {
        within(schema, "minItems", "maxItems", items.len(), value)?;
        let first = list(schema, "prefixItems")?;
        for (schema, item) in first.iter().zip(items) {
            self.check(schema, item, depth)?;
        }
        if let Some(schema) = schema.get("items") {
            items.iter().skip(first.len()).try_for_each(|item| self.check(schema, item, depth))?;
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let twice = (1..items.len()).any(|at| items[..at].iter().any(|item| same(item, &items[at])));
            if twice {
                return Err(unfit(value, "an item is there twice"));
            }
        }
        if let Some(contained) = schema.get("contains") {
            let found = items
                .iter()
                .try_fold(0, |found, item| Ok(found + usize::from(self.fits(contained, item, depth)?)))?;
            if found == 0 && !schema.contains_key("minContains") {
                return Err(unfit(value, "no item fits contains"));
            }
            within(schema, "minContains", "maxContains", found, value)?;
        }
        Ok(())
    }

    fn object(&self, schema: &Object, fields: &Object, value: &Value, depth: usize) -> Checked {
        within(schema, "minProperties", "maxProperties", fields.len(), value)?;
        require(fields, list(schema, "required")?, value)?;
        for (name, required) in object(schema, "dependentRequired")? {
            let required = required.as_array().ok_or_else(|| misread("dependentRequired", required))?;
            if fields.contains_key(name) {
                require(fields, required, value)?;
            }
        }
        for (name, schema) in object(schema, "dependentSchemas")? {
            if fields.contains_key(name) {
                self.check(schema, value, depth)?;
            }
        }
        let named = object(schema, "properties")?;
        let patterns = object(schema, "patternProperties")?.iter();
        let patterns = patterns.map(|(text, schema)| Ok((pattern(text)?, schema)));
        let patterns: Vec<(Regex, &Value)> = patterns.collect::<Result<_, Unfit>>()?;
        for (name, field) in fields {
            let own = named.get(name).into_iter();
            let own = own
                .chain(patterns.iter().filter(|(regex, _)| regex.is_match(name)).map(|(_, schema)| *schema));
            let mut own = own.peekable();
            if own.peek().is_none()
                && let Some(schema) = schema.get("additionalProperties")
            {
                self.check(schema, field, depth)?;
            }
            own.try_for_each(|schema| self.check(schema, field, depth))?;
            if let Some(schema) = schema.get("propertyNames") {
                self.check(schema, &Value::from(name.as_str()), depth)?;
            }
        }
        Ok(())
    }
}

fn unfit(value: &Value, reason: &str) -> Unfit {
    const SHOWN: usize = 100;
    let value = value.to_string();
    let shown: String = value.chars().take(SHOWN).collect();
    let more = if shown.len() < value.len() { "..." } else { "" };
    Unfit::Value(format!("{shown}{more}: {reason}"))
}

fn misread(what: &str, found: &Value) -> Unfit {
    Unfit::Schema(format!("{found} is not understood as {what}"))
}

fn list<'a>(schema: &'a Object, key: &str) -> Result<&'a [Value], Unfit> {
    match schema.get(key) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(misread(key, other)),
    }
}

fn object<'a>(schema: &'a Object, key: &str) -> Result<&'a Object, Unfit> {
    static NONE: std::sync::LazyLock<Object> = std::sync::LazyLock::new(Object::new);
    match schema.get(key) {
        None => Ok(&NONE),
        Some(Value::Object(fields)) => Ok(fields),
        Some(other) => Err(misread(key, other)),
    }
}

fn pattern(text: &str) -> Result<Regex, Unfit> {
    Regex::new(text).map_err(|error| Unfit::Schema(format!("the pattern {text} is not understood: {error}")))
}

fn general(schema: &Object, value: &Value) -> Checked {
    match schema.get("type") {
        None => {}
        Some(Value::Array(kinds)) => {
            let fits = kinds.iter().map(|kind| is(kind, value)).collect::<Result<Vec<bool>, Unfit>>()?;
            if !fits.contains(&true) {
                return Err(unfit(value, &format!("it is none of {}", Value::from(kinds.as_slice()))));
            }
        }
        Some(kind) if !is(kind, value)? => return Err(unfit(value, &format!("it is not of type {kind}"))),
        Some(_) => {}
    }
    if schema.contains_key("enum") && !list(schema, "enum")?.iter().any(|allowed| same(allowed, value)) {
        return Err(unfit(value, "it is none of enum"));
    }
    match schema.get("const") {
        Some(only) if !same(only, value) => Err(unfit(value, &format!("it is not {only}"))),
        _ => Ok(()),
    }
}

/// Whether the value is of that type; 1.0 is an integer.
fn is(kind: &Value, value: &Value) -> Result<bool, Unfit> {
    Ok(match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => return Err(misread("a type", kind)),
    })
}

/// Whether two values are equal: numbers by what they mean, objects whatever their order.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn number(schema: &Object, value: &Value) -> Checked {
    type Allows = fn(Ordering) -> bool;
    let bounds: [(&str, Allows); 4] = [
        ("minimum", Ordering::is_ge),
        ("exclusiveMinimum", Ordering::is_gt),
        ("maximum", Ordering::is_le),
        ("exclusiveMaximum", Ordering::is_lt),
    ];
    for (keyword, allows) in bounds {
        let Some(bound) = schema.get(keyword) else { continue };
        let order = compare(value, bound).ok_or_else(|| misread(keyword, bound))?;
        if !allows(order) {
            return Err(unfit(value, &format!("{keyword} is {bound}")));
        }
    }
    let Some(of) = schema.get("multipleOf") else { return Ok(()) };
    let is_multiple = match (integer(value), integer(of)) {
        (Some(value), Some(of)) if of > 0 => value % of == 0,
        _ => match (value.as_f64(), of.as_f64().filter(|of| *of > 0.0)) {
            (Some(value), Some(of)) => (value / of).fract() == 0.0,
            _ => return Err(misread("multipleOf", of)),
        },
    };
    if is_multiple { Ok(()) } else { Err(unfit(value, &format!("it is no multiple of {of}"))) }
}

fn string(schema: &Object, text: &str, value: &Value) -> Checked {
    within(schema, "minLength", "maxLength", text.chars().count(), value)?;
    match schema.get("pattern") {
        None => Ok(()),
        Some(Value::String(regex)) if pattern(regex)?.is_match(text) => Ok(()),
        Some(Value::String(regex)) => Err(unfit(value, &format!("it does not match {regex}"))),
        Some(other) => Err(misread("pattern", other)),
    }
}

fn within(schema: &Object, least: &str, most: &str, number: usize, value: &Value) -> Checked {
    let bound = |keyword: &str| {
        let bound = schema.get(keyword);
        bound.map(|bound| bound.as_f64().ok_or_else(|| misread(keyword, bound))).transpose()
    };
    let number = number as f64;
    if bound(least)?.is_some_and(|bound| number < bound) {
        return Err(unfit(value, &format!("{least} is {}", schema[least])));
    }
    if bound(most)?.is_some_and(|bound| number > bound) {
        return Err(unfit(value, &format!("{most} is {}", schema[most])));
    }
    Ok(())
}

fn require(fields: &Object, names: &[Value], value: &Value) -> Checked {
    for name in names {
        let known = name.as_str().ok_or_else(|| misread("a name", name))?;
        if !fields.contains_key(known) {
            return Err(unfit(value, &format!("{name} is missing")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
