//! Scaled dot-product attention of one sequence, head by head, over packed rows.
#![allow(unsafe_code)] // calls of the same safe loop compiled for other instruction sets

use super::memory::Aligned;
use super::packed::Packed;
use super::product::{After, Operand, ROW_BLOCK, Rows, panels, product};
use super::rows::{dispatch, exp, exp2_coarse, fold};
use super::{Isa, Kernel, Precision};

/// Query rows that are scored at a time, so that scores stay in the cache.
const QUERY_BLOCK: usize = 48;

/// Memory that [`attend`] reuses from call to call.
#[derive(Debug)]
pub struct Scratch {
    keys: Packed,
    values: Packed,
    scores: Aligned<f32>,
    sums: Vec<f32>,
    operand: Operand,
}

impl Scratch {
    /// Empty memory beside linear layers of `kernel`.
    pub fn new(kernel: Kernel) -> Self {
        let own = kernel.for_attention();
        Self { keys: Packed::new(own), values: Packed::new(own), scores: Aligned::default(), sums: Vec::new(), operand: Operand::default() }
    }
}

/// Where one head stands in rows that hold all queries, then all keys, then all values.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Number of this head.
    pub index: usize,
    /// Numbers of a head.
    pub size: usize,
    /// Numbers of all heads together (the hidden size).
    pub hidden: usize,
}

/// `out = softmax(Q Kᵀ / √size) V` for one head of one sequence.
///
/// `qkv` is `[length, 3 · hidden]`, `out` is `[length, hidden]`; the head's columns of `out` are written.
pub fn attend(qkv: &[f32], length: usize, head: Head, out: &mut [f32], scratch: &mut Scratch) {
    let Head { index, size, hidden } = head;
    let stride = 3 * hidden;
    assert_eq!(qkv.len(), length * stride);
    assert_eq!(out.len(), length * hidden);
    let first = index * size;
    scratch.keys.pack_columns(&qkv[hidden + first..], stride, size, length);
    scratch.values.pack_rows(&qkv[2 * hidden + first..], stride, length, size);
    // Rows of scores are whole vectors.
    let row = length.next_multiple_of(32);
    scratch.scores.resize(QUERY_BLOCK * row);
    scratch.sums.resize(QUERY_BLOCK, 0.0);
    let (kernel, scale) = (scratch.keys.kernel(), 1.0 / (size as f32).sqrt());
    for query in (0..length).step_by(QUERY_BLOCK) {
        let rows = QUERY_BLOCK.min(length - query);
        let scores = &mut scratch.scores[..rows * row];
        let sums = &mut scratch.sums[..rows];
        let queries = Rows { data: &qkv[query * stride + first..], stride, count: rows };
        product(queries, &scratch.keys, scores, row, After::Nothing, &mut scratch.operand);
        let halves: &mut [u16] = match kernel.precision() {
            Precision::F32 => &mut [],
            _ => {
                scratch.operand.halves.resize(ROW_BLOCK * scratch.values.depth());
                &mut scratch.operand.halves
            }
        };
        dispatch!(kernel.isa(), softmax_loop(scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, halves: &mut [u16]));
        let out = &mut out[query * hidden + first..];
        let weights = Rows { data: &scratch.scores[..rows * row], stride: row, count: rows };
        panels(weights, &scratch.values, out, hidden, After::Nothing, &mut scratch.operand);
        let sums = &scratch.sums[..rows];
        dispatch!(kernel.isa(), divide_loop(out: &mut [f32], hidden: usize, size: usize, sums: &[f32]));
    }
}

#[inline(always)]
fn divide_loop<const FUSED: bool>(out: &mut [f32], hidden: usize, size: usize, sums: &[f32]) {
    for (row, sum) in out.chunks_mut(hidden).zip(sums) {
        row[..size].iter_mut().for_each(|x| *x /= sum);
    }
}

/// `scores ← exp(scale · (scores - max))` over the first `length` of each row and 0 behind, with each row's sum beside
/// it; in bf16 into `halves` instead where that has room, and 2^-126 behind, which values of 0 meet. Rows are whole vectors.
#[inline(always)]
fn softmax_loop<const FUSED: bool>(scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, halves: &mut [u16]) {
    let stride = scores.len() / sums.len();
    for (r, (row, sum)) in scores.chunks_exact_mut(stride).zip(sums).enumerate() {
        if length < stride {
            row[length..].fill(f32::NEG_INFINITY);
        }
        let largest = lane_max(row);
        let mut lanes = [0.0f32; 16];
        if halves.is_empty() {
            for chunk in row.chunks_exact_mut(16) {
                for (x, lane) in chunk.iter_mut().zip(&mut lanes) {
                    *x = exp::<FUSED>((*x - largest) * scale);
                    *lane += *x;
                }
            }
        } else {
            let (scale, halves) = (scale * std::f32::consts::LOG2_E, &mut halves[r * stride..][..stride]);
            for (chunk, halves) in row.chunks_exact(16).zip(halves.chunks_exact_mut(16)) {
                for ((&x, lane), half) in chunk.iter().zip(&mut lanes).zip(halves) {
                    let raised = exp2_coarse::<FUSED>((x - largest) * scale);
                    *lane += raised;
                    *half = (raised.to_bits().wrapping_add(0x8000) >> 16) as u16;
                }
            }
        }
        *sum = fold(lanes, |a, b| a + b);
    }
}

/// The largest of whole vectors.
#[inline(always)]
fn lane_max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    for chunk in values.chunks_exact(16) {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    fold(lanes, |a, b| if a > b { a } else { b })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{kernels, numbers};
    use super::*;
    use proptest::prelude::*;

    fn reference(qkv: &[f32], length: usize, head: Head) -> Vec<f64> {
        let Head { index, size, hidden } = head;
        let at = |row: usize, part: usize, i: usize| f64::from(qkv[row * 3 * hidden + part * hidden + index * size + i]);
        let mut out = Vec::new();
        for q in 0..length {
            let scores: Vec<f64> = (0..length)
                .map(|k| (0..size).map(|i| at(q, 0, i) * at(k, 1, i)).sum::<f64>() / (size as f64).sqrt())
                .map(f64::exp)
                .collect();
            let sum: f64 = scores.iter().sum();
            out.extend((0..size).map(|i| (0..length).map(|k| scores[k] * at(k, 2, i)).sum::<f64>() / sum));
        }
        out
    }

    #[test]
    fn a_short_sequence_after_a_long_one_finds_nothing_left_over() {
        let (size, hidden) = (24, 48);
        let head = Head { index: 1, size, hidden };
        let (long, short) = (numbers(150 * 3 * hidden, 1), numbers(7 * 3 * hidden, 2));
        for kernel in kernels() {
            let (mut used, mut fresh) = (Scratch::new(kernel), Scratch::new(kernel));
            attend(&long, 150, head, &mut vec![0.0; 150 * hidden], &mut used);
            let (mut got, mut want) = (vec![0.0; 7 * hidden], vec![0.0; 7 * hidden]);
            attend(&short, 7, head, &mut got, &mut used);
            attend(&short, 7, head, &mut want, &mut fresh);
            assert_eq!(got, want, "{kernel}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_instruction_set_agrees_with_double_precision(length in 1usize..120, size in 1usize..40, seed in 1u64..99) {
            let hidden = 2 * size;
            let qkv: Vec<f32> = numbers(length * 3 * hidden, seed).iter().map(|x| x * 3.0).collect();
            for kernel in kernels() {
                let within = if kernel.for_attention().precision() == Precision::F32 { 1e-5 } else { 0.1 };
                let mut out = vec![0.0; length * hidden];
                let mut scratch = Scratch::new(kernel);
                for index in 0..2 {
                    let head = Head { index, size, hidden };
                    attend(&qkv, length, head, &mut out, &mut scratch);
                    for (i, want) in reference(&qkv, length, head).into_iter().enumerate() {
                        let got = out[i / size * hidden + index * size + i % size];
                        prop_assert!((f64::from(got) - want).abs() < within, "{}: {} for {}", kernel, got, want);
                    }
                }
            }
        }
    }
}
