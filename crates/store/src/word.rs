//! Enums of words, and the columns of text that hold them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use sqlx::error::BoxDynError;
use strum::VariantNames;

/// An enum of words. strum derives what it needs: `EnumString`, `IntoStaticStr` and `VariantNames`.
pub trait Words: Copy + FromStr + Into<&'static str> + VariantNames {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

impl<T: Copy + FromStr + Into<&'static str> + VariantNames> Words for T {}

/// A word in a column. Other programs may have written one there that is none of the enum's; answers show it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word<T> {
    Known(T),
    Unknown(String),
}

impl<T: Words> Word<T> {
    fn read(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Unknown(text.to_owned()), Self::Known)
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(word) => word.as_str(),
            Self::Unknown(text) => text,
        }
    }

    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Unknown(_) => None,
        }
    }
}

impl<T: PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(word) if word == other)
    }
}

impl<T: Words> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: Words> fmt::Display for Word<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<T, DB: sqlx::Database> sqlx::Type<DB> for Word<T>
where
    String: sqlx::Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <String as sqlx::Type<DB>>::type_info()
    }

    fn compatible(found: &DB::TypeInfo) -> bool {
        <String as sqlx::Type<DB>>::compatible(found)
    }
}

impl<'r, DB: sqlx::Database, T: Words> sqlx::Decode<'r, DB> for Word<T>
where
    &'r str: sqlx::Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::read(<&'r str as sqlx::Decode<'r, DB>>::decode(value)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
    #[strum(serialize_all = "snake_case")]
    enum Pace {
        VerySlow,
        Fast,
    }

    #[test]
    fn a_word_that_is_none_of_the_enums_is_shown_as_it_is() {
        assert_eq!(Pace::VARIANTS, ["very_slow", "fast"]);
        for (text, known) in [("very_slow", Some(Pace::VerySlow)), ("Fast", None), ("", None)] {
            let word = Word::<Pace>::read(text);
            assert_eq!((word.known(), word.as_str()), (known, text));
            assert_eq!(serde_json::to_value(&word).unwrap(), text);
        }
        assert!(Word::<Pace>::read("fast") == Pace::Fast);
    }
}
