//! The terminal commands: sign in once, with either tool, and go on with the other.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{self, ADMIN, Database, PASSWORD, TestApp, ZENDO};

/// A terminal of its own: an empty configuration folder, and no variables but the ones given.
struct Terminal {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Terminal {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The same folder, without the variables.
    fn without_variables(mut self) -> Self {
        self.variables.clear();
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("zenml").join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::create_dir_all(self.file("")).unwrap();
        std::fs::write(self.file(name), content).unwrap();
    }

    fn command(&self, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("ZENML_CONFIG_PATH", self.file(""))
            .env("ZENML_ANALYTICS_OPT_IN", "false")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn zendo(&self, args: &[&str]) -> Outcome {
        self.command(ZENDO, args).output().unwrap().into()
    }

    fn login(&self, app: &TestApp, password: &str, more: &[&str]) -> Outcome {
        let url = app.url();
        let mut args = vec!["login", &url, "--username", ADMIN, "--password-stdin"];
        args.extend(more);
        let mut child = self.command(ZENDO, &args).stdin(Stdio::piped()).spawn().unwrap();
        // A command that refuses before it asks for the password leaves nobody to read it.
        let _ = writeln!(child.stdin.take().unwrap(), "{password}");
        child.wait_with_output().unwrap().into()
    }

    fn signed_in(app: &TestApp) -> Self {
        let terminal = Self::new();
        terminal.login(app, PASSWORD, &[]).succeeded();
        terminal
    }
}

/// What a command did.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    fn failed(self, code: i32, texts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is missing in {self:?}");
        }
        self
    }

    fn shows(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stdout.contains(text), "`{text}` is missing in {self:?}");
        }
        self
    }

    /// As `shows`, on either stream: the official client reports on standard error.
    fn mentions(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!((self.stdout.clone() + &self.stderr).contains(text), "`{text}` is missing in {self:?}");
        }
        self
    }
}

/// A server, and its database, which lives as long as its variable.
async fn app() -> (TestApp, Database) {
    let database = Database::sqlite();
    (TestApp::start(&database).await, database)
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn token_prints_one_line_that_signs_requests_in() {
    let (app, _database) = app().await;
    let terminal = Terminal::signed_in(&app);
    let token = terminal.zendo(&["token", "--expires-in", "600"]).succeeded().stdout;
    assert_eq!(token.trim_end().split('.').count(), 3, "{token:?}");
    assert_eq!(token.lines().count(), 1);

    let script =
        Terminal::new().with("ZENML_STORE_URL", app.url()).with("ZENML_STORE_API_TOKEN", token.trim_end());
    script.zendo(&["status"]).succeeded().shows(&["yes, as", ADMIN, "in 9 minutes"]);
    assert!(!script.file("credentials.yaml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifetime_above_the_cap_is_refused_in_the_servers_words() {
    let (app, _database) = app().await;
    let terminal = Terminal::signed_in(&app);
    let outcome = terminal.zendo(&["token", "--expires-in", "99999999"]).failed(1, &["604800 seconds"]);
    assert_eq!(outcome.stdout, "");
    terminal.zendo(&["token", "--expires-in", "0"]).failed(2, &["--expires-in"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_remembers_a_token_and_no_password() {
    let (app, _database) = app().await;
    let terminal = Terminal::signed_in(&app);
    let credentials = terminal.read("credentials.yaml");
    assert!(credentials.contains("access_token:") && !credentials.contains("password"), "{credentials}");
    let config = terminal.read("config.yaml");
    assert!(config.contains(&app.url()) && config.contains("active_project_id"), "{config}");
    #[cfg(unix)]
    for name in ["config.yaml", "credentials.yaml"] {
        assert_eq!(mode(&terminal.file(name)), 0o600, "{name}");
    }
    terminal.zendo(&["status"]).succeeded().shows(&["Active project  default", "Active stack    default"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_or_project_changes_nothing() {
    let (app, _database) = app().await;
    let terminal = Terminal::new();
    terminal.login(&app, "wrong", &[]).failed(1, &["refused", "Check the user name and password"]);
    terminal.login(&app, PASSWORD, &["--project", "nope"]).failed(1, &["no project named `nope`"]);
    assert!(!terminal.file("credentials.yaml").exists() && !terminal.file("config.yaml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn login_without_a_terminal_says_which_options_to_give() {
    let (app, _database) = app().await;
    Terminal::new().zendo(&["login", &app.url()]).failed(2, &["--username", "--password-stdin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_goes_on_after_login_and_logout() {
    let Some(official) = support::official_client() else {
        return;
    };
    let (app, _database) = app().await;
    let terminal = Terminal::signed_in(&app);
    let status = |terminal: &Terminal| -> Outcome {
        terminal.command(&official, &["status"]).output().unwrap().into()
    };
    status(&terminal).succeeded().mentions(&[&app.url(), "active user is", ADMIN]);
    // The official client has rewritten both files by now.
    terminal.zendo(&["token"]).succeeded();
    terminal.zendo(&["logout"]).succeeded();
    status(&terminal).succeeded().mentions(&["local ZenML database"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn zendo_goes_on_where_the_official_client_signed_in() {
    let Some(official) = support::official_client() else {
        return;
    };
    let (app, _database) = app().await;
    let terminal = Terminal::new()
        .with("ZENML_STORE_URL", app.url())
        .with("ZENML_STORE_USERNAME", ADMIN)
        .with("ZENML_STORE_PASSWORD", PASSWORD);
    Outcome::from(terminal.command(&official, &["status"]).output().unwrap()).succeeded();
    let terminal = terminal.without_variables();
    terminal.zendo(&["status"]).succeeded().shows(&["password in credentials.yaml"]);
    terminal.zendo(&["token"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_renewed_by_a_remembered_password() {
    let (app, _database) = app().await;
    let terminal = Terminal::new();
    let (url, name, password) = (app.url(), ADMIN, PASSWORD);
    terminal.write("config.yaml", &format!("store:\n  type: rest\n  url: {url}\n"));
    terminal.write(
        "credentials.yaml",
        &format!(
            "{url}:\n  url: {url}\n  username: '{name}'\n  password: '{password}'\n  extra: kept\n  \
             api_token:\n    access_token: stale\nhttp://other:\n  url: http://other\n  api_key: ZENKEY_x\n"
        ),
    );
    terminal.zendo(&["token"]).succeeded();
    let credentials = terminal.read("credentials.yaml");
    assert!(!credentials.contains("stale"), "{credentials}");
    for kept in [password, "extra: kept", "http://other", "ZENKEY_x"] {
        assert!(credentials.contains(kept), "`{kept}` is missing in {credentials}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_credentials_need_no_files_and_leave_none() {
    let (app, _database) = app().await;
    let terminal = Terminal::new()
        .with("ZENML_STORE_URL", format!("{}/", app.url()))
        .with("ZENML_STORE_USERNAME", ADMIN)
        .with("ZENML_STORE_PASSWORD", PASSWORD);
    terminal.zendo(&["token"]).succeeded();
    terminal.zendo(&["status"]).succeeded().shows(&["password in the environment"]);
    terminal.zendo(&["login", &app.url()]).failed(1, &["ZENML_STORE_PASSWORD", "Unset"]);
    assert!(!terminal.file("").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_credentials_do_not_go_to_another_server() {
    let (app, _database) = app().await;
    let terminal = Terminal::new()
        .with("ZENML_STORE_URL", "http://127.0.0.1:9")
        .with("ZENML_STORE_USERNAME", ADMIN)
        .with("ZENML_STORE_PASSWORD", PASSWORD);
    terminal.zendo(&["token", "--server", &app.url()]).failed(1, &["not signed in", "zendo login"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_forgets_one_server() {
    let (app, _database) = app().await;
    let terminal = Terminal::signed_in(&app);
    let others = "http://other:\n  url: http://other\n  api_key: ZENKEY_x\n";
    terminal.write("credentials.yaml", &(terminal.read("credentials.yaml") + others));
    terminal.zendo(&["logout"]).succeeded().shows(&["Signed out of"]);
    assert_eq!(terminal.read("credentials.yaml"), others);
    assert!(!terminal.read("config.yaml").contains("store:"));
    terminal.zendo(&["token"]).failed(1, &["no ZenML server is set up", "zendo login URL"]);
    terminal.zendo(&["status"]).failed(1, &["zendo login URL"]);
    terminal.zendo(&["logout"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_and_left_alone() {
    let (app, _database) = app().await;
    for name in ["config.yaml", "credentials.yaml"] {
        let terminal = Terminal::new();
        terminal.write(name, "a: [\n");
        terminal.login(&app, PASSWORD, &[]).failed(1, &[name, "damaged"]);
        assert_eq!(terminal.read(name), "a: [\n");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_from_one_never_set_up() {
    let terminal =
        Terminal::new().with("ZENML_STORE_URL", "http://127.0.0.1:9").with("ZENML_STORE_API_TOKEN", "t");
    terminal
        .zendo(&["status"])
        .failed(1, &["cannot reach http://127.0.0.1:9"])
        .shows(&["Reachable       no"]);
    Terminal::new().zendo(&["status"]).failed(1, &["no ZenML server is set up"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_early_is_no_error() {
    let (app, _database) = app().await;
    let terminal = Terminal::signed_in(&app);
    for args in [&["token"][..], &["status"], &["completions", "bash"], &["--help"]] {
        let mut child = terminal.command(ZENDO, args).spawn().unwrap();
        drop(child.stdout.take());
        let outcome = Outcome::from(child.wait_with_output().unwrap()).succeeded();
        assert_eq!(outcome.stderr, "", "{args:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_named_zenml_is_answered_under_that_name() {
    let terminal = Terminal::new();
    let link = terminal.folder.path().join("zenml-link").join("zenml");
    std::fs::create_dir(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(ZENDO, &link).unwrap();
    let run = |args: &[&str]| Outcome::from(terminal.command(&link, args).output().unwrap());
    for command in ["token", "login", "logout", "status"] {
        let usage = format!("Usage: zenml {command}");
        run(&[command, "--help"]).succeeded().shows(&[&usage, "Example", &format!("  zenml {command}")]);
    }
    run(&["user", "passwd", "--help"])
        .succeeded()
        .shows(&["Usage: zenml user passwd", "\n  zenml user passwd default"]);
    run(&["token"]).failed(1, &["zendo: ", "`zenml login URL`"]);
}
