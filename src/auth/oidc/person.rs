//! What a provider says of a person, and whether they may come.

use serde_json::{Map, Value};

use super::OidcError;
use crate::accounts::identities::LONGEST_SUBJECT;
use crate::config::{OidcSettings, Text};
use crate::issuers::claim_at;

/// Bytes of a name at most.
const LONGEST_NAME: usize = 255;
/// What names an account where the settings don't say.
const NAMING: [&str; 3] = ["preferred_username", "email", "sub"];

/// A person whom the provider has just vouched for.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub subject: String,
    /// The provider's own session, where it says which.
    pub session: Option<String>,
    claims: Map<String, Value>,
}

impl Person {
    /// # Errors
    /// For a subject that no provider may give.
    pub(crate) fn new(subject: &str, claims: Map<String, Value>) -> Result<Self, OidcError> {
        if subject.is_empty()
            || subject.chars().count() > LONGEST_SUBJECT
            || subject.contains(char::is_control)
        {
            return Err(OidcError::refused("The provider's subject can't be one."));
        }
        let session = claims.get("sid").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { subject: subject.to_owned(), session, claims })
    }

    /// Adds what is said elsewhere, where this doesn't say it.
    pub(crate) fn with(mut self, others: Map<String, Value>) -> Self {
        for (name, value) in others {
            self.claims.entry(name).or_insert(value);
        }
        self
    }

    fn text(&self, name: &str) -> Option<&str> {
        let text = self.claims.get(name)?.as_str()?.trim();
        (!text.is_empty() && text.len() <= LONGEST_NAME && !text.contains(char::is_control)).then_some(text)
    }

    /// The address, if the provider has verified that it is the person's.
    pub(crate) fn verified_email(&self) -> Option<&str> {
        let is_verified = match self.claims.get("email_verified") {
            Some(Value::Bool(is_verified)) => *is_verified,
            // Some providers write it so.
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        self.text("email").filter(|_| is_verified)
    }

    pub(crate) fn full_name(&self) -> Option<&str> {
        self.text("name")
    }

    /// The groups that the person is in.
    pub(crate) fn groups(&self, settings: &OidcSettings) -> Vec<String> {
        let Text(claim) = &settings.groups_claim;
        // The names of some have dots, as addresses have.
        let path = || claim_at(&self.claims, &claim.split('.').map(str::to_owned).collect::<Vec<_>>());
        match self.claims.get(claim).or_else(path) {
            Some(Value::Array(groups)) => {
                groups.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::String(group)) => vec![group.clone()],
            _ => Vec::new(),
        }
    }

    /// What a new account of theirs is named.
    ///
    /// # Errors
    /// When the claim that names accounts isn't there.
    pub(crate) fn user_name(&self, settings: &OidcSettings) -> Result<&str, OidcError> {
        let Some(Text(claim)) = &settings.username_claim else {
            let found = NAMING.iter().find_map(|claim| self.text(claim));
            return found.ok_or_else(|| OidcError::refused("The provider says no name of this person."));
        };
        self.text(claim).ok_or_else(|| {
            OidcError::refused(format!(
                "The provider doesn't say the claim '{claim}', by which accounts are named."
            ))
        })
    }

    /// Whether they may come.
    ///
    /// # Errors
    /// The reason why not.
    pub(crate) fn admit(&self, settings: &OidcSettings) -> Result<(), OidcError> {
        if settings.allowed_domains.are_any() {
            let Some(email) = self.verified_email() else {
                return Err(OidcError::refused(
                    "This server is for some domains only, and the provider has verified no e-mail address of this person.",
                ));
            };
            if !settings.allowed_domains.have(email) {
                return Err(OidcError::refused(
                    "This server is not for the domain of this person's e-mail address.",
                ));
            }
        }
        if settings.allowed_groups.are_any() && !settings.allowed_groups.have_one_of(&self.groups(settings)) {
            return Err(OidcError::refused("This person is in none of the groups that this server is for."));
        }
        Ok(())
    }

    /// Whether their groups make them an admin; none where groups say nothing of that.
    pub(crate) fn is_admin(&self, settings: &OidcSettings) -> Option<bool> {
        settings.admin_groups.are_any().then(|| settings.admin_groups.have_one_of(&self.groups(settings)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Config, Setting};

    fn person(claims: Value) -> Person {
        Person::new("ada-1", claims.as_object().unwrap().clone()).unwrap()
    }

    fn settings(pairs: &[(&str, &str)]) -> OidcSettings {
        let pairs = pairs.iter().map(|(name, value)| (format!("ZENDO_OIDC_{name}"), value.to_string()));
        Config::from_env(pairs).unwrap().0.oidc
    }

    #[test]
    fn only_a_verified_address_proves_a_domain() {
        let settings = settings(&[("ALLOWED_DOMAINS", "example.com")]);
        for (claims, expected) in [
            (json!({"email": "ada@example.com", "email_verified": true}), true),
            (json!({"email": "ada@example.com", "email_verified": "true"}), true),
            (json!({"email": "ada@example.com", "email_verified": false}), false),
            (json!({"email": "ada@example.com", "email_verified": 1}), false),
            (json!({"email": "ada@example.com"}), false),
            (json!({"email": "ada@example.org", "email_verified": true}), false),
            (json!({"email_verified": true}), false),
            (json!({}), false),
        ] {
            assert_eq!(person(claims.clone()).admit(&settings).is_ok(), expected, "{claims}");
        }
    }

    #[test]
    fn groups_let_in_and_make_admins() {
        let settings = settings(&[("ALLOWED_GROUPS", "ml,ops"), ("ADMIN_GROUPS", "ops")]);
        for (groups, may_come, is_admin) in [
            (json!(["ml"]), true, false),
            (json!(["x", "ops"]), true, true),
            (json!("ops"), true, true),
            (json!(["OPS", "mlops"]), false, false),
            (json!([]), false, false),
            (json!({"ops": true}), false, false),
        ] {
            let person = person(json!({"groups": groups}));
            assert_eq!(person.admit(&settings).is_ok(), may_come, "{groups}");
            assert_eq!(person.is_admin(&settings), Some(is_admin), "{groups}");
        }
        assert_eq!(person(json!({"groups": ["ops"]})).is_admin(&OidcSettings::default()), None);
    }

    #[test]
    fn groups_are_in_the_claim_that_the_settings_name() {
        let groups =
            |claim: &str, claims: Value| person(claims).groups(&settings(&[("GROUPS_CLAIM", claim)]));
        for (claim, claims, expected) in [
            ("roles", json!({"roles": ["ops"], "groups": ["ml"]}), vec!["ops"]),
            ("realm_access.roles", json!({"realm_access": {"roles": ["ops", "ml"]}}), vec!["ops", "ml"]),
            ("https://example.com/groups", json!({"https://example.com/groups": "ops"}), vec!["ops"]),
            ("a.b", json!({"a.b": ["ops"], "a": {"b": ["ml"]}}), vec!["ops"]),
            ("realm_access.roles", json!({"realm_access": ["ops"], "roles": ["ops"]}), vec![]),
            ("realm_access.roles", json!({"realm_access": {"roles": {"ops": 1}}}), vec![]),
            ("roles", json!({"groups": ["ops"]}), vec![]),
            ("..", json!({"": {"": {"": ["ops"]}}}), vec!["ops"]),
        ] {
            assert_eq!(groups(claim, claims.clone()), expected, "{claim} {claims}");
        }
        assert_eq!(person(json!({"groups": ["ml"]})).groups(&OidcSettings::default()), ["ml"]);
    }

    #[test]
    fn an_account_is_named_by_a_claim_that_is_there() {
        let name =
            |settings: &OidcSettings, claims| person(claims).user_name(settings).ok().map(str::to_owned);
        let (any, upn) = (OidcSettings::default(), settings(&[("USERNAME_CLAIM", "upn")]));
        assert_eq!(name(&any, json!({"preferred_username": "ada", "email": "a@b"})).as_deref(), Some("ada"));
        assert_eq!(name(&any, json!({"preferred_username": "a\nb", "email": "a@b"})).as_deref(), Some("a@b"));
        assert_eq!(name(&upn, json!({"upn": "ada", "email": "a@b"})).as_deref(), Some("ada"));
        assert_eq!(name(&upn, json!({"preferred_username": "ada"})), None);
        assert!(Text::read("upn").is_some());
    }
}
