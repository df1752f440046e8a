//! A server's address, in the one spelling that is also its key in `credentials.yaml`.

use std::fmt;

use super::ClientError;
use super::error::printable;

/// The address of a ZenML server: `http` or `https`, a host, and no slash at the end.
///
/// The spelling is otherwise kept as given, because the official client looks credentials up by exactly that
/// text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Reads an address as people and files write it.
    ///
    /// # Errors
    ///
    /// [`ClientError::InvalidUrl`] when it is not an `http(s)` address with a host, or when it holds a user,
    /// a password, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let text = text.trim().trim_end_matches('/');
        let invalid = |reason: &str| ClientError::InvalidUrl {
            // What stands before an `@` may be a password.
            given: printable(text.rsplit('@').next().unwrap_or_default()),
            reason: reason.to_owned(),
        };
        if !(text.starts_with("http://") || text.starts_with("https://")) {
            return Err(invalid("it has to start with http:// or https://"));
        }
        let parsed = url::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid("leave the user name and password out of it"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid("leave out what follows `?` or `#`"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full address of an API route such as `/info`.
    pub fn api(&self, route: &str) -> String {
        format!("{}/api/v1{route}", self.0)
    }

    /// Whether a password sent there would cross a network unprotected.
    pub fn is_plain_remote(&self) -> bool {
        let Ok(parsed) = url::Url::parse(&self.0) else {
            return false;
        };
        let local = match parsed.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        parsed.scheme() == "http" && !local
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_and_space_around_are_dropped() {
        for text in ["https://zen.example.com", " https://zen.example.com/ ", "https://zen.example.com//\n"] {
            assert_eq!(ServerUrl::parse(text).unwrap().as_str(), "https://zen.example.com");
        }
    }

    #[test]
    fn a_path_and_a_port_stay() {
        let url = ServerUrl::parse("http://h:8080/zen/").unwrap();
        assert_eq!(url.api("/info"), "http://h:8080/zen/api/v1/info");
    }

    #[test]
    fn what_is_no_server_address_is_refused_without_showing_a_password() {
        for text in [
            "",
            "zen.example.com",
            "ftp://h",
            "http://",
            "http://u:hunter2@h",
            "http://h/?a=b",
            "http://h/#x",
        ] {
            let error = ServerUrl::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_http_to_another_machine_is_unprotected() {
        for (text, expected) in [
            ("http://zen.example.com", true),
            ("https://zen.example.com", false),
            ("http://localhost:8080", false),
            ("http://127.0.0.1:8080", false),
            ("http://[::1]:8080", false),
        ] {
            assert_eq!(ServerUrl::parse(text).unwrap().is_plain_remote(), expected, "{text}");
        }
    }
}
