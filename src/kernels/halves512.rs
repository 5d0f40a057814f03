//! What AVX512-BF16 does besides products: rounding rows, packing weights, keys and values, softmax.
//!
//! Each has a twin of plain Rust: `rows::round_row`, `packed::pair_columns`, `packed::pair_rows`, `attention::softmax_loop`,
//! `rows::settle_loop`, `attention::divide_halves`.
//! The instructions take numbers too small for f32's exponent for 0; the twins round them.
#![allow(unsafe_code)] // vector intrinsics on raw pointers; each door asserts what its loop reads and writes

use super::operands::{Input, Rows, fits};
use super::rows::{COARSE, COARSE_END};
use std::arch::x86_64::*;
use std::mem::transmute;

/// Columns of a panel, and inputs that are turned together.
const WIDTH: usize = 32;

/// Rows in bf16, `depth` numbers a row, zeros behind their end.
pub(super) fn round_rows(x: Rows<'_>, inputs: usize, depth: usize, out: &mut [u16]) {
    assert!(fits(x.count, inputs, x.stride, x.data.len()));
    assert!(out.len() >= x.count * depth && inputs <= depth && depth.is_multiple_of(32));
    // SAFETY: called where `avx512_bf16` holds; bounds are asserted above.
    unsafe { round_loop(x, inputs, depth, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn round_loop(x: Rows<'_>, inputs: usize, depth: usize, out: &mut [u16]) {
    // SAFETY: `pairs` reads within `inputs`; `depth` is a multiple of what is stored.
    unsafe {
        for r in 0..x.count {
            let (from, to) = (x.data.as_ptr().add(r * x.stride), out.as_mut_ptr().add(r * depth));
            for k in (0..depth).step_by(32) {
                _mm512_storeu_si512(to.add(k).cast(), pairs(from.wrapping_add(k), inputs.saturating_sub(k)));
            }
        }
    }
}

/// Rows of 32 numbers in bf16, after GELU where that is wanted; rows of `out` are `stride` apart.
pub(super) fn settle(sheet: Rows<'_>, gelu: bool, out: &mut [u16], stride: usize) {
    assert!(fits(sheet.count, 32, sheet.stride, sheet.data.len()) && fits(sheet.count, 32, stride, out.len()));
    // SAFETY: called where `avx512_bf16` holds; bounds are asserted above.
    unsafe { if gelu { settle_loop::<true>(sheet, out, stride) } else { settle_loop::<false>(sheet, out, stride) } }
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn settle_loop<const GELU: bool>(sheet: Rows<'_>, out: &mut [u16], stride: usize) {
    let coefficients = COARSE.map(|c| _mm512_set1_ps(c));
    let (end, half, one, zero) = (_mm512_set1_ps(COARSE_END), _mm512_set1_ps(0.5), _mm512_set1_ps(1.0), _mm512_setzero_ps());
    let gelu = |x: __m512| {
        let square = _mm512_min_ps(_mm512_mul_ps(x, x), end);
        let mut sum = coefficients[0];
        for c in &coefficients[1..] {
            sum = _mm512_fmadd_ps(sum, square, *c);
        }
        // The smaller and the larger of two are the second where the first is no number.
        _mm512_mul_ps(x, _mm512_min_ps(_mm512_max_ps(_mm512_fmadd_ps(x, sum, half), zero), one))
    };
    for r in 0..sheet.count {
        // SAFETY: a row of 32 numbers is there on both sides, as `settle` asserts.
        unsafe {
            let from = sheet.data.as_ptr().add(r * sheet.stride);
            let mut parts = [_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16))];
            if GELU {
                parts = parts.map(gelu);
            }
            let halves = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(parts[1], parts[0]));
            _mm512_storeu_si512(out.as_mut_ptr().add(r * stride).cast(), halves);
        }
    }
}

/// Rows of 32 numbers, each divided by its sum, in bf16; rows of `out` are `stride` apart.
pub(super) fn divide(mixed: &[f32], sums: &[f32], out: &mut [u16], stride: usize) {
    assert!(mixed.len() >= sums.len() * 32 && fits(sums.len(), 32, stride, out.len()));
    // SAFETY: called where `avx512_bf16` holds; bounds are asserted above.
    unsafe { divide_loop(mixed, sums, out, stride) }
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn divide_loop(mixed: &[f32], sums: &[f32], out: &mut [u16], stride: usize) {
    for (r, sum) in sums.iter().enumerate() {
        // SAFETY: a row of 32 numbers is there on both sides, as `divide` asserts.
        unsafe {
            let (inverse, from) = (_mm512_set1_ps(1.0 / sum), mixed.as_ptr().add(r * 32));
            let part = |i: usize| _mm512_mul_ps(_mm512_loadu_ps(from.add(16 * i)), inverse);
            let halves = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(part(1), part(0)));
            _mm512_storeu_si512(out.as_mut_ptr().add(r * stride).cast(), halves);
        }
    }
}

/// The lanes of a vector that `left` numbers fill.
#[inline(always)]
fn mask(left: usize) -> u16 {
    if left >= 16 { 0xFFFF } else { (1 << left) - 1 }
}

/// 32 numbers rounded, of which `count` are there and the rest 0.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pairs(from: *const f32, count: usize) -> __m512i {
    // SAFETY: lanes outside the mask are not read.
    unsafe {
        let low = _mm512_maskz_loadu_ps(mask(count), from);
        let high = _mm512_maskz_loadu_ps(mask(count.saturating_sub(16)), from.wrapping_add(16));
        transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low))
    }
}

/// Columns, as rows of `source`, to panels of pairs.
pub(super) fn pair_columns(data: &mut [u32], source: Input<'_>, inputs: usize) {
    let (groups, outputs) = (inputs.next_multiple_of(32) / 2, source.count());
    assert!(source.holds(inputs) && data.len() >= outputs.div_ceil(WIDTH) * WIDTH * groups);
    if groups == 0 {
        return;
    }
    // SAFETY: called where `avx512_bf16` holds; bounds are asserted above.
    match source {
        Input::F32(rows) => unsafe { columns_of_numbers(data, rows, inputs, groups) },
        Input::Halves(rows) => unsafe { columns_of_halves(data, rows, inputs, groups) },
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn columns_of_numbers(data: &mut [u32], rows: Rows<'_>, inputs: usize, groups: usize) {
    // SAFETY: a row is read where it is one of them, and within `inputs` from `k` on.
    unsafe { columns_loop(data, rows.count, groups, |o, k| pairs(rows.data.as_ptr().add(o * rows.stride + k), inputs - k)) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn columns_of_halves(data: &mut [u32], rows: Rows<'_, u16>, inputs: usize, groups: usize) {
    let there = |k: usize| if inputs - k >= 32 { u32::MAX } else { (1 << (inputs - k)) - 1 };
    // SAFETY: as above.
    unsafe {
        columns_loop(data, rows.count, groups, |o, k| {
            _mm512_maskz_loadu_epi16(there(k), rows.data.as_ptr().add(o * rows.stride + k).cast())
        })
    }
}

/// `read` gives 32 numbers of a column from one on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn columns_loop(data: &mut [u32], outputs: usize, groups: usize, read: impl Fn(usize, usize) -> __m512i) {
    // SAFETY: a panel has `groups` · `WIDTH` pairs.
    unsafe {
        for first in (0..outputs).step_by(16) {
            let panel = data.as_mut_ptr().add(first / WIDTH * WIDTH * groups + first % WIDTH);
            for group in (0..groups).step_by(16) {
                let mut block = [_mm512_setzero_si512(); 16];
                for (row, o) in block.iter_mut().zip(first..outputs) {
                    *row = read(o, 2 * group);
                }
                turn(&mut block);
                for (i, row) in block.iter().enumerate() {
                    _mm512_storeu_si512(panel.add((group + i) * WIDTH).cast(), *row);
                }
            }
        }
        // The other half of the last panel.
        if (1..=16).contains(&(outputs % WIDTH)) {
            let panel = data.as_mut_ptr().add(outputs / WIDTH * WIDTH * groups + 16);
            for group in 0..groups {
                _mm512_storeu_si512(panel.add(group * WIDTH).cast(), _mm512_setzero_si512());
            }
        }
    }
}

/// Transpose 16 rows of 16 numbers.
#[inline]
#[target_feature(enable = "avx512f")]
fn turn(rows: &mut [__m512i; 16]) {
    let old = *rows;
    for i in (0..16).step_by(2) {
        (rows[i], rows[i + 1]) = (_mm512_unpacklo_epi32(old[i], old[i + 1]), _mm512_unpackhi_epi32(old[i], old[i + 1]));
    }
    let old = *rows;
    for i in (0..16).step_by(4) {
        for j in 0..2 {
            rows[i + 2 * j] = _mm512_unpacklo_epi64(old[i + j], old[i + j + 2]);
            rows[i + 2 * j + 1] = _mm512_unpackhi_epi64(old[i + j], old[i + j + 2]);
        }
    }
    let old = *rows;
    for i in (0..16).step_by(8) {
        for j in 0..4 {
            rows[i + j] = _mm512_shuffle_i32x4::<0x88>(old[i + j], old[i + j + 4]);
            rows[i + j + 4] = _mm512_shuffle_i32x4::<0xDD>(old[i + j], old[i + j + 4]);
        }
    }
    let old = *rows;
    for j in 0..8 {
        rows[j] = _mm512_shuffle_i32x4::<0x88>(old[j], old[j + 8]);
        rows[j + 8] = _mm512_shuffle_i32x4::<0xDD>(old[j], old[j + 8]);
    }
}

/// Rows to panels of pairs.
pub(super) fn pair_rows(data: &mut [u32], source: Input<'_>, outputs: usize) {
    let groups = source.count().next_multiple_of(32) / 2;
    assert!(source.holds(outputs) && data.len() >= outputs.div_ceil(WIDTH) * WIDTH * groups);
    if groups == 0 {
        return;
    }
    // SAFETY: called where `avx512_bf16` holds; bounds are asserted above.
    match source {
        Input::F32(rows) => unsafe { rows_of_numbers(data, rows, outputs, groups) },
        Input::Halves(rows) => unsafe { rows_of_halves(data, rows, outputs, groups) },
    }
}

/// The places of halves of a low row and a high row in turn, where those of the high row begin at `high`.
const fn in_turn(high: u16) -> [u16; 32] {
    let mut order = [0; 32];
    let mut i = 0;
    while i < 32 {
        order[i as usize] = i / 2 + i % 2 * high;
        i += 1;
    }
    order
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn rows_of_numbers(data: &mut [u32], rows: Rows<'_>, outputs: usize, groups: usize) {
    const ORDER: [u16; 32] = in_turn(16);
    // SAFETY: lanes outside the mask are not read, nor rows behind the last.
    unsafe {
        let order = _mm512_loadu_si512(ORDER.as_ptr().cast());
        rows_loop(data, outputs, groups, |k, first| {
            let row = |k: usize| {
                let there = if k < rows.count { mask(outputs.saturating_sub(first)) } else { 0 };
                _mm512_maskz_loadu_ps(there, rows.data.as_ptr().wrapping_add(k * rows.stride + first))
            };
            _mm512_permutexvar_epi16(order, transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(row(k + 1), row(k))))
        });
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn rows_of_halves(data: &mut [u32], rows: Rows<'_, u16>, outputs: usize, groups: usize) {
    const ORDER: [u16; 32] = in_turn(32);
    // SAFETY: as above.
    unsafe {
        let order = _mm512_loadu_si512(ORDER.as_ptr().cast());
        rows_loop(data, outputs, groups, |k, first| {
            let row = |k: usize| {
                let there = if k < rows.count { mask(outputs.saturating_sub(first)) } else { 0 };
                _mm512_maskz_loadu_epi16(there.into(), rows.data.as_ptr().wrapping_add(k * rows.stride + first).cast())
            };
            _mm512_permutex2var_epi16(row(k), order, row(k + 1))
        });
    }
}

/// `read` gives 16 pairs of a row and the next one, from a column on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn rows_loop(data: &mut [u32], outputs: usize, groups: usize, read: impl Fn(usize, usize) -> __m512i) {
    for first in (0..outputs.next_multiple_of(WIDTH)).step_by(16) {
        // SAFETY: a panel has `groups` · `WIDTH` pairs.
        unsafe {
            let panel = data.as_mut_ptr().add(first / WIDTH * WIDTH * groups + first % WIDTH);
            for group in 0..groups {
                _mm512_storeu_si512(panel.add(group * WIDTH).cast(), read(2 * group, first));
            }
        }
    }
}

/// `exp(scale · (scores - max))` over the first `length` of each row into `halves` and 0 behind, with each row's sum, taken
/// before rounding, in `sums`. Rows are whole vectors; relative error of the exponential below 1e-4, which rounding hides.
pub(super) fn softmax(scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, halves: &mut [u16]) {
    let stride = scores.len() / sums.len();
    assert!(stride.is_multiple_of(32) && length <= stride && halves.len() >= scores.len());
    for ((row, halves), sum) in scores.chunks_exact_mut(stride).zip(halves.chunks_exact_mut(stride)).zip(sums) {
        row[length..].fill(f32::NEG_INFINITY);
        // SAFETY: called where `avx512_bf16` holds.
        *sum = unsafe { softmax_row(row, scale * std::f32::consts::LOG2_E, halves) };
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bf16")]
fn softmax_row(row: &[f32], scale: f32, halves: &mut [u16]) -> f32 {
    // SAFETY: chunks of 32 numbers are two vectors, and one of halves.
    unsafe {
        let mut most = [_mm512_set1_ps(f32::NEG_INFINITY); 2];
        for chunk in row.chunks_exact(32) {
            most = std::array::from_fn(|i| _mm512_max_ps(_mm512_loadu_ps(chunk.as_ptr().add(16 * i)), most[i]));
        }
        let largest = _mm512_reduce_max_ps(_mm512_max_ps(most[0], most[1]));
        let (scale, shift) = (_mm512_set1_ps(scale), _mm512_set1_ps(-largest * scale));
        let coefficients = [0.078_023_896, 0.226_067_93, 0.695_833_3, 0.999_925_26].map(|c| _mm512_set1_ps(c));
        let mut sums = [_mm512_setzero_ps(); 2];
        for (chunk, halves) in row.chunks_exact(32).zip(halves.chunks_exact_mut(32)) {
            let raised: [__m512; 2] = std::array::from_fn(|i| {
                let x = _mm512_fmadd_ps(_mm512_loadu_ps(chunk.as_ptr().add(16 * i)), scale, shift);
                let rest = _mm512_reduce_ps::<9>(x); // x - ⌊x⌋; 0 for infinities
                let mut sum = coefficients[0];
                for c in &coefficients[1..] {
                    sum = _mm512_fmadd_ps(sum, rest, *c);
                }
                _mm512_scalef_ps(sum, x) // · 2^⌊x⌋
            });
            sums = std::array::from_fn(|i| _mm512_add_ps(sums[i], raised[i]));
            _mm512_storeu_si512(halves.as_mut_ptr().cast(), transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(raised[1], raised[0])));
        }
        _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
    }
}
