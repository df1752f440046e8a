//! JSON as pydantic reads it: a flag, a whole number or a number may be spelled as one of the others or as a text.
//! A text is a text, an object is an object and a list is a list. Bodies that are the contract's models
//! (`contract/scalars.rs`) and all others are read by this.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::query::parse_integer;
use crate::config::{Flag, Setting};

/// A deserializer that reads loosely what the wrapped one has, at every depth; also the visitors, seeds and accesses
/// between the two.
pub(crate) struct Lax<T>(pub T);

/// Reads a `T` from JSON that was kept as it was sent.
///
/// # Errors
/// When it is no `T` in any spelling.
pub(crate) fn from_str<'de, T: Deserialize<'de>>(json: &'de str) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(Lax(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

macro_rules! read_as {
    ($reader:expr, $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.deserialize_any($reader(visitor))
        })*
    };
}

macro_rules! read_as_it_is {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Lax(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Lax<D> {
    type Error = D::Error;

    read_as!(AsFlag, deserialize_bool);
    read_as!(AsInteger, deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    read_as!(AsInteger, deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    read_as!(AsNumber, deserialize_f32 deserialize_f64);
    read_as_it_is!(
        deserialize_any deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any deserialize_i128 deserialize_u128
    );

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Lax(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Lax(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(length, Lax(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, length, Lax(visitor))
    }

    // serde would take a list for a struct, its items for the fields in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Lax(visitor))
    }

    // serde would take `{"word": null}` for the word.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(AsWord(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! pass_on {
    ($($method:ident($value:ty))*) => {
        $(fn $method<E: serde::de::Error>(self, value: $value) -> Result<V::Value, E> {
            self.0.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Lax<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    pass_on!(
        visit_bool(bool) visit_i64(i64) visit_i128(i128) visit_u64(u64) visit_u128(u128) visit_f64(f64)
        visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    );

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Lax(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Lax(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Lax(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Lax(fields))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(variant)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Lax<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Lax(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Lax<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Lax(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Lax<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Lax(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// Hands a flag to its visitor, whatever it is spelled as; what is none, as it is, so that the visitor refuses it.
struct AsFlag<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for AsFlag<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    pass_on!(visit_bool(bool));

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<V::Value, E> {
        self.0.visit_i64(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<V::Value, E> {
        match value {
            0 | 1 => self.0.visit_bool(value == 1),
            _ => self.0.visit_u64(value),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<V::Value, E> {
        match value {
            0.0 | 1.0 => self.0.visit_bool(value == 1.0),
            _ => self.0.visit_f64(value),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<V::Value, E> {
        match Flag::read(text) {
            Some(Flag(flag)) => self.0.visit_bool(flag),
            None => self.0.visit_str(text),
        }
    }
}

/// As [`AsFlag`], for whole numbers.
struct AsInteger<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for AsInteger<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    pass_on!(visit_i64(i64) visit_u64(u64));

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<V::Value, E> {
        self.0.visit_u64(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<V::Value, E> {
        // Beyond it a float names no single whole number.
        const MOST: f64 = (1_u64 << 53) as f64;
        match value.fract() == 0.0 && value.abs() <= MOST {
            true => self.0.visit_i64(value as i64),
            false => self.0.visit_f64(value),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<V::Value, E> {
        match parse_integer(text) {
            Ok(number) => self.0.visit_i64(number),
            Err(_) => self.0.visit_str(text),
        }
    }
}

/// As [`AsFlag`], for numbers.
struct AsNumber<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for AsNumber<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    pass_on!(visit_i64(i64) visit_u64(u64) visit_f64(f64));

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<V::Value, E> {
        self.0.visit_f64(f64::from(u8::from(value)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<V::Value, E> {
        match parse_number(text) {
            Some(number) => self.0.visit_f64(number),
            None => self.0.visit_str(text),
        }
    }
}

/// Hands a text to the visitor of an enum of words.
struct AsWord<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for AsWord<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_enum(StrDeserializer::new(text))
    }
}

/// A number, which JSON can hold: no infinity, and not what is no number. An underscore may stand between two digits.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let are_between = !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    let number = are_between.then(|| text.replace('_', ""))?.parse().ok();
    number.filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(json: &str) -> Option<T> {
        from_str(json).ok()
    }

    /// What pydantic makes of the same.
    #[test]
    fn flags_and_numbers_are_read_in_every_spelling_of_the_reference() {
        for json in ["true", "1", "1.0", r#""1""#, r#""TRUE""#, r#""t""#, r#""yes""#, r#""Y""#, r#""on""#] {
            assert_eq!(read::<bool>(json), Some(true), "{json}");
        }
        for json in ["false", "0", "0.0", "-0.0", r#""0""#, r#""False""#, r#""no""#, r#""off""#, r#""n""#] {
            assert_eq!(read::<bool>(json), Some(false), "{json}");
        }
        for json in ["2", "-1", "0.5", r#""""#, r#"" true""#, r#""2""#, r#""maybe""#, "null", "[]", "{}"] {
            assert_eq!(read::<bool>(json), None, "{json}");
        }
        for json in ["12", "12.0", "1.2e1", r#""12""#, r#""12.0""#, r#"" +1_2 ""#] {
            assert_eq!(read::<i32>(json), Some(12), "{json}");
            assert_eq!(read::<u64>(json), Some(12), "{json}");
            assert_eq!(read::<f64>(json), Some(12.0), "{json}");
        }
        assert_eq!((read::<i64>("true"), read::<f64>("false")), (Some(1), Some(0.0)));
        for json in ["1.5", "1e20", "1e300", r#""1.5""#, r#""""#, r#""x""#, r#""1e3""#, "null", "[1]", "{}"] {
            assert_eq!(read::<i64>(json), None, "{json}");
        }
        assert_eq!((read::<u8>("256"), read::<u8>(r#""-1""#), read::<u8>("-1.0")), (None, None, None));
        for json in [r#""1000""#, r#"" 1_000.0""#, r#""1e3""#, r#""1000.""#, "1000"] {
            assert_eq!(read::<f64>(json), Some(1000.0), "{json}");
        }
        for json in [r#""nan""#, r#""inf""#, r#""1e400""#, r#""1__0""#, r#""x""#, "null"] {
            assert_eq!(read::<f64>(json), None, "{json}");
        }
        for json in ["1", "true", "1.5", "null", "[]"] {
            assert_eq!(read::<String>(json), None, "{json}");
        }
    }

    #[test]
    fn what_is_inside_of_others_is_read_as_loosely() {
        #[derive(Debug, Deserialize)]
        struct Outer {
            inner: Option<Vec<Inner>>,
            by_name: BTreeMap<String, i64>,
            kept: Box<RawValue>,
        }
        #[derive(Debug, Deserialize)]
        struct Inner {
            flag: Option<bool>,
            word: Word,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        enum Word {
            Yes,
        }
        let outer: Outer = from_str(
            r#"{"inner": [{"flag": "off", "word": "Yes"}, {"flag": null, "word": "Yes"}],
                "by_name": {"a": "1"}, "kept": {"a": "1",  "b": 2.0}}"#,
        )
        .unwrap();
        let inner = outer.inner.unwrap();
        assert_eq!((inner[0].flag, inner[1].flag, &inner[1].word), (Some(false), None, &Word::Yes));
        assert_eq!((outer.by_name["a"], outer.kept.get()), (1, r#"{"a": "1",  "b": 2.0}"#));
        for json in [r#"[true, "Yes"]"#, r#"{"word": {"Yes": null}}"#, r#"{"word": "yes"}"#, r#"{"word": 1}"#]
        {
            assert!(read::<Inner>(json).is_none(), "{json}");
        }
    }
}
