//! Micro-kernels of AVX2: tiles of six rows and two vectors of columns.
#![allow(unsafe_code)] // vector intrinsics on raw pointers; each panel function asserts what its tiles read

use super::operands::Rows;
use super::product::{Columns, Panel, Quantised, cover};
use std::arch::x86_64::*;

const WIDTH: usize = 16;

pub(super) fn f32_panel(panel: &Panel<'_>, x: Rows<'_>, weights: &[f32], out: &mut [f32], tile: &mut [f32]) {
    assert!(x.data.len() >= (panel.rows - 1) * x.stride + panel.groups && weights.len() == panel.groups * WIDTH);
    // SAFETY: kernels of this family are only made where AVX2 and FMA were detected; bounds are asserted above.
    unsafe { f32_rows(panel, x, weights, out, tile) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn f32_rows(panel: &Panel<'_>, x: Rows<'_>, weights: &[f32], out: &mut [f32], tile: &mut [f32]) {
    cover!(panel.rows, [6, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        // SAFETY: `R` rows of activations and a whole panel of weights, as asserted; `target` has room.
        unsafe { f32_tile::<R>(x.data.as_ptr().add(row * x.stride), x.stride, weights, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn f32_tile<const R: usize>(x: *const f32, x_stride: usize, weights: &[f32], panel: &Panel<'_>, out: *mut f32, stride: usize) {
    unsafe {
        let mut sums = [[_mm256_loadu_ps(panel.bias.as_ptr()), _mm256_loadu_ps(panel.bias.as_ptr().add(8))]; R];
        let weights = weights.as_ptr();
        for k in 0..panel.groups {
            let left = _mm256_loadu_ps(weights.add(k * WIDTH));
            let right = _mm256_loadu_ps(weights.add(k * WIDTH + 8));
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = _mm256_set1_ps(*x.add(r * x_stride + k));
                sum[0] = _mm256_fmadd_ps(x, left, sum[0]);
                sum[1] = _mm256_fmadd_ps(x, right, sum[1]);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            _mm256_storeu_ps(out.add(r * stride), sum[0]);
            _mm256_storeu_ps(out.add(r * stride + 8), sum[1]);
        }
    }
}

pub(super) fn int8_panel(panel: &Panel<'_>, x: Quantised<'_>, weights: &[i8], columns: Columns<'_>, out: &mut [f32], tile: &mut [f32]) {
    assert!(x.bytes.len() >= panel.rows * panel.groups * 4 && weights.len() == panel.groups * 4 * WIDTH && panel.groups.is_multiple_of(2));
    assert!(x.scales.len() >= panel.rows && x.zeros.len() >= panel.rows);
    assert!(columns.scales.len() == WIDTH && columns.offsets.len() == WIDTH);
    // SAFETY: as in `f32_panel`.
    unsafe { int8_rows(panel, x, weights, columns, out, tile) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn int8_rows(panel: &Panel<'_>, x: Quantised<'_>, weights: &[i8], columns: Columns<'_>, out: &mut [f32], tile: &mut [f32]) {
    cover!(panel.rows, [3, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        let rows = Quantised { bytes: &x.bytes[row * panel.groups * 4..], scales: &x.scales[row..], zeros: &x.zeros[row..] };
        // SAFETY: as in `f32_rows`; `R` scales and zeros of rows and a panel's scales and offsets, as asserted.
        unsafe { int8_tile::<R>(rows, weights, columns, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

/// Products of bytes are summed in 16 bits, four of each row and column at once, which fits them (`rows.rs`); then in 32.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn int8_tile<const R: usize>(
    x: Quantised<'_>,
    weights: &[i8],
    columns: Columns<'_>,
    panel: &Panel<'_>,
    out: *mut f32,
    stride: usize,
) {
    unsafe {
        let mut sums = [[_mm256_setzero_si256(); 2]; R];
        let (bytes, weights) = (x.bytes.as_ptr(), weights.as_ptr().cast::<__m256i>());
        let ones = _mm256_set1_epi16(1);
        for k in (0..panel.groups).step_by(2) {
            // Two groups of inputs, each by two vectors of columns.
            let w: [__m256i; 4] = std::array::from_fn(|i| _mm256_loadu_si256(weights.add(2 * k + i)));
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = bytes.add((r * panel.groups + k) * 4).cast::<i32>();
                let (even, odd) = (_mm256_set1_epi32(x.read_unaligned()), _mm256_set1_epi32(x.add(1).read_unaligned()));
                for half in 0..2 {
                    let four = _mm256_add_epi16(_mm256_maddubs_epi16(even, w[half]), _mm256_maddubs_epi16(odd, w[2 + half]));
                    sum[half] = _mm256_add_epi32(sum[half], _mm256_madd_epi16(four, ones));
                }
            }
        }
        for half in 0..2 {
            let offset = _mm256_loadu_si256(columns.offsets.as_ptr().add(half * 8).cast());
            let column = _mm256_loadu_ps(columns.scales.as_ptr().add(half * 8));
            let bias = _mm256_loadu_ps(panel.bias.as_ptr().add(half * 8));
            for (r, sum) in sums.iter().enumerate() {
                let zero = _mm256_mullo_epi32(_mm256_set1_epi32(x.zeros[r]), offset);
                let exact = _mm256_cvtepi32_ps(_mm256_sub_epi32(sum[half], zero));
                let scale = _mm256_mul_ps(_mm256_set1_ps(x.scales[r]), column);
                _mm256_storeu_ps(out.add(r * stride + half * 8), _mm256_fmadd_ps(exact, scale, bias));
            }
        }
    }
}
