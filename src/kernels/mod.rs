//! CPU kernels of the encoder: packed matrix products, row operations and attention.
//!
//! This is the only folder with `unsafe`. Every kernel has a portable twin, reached by
//! [`Isa::Portable`], that the tests hold the others to. The instruction set is chosen once at run
//! time by [`Isa::detect`]; nothing is assumed of the machine the binary was built on.
//!
//! Every output row is computed by the same sequence of operations whatever rows stand beside it, so
//! a batch gives bit for bit what its sequences give alone.

mod attention;
mod gemm;
mod mapped;
mod rows;

pub use attention::{Head, Scratch, attend};
pub use gemm::{Panels, matmul};
pub use mapped::Mapped;
pub use rows::{Norm, add_layer_norm, gelu};

use std::fmt;
use std::sync::OnceLock;

/// The instruction set that the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512F with 16-lane FMA.
    #[non_exhaustive] // made by `available` alone, where the machine has it
    Avx512,
    /// AVX2 with 8-lane FMA.
    #[non_exhaustive]
    Avx2,
    /// Plain Rust; whatever the compiler makes of it.
    Portable,
}

impl Isa {
    /// The best instruction set of this machine, or the one named by `MUJAZ_KERNEL`
    /// (`avx512`, `avx2`, `portable`) where the machine has it.
    pub fn detect() -> Self {
        static CHOSEN: OnceLock<Isa> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let available = Self::available();
            std::env::var("MUJAZ_KERNEL")
                .ok()
                .and_then(|name| available.iter().copied().find(|isa| isa.to_string() == name))
                .unwrap_or(available[0])
        })
    }

    /// The instruction sets that this machine can run, best first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                sets.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
            }
        }
        sets.push(Self::Portable);
        sets
    }

    /// Columns of a packed panel: two vectors of this instruction set.
    const fn panel_width(self) -> usize {
        match self {
            Self::Avx512 => 32,
            Self::Avx2 | Self::Portable => 16,
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    /// Numbers in [-1, 1) from a small generator, the same on every machine.
    pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        (0..count)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect()
    }
}
