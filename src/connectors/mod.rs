//! Types of service connectors, as data: what a connector of a type reaches, how it signs in there, and which
//! attributes that takes. A type is one file; what a client or a form has to know of it is made of the same data.
//!
//! A type is listed exactly if this server verifies connectors of it and serves them: a client asks nobody else then.
//! Of the others the attributes are known all the same, so that no secret of theirs is kept in the open.

mod attributes;
mod aws;
mod azure;
mod check;
mod described;
mod docker;
mod gcp;
mod hyperai;
mod ids;
mod kubernetes;
mod oauth2;

pub(crate) use attributes::Attribute;
pub(crate) use check::{Configuration, Resources, SentConfiguration, Settings, read_unknown, withhold};
pub(crate) use described::TypeAnswer;

/// All types: those that are listed first, in their order.
const TYPES: [&ConnectorType; 7] = [
    &docker::TYPE,
    &kubernetes::TYPE,
    &oauth2::TYPE,
    &aws::TYPE,
    &gcp::TYPE,
    &azure::TYPE,
    &hyperai::TYPE,
];

/// The type of that word, if it is known.
pub(crate) fn find(word: &str) -> Option<&'static ConnectorType> {
    TYPES.into_iter().find(|known| known.word == word)
}

/// The types that this server verifies and serves.
pub(crate) fn listed() -> impl Iterator<Item = &'static ConnectorType> {
    TYPES.into_iter().filter(|known| known.is_listed)
}

/// The type of that word, if this server verifies and serves it.
pub(crate) fn find_listed(word: &str) -> Option<&'static ConnectorType> {
    listed().find(|known| known.word == word)
}

/// A type of connector.
#[derive(Debug)]
pub(crate) struct ConnectorType {
    /// As connectors name it.
    pub word: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub resource_types: &'static [ResourceType],
    pub methods: &'static [AuthMethod],
    /// Whether a client can find the configuration on the user's machine.
    pub has_auto_configuration: bool,
    pub logo_url: &'static str,
    pub emoji: &'static str,
    pub is_listed: bool,
}

/// What connectors reach. Every method of a type reaches all of its resource types.
#[derive(Debug)]
pub(crate) struct ResourceType {
    pub word: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    /// Whether one connector reaches several.
    pub has_instances: bool,
    pub logo_url: &'static str,
    pub emoji: &'static str,
    pub ids: ResourceIds,
}

/// How resources of a type are named.
#[derive(Debug)]
pub(crate) struct ResourceIds {
    /// The forms that an id may have, for people.
    pub forms: &'static str,
    /// The one form of an id; none for what is none.
    pub canonical: fn(&Settings, &str) -> Option<String>,
    /// The id of the only resource, where the configuration tells it.
    pub default: fn(&Settings) -> Option<String>,
}

impl ResourceIds {
    /// Any text, and nothing that tells a default.
    pub(crate) const ANY: Self =
        Self { forms: "any text", canonical: |_, id| Some(id.to_owned()), default: |_| None };
}

/// How a connector signs in.
#[derive(Debug)]
pub(crate) struct AuthMethod {
    pub word: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub attributes: &'static [Attribute],
    pub expiry: Expiry,
}

/// How long credentials last.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expiry {
    /// As long as what is configured: none are made.
    AsConfigured,
    /// As long as what is configured, which ends: a connector has to say when.
    Said { default: i64 },
    /// Temporary ones are made, for so many seconds.
    Made { least: Option<i64>, most: Option<i64>, default: i64 },
}

