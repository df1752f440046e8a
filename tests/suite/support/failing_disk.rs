//! A disk that fails one program while a test wants it to.

use std::path::PathBuf;
use std::process::Command;

use super::{Program, missing};

pub struct FailingDisk(tempfile::TempDir);

impl FailingDisk {
    /// None, said out loud, where nothing can be compiled for it.
    pub fn new() -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let source = disk.path("failing_disk.c");
        std::fs::write(&source, include_str!("failing_disk.c")).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .args([disk.library(), source])
            .arg("-ldl")
            .output();
        match compiled {
            Ok(compiled) if compiled.status.success() => Some(disk),
            Ok(compiled) => panic!("{}", String::from_utf8_lossy(&compiled.stderr)),
            Err(_) => {
                missing("a C compiler", "install build-essential, as tests/run does");
                None
            }
        }
    }

    /// The program with its database on this disk.
    pub fn below(&self, program: Program) -> Program {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        program.with("LD_PRELOAD", &path(self.library())).with("FAILING_DISK", &path(self.path("")))
    }

    /// From now on `read`, `write` or `flush` fails, after so many times that succeed.
    pub fn fail(&self, what: &str, after: usize) {
        let unfinished = self.path("unfinished");
        std::fs::write(&unfinished, after.to_string()).unwrap();
        std::fs::rename(unfinished, self.path(what)).unwrap();
    }

    /// It works again.
    pub fn mend(&self) {
        for what in ["read", "write", "flush"] {
            let _ = std::fs::remove_file(self.path(what));
        }
    }

    fn library(&self) -> PathBuf {
        self.path("failing_disk.so")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
