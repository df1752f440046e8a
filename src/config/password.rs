//! What a password may be.

use secrecy::{ExposeSecret, SecretString};

/// bcrypt looks at no more bytes than these.
const MAX_BYTES: usize = 72;

/// A password that may not be set.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum UnusablePassword {
    #[error("an empty password is not accepted; give at least 1 character")]
    Empty,
    #[error("a password longer than {MAX_BYTES} bytes is not accepted, since bcrypt reads no more")]
    TooLong,
    #[error("a password with a NUL character is not accepted")]
    Nul,
}

/// Checks a password that someone wants to set.
///
/// # Errors
/// [`UnusablePassword`] with the reason.
pub(crate) fn check_new(password: &SecretString) -> Result<(), UnusablePassword> {
    let password = password.expose_secret();
    match password {
        "" => Err(UnusablePassword::Empty),
        _ if password.len() > MAX_BYTES => Err(UnusablePassword::TooLong),
        _ if password.contains('\0') => Err(UnusablePassword::Nul),
        _ => Ok(()),
    }
}
