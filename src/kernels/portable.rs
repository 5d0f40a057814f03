//! The twin of every kernel in plain Rust.

use super::operands::Rows;
use super::product::{Columns, Panel, Quantised};
use super::rows::bf16_to_f32;

/// Columns of a panel.
const WIDTH: usize = 16;

pub(super) fn f32_panel(panel: &Panel<'_>, x: Rows<'_>, weights: &[f32], out: &mut [f32]) {
    for row in 0..panel.rows {
        let x = &x.data[row * x.stride..][..panel.groups];
        let mut sums: [f32; WIDTH] = std::array::from_fn(|c| panel.bias[c]);
        for (&x, weights) in x.iter().zip(weights.chunks_exact(WIDTH)) {
            for (sum, &w) in sums.iter_mut().zip(weights) {
                *sum += x * w;
            }
        }
        store(panel, row, &sums, out);
    }
}

pub(super) fn bf16_panel(panel: &Panel<'_>, x: &[u16], weights: &[u32], out: &mut [f32]) {
    for row in 0..panel.rows {
        let mut sums: [f32; WIDTH] = std::array::from_fn(|c| panel.bias[c]);
        for (x, weights) in x[row * panel.groups * 2..][..panel.groups * 2].chunks_exact(2).zip(weights.chunks_exact(WIDTH)) {
            let (low, high) = (bf16_to_f32(x[0].into()), bf16_to_f32(x[1].into()));
            for (sum, &w) in sums.iter_mut().zip(weights) {
                *sum += low * bf16_to_f32(w) + high * bf16_to_f32(w >> 16);
            }
        }
        store(panel, row, &sums, out);
    }
}

pub(super) fn int8_panel(panel: &Panel<'_>, x: Quantised<'_>, weights: &[i8], columns: Columns<'_>, out: &mut [f32]) {
    for row in 0..panel.rows {
        let mut sums = [0i32; WIDTH];
        for (x, weights) in x.bytes[row * panel.groups * 4..][..panel.groups * 4].chunks_exact(4).zip(weights.chunks_exact(4 * WIDTH)) {
            for (sum, w) in sums.iter_mut().zip(weights.chunks_exact(4)) {
                *sum += (0..4).map(|i| i32::from(x[i]) * i32::from(w[i])).sum::<i32>();
            }
        }
        let scale = x.scales[row];
        let sums: [f32; WIDTH] =
            std::array::from_fn(|c| (sums[c] - columns.offsets[c]) as f32 * (scale * columns.scales[c]) + panel.bias[c]);
        store(panel, row, &sums, out);
    }
}

fn store(panel: &Panel<'_>, row: usize, sums: &[f32; WIDTH], out: &mut [f32]) {
    if panel.columns == WIDTH {
        out[row * panel.out_stride..][..WIDTH].copy_from_slice(sums);
    }
    panel.finish::<false>(row, 1, WIDTH, out, sums);
}
