//! Where a sign-in leads: to a page of this server, and nowhere else.

use super::shell;
use crate::address::Address;

/// What can be signed in for: pages that only show something.
const PLACES: [&str; 2] = ["/console/", "/docs/"];
/// What is no page of a dashboard.
const NO_PAGES: [&str; 5] = ["/api/", "/oauth/", "/auth", "/.well-known/", "/console"];

/// The address to go to: what was asked for if it is a page below `root`, else the console's first one. Who follows a
/// link to the sign-in must not find that they have done more than signed in.
///
/// A server with a dashboard has its pages everywhere but where something else is.
pub(super) fn safe(asked: Option<&str>, root: &str, has_dashboard: bool) -> Address {
    let is_page = |address: &Address| {
        let path = address.path().strip_prefix(root).unwrap_or_default();
        let is_of_dashboard = has_dashboard && !NO_PAGES.iter().any(|place| path.starts_with(place));
        is_of_dashboard || PLACES.iter().any(|place| path.starts_with(place))
    };
    let address = asked.and_then(|asked| Address::asked(asked, root)).filter(is_page);
    address.unwrap_or_else(|| Address::of(shell::HOME, &[]).below(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::shell::HOME;

    #[test]
    fn a_sign_in_leads_to_a_page_of_this_server() {
        for path in [
            "/console/settings/members",
            "/console/devices/verify?device_id=1&user_code=2",
            "/console/settings/members?search=a%2Fb+c&page=2",
            "/docs/",
        ] {
            assert_eq!(safe(Some(path), "", false).as_str(), path);
        }
        assert_eq!(safe(Some("/zen/console/x"), "/zen", false).as_str(), "/zen/console/x");
        assert_eq!(safe(None, "/zen", false).as_str(), "/zen/console/settings/api-tokens");
    }

    #[test]
    fn a_dashboards_pages_are_pages_too() {
        for path in ["/", "/devices/verify?device_id=1&user_code=2", "/projects/default/runs", "/console/x"] {
            assert_eq!(safe(Some(path), "", true).as_str(), path);
        }
        for path in [
            "//evil.example",
            "/api/v1/logout",
            "/oauth/introspect",
            "https://evil.example",
            "/x/../api/v1/logout",
        ] {
            assert_eq!(safe(Some(path), "", true).as_str(), HOME, "{path}");
        }
    }

    #[test]
    fn a_sign_in_never_leads_elsewhere() {
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/.//evil.example",
            "/console//evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "console",
            " /console/",
            "/console/ x",
            "/api/v1/logout",
            "/console/../api/v1/logout",
            "/console/%2e%2e/api/v1/logout",
            "/console/.%2E/api/v1/logout",
            "/console/%252e%252e/api/v1/logout",
            "/console/..%2fapi/v1/logout",
            "/console/..%5capi/v1/logout",
            "/console/x%0d%0aset-cookie:y",
            "/console/x#fragment",
            "/console/%ff",
        ] {
            assert_eq!(safe(Some(path), "", false).as_str(), HOME, "{path:?}");
        }
        for path in ["/console/x", "/zenith/console/x", "/zen//evil.example", "/zen/../console/x"] {
            assert_eq!(safe(Some(path), "/zen", false).as_str(), format!("/zen{HOME}"), "{path:?}");
        }
    }
}
