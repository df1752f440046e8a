//! `ZENML_SECRETS_STORE_*`: how secrets are kept.

use serde::Deserialize;

use super::value::{Secret, Setting, optional, setting};

/// Names are those of ZenML 0.98.0's SQL secrets store.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SecretsStoreSettings {
    #[serde(deserialize_with = "setting")]
    pub r#type: SecretsStoreType,
    /// The values of secrets are encrypted with it; unset, they are kept as they are.
    #[serde(deserialize_with = "optional")]
    pub encryption_key: Option<Secret>,
}

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecretsStoreType {
    /// In zendo's database.
    #[default]
    Sql,
}

impl Setting for SecretsStoreType {
    const ACCEPTED: &'static str = "sql: zendo keeps secrets in its database";
    fn read(text: &str) -> Option<Self> {
        (text == "sql").then_some(Self::Sql)
    }
}
