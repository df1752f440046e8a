//! Whether a JSON value fits a JSON Schema (draft 2020-12, <https://json-schema.org/draft/2020-12>). Both come from
//! callers, so a check has a budget: references make few words mean very many, and patterns long work.
//!
//! The crate that checks knows no budget. So each schema within the schema gets a keyword more, `BUDGET`, which pays for
//! its part of the work and ends all of it by unwinding the thread when nothing is left. It stands last in `allOf`:
//! before `$ref`, without which no schema is met twice for the same value.
//!
//! Patterns are matched in linear time, without look-around; references lead to places within the schema by `#/` and a
//! path, and nothing is fetched. As by default in Python, a `format` asserts nothing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jsonschema::{Draft, Keyword, PatternOptions, ValidationError};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::http::error::ApiError;

/// Bytes of a schema and of a value as text: what their columns hold.
pub(crate) const LARGEST: usize = 65_535;
/// What a check may cost, in about a tenth of a microsecond.
const BUDGET_OF_CHECK: u64 = 1_000_000;
/// What a byte costs that a pattern is matched with: the largest pattern looks at it some thousand times.
const COST_OF_PATTERN: u64 = 2;
/// Bytes of a compiled pattern.
const PATTERN_SIZE: usize = 64 << 10;
/// Bytes of the thread's stack, and of those that nested schemas may use.
const STACK: usize = 16 << 20;
const DEEPEST: usize = 8 << 20;
/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// Checks at once: they have cores of their own only if there are any.
const CHECKS: usize = 2;
const BUDGET: &str = "zendo-budget";

/// Why a value is refused.
#[derive(Debug, PartialEq)]
pub enum Unfit {
    /// The schema can't be understood, or the check takes more than it may.
    Schema(String),
    /// The value doesn't fit it.
    Value(String),
}

/// Checks on threads of their own, few at a time.
#[derive(Debug)]
pub struct SchemaChecks(Arc<Semaphore>);

impl Default for SchemaChecks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CHECKS)))
    }
}

impl SchemaChecks {
    /// Whether the value fits the schema.
    ///
    /// # Errors
    /// 429 when there is no room for it now.
    pub async fn check(&self, schema: Value, value: Value) -> Result<Result<(), Unfit>, ApiError> {
        let permits = Arc::clone(&self.0);
        let checked = async move {
            let permit = permits.acquire_owned().await.map_err(|_| ApiError::internal())?;
            let check = tokio::task::spawn_blocking(move || {
                let checked = check(&schema, &value);
                // Until it is really over, another one has to wait.
                drop(permit);
                checked
            });
            check.await.map_err(|error| {
                tracing::error!(%error, "a value could not be checked");
                ApiError::internal()
            })
        };
        tokio::time::timeout(PATIENCE, checked).await.unwrap_or_else(|_| Err(ApiError::busy()))
    }
}

/// Whether the value fits the schema; it takes its time, and a thread.
///
/// # Errors
/// Why it doesn't.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), Unfit> {
    let schema = prepared(schema)?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let checking = thread.spawn_scoped(scope, || check_here(&schema, value));
        match checking.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(checked)) => checked,
            Ok(Err(panic)) if panic.is::<Overdrawn>() => {
                Err(Unfit::Schema("it is too deep or too large".into()))
            }
            Ok(Err(_)) | Err(_) => Err(Unfit::Schema("it can't be checked".into())),
        }
    })
}

fn check_here(schema: &Value, value: &Value) -> Result<(), Unfit> {
    let account = Arc::new(Account { left: AtomicU64::new(BUDGET_OF_CHECK), bottom: stack_address() });
    let of_schema = |error: ValidationError<'_>| Unfit::Schema(shortened(&error.to_string()));
    let validator = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE))
        .should_validate_formats(false)
        .offline()
        .with_keyword(BUDGET, move |_, price, _| {
            let (nodes, patterns) = (price[0].as_u64().unwrap_or(1), price[1].as_u64().unwrap_or(0));
            Ok(Box::new(Toll { account: Arc::clone(&account), nodes, patterns }))
        })
        .build(schema)
        .map_err(of_schema)?;
    validator.validate(value).map_err(|error| Unfit::Value(shortened(&error.to_string())))
}

/// What is left for a check.
struct Account {
    left: AtomicU64,
    /// About where the thread's stack begins.
    bottom: usize,
}

/// What a schema pays each time that a value is checked with it.
struct Toll {
    account: Arc<Account>,
    nodes: u64,
    patterns: u64,
}

/// There is nothing left.
struct Overdrawn;

impl Toll {
    fn pay(&self, value: &Value) {
        let (size, names) = match value {
            Value::String(text) => (text.len(), text.len()),
            Value::Array(items) => (items.len(), 0),
            Value::Object(fields) => (fields.len(), fields.keys().map(String::len).sum()),
            _ => (1, 0),
        };
        let price = self.nodes + size as u64 / 16 + self.patterns * names as u64 * COST_OF_PATTERN;
        let account = &self.account;
        let is_paid =
            account.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(price));
        if is_paid.is_err() || account.bottom.abs_diff(stack_address()) > DEEPEST {
            resume_unwind(Box::new(Overdrawn));
        }
    }
}

impl<'i> Keyword<'i> for Toll {
    fn validate(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        self.pay(value);
        Ok(())
    }

    fn is_valid(&self, value: &Value) -> bool {
        self.pay(value);
        true
    }
}

fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// The schema with a toll in each schema of it.
fn prepared(schema: &Value) -> Result<Value, Unfit> {
    let mut places = HashSet::new();
    let mut references = Vec::new();
    let mut with_tolls = schema.clone();
    walk(schema, true, &mut places, &mut references)?;
    for reference in references {
        // Elsewhere there are no tolls.
        let is_known =
            referred(schema, reference).is_some_and(|found| places.contains(&std::ptr::from_ref(found)));
        if !is_known {
            return Err(misread("$ref", reference));
        }
    }
    add_tolls(&mut with_tolls);
    Ok(with_tolls)
}

const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const BY_NAME: [&str; 6] =
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];
/// What leads to other places than a path.
const REFUSED: [&str; 4] = ["$dynamicRef", "$recursiveRef", "$vocabulary", BUDGET];

/// All schemas within this one, itself too, and where their references lead.
fn walk<'a>(
    schema: &'a Value,
    is_root: bool,
    places: &mut HashSet<*const Value>,
    references: &mut Vec<&'a Value>,
) -> Result<(), Unfit> {
    places.insert(std::ptr::from_ref(schema));
    let Value::Object(fields) = schema else { return Ok(()) };
    let refused = REFUSED.iter().find(|keyword| fields.contains_key(**keyword));
    if let Some(keyword) = refused.or((!is_root && fields.contains_key("$id")).then_some(&"$id")) {
        return Err(Unfit::Schema(format!("{keyword} is not understood here")));
    }
    references.extend(fields.get("$ref"));
    children(fields).into_iter().try_for_each(|child| walk(child, false, places, references))
}

fn children(fields: &Map<String, Value>) -> Vec<&Value> {
    let one = ONE.iter().filter_map(|key| fields.get(*key));
    let listed = LISTS.iter().filter_map(|key| fields.get(*key)?.as_array()).flatten();
    let named = BY_NAME.iter().filter_map(|key| fields.get(*key)?.as_object()).flat_map(Map::values);
    one.chain(listed).chain(named).collect()
}

fn add_tolls(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    // Of the root: the draft is always the same.
    fields.remove("$schema");
    fields.remove("discriminator");
    let patterns = usize::from(fields.contains_key("pattern"))
        + fields.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
    let toll = json!({BUDGET: [price(fields), patterns]});
    for key in ONE {
        fields.get_mut(key).into_iter().for_each(add_tolls);
    }
    for key in LISTS {
        fields.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(add_tolls);
    }
    for key in BY_NAME {
        let named = fields.get_mut(key).and_then(Value::as_object_mut);
        named.into_iter().flat_map(Map::values_mut).for_each(add_tolls);
    }
    // What is no list there is refused by the crate.
    if let Value::Array(all) = fields.entry("allOf").or_insert_with(|| json!([])) {
        all.push(toll);
    }
}

/// What a schema costs beside the schemas within it: its words, and all that it lists.
fn price(fields: &Map<String, Value>) -> usize {
    fn size(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
            Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
            _ => 1,
        }
    }
    let of = |(key, value): (&String, &Value)| match value {
        Value::Array(items) if LISTS.contains(&key.as_str()) => items.len(),
        Value::Object(fields) if BY_NAME.contains(&key.as_str()) => fields.len(),
        _ if ONE.contains(&key.as_str()) => 1,
        other => size(other),
    };
    1 + fields.iter().map(of).sum::<usize>()
}

fn referred<'a>(root: &'a Value, reference: &Value) -> Option<&'a Value> {
    let pointer = reference.as_str()?.strip_prefix('#')?;
    let pointer: Cow<'_, str> = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&pointer)
}

fn misread(what: &str, found: &Value) -> Unfit {
    Unfit::Schema(shortened(&format!("{found} is not understood as {what}")))
}

/// A reason that holds a value may be as long as that.
fn shortened(reason: &str) -> String {
    const SHOWN: usize = 300;
    let shown: String = reason.chars().take(SHOWN).collect();
    if shown.len() < reason.len() { shown + "..." } else { shown }
}

#[cfg(test)]
mod tests;
