//! Scaled dot-product attention of one head of one sequence.
#![allow(unsafe_code)] // calls of the same safe loop compiled for other instruction sets

use super::memory::Aligned;
use super::operands::{Input, Out, Rows, Target};
use super::packed::Packed;
use super::product::{After, Aside, Operand, Ready, panels, product};
use super::rows::{bf16_of, dispatch, exp, exp2_coarse, fold};
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
    mixed: Aligned<f32>,
    operand: Operand,
    /// Whether a coarser exponential will do: beside linear layers in 8 bits.
    coarse: bool,
}

impl Scratch {
    /// Empty memory beside linear layers of `kernel`.
    pub fn new(kernel: Kernel) -> Self {
        let own = kernel.for_attention();
        Self {
            keys: Packed::new(own),
            values: Packed::new(own),
            scores: Aligned::default(),
            sums: Vec::new(),
            mixed: Aligned::default(),
            operand: Operand::default(),
            coarse: kernel.precision() == Precision::Int8,
        }
    }
}

/// One head of one sequence: as many queries as keys and values, rows of `size` numbers.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Queries.
    pub queries: Input<'a>,
    /// Keys.
    pub keys: Input<'a>,
    /// Values.
    pub values: Input<'a>,
    /// Numbers of a row.
    pub size: usize,
}

/// `out = softmax(Q Kᵀ / √size) V` for one head of one sequence.
pub fn attend<'a>(head: Head<'_>, out: impl Into<Target<'a>>, scratch: &mut Scratch) {
    let (size, length, mut out) = (head.size, head.queries.count(), out.into());
    let whole = |rows: Input<'_>| rows.count() == length && rows.holds(size);
    assert!([head.queries, head.keys, head.values].into_iter().all(whole), "a head out of bounds");
    assert!(out.holds(length, size), "output out of bounds");
    scratch.keys.pack_columns(head.keys, size);
    scratch.values.pack_rows(head.values, size);
    // Rows of scores are whole vectors.
    let row = length.next_multiple_of(32);
    scratch.scores.resize(QUERY_BLOCK * row);
    scratch.sums.resize(QUERY_BLOCK, 0.0);
    scratch.mixed.resize(QUERY_BLOCK * size);
    let (kernel, scale) = (scratch.keys.kernel(), 1.0 / (size as f32).sqrt());
    for query in (0..length).step_by(QUERY_BLOCK) {
        let rows = QUERY_BLOCK.min(length - query);
        let scores = &mut scratch.scores[..rows * row];
        let (sums, mixed) = (&mut scratch.sums[..rows], &mut scratch.mixed[..rows * size]);
        product(head.queries.part(query, rows), &scratch.keys, Out::rows(scores, row), After::Nothing, &mut scratch.operand);
        let Operand { halves, tile, sheet, .. } = &mut scratch.operand;
        let weights = if kernel.precision() == Precision::Bf16 {
            halves.resize(kernel.row_block() * row);
            softmax(kernel.isa(), scores, length, sums, scale, Raised::Halves(halves));
            Ready::Bf16(halves)
        } else {
            softmax(kernel.isa(), scores, length, sums, scale, if scratch.coarse { Raised::Coarse } else { Raised::Exact });
            Ready::F32(Rows { data: scores, stride: row, count: rows })
        };
        panels(weights, rows, &scratch.values, Out::rows(mixed, size).into(), After::Nothing, Aside { tile, sheet });
        divide(kernel.isa(), mixed, sums, out.below(query));
    }
}

/// Rows of `mixed`, each divided by its sum, into `out`.
fn divide(isa: Isa, mixed: &[f32], sums: &[f32], out: Target<'_>) {
    match out {
        Target::F32(Out { data: out, stride, .. }) => {
            dispatch!(isa, divide_numbers(mixed: &[f32], sums: &[f32], out: &mut [f32], stride: usize));
        }
        Target::Halves(Out { data: out, stride, .. }) => {
            #[cfg(target_arch = "x86_64")]
            if isa.has_halves() && mixed.len() == sums.len() * 32 {
                return super::halves512::divide(mixed, sums, out, stride);
            }
            dispatch!(isa, divide_halves(mixed: &[f32], sums: &[f32], out: &mut [u16], stride: usize));
        }
    }
}

#[inline(always)]
fn divide_numbers<const FUSED: bool>(mixed: &[f32], sums: &[f32], out: &mut [f32], stride: usize) {
    for ((row, sum), out) in mixed.chunks_exact(mixed.len() / sums.len()).zip(sums).zip(out.chunks_mut(stride)) {
        let inverse = 1.0 / sum;
        out[..row.len()].iter_mut().zip(row).for_each(|(out, x)| *out = x * inverse);
    }
}

#[inline(always)]
fn divide_halves<const FUSED: bool>(mixed: &[f32], sums: &[f32], out: &mut [u16], stride: usize) {
    for ((row, sum), out) in mixed.chunks_exact(mixed.len() / sums.len()).zip(sums).zip(out.chunks_mut(stride)) {
        let inverse = 1.0 / sum;
        out[..row.len()].iter_mut().zip(row).for_each(|(out, x)| *out = bf16_of(x * inverse) as u16);
    }
}

/// What scores are raised to.
enum Raised<'a> {
    /// In their place, with a relative error below 3e-7.
    Exact,
    /// In their place, below 5e-6.
    Coarse,
    /// The same in bf16, elsewhere.
    Halves(&'a mut [u16]),
}

fn softmax(isa: Isa, scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, raised: Raised<'_>) {
    match raised {
        #[cfg(target_arch = "x86_64")]
        Raised::Halves(halves) if isa.has_halves() => super::halves512::softmax(scores, length, sums, scale, halves),
        raised => dispatch!(isa, softmax_loop(scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, raised: Raised<'_>)),
    }
}

/// `scores ← exp(scale · (scores - max))` over the first `length` of each row, with each row's sum beside it, and behind 0, or
/// 2^-126, which values of 0 meet if any; in bf16 elsewhere where that is wanted. Rows are whole vectors.
#[inline(always)]
fn softmax_loop<const FUSED: bool>(scores: &mut [f32], length: usize, sums: &mut [f32], scale: f32, mut raised: Raised<'_>) {
    let stride = scores.len() / sums.len();
    for (r, (row, sum)) in scores.chunks_exact_mut(stride).zip(sums).enumerate() {
        if length < stride {
            row[length..].fill(f32::NEG_INFINITY);
        }
        let largest = lane_max(row);
        let mut lanes = [0.0f32; 16];
        let base2 = scale * std::f32::consts::LOG2_E;
        match &mut raised {
            Raised::Exact => {
                for chunk in row.chunks_exact_mut(16) {
                    for (x, lane) in chunk.iter_mut().zip(&mut lanes) {
                        *x = exp::<FUSED>((*x - largest) * scale);
                        *lane += *x;
                    }
                }
            }
            Raised::Coarse => {
                for chunk in row.chunks_exact_mut(16) {
                    for (x, lane) in chunk.iter_mut().zip(&mut lanes) {
                        *x = exp2_coarse::<FUSED>((*x - largest) * base2);
                        *lane += *x;
                    }
                }
            }
            Raised::Halves(halves) => {
                for (chunk, halves) in row.chunks_exact(16).zip(halves[r * stride..][..stride].chunks_exact_mut(16)) {
                    for ((&x, lane), half) in chunk.iter().zip(&mut lanes).zip(halves) {
                        let raised = exp2_coarse::<FUSED>((x - largest) * base2);
                        *lane += raised;
                        *half = (raised.to_bits().wrapping_add(0x8000) >> 16) as u16;
                    }
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
        let part = |part: usize| Rows { data: &qkv[(2 * part + index) * size..], stride: 6 * size, count: length }.into();
        Head { queries: part(0), keys: part(1), values: part(2), size }
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
            attend(head(&long, 150, 1, size), Out::rows(&mut vec![0.0; 150 * hidden], hidden), &mut used);
            let (mut got, mut want) = (vec![0.0; 7 * hidden], vec![0.0; 7 * hidden]);
            attend(head(&short, 7, 1, size), Out::rows(&mut got, hidden), &mut used);
            attend(head(&short, 7, 1, size), Out::rows(&mut want, hidden), &mut fresh);
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
                        Some(isa) => softmax(isa, &mut scores, length, &mut sums, 0.3, Raised::Halves(&mut halves)),
                        None => softmax_loop::<false>(&mut scores, length, &mut sums, 0.3, Raised::Halves(&mut halves)),
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
                    attend(head(&qkv, length, index, size), Out::rows(&mut out[index * size..], hidden), &mut scratch);
                    for (i, want) in reference(&qkv, length, index, size).into_iter().enumerate() {
                        let got = out[i / size * hidden + index * size + i % size];
                        prop_assert!((f64::from(got) - want).abs() < within, "{}: {} for {}", kernel, got, want);
                    }
                }
            }
        }
    }
}
