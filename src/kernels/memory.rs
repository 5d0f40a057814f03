//! Memory that starts on a cache line, so that no vector of 64 bytes straddles two; weights stand together on huge pages.
#![allow(unsafe_code)] // a view of plain numbers over lines of zeroed bytes, and parts of maps that are handed out once

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Bytes of a huge page, at whose multiples a chunk begins.
const HUGE: usize = 2 << 20;

/// Bytes that are asked of the system at a time; what is never written to takes no memory.
const CHUNK: usize = 32 << 20;

/// Numbers of which every pattern of bits is one.
pub trait Plain: Copy {}
impl Plain for f32 {}
impl Plain for i32 {}
impl Plain for u32 {}
impl Plain for u16 {}
impl Plain for u8 {}
impl Plain for i8 {}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [u8; 64]); // read through the views below

/// A map of zeroed bytes, parts of which are handed out, each once.
#[derive(Debug)]
struct Chunk {
    /// The first multiple of [`HUGE`] in the map.
    start: NonNull<u8>,
    /// Bytes behind it.
    size: usize,
    _map: memmap2::MmapMut,
}

// SAFETY: the map is memory like any other; who may touch which part of it is up to `Part`.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// `None` where the system gives no map.
    fn new(size: usize) -> Option<Self> {
        let mut map = memmap2::MmapMut::map_anon(size.checked_add(HUGE)?).ok()?;
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage); // pages of the usual size do as well, only slower
        let before = map.as_ptr().addr().next_multiple_of(HUGE) - map.as_ptr().addr();
        Some(Self { start: NonNull::new(map.as_mut_ptr().wrapping_add(before))?, size, _map: map })
    }
}

/// Lines of a chunk that nothing else reads or writes.
#[derive(Debug)]
struct Part {
    chunk: Arc<Chunk>,
    first: usize,
    lines: usize,
}

impl Part {
    /// New lines, zeroed, behind the last ones that were given: the matrices of a model come to stand one behind the other. A
    /// chunk goes back to the system with the last of its parts.
    fn new(lines: usize) -> Option<Self> {
        static OPEN: Mutex<(Weak<Chunk>, usize)> = Mutex::new((Weak::new(), 0));
        let bytes = lines.checked_mul(size_of::<Line>())?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let chunk = match open.0.upgrade().filter(|chunk| bytes <= chunk.size - open.1) {
            Some(chunk) => chunk,
            None => {
                let chunk = Arc::new(Chunk::new(bytes.max(CHUNK))?);
                *open = (Arc::downgrade(&chunk), 0);
                chunk
            }
        };
        let first = open.1;
        open.1 += bytes;
        Some(Self { chunk, first, lines })
    }

    fn start(&self) -> NonNull<Line> {
        // SAFETY: `new` found `first` and the lines behind it inside the chunk, whose start is a multiple of a line.
        unsafe { self.chunk.start.add(self.first).cast() }
    }
}

#[derive(Debug)]
enum Memory {
    Own(Vec<Line>),
    Part(Part),
}

impl Deref for Memory {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        match self {
            Self::Own(lines) => lines,
            // SAFETY: no other part has these lines, and the chunk, zeroed when it was mapped, lives as long as this part.
            Self::Part(part) => unsafe { std::slice::from_raw_parts(part.start().as_ptr(), part.lines) },
        }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [Line] {
        match self {
            Self::Own(lines) => lines,
            // SAFETY: as above, and the borrow is exclusive.
            Self::Part(part) => unsafe { std::slice::from_raw_parts_mut(part.start().as_ptr(), part.lines) },
        }
    }
}

/// A growing slice of numbers on cache lines.
#[derive(Debug)]
pub struct Aligned<T> {
    lines: Memory,
    length: usize,
    kind: PhantomData<T>,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { lines: Memory::Own(Vec::new()), length: 0, kind: PhantomData }
    }
}

impl<T> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        Self { lines: Memory::Own(self.lines.to_vec()), ..*self }
    }
}

impl<T: Plain> Aligned<T> {
    /// `length` zeros for as long as a model lives: beside others on huge pages, where the system has them, for these are ready
    /// sooner and found sooner. Their memory may be kept until what was made before and after them has gone, too.
    pub fn lasting(length: usize) -> Self {
        let part = Part::new(Self::lines(length)).map(Memory::Part);
        let mut numbers = Self { lines: part.unwrap_or(Memory::Own(Vec::new())), ..Self::default() };
        numbers.resize(length);
        numbers
    }

    /// Change the length. What stood there stays or is left over from an earlier use; new memory is zero.
    pub fn resize(&mut self, length: usize) {
        let lines = Self::lines(length);
        if lines > self.lines.len() {
            if let Memory::Part(_) = self.lines {
                self.lines = Memory::Own(self.lines.to_vec());
            }
            if let Memory::Own(own) = &mut self.lines {
                own.resize(lines, Line([0; 64]));
            }
        }
        self.length = length;
    }

    fn lines(length: usize) -> usize {
        length.checked_mul(size_of::<T>()).expect("more numbers than memory has").div_ceil(size_of::<Line>())
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `resize` made room for `length` numbers; lines are initialised, aligned to 64 bytes,
        // and any bits are a `Plain` number.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_zero_and_nobody_elses() {
        let lengths = [1, 16, 17, 1000, 0, 5_000_000, 9_000_000, 3];
        let mut numbers: Vec<_> = lengths.iter().map(|&length| Aligned::<f32>::lasting(length)).collect();
        for (i, own) in numbers.iter_mut().enumerate() {
            assert!(own.len() == lengths[i] && own.as_ptr().addr().is_multiple_of(64) && own.iter().all(|&x| x == 0.0));
            own.fill(i as f32);
        }
        numbers.swap_remove(1);
        let copy = numbers[3].clone();
        numbers[3].fill(-1.0);
        numbers[3].resize(2000);
        assert!(copy.iter().all(|&x| x == 3.0) && copy.len() == 1000);
        assert!(numbers[3][..1000].iter().all(|&x| x == -1.0) && numbers[3][1008..].iter().all(|&x| x == 0.0));
        for (own, i) in numbers.iter().zip([0, 7, 2, 3, 4, 5, 6]).filter(|(_, i)| *i != 3) {
            assert!(own.len() == lengths[i] && own.iter().all(|&x| x == i as f32));
        }
    }

    #[test]
    fn starts_on_a_line_and_keeps_its_numbers() {
        let mut numbers = Aligned::<u16>::default();
        numbers.resize(3);
        numbers[2] = 7;
        numbers.resize(1000);
        assert_eq!(numbers.as_ptr() as usize % 64, 0);
        assert_eq!((numbers[2], numbers[999], numbers.len()), (7, 0, 1000));
        let mut none = Aligned::<f32>::default();
        none.resize(0);
        assert!(none.is_empty());
    }
}
