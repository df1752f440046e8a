//! `ZENML_DEFAULT_*`: what the first start leaves in an empty store.

use serde::Deserialize;

use super::value::{Secret, Text, optional, setting};
use super::{ConfigError, password};

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct BootstrapSettings {
    /// Name of the first admin.
    #[serde(deserialize_with = "setting")]
    pub user_name: Text,
    /// Password of the first admin; unset, a random one is made and printed once.
    #[serde(deserialize_with = "optional")]
    pub user_password: Option<Secret>,
    #[serde(deserialize_with = "setting")]
    pub project_name: Text,
}

impl Default for BootstrapSettings {
    fn default() -> Self {
        Self {
            user_name: Text("default".to_owned()),
            user_password: None,
            project_name: Text("default".to_owned()),
        }
    }
}

impl BootstrapSettings {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(Secret(password)) = &self.user_password {
            password::check_new(password)
                .map_err(|problem| ConfigError::new("ZENML_DEFAULT_USER_PASSWORD", problem.to_string()))?;
        }
        Ok(())
    }
}
