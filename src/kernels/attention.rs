//! Scaled dot-product attention of one head of one sequence.
#![allow(unsafe_code)] // calls of the same safe loop compiled for other instruction sets

use super::memory::Aligned;
use super::packed::Packed;
use super::product::{After, Operand, Out, ROW_BLOCK, Rows, fits, panels, product};
use super::rows::{dispatch, exp, exp2_coarse, fold};
use super::{Isa, Kernel, Precision};

/// Query rows that are scored at a time, so that scores stay in the cache.
const QUERY_BLOCK: usize = 96;

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

/// One head of one sequence: rows of `size` numbers, `stride` apart.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Queries, from the first row's on.
    pub queries: &'a [f32],
    /// Keys.
    pub keys: &'a [f32],
    /// Values.
    pub values: &'a [f32],
    /// From one row to the next.
    pub stride: usize,
    /// Numbers of a row.
    pub size: usize,
    /// Rows.
    pub length: usize,
}

/// `out = softmax(Q Kᵀ / √size) V` for one head of one sequence; rows of `out` are `out_stride` apart.
pub fn attend(head: Head<'_>, out: &mut [f32], out_stride: usize, scratch: &mut Scratch) {
    let Head { stride, size, length, .. } = head;
    let inside = |rows: &[f32], stride: usize| fits(length, size, stride, rows.len());
    assert!([head.queries, head.keys, head.values].iter().all(|rows| inside(rows, stride)), "a head out of bounds");
    assert!(inside(out, out_stride), "output out of bounds");
    scratch.keys.pack_columns(head.keys, stride, size, length);
    scratch.values.pack_rows(head.values, stride, length, size);
    // Rows of scores are whole vectors.
    let row = length.next_multiple_of(32);
    scratch.scores.resize(QUERY_BLOCK * row);
    scratch.sums.resize(QUERY_BLOCK, 0.0);
    let (kernel, scale) = (scratch.keys.kernel(), 1.0 / (size as f32).sqrt());
    for query in (0..length).step_by(QUERY_BLOCK) {
        let rows = QUERY_BLOCK.min(length - query);
        let scores = &mut scratch.scores[..rows * row];
        let sums = &mut scratch.sums[..rows];
        let queries = Rows { data: &head.queries[query * stride..], stride, count: rows };
        product(queries, &scratch.keys, Out::rows(scores, row), After::Nothing, &mut scratch.operand);
        let halves: &mut [u16] = match kernel.precision() {
            Precision::F32 => &mut [],
            _ => {
                scratch.operand.halves.resize(ROW_BLOCK * scratch.values.depth());
                &mut scratch.operand.halves
            }
        };
        softmax(kernel.isa(), scores, length, sums, scale, halves);
        let out = &mut out[query * out_stride..];
        let weights = Rows { data: &scratch.scores[..rows * row], stride: row, count: rows };
        panels(weights, &scratch.values, Out::rows(out, out_stride), After::Nothing, &mut scratch.operand);
        let sums = &scratch.sums[..rows];
        dispatch!(kernel.isa(), divide_loop(out: &mut [f32], out_stride: usize, size: usize, sums: &[f32]));
    }
}

#[inline(always)]
fn divide_loop<const FUSED: bool>(out: &mut [f32], stride: usize, size: usize, sums: &[f32]) {
    for (row, sum) in out.chunks_mut(stride).zip(sums) {
        let inverse = 1.0 / sum;
        row[..size].iter_mut().for_each(|x| *x *= inverse);
    }
}

fn softmax(isa: Isa, scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, halves: &mut [u16]) {
    #[cfg(target_arch = "x86_64")]
    if !halves.is_empty() && isa.has_halves() {
        return super::halves512::softmax(scores, length, sums, scale, halves);
    }
    dispatch!(isa, softmax_loop(scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, halves: &mut [u16]));
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

    /// Head `index` of rows that hold all queries, then all keys, then all values, of two heads.
    fn head(qkv: &[f32], length: usize, index: usize, size: usize) -> Head<'_> {
        let part = |part: usize| &qkv[(2 * part + index) * size..];
        Head { queries: part(0), keys: part(1), values: part(2), stride: 6 * size, size, length }
    }

    fn reference(qkv: &[f32], length: usize, index: usize, size: usize) -> Vec<f64> {
        let hidden = 2 * size;
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
        let (long, short) = (numbers(150 * 3 * hidden, 1), numbers(7 * 3 * hidden, 2));
        for kernel in kernels() {
            let (mut used, mut fresh) = (Scratch::new(kernel), Scratch::new(kernel));
            attend(head(&long, 150, 1, size), &mut vec![0.0; 150 * hidden], hidden, &mut used);
            let (mut got, mut want) = (vec![0.0; 7 * hidden], vec![0.0; 7 * hidden]);
            attend(head(&short, 7, 1, size), &mut got, hidden, &mut used);
            attend(head(&short, 7, 1, size), &mut want, hidden, &mut fresh);
            assert_eq!(got, want, "{kernel}");
        }
    }

    #[test]
    fn softmax_agrees_with_its_twin() {
        for kernel in kernels().into_iter().filter(|k| k.for_attention().precision() == Precision::Bf16) {
            for length in [1, 15, 32, 33, 64, 90] {
                let (rows, stride) = (3, usize::next_multiple_of(length, 32));
                let scores: Vec<f32> = numbers(rows * stride, 9).iter().map(|x| x * 40.0).collect();
                let run = |isa: Option<Isa>| {
                    let (mut scores, mut sums, mut halves) = (scores.clone(), vec![0.0; rows], vec![1; rows * stride]);
                    match isa {
                        Some(isa) => softmax(isa, &mut scores, length, &mut sums, 0.3, &mut halves),
                        None => softmax_loop::<false>(&mut scores, length, &mut sums, 0.3, &mut halves),
                    }
                    (sums, halves.iter().map(|&half| f32::from_bits(u32::from(half) << 16)).collect::<Vec<_>>())
                };
                let ((sums, halves), (twin_sums, twin_halves)) = (run(Some(kernel.isa())), run(None));
                for (got, want) in sums.iter().zip(&twin_sums) {
                    assert!((got - want).abs() < 1e-4 * want, "{kernel}: {got} for {want}");
                }
                for (i, (got, want)) in halves.iter().zip(&twin_halves).enumerate() {
                    let within = if i % stride < length { 0.01 * want } else { 1e-30 };
                    assert!((got - want).abs() <= within, "{kernel}: {got} for {want}");
                }
            }
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
                    attend(head(&qkv, length, index, size), &mut out[index * size..], hidden, &mut scratch);
                    for (i, want) in reference(&qkv, length, index, size).into_iter().enumerate() {
                        let got = out[i / size * hidden + index * size + i % size];
                        prop_assert!((f64::from(got) - want).abs() < within, "{}: {} for {}", kernel, got, want);
                    }
                }
            }
        }
    }
}
