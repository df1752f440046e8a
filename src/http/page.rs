//! From which page a browser's request comes, and what such a page may do with what the browser adds by itself: its
//! cookies, the password it remembers for HTTP Basic, its place in a network.
//!
//! `Sec-Fetch-Site` counts before all else, since no script can set it; browsers send it to https and to loopback.
//! Without it `Origin` counts, then `Referer`. A request with none of them comes from no page: from a program, or from
//! an address that somebody has typed. `Origin: null` is of a page that hides, and is another site's.

use axum::http::header::{HOST, ORIGIN, REFERER};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::config::{HttpUrl, ServerSettings};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a request's page is from, seen from this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// Of this server's own origin, or no page at all.
    pub is_own: bool,
    /// Of an origin that the operator has listed.
    pub is_listed: bool,
    /// Of this server's site: its host, or one below it, over the same scheme. Ports are no part of a site, and a
    /// cookie goes to each of them.
    pub is_same_site: bool,
    /// The browser itself has said that the page is another origin's.
    is_told: bool,
}

impl Page {
    const OWN: Self = Self { is_own: true, is_listed: false, is_same_site: true, is_told: false };
    const FOREIGN: Self = Self { is_own: false, is_listed: false, is_same_site: false, is_told: false };

    /// The page of a request with these headers.
    pub(crate) fn of(config: &ServerSettings, headers: &HeaderMap) -> Self {
        let fetch_site = match one(headers, &SEC_FETCH_SITE) {
            Ok(fetch_site) => fetch_site,
            Err(Malformed) => return Self::FOREIGN,
        };
        let is_told = fetch_site.is_some();
        let origin = match origin_of(headers) {
            Ok(None) => {
                let is_own = matches!(fetch_site, None | Some("same-origin" | "none"));
                return if is_own { Self::OWN } else { Self { is_told, ..Self::FOREIGN } };
            }
            Ok(Some(origin)) => origin,
            // The page may hide from whom its requests come, but not from its own browser.
            Err(Malformed) if fetch_site == Some("same-origin") => return Self::OWN,
            Err(Malformed) => return Self { is_told, ..Self::FOREIGN },
        };
        let server = Server { config, headers };
        let is_own = match fetch_site {
            Some(site) => site == "same-origin",
            None => server.is_own(&origin, PortRule::MayBeCutOff),
        };
        Self {
            is_own,
            is_listed: is_listed(config, &origin),
            is_same_site: is_own
                || (matches!(fetch_site, None | Some("same-site")) && server.is_same_site(&origin)),
            is_told,
        }
    }

    /// Whether it may act with what the browser adds by itself.
    pub(crate) fn may_act(self) -> bool {
        self.is_own || self.is_listed
    }

    /// Whether a sign-in may leave its cookie in the browser, in place of one that may be there: a page that can't
    /// read the answer has nothing else to gain from it.
    pub(crate) fn may_sign_in(self, headers: &HeaderMap) -> bool {
        self.may_act() || self.is_same_site || !(self.is_told || is_navigation(headers))
    }

    /// Whether it may end a session. A link leaves no trace where browsers don't tell of the page, but it wants to see
    /// one.
    pub(crate) fn may_sign_out(self, headers: &HeaderMap) -> bool {
        let has_page = self.is_told || headers.contains_key(ORIGIN) || headers.contains_key(REFERER);
        let is_own_request = headers.contains_key(SEC_FETCH_SITE) || has_page || !is_navigation(headers);
        self.may_act() && is_own_request
    }
}

/// Whether pages of that origin may read this server's answers with what the browser adds by itself.
pub(crate) fn may_read(config: &ServerSettings, headers: &HeaderMap, origin: &HeaderValue) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(parse) else { return false };
    is_listed(config, &origin) || Server { config, headers }.is_own(&origin, PortRule::Exact)
}

/// The browser goes to what is answered, by a link, a form or a frame.
fn is_navigation(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(http::header::ACCEPT).iter();
    accepted.filter_map(|accepted| accepted.to_str().ok()).any(|accepted| accepted.contains("text/html"))
}

/// The operator's list, and the dashboard that they have named.
fn is_listed(config: &ServerSettings, origin: &Url) -> bool {
    let is_it = |listed: &str| Url::parse(listed).is_ok_and(|listed| listed.origin() == origin.origin());
    let listed = config.cors_allow_origins.listed.iter().filter_map(|listed| listed.to_str().ok());
    let dashboard = config.dashboard_url.iter().map(|url| url.0.as_str());
    listed.chain(dashboard).any(is_it)
}

/// Whether a port that `Host` lacks is the scheme's, or may have been cut off by a proxy on the way.
#[derive(PartialEq)]
enum PortRule {
    Exact,
    MayBeCutOff,
}

/// What the server knows of its own address.
struct Server<'a> {
    config: &'a ServerSettings,
    headers: &'a HeaderMap,
}

impl Server<'_> {
    fn is_own(&self, origin: &Url, rule: PortRule) -> bool {
        if self.url().is_some_and(|url| url.origin() == origin.origin()) {
            return true;
        }
        let Some(asked) = self.asked() else { return false };
        let Some(host) = Url::parse(&format!("{}://{asked}/", origin.scheme())).ok() else { return false };
        let has_port = !without_port(asked).eq_ignore_ascii_case(asked);
        let is_port = host.port_or_known_default() == origin.port_or_known_default()
            || (!has_port && rule == PortRule::MayBeCutOff);
        host_of(&host) == host_of(origin) && is_port && self.has_scheme_of(origin)
    }

    fn is_same_site(&self, origin: &Url) -> bool {
        let domain =
            self.config.auth_cookie_domain.as_ref().map(|domain| domain.0.trim_matches('.').to_owned());
        let server = domain.or_else(|| self.url().as_ref().and_then(host_of));
        let Some(server) = server.or_else(|| self.asked().map(|asked| without_port(asked).to_owned())) else {
            return false;
        };
        let is_named_scheme = self.url().is_none_or(|url| url.scheme() == origin.scheme());
        let is_below =
            host_of(origin).is_some_and(|host| is_same_or_subdomain(&host, &server.to_ascii_lowercase()));
        is_below && is_named_scheme && self.has_scheme_of(origin)
    }

    /// A page over http may have been put there by whoever sits on the line, and https is there to be safe from them.
    fn has_scheme_of(&self, origin: &Url) -> bool {
        let forwarded = one(self.headers, &FORWARDED_PROTO).ok().flatten();
        let forwarded = forwarded.and_then(|all| all.split(',').next()).map(str::trim).map(str::to_owned);
        // The last of several proxies may not know that the first one has TLS.
        let forwarded = forwarded.filter(|scheme| scheme.eq_ignore_ascii_case("https"));
        let is_asked_by_name = |url: &Url| {
            let asked = self.asked().map(|asked| without_port(asked).to_ascii_lowercase());
            host_of(url) == asked || host_of(url) == host_of(origin)
        };
        let named = self.url().filter(is_asked_by_name).map(|url| url.scheme().to_owned());
        named.or(forwarded).is_none_or(|scheme| scheme.eq_ignore_ascii_case(origin.scheme()))
    }

    fn url(&self) -> Option<Url> {
        let HttpUrl(url) = self.config.server_url.as_ref()?;
        Url::parse(url).ok()
    }

    /// The authority that the caller has asked for.
    fn asked(&self) -> Option<&str> {
        let header = |name| one(self.headers, name).ok().flatten();
        let asked = header(&FORWARDED_HOST).or_else(|| header(&HOST))?;
        asked.split(',').next().map(str::trim)
    }
}

/// What is no origin, or several.
struct Malformed;

/// The one header of that name.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Malformed> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => only.to_str().map(Some).map_err(|_| Malformed),
        _ => Err(Malformed),
    }
}

/// The origin of the page, by `Origin` or else by `Referer`.
fn origin_of(headers: &HeaderMap) -> Result<Option<Url>, Malformed> {
    if let Some(origin) = one(headers, &ORIGIN)? {
        return parse(origin).map(Some).ok_or(Malformed);
    }
    match one(headers, &REFERER)? {
        None => Ok(None),
        Some(referer) => Url::parse(referer).ok().filter(is_http).map(Some).ok_or(Malformed),
    }
}

/// An origin as browsers write it (RFC 6454, section 6.2).
fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(is_http)?;
    (url.origin().ascii_serialization() == text).then_some(url)
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn host_of(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_end_matches('.').to_owned())
}

fn is_same_or_subdomain(host: &str, of: &str) -> bool {
    host == of || host.strip_suffix(of).is_some_and(|front| front.ends_with('.'))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Origins, Setting, Text};

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn config(server_url: Option<&str>) -> ServerSettings {
        ServerSettings {
            server_url: server_url.map(|url| HttpUrl(url.to_owned())),
            cors_allow_origins: Origins::read("https://listed.example").unwrap(),
            ..ServerSettings::default()
        }
    }

    /// The page as one word: own, listed, site or foreign.
    fn kind(config: &ServerSettings, all: &[(&'static str, &str)]) -> &'static str {
        let page = Page::of(config, &headers(all));
        match page {
            Page { is_own: true, .. } => "own",
            Page { is_listed: true, .. } => "listed",
            Page { is_same_site: true, .. } => "site",
            _ => "foreign",
        }
    }

    #[test]
    fn an_origin_is_told_by_its_scheme_host_and_port() {
        for (origin, expected) in [
            ("http://zen.example:8080", "own"),
            ("http://ZEN.example:8080", "foreign"),
            ("http://zen.example:3000", "site"),
            ("http://zen.example", "site"),
            ("https://a.zen.example", "site"),
            ("https://listed.example", "listed"),
            ("http://listed.example", "foreign"),
            ("https://listed.example:444", "foreign"),
            ("https://listed.example.evil.example", "foreign"),
            ("http://evilzen.example:8080", "foreign"),
            ("http://example", "foreign"),
            ("null", "foreign"),
            ("", "foreign"),
            ("zen.example:8080", "foreign"),
            ("http://zen.example:8080/", "foreign"),
            ("http://zen.example:8080@evil.example", "foreign"),
            ("http://u@zen.example:8080", "foreign"),
            ("file://zen.example:8080", "foreign"),
            ("chrome-extension://zen.example", "foreign"),
        ] {
            let found = kind(&config(None), &[("host", "zen.example:8080"), ("origin", origin)]);
            assert_eq!(found, expected, "{origin:?}");
        }
        let twice =
            [("host", "zen.example"), ("origin", "http://zen.example"), ("origin", "http://zen.example")];
        let mut all = headers(&twice[..2]);
        all.append(ORIGIN, "http://zen.example".parse().unwrap());
        assert_eq!(Page::of(&config(None), &all), Page::FOREIGN);
    }

    #[test]
    fn a_server_over_https_knows_no_page_over_http() {
        let named = config(Some("https://zen.example"));
        for (origin, expected) in [
            ("https://zen.example", "own"),
            ("http://zen.example", "foreign"),
            ("http://a.zen.example", "foreign"),
            ("https://a.zen.example:3000", "site"),
        ] {
            assert_eq!(kind(&named, &[("host", "zen.example"), ("origin", origin)]), expected, "{origin}");
            let forwarded = [("host", "zen.example"), ("x-forwarded-proto", "https"), ("origin", origin)];
            assert_eq!(kind(&config(None), &forwarded), expected, "{origin}");
        }
        // By another name, as on the machine itself.
        let local = [("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")];
        assert_eq!(kind(&named, &local), "own");
    }

    #[test]
    fn what_the_browser_says_of_the_page_counts_first() {
        let host = ("host", "zen.example");
        for (site, origin, expected) in [
            ("same-origin", None, "own"),
            ("none", None, "own"),
            ("same-site", None, "foreign"),
            ("cross-site", None, "foreign"),
            ("whatever", None, "foreign"),
            ("same-origin", Some("null"), "own"),
            ("cross-site", Some("null"), "foreign"),
            ("cross-site", Some("http://zen.example"), "foreign"),
            ("cross-site", Some("https://listed.example"), "listed"),
            ("same-site", Some("http://zen.example:3000"), "site"),
            ("same-site", Some("http://other.example"), "foreign"),
            ("none", Some("https://evil.example"), "foreign"),
        ] {
            let mut all = vec![host, ("sec-fetch-site", site)];
            all.extend(origin.map(|origin| ("origin", origin)));
            assert_eq!(kind(&config(None), &all), expected, "{all:?}");
        }
    }

    #[test]
    fn a_referer_stands_for_a_missing_origin() {
        for (referer, expected) in [
            ("http://zen.example/login", "own"),
            ("https://evil.example/zen.example", "foreign"),
            ("about:blank", "foreign"),
            ("", "foreign"),
        ] {
            assert_eq!(
                kind(&config(None), &[("host", "zen.example"), ("referer", referer)]),
                expected,
                "{referer}"
            );
        }
        assert_eq!(kind(&config(None), &[("host", "zen.example")]), "own");
    }

    #[test]
    fn a_cookie_for_a_domain_makes_it_one_site() {
        let domain =
            ServerSettings { auth_cookie_domain: Some(Text(".example.com".to_owned())), ..config(None) };
        let of = |origin| kind(&domain, &[("host", "zen.example.com"), ("origin", origin)]);
        assert_eq!((of("https://app.example.com"), of("https://app.example.net")), ("site", "foreign"));
    }

    #[test]
    fn others_read_answers_only_where_the_port_is_right_too() {
        let of = |origin: &str| {
            may_read(&config(None), &headers(&[("host", "zen.example")]), &origin.parse().unwrap())
        };
        assert!(of("https://zen.example") && of("http://zen.example") && of("https://listed.example"));
        assert!(!of("http://zen.example:3000") && !of("null") && !of("https://evil.example"));
    }

    #[test]
    fn a_port_is_no_part_of_a_host() {
        assert_eq!(without_port("a.example:8080"), "a.example");
        assert_eq!(without_port("a.example"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
