//! Row operations: bias, GELU, layer norm over a residual, rounding to bf16 and 8 bits.
#![allow(unsafe_code)] // calls of the same safe loop compiled for other instruction sets

use super::memory::Aligned;
use super::operands::Rows;
use super::{Isa, Kernel};

/// Compile one safe loop for each instruction set and pick at run time. The loops use no intrinsics; their constant
/// parameter says whether the set multiplies and adds in one instruction (see [`mad`]).
macro_rules! dispatch {
    ($isa:expr, $inner:ident($($name:ident: $type:ty),*) $(-> $out:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw")]
        fn wide($($name: $type),*) $(-> $out)? { $inner::<true>($($name),*) }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn narrow($($name: $type),*) $(-> $out)? { $inner::<true>($($name),*) }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: these are only made where AVX-512F and AVX-512BW were detected.
            Isa::Amx | Isa::Avx512 => unsafe { wide($($name),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx2` is only made where AVX2 and FMA were detected.
            Isa::Avx2 => unsafe { narrow($($name),*) },
            _ => $inner::<false>($($name),*),
        }
    }};
}
pub(super) use dispatch;

/// 1.5 · 2^23: adding it rounds to a whole number, which the low bits then hold in two's complement.
pub(super) const ROUND: f32 = 12_582_912.0;

/// `a · b + c`: in one instruction, and one rounding, where the instruction set has it; elsewhere that would be a call.
#[inline(always)]
fn mad<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED || cfg!(target_arch = "aarch64") { a.mul_add(b, c) } else { a * b + c }
}

/// `x ← layer_norm(x + bias + residual) · scale + shift` for each row; `epsilon` is added to the variance.
pub fn add_layer_norm(kernel: Kernel, rows: &mut [f32], residual: &[f32], norm: &Norm<'_>) {
    assert_eq!(rows.len(), residual.len());
    dispatch!(kernel.isa(), norm_loop(rows: &mut [f32], residual: &[f32], norm: &Norm<'_>));
}

/// Parameters of [`add_layer_norm`], each of one row's length.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Added to every row before the norm.
    pub bias: &'a [f32],
    /// Multiplied after it.
    pub scale: &'a [f32],
    /// Added after it.
    pub shift: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

/// `row ← gelu(row)`: the erf form, absolute error below 1e-6.
#[inline(always)]
pub(super) fn gelu<const FUSED: bool>(row: &mut [f32]) {
    for x in row {
        let half = 0.5 * *x;
        *x = mad::<FUSED>(half, erf::<FUSED>(*x * std::f32::consts::FRAC_1_SQRT_2), half);
    }
}

/// The upper half of an f32, rounded to the nearest, ties to even; what is no number stays none.
#[inline(always)]
pub(super) fn bf16_of(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
    if x.is_nan() { 0x7FC0 } else { rounded }
}

/// The f32 whose upper half stands in the lower half of `bits`.
#[inline(always)]
pub(super) fn bf16_to_f32(bits: u32) -> f32 {
    f32::from_bits(bits << 16)
}

/// A number that is or becomes one in bf16.
pub(super) trait Half: Copy {
    fn half(self) -> u16;
    fn number(self) -> f32;
}

impl Half for f32 {
    #[inline(always)]
    fn half(self) -> u16 {
        bf16_of(self) as u16
    }

    #[inline(always)]
    fn number(self) -> f32 {
        self
    }
}

impl Half for u16 {
    #[inline(always)]
    fn half(self) -> u16 {
        self
    }

    #[inline(always)]
    fn number(self) -> f32 {
        bf16_to_f32(self.into())
    }
}

/// Rows in bf16, `depth` numbers a row, zeros behind their end; room for a block of rows.
pub(super) fn round_bf16(kernel: Kernel, x: Rows<'_>, inputs: usize, depth: usize, out: &mut Aligned<u16>) {
    out.resize(kernel.row_block() * depth);
    let (isa, out): (Isa, &mut [u16]) = (kernel.isa(), out);
    #[cfg(target_arch = "x86_64")]
    if isa.has_halves() {
        return super::halves512::round_rows(x, inputs, depth, out);
    }
    dispatch!(isa, round_loop(x: Rows<'_>, inputs: usize, depth: usize, out: &mut [u16]));
}

#[inline(always)]
fn round_loop<const FUSED: bool>(x: Rows<'_>, inputs: usize, depth: usize, out: &mut [u16]) {
    for (r, out) in out.chunks_exact_mut(depth).take(x.count).enumerate() {
        round_row(&x.data[r * x.stride..][..inputs], out);
    }
}

/// One row in bf16, zeros behind its end; in steps of 32, for heads are as short as that.
#[inline(always)]
pub(super) fn round_row<T: Half>(row: &[T], out: &mut [u16]) {
    let whole = row.chunks_exact(32);
    let rest = whole.remainder();
    let mut to = out.chunks_exact_mut(32);
    for (row, out) in whole.zip(&mut to) {
        for (half, &x) in out.iter_mut().zip(row) {
            *half = x.half();
        }
    }
    let used = row.len() - rest.len();
    if used < out.len() {
        for (i, half) in out[used..].iter_mut().enumerate() {
            *half = rest.get(i).map_or(0, |&x| x.half());
        }
    }
}

/// The first `columns` of each row of a sheet in bf16, after GELU where that is wanted; rows of `out` are `stride` apart.
pub(super) fn settle(isa: Isa, sheet: Rows<'_>, columns: usize, gelu: bool, out: &mut [u16], stride: usize) {
    #[cfg(target_arch = "x86_64")]
    if isa.has_halves() && columns == 32 {
        return super::halves512::settle(sheet, gelu, out, stride);
    }
    dispatch!(isa, settle_loop(sheet: Rows<'_>, columns: usize, gelu: bool, out: &mut [u16], stride: usize));
}

#[inline(always)]
fn settle_loop<const FUSED: bool>(sheet: Rows<'_>, columns: usize, gelu: bool, out: &mut [u16], stride: usize) {
    for (row, out) in sheet.data.chunks_exact(sheet.stride).take(sheet.count).zip(out.chunks_mut(stride)) {
        for (half, &x) in out[..columns].iter_mut().zip(row) {
            *half = bf16_of(if gelu { gelu_coarse::<FUSED>(x) } else { x }) as u16;
        }
    }
}

/// Coefficients of `Φ(x) - 1/2` over `x` in powers of `x²`, the highest first, for [`gelu_coarse`].
pub(super) const COARSE: [f32; 7] =
    [2.446_665_5e-8, -1.682_674_6e-6, 4.958_1e-5, -8.293_09e-4, 8.844_164e-3, -6.472_534e-2, 3.979_884_4e-1];
/// The square from which on `Φ` is 0 or 1.
pub(super) const COARSE_END: f32 = 3.95 * 3.95;

/// `gelu(x)` with an absolute error below 2e-4, for what is rounded to bf16 at once: no quotient.
#[inline(always)]
fn gelu_coarse<const FUSED: bool>(x: f32) -> f32 {
    let square = x * x;
    let square = if square < COARSE_END { square } else { COARSE_END };
    let share = mad::<FUSED>(x, polynomial::<FUSED, 7>(square, COARSE), 0.5);
    let share = if share > 0.0 { share } else { 0.0 };
    x * if share < 1.0 { share } else { 1.0 }
}

/// Rows in 8 bits, what one step of each stands for, and the step that is its 0.
#[derive(Debug, Default)]
pub(super) struct RowSteps {
    pub bytes: Aligned<u8>,
    pub scales: Vec<f32>,
    pub zeros: Vec<i32>,
}

impl RowSteps {
    /// Room for a block of rows; by what they are raised: not where both factors of a product are signed.
    fn room(&mut self, kernel: Kernel, depth: usize) -> u8 {
        self.bytes.resize(kernel.row_block() * depth);
        self.scales.resize(kernel.row_block(), 0.0);
        self.zeros.resize(kernel.row_block(), 0);
        if kernel.isa() == Isa::Neon { 0 } else { 128 }
    }
}

/// Rows in 8 bits, `depth` bytes a row: raised by 128, or for AVX2 in [`SPAN`] steps between their least and their largest number.
pub(super) fn quantise(kernel: Kernel, x: Rows<'_>, inputs: usize, depth: usize, to: &mut RowSteps) {
    let (isa, raised) = (kernel.isa(), to.room(kernel, depth));
    let (out, scales, zeros): (&mut [u8], &mut [f32], &mut [i32]) = (&mut to.bytes, &mut to.scales, &mut to.zeros);
    if isa == Isa::Avx2 {
        let to = Span { out, scales, zeros };
        return dispatch!(isa, span_loop(x: Rows<'_>, inputs: usize, depth: usize, to: Span<'_>));
    }
    dispatch!(isa, quantise_loop(x: Rows<'_>, inputs: usize, depth: usize, raised: u8, out: &mut [u8], scales: &mut [f32]));
}

/// The same of rows in bf16.
pub(super) fn quantise_halves(kernel: Kernel, x: Rows<'_, u16>, inputs: usize, depth: usize, to: &mut RowSteps) {
    let (isa, raised) = (kernel.isa(), to.room(kernel, depth));
    let (out, scales, zeros): (&mut [u8], &mut [f32], &mut [i32]) = (&mut to.bytes, &mut to.scales, &mut to.zeros);
    if isa == Isa::Avx2 {
        let to = Span { out, scales, zeros };
        return dispatch!(isa, span_loop(x: Rows<'_, u16>, inputs: usize, depth: usize, to: Span<'_>));
    }
    dispatch!(isa, halves_loop(x: Rows<'_, u16>, inputs: usize, depth: usize, raised: u8, out: &mut [u8], scales: &mut [f32]));
}

/// Steps between the least and the largest number of a row for AVX2, and the most of a weight. Four products of these, a rounding up
/// counted, fit 16 bits: 160 · 51 · 4 = 32,640. More for activations, of which a row's largest is further from the others.
const SPAN: f32 = 159.0;
pub(super) const WEIGHT: f32 = 51.0;

/// Where such rows go.
struct Span<'a> {
    out: &'a mut [u8],
    scales: &'a mut [f32],
    zeros: &'a mut [i32],
}

/// Rows in steps from the least number, or 0, to the largest; no step is above 160.
#[inline(always)]
fn span_loop<const FUSED: bool>(x: Rows<'_, impl Half>, inputs: usize, depth: usize, to: Span<'_>) {
    for (r, out) in to.out.chunks_exact_mut(depth).take(x.count).enumerate() {
        let row = &x.data[r * x.stride..][..inputs];
        let (mut least, mut largest, mut bits) = ([0.0f32; 16], [0.0f32; 16], [0u32; 16]);
        let mut look = |chunk: &[f32; 16]| {
            for (((&x, least), largest), bits) in chunk.iter().zip(&mut least).zip(&mut largest).zip(&mut bits) {
                *least = if x < *least { x } else { *least };
                *largest = if x > *largest { x } else { *largest };
                *bits = (*bits).max(x.to_bits() & 0x7FFF_FFFF);
            }
        };
        let (whole, rest) = row.as_chunks::<16>();
        whole.iter().for_each(|chunk| look(&chunk.map(Half::number)));
        let mut last = [0.0; 16];
        last.iter_mut().zip(rest).for_each(|(last, x)| *last = x.number());
        look(&last);
        let least = fold(least, |a, b| if a < b { a } else { b });
        let span = fold(largest, |a, b| if a > b { a } else { b }) - least;
        let inverse = if span > 0.0 { SPAN / span } else { 0.0 };
        let zero = (ROUND - least * inverse).to_bits() as u8;
        // Of all bits those of an infinity and of what is no number are the largest.
        to.scales[r] = if bits.iter().all(|&bits| bits < f32::INFINITY.to_bits()) { span / SPAN } else { f32::NAN };
        to.zeros[r] = zero.into();
        for (byte, x) in out.iter_mut().zip(row) {
            *byte = (mad::<FUSED>(x.number(), inverse, ROUND).to_bits() as u8).wrapping_add(zero);
        }
        out[inputs..].fill(zero);
    }
}

#[inline(always)]
fn halves_loop<const FUSED: bool>(x: Rows<'_, u16>, inputs: usize, depth: usize, raised: u8, out: &mut [u8], scales: &mut [f32]) {
    for (r, (out, scale)) in out.chunks_exact_mut(depth).zip(scales).take(x.count).enumerate() {
        let row = &x.data[r * x.stride..][..inputs];
        let bits = row.iter().fold(0u16, |most, half| most.max(half & 0x7FFF));
        let largest = bf16_to_f32(bits.into());
        // As `poison` has it: infinities and what is no number are the largest of all patterns.
        *scale = if largest.is_finite() { largest / 127.0 } else { f32::NAN };
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (byte, &half) in out.iter_mut().zip(row) {
            *byte = ((bf16_to_f32(half.into()) * inverse + ROUND).to_bits() as u8).wrapping_add(raised);
        }
        out[inputs..].fill(raised);
    }
}

#[inline(always)]
fn quantise_loop<const FUSED: bool>(x: Rows<'_>, inputs: usize, depth: usize, raised: u8, out: &mut [u8], scales: &mut [f32]) {
    for (r, (out, scale)) in out.chunks_exact_mut(depth).zip(scales).take(x.count).enumerate() {
        let row = &x.data[r * x.stride..][..inputs];
        let mut lanes = [0.0f32; 16];
        let whole = row.chunks_exact(16);
        for (lane, &x) in lanes.iter_mut().zip(whole.remainder()) {
            *lane = if x.abs() > 0.0 { x.abs() } else { 0.0 };
        }
        for chunk in whole {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = if x.abs() > *lane { x.abs() } else { *lane };
            }
        }
        let largest = fold(lanes, |a, b| if a > b { a } else { b });
        *scale = largest / 127.0 + poison(row);
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (byte, &x) in out.iter_mut().zip(row) {
            *byte = ((x * inverse + ROUND).to_bits() as u8).wrapping_add(raised);
        }
        out[inputs..].fill(raised);
    }
}

/// erf as a quotient of polynomials (the coefficients of Eigen's `erf` for floats); absolute error below 5e-7.
#[inline(always)]
fn erf<const FUSED: bool>(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let over = polynomial::<FUSED, 7>(
        s,
        [-2.726_142_3e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2],
    );
    let under = polynomial::<FUSED, 5>(s, [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2]);
    x * over / under
}

/// By Horner's rule, the highest coefficient first.
#[inline(always)]
fn polynomial<const FUSED: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for c in &coefficients[1..] {
        sum = mad::<FUSED>(sum, x, *c);
    }
    sum
}

/// 2^x for x ≤ 0 with a relative error below 5e-6, for what is rounded to bf16 at once; 2^-126 below.
#[inline(always)]
pub(super) fn exp2_coarse<const FUSED: bool>(x: f32) -> f32 {
    let clamped = if x < -126.0 { -126.0 } else { x };
    let shifted = clamped + ROUND;
    let rest = clamped - (shifted - ROUND);
    let raised = polynomial::<FUSED, 5>(rest, [0.009_582_85, 0.055_906_43, 0.240_241, 0.693_124_2, 1.0]);
    raised * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// e^x for x ≤ 88 in plain arithmetic that vectorises; relative error below 3e-7, 0 below -87.
#[inline(always)]
pub(super) fn exp<const FUSED: bool>(x: f32) -> f32 {
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = mad::<FUSED>(clamped, std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = mad::<FUSED>(whole, 2.121_944_4e-4, mad::<FUSED>(whole, -0.693_359_4, clamped));
    let raised = polynomial::<FUSED, 7>(rest, [0.001_394_3, 0.008_333_36, 0.041_666_485, 0.166_666_66, 0.5, 1.0, 1.0]);
    let power = f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23);
    if x < -87.0 { 0.0 } else { raised * power }
}

#[inline(always)]
fn norm_loop<const FUSED: bool>(rows: &mut [f32], residual: &[f32], norm: &Norm<'_>) {
    let width = norm.scale.len();
    for (row, residual) in rows.chunks_exact_mut(width).zip(residual.chunks_exact(width)) {
        for ((x, &r), &b) in row.iter_mut().zip(residual).zip(norm.bias) {
            *x += r + b;
        }
        let mean = lane_sum(row, |x| x) / width as f32;
        let variance = lane_sum(row, |x| (x - mean) * (x - mean)) / width as f32;
        let inverse = 1.0 / (variance + norm.epsilon).sqrt();
        for ((x, &scale), &shift) in row.iter_mut().zip(norm.scale).zip(norm.shift) {
            *x = (*x - mean) * inverse * scale + shift;
        }
    }
}

/// 0 for numbers, no number where one of them is none: that must not pass for one in 8 bits, so that a damaged model shows.
#[inline(always)]
pub(super) fn poison(values: &[f32]) -> f32 {
    lane_sum(values, |x| x * 0.0)
}

/// Σ f(x) in 16 lanes, so that it vectorises and has one order of additions on every machine.
#[inline(always)]
fn lane_sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let chunks = values.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f(x);
    }
    fold(lanes, |a, b| a + b)
}

/// Sixteen lanes to one, in halves.
#[inline(always)]
pub(super) fn fold(mut lanes: [f32; 16], both: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = both(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{kernels, numbers};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exp_is_within_its_stated_error() {
        for step in -8700..=8800 {
            let x = step as f32 / 100.0;
            let want = f64::from(x).exp();
            for got in [exp::<false>(x), exp::<true>(x)] {
                let error = (f64::from(got) - want).abs() / want;
                assert!(error < 3e-7, "exp({x}): relative error {error:e}");
            }
        }
        assert_eq!(exp::<false>(-1000.0), 0.0);
        assert_eq!(exp::<true>(f32::NEG_INFINITY), 0.0);
        assert!(exp::<true>(f32::NAN).is_nan());
    }

    #[test]
    fn exp2_coarse_is_within_its_stated_error() {
        for step in -12600..=0 {
            let x = step as f32 / 100.0;
            let want = f64::from(x).exp2();
            for got in [exp2_coarse::<false>(x), exp2_coarse::<true>(x)] {
                let error = (f64::from(got) - want).abs() / want;
                assert!(error < 5e-6, "2^{x}: relative error {error:e}");
            }
        }
        assert!(exp2_coarse::<false>(f32::NEG_INFINITY) < 1e-37 && exp2_coarse::<true>(f32::NAN).is_nan());
    }

    #[test]
    fn gelu_is_within_its_stated_error() {
        let inputs: Vec<f32> = (-800..800).map(|i| i as f32 / 100.0).collect();
        let (mut plain, mut fused) = (inputs.clone(), inputs.clone());
        gelu::<false>(&mut plain);
        gelu::<true>(&mut fused);
        for (&x, &y) in inputs.iter().chain(&inputs).zip(plain.iter().chain(&fused)) {
            assert!((f64::from(y) - gelu64(f64::from(x))).abs() < 1e-6, "gelu({x}) = {y}");
        }
    }

    #[test]
    fn gelu_in_halves_is_within_its_stated_error_and_agrees_with_its_twin() {
        let inputs: Vec<f32> = (-12_800..12_800).map(|i| i as f32 / 1000.0).chain([-1e4, 1e4, 0.0, -0.0]).collect();
        let sheet = Rows { data: &inputs[..inputs.len() / 32 * 32], stride: 32, count: inputs.len() / 32 };
        for &x in &inputs {
            let want = gelu64(f64::from(x));
            for y in [gelu_coarse::<false>(x), gelu_coarse::<true>(x)] {
                assert!((f64::from(y) - want).abs() < 2e-4 + 1e-7 * want.abs(), "gelu({x}) = {y}");
            }
        }
        for isa in kernels().into_iter().map(Kernel::isa) {
            for (columns, gelu) in [(32, true), (32, false), (7, true)] {
                let (mut got, mut twin) = (vec![7u16; sheet.count * 40], vec![7u16; sheet.count * 40]);
                settle(isa, sheet, columns, gelu, &mut got, 40);
                settle_loop::<false>(sheet, columns, gelu, &mut twin, 40);
                for (i, (&got, &twin)) in got.iter().zip(&twin).enumerate() {
                    let (got, twin) = (bf16_to_f32(got.into()), bf16_to_f32(twin.into()));
                    // Both round; a sum in another order may fall on the other side.
                    assert!((got - twin).abs() <= 1e-5 + twin.abs() / 128.0, "{isa}, {columns} columns: {got} for {twin} at {i}");
                }
            }
        }
        assert!(gelu_coarse::<true>(f32::NAN).is_nan() && gelu_coarse::<false>(f32::INFINITY) == f32::INFINITY);
        assert!(gelu_coarse::<true>(-1e30) == 0.0 && gelu_coarse::<false>(1e30) == 1e30);
    }

    #[test]
    fn halves_in_8_bits_are_what_their_numbers_are() {
        let x = numbers(5 * 70, 1);
        let halves: Vec<u16> = x.iter().map(|&x| bf16_of(x) as u16).collect();
        let rounded: Vec<f32> = halves.iter().map(|&half| bf16_to_f32(half.into())).collect();
        for kernel in kernels() {
            let (mut a, mut b) = (RowSteps::default(), RowSteps::default());
            quantise(kernel, Rows { data: &rounded, stride: 70, count: 5 }, 66, 128, &mut a);
            quantise_halves(kernel, Rows { data: &halves, stride: 70, count: 5 }, 66, 128, &mut b);
            let told = |steps: &RowSteps| (steps.bytes[..5 * 128].to_vec(), steps.scales[..5].to_vec(), steps.zeros[..5].to_vec());
            assert_eq!(told(&a), told(&b), "{kernel}");
        }
        for bad in [f32::NAN, f32::NEG_INFINITY] {
            let mut steps = RowSteps::default();
            let row = [0x3F80, bf16_of(bad) as u16];
            quantise_halves(kernels()[0], Rows { data: &row, stride: 2, count: 1 }, 2, 64, &mut steps);
            assert!(steps.scales[0].is_nan());
        }
    }

    proptest! {
        #[test]
        fn rows_in_steps_of_their_span_are_within_one_and_never_above_160(
            row in proptest::collection::vec(-9.0f32..9.0, 1..80), shift in -12.0f32..12.0, size in -30i32..30,
        ) {
            let row: Vec<f32> = row.iter().map(|x| (x + shift) * 2f32.powi(size)).collect();
            let (depth, mut scales, mut zeros) = (row.len().next_multiple_of(64), [0.0], [0]);
            let mut out = vec![0u8; depth];
            let to = Span { out: &mut out, scales: &mut scales, zeros: &mut zeros };
            span_loop::<false>(Rows { data: &row, stride: row.len(), count: 1 }, row.len(), depth, to);
            prop_assert!(out.iter().all(|&step| step <= 160));
            for (i, &step) in out.iter().enumerate() {
                let (told, x) = ((i32::from(step) - zeros[0]) as f32 * scales[0], row.get(i).copied().unwrap_or(0.0));
                prop_assert!((told - x).abs() <= 0.51 * scales[0], "{told} for {x}");
            }
        }
    }

    /// GELU with erf by its power series, in double precision.
    fn gelu64(x: f64) -> f64 {
        let z = (x / std::f64::consts::SQRT_2).clamp(-5.0, 5.0);
        let (mut term, mut sum) = (z, z);
        for n in 1..200 {
            let n = f64::from(n);
            term *= -z * z / n;
            sum += term / (2.0 * n + 1.0);
        }
        0.5 * x * (1.0 + 2.0 / std::f64::consts::PI.sqrt() * sum)
    }

    #[test]
    fn layer_norm_agrees_with_double_precision() {
        let (rows, width) = (5, 37);
        let (x, residual) = (numbers(rows * width, 1), numbers(rows * width, 2));
        let (bias, scale, shift) = (numbers(width, 3), numbers(width, 4), numbers(width, 5));
        let norm = Norm { bias: &bias, scale: &scale, shift: &shift, epsilon: 1e-12 };
        for kernel in kernels() {
            let mut out = x.clone();
            add_layer_norm(kernel, &mut out, &residual, &norm);
            for r in 0..rows {
                let row: Vec<f64> =
                    (0..width).map(|i| f64::from(x[r * width + i]) + f64::from(residual[r * width + i]) + f64::from(bias[i])).collect();
                let mean = row.iter().sum::<f64>() / width as f64;
                let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / width as f64;
                for i in 0..width {
                    let want = (row[i] - mean) / variance.sqrt() * f64::from(scale[i]) + f64::from(shift[i]);
                    assert!((f64::from(out[r * width + i]) - want).abs() < 1e-5, "{kernel}");
                }
            }
        }
    }
}
