//! The kinds of value a setting can have, each with an error that says what is accepted.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A value that is read from an environment variable's text.
pub trait Setting: Sized {
    /// What is accepted, for the error's text.
    const ACCEPTED: &'static str;
    /// Reads the text, `None` when it is invalid.
    fn read(text: &str) -> Option<Self>;
    /// Whether the refused text may be repeated in the error.
    const SECRET: bool = false;
    /// What is wrong with a refused text, where that can be said more nearly than by what is accepted.
    fn problem(_text: &str) -> Option<String> {
        None
    }
}

/// For `#[serde(deserialize_with = "setting")]`. A variable that is set to nothing doesn't come here.
pub(super) fn setting<'de, D: Deserializer<'de>, T: Setting>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    // A space may be part of a secret; elsewhere it is a mistake.
    let meant = if T::SECRET { text.as_str() } else { text.trim() };
    T::read(meant).ok_or_else(|| {
        if let Some(problem) = T::problem(meant) {
            return de::Error::custom(problem);
        }
        let shown = if T::SECRET { "the value".to_owned() } else { format!("{text:?}") };
        de::Error::custom(format_args!("{shown} is not accepted; give {}", T::ACCEPTED))
    })
}

/// For optional settings.
pub(super) fn optional<'de, D: Deserializer<'de>, T: Setting>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    setting(deserializer).map(Some)
}

/// A whole number of at least `MIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct AtLeast<const MIN: u32>(pub u32);

impl Setting for AtLeast<1> {
    const ACCEPTED: &'static str = "a whole number of at least 1 and at most 4294967295";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| *number >= 1).map(Self)
    }
}

impl Setting for AtLeast<0> {
    const ACCEPTED: &'static str = "a whole number of at least 0 and at most 4294967295";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// A length of time in seconds, more than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl Setting for Seconds {
    const ACCEPTED: &'static str = "a number of seconds above 0, such as 1 or 0.5";
    fn read(text: &str) -> Option<Self> {
        let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0)?;
        Duration::try_from_secs_f64(seconds).ok().map(Self)
    }
}

/// A yes or a no, in the spellings that pydantic takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flag(pub bool);

impl Setting for Flag {
    const ACCEPTED: &'static str = "true, false, 1, 0, yes, no, on or off";
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" | "y" | "on" => Some(Self(true)),
            "false" | "f" | "0" | "no" | "n" | "off" => Some(Self(false)),
            _ => None,
        }
    }
}

/// What a secure header is set to: nothing, its default, or the operator's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSetting {
    Off,
    Default,
    Value(http::HeaderValue),
}

impl Setting for HeaderSetting {
    const ACCEPTED: &'static str = "true (the default text), false (no header) or the header's text";
    fn read(text: &str) -> Option<Self> {
        match Flag::read(text) {
            Some(Flag(true)) => Some(Self::Default),
            Some(Flag(false)) => Some(Self::Off),
            None if text.is_empty() => Some(Self::Default),
            None => http::HeaderValue::from_str(text).ok().map(Self::Value),
        }
    }
}

impl HeaderSetting {
    /// The header's value: none, `default` or the operator's.
    pub fn value(&self, default: &str) -> Option<http::HeaderValue> {
        match self {
            Self::Off => None,
            Self::Default => http::HeaderValue::from_str(default).ok(),
            Self::Value(value) => Some(value.clone()),
        }
    }
}

/// A text without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl Setting for Text {
    const ACCEPTED: &'static str = "a text of at least 1 character, without control characters";
    fn read(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }
}

/// An absolute http or https URL, kept without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(pub String);

impl Setting for HttpUrl {
    const ACCEPTED: &'static str = "a URL that starts with http:// or https://";
    fn read(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        is_http.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

/// A secret text, equal only to itself and never printed.
#[derive(Clone)]
pub struct Secret(pub secrecy::SecretString);

impl Setting for Secret {
    const ACCEPTED: &'static str = "at least 1 character";
    const SECRET: bool = true;
    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned().into()))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl Setting for uuid::Uuid {
    const ACCEPTED: &'static str = "a UUID";
    fn read(text: &str) -> Option<Self> {
        Self::try_parse(text).ok()
    }
}

impl Setting for std::path::PathBuf {
    const ACCEPTED: &'static str = "the path of a folder";
    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }
}
