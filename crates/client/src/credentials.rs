//! Which of the known credentials are used, in the official client's order.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::settings::SignIn;
use super::token::Token;

/// Something a token can be had for.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A service account's key.
    ApiKey(SecretString),
    /// A user's name and password.
    Password { username: String, password: SecretString },
}

/// Where credentials were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In environment variables.
    Environment,
    /// In the `store` part of `config.yaml`.
    ConfigFile,
    /// In `credentials.yaml`.
    CredentialsFile,
}

/// What there is to sign in to one server with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Where it was found.
    pub origin: Origin,
    /// A token that may be used at once.
    pub token: Option<Token>,
    /// What another token can be had for.
    pub grant: Option<Grant>,
}

impl Credentials {
    /// Whether the token can be used at `now`.
    pub fn has_usable_token(&self, now: DateTime<Utc>) -> bool {
        self.token.as_ref().is_some_and(|token| !token.is_expired(now))
    }
}

/// The grant in `sign_in`: an API key before a password.
pub fn grant_of(sign_in: &SignIn) -> Option<Grant> {
    if let Some(key) = &sign_in.api_key {
        return Some(Grant::ApiKey(key.clone()));
    }
    let (username, password) = sign_in.username.clone().zip(sign_in.password.clone())?;
    Some(Grant::Password { username, password })
}

/// Picks the credentials among what is set for the active server (`explicit`, with its origin) and what
/// `credentials.yaml` remembers.
///
/// What is set wins over what is remembered, and a grant over a bare token: the official client takes the
/// explicit ones into its store in this order, where each throws out the one before.
pub fn choose(explicit: &SignIn, origin: Origin, remembered: Option<Credentials>) -> Option<Credentials> {
    if let Some(grant) = grant_of(explicit) {
        return Some(Credentials { origin, token: None, grant: Some(grant) });
    }
    if let Some(token) = &explicit.api_token {
        return Some(Credentials { origin, token: Some(Token::bare(token.clone())), grant: None });
    }
    remembered.filter(|credentials| credentials.token.is_some() || credentials.grant.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(key: Option<&str>, user: Option<&str>, password: Option<&str>, token: Option<&str>) -> SignIn {
        SignIn {
            api_key: key.map(SecretString::from),
            username: user.map(str::to_owned),
            password: password.map(SecretString::from),
            api_token: token.map(SecretString::from),
        }
    }

    fn remembered() -> Option<Credentials> {
        let token = Some(Token::bare(SecretString::from("r")));
        Some(Credentials { origin: Origin::CredentialsFile, token, grant: None })
    }

    #[test]
    fn a_key_wins_over_a_password_and_that_over_a_token() {
        let all = sign_in(Some("k"), Some("u"), Some("p"), Some("t"));
        let chosen = choose(&all, Origin::Environment, remembered()).unwrap();
        assert!(matches!(chosen.grant, Some(Grant::ApiKey(_))));
        let two = sign_in(None, Some("u"), Some("p"), Some("t"));
        let chosen = choose(&two, Origin::Environment, remembered()).unwrap();
        assert!(matches!(chosen.grant, Some(Grant::Password { .. })));
        assert!(chosen.token.is_none());
        let one = sign_in(None, Some("u"), None, Some("t"));
        let chosen = choose(&one, Origin::Environment, remembered()).unwrap();
        assert!(chosen.grant.is_none() && chosen.token.is_some());
        assert_eq!(chosen.origin, Origin::Environment);
    }

    #[test]
    fn half_a_password_sign_in_leaves_the_remembered_one() {
        let half = sign_in(None, Some("u"), None, None);
        let chosen = choose(&half, Origin::Environment, remembered()).unwrap();
        assert_eq!(chosen.origin, Origin::CredentialsFile);
        assert!(choose(&half, Origin::Environment, None).is_none());
    }
}
