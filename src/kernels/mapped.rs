//! A file mapped into memory for reading.
#![allow(unsafe_code)] // mapping a file is unsafe: see `Mapped::open`

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// The bytes of a file, mapped or built in; a clone is the same bytes.
#[derive(Clone, Debug)]
pub enum Mapped {
    /// Part of the program.
    Static(&'static [u8]),
    /// A file.
    File(Arc<memmap2::Mmap>),
}

impl Mapped {
    /// Map a file for as long as the value lives: weights as long as their model, for word embeddings are looked up in the
    /// file, and the adapter is read when a pass first needs it. Another file renamed to this one's name leaves the map as it was. This file must not be written
    /// over meanwhile: numbers would change under the model, and what is cut off ends the program with SIGBUS once it is read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the map is only read, and its bytes must not change while they are borrowed. This program writes to no file
        // that it has mapped; of others it can only ask it, above. No memory that is written lies behind the map, and a
        // header is parsed, its offsets checked, at every reading (`Weights::parse`).
        Ok(Self::File(Arc::new(unsafe { memmap2::Mmap::map(&file)? })))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::File(map) => map,
        }
    }
}
