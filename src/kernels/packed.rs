//! A matrix in the order that the micro-kernels read it.
#![allow(unsafe_code)] // calls of the same safe loops compiled for other instruction sets

use super::memory::Aligned;
use super::operands::{Input, Rows};
use super::rows::{Half, ROUND, WEIGHT, dispatch, poison, round_row};
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
    /// int8: 128 · the sum of a column's weights, which activations raised by 128 give too much; AVX2: the sum, for rows are raised
    /// each by its own.
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
        let mut packed = Self { inputs, outputs, ..Self::new(kernel) };
        let size = packed.size();
        packed.data = match kernel.precision {
            Precision::F32 => Data::F32(Aligned::lasting(size)),
            Precision::Bf16 => Data::Bf16(Aligned::lasting(size / 2)),
            Precision::Int8 => Data::Int8(Aligned::lasting(size)),
        };
        packed.pack_columns(Rows { data: weight, stride: inputs, count: outputs }, inputs);
        packed
    }

    /// Numbers of all panels.
    fn size(&self) -> usize {
        self.depth() * self.outputs.div_ceil(self.width()) * self.width()
    }

    fn reshape(&mut self, inputs: usize, outputs: usize) {
        (self.inputs, self.outputs) = (inputs, outputs);
        let size = self.size();
        match &mut self.data {
            Data::F32(data) => data.resize(size),
            Data::Bf16(data) => data.resize(size / 2),
            Data::Int8(data) => data.resize(size),
        }
    }

    /// Pack columns of the matrix that stand as rows of `inputs` numbers.
    pub fn pack_columns<'a>(&mut self, source: impl Into<Input<'a>>, inputs: usize) {
        let source = self.checked(source.into(), inputs);
        self.reshape(inputs, source.count());
        let (depth, width, isa) = (self.depth(), self.width(), self.kernel.isa);
        match (&mut self.data, source) {
            (Data::F32(data), Input::F32(Rows { data: source, stride, count: outputs })) => {
                let column = |o: usize| if o < outputs { &source[o * stride..][..inputs] } else { &[] };
                for (panel, data) in data.chunks_exact_mut((depth * width).max(1)).enumerate() {
                    for first in (0..depth).step_by(PACK_BLOCK) {
                        for c in 0..width {
                            let column = column(panel * width + c);
                            for k in first..depth.min(first + PACK_BLOCK) {
                                data[k * width + c] = column.get(k).copied().unwrap_or(0.0);
                            }
                        }
                    }
                }
            }
            (Data::Bf16(data), source) => {
                let data: &mut [u32] = data;
                #[cfg(target_arch = "x86_64")]
                if isa.has_halves() {
                    return super::halves512::pair_columns(data, source, inputs);
                }
                match source {
                    Input::F32(source) => {
                        dispatch!(isa, pair_columns(data: &mut [u32], source: Rows<'_>, inputs: usize, width: usize));
                    }
                    Input::Halves(source) => {
                        dispatch!(isa, pair_columns(data: &mut [u32], source: Rows<'_, u16>, inputs: usize, width: usize));
                    }
                }
            }
            (Data::Int8(data), Input::F32(source)) => {
                let (most, raised) = if isa == Isa::Avx2 { (WEIGHT, 1) } else { (127.0, 128) };
                self.scales.resize(source.count.next_multiple_of(width), 1.0);
                self.offsets.resize(source.count.next_multiple_of(width), 0);
                let (scales, offsets): (&mut [f32], &mut [i32]) = (&mut self.scales, &mut self.offsets);
                let data: &mut [i8] = data;
                let into = Steps { most, raised, scales, offsets };
                dispatch!(isa, quantise_columns(data: &mut [i8], into: Steps<'_>, source: Rows<'_>, inputs: usize, width: usize));
            }
            (_, Input::Halves(_)) => panic!("{} does not read bf16", self.kernel),
        }
    }

    /// Pack rows of the matrix, of `outputs` numbers. Not for int8.
    pub fn pack_rows<'a>(&mut self, source: impl Into<Input<'a>>, outputs: usize) {
        let source = self.checked(source.into(), outputs);
        self.reshape(source.count(), outputs);
        let (depth, width, isa) = (self.depth(), self.width(), self.kernel.isa);
        match (&mut self.data, source) {
            (Data::F32(data), Input::F32(Rows { data: source, stride, .. })) => {
                for (panel, data) in data.chunks_exact_mut((depth * width).max(1)).enumerate() {
                    for (k, data) in data.chunks_exact_mut(width).enumerate() {
                        let start = panel * width;
                        let row = &source[k * stride + start..][..width.min(outputs - start)];
                        data[..row.len()].copy_from_slice(row);
                        data[row.len()..].fill(0.0);
                    }
                }
            }
            (Data::Bf16(data), source) => {
                let data: &mut [u32] = data;
                #[cfg(target_arch = "x86_64")]
                if isa.has_halves() {
                    return super::halves512::pair_rows(data, source, outputs);
                }
                match source {
                    Input::F32(source) => {
                        dispatch!(isa, pair_rows(data: &mut [u32], source: Rows<'_>, outputs: usize, width: usize));
                    }
                    Input::Halves(source) => {
                        dispatch!(isa, pair_rows(data: &mut [u32], source: Rows<'_, u16>, outputs: usize, width: usize));
                    }
                }
            }
            (Data::Int8(_), _) => unreachable!("attention is not quantised"),
            (_, Input::Halves(_)) => panic!("{} does not read bf16", self.kernel),
        }
    }

    /// `source`, if it holds rows of `width` numbers.
    fn checked<'a>(&self, source: Input<'a>, width: usize) -> Input<'a> {
        assert!(source.holds(width), "a matrix out of bounds");
        source
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

/// What one step of each column stands for, and `raised` · the sum of its steps; no weight has more than `most` steps.
struct Steps<'a> {
    most: f32,
    raised: i32,
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
        into.offsets[o] = into.raised * steps.iter().map(|&q| i32::from(q)).sum::<i32>();
        let panel = &mut data[o / width * width * depth + o % width * 4..];
        for (group, steps) in steps.chunks_exact(4).enumerate() {
            panel[group * 4 * width..][..4].copy_from_slice(steps);
        }
    }
}

/// Columns, as rows of `source`, to panels of pairs: a block is rounded column by column, then turned.
#[inline(always)]
fn pair_columns<const FUSED: bool>(data: &mut [u32], source: Rows<'_, impl Half>, inputs: usize, width: usize) {
    let mut block = [[0u16; PACK_BLOCK]; 32];
    let groups = inputs.next_multiple_of(32) / 2;
    for (panel, data) in data.chunks_exact_mut((groups * width).max(1)).enumerate() {
        for (first, data) in (0..inputs).step_by(PACK_BLOCK).zip(data.chunks_mut(PACK_BLOCK / 2 * width)) {
            let count = PACK_BLOCK.min(inputs - first);
            let padded = data.len() / width * 2;
            for (c, halves) in block[..width].iter_mut().enumerate() {
                let o = panel * width + c;
                let part = if o < source.count { &source.data[o * source.stride + first..][..count] } else { &[] };
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
fn pair_rows<const FUSED: bool>(data: &mut [u32], source: Rows<'_, impl Half>, outputs: usize, width: usize) {
    let groups = source.count.next_multiple_of(32) / 2;
    for (panel, data) in data.chunks_exact_mut((groups * width).max(1)).enumerate() {
        let first = panel * width;
        let columns = width.min(outputs - first);
        for (pair, data) in data.chunks_exact_mut(width).enumerate() {
            let row = |k: usize| if k < source.count { &source.data[k * source.stride + first..][..columns] } else { &[] };
            let (low, high) = (row(2 * pair), row(2 * pair + 1));
            if let (Some((low, [])), Some((high, []))) = (low.split_first_chunk::<32>(), high.split_first_chunk::<32>()) {
                for ((pair, l), h) in data.iter_mut().zip(low).zip(high) {
                    *pair = u32::from(l.half()) | u32::from(h.half()) << 16;
                }
                continue;
            }
            for (i, pair) in data.iter_mut().enumerate() {
                let [low, high] = [low, high].map(|row| row.get(i).map_or(0, |x| u32::from(x.half())));
                *pair = low | high << 16;
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
                let used = numbers(100 * 100, 5);
                b.pack_rows(Rows { data: &used, stride: 100, count: 100 }, 100);
                b.pack_rows(Rows { data: &by_row, stride: outputs, count: inputs }, outputs);
                if kernel.precision() == Precision::Bf16 {
                    let halves = |numbers: &[f32]| numbers.iter().map(|x| x.half()).collect::<Vec<_>>();
                    let (columns, rows) = (halves(&by_column), halves(&by_row));
                    let (mut c, mut d) = (a.clone(), b.clone());
                    c.pack_rows(Rows { data: &used, stride: 100, count: 100 }, 100);
                    c.pack_columns(Input::Halves(Rows { data: &columns, stride: inputs, count: outputs }), inputs);
                    d.pack_rows(Input::Halves(Rows { data: &rows, stride: outputs, count: inputs }), outputs);
                    for other in [&c.data, &d.data] {
                        let (Data::Bf16(want), Data::Bf16(got)) = (&a.data, other) else { panic!("not in bf16") };
                        prop_assert_eq!(&want[..], &got[..], "{}", kernel);
                    }
                }
                match (&a.data, &b.data) {
                    (Data::F32(a), Data::F32(b)) => prop_assert_eq!(&a[..], &b[..]),
                    (Data::Bf16(a), Data::Bf16(b)) => prop_assert_eq!(&a[..], &b[..]),
                    _ => prop_assert!(false),
                }
            }
        }
    }
}
