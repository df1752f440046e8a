//! A tar archive, compressed with gzip, made piece by piece.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use cap_std::fs::File;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Archive, Place, open};
use crate::http::download::{PIECE, Pieces};

/// Bytes that are read for a piece at most, however small they become.
const READ_AT_ONCE: usize = 16 * PIECE;
/// What an archive's parts are filled up to.
const BLOCK: u64 = 512;

type Tar = tar::Builder<GzEncoder<Vec<u8>>>;

/// Makes an [`Archive`]'s bytes.
pub(crate) struct Packer {
    place: Place,
    is_folder: bool,
    folders: VecDeque<PathBuf>,
    files: VecDeque<PathBuf>,
    /// The file that is being read, and its size as its header says it.
    file: Option<(io::Take<File>, u64)>,
    /// None after the end.
    tar: Option<Tar>,
}

impl Packer {
    pub(crate) fn new(archive: Archive) -> Self {
        let Archive { place, folders, files, is_folder } = archive;
        let encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let tar = Some(tar::Builder::new(encoder));
        Self { place, is_folder, folders: folders.into(), files: files.into(), file: None, tar }
    }

    /// The next bytes, or none after the last.
    ///
    /// # Errors
    /// When a file can't be read, or is shorter by now.
    pub(crate) fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut tar) = self.tar.take() else { return Ok(None) };
        let mut read = 0;
        while read < READ_AT_ONCE && tar.get_ref().get_ref().len() < PIECE {
            read += match self.file.take() {
                Some((file, size)) => self.read_on(file, size, &mut tar)?,
                None if self.begin_next(&mut tar)? => BLOCK as usize,
                None => return tar.into_inner()?.finish().map(Some),
            };
        }
        let piece = std::mem::take(tar.get_mut().get_mut());
        self.tar = Some(tar);
        Ok(Some(piece))
    }

    /// Puts the next part of a file in, and returns how long it is.
    fn read_on(&mut self, mut file: io::Take<File>, size: u64, tar: &mut Tar) -> io::Result<usize> {
        let mut part = Vec::with_capacity(PIECE);
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut part)?;
        tar.get_mut().write_all(&part)?;
        if file.limit() > 0 {
            if read == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter"));
            }
            self.file = Some((file, size));
        } else {
            let filling = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or_default();
            tar.get_mut().write_all(&[0; BLOCK as usize][..filling])?;
        }
        Ok(read)
    }

    /// Puts the header of the next folder or file in; false when there is no other.
    fn begin_next(&mut self, tar: &mut Tar) -> io::Result<bool> {
        if let Some(folder) = self.folders.pop_front() {
            let name = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
            tar.append_data(&mut header(tar::EntryType::Directory, 0o755, 0), name, io::empty())?;
            return Ok(true);
        }
        let Some(path) = self.files.pop_front() else { return Ok(false) };
        let whole = if self.is_folder { self.place.path.join(&path) } else { self.place.path.clone() };
        let file = open(&self.place.root, &whole).map_err(io::Error::other)?;
        let size = file.metadata()?.len();
        let name =
            if self.is_folder { path.as_path() } else { Path::new(whole.file_name().unwrap_or_default()) };
        // The header alone: what follows it is put in as it is read. A file that grows meanwhile ends where it says.
        tar.append_data(&mut header(tar::EntryType::Regular, 0o644, size), name, io::empty())?;
        self.file = Some((file.take(size), size));
        Ok(true)
    }
}

impl Pieces for Packer {
    fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        Self::next_piece(self)
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}
