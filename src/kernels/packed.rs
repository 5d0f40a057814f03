//! A matrix in the order that the micro-kernels read it.
#![allow(unsafe_code)] // calls of the same safe loops compiled for other instruction sets

use super::memory::Aligned;
use super::product::{Rows, fits};
use super::rows::{ROUND, bf16_of, dispatch, poison, round_row};
use super::{Isa, Kernel, Precision};

/// Inputs that are packed for all columns of a panel before the next ones, so that writes stay in the cache.
const PACK_BLOCK: usize = 64;

/// A `[inputs, outputs]` matrix in column panels of two vectors.
///
/// Panel `p` holds the columns `p · width ..`; inputs stand in groups of 1 (f32), 2 (bf16) or 4 (int8), and
/// a panel holds group after group, in it column after column, in it the inputs of the group: what one
/// broadcast of a group of activations meets in one vector, and what AMX reads as a tile. The last panel and
/// the last group are padded with zeros.
#[derive(Clone, Debug)]
pub struct Packed {
    kernel: Kernel,
    inputs: usize,
    outputs: usize,
    pub(super) data: Data,
    /// int8: what one step of a column's weights stands for.
    pub(super) scales: Vec<f32>,
    /// int8: 128 · the sum of a column's weights, which activations raised by 128 give too much.
    pub(super) offsets: Vec<i32>,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    F32(Aligned<f32>),
    /// Pairs of bf16 as they stand in memory.
    Bf16(Aligned<u32>),
    Int8(Aligned<i8>),
}

impl Packed {
    /// An empty matrix to be filled by [`Packed::pack_columns`] or [`Packed::pack_rows`].
    pub fn new(kernel: Kernel) -> Self {
        let data = match kernel.precision {
            Precision::F32 => Data::F32(Aligned::default()),
            Precision::Bf16 => Data::Bf16(Aligned::default()),
            Precision::Int8 => Data::Int8(Aligned::default()),
        };
        Self { kernel, inputs: 0, outputs: 0, data, scales: Vec::new(), offsets: Vec::new() }
    }

    /// Pack a weight `[outputs, inputs]` as `torch.nn.Linear` stores it.
    pub fn from_linear(weight: &[f32], outputs: usize, inputs: usize, kernel: Kernel) -> Self {
        assert_eq!(weight.len(), outputs * inputs);
        let mut packed = Self::new(kernel);
        packed.pack_columns(weight, inputs, inputs, outputs);
        packed
    }

    fn reshape(&mut self, inputs: usize, outputs: usize) {
        (self.inputs, self.outputs) = (inputs, outputs);
        let size = self.depth() * outputs.div_ceil(self.width()) * self.width();
        match &mut self.data {
            Data::F32(data) => data.resize(size),
            Data::Bf16(data) => data.resize(size / 2),
            Data::Int8(data) => data.resize(size),
        }
    }

    /// Pack `[outputs, inputs]` numbers whose rows, the columns of the matrix, stand `stride` apart.
    pub fn pack_columns(&mut self, source: &[f32], stride: usize, inputs: usize, outputs: usize) {
        assert!(fits(outputs, inputs, stride, source.len()), "a matrix out of bounds");
        self.reshape(inputs, outputs);
        let (depth, width, isa) = (self.depth(), self.width(), self.kernel.isa);
        let columns = |panel: usize| (0..width).map(move |c| panel * width + c);
        let column = |o: usize| if o < outputs { &source[o * stride..][..inputs] } else { &[] };
        match &mut self.data {
            Data::F32(data) => {
                for (panel, data) in data.chunks_exact_mut((depth * width).max(1)).enumerate() {
                    for first in (0..depth).step_by(PACK_BLOCK) {
                        for (c, o) in columns(panel).enumerate() {
                            let column = column(o);
                            for k in first..depth.min(first + PACK_BLOCK) {
                                data[k * width + c] = column.get(k).copied().unwrap_or(0.0);
                            }
                        }
                    }
                }
            }
            Data::Bf16(data) => {
                let data: &mut [u32] = data;
                #[cfg(target_arch = "x86_64")]
                if isa.has_halves() {
                    return super::halves512::pair_columns(data, source, stride, inputs, outputs);
                }
                dispatch!(isa, pair_columns(data: &mut [u32], source: &[f32], stride: usize, inputs: usize, outputs: usize, width: usize));
            }
            Data::Int8(data) => {
                // Products of AVX2 are summed in pairs in 16 bits, which 7 bits of weight cannot overflow.
                let most = if isa == Isa::Avx2 { 63.0 } else { 127.0 };
                self.scales.resize(outputs.next_multiple_of(width), 1.0);
                self.offsets.resize(outputs.next_multiple_of(width), 0);
                let (scales, offsets): (&mut [f32], &mut [i32]) = (&mut self.scales, &mut self.offsets);
                let data: &mut [i8] = data;
                let into = Steps { most, scales, offsets };
                let source = Rows { data: source, stride, count: outputs };
                dispatch!(isa, quantise_columns(data: &mut [i8], into: Steps<'_>, source: Rows<'_>, inputs: usize, width: usize));
            }
        }
    }

    /// Pack `[inputs, outputs]` numbers whose rows stand `stride` apart. Not for int8.
    pub fn pack_rows(&mut self, source: &[f32], stride: usize, inputs: usize, outputs: usize) {
        self.reshape(inputs, outputs);
        let (depth, width, isa) = (self.depth(), self.width(), self.kernel.isa);
        let row = |k: usize, panel: usize| {
            let start = panel * width;
            if k < inputs { &source[k * stride + start..][..width.min(outputs - start)] } else { &[] }
        };
        match &mut self.data {
            Data::F32(data) => {
                for (panel, data) in data.chunks_exact_mut((depth * width).max(1)).enumerate() {
                    for (k, data) in data.chunks_exact_mut(width).enumerate() {
                        let row = row(k, panel);
                        data[..row.len()].copy_from_slice(row);
                        data[row.len()..].fill(0.0);
                    }
                }
            }
            Data::Bf16(data) => {
                let data: &mut [u32] = data;
                #[cfg(target_arch = "x86_64")]
                if isa.has_halves() {
                    return super::halves512::pair_rows(data, source, stride, inputs, outputs);
                }
                dispatch!(isa, pair_rows(data: &mut [u32], source: &[f32], stride: usize, inputs: usize, outputs: usize, width: usize));
            }
            Data::Int8(_) => unreachable!("attention is not quantised"),
        }
    }

    /// Rows of the matrix.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of the matrix.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The kernel that it is packed for.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Inputs with padding: in bf16 and int8 whole tiles of AMX, whatever the kernel, so that AVX-512 and AMX read the
    /// same panels.
    pub(super) fn depth(&self) -> usize {
        match self.kernel.precision {
            Precision::F32 => self.inputs,
            Precision::Bf16 => self.inputs.next_multiple_of(32),
            Precision::Int8 => self.inputs.next_multiple_of(64),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.kernel.panel_width()
    }
}

/// What one step of each column stands for, and 128 · the sum of its steps; no weight has more than `most` steps.
struct Steps<'a> {
    most: f32,
    scales: &'a mut [f32],
    offsets: &'a mut [i32],
}

/// Columns, as rows of `source`, to panels of groups of four.
#[inline(always)]
fn quantise_columns<const FUSED: bool>(data: &mut [i8], into: Steps<'_>, source: Rows<'_>, inputs: usize, width: usize) {
    let depth = inputs.next_multiple_of(64);
    data.fill(0);
    let mut steps = vec![0i8; depth];
    for o in 0..source.count {
        let column = &source.data[o * source.stride..][..inputs];
        let largest = column.iter().fold(0.0f32, |m, x| if x.abs() > m { x.abs() } else { m });
        let inverse = if largest > 0.0 { into.most / largest } else { 0.0 };
        for (step, &x) in steps.iter_mut().zip(column) {
            *step = (x * inverse + ROUND).to_bits() as i8;
        }
        into.scales[o] = if largest > 0.0 { largest / into.most } else { 1.0 } + poison(column);
        into.offsets[o] = 128 * steps.iter().map(|&q| i32::from(q)).sum::<i32>();
        let panel = &mut data[o / width * width * depth + o % width * 4..];
        for (group, steps) in steps.chunks_exact(4).enumerate() {
            panel[group * 4 * width..][..4].copy_from_slice(steps);
        }
    }
}

/// Columns, as rows of `source`, to panels of pairs: a block is rounded column by column, then turned.
#[inline(always)]
fn pair_columns<const FUSED: bool>(data: &mut [u32], source: &[f32], stride: usize, inputs: usize, outputs: usize, width: usize) {
    let mut block = [[0u16; PACK_BLOCK]; 32];
    let groups = inputs.next_multiple_of(32) / 2;
    for (panel, data) in data.chunks_exact_mut((groups * width).max(1)).enumerate() {
        for (first, data) in (0..inputs).step_by(PACK_BLOCK).zip(data.chunks_mut(PACK_BLOCK / 2 * width)) {
            let count = PACK_BLOCK.min(inputs - first);
            let padded = data.len() / width * 2;
            for (c, halves) in block[..width].iter_mut().enumerate() {
                let o = panel * width + c;
                let part = if o < outputs { &source[o * stride + first..][..count] } else { &[] };
                round_row(part, &mut halves[..padded]);
            }
            for (k, row) in data.chunks_exact_mut(width).enumerate().take(PACK_BLOCK / 2) {
                for (pair, halves) in row.iter_mut().zip(&block) {
                    *pair = u32::from(halves[2 * k]) | u32::from(halves[2 * k + 1]) << 16;
                }
            }
        }
    }
}

/// Rows to panels of pairs.
#[inline(always)]
fn pair_rows<const FUSED: bool>(data: &mut [u32], source: &[f32], stride: usize, inputs: usize, outputs: usize, width: usize) {
    let groups = inputs.next_multiple_of(32) / 2;
    for (panel, data) in data.chunks_exact_mut((groups * width).max(1)).enumerate() {
        let first = panel * width;
        let columns = width.min(outputs - first);
        for (pair, data) in data.chunks_exact_mut(width).enumerate() {
            let row = |k: usize| if k < inputs { &source[k * stride + first..][..columns] } else { &[] };
            let (low, high) = (row(2 * pair), row(2 * pair + 1));
            if let (Ok(low), Ok(high)) = (<&[f32; 32]>::try_from(low), <&[f32; 32]>::try_from(high)) {
                for ((pair, &l), &h) in data.iter_mut().zip(low).zip(high) {
                    *pair = bf16_of(l) | bf16_of(h) << 16;
                }
                continue;
            }
            for (i, pair) in data.iter_mut().enumerate() {
                let at = |row: &[f32]| row.get(i).map_or(0, |&x| bf16_of(x));
                *pair = at(low) | at(high) << 16;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{kernels, numbers};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn rows_and_columns_pack_the_same_matrix(inputs in 1usize..90, outputs in 1usize..70, seed in 1u64..99) {
            let by_column = numbers(inputs * outputs, seed);
            let by_row: Vec<f32> = (0..inputs * outputs).map(|i| by_column[i % outputs * inputs + i / outputs]).collect();
            for kernel in kernels().into_iter().filter(|k| k.precision() != Precision::Int8) {
                let a = Packed::from_linear(&by_column, outputs, inputs, kernel);
                let mut b = Packed::new(kernel);
                // Memory that was used before must not shine through.
                b.pack_rows(&numbers(100 * 100, 5), 100, 100, 100);
                b.pack_rows(&by_row, outputs, inputs, outputs);
                match (&a.data, &b.data) {
                    (Data::F32(a), Data::F32(b)) => prop_assert_eq!(&a[..], &b[..]),
                    (Data::Bf16(a), Data::Bf16(b)) => prop_assert_eq!(&a[..], &b[..]),
                    _ => prop_assert!(false),
                }
            }
        }
    }
}
