//! Where zendo is meant to differ from ZenML 0.98.0, and why. The suite fails when one of these is no longer so.

mod connectors;
mod unseen;

pub use connectors::*;

/// A difference and its reason.
pub struct Wanted {
    /// `place: reference | zendo`, with `*` for anything. On a step that wants it each of them has to be there.
    pub differs: &'static [&'static str],
    pub reason: &'static str,
}

/// Wherever they are met.
pub const EVERYWHERE: [Wanted; 10] = [
    Wanted {
        differs: &["body*.config_schema*.description: * | *"],
        reason: "what a field is for is said in zendo's own words, of all fields of flavors and of no others",
    },
    Wanted {
        differs: &[
            "text of *",
            "body.error_description: *",
            "body.detail: Unsupported webhook type: * | *",
            "body.detail: Invalid webhook authentication. | *",
            "body.detail: Webhook is inactive. | *",
            "body.detail: Missing * | *",
            "body.detail: Request body must * | *",
        ],
        reason: "a refusal is in zendo's own words; clients go by the status, the exception and the OAuth error",
    },
    Wanted {
        differs: &["words of a violation: *", "number of violations: *"],
        reason: "a body is read to the first thing that is wrong, and the reason is in zendo's own words",
    },
    Wanted {
        differs: &[
            "body*.(opened).claims.jti: (absent) | *",
            "body*.(opened).claims.token_type: (absent) | *",
            "body*.(opened).claims.auth_time: (absent) | *",
            "body*.(opened).claims.proven_at: (absent) | *",
            "body*.(opened).claims.generation: (absent) | *",
            "body*.(opened).claims.password_at: (absent) | *",
            "body*.(opened).claims.parents: (absent) | *",
        ],
        reason: "a token has an id, so that it can be revoked, and says what it is for, which sign-in it goes back to and \
                 which tokens it was made from",
    },
    Wanted {
        differs: &["header www-authenticate: (absent) | Bearer"],
        reason: "RFC 9110: every 401 says how to authenticate",
    },
    Wanted {
        differs: &["header allow: * | *"],
        reason: "RFC 9110: Allow lists every method of the path, HEAD too; the reference lists one route's",
    },
    Wanted {
        differs: &["body*.resources.run.body.status_reason: W* | *"],
        reason: "why a run waits or was stopped is in zendo's own words",
    },
    Wanted {
        differs: &["body*.last_error_summary: * | *"],
        reason: "what was wrong with a delivery is said in zendo's own words",
    },
    Wanted { differs: &["body.secret: * | *"], reason: "a webhook's secret is made anew for each" },
    Wanted {
        differs: &["body*.last_login: * | *"],
        reason: "a device's grant counts as its first use; later uses of devices and keys are written in batches",
    },
];

/// `Wanted::new` for one difference.
const fn wanted(differs: &'static [&'static str], reason: &'static str) -> Wanted {
    Wanted { differs, reason }
}

// What zendo refuses that the reference takes.
pub const EMPTY: Wanted = wanted(&["status: 200 | 422"], "an empty name or password is a mistake");
pub const LONG_PASSWORD: Wanted =
    wanted(&["status: 200 | 422"], "bcrypt would pass over what is beyond 72 bytes of a password");
pub const FLAVOR_IN_USE: Wanted =
    wanted(&["status: 200 | 403"], "components name their flavor: renamed, it would be gone for them");
pub const NO_LIFETIME: Wanted =
    wanted(&["status: 200 | 422"], "a token that has ended, or no lifetime, is not what anybody asks for");
pub const ID_ORDER: Wanted = wanted(&["status: 200 | 422"], "ids have no order");
pub const SIGNED_OUT: Wanted =
    wanted(&["status: 200 | 401"], "signing out ends the token, not only the cookie");
pub const ENDED_FOR_GOOD: Wanted =
    wanted(&["status: 200 | 401"], "a deactivation ends an account's tokens for good");
pub const NEVER_WIDER: Wanted = wanted(
    &["body.(opened).claims.exp: <120 minutes> | <60 minutes>"],
    "a token never outlives the one it was made with",
);

// What zendo takes, or refuses as the caller's mistake, where the reference fails.
pub const NULL_IS_UNSET: Wanted = wanted(&["status: 500 | 200"], "null changes nothing that may not be null");
pub const NULL_FLAG: Wanted =
    wanted(&["body.body.display_updates: null | true"], "null changes nothing: a flag has no third value");
pub const UNKNOWN_REFERENCE: Wanted = wanted(&["status: 500 | 404"], "what is referred to does not exist");
pub const TAKEN_VERSION: Wanted = wanted(&["status: 500 | 409"], "the artifact has that version already");
pub const TAKEN_NAME: Wanted = wanted(&["status: 500 | 409"], "the model has a version of that name already");
pub const TAKEN_STAGE: Wanted = wanted(
    &["status: 500 | 409"],
    "another version is in that stage: a conflict that the caller can resolve, no failure of the server",
);
pub const TYPELESS_METADATA: Wanted = wanted(
    &["status: 404 | 422"],
    "a value without a type is a mistake in the request; nothing was looked for",
);
pub const DATA_STAYS: Wanted =
    wanted(&["status: 500 | 501"], "the server deletes no data from artifact stores, and says so");
pub const PRUNED: Wanted =
    wanted(&["status: 500 | 200"], "the reference's own call of this fails, whatever is asked");
pub const OR_RUN: Wanted = wanted(&["status: 500 | 200"], "any two filters can be joined by or");
pub const UNKNOWN_PROJECT: Wanted =
    wanted(&["status: 409 | 404"], "what isn't there is missing, not in conflict");
pub const TAKEN_ID: Wanted = wanted(&["status: 500 | 409"], "there are logs with that id already");
pub const NO_PROJECT: Wanted = wanted(&["status: 500 | 422"], "everything is in a project");
pub const NO_RUNNER: Wanted = wanted(&["status: 500 | 400"], "a server that starts no runs says so");
pub const OWN_WORDS: Wanted = wanted(&["violations: *"], "what is accepted is told in zendo's own words");
pub const UNION: Wanted =
    wanted(&["violations: *"], "what takes several types is refused once, not once for each of them");
pub const FAR_PAST: Wanted = wanted(&["status: 500 | 422"], "a lifetime is positive");
pub const TIMES_ONE_OF: Wanted = wanted(&["status: 500 | 200"], "the filter works for times too");
pub const HUGE_NUMBER: Wanted = wanted(&["status: 400 | 422"], "a number beyond all bounds is unreadable");
pub const TEXT_ORDER: Wanted =
    wanted(&["status: 400 | 422"], "what a filter can not do is 422, as for all others");

pub const GIVEN_OUT: Wanted = wanted(
    &["status: 500 | 409"],
    "what a run has given out stays as long as the run, and the refusal says what stays",
);
pub const GIVEN_OUT_ALONE: Wanted =
    wanted(&["status: 500 | 400"], "what a run has given out is used, as what its steps have made");
pub const COMPONENT_TWICE: Wanted =
    wanted(&["status: 500 | 400"], "a component that is named twice is the caller's mistake");
pub const NOT_A_TEXT: Wanted =
    wanted(&["status: 500 | 422"], "a path that is no text doesn't fit the flavor, as other fields don't");
pub const LIST_OF_NOTHING: Wanted = wanted(&["status: 500 | 422"], "a list is no object, here as elsewhere");
pub const BUILT_IN_FIRST: Wanted = wanted(
    &["status: 404 | 403"],
    "that nobody changes the default stack is told first, whatever else the change names",
);
pub const LINKED_AGAIN: Wanted = wanted(
    &["body.metadata.environment.A: \"b\" | (absent)"],
    "in the reference a secret that is linked already undoes the rest of the change",
);
pub const UNKNOWN_TYPE: Wanted =
    wanted(&["violations: *"], "there is no such type, told for all components instead of its key");

// What zendo tells less of, or more truly.
pub const ZONE_OF_CACHE_COUNTS: Wanted = wanted(
    &["body.metadata.cache_expires_at: 2099-01-01T00:00:00 | 2098-12-31T22:00:00"],
    "a moment is that of its zone",
);
pub const WHO_EXISTS_404: Wanted =
    wanted(&["status: 404 | 401"], "without an account nobody is told which users there are");
pub const WHO_EXISTS_422: Wanted = wanted(
    &["status: 422 | 401"],
    "without an account nobody is told whether a user waits for an activation",
);
pub const ENCODED_SLASH: Wanted =
    wanted(&["body.detail: *"], "an encoded slash is a part of the name, which is then looked for");
pub const LIKE_IS_LITERAL: Wanted = wanted(
    &["length of body.items: 1 | 0", "body.total: 1 | 0"],
    "% and _ in a filter are characters, not wildcards of the database",
);
pub const ZERO_IS_A_NUMBER: Wanted = wanted(
    &["length of body.items: 0 | 1", "body.total: 0 | 1"],
    "zero is less than one; the reference takes it for no number",
);
pub const FEWER_OF_THREE: Wanted =
    wanted(&["length of body.items: 3 | 1", "body.total: 3 | 1"], "% and _ in a filter are characters");
pub const ONE_OF_NOTHING: Wanted =
    wanted(&["length of body.items: 1 | 0", "body.total: 1 | 0"], "nothing is one of no values");
pub const EMAIL_OF_A_MACHINE: Wanted = wanted(
    &["body.metadata.email: null | \"\""],
    "the reference answers one or the other, by the credential",
);
pub const KEYS_OF_THE_PATH: Wanted =
    wanted(&["status: 422 | 200"], "the path says whose keys; the filter is passed over");
pub const TAKEN_OVER_404: Wanted =
    wanted(&["status: 404 | 200"], "a machine may be approved by another person, who has its code");
pub const TAKEN_OVER_400: Wanted =
    wanted(&["status: 400 | 200"], "a machine may be approved by another person, and is theirs then");
pub const ONLY_ITS_CASE: Wanted = wanted(
    &["status: 200 | 409"],
    "a name that differs from another's in its case alone passes for that one elsewhere",
);
pub const WAS_NOT_MADE: Wanted = wanted(&["status: 200 | 404"], "the account was refused");
pub const OLD_SECRET: Wanted = wanted(
    &["body.access_token.(opened).claims.key_gen: 3 | 2"],
    "what the secret before a rotation is traded for ends with that secret",
);
pub const ITS_OWN_PLACE: Wanted = wanted(
    &["body.id: an id met before | the id of something else"],
    "a machine that asks again waits under an id of its own, and has its old one again when it comes for its token",
);
pub const NO_LONGER_OWN: Wanted = wanted(
    &["status: 200 | 404"],
    "a machine that asks again has proved nothing: it waits under an id of its own, which is nobody's yet",
);
pub const GOES_ON: Wanted = wanted(
    &["status: 401 | 200"],
    "whoever knows a machine's client ID can ask in its name, which doesn't end the token that it has",
);
pub const BROWSER_COOKIE: Wanted = wanted(
    &["header set-cookie: * | *"],
    "a browser that has signed in is known again, so that strangers who guess don't keep its owner out",
);

pub const STOPPED_AT_ONCE: Wanted = wanted(
    &[
        "body.resources.run.body.in_progress: true | false",
        "body.resources.run.body.status: running | stopped",
        "body.resources.run.body.status_reason: null | *",
    ],
    "the answer shows the run as it is after the condition was resolved",
);

// Of browsers.
pub const UNLISTED_ORIGIN: Wanted = wanted(
    &[
        "header access-control-allow-origin: * | (absent)",
        "header access-control-allow-credentials: true | (absent)",
    ],
    "a page of another origin acts with nobody's session unless the operator lists its origin",
);
pub const HIDDEN_ORIGIN: Wanted = wanted(
    &[
        "body.csrf_token: null | *",
        "body.access_token.(opened).claims.session_id: (absent) | *",
        "header access-control-allow-origin: * | (absent)",
        "header access-control-allow-credentials: true | (absent)",
        "header set-cookie: * | *",
    ],
    "a page that hides its origin is another site's, and its session needs the CSRF token",
);

// Of HTTP.
pub const HEAD: Wanted = wanted(&["status: 405 | 200"], "RFC 9110: HEAD is there wherever GET is");
pub const OPTIONS: Wanted = wanted(
    &["status: 405 | 200", "header access-control-allow-methods: *", "header access-control-max-age: *"],
    "OPTIONS tells what may be asked, with an origin or without",
);
pub const PREFLIGHT: Wanted = wanted(
    &["header access-control-allow-methods: *query* | *", "header content-type: * | (absent)", "body: OK | "],
    "a preflight's answer needs no body, and no route has the method QUERY",
);
pub const NO_DASHBOARD: Wanted =
    wanted(&["status: 200 | 404"], "zendo has no dashboard to answer every other path");

// Not yet as it should be.
pub const NO_KEY: Wanted = wanted(
    &["status: 500 | 422", "header *: (absent) | *"],
    "an Idempotency-Key is a UUID; the reference fails, without its own headers",
);

// Of pipelines and their runs.
pub const ONE_OF_SEVERAL_TYPES: Wanted = wanted(
    &["violations: * | *"],
    "of a value of several types the reference tells what is wrong with it as each of them",
);
pub const UNREADABLE: Wanted = wanted(&["status: 500 | 422"], "what can't be read is the caller's mistake");
pub const NAME_IS_TAKEN: Wanted = wanted(&["status: 500 | 409"], "the name is another one's");
pub const NO_NUMBER_LOST: Wanted =
    wanted(&["body[0].body.index: 7 | 5"], "a run that is refused takes no number of the pipeline's");
pub const START_IS_KNOWN: Wanted = wanted(
    &["body*.metadata.config.substitutions.date: * | *", "body*.metadata.config.substitutions.time: * | *"],
    "a run without a start began when it was made, not each time that it is read",
);
pub const GONE_DEPLOYMENT: Wanted = wanted(
    &["length of body.items: 0 | 1", "body.total: 0 | 1"],
    "what a deployment started stays so when the deployment is gone",
);
pub const HAS_NONE: Wanted = wanted(
    &["length of body.items: 0 | 2", "body.total: 0 | 2"],
    "a run without a schedule, or without a build, is one",
);
pub const NO_MORE_THAN_ASKED: Wanted = wanted(
    &["body.resources.stack.metadata: * | null", "body.resources.stack.resources: * | null"],
    "the reference shows what it happened to load",
);
pub const NO_EVENTS: Wanted =
    wanted(&["body.detail: * | *"], "that there is no stream of events is said in zendo's own words");
pub const HANDED_DOWN: Wanted = wanted(
    &["body: * | *"],
    "steps take over an environment of texts alone: the reference keeps another one, and can't read it itself",
);
pub const DONE_AT_ONCE: Wanted = wanted(
    &["body.snapshot_count: null | *", "body.task_id: * | null"],
    "what is pruned is gone when it is answered",
);
pub const STEP_WITHOUT_CONFIGURATION: Wanted = wanted(
    &["status: 500 | 200"],
    "a dynamic pipeline's step that brought no configuration is left out of the graph",
);

// Of triggers and webhooks.
pub const OWN_DESCRIPTIONS: Wanted =
    wanted(&["body*.description: * | *"], "when an event happens is said in zendo's own words");
pub const EMPTY_CRON: Wanted =
    wanted(&["status: 200 | 422"], "FAULT: a cron expression that says nothing never goes off");
pub const OTHER_PROJECT: Wanted =
    wanted(&["status: 200 | 404"], "FAULT: what a trigger waits for is of its own project");
pub const SENT_AGAIN: Wanted = wanted(
    &["body.metadata.stats.received_count: * | *", "body.metadata.stats.accepted_count: * | *"],
    "a delivery that is sent again is the same one",
);
pub const BODY_TOO_LONG: Wanted =
    wanted(&["status: 401 | 413"], "whoever isn't known brings no more than a mebibyte");
pub const ARCHIVED_NAME: Wanted =
    wanted(&["body.body.name: * | *"], "the name of what is archived ends in eight random digits");

// Deployments, services, stack deployment, and configurations of components.
pub const OTHERS_WORK: Wanted = wanted(
    &["status: 200 | 404"],
    "a piece of work sees its own deployment, whose key opens it, and no other",
);
pub const COPY_STAYS: Wanted = wanted(
    &["length of body.items: * | *", "body.total: * | *"],
    "FAULT: what is refused to an archived trigger leaves its copy of the snapshot",
);
pub const COPY_LEFT: Wanted = wanted(
    &["body.total: * | *", "body.total_pages: * | *"],
    "FAULT: what is refused to an archived trigger leaves its copy of the snapshot",
);
pub const NO_SUCH_PROJECT: Wanted =
    wanted(&["status: 500 | 404"], "FAULT: a project that isn't there is no failure of the server");
pub const LISTED_ONCE: Wanted = wanted(
    &["length of body.items: 2 | 1"],
    "FAULT: sorted by deployment a snapshot is listed once for each of its deployments",
);
pub const BOTH_OF_DEPLOYMENTS: Wanted =
    wanted(&["status: 500 | 200"], "what is deployed can be sorted by deployment");
pub const SEPARATED: Wanted = wanted(
    &["body.deployment_url: *stackName=a&b* | *stackName=a%26b*"],
    "FAULT: values stand in an address as they are, so that a name with an & sets other parameters",
);
pub const SHORT_STAYS_SHORT: Wanted = wanted(
    &["body.(opened).claims.exp: <60 minutes> | <10 minutes>"],
    "FAULT: whoever has a token of ten minutes is given one of six hours in the address",
);
pub const NO_SUCH_STATE: Wanted = wanted(
    &["status: 422 | 200"],
    "FAULT: a state that there isn't is kept, and from then on the service and each list with it is refused",
);
pub const SAME_CONFIGURATION: Wanted = wanted(
    &["status: 200 | 409"],
    "FAULT: the same configuration is found byte for byte, with its keys in one order",
);
pub const OTHER_PROJECTS_CONFIGURATION: Wanted = wanted(
    &["status: 409 | 200"],
    "FAULT: what services of another project are like is none of a project's business",
);
pub const OWN_PROSE: Wanted = wanted(
    &["body.description: *", "body.instructions: *", "body.post_deploy_instructions: *"],
    "what a cloud makes is told in zendo's own words",
);
pub const ENCODED: Wanted = wanted(
    &["body.deployment_url: *"],
    "FAULT: values stand in an address as they are, so that a name with an & sets other parameters",
);
pub const OWN_TERRAFORM: Wanted = wanted(
    &["body.configuration: *", "body.instructions: *"],
    "a configuration has a token in it, and is told in zendo's own words; values are quoted as its language wants",
);
pub const ONE_LINE: Wanted =
    wanted(&["status: 200 | 422"], "FAULT: a name of two lines sets another variable of the deployment");
pub const WORK_SETS_UP_NOTHING: Wanted = wanted(
    &["status: 200 | 403", "header www-authenticate: (absent) | *"],
    "FAULT: a token that is bound to a piece of work gets one that is bound to nothing",
);
pub const KEY_IS_NO_TOKEN: Wanted =
    wanted(&["status: 500 | 401"], "FAULT: with an API key there is no token to make another one from");
pub const PATH_OF_ANOTHER_STORE: Wanted = wanted(
    &["status: 500 | 422"],
    "FAULT: a path that its store can't have is a mistake in the request, no failure of the server",
);
pub const JSON_ALONE: Wanted =
    wanted(&["status: 200 | 422"], "a text in the place of an object is JSON, and no other language");
pub const SECRET_UNREAD: Wanted = wanted(
    &["status: 404 | 200"],
    "a reference to a secret is kept as it is, whichever field it is of; the reference follows that of a few",
);
pub const OWN_DISK_STAYS_UNTOLD: Wanted = wanted(
    &["status: 422 | 200"],
    "pipelines run elsewhere, and nobody is told which folders the server's machine has",
);
pub const PODS_WITHOUT_THEIR_LIBRARY: Wanted = wanted(
    &["status: 500 | 200"],
    "FAULT: pods are configured on a server without a Python library of Kubernetes",
);
