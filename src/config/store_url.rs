//! The database as one URL names it, as ZenML's users write it: read by the rules of SQLAlchemy's `make_url`, with which
//! the reference reads it, so that a password may be pasted as it is.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::value::{Flag, Secret, Setting};

/// Parameters of a MySQL URL's query.
const PARAMETERS: &str = "ssl, ssl_ca, ssl_cert, ssl_key and ssl_verify_server_cert";
const MYSQL_PORT: u16 = 3306;
/// MySQL's own bound.
const LONGEST_DATABASE: usize = 64;
const LONGEST_PARAMETER: usize = 64;

/// Where the database is, and what its URL says of TLS. Its account is never printed.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreUrl {
    pub location: StoreLocation,
    pub tls: UrlTls,
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreLocation {
    Sqlite { path: PathBuf },
    MySql { host: String, port: u16, database: String, username: Option<String>, password: Option<Secret> },
}

/// What a URL's query says of TLS.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UrlTls {
    pub ssl: Option<Flag>,
    pub ca: Option<Secret>,
    pub cert: Option<Secret>,
    pub key: Option<Secret>,
    pub verify_server_cert: Option<Flag>,
}

/// Why a text is no store's URL.
#[derive(Debug, PartialEq)]
enum Problem {
    Form,
    /// A parameter that isn't known.
    Unknown(String),
    /// An invalid parameter, and what is accepted.
    Value(&'static str, &'static str),
}

impl Setting for StoreUrl {
    const ACCEPTED: &'static str = "mysql://USER:PASSWORD@HOST:PORT/DATABASE, mysql+pymysql://... or \
                                    sqlite:///PATH (a mysql database's name has letters, digits, _, - and $)";
    const SECRET: bool = true;
    fn read(text: &str) -> Option<Self> {
        parse(text).ok()
    }

    fn problem(text: &str) -> Option<String> {
        // With a second @ a parameter may be a part of the password.
        let may_show = text.matches('@').count() <= 1;
        match parse(text).err()? {
            Problem::Form => None,
            Problem::Unknown(name) if may_show && is_parameter(&name) => {
                Some(format!("the URL's parameter {name} is not known; give none but {PARAMETERS}"))
            }
            Problem::Unknown(_) => Some(format!(
                "the URL has a parameter that is not known; give none but {PARAMETERS}, and none to SQLite"
            )),
            Problem::Value(name, accepted) => {
                Some(format!("the URL's parameter {name} is not accepted as it is; give {accepted}"))
            }
        }
    }
}

fn parse(text: &str) -> Result<StoreUrl, Problem> {
    let (scheme, rest) = text.trim().split_once("://").ok_or(Problem::Form)?;
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => sqlite(rest),
        "mysql" | "mysql+pymysql" => mysql(rest),
        _ => Err(Problem::Form),
    }
}

fn sqlite(rest: &str) -> Result<StoreUrl, Problem> {
    let path = rest.strip_prefix('/').filter(|path| !path.is_empty()).ok_or(Problem::Form)?;
    if let Some((_, query)) = path.split_once('?') {
        let name = form_urlencoded::parse(query.as_bytes()).next().map(|(name, _)| name.into_owned());
        return Err(Problem::Unknown(name.unwrap_or_default()));
    }
    Ok(StoreUrl { location: StoreLocation::Sqlite { path: path.into() }, tls: UrlTls::default() })
}

/// The account ends with the first `@` behind which there can be a server and a database: the reference takes the first
/// one whatever comes, and then finds no server where a password has one.
fn mysql(rest: &str) -> Result<StoreUrl, Problem> {
    let mut first_problem = None;
    for (at, _) in rest.match_indices('@') {
        let (account, place) = (&rest[..at], &rest[at + 1..]);
        let (username, password) = match account.split_once(':') {
            Some((username, password)) => (username, Some(password)),
            None => (account, None),
        };
        // It is no account, but a path.
        if username.contains('/') {
            break;
        }
        match place_of(place) {
            Ok(place) => return Ok(place.into_url(Some(username), password)),
            Err(problem) => first_problem = first_problem.or(Some(problem)),
        }
    }
    place_of(rest).map(|place| place.into_url(None, None)).map_err(|problem| first_problem.unwrap_or(problem))
}

/// What stands behind the account.
struct Place {
    host: String,
    port: u16,
    database: String,
    tls: UrlTls,
}

impl Place {
    fn into_url(self, username: Option<&str>, password: Option<&str>) -> StoreUrl {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let location = StoreLocation::MySql {
            host: self.host,
            port: self.port,
            database: self.database,
            username: username.map(decoded).filter(|name| !name.is_empty()),
            password: password.and_then(|password| Secret::read(&decoded(password))),
        };
        StoreUrl { location, tls: self.tls }
    }
}

fn place_of(text: &str) -> Result<Place, Problem> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let (server, database) = path.split_once('/').ok_or(Problem::Form)?;
    let (host, port) = match server.strip_prefix('[').map(|server| server.split_once(']')) {
        Some(address) => address.ok_or(Problem::Form)?,
        None => server.split_at(server.find(':').unwrap_or(server.len())),
    };
    let port = match port.strip_prefix(':') {
        Some("") => MYSQL_PORT,
        Some(port) => port.parse().map_err(|_| Problem::Form)?,
        None if port.is_empty() => MYSQL_PORT,
        None => return Err(Problem::Form),
    };
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
    let database = percent_decode_str(database).decode_utf8_lossy();
    let is_database = (1..=LONGEST_DATABASE).contains(&database.len()) && database.chars().all(is_name);
    if host.is_empty() || !host.chars().all(is_host) || !is_database {
        return Err(Problem::Form);
    }
    Ok(Place { host: host.to_owned(), port, database: database.into_owned(), tls: tls_of(query)? })
}

/// Of a parameter that is there more than once the first counts; one that is set to nothing is as if it were not there.
fn tls_of(query: &str) -> Result<UrlTls, Problem> {
    let mut tls = UrlTls::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let secret = |kept: &mut Option<Secret>| {
            *kept = kept.take().or_else(|| Secret::read(&value));
            Ok(())
        };
        let flag = |kept: &mut Option<Flag>, name: &'static str| {
            if kept.is_none() && !value.is_empty() {
                let flag = Flag::read(&value).ok_or(Problem::Value(name, Flag::ACCEPTED))?;
                *kept = Some(flag);
            }
            Ok(())
        };
        match name.as_ref() {
            "ssl" => flag(&mut tls.ssl, "ssl"),
            "ssl_verify_server_cert" => flag(&mut tls.verify_server_cert, "ssl_verify_server_cert"),
            "ssl_ca" => secret(&mut tls.ca),
            "ssl_cert" => secret(&mut tls.cert),
            "ssl_key" => secret(&mut tls.key),
            _ => Err(Problem::Unknown(name.into_owned())),
        }?;
    }
    Ok(tls)
}

fn is_parameter(name: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=LONGEST_PARAMETER).contains(&name.len()) && name.chars().all(is_sign)
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn location(text: &str) -> Option<StoreLocation> {
        StoreUrl::read(text).map(|url| url.location)
    }

    fn problem(text: &str) -> String {
        assert_eq!(StoreUrl::read(text), None, "{text}");
        StoreUrl::problem(text).unwrap_or_else(|| StoreUrl::ACCEPTED.to_owned())
    }

    fn password(text: &str) -> Option<Secret> {
        match location(text)? {
            StoreLocation::MySql { host, database, username, password, .. } => {
                let rest = (host.as_str(), database.as_str(), username.as_deref());
                (rest == ("db.example", "zenml", Some("zen"))).then_some(password)?
            }
            StoreLocation::Sqlite { .. } => None,
        }
    }

    #[test]
    fn urls_of_both_engines_are_read() {
        let sqlite = |path: &str| Some(StoreLocation::Sqlite { path: path.into() });
        assert_eq!(location("sqlite:////var/lib/zendo.db"), sqlite("/var/lib/zendo.db"));
        assert_eq!(location("sqlite:///zen@home.db\n"), sqlite("zen@home.db"));
        let mysql = |host: &str, port, username: Option<&str>, password: &str| {
            Some(StoreLocation::MySql {
                host: host.into(),
                port,
                database: "zenml".into(),
                username: username.map(str::to_owned),
                password: Secret::read(password),
            })
        };
        for scheme in ["mysql", "mysql+pymysql", "MySQL"] {
            let url = format!("{scheme}://zen:p%40ss@db.example:3307/zenml");
            assert_eq!(location(&url), mysql("db.example", 3307, Some("zen"), "p@ss"));
        }
        assert_eq!(location("mysql://10.0.0.1/zenml"), mysql("10.0.0.1", 3306, None, ""));
        assert_eq!(location("mysql://z%C3%AB@h:/zenml"), mysql("h", 3306, Some("zë"), ""));
        assert_eq!(location("mysql://a:b@[::1]:3307/zenml"), mysql("::1", 3307, Some("a"), "b"));
        assert_eq!(location("mysql://h/zenml?ssl_ca=/a@b/c.pem"), mysql("h", 3306, None, ""));
        for wrong in [
            "",
            "mysql://host",
            "mysql:///db",
            "mysql://h/a`b",
            "mysql://h:x/db",
            "mysql://h:99999/db",
            "mysql://[::1/db",
            "mysql://[::1]3306/db",
            "mysql://a b/db",
            "sqlite://",
            "sqlite:///",
            "mariadb://h/db",
        ] {
            assert_eq!(location(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_the_query_says_of_tls_is_read() {
        let tls = |query: &str| StoreUrl::read(&format!("mysql://a:b@h/db?{query}")).unwrap().tls;
        let all = tls("ssl=true&ssl_ca=%2Fca.pem&ssl_cert=c&ssl_key=k&ssl_verify_server_cert=no");
        assert_eq!((all.ssl, all.verify_server_cert), (Some(Flag(true)), Some(Flag(false))));
        assert_eq!((all.ca, all.cert), (Secret::read("/ca.pem"), Secret::read("c")));
        assert_eq!(all.key, Secret::read("k"));
        assert_eq!(tls(""), UrlTls::default());
        assert_eq!(tls("ssl=&ssl_ca=&ssl_verify_server_cert="), UrlTls::default());
        assert_eq!(tls("ssl=yes&ssl=no").ssl, Some(Flag(true)));
    }

    #[test]
    fn what_is_not_known_in_the_query_is_refused_by_its_name() {
        for (url, part) in [
            ("mysql://a:b@h/db?charset=utf8mb4", "parameter charset is not known"),
            ("mysql://a:b@h/db?ssl=true&sslmode=REQUIRED", "parameter sslmode is not known"),
            ("mysql://h/db?connect_timeout=", "parameter connect_timeout is not known"),
            ("mysql://a:b@h/db?ssl=perhaps", "parameter ssl is not accepted as it is; give true, false"),
            ("mysql://a:b@h/db?ssl_verify_server_cert=2", "parameter ssl_verify_server_cert is not"),
            ("sqlite:////a.db?mode=ro", "parameter mode is not known"),
            ("sqlite:////a.db?", "none to SQLite"),
        ] {
            assert!(problem(url).contains(part), "{url}: {}", problem(url));
        }
        for secret in ["mysql://a:x@y/z?sesame=1@h/d.b", "mysql://a:b@h/db?ses%20ame=1", "mysql://a:sesame@h"]
        {
            assert!(!problem(secret).contains("ses"), "{}", problem(secret));
        }
    }

    proptest! {
        #[test]
        fn a_password_is_taken_as_it_was_pasted(pasted in "[^@]*") {
            let meant = percent_decode_str(&pasted).decode_utf8_lossy();
            let found = password(&format!("mysql://zen:{pasted}@db.example:3307/zenml?ssl=true"));
            prop_assert_eq!(found, Secret::read(&meant));
        }

        #[test]
        fn with_an_at_sign_too_where_nothing_else_can_be_meant(pasted in "[^?%]*") {
            let found = password(&format!("mysql://zen:{pasted}@db.example/zenml"));
            prop_assert_eq!(found, Secret::read(&pasted));
        }

        #[test]
        fn and_as_it_was_encoded(meant in ".*") {
            let encoded = utf8_percent_encode(&meant, NON_ALPHANUMERIC);
            let found = password(&format!("mysql://zen:{encoded}@db.example/zenml"));
            prop_assert_eq!(found, Secret::read(&meant));
        }

        #[test]
        fn no_text_is_too_much(text in ".*") {
            let _ = StoreUrl::problem(&format!("mysql://{text}"));
            let _ = StoreUrl::problem(&format!("sqlite:///{text}"));
        }
    }
}
