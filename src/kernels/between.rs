//! Rows of numbers that one product makes and another reads.

use super::Kernel;
use super::memory::Aligned;
use super::operands::{Input, Out, Rows, Target};

/// Rows between two products: in bf16 where the second would round them to that or to less, else in f32.
#[derive(Debug)]
pub struct Between {
    numbers: Numbers,
    width: usize,
}

#[derive(Debug)]
enum Numbers {
    F32(Aligned<f32>),
    Halves(Aligned<u16>),
}

impl Between {
    /// No rows, for products of `kernel` and its attention.
    pub fn new(kernel: Kernel) -> Self {
        Self::of(kernel.halves_between())
    }

    /// No rows, for products of `kernel` alone.
    pub fn inside(kernel: Kernel) -> Self {
        Self::of(kernel.halves_inside())
    }

    fn of(halves: bool) -> Self {
        let numbers = if halves { Numbers::Halves(Aligned::default()) } else { Numbers::F32(Aligned::default()) };
        Self { numbers, width: 0 }
    }

    /// Room for `rows` rows of `width` numbers; what stands in them is left over.
    pub fn resize(&mut self, rows: usize, width: usize) {
        self.width = width;
        let size = rows.next_multiple_of(32) * width; // tiles of AMX are read whole
        match &mut self.numbers {
            Numbers::F32(numbers) => numbers.resize(size),
            Numbers::Halves(numbers) => numbers.resize(size),
        }
    }

    /// `count` rows from `first` on, to be read.
    pub fn rows(&self, first: usize, count: usize) -> Input<'_> {
        self.block(first * self.width, self.width, count)
    }

    /// `count` rows from number `start` on that are `stride` apart, to be read.
    pub fn block(&self, start: usize, stride: usize, count: usize) -> Input<'_> {
        match &self.numbers {
            Numbers::F32(numbers) => Input::F32(Rows { data: &numbers[start..], stride, count }),
            Numbers::Halves(numbers) => Input::Halves(Rows { data: &numbers[start..], stride, count }),
        }
    }

    /// The columns of rows from `row` and `column` on, to be written.
    pub fn part(&mut self, row: usize, column: usize) -> Target<'_> {
        let (start, stride) = (row * self.width + column, self.width);
        match &mut self.numbers {
            Numbers::F32(numbers) => Target::F32(Out::rows(&mut numbers[start..], stride)),
            Numbers::Halves(numbers) => Target::Halves(Out::rows(&mut numbers[start..], stride)),
        }
    }

    /// All columns in blocks of `block`, each `apart` from the one before, of rows that are `stride` apart, to be written.
    pub fn blocks(&mut self, stride: usize, block: usize, apart: usize) -> Target<'_> {
        match &mut self.numbers {
            Numbers::F32(data) => Target::F32(Out { data, stride, block, apart }),
            Numbers::Halves(data) => Target::Halves(Out { data, stride, block, apart }),
        }
    }
}
