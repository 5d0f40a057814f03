//! Matrix products against a matrix packed once into panels.
#![allow(unsafe_code)] // vector intrinsics on raw pointers; the bounds are asserted in `matmul`

use super::Isa;

/// Rows of activations that are multiplied while they stay in the second-level cache.
const ROW_BLOCK: usize = 96;

/// A `[inputs, outputs]` matrix packed into column panels of two vectors: panel `p` holds, for each
/// input row, its columns `p * width ..` one after the other; the last panel is padded with zeros.
#[derive(Clone, Debug)]
pub struct Panels {
    data: Vec<f32>,
    inputs: usize,
    outputs: usize,
    isa: Isa,
}

impl Panels {
    /// An empty matrix to be filled by [`Panels::pack`].
    pub fn new(isa: Isa) -> Self {
        Self { data: Vec::new(), inputs: 0, outputs: 0, isa }
    }

    /// Pack a weight `[outputs, inputs]` as `torch.nn.Linear` stores it.
    pub fn from_linear(weight: &[f32], outputs: usize, inputs: usize, isa: Isa) -> Self {
        assert_eq!(weight.len(), outputs * inputs);
        let mut panels = Self::new(isa);
        panels.pack(inputs, outputs, |input, output| weight[output * inputs + input]);
        panels
    }

    /// Pack `element(input, output)`, reusing the memory of an earlier packing.
    pub fn pack(&mut self, inputs: usize, outputs: usize, element: impl Fn(usize, usize) -> f32) {
        let width = self.isa.panel_width();
        self.inputs = inputs;
        self.outputs = outputs;
        self.data.clear();
        for panel in 0..outputs.div_ceil(width) {
            let columns = width.min(outputs - panel * width);
            for input in 0..inputs {
                self.data.extend((0..columns).map(|c| element(input, panel * width + c)));
                self.data.resize(self.data.len() + width - columns, 0.0);
            }
        }
    }

    /// Rows of the matrix.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of the matrix.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The instruction set that it is packed for.
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

/// `out[r, c] = Σ_k a[r, k] · b[k, c]` for `rows` rows; `a` and `out` are row-major with the strides given.
pub fn matmul(a: &[f32], a_stride: usize, rows: usize, b: &Panels, out: &mut [f32], out_stride: usize) {
    let (inputs, outputs) = (b.inputs, b.outputs);
    if rows == 0 || outputs == 0 {
        return;
    }
    let fits = |columns: usize, stride: usize, length: usize| {
        let end = (rows - 1).checked_mul(stride).and_then(|start| start.checked_add(columns));
        columns <= stride && end.is_some_and(|end| end <= length)
    };
    assert!(fits(inputs, a_stride, a.len()), "activations out of bounds");
    assert!(fits(outputs, out_stride, out.len()), "output out of bounds");
    let width = b.isa.panel_width();
    assert_eq!(b.data.len(), outputs.div_ceil(width) * width * inputs);
    for first in (0..rows).step_by(ROW_BLOCK) {
        let last = (first + ROW_BLOCK).min(rows);
        for (panel, weights) in b.data.chunks_exact((width * inputs).max(1)).enumerate() {
            let column = panel * width;
            let block = Block {
                a: &a[first * a_stride..],
                a_stride,
                rows: last - first,
                weights,
                inputs,
                columns: width.min(outputs - column),
                out_stride,
            };
            block.run(b.isa, &mut out[first * out_stride + column..]);
        }
    }
}

/// A block of rows against one panel.
struct Block<'a> {
    a: &'a [f32],
    a_stride: usize,
    rows: usize,
    weights: &'a [f32],
    inputs: usize,
    columns: usize,
    out_stride: usize,
}

impl Block<'_> {
    fn run(&self, isa: Isa, out: &mut [f32]) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                let full = self.tiles::<12>(out, |tile, out| {
                    // SAFETY: AVX-512F was detected; the tile's pointers were checked in `tiles`.
                    unsafe { x86::tile512::<12>(tile, out) }
                });
                self.rest(full, out, |tile, out| unsafe { x86::tile512::<1>(tile, out) });
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                let full = self.tiles::<6>(out, |tile, out| {
                    // SAFETY: AVX2 and FMA were detected; the tile's pointers were checked in `tiles`.
                    unsafe { x86::tile256::<6>(tile, out) }
                });
                self.rest(full, out, |tile, out| unsafe { x86::tile256::<1>(tile, out) });
            }
            _ => self.rest(0, out, portable_row),
        }
    }

    /// Run `tile` over groups of `R` rows; returns how many rows were done.
    fn tiles<const R: usize>(&self, out: &mut [f32], tile: impl Fn(&Tile<'_>, &mut [f32])) -> usize {
        let groups = self.rows / R;
        for group in 0..groups {
            self.one::<R>(group * R, out, &tile);
        }
        groups * R
    }

    fn rest(&self, from: usize, out: &mut [f32], tile: impl Fn(&Tile<'_>, &mut [f32])) {
        for row in from..self.rows {
            self.one::<1>(row, out, &tile);
        }
    }

    /// One tile of `R` rows, through a scratch tile where the panel is narrower than its width.
    fn one<const R: usize>(&self, row: usize, out: &mut [f32], tile: impl Fn(&Tile<'_>, &mut [f32])) {
        let width = self.weights.len() / self.inputs;
        let a = &self.a[row * self.a_stride..];
        assert!(a.len() >= (R - 1) * self.a_stride + self.inputs);
        let mut job = Tile { a, a_stride: self.a_stride, weights: self.weights, inputs: self.inputs, out_stride: self.out_stride };
        let out = &mut out[row * self.out_stride..];
        if self.columns == width {
            assert!(out.len() >= (R - 1) * self.out_stride + width);
            tile(&job, out);
            return;
        }
        let mut scratch = [0.0f32; 12 * 32];
        job.out_stride = width;
        tile(&job, &mut scratch);
        for r in 0..R {
            out[r * self.out_stride..][..self.columns].copy_from_slice(&scratch[r * width..][..self.columns]);
        }
    }
}

/// What a micro-kernel needs: rows of `a` against a whole panel of `weights`.
struct Tile<'a> {
    a: &'a [f32],
    a_stride: usize,
    weights: &'a [f32],
    inputs: usize,
    out_stride: usize,
}

fn portable_row(tile: &Tile<'_>, out: &mut [f32]) {
    let mut sums = [0.0f32; 16];
    for (&x, weights) in tile.a[..tile.inputs].iter().zip(tile.weights.chunks_exact(16)) {
        for (sum, &w) in sums.iter_mut().zip(weights) {
            *sum += x * w;
        }
    }
    out[..16].copy_from_slice(&sums);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Tile;
    use std::arch::x86_64::*;

    /// `R` rows against a panel of 32 columns.
    ///
    /// SAFETY: the caller has AVX-512F; `a` holds `R` rows of `inputs`, `weights` `inputs * 32`
    /// numbers, `out` `R` rows of 32.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn tile512<const R: usize>(tile: &Tile<'_>, out: &mut [f32]) {
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            let (a, weights) = (tile.a.as_ptr(), tile.weights.as_ptr());
            for k in 0..tile.inputs {
                let left = _mm512_loadu_ps(weights.add(k * 32));
                let right = _mm512_loadu_ps(weights.add(k * 32 + 16));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*a.add(r * tile.a_stride + k));
                    sum[0] = _mm512_fmadd_ps(x, left, sum[0]);
                    sum[1] = _mm512_fmadd_ps(x, right, sum[1]);
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                let row = out.as_mut_ptr().add(r * tile.out_stride);
                _mm512_storeu_ps(row, sum[0]);
                _mm512_storeu_ps(row.add(16), sum[1]);
            }
        }
    }

    /// `R` rows against a panel of 16 columns.
    ///
    /// SAFETY: as for `tile512`, with AVX2, FMA and panels of 16.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn tile256<const R: usize>(tile: &Tile<'_>, out: &mut [f32]) {
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 2]; R];
            let (a, weights) = (tile.a.as_ptr(), tile.weights.as_ptr());
            for k in 0..tile.inputs {
                let left = _mm256_loadu_ps(weights.add(k * 16));
                let right = _mm256_loadu_ps(weights.add(k * 16 + 8));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = _mm256_set1_ps(*a.add(r * tile.a_stride + k));
                    sum[0] = _mm256_fmadd_ps(x, left, sum[0]);
                    sum[1] = _mm256_fmadd_ps(x, right, sum[1]);
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                let row = out.as_mut_ptr().add(r * tile.out_stride);
                _mm256_storeu_ps(row, sum[0]);
                _mm256_storeu_ps(row.add(8), sum[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::numbers;
    use super::*;
    use proptest::prelude::*;

    fn reference(a: &[f32], w: &[f32], rows: usize, inputs: usize, outputs: usize) -> Vec<f32> {
        let dot = |r: usize, o: usize| -> f64 { (0..inputs).map(|k| f64::from(a[r * inputs + k]) * f64::from(w[o * inputs + k])).sum() };
        (0..rows * outputs).map(|i| dot(i / outputs, i % outputs) as f32).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_instruction_set_agrees_with_a_double_precision_sum(
            rows in 1usize..40, inputs in 1usize..90, outputs in 1usize..80, seed in 1u64..1000,
        ) {
            let (a, w) = (numbers(rows * inputs, seed), numbers(outputs * inputs, seed + 1));
            let expected = reference(&a, &w, rows, inputs, outputs);
            for isa in Isa::available() {
                let panels = Panels::from_linear(&w, outputs, inputs, isa);
                let mut out = vec![f32::NAN; rows * outputs];
                matmul(&a, inputs, rows, &panels, &mut out, outputs);
                for (got, want) in out.iter().zip(&expected) {
                    prop_assert!((got - want).abs() < 1e-4, "{isa}: {got} for {want}");
                }
            }
        }

        #[test]
        fn a_row_is_the_same_bits_alone_and_in_a_batch(rows in 2usize..30, pick in 0usize..30, seed in 1u64..99) {
            let (inputs, outputs, pick) = (48, 37, pick % rows);
            let (a, w) = (numbers(rows * inputs, seed), numbers(outputs * inputs, seed + 1));
            for isa in Isa::available() {
                let panels = Panels::from_linear(&w, outputs, inputs, isa);
                let mut all = vec![0.0; rows * outputs];
                matmul(&a, inputs, rows, &panels, &mut all, outputs);
                let mut one = vec![0.0; outputs];
                matmul(&a[pick * inputs..][..inputs], inputs, 1, &panels, &mut one, outputs);
                prop_assert_eq!(&all[pick * outputs..][..outputs], &one[..]);
            }
        }
    }
}
