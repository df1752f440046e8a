//! Token exchange (RFC 8693): a token that somebody else has issued, for one of the service account that a trust rule
//! names.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::accounts::users::Account;
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::auth::Scope;
use crate::auth::jwt::IssuedToken;
use crate::auth::throttle::Subject;
use crate::http::error::{ApiError, ApiResult};
use crate::issuers::{BY_PUBLIC_KEY, Expected, JWT, Refused, Unverified, Verified};
use crate::login::attempt::may_try;
use crate::login::issue::{self, Granted};
use crate::login::origin::Sender;
use crate::login::token_endpoint::{Wanted, narrowed, oauth};
use crate::store::{Timestamp, Update};
use crate::trusts::{MAX_AGE, TABLE, TrustRow, Unmet, used};

/// How failures are counted of one whom an issuer has vouched for.
const GUESSED: &str = "subject token";

/// What one rule says of a token.
pub(crate) struct Judged {
    pub rule: TrustRow,
    pub verdict: Result<(Verified, Arc<Account>), Vec<Unmet>>,
}

/// Asks rules about a token that came from this address.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn judge(
    app: &App,
    rules: Vec<TrustRow>,
    token: &Unverified<'_>,
    address: IpAddr,
    now: DateTime<Utc>,
) -> ApiResult<Vec<Judged>> {
    // Rules share issuers and keys: each signature is checked once.
    let mut verified: HashMap<(String, Option<String>), Result<Verified, Unmet>> = HashMap::new();
    let mut judged = Vec::new();
    for rule in rules {
        let keys = (rule.body.issuer.clone(), rule.jwks.clone());
        let known = match verified.get(&keys) {
            Some(known) => known.clone(),
            None => {
                let result = verify(app, &rule, token, now).await;
                verified.entry(keys).or_insert(result).clone()
            }
        };
        let account = app.auth.identities.account(rule.body.service_account_id.0).await;
        let account = account.map_err(|error| ApiError::store_unavailable(&error))?;
        let account = account.filter(|account| account.body.is_service_account);
        let mut unmet = match &known {
            Ok(verified) => rule.unmet(verified, address),
            Err(refused) => vec![refused.clone()],
        };
        match &account {
            None => unmet.push(Unmet::NoAccount),
            Some(account) if !account.body.active => unmet.push(Unmet::InactiveAccount),
            Some(_) => {}
        }
        let verdict = match (known, account) {
            (Ok(verified), Some(account)) if unmet.is_empty() => Ok((verified, account)),
            _ => Err(unmet),
        };
        judged.push(Judged { rule, verdict });
    }
    Ok(judged)
}

async fn verify(
    app: &App,
    rule: &TrustRow,
    token: &Unverified<'_>,
    now: DateTime<Utc>,
) -> Result<Verified, Unmet> {
    // Who it is for is another question of each rule.
    let expected = Expected {
        issuer: &rule.body.issuer,
        audience: None,
        types: JWT,
        algorithms: BY_PUBLIC_KEY,
        max_age: Some(MAX_AGE),
    };
    Ok(app.issuers.verify(&rule.source()?, token, &expected, now).await?)
}

/// Trades a token.
///
/// # Errors
/// 400 with why not, 403 for one that comes from elsewhere than its rule says, 429 for one that comes too early, 503 while
/// its issuer can't be asked.
pub(crate) async fn exchange(
    app: &App,
    origin: &Origin,
    sender: Sender,
    subject_token: &SecretString,
    wanted: &Wanted,
) -> ApiResult<(IssuedToken, Scope, i64)> {
    let now = app.env.clock.now();
    let stranger = [Subject::address(sender.address)];
    may_try(app, &stranger).await?;
    let text = subject_token.expose_secret().trim();
    let found = match Unverified::read(text) {
        Ok(token) => find(app, &token, wanted, sender.address, now).await,
        Err(unreadable) => Err(Failure::of(unreadable)),
    };
    let found = match found {
        Ok(found) => found,
        Err(failure) => return Err(refuse(app, origin, stranger, failure, now).await),
    };
    match give(app, origin, sender, found, wanted, now).await {
        Err(error) if error.oauth_code().is_some() => {
            let event = app.audit.event(origin, Action::SignInRefused).by(Claim::of("subject_token"));
            app.audit.refused(event.refused(error.to_string()), None).await;
            Err(error)
        }
        given => given,
    }
}

/// A rule that takes a token.
struct Found {
    rule: TrustRow,
    verified: Verified,
    account: Arc<Account>,
}

/// Why none does.
struct Failure {
    error: ApiError,
    /// Whether it was the caller's.
    is_refusal: bool,
    /// Whom the issuer has vouched for, where its signature was good.
    subject: Option<String>,
}

impl Failure {
    fn of(refused: Refused) -> Self {
        match refused {
            Refused::Issuers(error) if error.is_passing() => {
                let message = format!("The subject token can't be checked now: {error}.");
                Self { error: ApiError::unavailable(message, 10), is_refusal: false, subject: None }
            }
            refused => Self::refusal(format!("The subject token is refused: {refused}."), None),
        }
    }

    fn refusal(message: impl Into<String>, subject: Option<String>) -> Self {
        Self { error: oauth("invalid_request", message), is_refusal: true, subject }
    }

    /// A rule would take it, and not from there: as of a token that is used elsewhere.
    fn elsewhere(address: IpAddr, subject: String) -> Self {
        let message = format!("The subject token may not be exchanged from {address}.");
        Self { error: ApiError::illegal(message), is_refusal: true, subject: Some(subject) }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, is_refusal: false, subject: None }
    }
}

async fn find(
    app: &App,
    token: &Unverified<'_>,
    wanted: &Wanted,
    address: IpAddr,
    now: DateTime<Utc>,
) -> Result<Found, Failure> {
    let issuer = token.issuer().ok_or_else(|| Failure::of(Refused::Missing("issuer (iss)")))?;
    let rules = TrustRow::of_issuer(&app.auth_store, issuer).await.map_err(ApiError::from)?;
    if rules.is_empty() {
        return Err(Failure::refusal("The subject token is refused: no trust rule is for its issuer.", None));
    }
    let (mut refused, mut subject, mut audience, mut is_elsewhere) = (None, None, None, false);
    for Judged { rule, verdict } in judge(app, rules, token, address, now).await? {
        match verdict {
            Ok((verified, account)) if wanted.is_meant(&rule, &account) => {
                return Ok(Found { rule, verified, account });
            }
            Ok(_) => subject = Some(told(token)),
            Err(unmet) if matches!(unmet[..], [Unmet::Address(_)]) => {
                (subject, is_elsewhere) = (Some(told(token)), true);
            }
            Err(unmet) => match unmet.into_iter().next() {
                Some(Unmet::Token(Refused::Audience(of))) => {
                    (subject, audience) = (Some(told(token)), Some(of));
                }
                Some(Unmet::Token(reason)) => refused = Some(reason),
                Some(Unmet::Damaged) => {}
                _ => subject = Some(told(token)),
            },
        }
    }
    match (subject, refused) {
        // Which conditions there are is nobody's business but the admins'.
        (Some(subject), _) => {
            if let Err(early) = may_try(app, &[Subject::guessed(GUESSED, &subject)]).await {
                return Err(early.into());
            }
            if is_elsewhere {
                return Err(Failure::elsewhere(address, subject));
            }
            let of = audience.map(|of| format!(" (it is for the audience {of})")).unwrap_or_default();
            let message = format!(
                "The subject token is good, and no trust rule takes it{of}: an admin can see why with `zendo trust test`."
            );
            Err(Failure::refusal(message, Some(subject)))
        }
        (None, Some(reason)) => Err(Failure::of(reason)),
        (None, None) => Err(Failure::refusal("The subject token is refused.", None)),
    }
}

/// Whose token it is, for what counts by that.
fn told(token: &Unverified<'_>) -> String {
    let subject = token.claims().get("sub").and_then(Value::as_str).unwrap_or_default();
    format!("{} {subject}", token.issuer().unwrap_or_default())
}

/// Counts a failure, and leaves its record: of whoever the issuer has vouched for, else of the address.
async fn refuse(
    app: &App,
    origin: &Origin,
    stranger: [Subject; 1],
    failure: Failure,
    now: DateTime<Utc>,
) -> ApiError {
    let Failure { error, is_refusal, subject } = failure;
    if !is_refusal {
        return error;
    }
    let counted = match &subject {
        Some(subject) => [Subject::guessed(GUESSED, subject)],
        None => stranger,
    };
    let event = app.audit.event(origin, Action::SignInRefused).by(Claim::of("subject_token"));
    let event = event.maybe("subject", subject).refused(error.to_string());
    app.audit.refused(event, None).await;
    match app.sign_in.throttle.failed(&counted, now).await {
        Ok(()) => error,
        Err(failed) => failed.into(),
    }
}

async fn give(
    app: &App,
    origin: &Origin,
    sender: Sender,
    Found { rule, verified, account }: Found,
    wanted: &Wanted,
    now: DateTime<Utc>,
) -> ApiResult<(IssuedToken, Scope, i64)> {
    wanted.check_target(app, &rule.body.audience)?;
    let of_rule = rule.downscope().map_err(|error| oauth("invalid_request", format!("{error}.")))?;
    let scope = narrowed(app, &Scope::default(), &of_rule, wanted).await?;
    let expires_at = now.timestamp() + wanted.lifetime(app, rule.body.expires_in);
    let credential = rule.metadata.credential_id;
    let claim = Claim { account: Some((account.id, account.name.clone())), ..Claim::of("subject_token") };
    let granted = Granted {
        account,
        parent_id: credential,
        parents: vec![credential.0],
        scope: scope.clone(),
        name: wanted.name.clone().unwrap_or_else(|| rule.name.clone()),
        expires_at,
    };
    let signed = issue::sign(app, granted, sender, now).await?;
    let claim = Claim { token_id: Some(signed.token.id), ..claim };
    let event = app.audit.event(origin, Action::SignIn).by(claim).on("trust", rule.id, &rule.name);
    let event = event.with("issuer", rule.body.issuer.as_str()).maybe("subject", verified.subject());
    let last_used = Update::unnoted(TABLE, rule.id).set("last_used", Timestamp::new(now)).statement();
    let (verified, last_used, event) = (&verified, &last_used, &event);
    let is_first = app.auth_store.write(|mut tx| async move {
        if !used::note(&mut tx, verified, now).await? {
            return tx.commit(false).await;
        }
        tx.execute(last_used).await?;
        event.commit(tx, true).await
    });
    if !is_first.await.map_err(|error: crate::store::StoreError| ApiError::from(error))? {
        return Err(oauth("invalid_request", "The subject token was used before: each is exchanged once."));
    }
    let token = signed.register(app).await?;
    Ok((token, scope, expires_at - now.timestamp()))
}
