//! A file mapped into memory for reading.
#![allow(unsafe_code)] // mapping a file is unsafe: see `Mapped::open`

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// The bytes of a file, mapped or built in.
#[derive(Debug)]
pub enum Mapped {
    /// Part of the program.
    Static(&'static [u8]),
    /// A file.
    File(memmap2::Mmap),
}

impl Mapped {
    /// Map a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the map is only read, and only while a model is loaded from it: weights are copied
        // out at once. A file that another process cuts short meanwhile can end the program with
        // SIGBUS, as with every mapped file; it cannot corrupt memory that is written.
        Ok(Self::File(unsafe { memmap2::Mmap::map(&file)? }))
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
