//! The two codes by which a person approves a device, and the device fetches its token (RFC 8628).

use secrecy::SecretString;

use crate::app::App;
use crate::http::error::ApiResult;

/// Bytes of randomness in the code that a person confirms, as in ZenML.
const USER_CODE_BYTES: usize = 16;
/// Bytes of randomness in the code that the device keeps, as in ZenML.
const DEVICE_CODE_BYTES: usize = 32;

/// The two codes of one request for approval, in clear and as they are stored.
pub(crate) struct Codes {
    pub user_code: SecretString,
    pub device_code: SecretString,
    pub user_code_hash: SecretString,
    pub device_code_hash: SecretString,
}

impl Codes {
    /// bcrypt, so that ZenML's server can check them too, at its least cost: they are random enough.
    ///
    /// # Errors
    /// When they can't be hashed.
    pub(crate) async fn make(app: &App) -> ApiResult<Self> {
        let user_code = SecretString::from(app.env.random.hex::<USER_CODE_BYTES>());
        let device_code = SecretString::from(app.env.random.hex::<DEVICE_CODE_BYTES>());
        let user_code_hash = app.auth.passwords.hash_random(user_code.clone()).await?;
        let device_code_hash = app.auth.passwords.hash_random(device_code.clone()).await?;
        Ok(Self { user_code, device_code, user_code_hash, device_code_hash })
    }
}
