//! What the machine could do at most: multiply-adds on registers alone.
#![allow(unsafe_code)] // vector intrinsics, and a tile product, on registers

use super::{Isa, Kernel, Precision};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Operations a second, a multiply-add counted as two, of `threads` threads that multiply registers in the kernel's
/// instructions and precision for about `time`. The portable kernel has no registers of its own: `None`.
pub fn peak(kernel: Kernel, threads: usize, time: Duration) -> Option<f64> {
    let chunk = chunk_of(kernel)?;
    let total: f64 = std::thread::scope(|scope| {
        let work = || {
            chunk(); // warms the clock and the vector units up
            let (began, mut operations) = (Instant::now(), 0.0);
            while began.elapsed() < time {
                operations += chunk();
            }
            operations / began.elapsed().as_secs_f64()
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).sum()
    });
    Some(total)
}

const ROUNDS: usize = 100_000;
const CHAINS: usize = 24;

fn chunk_of(kernel: Kernel) -> Option<fn() -> f64> {
    // SAFETY, all of them: a kernel is only made where its instructions were detected.
    #[cfg(target_arch = "x86_64")]
    return match (kernel.isa, kernel.precision) {
        (Isa::Avx512 | Isa::Amx, Precision::F32) => Some(|| unsafe { x86::f32_512() }),
        (Isa::Avx512, Precision::Bf16) => Some(|| unsafe { x86::bf16_512() }),
        (Isa::Avx512, Precision::Int8) => Some(|| unsafe { x86::int8_512() }),
        (Isa::Avx2, Precision::Int8) => Some(|| unsafe { x86::int8_256() }),
        (Isa::Avx2, _) => Some(|| unsafe { x86::f32_256() }),
        (Isa::Amx, Precision::Bf16) => Some(|| unsafe { x86::amx_bf16() }),
        (Isa::Amx, Precision::Int8) => Some(|| unsafe { x86::amx_int8() }),
        (Isa::Neon | Isa::Portable, _) => None,
    };
    #[cfg(target_arch = "aarch64")]
    return match (kernel.isa, kernel.precision) {
        (Isa::Neon, Precision::F32) => Some(|| unsafe { arm::f32_128() }),
        (Isa::Neon, Precision::Bf16) => Some(|| unsafe { arm::bf16_128() }),
        (Isa::Neon, Precision::Int8) => Some(|| unsafe { arm::int8_128() }),
        _ => None,
    };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return {
        let _ = (kernel, CHAINS, ROUNDS, black_box(Precision::F32), Isa::Portable);
        None
    };
}

/// Chains of `$step` that begin with `$zero`, side by side.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! chains {
    ($count:expr, $zero:expr, $step:expr) => {{
        let mut sums = [$zero; $count];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = $step(*sum);
            }
        }
        black_box(sums);
    }};
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CHAINS, ROUNDS, black_box};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f")]
    pub(super) fn f32_512() -> f64 {
        let (a, b) = (_mm512_set1_ps(black_box(1.0)), _mm512_set1_ps(black_box(1e-9)));
        chains!(CHAINS, _mm512_setzero_ps(), |sum| _mm512_fmadd_ps(a, b, sum));
        (2 * 16 * CHAINS * ROUNDS) as f64
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn bf16_512() -> f64 {
        // SAFETY: both types are 512 bits of any pattern.
        let a = unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(black_box(0x3000_3000))) };
        chains!(CHAINS, _mm512_setzero_ps(), |sum| _mm512_dpbf16_ps(sum, a, a));
        (2 * 32 * CHAINS * ROUNDS) as f64
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn int8_512() -> f64 {
        let a = _mm512_set1_epi32(black_box(0x0101_0101));
        chains!(CHAINS, _mm512_setzero_si512(), |sum| _mm512_dpbusd_epi32(sum, a, a));
        (2 * 64 * CHAINS * ROUNDS) as f64
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn f32_256() -> f64 {
        let (a, b) = (_mm256_set1_ps(black_box(1.0)), _mm256_set1_ps(black_box(1e-9)));
        chains!(12, _mm256_setzero_ps(), |sum| _mm256_fmadd_ps(a, b, sum));
        (2 * 8 * 12 * ROUNDS) as f64
    }

    /// The five instructions that stand for two products of bytes.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn int8_256() -> f64 {
        let (a, ones) = (_mm256_set1_epi32(black_box(0x0101_0101)), _mm256_set1_epi16(1));
        let step = |sum| {
            let halves = _mm256_add_epi16(_mm256_maddubs_epi16(a, sum), _mm256_maddubs_epi16(sum, a));
            _mm256_add_epi32(sum, _mm256_madd_epi16(halves, ones))
        };
        chains!(12, _mm256_setzero_si256(), step);
        (2 * 2 * 32 * 12 * ROUNDS) as f64
    }

    macro_rules! tiles {
        ($instruction:literal) => {
            std::arch::asm!(
                "sub rsp, 128",
                "lea {config}, [rsp + 63]",
                "and {config}, -64",
                "vpxorq zmm0, zmm0, zmm0",
                "vmovdqu64 [{config}], zmm0",
                "mov byte ptr [{config}], 1",
                "mov rax, 0x0040004000400040",
                "mov [{config} + 16], rax",
                "mov [{config} + 24], rax",
                "mov rax, 0x1010101010101010",
                "mov [{config} + 48], rax",
                "ldtilecfg [{config}]",
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                "2:",
                concat!($instruction, " tmm0, tmm4, tmm6"),
                concat!($instruction, " tmm1, tmm4, tmm7"),
                concat!($instruction, " tmm2, tmm5, tmm6"),
                concat!($instruction, " tmm3, tmm5, tmm7"),
                "dec {steps}",
                "jnz 2b",
                "tilerelease",
                "add rsp, 128",
                config = out(reg) _,
                steps = inout(reg) ROUNDS => _,
                out("rax") _, out("zmm0") _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            )
        };
    }

    /// SAFETY: the caller may use AMX.
    pub(super) unsafe fn amx_bf16() -> f64 {
        unsafe { tiles!("tdpbf16ps") };
        (2 * 16 * 16 * 32 * 4 * ROUNDS) as f64
    }

    /// SAFETY: the caller may use AMX.
    pub(super) unsafe fn amx_int8() -> f64 {
        unsafe { tiles!("tdpbusd") };
        (2 * 16 * 16 * 64 * 4 * ROUNDS) as f64
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{CHAINS, ROUNDS, black_box};
    use std::arch::aarch64::*;
    use std::arch::asm;

    #[target_feature(enable = "neon")]
    pub(super) fn f32_128() -> f64 {
        let (a, b) = (vdupq_n_f32(black_box(1.0)), vdupq_n_f32(black_box(1e-9)));
        chains!(CHAINS, vdupq_n_f32(0.0), |sum| vfmaq_f32(sum, a, b));
        (2 * 4 * CHAINS * ROUNDS) as f64
    }

    macro_rules! dots {
        ($instruction:literal, $sum:ty, $zero:expr, $a:expr) => {{
            let a = $a;
            chains!(CHAINS, $zero, |mut sum: $sum| {
                // SAFETY: registers alone.
                unsafe { asm!($instruction, sum = inout(vreg) sum, a = in(vreg) a, options(pure, nomem, nostack)) };
                sum
            });
        }};
    }

    #[target_feature(enable = "neon,bf16")]
    pub(super) fn bf16_128() -> f64 {
        dots!("bfdot {sum:v}.4s, {a:v}.8h, {a:v}.8h", float32x4_t, vdupq_n_f32(0.0), vdupq_n_u16(black_box(0x3000)));
        (2 * 8 * CHAINS * ROUNDS) as f64
    }

    #[target_feature(enable = "neon,dotprod")]
    pub(super) fn int8_128() -> f64 {
        dots!("sdot {sum:v}.4s, {a:v}.16b, {a:v}.16b", int32x4_t, vdupq_n_s32(0), vdupq_n_s8(black_box(1)));
        (2 * 16 * CHAINS * ROUNDS) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_a_number_of_operations() {
        for kernel in Kernel::available() {
            let found = peak(kernel, 1, Duration::from_millis(5));
            assert_eq!(found.is_some(), kernel.isa != Isa::Portable, "{kernel}");
            assert!(found.is_none_or(|p| p > 1e6 && p.is_finite()), "{kernel}: {found:?}");
        }
    }
}
