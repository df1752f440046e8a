//! The provider, and what is asked of it.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use http::HeaderMap;
use jsonwebtoken::Algorithm;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType, CoreJsonWebKeySet,
    CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce, NonceVerifier, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    SignatureVerificationError, SubjectIdentifier, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::OidcError;
use super::pending::PendingSignIn;
use super::person::Person;
use super::types::{Client, Metadata, TokenAnswer, UserInfo};
use crate::config::{OidcSettings, Secret, Text};
use crate::issuers::{Expected, Issuers, Published, Refused, Source, Unverified, Verified};
use crate::outbound::{Call, CallError, Outbound, Tls};

/// By which clocks may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// An ID token comes straight from the provider, just made.
const OLDEST: TimeDelta = TimeDelta::minutes(10);

/// The signatures that count; none that is made with the client's secret.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
/// The same, as the library of ID tokens calls them.
const OF_ID_TOKENS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// One provider, by its issuer.
pub(crate) struct Provider {
    pub(crate) settings: OidcSettings,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    outbound: Outbound,
    issuers: Issuers,
}

/// Somebody whom the provider has vouched for, and the token by which it is asked again.
pub(crate) struct SignedIn {
    pub person: Person,
    pub refresh_token: Option<SecretString>,
}

/// What the provider says when it is asked again.
pub(crate) enum Again {
    /// They may still come; what else it says of them, if it does.
    Good { person: Option<Person>, refresh_token: Option<SecretString> },
    /// They may not.
    Over(&'static str),
}

type Sent = BoxFuture<'static, Result<HttpResponse, CallError>>;

impl Provider {
    pub(super) fn of(settings: &OidcSettings, issuers: &Issuers) -> Option<Self> {
        let (issuer, Text(client_id)) = (settings.issuer.as_ref()?, settings.client_id.as_ref()?);
        let secret = settings.client_secret.as_ref();
        Some(Self {
            settings: settings.clone(),
            issuer: IssuerUrl::new(issuer.1.clone()).ok()?,
            client_id: ClientId::new(client_id.clone()),
            client_secret: secret.map(|Secret(secret)| ClientSecret::new(secret.expose_secret().to_owned())),
            outbound: Outbound::anywhere(),
            issuers: issuers.clone(),
        })
    }

    /// What the provider is called.
    pub(crate) fn name(&self) -> String {
        self.settings.provider_name()
    }

    pub(crate) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    fn away(&self, reason: impl Into<String>) -> OidcError {
        OidcError::Away { name: self.name(), reason: reason.into() }
    }

    fn http(&self) -> impl Fn(HttpRequest) -> Sent + use<> {
        let outbound = self.outbound.clone();
        move |request| {
            let outbound = outbound.clone();
            Box::pin(async move { send(&outbound, request).await })
        }
    }

    /// What it says of itself, with its keys.
    async fn metadata(&self, now: DateTime<Utc>) -> Result<Metadata, OidcError> {
        let published = self.issuers.published(self.issuer(), now).await;
        let published = published.map_err(|error| self.away(error.to_string()))?;
        self.read(&published)
    }

    /// The same, where it has signed with a key that isn't known: it is asked again, at most once a minute.
    async fn look_again(&self, now: DateTime<Utc>) -> Result<Metadata, OidcError> {
        let published = self.issuers.look_again(self.issuer(), now, |_| true).await;
        let published = published.map_err(|error| self.away(error.to_string()))?;
        self.read(&published)
    }

    fn read(&self, published: &Published) -> Result<Metadata, OidcError> {
        let metadata: Metadata =
            serde_json::from_slice(&published.document).map_err(|error| self.away(reason_of(&error)))?;
        let keys: CoreJsonWebKeySet =
            serde_json::from_value(published.keys.as_json()).map_err(|error| self.away(reason_of(&error)))?;
        Ok(metadata.set_jwks(keys))
    }

    /// What a token of its own kinds has to be.
    pub(super) fn expected<'e>(&'e self, types: &'e [&'e str], max_age: TimeDelta) -> Expected<'e> {
        Expected {
            issuer: self.issuer(),
            audience: Some(self.client_id.as_str()),
            types,
            algorithms: &ALGORITHMS,
            max_age: Some(max_age),
        }
    }

    /// Checks a token that it has signed.
    ///
    /// # Errors
    /// When it isn't that, with `what` it is called; or when the provider gives no answer.
    pub(super) async fn verify(
        &self,
        what: &str,
        token: &Unverified<'_>,
        expected: &Expected<'_>,
        now: DateTime<Utc>,
    ) -> Result<Verified, OidcError> {
        let verified = self.issuers.verify(&Source::Discovery, token, expected, now).await;
        verified.map_err(|refused| match refused {
            Refused::Issuers(error) => self.away(error.to_string()),
            other => OidcError::refused(format!("{what} is not good: {other}.")),
        })
    }

    fn client(&self, metadata: &Metadata) -> Client {
        let client = Client::from_provider_metadata(
            metadata.clone(),
            self.client_id.clone(),
            self.client_secret.clone(),
        );
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_none_or(|methods| methods.contains(&method));
        match takes(CoreClientAuthMethod::ClientSecretBasic) {
            true => client.set_auth_type(AuthType::BasicAuth),
            false => client.set_auth_type(AuthType::RequestBody),
        }
    }

    /// Where somebody signs in.
    ///
    /// # Errors
    /// When the provider gives no answer.
    pub(crate) async fn authorization_url(
        &self,
        pending: &PendingSignIn,
        now: DateTime<Utc>,
    ) -> Result<String, OidcError> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata).set_redirect_uri(self.redirect_uri(pending)?);
        let verifier = PkceCodeVerifier::new(pending.verifier.clone());
        let (state, nonce) = (pending.state.clone(), pending.nonce.clone());
        let supported = metadata.scopes_supported();
        // It gives a refresh token only then, where it knows the scope.
        let offline = supported
            .is_some_and(|scopes| scopes.iter().any(|scope| scope.as_str() == "offline_access"))
            .then(|| "offline_access".to_owned())
            .filter(|_| {
                self.settings.recheck.0 > 0
                    && !self.settings.scopes.0.iter().any(|scope| scope == "offline_access")
            });
        let scopes = self.settings.scopes.0.iter().cloned().chain(offline).map(Scope::new);
        let (url, ..) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(scopes)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(url.into())
    }

    fn redirect_uri(&self, pending: &PendingSignIn) -> Result<RedirectUrl, OidcError> {
        RedirectUrl::new(pending.redirect_uri.clone())
            .map_err(|_| OidcError::refused("This server's own address can't be used."))
    }

    /// Checks that the answer is this provider's and no other's (RFC 9207).
    ///
    /// # Errors
    /// When another one says that it has sent them, or this one would have said so.
    pub(crate) async fn check_sender(
        &self,
        issuer: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), OidcError> {
        let says =
            self.metadata(now).await?.additional_metadata().authorization_response_iss_parameter_supported;
        match issuer {
            Some(issuer) if issuer != self.issuer.as_str() => Err(OidcError::refused(
                "The answer is of another provider than the one that was asked (iss).",
            )),
            None if says => Err(OidcError::refused("The answer doesn't say which provider it is of (iss).")),
            _ => Ok(()),
        }
    }

    /// Trades the code that somebody has brought back for who they are.
    ///
    /// # Errors
    /// When the provider gives no answer, or what it says isn't right.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        pending: &PendingSignIn,
        now: DateTime<Utc>,
    ) -> Result<SignedIn, OidcError> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata).set_redirect_uri(self.redirect_uri(pending)?);
        let http = self.http();
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| self.away("it says no token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()));
        let answer = request.request_async(&http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) => OidcError::refused(format!(
                "The provider refused the code: {}.",
                word(refusal.error().as_ref())
            )),
            other => self.away(reason_of(&other)),
        })?;
        let nonce = Nonce::new(pending.nonce.clone());
        let person = self.person_of(&answer, metadata, Some(&nonce), now).await?;
        let person = person.ok_or_else(|| OidcError::refused("The provider gave no ID token."))?;
        let person = self.with_user_info(person, answer.access_token(), now).await?;
        Ok(SignedIn { person, refresh_token: refresh_token_of(&answer) })
    }

    /// Asks whether somebody may still come.
    ///
    /// # Errors
    /// When the provider gives no answer: that says nothing of them.
    pub(crate) async fn ask_again(
        &self,
        refresh_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Again, OidcError> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata);
        let http = self.http();
        let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let request =
            client.exchange_refresh_token(&token).map_err(|_| self.away("it says no token endpoint"))?;
        let answer = match request.request_async(&http).await {
            Ok(answer) => answer,
            Err(RequestTokenError::ServerResponse(refusal)) => {
                return match refusal.error() {
                    CoreErrorResponseType::InvalidGrant => Ok(Again::Over("the provider has ended it")),
                    // This server is not what it was to the provider; that says nothing of the person.
                    other => Err(self.away(format!("it refuses this server ({})", word(other.as_ref())))),
                };
            }
            Err(other) => return Err(self.away(reason_of(&other))),
        };
        let person = match self.person_of(&answer, metadata, None, now).await {
            Ok(person) => person,
            Err(OidcError::Refused(reason)) => return Err(self.away(reason)),
            Err(error) => return Err(error),
        };
        let person = match person {
            Some(person) => Some(self.with_user_info(person, answer.access_token(), now).await?),
            None => None,
        };
        Ok(Again::Good { person, refresh_token: refresh_token_of(&answer) })
    }

    /// Whom the answer's ID token is of, if it has one.
    async fn person_of(
        &self,
        answer: &TokenAnswer,
        metadata: Metadata,
        nonce: Option<&Nonce>,
        now: DateTime<Utc>,
    ) -> Result<Option<Person>, OidcError> {
        use ClaimsVerificationError::SignatureVerification;
        let Some(id_token) = answer.id_token() else { return Ok(None) };
        let read = |metadata: &Metadata| {
            let client = self.client(metadata);
            let verifier = client
                .id_token_verifier()
                .set_allowed_algs(OF_ID_TOKENS)
                .set_time_fn(move || now - LEEWAY)
                .set_issue_time_verifier_fn(move |issued| match now - issued {
                    age if age < -LEEWAY => Err("it is of the future".to_owned()),
                    age if age > OLDEST => Err("it is too old".to_owned()),
                    _ => Ok(()),
                });
            let checked_nonce = |said: Option<&Nonce>| match (nonce, said) {
                (None, _) => Ok(()),
                (Some(nonce), said) => NonceVerifier::verify(nonce, said),
            };
            let claims = id_token.claims(&verifier, checked_nonce).cloned()?;
            if let Some(expected) = claims.access_token_hash() {
                let key = id_token.signing_key(&verifier);
                let key = key.map_err(SignatureVerification)?;
                let algorithm = id_token.signing_alg();
                let algorithm = algorithm.map_err(SignatureVerification)?;
                let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
                if actual.ok().as_ref() != Some(expected) {
                    let message = "it is of another access token".to_owned();
                    return Err(ClaimsVerificationError::Other(message));
                }
            }
            Ok(claims)
        };
        let claims = match read(&metadata) {
            Err(SignatureVerification(
                SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
            )) => read(&self.look_again(now).await?),
            read => read,
        };
        let claims = claims.map_err(|error| {
            OidcError::refused(format!("The provider's ID token is not good: {}.", told(&error)))
        })?;
        if claims.authorized_party().is_some_and(|party| *party != self.client_id) {
            return Err(OidcError::refused("The provider's ID token is for another client (azp)."));
        }
        let subject = claims.subject().as_str().to_owned();
        Person::new(&subject, as_map(&claims)).map(Some)
    }

    /// With what the provider tells only whoever asks: many tell groups and addresses nowhere else, so without that answer
    /// nobody could be judged.
    async fn with_user_info(
        &self,
        person: Person,
        access_token: &AccessToken,
        now: DateTime<Utc>,
    ) -> Result<Person, OidcError> {
        let metadata = self.metadata(now).await?;
        if metadata.userinfo_endpoint().is_none() {
            return Ok(person);
        }
        let client = self.client(&metadata);
        let subject = SubjectIdentifier::new(person.subject.clone());
        let request = client
            .user_info(access_token.clone(), Some(subject))
            .map_err(|_| self.away("it says no userinfo endpoint"))?;
        let http = self.http();
        let asked: Result<UserInfo, _> = request.request_async(&http).await;
        match asked {
            Ok(info) => Ok(person.with(as_map(&info))),
            Err(error) => Err(self.away(reason_of(&error))),
        }
    }
}

fn refresh_token_of(answer: &TokenAnswer) -> Option<SecretString> {
    answer.refresh_token().map(|token| token.secret().clone().into())
}

fn as_map(claims: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(map)) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

async fn send(outbound: &Outbound, request: HttpRequest) -> Result<HttpResponse, CallError> {
    let (parts, body) = request.into_parts();
    let url = parts.uri.to_string().parse().map_err(|_| CallError::Url)?;
    let headers: HeaderMap = parts.headers;
    let call = Call { method: parts.method, url, headers, body, tls: Tls::default() };
    let answer = outbound.call(call).await?;
    let mut response = HttpResponse::new(answer.body);
    (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
    Ok(response)
}

/// The innermost reason, in a line: the far side's words are none of it but for what a parser says.
fn reason_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let text: String =
        reason.to_string().chars().filter(|character| !character.is_control()).take(200).collect();
    text
}

/// A word of OAuth's errors; anything else isn't repeated.
pub(crate) fn word(text: &str) -> &str {
    let is_word = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { text } else { "it doesn't say why" }
}

/// What is wrong with an ID token, without what it says.
fn told(error: &ClaimsVerificationError) -> &'static str {
    use ClaimsVerificationError as Wrong;
    use SignatureVerificationError as Signature;
    match error {
        Wrong::Expired(_) => "it is too old, or of the future",
        Wrong::InvalidAudience(_) => "it is for another client",
        Wrong::InvalidIssuer(_) => "it is of another issuer",
        Wrong::InvalidNonce(_) => "it was made for another sign-in (nonce)",
        Wrong::SignatureVerification(Signature::NoMatchingKey) => "the provider has no such key",
        Wrong::SignatureVerification(Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_)) => {
            "its signature is of a kind that doesn't count"
        }
        Wrong::SignatureVerification(Signature::NoSignature) => "it has no signature",
        Wrong::SignatureVerification(_) => "its signature is wrong",
        _ => "it can't be read",
    }
}
