//! Whether a connector is one of its type, and what of its configuration is secret.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::attributes::Read;
use super::{AuthMethod, ConnectorType, Expiry, ResourceType, find};
use crate::http::error::{ApiError, ApiResult};

/// A configuration without its secrets.
pub(crate) type Settings = Map<String, Value>;

/// A configuration as it was sent, with secrets among the rest.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct SentConfiguration(Settings);

impl fmt::Debug for SentConfiguration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SentConfiguration")
    }
}

impl SentConfiguration {
    /// With an attribute that wasn't sent.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

/// A configuration whose secrets are apart.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    pub settings: Settings,
    pub secrets: Vec<(String, SecretString)>,
}

/// What a connector reaches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resources {
    pub types: Vec<String>,
    pub has_instances: bool,
}

impl ConnectorType {
    /// The method of that word.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(crate) fn method(&self, word: &str) -> ApiResult<&'static AuthMethod> {
        self.methods.iter().find(|method| method.word == word).ok_or_else(|| {
            let known: Vec<&str> = self.methods.iter().map(|method| method.word).collect();
            let (kind, known) = (self.word, known.join(", "));
            invalid(&format!("'{kind}' has no authentication method of that name, but {known}"))
        })
    }

    /// The resource type of that word.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(crate) fn resource_type(&self, word: &str) -> ApiResult<&'static ResourceType> {
        self.resource_types.iter().find(|known| known.word == word).ok_or_else(|| {
            let known: Vec<&str> = self.resource_types.iter().map(|known| known.word).collect();
            let (kind, known) = (self.word, known.join(", "));
            invalid(&format!("'{kind}' has no resource type of that name, but {known}"))
        })
    }

    /// What a connector reaches for which these resource types were named: one of them, or all that there are.
    ///
    /// # Errors
    /// 400 when the one isn't of this type.
    pub(crate) fn resources(&self, named: &[String]) -> ApiResult<Resources> {
        if let [one] = named {
            let known = self.resource_type(one)?;
            return Ok(Resources { types: vec![one.clone()], has_instances: known.has_instances });
        }
        let types = self.resource_types.iter().map(|known| known.word.to_owned()).collect();
        Ok(Resources { types, has_instances: false })
    }

    /// Checks the id of a connector that reaches resources of one type.
    ///
    /// # Errors
    /// 400 when it has none of the forms.
    pub(crate) fn check_id(
        &self,
        resources: &Resources,
        settings: &Settings,
        id: Option<&str>,
    ) -> ApiResult<()> {
        let ([one], Some(id)) = (resources.types.as_slice(), id) else { return Ok(()) };
        self.resource_type(one)?.canonical_id(settings, id).map(drop)
    }
}

impl ResourceType {
    /// The one form of a resource's id.
    ///
    /// # Errors
    /// 400 when it has none of the forms.
    pub(crate) fn canonical_id(&self, settings: &Settings, id: &str) -> ApiResult<String> {
        (self.ids.canonical)(settings, id).ok_or_else(|| {
            let (name, forms) = (self.name, self.ids.forms);
            ApiError::value(format!("The resource id is not that of a {name}, which is {forms}."))
        })
    }
}

impl AuthMethod {
    /// Reads a configuration; what this method doesn't know is left out.
    ///
    /// # Errors
    /// 400 for what is missing or isn't what it has to be; nothing that was sent is repeated.
    pub(crate) fn read(&self, SentConfiguration(mut sent): SentConfiguration) -> ApiResult<Configuration> {
        let mut configuration = Configuration::default();
        for attribute in self.attributes {
            let name = attribute.name;
            let wrong = |reason: &str| invalid(&format!("the attribute '{name}' {reason}"));
            let value = sent.remove(name).filter(|value| !value.is_null());
            let read = value.map(|value| attribute.read(value)).transpose();
            match read.map_err(|reason| wrong(&reason))?.flatten() {
                Some(Read::Plain(value)) => drop(configuration.settings.insert(name.to_owned(), value)),
                Some(Read::Secret(secret)) => configuration.secrets.push((name.to_owned(), secret)),
                None if attribute.is_required => return Err(wrong("is missing")),
                None => {}
            }
        }
        Ok(configuration)
    }

    /// Checks when the credentials of a connector end, and how long those are to last that are made of them.
    ///
    /// # Errors
    /// 400 for what this method doesn't do.
    pub(crate) fn check_expiry(&self, ends: bool, seconds: Option<i64>) -> ApiResult<()> {
        let word = self.word;
        let Expiry::Made { least, most, .. } = self.expiry else {
            let needs_end = matches!(self.expiry, Expiry::Said { .. });
            return match seconds {
                _ if needs_end && !ends => {
                    Err(invalid(&format!("'{word}' needs expires_at: its credentials end by themselves")))
                }
                Some(seconds) if !needs_end || seconds < 0 => {
                    Err(invalid(&format!("'{word}' makes no temporary credentials that could expire")))
                }
                _ => Ok(()),
            };
        };
        // As in ZenML none is the default.
        let Some(seconds) = seconds.filter(|seconds| *seconds != 0) else { return Ok(()) };
        let (least, most) = (least.unwrap_or(1), most.unwrap_or(i64::from(i32::MAX)));
        match (least..=most).contains(&seconds) {
            true => Ok(()),
            false => Err(invalid(&format!("credentials of '{word}' last {least} to {most} seconds"))),
        }
    }
}

/// A configuration of a type that isn't known: each text of it may be a secret.
pub(crate) fn read_unknown(SentConfiguration(sent): SentConfiguration) -> Configuration {
    let mut configuration = Configuration::default();
    for (name, value) in sent {
        match value {
            Value::String(text) => configuration.secrets.push((name, text.into())),
            value => drop(configuration.settings.insert(name, value)),
        }
    }
    configuration
}

/// Takes away what is a secret and was kept in the open, as ZenML's server keeps those of types that it doesn't know.
pub(crate) fn withhold(kind: &str, method: &str, settings: &mut Settings) {
    match find(kind) {
        None => settings.retain(|_, value| !value.is_string()),
        Some(known) => {
            // An attribute that is a secret to one method is none to hand out by another.
            let methods = known.methods.iter().filter(|known| known.word == method || method.is_empty());
            for attribute in methods.flat_map(|method| method.attributes).filter(|it| it.is_secret()) {
                settings.remove(attribute.name);
            }
        }
    }
}

fn invalid(reason: &str) -> ApiError {
    ApiError::value(format!("The connector's configuration is not valid: {reason}."))
}
