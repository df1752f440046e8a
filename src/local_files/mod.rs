//! Files of local artifact stores on this machine: read below one folder that the operator names, and nowhere else.

mod dir;
mod packer;

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use cap_std::fs::File;

use dir::{Dir, KeptOut};

pub(crate) use packer::Packer;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("this server reads no files of local artifact stores")]
    NotAllowed,
    #[error("it is not there")]
    Missing,
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("it has more than {0} files and folders")]
    TooMany(usize),
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

/// A file below the root, open to be read. It has as many bytes as it had when it was opened.
pub(crate) type WholeFile = io::Take<File>;

/// Bytes of a line at most; what is longer goes on as the next one.
const LONGEST_LINE: u64 = 1 << 20;
/// Files and folders in a folder that is read, at most, with all that is below it.
const MOST_NAMES: usize = 50_000;

/// The lines of a file, or of the files of a folder in the order of their names.
#[derive(Debug)]
pub struct Lines {
    root: Dir,
    open: Option<BufReader<File>>,
    next: VecDeque<PathBuf>,
    /// Bytes that may still be read.
    left: u64,
}

/// What waits to be put into an archive.
#[derive(Debug)]
pub struct Archive {
    place: Place,
    /// Paths within the place, folders before what is in them. A single file is only in `files`.
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

    /// The file, to be read.
    ///
    /// # Errors
    /// When it has more bytes than `most`, or isn't there.
    pub fn whole(&self, most: u64) -> Result<WholeFile, Unread> {
        let file = open(&self.root, &self.path)?;
        let length = file.metadata()?.len();
        if length > most { Err(Unread::TooLarge(most)) } else { Ok(file.take(length)) }
    }

    /// The lines of the file, or of the files of the folder, as far as they are in so many bytes.
    ///
    /// # Errors
    /// When it isn't there.
    pub fn lines(self, most: u64) -> Result<Lines, Unread> {
        let mut files = vec![self.path.clone()];
        if self.root.metadata(&self.path)?.is_dir() {
            files = names(&self.root, &self.path)?.into_iter().map(|name| self.path.join(name)).collect();
        }
        let mut lines = Lines { root: self.root, open: None, next: files.into(), left: most };
        lines.open_next()?;
        Ok(lines)
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
            if archive.files.len() + archive.folders.len() + next.len() > MOST_NAMES {
                return Err(Unread::TooMany(MOST_NAMES));
            }
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
    root.names(folder, MOST_NAMES)?.ok_or(Unread::TooMany(MOST_NAMES))
}

impl Lines {
    /// The next line with its end, or none after the last.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        while let Some(file) = &mut self.open {
            let mut line = Vec::new();
            let length = file.take(self.left.min(LONGEST_LINE)).read_until(b'\n', &mut line)?;
            self.left = self.left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
            if length > 0 {
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            self.open_next().map_err(io::Error::other)?;
        }
        Ok(None)
    }

    fn open_next(&mut self) -> Result<(), Unread> {
        let next = self.next.pop_front().filter(|_| self.left > 0);
        self.open = next.map(|path| open(&self.root, &path).map(BufReader::new)).transpose()?;
        Ok(())
    }
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
        let read = |path: &str| {
            let mut bytes = Vec::new();
            let mut file = files.place(path)?.whole(100)?;
            file.read_to_end(&mut bytes)?;
            Ok::<_, Unread>(bytes)
        };
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
        assert!(file.whole(8).is_ok());
        assert!(matches!(file.whole(7), Err(Unread::TooLarge(7))));
        assert!(place().archive(13).is_ok());
        assert!(matches!(place().archive(12), Err(Unread::TooLarge(12))));
        // Nor is what has too many names, in one folder or in several.
        let one = store.join("one");
        std::fs::create_dir(&one).unwrap();
        let fill = |folder: &Path, files| {
            (0..files).for_each(|name| drop(std::fs::File::create(folder.join(format!("{name}")))));
        };
        fill(&one, MOST_NAMES - 10);
        assert!(place().archive(13).is_ok());
        fill(&store.join("deep"), 10);
        assert!(matches!(place().archive(13), Err(Unread::TooMany(MOST_NAMES))));
        fill(&one, MOST_NAMES + 1);
        let one = || files.place(one.to_str().unwrap()).unwrap();
        assert!(matches!(one().archive(13), Err(Unread::TooMany(MOST_NAMES))));
        assert!(matches!(one().lines(13), Err(Unread::TooMany(MOST_NAMES))));
    }

    #[test]
    fn lines_end_where_they_may_and_a_long_one_is_cut() {
        let (folder, files) = with_files();
        let lines = |path: &str, most: u64, count: usize| {
            let path = folder.path().join("root/store").join(path);
            let mut lines = files.place(path.to_str().unwrap()).unwrap().lines(most).unwrap();
            let lines = std::iter::from_fn(|| lines.next_line().unwrap());
            lines.take(count).map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(lines("a.txt", 100, 9), ["one", "two"]);
        assert_eq!(lines("a.txt", 100, 1), ["one"]);
        assert_eq!(lines("a.txt", 5, 9), ["one", "t"]);
        assert_eq!(lines("deep", 100, 9), ["three"]);
        let longest = usize::try_from(LONGEST_LINE).unwrap();
        std::fs::write(folder.path().join("root/store/long"), "x".repeat(longest + 5)).unwrap();
        let lengths: Vec<usize> = lines("long", 10 << 20, 9).iter().map(String::len).collect();
        assert_eq!(lengths, [longest, 5]);
    }

    #[test]
    fn an_archive_has_the_files_and_no_links() {
        let (folder, files) = with_files();
        let packed = |path: &str| {
            let path = folder.path().join(path);
            let archive = files.place(path.to_str().unwrap()).unwrap().archive(1 << 30).unwrap();
            let mut packer = Packer::new(archive);
            let pieces = std::iter::from_fn(|| packer.next_piece().unwrap());
            let bytes: Vec<u8> = pieces.flatten().collect();
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
        // Longer than a piece, with a name that is longer than a header holds.
        let (name, text) = ("n".repeat(200), "0123456789".repeat(50_001));
        std::fs::write(folder.path().join("root/store/deep").join(&name), &text).unwrap();
        let deep = [entry(".", ""), entry("b.txt", "three"), entry(&name, &text)];
        assert_eq!(packed("root/store/deep"), deep);
    }
}
