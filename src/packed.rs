//! Files that are part of the program and seldom asked for, packed by build.rs.

use std::io::{self, Read};

use flate2::read::GzDecoder;

/// A file in gzip's format.
#[derive(Debug, Clone, Copy)]
pub struct Packed(pub &'static [u8]);

impl Packed {
    /// What is in the file.
    ///
    /// # Errors
    /// When the program was built wrongly.
    pub fn bytes(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        GzDecoder::new(self.0).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The packed file with that name.
macro_rules! packed {
    ($name:literal) => {
        $crate::packed::Packed(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")))
    };
}

pub(crate) use packed;
