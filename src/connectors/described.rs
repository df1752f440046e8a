//! What clients and forms are told of a type: ZenML's model of it, with a JSON schema for each method's attributes.

use std::collections::HashMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::attributes::{Attribute, AttributeKind};
use super::{AuthMethod, ConnectorType, Expiry, ResourceType, find_listed, listed};

/// A type as connectors show it: described where it is listed, else its word alone.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum TypeAnswer {
    Described(&'static RawValue),
    Word(String),
}

impl TypeAnswer {
    pub(crate) fn of(word: &str) -> Self {
        let described = find_listed(word).and_then(ConnectorType::description);
        described.map_or_else(|| Self::Word(word.to_owned()), Self::Described)
    }
}

static DESCRIPTIONS: LazyLock<HashMap<&'static str, Box<RawValue>>> = LazyLock::new(|| {
    listed().filter_map(|known| Some((known.word, to_raw_value(&TypeModel::of(known)).ok()?))).collect()
});

impl ConnectorType {
    /// ZenML's ServiceConnectorTypeModel of a listed type.
    pub(crate) fn description(&self) -> Option<&'static RawValue> {
        DESCRIPTIONS.get(self.word).map(|described| &**described)
    }
}

#[derive(Serialize)]
struct TypeModel {
    name: &'static str,
    connector_type: &'static str,
    description: &'static str,
    resource_types: Vec<ResourceTypeModel>,
    auth_methods: Vec<AuthMethodModel>,
    supports_auto_configuration: bool,
    logo_url: &'static str,
    emoji: &'static str,
    docs_url: Option<&'static str>,
    sdk_docs_url: Option<&'static str>,
    local: bool,
    remote: bool,
}

#[derive(Serialize)]
struct ResourceTypeModel {
    name: &'static str,
    resource_type: &'static str,
    description: &'static str,
    auth_methods: Vec<&'static str>,
    supports_instances: bool,
    logo_url: &'static str,
    emoji: &'static str,
}

#[derive(Serialize)]
struct AuthMethodModel {
    name: &'static str,
    auth_method: &'static str,
    description: &'static str,
    config_schema: ConfigSchema,
    min_expiration_seconds: Option<i64>,
    max_expiration_seconds: Option<i64>,
    default_expiration_seconds: Option<i64>,
}

/// The order of attributes is that of options and of forms.
#[derive(Serialize)]
struct ConfigSchema {
    #[serde(rename = "$defs", skip_serializing_if = "Map::is_empty")]
    definitions: Map<String, Value>,
    properties: IndexMap<&'static str, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required: Vec<&'static str>,
    title: &'static str,
    r#type: &'static str,
}

impl TypeModel {
    fn of(known: &ConnectorType) -> Self {
        let methods: Vec<&str> = known.methods.iter().map(|method| method.word).collect();
        Self {
            name: known.name,
            connector_type: known.word,
            description: known.description,
            resource_types: known.resource_types.iter().map(|it| ResourceTypeModel::of(it, &methods)).collect(),
            auth_methods: known.methods.iter().map(AuthMethodModel::of).collect(),
            supports_auto_configuration: known.has_auto_configuration,
            logo_url: known.logo_url,
            emoji: known.emoji,
            docs_url: None,
            sdk_docs_url: None,
            local: true,
            remote: false,
        }
    }
}

impl ResourceTypeModel {
    fn of(known: &ResourceType, methods: &[&'static str]) -> Self {
        Self {
            name: known.name,
            resource_type: known.word,
            description: known.description,
            auth_methods: methods.to_vec(),
            supports_instances: known.has_instances,
            logo_url: known.logo_url,
            emoji: known.emoji,
        }
    }
}

impl AuthMethodModel {
    fn of(method: &AuthMethod) -> Self {
        let (least, most, default) = match method.expiry {
            Expiry::AsConfigured => (None, None, None),
            Expiry::Said { default } => (None, None, Some(default)),
            Expiry::Made { least, most, default } => (least, most, Some(default)),
        };
        Self {
            name: method.name,
            auth_method: method.word,
            description: method.description,
            config_schema: ConfigSchema::of(method),
            min_expiration_seconds: least,
            max_expiration_seconds: most,
            default_expiration_seconds: default,
        }
    }
}

impl ConfigSchema {
    fn of(method: &AuthMethod) -> Self {
        let attributes = method.attributes.iter();
        Self {
            definitions: attributes.clone().filter_map(Attribute::definition).collect(),
            properties: attributes.clone().map(|it| (it.name, it.schema())).collect(),
            required: attributes.filter(|it| it.is_required).map(|it| it.name).collect(),
            title: method.name,
            r#type: "object",
        }
    }
}

impl Attribute {
    fn schema(&self) -> Value {
        let kind = match self.kind {
            AttributeKind::Text => json!({"type": "string"}),
            AttributeKind::Secret => json!({"type": "string", "format": "password", "writeOnly": true}),
            AttributeKind::Uuid => json!({"type": "string", "format": "uuid"}),
            AttributeKind::Flag { default } => json!({"type": "boolean", "default": default}),
            AttributeKind::Word { name, default, .. } => {
                json!({"$ref": format!("#/$defs/{name}"), "default": default})
            }
            AttributeKind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            AttributeKind::TextsByName { .. } => {
                json!({"type": "object", "additionalProperties": {"type": "string"}})
            }
        };
        let has_default = matches!(
            self.kind,
            AttributeKind::Flag { .. } | AttributeKind::Word { .. } | AttributeKind::TextsByName { .. }
        );
        let mut schema = match self.is_required || has_default {
            true => kind,
            false => json!({"anyOf": [kind, {"type": "null"}], "default": null}),
        };
        schema["title"] = self.title.into();
        if let Some(description) = self.description {
            schema["description"] = description.into();
        }
        schema
    }

    /// The words of an enum, by its name.
    fn definition(&self) -> Option<(String, Value)> {
        let AttributeKind::Word { name, words, .. } = self.kind else { return None };
        Some((name.to_owned(), json!({"type": "string", "title": name, "enum": words})))
    }
}
