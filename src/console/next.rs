//! Where a sign-in leads: to a page of this server, and nowhere else.

/// The page that the console opens with, behind the root path.
pub const HOME: &str = "/console/settings/api-tokens";

/// The address to go to: what was asked for if it is a path below `root`, else the console's first page.
///
/// Browsers read `//host`, `/\host` and `/<tab>/host` as another server's address, so nothing of that kind counts.
pub fn safe(asked: Option<&str>, root: &str) -> String {
    let is_path = |path: &&str| {
        let rest = path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
        rest.is_some_and(|rest| !rest.starts_with('/'))
            && path.starts_with('/')
            && !path.contains("//")
            && path.chars().all(|character| character.is_ascii_graphic() && character != '\\')
    };
    asked.filter(is_path).map_or_else(|| format!("{root}{HOME}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_a_path_of_this_server() {
        for path in ["/console/settings/members", "/console/devices/verify?device_id=1&user_code=2", "/docs/"]
        {
            assert_eq!(safe(Some(path), ""), path);
        }
        assert_eq!(safe(Some("/zen/console/x"), "/zen"), "/zen/console/x");
        assert_eq!(safe(None, "/zen"), "/zen/console/settings/api-tokens");
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
            "https://evil.example",
            "javascript:alert(1)",
            "console",
            " /console",
        ] {
            assert_eq!(safe(Some(path), ""), HOME, "{path:?}");
        }
        for path in ["/console", "/zenith", "/zen//evil.example"] {
            assert_eq!(safe(Some(path), "/zen"), format!("/zen{HOME}"), "{path:?}");
        }
    }
}
