//! What a token may do: for each kind of resource, some of six verbs. In a token it is the claim `scope`
//! (RFC 8693, section 4.2), such as `runs:read artifacts:write`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{BitAnd, BitOr};
use std::str::FromStr;

use crate::store::Words;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::kind::Kind;

/// What a request does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Verb {
    Read,
    Create,
    Update,
    Delete,
    /// To be given credentials by it, which its own secrets need not be seen for: a service connector.
    Use,
    /// To see the secrets in it, where reading alone doesn't show them: a service connector.
    Secrets,
}

impl Verb {
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Create, Self::Update, Self::Delete, Self::Use, Self::Secrets];
}

/// One verb on one kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    pub kind: Kind,
    pub verb: Verb,
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.kind, self.verb.as_str())
    }
}

/// Some of the verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verbs(u8);

impl Verbs {
    const NONE: Self = Self(0);
    const ALL: Self = Self(0b11_1111);

    fn of(verb: Verb) -> Self {
        Self(1 << verb as u8)
    }

    fn have(self, verb: Verb) -> bool {
        self & Self::of(verb) != Self::NONE
    }

    /// The verbs that a word stands for.
    fn named(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::NONE),
            "write" => Some(Self::ALL),
            _ => word.parse().ok().map(Self::of),
        }
    }

    /// The fewest words that stand for them.
    fn words(self) -> impl Iterator<Item = &'static str> {
        let whole = match self {
            Self::NONE => Some("none"),
            Self::ALL => Some("write"),
            _ => None,
        };
        let each = Verb::ALL.into_iter().filter(move |verb| whole.is_none() && self.have(*verb));
        whole.into_iter().chain(each.map(Verb::as_str))
    }
}

impl BitAnd for Verbs {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Verbs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Stands for every kind of resource that isn't named.
const EVERYTHING_ELSE: &str = "*";

/// What is allowed: for each resource that is named its verbs, and the verbs for all others.
///
/// As text it is a list of `RESOURCE:VERB`. `write` is all verbs, `none` is none, and `*` is every resource that
/// the list doesn't name. Without `*` nothing else is allowed, but where the list only takes away
/// (`secrets:none`), all else is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Permissions {
    /// Only those that differ from `others`, so that equal permissions have one form.
    named: BTreeMap<String, Verbs>,
    others: Verbs,
}

/// Why a text is no list of permissions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionsError {
    #[error("'{0}' is no scope: it has to be RESOURCE:VERB, such as runs:read or secrets:none")]
    Shape(String),
    #[error(
        "'{0}' is no verb of a scope: read, create, update, delete, use, secrets, write (all of them) and none are"
    )]
    Verb(String),
    #[error("the scope says that nothing is allowed on '{0}', and that something is")]
    Contradiction(String),
    #[error("the scope is empty")]
    Empty,
}

impl Permissions {
    pub fn all() -> Self {
        Self { named: BTreeMap::new(), others: Verbs::ALL }
    }

    /// What a token that only reads may do.
    pub fn read_only() -> Self {
        Self { named: BTreeMap::new(), others: Verbs::of(Verb::Read) }
    }

    pub fn allow(&self, permission: Permission) -> bool {
        self.verbs_for(permission.kind.name).have(permission.verb)
    }

    /// What both allow.
    pub fn intersection(&self, other: &Self) -> Self {
        let names = self.named.keys().chain(other.named.keys());
        let named = names.map(|name| (name.clone(), self.verbs_for(name) & other.verbs_for(name))).collect();
        Self::canonical(named, self.others & other.others)
    }

    /// The resources that are named, each of which has to be a kind of resource.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    fn verbs_for(&self, resource: &str) -> Verbs {
        self.named.get(resource).copied().unwrap_or(self.others)
    }

    fn canonical(mut named: BTreeMap<String, Verbs>, others: Verbs) -> Self {
        named.retain(|_, verbs| *verbs != others);
        Self { named, others }
    }
}

impl FromStr for Permissions {
    type Err = PermissionsError;

    /// Entries are separated by spaces or commas.
    fn from_str(text: &str) -> Result<Self, PermissionsError> {
        let mut named: BTreeMap<String, Verbs> = BTreeMap::new();
        for entry in text.split([' ', ',', '\t', '\n']).filter(|entry| !entry.is_empty()) {
            let shape = || PermissionsError::Shape(entry.to_owned());
            let (resource, verb) = entry.split_once(':').ok_or_else(shape)?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            if resource != EVERYTHING_ELSE && (resource.is_empty() || !resource.bytes().all(is_name)) {
                return Err(shape());
            }
            let verbs = Verbs::named(verb).ok_or_else(|| PermissionsError::Verb(verb.to_owned()))?;
            let before = named.get(resource).copied();
            if before.is_some_and(|before| (before == Verbs::NONE) != (verbs == Verbs::NONE)) {
                return Err(PermissionsError::Contradiction(resource.to_owned()));
            }
            named.insert(resource.to_owned(), before.unwrap_or(verbs) | verbs);
        }
        if named.is_empty() {
            return Err(PermissionsError::Empty);
        }
        let only_takes_away = named.values().all(|verbs| *verbs == Verbs::NONE);
        let unnamed = if only_takes_away { Verbs::ALL } else { Verbs::NONE };
        let others = named.remove(EVERYTHING_ELSE).unwrap_or(unnamed);
        Ok(Self::canonical(named, others))
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where nothing else is allowed, that goes without saying; but something has to be said.
        let is_said = self.others != Verbs::NONE || self.named.is_empty();
        let others = is_said.then_some((EVERYTHING_ELSE, self.others));
        let named = self.named.iter().map(|(name, verbs)| (name.as_str(), *verbs));
        let entries = others.into_iter().chain(named);
        let mut entries = entries.flat_map(|(name, verbs)| verbs.words().map(move |word| (name, word)));
        if let Some((name, word)) = entries.next() {
            write!(formatter, "{name}:{word}")?;
        }
        entries.try_for_each(|(name, word)| write!(formatter, " {name}:{word}"))
    }
}

impl From<Permissions> for String {
    fn from(permissions: Permissions) -> Self {
        permissions.to_string()
    }
}

impl TryFrom<String> for Permissions {
    type Error = PermissionsError;

    fn try_from(text: String) -> Result<Self, PermissionsError> {
        text.parse()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["runs", "secrets", "artifacts", "stacks"];

    fn verbs() -> impl Strategy<Value = Verbs> {
        (0u8..64).prop_map(Verbs)
    }

    pub(crate) fn permissions() -> impl Strategy<Value = Permissions> {
        let named = proptest::collection::btree_map(proptest::sample::select(&NAMES[..]), verbs(), 0..4);
        (named, verbs()).prop_map(|(named, others)| {
            let named = named.into_iter().map(|(name, verbs)| (name.to_owned(), verbs)).collect();
            Permissions::canonical(named, others)
        })
    }

    pub(crate) fn every_permission() -> impl Iterator<Item = Permission> {
        let names = NAMES.into_iter().chain(["pipelines"]);
        names.flat_map(|resource| Verb::ALL.map(|verb| Kind::new(resource).to(verb)))
    }

    proptest! {
        #[test]
        fn what_two_allow_is_what_each_allows(one in permissions(), other in permissions()) {
            let both = one.intersection(&other);
            for permission in every_permission() {
                prop_assert_eq!(both.allow(permission), one.allow(permission) && other.allow(permission));
            }
            prop_assert_eq!(&both, &other.intersection(&one));
        }

        #[test]
        fn what_is_written_is_read_again(permissions in permissions()) {
            prop_assert_eq!(permissions.to_string().parse(), Ok(permissions));
        }

        #[test]
        fn no_text_panics(text in "[a-z*:, ]{0,30}") {
            let _ = text.parse::<Permissions>();
        }
    }

    #[test]
    fn a_list_says_what_is_allowed() {
        let allows = |list: &str, resource, verb| {
            list.parse::<Permissions>().unwrap().allow(Kind::new(resource).to(verb))
        };
        let list = "runs:read artifacts:write secrets:none";
        assert!(allows(list, "runs", Verb::Read) && !allows(list, "runs", Verb::Update));
        assert!(allows(list, "artifacts", Verb::Read) && allows(list, "artifacts", Verb::Delete));
        assert!(!allows(list, "secrets", Verb::Read) && !allows(list, "stacks", Verb::Read));
        assert!(
            allows("secrets:none", "stacks", Verb::Delete) && !allows("secrets:none", "secrets", Verb::Read)
        );
        assert!(allows("*:read,secrets:none", "runs", Verb::Read));
        assert!(!allows("*:read,secrets:none", "secrets", Verb::Read));
        assert!(allows("runs:read runs:create", "runs", Verb::Create));
        assert!(!allows("*:none", "runs", Verb::Read), "nothing at all can be said too");
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_reason() {
        let refused = |list: &str| list.parse::<Permissions>().unwrap_err();
        assert_eq!(refused("runs"), PermissionsError::Shape("runs".into()));
        assert_eq!(refused(":read"), PermissionsError::Shape(":read".into()));
        assert_eq!(refused("r\"uns:read"), PermissionsError::Shape("r\"uns:read".into()));
        assert_eq!(refused("runs:all"), PermissionsError::Verb("all".into()));
        assert_eq!(refused("runs:read runs:none"), PermissionsError::Contradiction("runs".into()));
        assert_eq!(refused(" , "), PermissionsError::Empty);
    }
}
