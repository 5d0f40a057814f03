//! Micro-kernels of NEON: tiles of eight rows and two vectors of columns.
//!
//! A vector of activations holds what four groups of inputs meet, picked by lane. Products of bf16 and of bytes have no
//! stable names in the standard library; they are single instructions, written by hand.
#![allow(unsafe_code)] // vector intrinsics and assembly on raw pointers; each panel function asserts what its tiles read

use super::operands::Rows;
use super::product::{Columns, Panel, Quantised, cover};
use std::arch::aarch64::*;
use std::arch::asm;

const WIDTH: usize = 8;

/// Whether this machine has BFDOT.
pub(super) fn has_bf16() -> bool {
    std::arch::is_aarch64_feature_detected!("bf16")
}

/// Whether this machine has SDOT.
pub(super) fn has_dot() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

pub(super) fn f32_panel(panel: &Panel<'_>, x: Rows<'_>, weights: &[f32], out: &mut [f32], tile: &mut [f32]) {
    assert!(x.data.len() >= (panel.rows - 1) * x.stride + panel.groups && weights.len() == panel.groups * WIDTH);
    cover!(panel.rows, [8, 4, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        // SAFETY: every aarch64 processor that Rust's targets ask for has NEON; `R` rows of activations and a whole panel
        // of weights, as asserted; `target` has room.
        unsafe { f32_tile::<R>(x.data.as_ptr().add(row * x.stride), x.stride, weights, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn f32_tile<const R: usize>(x: *const f32, x_stride: usize, weights: &[f32], panel: &Panel<'_>, out: *mut f32, stride: usize) {
    unsafe {
        let mut sums = [[vld1q_f32(panel.bias.as_ptr()), vld1q_f32(panel.bias.as_ptr().add(4))]; R];
        let weights = weights.as_ptr();
        let whole = panel.groups / 4 * 4;
        for k in (0..whole).step_by(4) {
            let at = |i: usize| vld1q_f32(weights.add(k * WIDTH + 4 * i));
            let w: [float32x4_t; 8] = std::array::from_fn(at);
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = vld1q_f32(x.add(r * x_stride + k));
                for (half, sum) in sum.iter_mut().enumerate() {
                    *sum = vfmaq_laneq_f32::<0>(*sum, w[half], x);
                    *sum = vfmaq_laneq_f32::<1>(*sum, w[2 + half], x);
                    *sum = vfmaq_laneq_f32::<2>(*sum, w[4 + half], x);
                    *sum = vfmaq_laneq_f32::<3>(*sum, w[6 + half], x);
                }
            }
        }
        for k in whole..panel.groups {
            let w = [vld1q_f32(weights.add(k * WIDTH)), vld1q_f32(weights.add(k * WIDTH + 4))];
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = *x.add(r * x_stride + k);
                *sum = [vfmaq_n_f32(sum[0], w[0], x), vfmaq_n_f32(sum[1], w[1], x)];
            }
        }
        store(&sums, out, stride);
    }
}

/// SAFETY: `out` has room for `R` rows of `WIDTH` numbers, `stride` apart.
#[inline(always)]
unsafe fn store<const R: usize>(sums: &[[float32x4_t; 2]; R], out: *mut f32, stride: usize) {
    for (r, sum) in sums.iter().enumerate() {
        unsafe {
            vst1q_f32(out.add(r * stride), sum[0]);
            vst1q_f32(out.add(r * stride + 4), sum[1]);
        }
    }
}

/// `sums + Σ weights · x[lane]` over four lanes, each a pair (`bfdot`, `.2h`) or four numbers (`sdot`, `.4b`); a row in one
/// block, so that the compiler unrolls rows and keeps their sums in registers.
macro_rules! dot_row {
    ($instruction:literal, $parts:literal, $part:literal, $sums:expr, $w:expr, $x:expr) => {{
        let ([left, right], w) = ($sums, $w);
        asm!(
            concat!($instruction, " {left:v}.4s, {w0:v}", $parts, ", {x:v}", $part, "[0]"),
            concat!($instruction, " {right:v}.4s, {w1:v}", $parts, ", {x:v}", $part, "[0]"),
            concat!($instruction, " {left:v}.4s, {w2:v}", $parts, ", {x:v}", $part, "[1]"),
            concat!($instruction, " {right:v}.4s, {w3:v}", $parts, ", {x:v}", $part, "[1]"),
            concat!($instruction, " {left:v}.4s, {w4:v}", $parts, ", {x:v}", $part, "[2]"),
            concat!($instruction, " {right:v}.4s, {w5:v}", $parts, ", {x:v}", $part, "[2]"),
            concat!($instruction, " {left:v}.4s, {w6:v}", $parts, ", {x:v}", $part, "[3]"),
            concat!($instruction, " {right:v}.4s, {w7:v}", $parts, ", {x:v}", $part, "[3]"),
            left = inout(vreg) *left,
            right = inout(vreg) *right,
            w0 = in(vreg) w[0], w1 = in(vreg) w[1], w2 = in(vreg) w[2], w3 = in(vreg) w[3],
            w4 = in(vreg) w[4], w5 = in(vreg) w[5], w6 = in(vreg) w[6], w7 = in(vreg) w[7],
            x = in(vreg) $x,
            options(pure, nomem, nostack, preserves_flags),
        );
    }};
}

pub(super) fn bf16_panel(panel: &Panel<'_>, x: &[u16], weights: &[u32], out: &mut [f32], tile: &mut [f32]) {
    assert!(x.len() >= panel.rows * panel.groups * 2 && weights.len() == panel.groups * WIDTH && panel.groups.is_multiple_of(4));
    cover!(panel.rows, [8, 4, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        // SAFETY: kernels of this precision are only made where BFDOT was detected; the rest as in `f32_panel`.
        unsafe { bf16_tile::<R>(x.as_ptr().add(row * panel.groups * 2), weights, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

#[inline]
#[target_feature(enable = "neon,bf16")]
unsafe fn bf16_tile<const R: usize>(x: *const u16, weights: &[u32], panel: &Panel<'_>, out: *mut f32, stride: usize) {
    unsafe {
        let mut sums = [[vld1q_f32(panel.bias.as_ptr()), vld1q_f32(panel.bias.as_ptr().add(4))]; R];
        let weights = weights.as_ptr();
        for k in (0..panel.groups).step_by(4) {
            let at = |i: usize| vld1q_u32(weights.add(k * WIDTH + 4 * i));
            let w: [uint32x4_t; 8] = std::array::from_fn(at);
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = vld1q_u16(x.add((r * panel.groups + k) * 2));
                dot_row!("bfdot", ".8h", ".2h", sum, &w, x);
            }
        }
        store(&sums, out, stride);
    }
}

pub(super) fn int8_panel(panel: &Panel<'_>, x: Quantised<'_>, weights: &[i8], columns: Columns<'_>, out: &mut [f32], tile: &mut [f32]) {
    assert!(x.bytes.len() >= panel.rows * panel.groups * 4 && weights.len() == panel.groups * 4 * WIDTH);
    assert!(x.scales.len() >= panel.rows && columns.scales.len() == WIDTH && panel.groups.is_multiple_of(4));
    cover!(panel.rows, [8, 4, 1], |row, R| {
        let (target, stride) = panel.target(row, R, WIDTH, out, tile);
        let bytes = &x.bytes[row * panel.groups * 4..];
        // SAFETY: kernels of this precision are only made where SDOT was detected; `R` scales of rows and a panel's scales,
        // as asserted; the rest as in `f32_panel`.
        unsafe { int8_tile::<R>(bytes.as_ptr(), &x.scales[row..], weights, columns.scales, panel, target.as_mut_ptr(), stride) };
        panel.finish::<true>(row, R, WIDTH, out, tile);
    });
}

/// SDOT takes both factors as signed: activations are not raised, and sums need no offsets.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn int8_tile<const R: usize>(
    x: *const u8,
    scales: &[f32],
    weights: &[i8],
    columns: &[f32],
    panel: &Panel<'_>,
    out: *mut f32,
    stride: usize,
) {
    unsafe {
        let mut sums = [[vdupq_n_s32(0); 2]; R];
        let weights = weights.as_ptr();
        for k in (0..panel.groups).step_by(4) {
            let at = |i: usize| vld1q_s8(weights.add(4 * k * WIDTH + 16 * i));
            let w: [int8x16_t; 8] = std::array::from_fn(at);
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = vld1q_u8(x.add((r * panel.groups + k) * 4));
                dot_row!("sdot", ".16b", ".4b", sum, &w, x);
            }
        }
        let mut exact = [[vdupq_n_f32(0.0); 2]; R];
        for half in 0..2 {
            let column = vld1q_f32(columns.as_ptr().add(4 * half));
            let bias = vld1q_f32(panel.bias.as_ptr().add(4 * half));
            for (r, sum) in sums.iter().enumerate() {
                exact[r][half] = vfmaq_f32(bias, vcvtq_f32_s32(sum[half]), vmulq_n_f32(column, scales[r]));
            }
        }
        store(&exact, out, stride);
    }
}
