//! An attempt to prove a secret that could be guessed: a password, or a token that was typed for one. Every place where
//! one is proved goes through here, so that limits are the same everywhere and go by what was meant.

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::auth::known_places::Place;
use crate::auth::password::Permit;
use crate::auth::throttle::Subject;
use crate::http::error::{ApiError, ApiResult};
use crate::store::Id;

/// What is guessed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guessed {
    /// By somebody who wants to sign in.
    Password,
    /// By somebody who is signed in, and wants another one.
    OwnPassword,
    ActivationToken,
}

impl Guessed {
    fn kind(self) -> &'static str {
        match self {
            Self::Password => "account",
            Self::OwnPassword => "own password",
            Self::ActivationToken => "activation",
        }
    }
}

/// An attempt that has waited for its turn. Whatever the caller does now, it is counted.
pub(crate) struct Attempt<'a> {
    app: &'a App,
    permit: Permit<'a>,
    subjects: [Subject; 2],
    has_failed: bool,
}

impl<'a> Attempt<'a> {
    /// Waits for a thread. `user_id` and `name` are those of the account that is meant; of one that isn't there the name
    /// is what was typed.
    ///
    /// # Errors
    /// 429 for one that comes too early.
    pub(crate) async fn begin(
        app: &'a App,
        guessed: Guessed,
        (user_id, name): (Option<Id>, &str),
        place: &Place,
    ) -> ApiResult<Self> {
        let known = app.sign_in.known_places.find(user_id, place).await?;
        let of_the_place = known.filter(|_| guessed != Guessed::ActivationToken);
        let account = match of_the_place {
            Some(digest) => Subject::known_place(&digest),
            None => Subject::guessed(guessed.kind(), name),
        };
        let subjects = [account, Subject::address(place.address)];
        // Asked before the wait for a thread, to turn a flood away cheaply, and after it, since others may have failed
        // meanwhile.
        may_try(app, &subjects).await?;
        let permit = app.auth.passwords.permit().await?;
        let has_failed = may_try(app, &subjects).await?;
        Ok(Self { app, permit, subjects, has_failed })
    }

    /// Whether the secret is right; `counts` is false for one that is good for nothing, which is a wrong one to whoever
    /// asks. Failures make the next attempt wait.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub(crate) async fn verify(
        self,
        secret: SecretString,
        hash: Option<&SecretString>,
        counts: bool,
    ) -> ApiResult<bool> {
        let Self { app, permit, subjects, has_failed } = self;
        let hash = hash.map(ExposeSecret::expose_secret);
        let is_right = permit.verify(secret, hash).await? && counts;
        if !is_right {
            app.sign_in.throttle.failed(&subjects, app.env.clock.now()).await?;
        } else if has_failed {
            app.sign_in.throttle.succeeded(&subjects[0]).await?;
        }
        Ok(is_right)
    }
}

/// Whether one of the subjects has failed lately.
///
/// # Errors
/// 429 when they have to wait.
pub(crate) async fn may_try(app: &App, subjects: &[Subject]) -> ApiResult<bool> {
    let checked = app.sign_in.throttle.check(subjects, app.env.clock.now()).await?;
    checked.map_err(|too_early| ApiError::too_early(too_early.seconds))
}
