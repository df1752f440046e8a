//! A folder whose files are read, and what in it is not.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::Metadata as StdMetadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{File, Metadata, MetadataExt as _};

/// What makes a file the same one under another name.
type Identity = (u64, u64);

/// Files and folders of the server's own, which nobody reads, by whatever name.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptOut(Vec<PathBuf>);

/// A folder and all below it. No link leads out of it.
#[derive(Debug)]
pub(super) struct Dir {
    dir: cap_std::fs::Dir,
    /// Paths within it that are as if they weren't there.
    hidden: BTreeSet<PathBuf>,
    kept_out: BTreeSet<Identity>,
}

/// Files of the server's own that are looked at for one read.
const MOST_KEPT_OUT: usize = 1000;

impl KeptOut {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self(paths)
    }

    /// Those that are below the root, by their paths within it.
    fn below(&self, root: &Path) -> BTreeSet<PathBuf> {
        let resolved = self.0.iter().filter_map(|path| path.canonicalize().ok());
        resolved.filter_map(|path| path.strip_prefix(root).map(Path::to_owned).ok()).collect()
    }

    /// The files, and those in the folders, but for what is below the root.
    fn identities(&self, root: &Path) -> BTreeSet<Identity> {
        let mut known = BTreeSet::new();
        let mut next: Vec<PathBuf> = self.0.iter().filter_map(|path| path.canonicalize().ok()).collect();
        while let Some(path) = next.pop().filter(|_| known.len() < MOST_KEPT_OUT) {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            match metadata.is_dir() {
                true if path != root => {
                    let entries = path.read_dir().into_iter().flatten();
                    next.extend(entries.take(MOST_KEPT_OUT).filter_map(|entry| Some(entry.ok()?.path())));
                }
                true => {}
                false => known.extend(identity(&metadata)),
            }
        }
        known
    }
}

fn identity(metadata: &StdMetadata) -> Option<Identity> {
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

impl Dir {
    /// Opens the folder, which is given by its resolved path.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(super) fn open_root(path: &Path, kept_out: &KeptOut) -> io::Result<Self> {
        let dir = cap_std::fs::Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { dir, hidden: kept_out.below(path), kept_out: kept_out.identities(path) })
    }

    /// Leaves out what has these paths, and all below them.
    pub(super) fn hide(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.hidden.extend(paths);
    }

    fn is_hidden(&self, path: &Path) -> bool {
        path.ancestors().any(|ancestor| self.hidden.contains(ancestor))
    }

    fn check(&self, path: &Path) -> io::Result<()> {
        if self.is_hidden(path) { Err(io::ErrorKind::NotFound.into()) } else { Ok(()) }
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        self.check(path)?;
        let file = self.dir.open(path)?;
        let metadata = file.metadata()?;
        match self.kept_out.contains(&(metadata.dev(), metadata.ino())) {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(file),
        }
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.check(path)?;
        self.dir.metadata(path)
    }

    pub(super) fn symlink_metadata(&self, path: impl AsRef<Path>) -> io::Result<Metadata> {
        self.check(path.as_ref())?;
        self.dir.symlink_metadata(path)
    }

    /// The names of what is in a folder, in their order; none if they are more than `most`.
    pub(super) fn names(&self, folder: &Path, most: usize) -> io::Result<Option<Vec<OsString>>> {
        let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = self.dir.read_dir(place)?.take(most + 1);
        let names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
        let mut names = names?;
        if names.len() > most {
            return Ok(None);
        }
        names.retain(|name| {
            let path = folder.join(name);
            let is_kept_out = |file: Metadata| self.kept_out.contains(&(file.dev(), file.ino()));
            !self.is_hidden(&path) && !self.dir.symlink_metadata(&path).is_ok_and(is_kept_out)
        });
        names.sort();
        Ok(Some(names))
    }
}
