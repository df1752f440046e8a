//! What is wanted otherwise of service connectors.

use super::{Wanted, wanted};

pub const OWN_TYPE: Wanted = wanted(
    &["body*.description: * | *", "body*.name: * | *", "body*.title: * | *"],
    "what a type is and what an attribute is for is said in zendo's own words",
);
pub const OWN_DESCRIPTION: Wanted = wanted(
    &["body*.connector_type*: * | *"],
    "a type within a connector is described in zendo's own words, too",
);
pub const CONNECTOR_TYPES: Wanted = wanted(
    &["length of body: 2 | 3"],
    "zendo verifies and serves Kubernetes connectors, for which the reference lacks a library",
);
pub const SERVED_TYPE: Wanted =
    wanted(&["status: 404 | 200"], "zendo serves Kubernetes connectors, and what is served is listed");
pub const CONNECTOR_CHECKED: Wanted = wanted(
    &["status: 200 | 400"],
    "what only breaks later is refused when it is sent: types of attributes, forms of ids, seconds that credentials \
     can't last, attributes of types that aren't listed",
);
pub const TYPE_ALONE: Wanted = wanted(
    &["status: 200 | 400"],
    "FAULT: a connector of another type would be broken without a configuration of its own",
);
pub const CONNECTORS_SORTED: Wanted = wanted(
    &["body.items[*: * | *", "length of body.items[*: * | *"],
    "FAULT: a list is sorted as it was asked; the reference only checks that",
);
pub const LABELS_ARE_AN_OBJECT: Wanted = wanted(
    &["status: 500 | 422"],
    "FAULT: labels that are neither an object nor names are the caller's mistake",
);
pub const OWN_REASON: Wanted = wanted(
    &["body.error: * | *", "body.resources[0].error: * | *"],
    "FAULT: why a connector doesn't reach something is in zendo's own words, without the far side's",
);
pub const CREDENTIAL_THAT_WAS_MEANT: Wanted = wanted(
    &["status: 400 | 200"],
    "FAULT: the reference forgets the name and the id of the connector that it means to hand out",
);
pub const RESOURCES_WITH_SECRETS: Wanted = wanted(
    &["length of body: 0 | 1"],
    "FAULT: the reference leaves the secrets out when it loads the connectors that it asks",
);
pub const IN_THE_OPEN: Wanted = wanted(
    &["body.metadata.configuration.*: * | (absent)"],
    "FAULT: secrets of types that the reference can't serve lie in the open, and are shown to whoever doesn't ask for them",
);
const KEPT_ONLY: &[&str] =
    &["text of NotImplementedError: * | This server verifies and serves no service connectors of the type *"];
pub const AWS_IS_KEPT: Wanted = wanted(
    KEPT_ONLY,
    "FAULT: with AWS's libraries the reference hands out a secret key as it is, and temporary credentials without their \
     region; zendo calls nobody and hands out nothing, as a reference without them",
);
pub const GCP_IS_KEPT: Wanted = wanted(
    KEPT_ONLY,
    "FAULT: with Google's libraries the reference calls whatever address an account's JSON names as its token_uri; zendo \
     calls nobody and hands out nothing, as a reference without them",
);
pub const AZURE_IS_KEPT: Wanted = wanted(
    KEPT_ONLY,
    "FAULT: with Azure's libraries the reference hands out the application's secret, as a registry's password too, and the \
     certificate of a cluster's admin; zendo calls nobody and hands out nothing, as a reference without them",
);
pub const HYPERAI_IS_KEPT: Wanted =
    wanted(KEPT_ONLY, "what isn't served is told in zendo's own words, and nothing of it is handed out");
pub const UNKNOWN_IS_KEPT: Wanted =
    wanted(KEPT_ONLY, "a type that nobody knows is kept as those that aren't served");
pub const ONE_FOR_EACH_TYPE: Wanted = wanted(
    &["length of body[0].resources: * | 1"],
    "FAULT: of a type that isn't listed the reference has an entry for each letter of the resource type",
);
pub const ENDS_UNSAID: Wanted = wanted(
    &["status: 200 | 400"],
    "FAULT: a token that ends by itself says when; with Azure's libraries the reference fails with 500",
);
pub const KUBERNETES_IS_ASKED: Wanted = wanted(
    &["status: 501 | 200"],
    "FAULT: with its library the reference asks a cluster for its version, which is public, sends no password, minds no \
     `insecure`, and fails where no resource type is named and none is to be listed; zendo asks who it is",
);
pub const KUBERNETES_IS_HANDED_OUT: Wanted = wanted(
    &["status: 501 | 401"],
    "a cluster that refuses a connector, or may not be called, is 401, as other far sides",
);
pub const CALLED_WITHIN: Wanted = wanted(
    &[
        "body.error: *401 Client Error* | *may not call",
        "body.resources[0].error: *401 Client Error* | *may not call",
    ],
    "FAULT: a token_url may lead to inner addresses, and what is said there is handed on",
);
pub const PIECES_OF_SECRETS: Wanted = wanted(
    &["text of ValueError: *open-sesame* | *is a secret, and has to be a text*"],
    "FAULT: a refusal repeats what was sent, of long ones the beginning and the end, secrets among it",
);
pub const METHOD_ALONE: Wanted = wanted(
    &["status: 200 | 400"],
    "FAULT: a connector of another method would be broken without a configuration of its own",
);
pub const WHOLE_TYPE: Wanted =
    wanted(&["status: 500 | 200"], "FAULT: a type may be named by the whole of it in a change, too");
pub const ZONE_COUNTS: Wanted = wanted(
    &["body.body.expires_at: 2090-01-01T01:00:00 | 2089-12-31T23:00:00"],
    "FAULT: a moment is that of its zone",
);
pub const CONNECTOR_UNFIT: Wanted = wanted(
    &["status: 200 | 400"],
    "a component takes only connectors that reach what its flavor needs, as a stack's new components do",
);
pub const SECRET_LEFT: Wanted = wanted(
    &["secrets of a connector that is gone: 1 | 0"],
    "FAULT: a connector whose new configuration has no secrets leaves its old ones behind, where no answer shows them",
);
