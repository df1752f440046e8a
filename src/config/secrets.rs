//! `ZENML_SECRETS_STORE_*`: how secrets are kept.

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretsStoreType {
    /// In zendo's database.
    #[default]
    Sql,
    /// Nowhere: none can be made or read.
    None,
}

impl Setting for SecretsStoreType {
    const ACCEPTED: &'static str = "sql (zendo keeps secrets in its database) or none (it keeps none)";
    fn read(text: &str) -> Option<Self> {
        match text {
            "sql" => Some(Self::Sql),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}
