//! Matrix products against a packed matrix, with what follows them done while a tile is in the cache.

use super::memory::Aligned;
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::operands::{Input, Rows, Target};
use super::packed::{Data, Packed};
use super::rows::{RowSteps, gelu, quantise, quantise_halves, round_bf16, round_row, settle};
use super::{Isa, Precision, amx, portable};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// What is done to a product's columns.
#[derive(Clone, Copy, Debug)]
pub enum After<'a> {
    /// Nothing.
    Nothing,
    /// `x + bias`.
    Bias(&'a [f32]),
    /// `gelu(x + bias)`, the erf form, absolute error below 1e-6 in f32.
    Gelu(&'a [f32]),
}

/// Memory for activations in the kernel's numbers, reused from call to call.
#[derive(Debug, Default)]
pub struct Operand {
    pub(super) halves: Aligned<u16>,
    pub(super) steps: RowSteps,
    pub(super) tile: Aligned<f32>,
    pub(super) sheet: Aligned<f32>,
}

/// A block of activations in the kernel's numbers.
#[derive(Clone, Copy)]
pub(super) enum Ready<'a> {
    F32(Rows<'a>),
    /// Rows of the matrix's depth; for AMX whole tiles of rows, whatever stands in the last.
    Bf16(&'a [u16]),
    Int8(Quantised<'a>),
}

/// Memory for what does not go straight where it is wanted.
pub(super) struct Aside<'a> {
    /// A tile that is not whole.
    pub tile: &'a mut Aligned<f32>,
    /// A panel's columns that are to be rounded.
    pub sheet: &'a mut Aligned<f32>,
}

/// A block of rows against one panel of columns. The micro-kernels assert what they rely on.
pub(super) struct Panel<'a> {
    /// Columns of the panel that are wanted.
    pub columns: usize,
    /// Rows of the block.
    pub rows: usize,
    /// Groups of inputs, padded.
    pub groups: usize,
    pub out_stride: usize,
    /// Added to the sums: the columns' bias, zeros behind it.
    pub bias: &'a [f32; 32],
    pub gelu: bool,
    /// Ready where the kernel multiplies tiles.
    #[cfg(target_arch = "x86_64")]
    pub tiles: Option<&'a amx::Tiles>,
}

/// Cover `rows` rows with tiles of the heights given, tallest first and 1 last: `$call` for each, its first row and its
/// height, a constant, under the names given.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! cover {
    ($rows:expr, [$($height:literal),+], |$row:ident, $size:ident| $call:expr) => {{
        let rows = $rows;
        let mut $row = 0;
        $(while rows - $row >= $height {
            const $size: usize = $height;
            $call;
            $row += $height;
        })+
    }};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use cover;

/// `out[r, c] = after(Σ_k x[r, k] · b[k, c])`.
pub fn product<'a>(x: impl Into<Input<'a>>, b: &Packed, out: impl Into<Target<'a>>, after: After<'_>, operand: &mut Operand) {
    let (x, mut out) = (x.into(), out.into());
    let count = x.count();
    if count == 0 || b.outputs() == 0 {
        return;
    }
    assert!(x.holds(b.inputs()), "activations out of bounds");
    out.check(count, b.outputs(), b.width());
    if let After::Bias(bias) | After::Gelu(bias) = after {
        assert_eq!(bias.len(), b.outputs(), "one bias a column");
    }
    let block = b.kernel().row_block();
    for first in (0..count).step_by(block) {
        let rows = block.min(count - first);
        let Operand { halves, steps, tile, sheet } = &mut *operand;
        let ready = ready(x.part(first, rows), b, halves, steps);
        panels(ready, rows, b, out.below(first), after, Aside { tile, sheet });
    }
}

/// A block of rows in the numbers that the kernel of `b` reads, in the memory given unless it can be read where it stands.
fn ready<'a>(x: Input<'a>, b: &Packed, halves: &'a mut Aligned<u16>, steps: &'a mut RowSteps) -> Ready<'a> {
    let (kernel, inputs, depth) = (b.kernel(), b.inputs(), b.depth());
    match (kernel.precision(), x) {
        (Precision::F32, Input::F32(x)) => Ready::F32(x),
        (Precision::F32, Input::Halves(_)) => panic!("{kernel} does not read bf16"),
        (Precision::Bf16, Input::F32(x)) => {
            round_bf16(kernel, x, inputs, depth, halves);
            Ready::Bf16(halves)
        }
        (Precision::Bf16, Input::Halves(x))
            if (inputs, x.stride) == (depth, depth) && x.data.len() >= kernel.whole_rows(x.count) * depth =>
        {
            Ready::Bf16(x.data)
        }
        (Precision::Bf16, Input::Halves(x)) => {
            halves.resize(kernel.row_block() * depth);
            for (r, row) in halves.chunks_exact_mut(depth).take(x.count).enumerate() {
                round_row(&x.data[r * x.stride..][..inputs], row);
            }
            Ready::Bf16(halves)
        }
        (Precision::Int8, x) => {
            match x {
                Input::F32(x) => quantise(kernel, x, inputs, depth, steps),
                Input::Halves(x) => quantise_halves(kernel, x, inputs, depth, steps),
            }
            Ready::Int8(Quantised { bytes: &steps.bytes, scales: &steps.scales, zeros: &steps.zeros })
        }
    }
}

/// The product of a block of rows.
pub(super) fn panels(x: Ready<'_>, rows: usize, b: &Packed, mut out: Target<'_>, after: After<'_>, aside: Aside<'_>) {
    aside.tile.resize(32 * 32);
    let (outputs, width) = (b.outputs(), b.width());
    if matches!(out, Target::Halves(_)) {
        aside.sheet.resize(rows * width);
    }
    #[cfg(target_arch = "x86_64")]
    let tiles = amx::Tiles::of(b.kernel());
    for panel in 0..outputs.div_ceil(width) {
        let column = panel * width;
        let columns = width.min(outputs - column);
        let mut bias = [0.0; 32];
        if let After::Bias(all) | After::Gelu(all) = after {
            bias[..columns].copy_from_slice(&all[column..][..columns]);
        }
        let gelu = matches!(after, After::Gelu(_));
        let mut job = Panel {
            columns,
            rows,
            groups: 0,
            out_stride: width,
            bias: &bias,
            gelu: false,
            #[cfg(target_arch = "x86_64")]
            tiles: tiles.as_ref(),
        };
        match &mut out {
            Target::F32(out) => {
                (job.out_stride, job.gelu) = (out.stride, gelu);
                job.run(x, b, panel, out.column(column), aside.tile);
            }
            Target::Halves(out) => {
                job.run(x, b, panel, aside.sheet, aside.tile);
                let stride = out.stride;
                settle(b.kernel().isa(), Rows { data: aside.sheet, stride: width, count: rows }, columns, gelu, out.column(column), stride);
            }
        }
    }
}

impl Panel<'_> {
    fn run(mut self, x: Ready<'_>, b: &Packed, panel: usize, out: &mut [f32], tile: &mut [f32]) {
        let width = b.width();
        match (&b.data, x) {
            (Data::F32(data), Ready::F32(x)) => {
                self.groups = b.inputs();
                let weights = &data[panel * self.groups * width..][..self.groups * width];
                match b.kernel().isa() {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Amx | Isa::Avx512 => avx512::f32_panel(&self, x, weights, out, tile),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2::f32_panel(&self, x, weights, out, tile),
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => neon::f32_panel(&self, x, weights, out, tile),
                    _ => portable::f32_panel(&self, x, weights, out),
                }
            }
            (Data::Bf16(data), Ready::Bf16(x)) => {
                self.groups = b.depth() / 2;
                let weights = &data[panel * self.groups * width..][..self.groups * width];
                #[cfg(target_arch = "x86_64")]
                if let Some(tiles) = self.tiles {
                    return amx::bf16_panel(tiles, &self, x, weights, out, tile);
                }
                match b.kernel().isa() {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512::bf16_panel(&self, x, weights, out, tile),
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => neon::bf16_panel(&self, x, weights, out, tile),
                    _ => portable::bf16_panel(&self, x, weights, out),
                }
            }
            (Data::Int8(data), Ready::Int8(x)) => {
                self.groups = b.depth() / 4;
                let weights = &data[panel * self.groups * 4 * width..][..self.groups * 4 * width];
                let columns = Columns { scales: &b.scales[panel * width..][..width], offsets: &b.offsets[panel * width..][..width] };
                #[cfg(target_arch = "x86_64")]
                if let Some(tiles) = self.tiles {
                    return amx::int8_panel(tiles, &self, x, weights, columns, out, tile);
                }
                match b.kernel().isa() {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512::int8_panel(&self, x, weights, columns, out, tile),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2::int8_panel(&self, x, weights, columns, out, tile),
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => neon::int8_panel(&self, x, weights, columns, out, tile),
                    _ => portable::int8_panel(&self, x, weights, columns, out),
                }
            }
            _ => unreachable!("activations are made ready for their matrix"),
        }
    }

    /// Where a tile of `rows` rows from `row` on goes: into `out`, or beside it where the panel is cut off.
    pub(super) fn target<'o>(
        &self,
        row: usize,
        rows: usize,
        width: usize,
        out: &'o mut [f32],
        tile: &'o mut [f32],
    ) -> (&'o mut [f32], usize) {
        if self.columns == width {
            let out = &mut out[row * self.out_stride..];
            assert!(out.len() >= (rows - 1) * self.out_stride + width);
            (out, self.out_stride)
        } else {
            assert!(tile.len() >= rows * width);
            (tile, width)
        }
    }

    /// Bring a tile beside `out` into it where it is, and do what follows the product.
    #[inline(always)]
    pub(super) fn finish<const FUSED: bool>(&self, row: usize, rows: usize, width: usize, out: &mut [f32], tile: &[f32]) {
        if !self.gelu && self.columns == width {
            return;
        }
        for r in 0..rows {
            let out = &mut out[(row + r) * self.out_stride..][..self.columns];
            if self.columns < width {
                out.copy_from_slice(&tile[r * width..][..self.columns]);
            }
            if self.gelu {
                gelu::<FUSED>(out);
            }
        }
    }
}

/// Activations in 8 bits, raised by 128 (NEON: as they are; AVX2: by what is the row's zero), and what one step of
/// each row stands for.
#[derive(Clone, Copy)]
pub(super) struct Quantised<'a> {
    pub bytes: &'a [u8],
    pub scales: &'a [f32],
    pub zeros: &'a [i32],
}

/// Scale and offset of each column of a panel.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub scales: &'a [f32],
    pub offsets: &'a [i32],
}

#[cfg(test)]
mod tests {
    use super::super::testing::{kernels, numbers};
    use super::super::{Between, Kernel, Out};
    use super::*;
    use proptest::prelude::*;

    fn run(x: &[f32], inputs: usize, b: &Packed, after: After<'_>) -> Vec<f32> {
        let count = x.len() / inputs;
        let mut out = vec![f32::NAN; count * b.outputs()];
        product(Rows { data: x, stride: inputs, count }, b, Out::rows(&mut out, b.outputs()), after, &mut Operand::default());
        out
    }

    fn reference(a: &[f32], w: &[f32], rows: usize, inputs: usize, outputs: usize) -> Vec<f32> {
        let dot = |r: usize, o: usize| -> f64 { (0..inputs).map(|k| f64::from(a[r * inputs + k]) * f64::from(w[o * inputs + k])).sum() };
        (0..rows * outputs).map(|i| dot(i / outputs, i % outputs) as f32).collect()
    }

    /// The largest error of a product of numbers in [-1, 1): each rounds both factors by its precision.
    fn tolerance(kernel: Kernel, inputs: usize) -> f32 {
        match kernel.precision() {
            Precision::F32 => 1e-4,
            Precision::Bf16 => inputs as f32 / 128.0 * 0.5 + 1e-3,
            Precision::Int8 => inputs as f32 / 63.0 * 0.75 + 1e-3,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_kernel_agrees_with_a_double_precision_sum(
            rows in 1usize..40, inputs in 1usize..90, outputs in 1usize..80, seed in 1u64..1000,
        ) {
            let (a, w) = (numbers(rows * inputs, seed), numbers(outputs * inputs, seed + 1));
            let expected = reference(&a, &w, rows, inputs, outputs);
            for kernel in kernels() {
                let out = run(&a, inputs, &Packed::from_linear(&w, outputs, inputs, kernel), After::Nothing);
                for (got, want) in out.iter().zip(&expected) {
                    prop_assert!((got - want).abs() < tolerance(kernel, inputs), "{kernel}: {got} for {want}");
                }
            }
        }

        #[test]
        fn every_kernel_agrees_with_the_portable_twin_of_its_precision(
            rows in 1usize..40, inputs in 1usize..200, outputs in 1usize..80, seed in 1u64..1000,
        ) {
            let (a, w, bias) = (numbers(rows * inputs, seed), numbers(outputs * inputs, seed + 1), numbers(outputs, seed + 2));
            for kernel in kernels() {
                let twin = Kernel { isa: Isa::Portable, ..kernel };
                for after in [After::Nothing, After::Bias(&bias), After::Gelu(&bias)] {
                    let got = run(&a, inputs, &Packed::from_linear(&w, outputs, inputs, kernel), after);
                    let want = run(&a, inputs, &Packed::from_linear(&w, outputs, inputs, twin), after);
                    // Steps are coarser under AVX2 than under the twin.
                    let within = if kernel.to_string() == "avx2-int8" { tolerance(kernel, inputs) } else { 1e-4 };
                    for (got, want) in got.iter().zip(&want) {
                        prop_assert!((got - want).abs() < within, "{kernel}: {got} for {want}");
                    }
                }
            }
        }

        #[test]
        fn blocks_of_columns_hold_what_rows_hold(rows in 1usize..130, inputs in 1usize..40, blocks in 1usize..5, seed in 1u64..99) {
            let (a, w) = (numbers(rows * inputs, seed), numbers(blocks * 64 * inputs, seed + 1));
            for kernel in kernels() {
                let packed = Packed::from_linear(&w, blocks * 64, inputs, kernel);
                let want = run(&a, inputs, &packed, After::Nothing);
                let mut got = vec![f32::NAN; rows * blocks * 64];
                let out = Out { data: &mut got, stride: 64, block: 64, apart: rows * 64 };
                product(Rows { data: &a, stride: inputs, count: rows }, &packed, out, After::Nothing, &mut Operand::default());
                for (i, want) in want.iter().enumerate() {
                    let (row, column) = (i / (blocks * 64), i % (blocks * 64));
                    prop_assert_eq!(got[column / 64 * rows * 64 + row * 64 + column % 64].to_bits(), want.to_bits(), "{}", kernel);
                }
            }
        }

        #[test]
        fn a_row_is_the_same_bits_alone_and_in_a_batch(rows in 2usize..120, pick in 0usize..120, seed in 1u64..99) {
            let (inputs, outputs, pick) = (48, 37, pick % rows);
            let (a, w, bias) = (numbers(rows * inputs, seed), numbers(outputs * inputs, seed + 1), numbers(outputs, seed + 2));
            for kernel in kernels() {
                let packed = Packed::from_linear(&w, outputs, inputs, kernel);
                let all = run(&a, inputs, &packed, After::Gelu(&bias));
                let one = run(&a[pick * inputs..][..inputs], inputs, &packed, After::Gelu(&bias));
                prop_assert_eq!(&all[pick * outputs..][..outputs], &one[..], "{}", kernel);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]
        /// Long sums: AMX takes them in parts where tiles are whole.
        #[test]
        fn long_sums_agree_with_the_portable_twin(rows in 30usize..70, inputs in 700usize..1700, outputs in 30usize..70, seed in 1u64..99) {
            let (a, w) = (numbers(rows * inputs, seed), numbers(outputs * inputs, seed + 1));
            for kernel in kernels().into_iter().filter(|kernel| kernel.to_string() != "avx2-int8") {
                let run = |kernel| run(&a, inputs, &Packed::from_linear(&w, outputs, inputs, kernel), After::Nothing);
                for (got, want) in run(kernel).iter().zip(run(Kernel { isa: Isa::Portable, ..kernel })) {
                    prop_assert!((got - want).abs() < 1e-3, "{kernel}: {got} for {want}");
                }
            }
        }

        /// Between two products numbers may stand in bf16: the second one's are what it would have made of the first one's.
        #[test]
        fn products_through_halves_agree_with_products_through_f32(rows in 1usize..110, wide in 1usize..80, seed in 1u64..99) {
            let (inputs, outputs) = (40, 33);
            let (x, up, bias) = (numbers(rows * inputs, seed), numbers(wide * inputs, seed + 1), numbers(wide, seed + 2));
            let down = numbers(outputs * wide, seed + 3);
            for kernel in kernels().into_iter().filter(|kernel| kernel.halves_between()) {
                let (up, down) = (Packed::from_linear(&up, wide, inputs, kernel), Packed::from_linear(&down, outputs, wide, kernel));
                let want = run(&run(&x, inputs, &up, After::Gelu(&bias)), wide, &down, After::Nothing);
                let (mut between, mut got, mut operand) = (Between::new(kernel), vec![f32::NAN; rows * outputs], Operand::default());
                between.resize(rows, wide);
                product(Rows { data: &x, stride: inputs, count: rows }, &up, between.part(0, 0), After::Gelu(&bias), &mut operand);
                product(between.rows(0, rows), &down, Out::rows(&mut got, outputs), After::Nothing, &mut operand);
                // One step in 8 bits is some 16 of bf16.
                let within = if kernel.precision() == Precision::Int8 { 0.4 } else { 0.05 };
                for (got, want) in got.iter().zip(&want) {
                    prop_assert!((got - want).abs() < within + 0.01 * want.abs(), "{kernel}: {got} for {want}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_shows_in_its_row_and_in_no_other() {
        let w = numbers(40 * 70, 3);
        for bad in [f32::NAN, f32::INFINITY] {
            for place in [3, 69] {
                let mut x = numbers(2 * 70, 4);
                x[place] = bad;
                for kernel in kernels() {
                    let out = run(&x, 70, &Packed::from_linear(&w, 40, 70, kernel), After::Nothing);
                    assert!(out[..40].iter().all(|y| !y.is_finite()), "{kernel}: {bad} at {place}");
                    assert!(out[40..].iter().all(|y| y.is_finite()), "{kernel}: {bad} at {place}");
                }
            }
        }
    }

    #[test]
    fn a_damaged_weight_shows_in_its_column_and_in_no_other() {
        let x = numbers(2 * 70, 3);
        for bad in [f32::NAN, f32::INFINITY, f32::from_bits(u32::MAX), f32::from_bits(0xFFFF_E000)] {
            let mut w = numbers(40 * 70, 4);
            w[5 * 70 + 69] = bad;
            for kernel in kernels() {
                let out = run(&x, 70, &Packed::from_linear(&w, 40, 70, kernel), After::Nothing);
                for (i, y) in out.iter().enumerate() {
                    assert_eq!(y.is_finite(), i % 40 != 5, "{kernel}: {bad}");
                }
            }
        }
    }

    #[test]
    fn a_small_product_after_a_large_one_finds_nothing_left_over() {
        let (x, w, bias) = (numbers(5 * 40, 1), numbers(9 * 40, 2), numbers(9, 3));
        for kernel in kernels() {
            let mut operand = Operand::default();
            let (large, mut out) = (numbers(100 * 200, 4), vec![0.0; 100 * 50]);
            let packed = Packed::from_linear(&numbers(50 * 200, 5), 50, 200, kernel);
            product(Rows { data: &large, stride: 200, count: 100 }, &packed, Out::rows(&mut out, 50), After::Nothing, &mut operand);
            let packed = Packed::from_linear(&w, 9, 40, kernel);
            let mut got = vec![0.0; 5 * 9];
            product(Rows { data: &x, stride: 40, count: 5 }, &packed, Out::rows(&mut got, 9), After::Gelu(&bias), &mut operand);
            assert_eq!(got, run(&x, 40, &packed, After::Gelu(&bias)), "{kernel}");
        }
    }

    #[test]
    fn rows_of_zeros_and_of_one_huge_number_stay_finite_in_every_kernel() {
        let w = numbers(40 * 64, 3);
        let mut x = vec![0.0f32; 2 * 64];
        x[70] = 3e4;
        for kernel in kernels() {
            let out = run(&x, 64, &Packed::from_linear(&w, 40, 64, kernel), After::Nothing);
            assert!(out[..40].iter().all(|&y| y == 0.0), "{kernel}");
            let want = 3e4 * w[6];
            assert!((out[40] - want).abs() <= 0.02 * want.abs() + 1.0, "{kernel}: {} for {want}", out[40]);
        }
    }
}
