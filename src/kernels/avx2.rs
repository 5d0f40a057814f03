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
    assert!(x.bytes.len() >= panel.rows * panel.groups * 4 && weights.len() == panel.groups * 4 * WIDTH);
    assert!(x.scales.len() >= panel.rows && columns.scales.len() == WIDTH && columns.offsets.len() == WIDTH);
    // SAFETY: as in `f32_panel`.
    unsafe { int8_rows(panel, x, weights, columns, out, tile) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn int8_rows(panel: &Panel<'_>, x: Quantised<'_>, weights: &[i8], columns: Columns<'_>, out: &mut [f32], tile: &mut [f32]) {
    cover!(panel.rows, [6, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        let bytes = &x.bytes[row * panel.groups * 4..];
        // SAFETY: as in `f32_rows`; `R` scales of rows and a panel's scales and offsets, as asserted.
        unsafe { int8_tile::<R>(bytes.as_ptr(), &x.scales[row..], weights, columns, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

/// Bytes times bytes, summed in pairs in 16 bits: 2 · 255 · 63 fits, so weights of 7 bits cannot overflow.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn int8_tile<const R: usize>(
    x: *const u8,
    scales: &[f32],
    weights: &[i8],
    columns: Columns<'_>,
    panel: &Panel<'_>,
    out: *mut f32,
    stride: usize,
) {
    unsafe {
        let mut sums = [[_mm256_setzero_si256(); 2]; R];
        let weights = weights.as_ptr();
        let ones = _mm256_set1_epi16(1);
        for k in 0..panel.groups {
            let left = _mm256_loadu_si256(weights.add(k * 4 * WIDTH).cast());
            let right = _mm256_loadu_si256(weights.add(k * 4 * WIDTH + 32).cast());
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = _mm256_set1_epi32(x.add((r * panel.groups + k) * 4).cast::<i32>().read_unaligned());
                sum[0] = _mm256_add_epi32(sum[0], _mm256_madd_epi16(_mm256_maddubs_epi16(x, left), ones));
                sum[1] = _mm256_add_epi32(sum[1], _mm256_madd_epi16(_mm256_maddubs_epi16(x, right), ones));
            }
        }
        for half in 0..2 {
            let offset = _mm256_loadu_si256(columns.offsets.as_ptr().add(half * 8).cast());
            let column = _mm256_loadu_ps(columns.scales.as_ptr().add(half * 8));
            let bias = _mm256_loadu_ps(panel.bias.as_ptr().add(half * 8));
            for (r, sum) in sums.iter().enumerate() {
                let exact = _mm256_cvtepi32_ps(_mm256_sub_epi32(sum[half], offset));
                let scale = _mm256_mul_ps(_mm256_set1_ps(scales[r]), column);
                _mm256_storeu_ps(out.add(r * stride + half * 8), _mm256_fmadd_ps(exact, scale, bias));
            }
        }
    }
}
