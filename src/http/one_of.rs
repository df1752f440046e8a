//! The filters `oneof:` and `notoneof:`: a JSON list as Python reads it, in which `NaN` and `Infinity` are numbers too.

use sea_query::{Expr, ExprTrait, SimpleExpr};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::ApiError;
use super::filter::Filter;

/// One of the values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// What is equal to nothing is nothing.
    Null,
    /// Equal to nothing, and different from nothing.
    NotANumber,
    Flag(bool),
    Number(String),
    Text(String),
}

impl Item {
    /// As Python writes it.
    pub(super) fn in_python(&self) -> String {
        match self {
            Self::Null => "None".to_owned(),
            Self::NotANumber => "nan".to_owned(),
            Self::Flag(true) => "True".to_owned(),
            Self::Flag(false) => "False".to_owned(),
            Self::Number(text) | Self::Text(text) => text.clone(),
        }
    }

    /// As a database compares it: numbers as they are stored in a text, and flags as numbers.
    pub(super) fn stored(&self) -> Option<String> {
        match self {
            Self::Null | Self::NotANumber => None,
            Self::Flag(flag) => Some(u8::from(*flag).to_string()),
            Self::Number(text) | Self::Text(text) => Some(text.clone()),
        }
    }
}

impl Filter<'_> {
    /// The values of the list.
    ///
    /// # Errors
    /// 422 when it is no list, or one of lists or objects.
    pub(super) fn items(&self) -> Result<Vec<Item>, ApiError> {
        items(self.value).ok_or_else(|| {
            ApiError::unprocessable(
                "The 'oneof:' and 'notoneof:' filters take a JSON list of texts or numbers, such as oneof:[\"a\",1].",
            )
        })
    }
}

/// Whether the column is one of the items, whose values are these.
pub(super) fn is_one_of<V: Into<SimpleExpr>>(
    column: SimpleExpr,
    items: &[Item],
    values: impl IntoIterator<Item = V>,
) -> SimpleExpr {
    let found = column.clone().is_in(values);
    if items.contains(&Item::Null) { found.or(column.is_null()) } else { found }
}

/// Whether the column is something else than each of the items, whose values are these.
pub(super) fn is_none_of<V: Into<SimpleExpr>>(
    column: SimpleExpr,
    items: &[Item],
    values: impl IntoIterator<Item = V>,
) -> SimpleExpr {
    if items.contains(&Item::NotANumber) {
        return Expr::val(false);
    }
    let differs = column.clone().is_not_in(values);
    if items.contains(&Item::Null) { differs.and(column.is_not_null()) } else { differs }
}

const NO_JSON: [(&str, &str); 3] = [("NaN", "nan"), ("Infinity", "Inf"), ("-Infinity", "-Inf")];

fn items(json: &str) -> Option<Vec<Item>> {
    let mut rest = after_space(json).strip_prefix('[')?;
    let mut items = Vec::new();
    if let Some(end) = after_space(rest).strip_prefix(']') {
        return after_space(end).is_empty().then_some(items);
    }
    loop {
        let (item, behind) = first(after_space(rest))?;
        items.push(item);
        let behind = after_space(behind);
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None => return after_space(behind.strip_prefix(']')?).is_empty().then_some(items),
        }
    }
}

/// The first value, and what is behind it.
fn first(json: &str) -> Option<(Item, &str)> {
    for (name, stored) in NO_JSON {
        if let Some(behind) = json.strip_prefix(name) {
            let number = Item::Number(stored.to_owned());
            return Some((if name == "NaN" { Item::NotANumber } else { number }, behind));
        }
    }
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<&RawValue>();
    let value = values.next()?.ok()?.get();
    let item = match serde_json::from_str(value) {
        Ok(Value::Null) => Item::Null,
        Ok(Value::Bool(flag)) => Item::Flag(flag),
        Ok(Value::Number(number)) => Item::Number(number.to_string()),
        Ok(Value::String(text)) => Item::Text(text),
        // Too large a number is endless.
        Err(_) if value.starts_with('-') => Item::Number("-Inf".to_owned()),
        Err(_) if value.starts_with(|first: char| first.is_ascii_digit()) => Item::Number("Inf".to_owned()),
        Ok(Value::Array(_) | Value::Object(_)) | Err(_) => return None,
    };
    Some((item, &json[values.byte_offset()..]))
}

/// Without the white space of JSON.
fn after_space(json: &str) -> &str {
    json.trim_start_matches([' ', '\t', '\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_python_reads_it() {
        let number = |text: &str| Item::Number(text.to_owned());
        let text = |text: &str| Item::Text(text.to_owned());
        for (json, expected) in [
            ("[]", vec![]),
            (" [ ] ", vec![]),
            ("[NaN,Infinity , -Infinity]", vec![Item::NotANumber, number("Inf"), number("-Inf")]),
            ("[1e400, -1e400]", vec![number("Inf"), number("-Inf")]),
            ("[null, true,false]", vec![Item::Null, Item::Flag(true), Item::Flag(false)]),
            ("[\n1,\t7.0, 1.5e0 ,-2]\r", vec![number("1"), number("7.0"), number("1.5"), number("-2")]),
            (r#"["a\u0031,]", "NaN"]"#, vec![text("a1,]"), text("NaN")]),
        ] {
            assert_eq!(items(json), Some(expected), "{json}");
        }
        for json in
            ["", "[", "[1", "[1,]", "[,1]", "[1 2]", "[nan]", "[-NaN]", "[NaNa]", "[+1]", "[None]", "[[1]]"]
        {
            assert_eq!(items(json), None, "{json}");
        }
        for json in
            ["[{}]", "{}", "1", "NaN", "[1]]", r#"["\ud800"]"#, "[1] x", "[\"a]", "\u{a0}[1]", "[truefalse]"]
        {
            assert_eq!(items(json), None, "{json}");
        }
    }
}
