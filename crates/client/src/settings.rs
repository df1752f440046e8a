//! What the environment or `config.yaml` says about the active server.

use std::time::Duration;

use secrecy::SecretString;

/// How long a request may take when nothing else is set (the official client's default).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The settings of the active store, from one source. Every one of them may be missing.
#[derive(Debug, Clone, Default)]
pub struct StoreSettings {
    /// The address, as written.
    pub url: Option<String>,
    /// What to sign in with.
    pub sign_in: SignIn,
    /// How the server's certificate is checked.
    pub tls: Option<TlsCheck>,
    /// How long a request may take.
    pub timeout: Option<Duration>,
}

/// What may be there to sign in with.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// A service account's key.
    pub api_key: Option<SecretString>,
    /// A user's name.
    pub username: Option<String>,
    /// That user's password.
    pub password: Option<SecretString>,
    /// A token from `zendo token` or the API.
    pub api_token: Option<SecretString>,
}

/// How a server's TLS certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TlsCheck {
    /// Against the authorities that browsers trust.
    #[default]
    Public,
    /// Against the authorities in this file, or in this PEM text.
    Ca(String),
    /// Not at all.
    Off,
}

impl TlsCheck {
    /// Reads `verify_ssl`: a truth value in any of the official client's spellings, or else a CA bundle.
    pub fn from_text(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Self::Public,
            "false" | "0" | "no" | "off" | "f" | "n" => Self::Off,
            _ => Self::Ca(text.to_owned()),
        }
    }

    /// What [`TlsCheck::from_text`] reads as this.
    pub fn as_text(&self) -> &str {
        match self {
            Self::Public => "true",
            Self::Ca(bundle) => bundle,
            Self::Off => "false",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_ssl_is_a_truth_value_or_a_bundle() {
        assert_eq!(TlsCheck::from_text("True"), TlsCheck::Public);
        assert_eq!(TlsCheck::from_text("off"), TlsCheck::Off);
        assert_eq!(TlsCheck::from_text("/etc/ca.pem"), TlsCheck::Ca("/etc/ca.pem".to_owned()));
    }
}
