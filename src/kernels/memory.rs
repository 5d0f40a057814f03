//! Memory that starts on a cache line, so that no vector of 64 bytes straddles two.
#![allow(unsafe_code)] // a view of plain numbers over lines of zeroed bytes

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

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

/// A growing slice of numbers on cache lines.
#[derive(Clone, Debug)]
pub struct Aligned<T> {
    lines: Vec<Line>,
    length: usize,
    kind: PhantomData<T>,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), length: 0, kind: PhantomData }
    }
}

impl<T: Plain> Aligned<T> {
    /// Change the length. What stood there stays or is left over from an earlier use; new memory is zero.
    pub fn resize(&mut self, length: usize) {
        let lines = length.checked_mul(size_of::<T>()).expect("more numbers than memory has").div_ceil(64);
        if lines > self.lines.len() {
            self.lines.resize(lines, Line([0; 64]));
        }
        self.length = length;
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
