//! Scaled dot-product attention of one sequence, head by head, over packed rows.
#![allow(unsafe_code)] // calls of the same safe loop compiled for other instruction sets

use super::rows::{dispatch, exp, lane_sum};
use super::{Isa, Panels, matmul};

/// Query rows that are scored at a time, so that scores stay in the cache.
const QUERY_BLOCK: usize = 48;

/// Memory that [`attend`] reuses from call to call.
#[derive(Debug)]
pub struct Scratch {
    keys: Panels,
    values: Panels,
    scores: Vec<f32>,
    sums: Vec<f32>,
}

impl Scratch {
    /// Empty memory for kernels of `isa`.
    pub fn new(isa: Isa) -> Self {
        Self { keys: Panels::new(isa), values: Panels::new(isa), scores: Vec::new(), sums: Vec::new() }
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
    scratch.keys.pack(size, length, |input, output| qkv[output * stride + hidden + first + input]);
    scratch.values.pack(length, size, |input, output| qkv[input * stride + 2 * hidden + first + output]);
    scratch.scores.resize(QUERY_BLOCK * length, 0.0);
    scratch.sums.resize(QUERY_BLOCK, 0.0);
    let (isa, scale) = (scratch.keys.isa(), 1.0 / (size as f32).sqrt());
    for query in (0..length).step_by(QUERY_BLOCK) {
        let rows = QUERY_BLOCK.min(length - query);
        let scores = &mut scratch.scores[..rows * length];
        let sums = &mut scratch.sums[..rows];
        matmul(&qkv[query * stride + first..], stride, rows, &scratch.keys, scores, length);
        dispatch!(isa, softmax_loop(scores: &mut [f32], sums: &mut [f32], scale: f32));
        let out = &mut out[query * hidden + first..];
        matmul(&scratch.scores[..rows * length], length, rows, &scratch.values, out, hidden);
        for (row, sum) in out.chunks_mut(hidden).zip(&scratch.sums[..rows]) {
            row[..size].iter_mut().for_each(|x| *x /= sum);
        }
    }
}

/// `scores ← exp(scale · (scores - max))` row by row, with each row's sum beside it.
#[inline(always)]
fn softmax_loop(scores: &mut [f32], sums: &mut [f32], scale: f32) {
    let length = scores.len() / sums.len();
    for (row, sum) in scores.chunks_exact_mut(length).zip(sums) {
        let max = lane_max(row);
        for x in row.iter_mut() {
            *x = exp((*x - max) * scale);
        }
        *sum = lane_sum(row, |x| x);
    }
}

#[inline(always)]
fn lane_max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    for chunk in values.chunks(16) {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::super::testing::numbers;
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_instruction_set_agrees_with_double_precision(length in 1usize..120, size in 1usize..40, seed in 1u64..99) {
            let hidden = 2 * size;
            let qkv: Vec<f32> = numbers(length * 3 * hidden, seed).iter().map(|x| x * 3.0).collect();
            for isa in Isa::available() {
                let mut out = vec![0.0; length * hidden];
                let mut scratch = Scratch::new(isa);
                for index in 0..2 {
                    let head = Head { index, size, hidden };
                    attend(&qkv, length, head, &mut out, &mut scratch);
                    for (i, want) in reference(&qkv, length, head).into_iter().enumerate() {
                        let got = out[i / size * hidden + index * size + i % size];
                        prop_assert!((f64::from(got) - want).abs() < 1e-5, "{}: {} for {}", isa, got, want);
                    }
                }
            }
        }
    }
}
