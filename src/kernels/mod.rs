//! CPU kernels of the encoder: packed matrix products, row operations and attention.
//!
//! This is the only folder with `unsafe`. Every kernel has a portable twin that the tests hold the
//! others to. What a machine can run is asked of it at run time by [`Kernel::available`];
//! nothing is assumed of the machine the binary was built on.
//!
//! Every output row is computed by the same sequence of operations whatever rows stand beside it, so
//! a batch gives bit for bit what its sequences give alone.

// Elsewhere the arms of other instruction sets fall away, and with them the only use of a name or two.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unused_imports, clippy::match_single_binding, clippy::needless_return))]

mod amx;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod between;
#[cfg(target_arch = "x86_64")]
mod halves512;
mod mapped;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
mod operands;
mod packed;
#[cfg(feature = "cli")]
mod peak;
mod portable;
mod product;
mod rows;

pub use attention::{Head, Scratch, attend};
pub use between::Between;
pub use mapped::Mapped;
pub use memory::Aligned;
pub use operands::{Input, Out, Rows, Target};
pub use packed::Packed;
#[cfg(feature = "cli")] // for `mujaz bench` alone
pub use peak::peak;
pub use product::{After, Operand, product};
pub use rows::{Norm, add_layer_norm};

use std::fmt;
use std::str::FromStr;

/// A family of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Tiles of AMX for products, AVX-512 for the rest.
    #[non_exhaustive] // made by `Kernel::available` alone, where the machine has it
    Amx,
    /// Vectors of 512 bits.
    #[non_exhaustive]
    Avx512,
    /// Vectors of 256 bits, with FMA.
    #[non_exhaustive]
    Avx2,
    /// Vectors of 128 bits, on ARM.
    #[non_exhaustive]
    Neon,
    /// Plain Rust; whatever the compiler makes of it.
    Portable,
}

/// The numbers that matrix products are taken in. Sums, norms and everything between stay in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats: the reference.
    F32,
    /// Weights and activations rounded to 16-bit brain floats.
    Bf16,
    /// Weights in 8 bits with a scale a channel, activations in 8 bits with a scale a token.
    Int8,
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "int8" => Ok(Self::Int8),
            other => Err(format!("{other:?} is none of f32, bf16, int8")),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

/// Instructions and precision of the matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    isa: Isa,
    precision: Precision,
}

impl Kernel {
    /// What this machine can run, best instructions first; of each family f32, then bf16, then int8.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        let mut add = |isa, precision| found.push(Self { isa, precision });
        if amx::enabled() {
            add(Isa::Amx, Precision::Bf16);
            add(Isa::Amx, Precision::Int8);
        }
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                add(Isa::Avx512, Precision::F32);
                if avx512_bf16() {
                    add(Isa::Avx512, Precision::Bf16);
                }
                if is_x86_feature_detected!("avx512vnni") {
                    add(Isa::Avx512, Precision::Int8);
                }
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                add(Isa::Avx2, Precision::F32);
                add(Isa::Avx2, Precision::Int8);
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            add(Isa::Neon, Precision::F32);
            if neon::has_bf16() {
                add(Isa::Neon, Precision::Bf16);
            }
            if neon::has_dot() {
                add(Isa::Neon, Precision::Int8);
            }
        }
        add(Isa::Portable, Precision::F32);
        add(Isa::Portable, Precision::Bf16);
        add(Isa::Portable, Precision::Int8);
        found
    }

    /// The best kernel of this machine for a precision; for `None` bf16 where the machine has AMX or AVX512-BF16, else f32. Plain Rust
    /// is not chosen where the machine has more than that.
    ///
    /// The environment variable `MUJAZ_KERNEL` narrows the choice: to a family (`amx`, `avx512`, `avx2`,
    /// `neon`, `portable`), or to one kernel by its full name (`avx512-int8`). The error says what there is.
    pub fn choose(precision: Option<Precision>) -> Result<Self, String> {
        Self::choose_from(&Self::available(), precision, std::env::var("MUJAZ_KERNEL").ok().filter(|name| !name.is_empty()).as_deref())
    }

    fn choose_from(available: &[Self], precision: Option<Precision>, forced: Option<&str>) -> Result<Self, String> {
        let named = |k: &&Self| forced.is_none_or(|name| k.to_string() == name || k.isa.to_string() == name);
        let better = available.iter().any(|k| k.isa != Isa::Portable);
        let worthy = |k: &&Self| k.isa != Isa::Portable || !better || forced.is_some();
        let candidates: Vec<Self> = available.iter().filter(named).filter(worthy).copied().collect();
        let one = |wanted: Precision| candidates.iter().copied().find(|k| k.precision == wanted);
        // On ARM bf16 has not been measured.
        let quick = |k: &Self| matches!(k.isa, Isa::Amx | Isa::Avx512);
        let found = match precision {
            Some(wanted) => one(wanted),
            None => one(Precision::Bf16).filter(quick).or_else(|| one(Precision::F32)).or(candidates.first().copied()),
        };
        found.ok_or_else(|| {
            let names: Vec<String> = available.iter().map(Self::to_string).collect();
            let asked = [precision.map(|p| format!("--precision {p}")), forced.map(|name| format!("MUJAZ_KERNEL={name}"))];
            let asked: Vec<String> = asked.into_iter().flatten().collect();
            format!("this machine has no kernel for {}; it can run {}", asked.join(" with "), names.join(", "))
        })
    }

    /// The precision of its products.
    pub fn precision(self) -> Precision {
        self.precision
    }

    /// The instructions of row operations that go with it.
    pub(crate) fn isa(self) -> Isa {
        self.isa
    }

    /// The kernel for products of two activations, which are not worth quantising: bf16 where the family has it.
    pub(crate) fn for_attention(self) -> Self {
        let precision = match (self.precision, self.isa) {
            (Precision::Int8, Isa::Avx512) if avx512_bf16() => Precision::Bf16,
            (Precision::Int8, Isa::Amx | Isa::Portable) => Precision::Bf16,
            #[cfg(target_arch = "aarch64")]
            (Precision::Int8, Isa::Neon) if neon::has_bf16() => Precision::Bf16,
            (Precision::Int8, _) => Precision::F32,
            (precision, _) => precision,
        };
        Self { isa: self.isa, precision }
    }

    /// The family's f32 kernel (that of AVX-512 for AMX), for what must stay exact: most heads.
    pub(crate) fn exact(self) -> Self {
        let isa = if self.isa == Isa::Amx { Isa::Avx512 } else { self.isa };
        Self { isa, precision: Precision::F32 }
    }

    /// Rows of activations that are multiplied while they stay in the second-level cache; a multiple of every tile's rows.
    /// Tiles of AMX are done with a row so soon that the weights, which come from further away, must serve more of them.
    pub(crate) const fn row_block(self) -> usize {
        match self.isa {
            Isa::Amx => 192,
            _ => 96,
        }
    }

    /// Rows that are read for `rows` of them: tiles of AMX are read whole.
    const fn whole_rows(self, rows: usize) -> usize {
        match self.isa {
            Isa::Amx => rows.next_multiple_of(32),
            _ => rows,
        }
    }

    /// Whether what one product makes and another reads is kept in bf16: beside kernels that would round it to that or to less.
    pub(crate) fn halves_between(self) -> bool {
        self.for_attention().precision == Precision::Bf16
    }

    /// The same of what attention does not read.
    pub(crate) fn halves_inside(self) -> bool {
        self.precision != Precision::F32
    }

    /// Columns of a packed panel: two vectors.
    const fn panel_width(self) -> usize {
        match self.isa {
            Isa::Amx | Isa::Avx512 => 32,
            Isa::Avx2 | Isa::Portable => 16,
            Isa::Neon => 8,
        }
    }
}

/// AVX512-BF16, and AVX512-DQ, which every processor with it has.
fn avx512_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512dq");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl Isa {
    /// Whether row operations of this family may use AVX512-BF16.
    fn has_halves(self) -> bool {
        matches!(self, Self::Amx | Self::Avx512) && avx512_bf16()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amx => "amx",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        })
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.isa, self.precision)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Kernel, amx};

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

    /// What this machine can run, and AMX by emulation where it has AVX-512 alone; of these what `MUJAZ_KERNEL` begins.
    pub(crate) fn kernels() -> Vec<Kernel> {
        let mut found = Kernel::available();
        found.extend(amx::emulated());
        let forced = std::env::var("MUJAZ_KERNEL").unwrap_or_default();
        found.retain(|kernel| kernel.to_string().starts_with(&forced));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_rust_is_no_silent_second_choice() {
        let k = |isa, precision| Kernel { isa, precision };
        let desktop = [k(Isa::Avx2, Precision::F32), k(Isa::Portable, Precision::F32), k(Isa::Portable, Precision::Bf16)];
        assert!(Kernel::choose_from(&desktop, Some(Precision::Bf16), None).is_err());
        let forced = Kernel::choose_from(&desktop, Some(Precision::Bf16), Some("portable"));
        assert_eq!(forced.map(|k| k.to_string()).as_deref(), Ok("portable-bf16"));
        assert!(Kernel::choose_from(&desktop[1..], Some(Precision::Bf16), None).is_ok());
    }

    #[test]
    fn the_choice_follows_precision_machine_and_force() {
        let k = |isa, precision| Kernel { isa, precision };
        let server = [
            k(Isa::Amx, Precision::Bf16),
            k(Isa::Amx, Precision::Int8),
            k(Isa::Avx512, Precision::F32),
            k(Isa::Avx512, Precision::Int8),
            k(Isa::Portable, Precision::F32),
        ];
        let choose = |precision, forced| Kernel::choose_from(&server, precision, forced).map(|k| k.to_string());
        assert_eq!(choose(None, None).as_deref(), Ok("amx-bf16"));
        assert_eq!(choose(Some(Precision::F32), None).as_deref(), Ok("avx512-f32"));
        assert_eq!(choose(Some(Precision::Int8), None).as_deref(), Ok("amx-int8"));
        assert_eq!(choose(Some(Precision::Int8), Some("avx512")).as_deref(), Ok("avx512-int8"));
        assert_eq!(choose(None, Some("avx512")).as_deref(), Ok("avx512-f32"));
        assert_eq!(choose(None, Some("amx-int8")).as_deref(), Ok("amx-int8"));
        assert_eq!(Kernel::choose_from(&server[2..], None, None).map(|k| k.to_string()).as_deref(), Ok("avx512-f32"));
        for (isa, auto) in [(Isa::Avx512, "avx512-bf16"), (Isa::Neon, "neon-f32"), (Isa::Portable, "portable-f32")] {
            let machine = [Precision::F32, Precision::Bf16, Precision::Int8].map(|precision| k(isa, precision));
            assert_eq!(Kernel::choose_from(&machine, None, None).map(|k| k.to_string()).as_deref(), Ok(auto));
        }
        let refused = Kernel::choose_from(&server[2..], Some(Precision::Bf16), Some("amx")).err();
        let said =
            "this machine has no kernel for --precision bf16 with MUJAZ_KERNEL=amx; it can run avx512-f32, avx512-int8, portable-f32";
        assert_eq!(refused.as_deref(), Some(said));
    }
}
