//! Micro-kernels of AVX-512: tiles of twelve rows and two vectors of columns.
#![allow(unsafe_code)] // vector intrinsics on raw pointers; each panel function asserts what its tiles read

use super::operands::Rows;
use super::product::{Columns, Panel, Quantised, cover};
use std::arch::x86_64::*;

const WIDTH: usize = 32;

pub(super) fn f32_panel(panel: &Panel<'_>, x: Rows<'_>, weights: &[f32], out: &mut [f32], tile: &mut [f32]) {
    assert!(x.data.len() >= (panel.rows - 1) * x.stride + panel.groups && weights.len() == panel.groups * WIDTH);
    // SAFETY: kernels of this family are only made where AVX-512F was detected; bounds are asserted above.
    unsafe { f32_rows(panel, x, weights, out, tile) }
}

#[target_feature(enable = "avx512f")]
unsafe fn f32_rows(panel: &Panel<'_>, x: Rows<'_>, weights: &[f32], out: &mut [f32], tile: &mut [f32]) {
    cover!(panel.rows, [12, 4, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        // SAFETY: `R` rows of activations and a whole panel of weights, as asserted; `target` has room.
        unsafe { f32_tile::<R>(x.data.as_ptr().add(row * x.stride), x.stride, weights, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn f32_tile<const R: usize>(x: *const f32, x_stride: usize, weights: &[f32], panel: &Panel<'_>, out: *mut f32, stride: usize) {
    unsafe {
        let mut sums = [[_mm512_loadu_ps(panel.bias.as_ptr()), _mm512_loadu_ps(panel.bias.as_ptr().add(16))]; R];
        let weights = weights.as_ptr();
        for k in 0..panel.groups {
            let left = _mm512_loadu_ps(weights.add(k * WIDTH));
            let right = _mm512_loadu_ps(weights.add(k * WIDTH + 16));
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*x.add(r * x_stride + k));
                sum[0] = _mm512_fmadd_ps(x, left, sum[0]);
                sum[1] = _mm512_fmadd_ps(x, right, sum[1]);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(out.add(r * stride), sum[0]);
            _mm512_storeu_ps(out.add(r * stride + 16), sum[1]);
        }
    }
}

pub(super) fn bf16_panel(panel: &Panel<'_>, x: &[u16], weights: &[u32], out: &mut [f32], tile: &mut [f32]) {
    assert!(x.len() >= panel.rows * panel.groups * 2 && weights.len() == panel.groups * WIDTH);
    // SAFETY: kernels of this family and precision are only made where AVX512-BF16 was detected; bounds are asserted above.
    unsafe { bf16_rows(panel, x, weights, out, tile) }
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn bf16_rows(panel: &Panel<'_>, x: &[u16], weights: &[u32], out: &mut [f32], tile: &mut [f32]) {
    cover!(panel.rows, [12, 4, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        // SAFETY: as in `f32_rows`.
        unsafe { bf16_tile::<R>(x.as_ptr().add(row * panel.groups * 2), weights, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn bf16_tile<const R: usize>(x: *const u16, weights: &[u32], panel: &Panel<'_>, out: *mut f32, stride: usize) {
    unsafe {
        let mut sums = [[_mm512_loadu_ps(panel.bias.as_ptr()), _mm512_loadu_ps(panel.bias.as_ptr().add(16))]; R];
        let weights = weights.as_ptr();
        // SAFETY: both types are 512 bits of any pattern.
        let pairs = |bits: __m512i| std::mem::transmute::<__m512i, __m512bh>(bits);
        for k in 0..panel.groups {
            let left = pairs(_mm512_loadu_si512(weights.add(k * WIDTH).cast()));
            let right = pairs(_mm512_loadu_si512(weights.add(k * WIDTH + 16).cast()));
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = pairs(_mm512_set1_epi32(x.add((r * panel.groups + k) * 2).cast::<i32>().read_unaligned()));
                sum[0] = _mm512_dpbf16_ps(sum[0], x, left);
                sum[1] = _mm512_dpbf16_ps(sum[1], x, right);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(out.add(r * stride), sum[0]);
            _mm512_storeu_ps(out.add(r * stride + 16), sum[1]);
        }
    }
}

pub(super) fn int8_panel(panel: &Panel<'_>, x: Quantised<'_>, weights: &[i8], columns: Columns<'_>, out: &mut [f32], tile: &mut [f32]) {
    assert!(x.bytes.len() >= panel.rows * panel.groups * 4 && weights.len() == panel.groups * 4 * WIDTH);
    assert!(x.scales.len() >= panel.rows && columns.scales.len() == WIDTH && columns.offsets.len() == WIDTH);
    // SAFETY: kernels of this family and precision are only made where AVX512-VNNI was detected; bounds are asserted above.
    unsafe { int8_rows(panel, x, weights, columns, out, tile) }
}

#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn int8_rows(panel: &Panel<'_>, x: Quantised<'_>, weights: &[i8], columns: Columns<'_>, out: &mut [f32], tile: &mut [f32]) {
    cover!(panel.rows, [12, 4, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        let bytes = &x.bytes[row * panel.groups * 4..];
        // SAFETY: as in `f32_rows`; `R` scales of rows and a panel's scales and offsets, as asserted.
        unsafe { int8_tile::<R>(bytes.as_ptr(), &x.scales[row..], weights, columns, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
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
        let mut sums = [[_mm512_setzero_si512(); 2]; R];
        let weights = weights.as_ptr();
        for k in 0..panel.groups {
            let left = _mm512_loadu_si512(weights.add(k * 4 * WIDTH).cast());
            let right = _mm512_loadu_si512(weights.add(k * 4 * WIDTH + 64).cast());
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_epi32(x.add((r * panel.groups + k) * 4).cast::<i32>().read_unaligned());
                sum[0] = _mm512_dpbusd_epi32(sum[0], x, left);
                sum[1] = _mm512_dpbusd_epi32(sum[1], x, right);
            }
        }
        for half in 0..2 {
            let offset = _mm512_loadu_si512(columns.offsets.as_ptr().add(half * 16).cast());
            let column = _mm512_loadu_ps(columns.scales.as_ptr().add(half * 16));
            let bias = _mm512_loadu_ps(panel.bias.as_ptr().add(half * 16));
            for (r, sum) in sums.iter().enumerate() {
                let exact = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum[half], offset));
                let scale = _mm512_mul_ps(_mm512_set1_ps(scales[r]), column);
                _mm512_storeu_ps(out.add(r * stride + half * 16), _mm512_fmadd_ps(exact, scale, bias));
            }
        }
    }
}
