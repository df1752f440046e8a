//! Passwords: bcrypt as ZenML's, off the async threads and behind a bound.

use std::sync::Arc;
use std::time::Instant;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub(crate) use crate::config::password::{UnusablePassword, check_new};
use crate::env::random::Randomness;
use crate::tasks;

/// bcrypt's least work factor.
const LEAST_COST: u32 = 4;
/// Salt and digest of a password that nobody has, for accounts that don't exist.
const DECOY: &str = "abcdefghijklmnopqrstuuTpkSfbbO3jSMXoQPYRB/gMQo.wyfz4G";

/// A thread that has checked a password rests so many times as long as the check took, whether it was right or wrong:
/// whoever comes next can tell how long the thread was away.
const REST: u32 = 1;

/// Bytes of randomness in a password that is made.
const RANDOM_BYTES: usize = 18;

/// A password that nobody has to think of.
pub(crate) fn make(random: &dyn Randomness) -> SecretString {
    random.text::<RANDOM_BYTES>().into()
}

/// A password couldn't be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("the server is shutting down")]
    Stopped,
    #[error("hashing failed: {0}")]
    Bcrypt(#[from] bcrypt::BcryptError),
}

/// Hashes and checks passwords on threads of their own, a bounded number at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    cost: u32,
    decoy_hash: Arc<str>,
}

impl Passwords {
    /// `parallelism`: checks at the same time at most; the others wait.
    pub fn new(parallelism: usize, cost: u32) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(parallelism.max(1))),
            cost,
            decoy_hash: format!("$2b${cost:02}${DECOY}").into(),
        }
    }

    /// Waits for a thread. Whoever has one goes on to the end, though the caller hangs up: a guess is counted.
    ///
    /// # Errors
    /// [`PasswordError`] when the server stops.
    pub async fn permit(&self) -> Result<Permit<'_>, PasswordError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| PasswordError::Stopped)?;
        tasks::must_finish();
        Ok(Permit { passwords: self, permit })
    }

    /// Threads that nobody has.
    pub fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// # Errors
    /// [`PasswordError`] when it can't be hashed.
    pub async fn hash(&self, password: SecretString) -> Result<SecretString, PasswordError> {
        let cost = self.cost;
        let hashed = self.permit().await?.run(move || bcrypt::hash(password.expose_secret(), cost)).await??;
        Ok(hashed.into())
    }

    /// Hashes a secret of 128 random bits or more: nobody guesses it, however little a guess costs.
    ///
    /// # Errors
    /// [`PasswordError`] when it can't be hashed.
    pub async fn hash_random(&self, secret: SecretString) -> Result<SecretString, PasswordError> {
        let hash = move || bcrypt::hash(secret.expose_secret(), LEAST_COST);
        let hashed = self.permit().await?.run(hash).await??;
        Ok(hashed.into())
    }

    /// Whether the password belongs to the hash. Without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// [`PasswordError`] when the server stops.
    pub async fn verify(&self, password: SecretString, hash: Option<&str>) -> Result<bool, PasswordError> {
        self.permit().await?.verify(password, hash).await
    }
}

/// Leave to use a thread, once.
#[derive(Debug)]
pub struct Permit<'a> {
    passwords: &'a Passwords,
    permit: OwnedSemaphorePermit,
}

impl Permit<'_> {
    /// As [`Passwords::verify`], for whoever has waited already.
    ///
    /// # Errors
    /// [`PasswordError`] when the server stops.
    pub async fn verify(self, password: SecretString, hash: Option<&str>) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| Arc::clone(&self.passwords.decoy_hash), Arc::from);
        // A hash in no form that bcrypt knows matches nothing.
        let check = move || bcrypt::verify(password.expose_secret(), &hash).unwrap_or(false);
        Ok(self.run_then_rest(check, REST).await? && known)
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        self.run_then_rest(work, 0).await
    }

    /// The permit moves into a task: work goes on when its request is dropped, and counts until it ends. The permit
    /// comes back only when `rest` times the work's time has passed, so that a flood of guesses leaves most of the
    /// processor to others; the answer doesn't wait for that. What came of the work has no part in it.
    async fn run_then_rest<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
        rest: u32,
    ) -> Result<T, PasswordError> {
        let permit = self.permit;
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            let begin = Instant::now();
            let Ok(value) = tokio::task::spawn_blocking(work).await else { return };
            let rest = begin.elapsed() * rest;
            drop(answer.send(value));
            tokio::time::sleep(rest).await;
            drop(permit);
        });
        answered.await.map_err(|_| PasswordError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_the_decoy_never() {
        let passwords = Passwords::new(1, 4);
        let hash = passwords.hash("sesame".to_owned().into()).await.unwrap();
        let hash = Some(hash.expose_secret());
        assert!(passwords.verify("sesame".to_owned().into(), hash).await.unwrap());
        assert!(!passwords.verify("Sesame".to_owned().into(), hash).await.unwrap());
        assert!(!passwords.verify("sesame".to_owned().into(), Some("plain")).await.unwrap());
        assert!(!passwords.verify("sesame".to_owned().into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_thread_rests_after_a_check_and_whoever_waits_for_it_cannot_tell_what_came_of_that() {
        let passwords = Passwords::new(1, 8);
        let hash = passwords.hash("sesame".to_owned().into()).await.unwrap();
        let hash = hash.expose_secret();
        for (password, hash) in [("sesame", Some(hash)), ("wrong", Some(hash)), ("sesame", None)] {
            drop(passwords.permit().await.unwrap());
            let begin = Instant::now();
            passwords.verify(password.to_owned().into(), hash).await.unwrap();
            assert_eq!(passwords.free(), 0, "it rests, though this answer didn't wait: {password}");
            // What the answer took is the check and a little more.
            let least = begin.elapsed() * REST / 2;
            let rest = Instant::now();
            drop(passwords.permit().await.unwrap());
            assert!(rest.elapsed() >= least, "{:?} after {password}", rest.elapsed());
        }
    }

    #[test]
    fn the_decoy_costs_what_a_real_hash_costs() {
        let passwords = Passwords::new(1, 4);
        let parts: bcrypt::HashParts = passwords.decoy_hash.parse().unwrap();
        assert_eq!(parts.get_cost(), 4);
        assert!(!bcrypt::verify("anything", &passwords.decoy_hash).unwrap());
    }

    #[test]
    fn passwords_that_bcrypt_would_cut_or_skip_are_refused() {
        let check = |text: &str| check_new(&text.to_owned().into());
        assert_eq!(check(""), Err(UnusablePassword::Empty));
        assert_eq!(check(&"x".repeat(73)), Err(UnusablePassword::TooLong));
        assert_eq!(check("a\0b"), Err(UnusablePassword::Nul));
        assert_eq!(check("x"), Ok(()));
    }
}
