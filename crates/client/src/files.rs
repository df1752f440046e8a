//! Reading and replacing the files shared with the official client.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_norway::{Mapping, Value};

use super::{ClientError, yaml};

/// Reads a YAML mapping, or `None` when there is no such file.
///
/// # Errors
///
/// [`ClientError::File`] when the file cannot be read, [`ClientError::DamagedFile`] when it is not a mapping.
pub fn read_mapping(path: &Path) -> Result<Option<Mapping>, ClientError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(damaged(path, "it is not text")),
        Err(error) => return Err(ClientError::file(path, &error)),
    };
    yaml::parse_mapping(&text).map(Some).map_err(|error| damaged(path, &error.to_string()))
}

/// Replaces the file at `path` as a whole, readable by its owner alone.
///
/// The new text is complete on disk before it takes the old one's place, so that nobody ever reads half of
/// it. The folder is made when missing.
pub fn replace_mapping(path: &Path, mapping: &Mapping) -> Result<(), ClientError> {
    let text = yaml::write_mapping(mapping).map_err(|error| damaged(path, &error.to_string()))?;
    replace_file(path, text.as_bytes())
}

/// As [`replace_mapping`], with any content.
pub fn replace_file(path: &Path, content: &[u8]) -> Result<(), ClientError> {
    // A file kept elsewhere and linked to from here is replaced there: the link has to survive.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    replace(&target, content).map_err(|error| ClientError::file(path, &error))
}

fn replace(target: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = target.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    create_private_folder(&folder)?;
    // Made with mode 0600 and in the same folder, because a rename is atomic only within one file system.
    let mut file = tempfile::Builder::new().prefix(".zendo-").tempfile_in(&folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    // The new name is in the folder, which has to reach the disk as well.
    fs::File::open(&folder)?.sync_all()
}

fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn damaged(path: &Path, reason: &str) -> ClientError {
    ClientError::DamagedFile { path: path.to_owned(), reason: reason.to_owned() }
}

/// Sets a text of a mapping.
pub(crate) fn set(mapping: &mut Mapping, key: &str, value: &str) {
    put(mapping, key, Value::String(value.to_owned()));
}

/// Sets a value of a mapping, in its place if it has one.
pub(crate) fn put(mapping: &mut Mapping, key: &str, value: Value) {
    mapping.insert(Value::String(key.to_owned()), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(text: &str) -> Mapping {
        yaml::parse_mapping(text).unwrap()
    }

    #[test]
    fn a_missing_file_is_none_and_a_damaged_one_an_error_that_leaves_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        assert!(read_mapping(&path).unwrap().is_none());
        for damage in [&b"a: [1"[..], b"- a\n", b"\xff\xfe"] {
            fs::write(&path, damage).unwrap();
            assert!(matches!(read_mapping(&path), Err(ClientError::DamagedFile { .. })));
            assert_eq!(fs::read(&path).unwrap(), damage);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_is_private_leaves_no_litter_and_keeps_a_link() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept.yaml");
        let path = folder.path().join("new/x.yaml");
        fs::write(&kept, "a: 1\n").unwrap();
        fs::create_dir(folder.path().join("new")).unwrap();
        std::os::unix::fs::symlink(&kept, &path).unwrap();

        replace_mapping(&path, &mapping("a: 2")).unwrap();

        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&kept).unwrap(), "a: 2\n");
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
