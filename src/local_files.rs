//! Files of local artifact stores on this machine: read below one folder that the operator names, and nowhere else.

mod dir;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use cap_std::fs::File;

use dir::{Dir, KeptOut};

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("this server reads no files of local artifact stores")]
    NotAllowed,
    #[error("it is not there")]
    Missing,
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("it can't be read: {0}")]
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A way out of the folder is denied, and is no business of whoever asks.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied => {
                Self::Missing
            }
            _ => Self::Io(error),
        }
    }
}

/// The folder below which files are read, if there is one.
#[derive(Debug, Clone, Default)]
pub struct LocalFiles {
    root: Option<PathBuf>,
    kept_out: KeptOut,
}

/// A file or folder below the root. No link leads out of it.
#[derive(Debug)]
pub struct Place {
    root: Dir,
    path: PathBuf,
}

/// A file below the root, open to be read.
pub type WholeFile = File;

/// What waits to be put into an archive.
#[derive(Debug)]
pub struct Archive {
    place: Place,
    /// Paths within the place, folders before what is in them.
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    is_folder: bool,
}

impl LocalFiles {
    pub fn new(root: Option<PathBuf>) -> Self {
        Self { root, kept_out: KeptOut::default() }
    }

    /// The same without some files and folders, by whatever name they are asked for.
    pub fn without(self, kept_out: Vec<PathBuf>) -> Self {
        Self { kept_out: KeptOut::new(kept_out), ..self }
    }

    /// Whether files are read at all.
    pub fn are_read(&self) -> bool {
        self.root.is_some()
    }

    /// The place with that absolute path. Blocks, as all here does.
    ///
    /// # Errors
    /// [`Unread::NotAllowed`] without a root; [`Unread::Missing`] for a path that is not below it.
    pub fn place(&self, path: &str) -> Result<Place, Unread> {
        let root = self.root.as_deref().ok_or(Unread::NotAllowed)?;
        let path = Path::new(path);
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err(Unread::Missing);
        }
        let resolved = root.canonicalize()?;
        // The root may be given by a link, and the path by where that leads.
        if !path.starts_with(root) && !path.starts_with(&resolved) {
            return Err(Unread::Missing);
        }
        // Where the path leads is what is judged and read, whatever links are on the way.
        let path = path.canonicalize().map_err(|_| Unread::Missing)?;
        let path = path.strip_prefix(&resolved).map_err(|_| Unread::Missing)?.to_owned();
        let root = Dir::open_root(&resolved, &self.kept_out)?;
        Ok(Place { root, path })
    }

    /// The ways in which the absolute path of a place may be written: below the root as it was given, and as it is.
    pub fn roots(&self) -> Vec<PathBuf> {
        let given = self.root.iter().cloned();
        let resolved = self.root.iter().filter_map(|root| root.canonicalize().ok());
        let mut roots: Vec<PathBuf> = given.chain(resolved).collect();
        roots.dedup();
        roots
    }
}

impl Place {
    /// Its resolved path below the root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves out what has these paths below the root.
    pub fn hide(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.root.hide(paths);
    }

    /// The whole file.
    ///
    /// # Errors
    /// When it has more bytes than `most`, or isn't there.
    pub fn read(&self, most: u64) -> Result<Vec<u8>, Unread> {
        let mut bytes = Vec::new();
        self.file()?.take(most + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            Err(Unread::TooLarge(most))
        } else {
            Ok(bytes)
        }
    }

    /// The file, to be read.
    ///
    /// # Errors
    /// When it has more bytes than `most`, or isn't there.
    pub fn whole(&self, most: u64) -> Result<WholeFile, Unread> {
        let file = self.file()?;
        if file.metadata()?.len() > most { Err(Unread::TooLarge(most)) } else { Ok(file) }
    }

    fn file(&self) -> Result<File, Unread> {
        open(&self.root, &self.path)
    }

    /// Gives each line of the file, or of the files of the folder in the order of their names, to `take`, until that
    /// is false or so many bytes were read.
    ///
    /// # Errors
    /// When it isn't there.
    pub fn lines(&self, most: u64, mut take: impl FnMut(&str) -> bool) -> Result<(), Unread> {
        let mut files = vec![self.path.clone()];
        if self.root.metadata(&self.path)?.is_dir() {
            files = names(&self.root, &self.path)?.into_iter().map(|name| self.path.join(name)).collect();
        }
        let mut left = most;
        for file in files {
            let mut reader = BufReader::new(open(&self.root, &file)?.take(left));
            let mut line = Vec::new();
            loop {
                line.clear();
                let length = reader.read_until(b'\n', &mut line)?;
                if length == 0 {
                    break;
                }
                left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
                if !take(&String::from_utf8_lossy(&line)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Lists what is in the place, without following links, and counts its bytes.
    ///
    /// # Errors
    /// When it has more bytes than `most`, or isn't there.
    pub fn archive(self, most: u64) -> Result<Archive, Unread> {
        let metadata = self.root.metadata(&self.path)?;
        let mut archive =
            Archive { is_folder: metadata.is_dir(), place: self, folders: Vec::new(), files: Vec::new() };
        if !archive.is_folder {
            archive.files.push(PathBuf::new());
            return if metadata.len() > most { Err(Unread::TooLarge(most)) } else { Ok(archive) };
        }
        let mut bytes = 0_u64;
        let mut next = vec![PathBuf::new()];
        while let Some(folder) = next.pop() {
            for name in names(&archive.place.root, &archive.place.path.join(&folder))? {
                let path = folder.join(name);
                let metadata = archive.place.root.symlink_metadata(archive.place.path.join(&path))?;
                if metadata.is_dir() {
                    next.push(path);
                } else if metadata.is_file() {
                    bytes = bytes.saturating_add(metadata.len());
                    archive.files.push(path);
                }
            }
            archive.folders.push(folder);
            if bytes > most {
                return Err(Unread::TooLarge(most));
            }
        }
        Ok(archive)
    }
}

fn open(root: &Dir, path: &Path) -> Result<File, Unread> {
    let file = root.open(path)?;
    // A pipe or a device would never end.
    if file.metadata()?.is_file() { Ok(file) } else { Err(Unread::Missing) }
}

fn names(root: &Dir, folder: &Path) -> Result<Vec<std::ffi::OsString>, Unread> {
    Ok(root.names(folder)?)
}

impl Archive {
    /// Writes a tar archive, compressed with gzip.
    ///
    /// # Errors
    /// When a file can't be read, or nobody takes what is written.
    pub fn write(self, to: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(to, flate2::Compression::fast()));
        for folder in self.folders.iter().filter(|_| self.is_folder) {
            let mut header = header(tar::EntryType::Directory, 0o755, 0);
            let name = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            tar.append_data(&mut header, name, io::empty())?;
        }
        for path in &self.files {
            let whole = if self.is_folder { self.place.path.join(path) } else { self.place.path.clone() };
            let file = open(&self.place.root, &whole).map_err(io::Error::other)?;
            let size = file.metadata()?.len();
            let name = if self.is_folder {
                path.as_path()
            } else {
                Path::new(whole.file_name().unwrap_or_default())
            };
            // A file that grows meanwhile ends where its header says.
            tar.append_data(&mut header(tar::EntryType::Regular, 0o644, size), name, file.take(size))?;
        }
        tar.into_inner()?.finish()?.flush()
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `root/store/a.txt`, `root/store/deep/b.txt`, and beside the root a secret with links to it.
    fn with_files() -> (tempfile::TempDir, LocalFiles) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("store/deep")).unwrap();
        std::fs::write(root.join("store/a.txt"), "one\ntwo\n").unwrap();
        std::fs::write(root.join("store/deep/b.txt"), "three").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../../secret", root.join("store/link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), root.join("store/out")).unwrap();
        std::os::unix::fs::symlink("a.txt", root.join("store/within")).unwrap();
        (folder, LocalFiles::new(Some(root)))
    }

    #[test]
    fn nothing_outside_of_the_root_is_read() {
        let (folder, files) = with_files();
        let at = |path: &str| folder.path().join(path).to_str().unwrap().to_owned();
        let read = |path: &str| files.place(path).and_then(|place| place.read(100));
        assert_eq!(read(&at("root/store/a.txt")).unwrap(), b"one\ntwo\n");
        assert_eq!(read(&at("root/store/within")).unwrap(), b"one\ntwo\n");
        for outside in [
            at("secret"),
            at("root/../secret"),
            at("root/store/link"),
            at("root/store/out/secret"),
            at("root/store"),
            at("root/store/nothing"),
            "/etc/hostname".to_owned(),
            "store/a.txt".to_owned(),
            String::new(),
        ] {
            assert!(matches!(read(&outside), Err(Unread::Missing)), "{outside}");
        }
        assert!(matches!(LocalFiles::default().place(&at("root/store/a.txt")), Err(Unread::NotAllowed)));
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let (folder, files) = with_files();
        let store = folder.path().join("root/store");
        let place = || files.place(store.to_str().unwrap()).unwrap();
        let file = files.place(store.join("a.txt").to_str().unwrap()).unwrap();
        assert!(file.read(8).is_ok());
        assert!(matches!(file.read(7), Err(Unread::TooLarge(7))));
        assert!(file.whole(8).is_ok());
        assert!(matches!(file.whole(7), Err(Unread::TooLarge(7))));
        assert!(place().archive(13).is_ok());
        assert!(matches!(place().archive(12), Err(Unread::TooLarge(12))));
    }

    #[test]
    fn lines_end_when_nobody_wants_more() {
        let (folder, files) = with_files();
        let lines = |path: &str, most: u64, count: usize| {
            let mut lines = Vec::new();
            let path = folder.path().join("root/store").join(path);
            let take = |line: &str| {
                lines.push(line.trim_end().to_owned());
                lines.len() < count
            };
            files.place(path.to_str().unwrap()).unwrap().lines(most, take).unwrap();
            lines
        };
        assert_eq!(lines("a.txt", 100, 9), ["one", "two"]);
        assert_eq!(lines("a.txt", 100, 1), ["one"]);
        assert_eq!(lines("a.txt", 5, 9), ["one", "t"]);
        assert_eq!(lines("deep", 100, 9), ["three"]);
    }

    #[test]
    fn an_archive_has_the_files_and_no_links() {
        let (folder, files) = with_files();
        let packed = |path: &str| {
            let path = folder.path().join(path);
            let mut bytes = Vec::new();
            files.place(path.to_str().unwrap()).unwrap().archive(1000).unwrap().write(&mut bytes).unwrap();
            let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
            let entries = archive.entries().unwrap().map(|entry| {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (entry.path().unwrap().to_str().unwrap().to_owned(), text)
            });
            entries.collect::<Vec<_>>()
        };
        let entry = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let whole =
            [entry(".", ""), entry("deep", ""), entry("a.txt", "one\ntwo\n"), entry("deep/b.txt", "three")];
        assert_eq!(packed("root/store"), whole);
        assert_eq!(packed("root/store/a.txt"), [entry("a.txt", "one\ntwo\n")]);
    }
}
