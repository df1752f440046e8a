//! A device asks to be approved (RFC 8628, sections 3.1 and 3.2).

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{HeaderMap, USER_AGENT};
use axum::http::{Method, StatusCode, Uri};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use serde::Serialize;
use uuid::Uuid;

use super::device_codes::Codes;
use super::device_request::{ClientDetails, DeviceRequest, keep_request};
use crate::address::Address;
use crate::app::AppState;
use crate::audit::Origin;
use crate::config::{AuthScheme, ServerSettings};
use crate::http::error::{ApiError, ApiResult};
use crate::http::form;
use crate::http::query::{Violation, reject};
use crate::store::{Id, Timestamp};

/// What a VARCHAR(255) holds.
const MAX_DETAIL: usize = 255;

/// The answer to a device (contract schema OAuthDeviceAuthorizationResponse).
#[derive(Serialize)]
pub(crate) struct DeviceAuthorizationResponse {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    /// Seconds.
    expires_in: u32,
    /// Seconds between two questions.
    interval: u32,
}

/// The form of a device.
#[allow(dead_code, reason = "only its schema is used")]
struct DeviceAuthorizationForm {
    client_id: Uuid,
}

/// Makes the two codes with which a person approves a device and the device fetches its token.
pub(crate) async fn authorize_device(
    State(app): State<AppState>,
    origin: Origin,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Json<DeviceAuthorizationResponse>> {
    let client_id =
        client_id(&headers, &body).map_err(|violation| reject(method.as_str(), uri.path(), &[violation]))?;
    if matches!(app.config.auth_scheme, AuthScheme::NoAuth | AuthScheme::External) {
        let message = "Device authorization is not supported.";
        return Err(ApiError::plain(StatusCode::FORBIDDEN, message));
    }
    let expires_in = app.config.device_auth_timeout.0;
    let codes = Codes::make(&app).await?;
    let request = DeviceRequest {
        client_id,
        codes: &codes,
        expires: Timestamp::new(app.env.clock.now() + TimeDelta::seconds(expires_in.into())),
        ip_address: origin.client().0.to_string(),
        details: details(&headers),
    };
    let device_id = keep_request(&app, &origin, request).await?;
    let verification_uri = verification_uri(&app.config);
    let user_code = codes.user_code.expose_secret().to_owned();
    Ok(Json(DeviceAuthorizationResponse {
        device_code: codes.device_code.expose_secret().to_owned(),
        verification_uri_complete: Some(
            verification_uri.clone().with("device_id", device_id).with("user_code", &user_code).to_string(),
        ),
        user_code,
        verification_uri: verification_uri.to_string(),
        expires_in,
        interval: app.config.device_auth_polling_interval.0,
    }))
}

fn client_id(headers: &HeaderMap, body: &[u8]) -> Result<Id, Violation> {
    let violation = |kind, message, input| Violation {
        place: "body",
        field: "client_id".to_owned(),
        kind,
        message,
        input,
    };
    let sent = form::fields(headers, body).filter(|(name, _)| name == "client_id").last();
    let Some((_, text)) = sent else {
        return Err(violation("missing", "Field required".to_owned(), String::new()));
    };
    Uuid::try_parse(&text).map(Id).map_err(|error| {
        violation("uuid_parsing", format!("Input should be a valid UUID, {error}"), text.into_owned())
    })
}

/// Where a person approves. Without a URL of its own it is a path, which the client puts behind its server's URL.
fn verification_uri(config: &ServerSettings) -> Address {
    let url = config.dashboard_url.as_ref().or(config.server_url.as_ref());
    Address::of("/devices/verify", &[]).below(url.map_or("", |url| url.0.as_str()))
}

/// The official client's User-Agent: `Host/... ZenML/... Python/... OS/...`.
fn details(headers: &HeaderMap) -> ClientDetails {
    let mut details = ClientDetails::default();
    let text = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for (name, value) in text.split(' ').filter_map(|part| part.split_once('/')) {
        let place = match name {
            "Host" => &mut details.hostname,
            "ZenML" => &mut details.zenml_version,
            "Python" => &mut details.python_version,
            "OS" => &mut details.os,
            _ => continue,
        };
        *place = Some(value.chars().take(MAX_DETAIL).collect());
    }
    details
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn a_client_says_what_it_is() {
        let said = details(&headers("user-agent", "Host/my-host ZenML/0.98.0 Python/3.11 OS/linux x/y z"));
        let expected = ClientDetails {
            hostname: Some("my-host".to_owned()),
            zenml_version: Some("0.98.0".to_owned()),
            python_version: Some("3.11".to_owned()),
            os: Some("linux".to_owned()),
        };
        assert_eq!(said, expected);
        assert_eq!(details(&headers("user-agent", "curl/8")), ClientDetails::default());
        assert_eq!(details(&HeaderMap::new()), ClientDetails::default());
    }
}
