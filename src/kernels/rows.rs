//! Row operations: GELU, and the sum of a residual and a bias under layer norm.
#![allow(unsafe_code)] // calls of the same safe loop compiled for other instruction sets

use super::Isa;

/// Compile one safe loop for each instruction set and pick at run time. The loops use no
/// intrinsics; `mul_add` is avoided, so every set computes the same roundings.
macro_rules! dispatch {
    ($isa:expr, $inner:ident($($name:ident: $type:ty),*) $(-> $out:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        fn wide($($name: $type),*) $(-> $out)? { $inner($($name),*) }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn narrow($($name: $type),*) $(-> $out)? { $inner($($name),*) }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx512` is only made where AVX-512F was detected.
            Isa::Avx512 => unsafe { wide($($name),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx2` is only made where AVX2 was detected.
            Isa::Avx2 => unsafe { narrow($($name),*) },
            _ => $inner($($name),*),
        }
    }};
}
pub(super) use dispatch;

/// `x ← gelu(x + bias)` for each row of `bias.len()` numbers: the erf form, absolute error below 1e-6.
pub fn gelu(isa: Isa, rows: &mut [f32], bias: &[f32]) {
    dispatch!(isa, gelu_loop(rows: &mut [f32], bias: &[f32]));
}

/// `x ← layer_norm(x + bias + residual) · scale + shift` for each row; `epsilon` is added to the variance.
pub fn add_layer_norm(isa: Isa, rows: &mut [f32], residual: &[f32], norm: &Norm<'_>) {
    assert_eq!(rows.len(), residual.len());
    dispatch!(isa, norm_loop(rows: &mut [f32], residual: &[f32], norm: &Norm<'_>));
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

#[inline(always)]
fn gelu_loop(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (x, &b) in row.iter_mut().zip(bias) {
            let value = *x + b;
            *x = 0.5 * value * (1.0 + erf(value * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

/// erf by Abramowitz and Stegun 7.1.26; absolute error below 5e-7 in f32.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let poly = t * (0.254_829_6 + t * (-0.284_496_72 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4))));
    (1.0 - poly * exp(-magnitude * magnitude)).copysign(x)
}

/// e^x for x ≤ 88 in plain arithmetic that vectorises; relative error below 3e-7, 0 below -87.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it rounds to a whole number
    let clamped = x.clamp(-87.0, 88.0);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (clamped - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let poly =
        1.0 + rest * (1.0 + rest * (0.5 + rest * (0.166_666_66 + rest * (0.041_666_485 + rest * (0.008_333_36 + rest * 0.001_394_3)))));
    let power = f32::from_bits(((whole as i32 + 127) << 23) as u32);
    if x < -87.0 { 0.0 } else { poly * power }
}

#[inline(always)]
fn norm_loop(rows: &mut [f32], residual: &[f32], norm: &Norm<'_>) {
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

/// Σ f(x) in 16 lanes, so that it vectorises and has one order of additions on every machine.
#[inline(always)]
pub(super) fn lane_sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
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
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::testing::numbers;
    use super::*;

    #[test]
    fn exp_is_within_its_stated_error() {
        for step in -8700..=8800 {
            let x = step as f32 / 100.0;
            let want = f64::from(x).exp();
            let error = (f64::from(exp(x)) - want).abs() / want;
            assert!(error < 3e-7, "exp({x}): relative error {error:e}");
        }
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn gelu_is_within_its_stated_error_on_every_instruction_set() {
        let inputs: Vec<f32> = (-800..800).map(|i| i as f32 / 100.0).collect();
        for isa in Isa::available() {
            let mut out = inputs.clone();
            gelu(isa, &mut out, &[0.0; 16]);
            for (&x, &y) in inputs.iter().zip(&out) {
                assert!((f64::from(y) - gelu64(f64::from(x))).abs() < 1e-6, "{isa}: gelu({x}) = {y}");
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
        for isa in Isa::available() {
            let mut out = x.clone();
            add_layer_norm(isa, &mut out, &residual, &norm);
            for r in 0..rows {
                let row: Vec<f64> =
                    (0..width).map(|i| f64::from(x[r * width + i]) + f64::from(residual[r * width + i]) + f64::from(bias[i])).collect();
                let mean = row.iter().sum::<f64>() / width as f64;
                let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / width as f64;
                for i in 0..width {
                    let want = (row[i] - mean) / variance.sqrt() * f64::from(scale[i]) + f64::from(shift[i]);
                    assert!((f64::from(out[r * width + i]) - want).abs() < 1e-5, "{isa}");
                }
            }
        }
    }
}
