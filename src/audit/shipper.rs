//! Records as JSON lines, for programs that carry logs away.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use super::Record;
use crate::config::Destination;

/// Batches of lines that wait for a slow disk or reader at most; what comes beyond is in the store alone.
const WAITING: usize = 4096;

/// Writes lines on a thread of its own, so that no request waits for them.
#[derive(Debug)]
pub(crate) struct Shipper {
    lines: Mutex<Option<SyncSender<Vec<u8>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    is_behind: AtomicBool,
}

impl Shipper {
    /// Opens the file, which is appended to and made when missing.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn open(destination: &Destination) -> io::Result<Self> {
        let (lines, receiver) = mpsc::sync_channel::<Vec<u8>>(WAITING);
        let mut output = Output::open(destination)?;
        let thread = std::thread::Builder::new().name("audit-lines".to_owned()).spawn(move || {
            for lines in receiver {
                if let Err(error) = output.write(&lines) {
                    tracing::error!(%error, "audit records could not be written as lines");
                }
            }
        })?;
        Ok(Self {
            lines: Mutex::new(Some(lines)),
            thread: Mutex::new(Some(thread)),
            is_behind: AtomicBool::new(false),
        })
    }

    /// Takes records that are durable.
    pub(crate) fn ship<Text: Serialize>(&self, records: impl IntoIterator<Item = Record<Text>>) {
        let mut text = Vec::new();
        for record in records {
            // A record is numbers and texts, whose JSON can always be written.
            if serde_json::to_writer(&mut text, &record).is_ok() {
                text.push(b'\n');
            }
        }
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.as_ref().map(|lines| lines.try_send(text)) {
            None | Some(Ok(())) => self.is_behind.store(false, Ordering::Relaxed),
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) => {
                if !self.is_behind.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        "audit lines can't be written as fast as they come: some are in the store alone"
                    );
                }
            }
        }
    }

    /// Writes what was taken, and ends. A reader that takes no lines can hold this up, but nobody beside it.
    pub(crate) async fn close(&self) {
        drop(self.lines.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        while thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

enum Output {
    Stdout,
    File { path: PathBuf, file: File },
}

impl Output {
    fn open(destination: &Destination) -> io::Result<Self> {
        match destination {
            Destination::Stdout => Ok(Self::Stdout),
            Destination::File(path) => Ok(Self::File { path: path.clone(), file: append_to(path)? }),
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Self::File { path, file } => {
                // Whoever rotates logs has moved it away.
                if !is_same_file(path, file) {
                    *file = append_to(path)?;
                }
                file.write_all(lines)
            }
        }
    }
}

/// The records name people and their addresses: nobody else may read a new file.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn is_same_file(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (path.metadata(), file.metadata()) {
        (Ok(there), Ok(open)) => (there.dev(), there.ino()) == (open.dev(), open.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &File) -> bool {
    true
}
