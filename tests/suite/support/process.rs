//! The program itself, as an operator starts it: with a folder of its own, and no variables but the given ones.

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::process::{Child, Command};

use super::{Caller, Database, wait_until};

pub const ZENDO: &str = env!("CARGO_BIN_EXE_zendo");
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How the program is to be started.
#[derive(Debug, Clone)]
pub struct Program {
    args: Vec<String>,
    variables: Vec<(String, String)>,
    input: Option<String>,
    open_files: Option<u32>,
    folder: Arc<tempfile::TempDir>,
    /// Kept for as long as the program may need it.
    database: Option<Database>,
}

/// What the program left when it ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    pub fn new(args: &[&str]) -> Self {
        let args = args.iter().map(|arg| arg.to_string()).collect();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self { args, variables: Vec::new(), input: None, open_files: None, folder, database: None }
    }

    /// The server on a free port.
    pub fn server() -> Self {
        Self::new(&["serve", "--listen", "127.0.0.1:0"])
    }

    pub fn on(mut self, database: &Database) -> Self {
        self.variables.extend(database.variables());
        self.database = Some(database.clone());
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        if ["PASSWORD", "SECRET_KEY", "ENCRYPTION_KEY"].iter().any(|end| name.ends_with(end)) {
            super::logs::note_secret(value);
        }
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With that on standard input, where there is nothing otherwise.
    pub fn reading(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    /// With no more open files than that.
    pub fn with_open_files(mut self, most: u32) -> Self {
        self.open_files = Some(most);
        self
    }

    /// Where it runs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs it to its end.
    pub async fn run(&self) -> Finished {
        self.spawn().finish().await
    }

    /// Starts it and waits until it serves; its greeting is on standard output by then.
    pub async fn serve(&self) -> ServerProcess {
        let mut server = self.spawn();
        wait_until("the program says where it listens", TIME_LIMIT, async || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?} {} {}", server.stdout(), server.stderr());
            let stdout = server.stdout();
            let line = stdout.lines().find_map(|line| line.split_once(" listens on "));
            server.url = line.map(|(_, url)| url.to_owned()).unwrap_or_default();
            !server.url.is_empty() && stdout.ends_with('\n')
        })
        .await;
        server.anonymous().get("/health").await.expect(200, "ok");
        server
    }

    /// Starts it.
    pub fn spawn(&self) -> ServerProcess {
        let output = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        let input = match &self.input {
            Some(input) => {
                std::fs::write(output.path().join("stdin"), input).unwrap();
                File::open(output.path().join("stdin")).unwrap().into()
            }
            None => Stdio::null(),
        };
        let mut command = match self.open_files {
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\""), ZENDO]);
                shell
            }
            None => Command::new(ZENDO),
        };
        let child = command
            .args(&self.args)
            .current_dir(self.folder())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(input)
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        ServerProcess { child, url: String::new(), output, program: self.clone() }
    }
}

/// The program while it runs; killed with the test.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    url: String,
    output: tempfile::TempDir,
    /// How it was started, with its folder and database, kept for as long as it runs.
    program: Program,
}

impl ServerProcess {
    /// The address that it printed.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address without the path: `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://").split('/').next().unwrap()
    }

    pub fn anonymous(&self) -> Caller {
        Caller::new(self.url.clone())
    }

    /// Somebody who signed in there with a password.
    pub async fn signed_in(&self, name: &str, password: &str) -> Caller {
        let token = self.anonymous().login(name, password).await.expect_ok()["access_token"].clone();
        self.anonymous().with_token(token.as_str().unwrap())
    }

    /// Lets no file of it grow beyond so many bytes, or as long as it may: a disk that is full, and then has room again.
    pub fn limit_file_size(&self, most: Option<u64>) {
        let limit = Rlimit { current: most, maximum: getrlimit(Resource::Fsize).maximum };
        let id = Pid::from_raw(self.child.id().unwrap().try_into().unwrap());
        prlimit(id, Resource::Fsize, limit).unwrap();
    }

    /// Bytes of memory that it has had at most.
    pub fn peak_memory(&self) -> u64 {
        let status = read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// The password that it made and printed.
    pub fn printed_password(&self) -> Option<String> {
        let stdout = self.stdout();
        let line = stdout.lines().find_map(|line| line.strip_prefix("password: "))?;
        line.split_whitespace().next().map(str::to_owned)
    }

    /// Sends `TERM`, `INT` or `KILL`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id().unwrap());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Stops it as an operator does, and fails when it doesn't end well.
    pub async fn stop(self) -> Finished {
        self.signal("TERM");
        let finished = self.finish().await;
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished
    }

    /// Waits for its end.
    pub async fn finish(mut self) -> Finished {
        let ended = tokio::time::timeout(TIME_LIMIT, self.child.wait()).await;
        let code = ended.unwrap_or_else(|_| panic!("still running: {self:?}")).unwrap().code();
        Finished { code, stdout: self.stdout(), stderr: self.stderr() }
    }

    fn read(&self, name: &str) -> String {
        let path: PathBuf = self.output.path().join(name);
        read_to_string(path).unwrap()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // What a sign-in says is for the person at the terminal, the code of a device with it: no log.
        if self.program.args.iter().any(|arg| arg == "login") {
            return;
        }
        if let Ok(log) = std::fs::read(self.output.path().join("stderr")) {
            super::logs::keep("program", &String::from_utf8_lossy(&log));
        }
    }
}

impl Finished {
    /// The exit code, and parts of what is on standard error.
    #[track_caller]
    pub fn expect(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}
