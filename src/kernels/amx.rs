//! Micro-kernels of AMX: tiles of 32 rows and 32 columns.
//!
//! The instructions are written by hand: the standard library has no stable names for them. Where a machine
//! has none, the tests run these kernels all the same and carry out the instructions themselves; see `emulator`.
#![allow(unsafe_code)] // assembly; each panel function asserts what its tiles read and write

/// Whether this machine has AMX for bf16 and int8 and the operating system lets us use it.
pub(super) fn enabled() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return linux::enabled();
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

#[cfg(target_arch = "x86_64")]
pub(super) use tiles::{Tiles, bf16_panel, int8_panel};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod linux {
    use std::arch::x86_64::__cpuid_count;
    use std::sync::OnceLock;

    /// Ask the processor, then the kernel, which grants the tiles' state to the process once and for all its threads.
    pub(super) fn enabled() -> bool {
        static ENABLED: OnceLock<bool> = OnceLock::new();
        let vectors = || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        *ENABLED.get_or_init(|| has_instructions() && vectors() && permitted())
    }

    fn has_instructions() -> bool {
        const BF16: u32 = 1 << 22;
        const TILE: u32 = 1 << 24;
        const INT8: u32 = 1 << 25;
        let leaves = __cpuid_count(0, 0).eax;
        leaves >= 7 && __cpuid_count(7, 0).edx & (BF16 | TILE | INT8) == BF16 | TILE | INT8
    }

    fn permitted() -> bool {
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const XFEATURE_XTILEDATA: u64 = 18;
        let result: i64;
        // SAFETY: the system call arch_prctl (158) with these arguments touches no memory of ours; an old
        // kernel answers with an error.
        unsafe {
            std::arch::asm!(
                "syscall",
                inlateout("rax") 158i64 => result,
                in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") XFEATURE_XTILEDATA,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        result == 0
    }
}

#[cfg(target_arch = "x86_64")]
mod tiles {
    use super::super::product::{Columns, Panel, Quantised};
    use super::super::{Isa, Kernel};
    use std::arch::asm;

    const WIDTH: usize = 32;
    const ROWS: usize = 32;

    /// Eight tiles of 16 rows of 64 bytes.
    #[repr(C, align(64))]
    struct Config {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        columns: [u16; 16],
        rows: [u8; 16],
    }

    static CONFIG: Config = {
        let mut config = Config { palette: 1, start_row: 0, reserved: [0; 14], columns: [0; 16], rows: [0; 16] };
        let mut tile = 0;
        while tile < 8 {
            (config.columns[tile], config.rows[tile]) = (64, 16);
            tile += 1;
        }
        config
    };

    /// Eight tiles that are ready for use, until this is dropped. The compiler has no use for tiles, so what is loaded
    /// stays loaded between blocks of assembly.
    pub(in super::super) struct Tiles(());

    impl Tiles {
        /// Configure the tiles of this thread for the products of `kernel`, where those are products of tiles.
        pub(in super::super) fn of(kernel: Kernel) -> Option<Self> {
            // SAFETY: kernels of this family are only made where its use was granted.
            (kernel.isa() == Isa::Amx).then(|| unsafe {
                asm!("ldtilecfg [{config}]", config = in(reg) &CONFIG, options(nostack));
                Self(())
            })
        }
    }

    impl Drop for Tiles {
        fn drop(&mut self) {
            // SAFETY: made by `of` alone.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }

    /// Steps of a product, of 2 KiB of weights each, that are taken for all rows before the next ones: weights then come
    /// from the first-level cache, and activations alone from the second.
    const STEPS: usize = 12;

    /// Where the sums of 32 rows begin: rows of 32 numbers, `stride` bytes apart; 0 puts one row into all.
    #[derive(Clone, Copy)]
    struct Start {
        at: *const u8,
        stride: usize,
    }

    impl Start {
        fn of<T>(numbers: *const T, stride: usize) -> Self {
            Self { at: numbers.cast(), stride: stride * 4 }
        }
    }

    /// `out[32, 32] = start[32, 32] + Σ x[32, k] · weights[k, 32]` with the instruction named; strides in bytes.
    macro_rules! multiply {
        ($instruction:literal, $start:expr, $x:expr, $x_stride:expr, $weights:expr, $steps:expr, $out:expr, $out_stride:expr) => {{
            let start: Start = $start;
            asm!(
                "tileloadd tmm0, [{start} + {start_stride}*1]",
                "tileloadd tmm1, [{start} + {start_stride}*1 + 64]",
                "tileloadd tmm2, [{below} + {start_stride}*1]",
                "tileloadd tmm3, [{below} + {start_stride}*1 + 64]",
                "2:",
                "tileloadd tmm4, [{upper} + {x_stride}*1]",
                "tileloadd tmm6, [{weights} + {stride}*1]",
                concat!($instruction, " tmm0, tmm4, tmm6"),
                "tileloadd tmm7, [{weights} + {stride}*1 + 64]",
                concat!($instruction, " tmm1, tmm4, tmm7"),
                "tileloadd tmm5, [{lower} + {x_stride}*1]",
                concat!($instruction, " tmm2, tmm5, tmm6"),
                concat!($instruction, " tmm3, tmm5, tmm7"),
                "add {upper}, 64",
                "add {lower}, 64",
                "add {weights}, 2048",
                "dec {steps}",
                "jnz 2b",
                "mov {below}, {out_stride}",
                "shl {below}, 4",
                "add {below}, {out}",
                "tilestored [{out} + {out_stride}*1], tmm0",
                "tilestored [{out} + {out_stride}*1 + 64], tmm1",
                "tilestored [{below} + {out_stride}*1], tmm2",
                "tilestored [{below} + {out_stride}*1 + 64], tmm3",
                start = in(reg) start.at,
                start_stride = in(reg) start.stride,
                below = inout(reg) start.at.add(16 * start.stride) => _,
                upper = inout(reg) $x => _,
                lower = inout(reg) $x.add(16 * $x_stride) => _,
                weights = inout(reg) $weights => _,
                steps = inout(reg) $steps => _,
                x_stride = in(reg) $x_stride,
                stride = in(reg) 128usize,
                out = in(reg) $out,
                out_stride = in(reg) $out_stride,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            )
        }};
    }

    /// Tiles of rows and parts of their `steps` steps, (row, first, count), in the order in which they are multiplied: part after
    /// part for all whole tiles, whose sums wait in `out` where it has room for all columns; then the rest of the rows at once.
    fn order(panel: &Panel<'_>, steps: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let most = if panel.columns == WIDTH { STEPS } else { steps };
        let whole = panel.rows / ROWS * ROWS;
        let parts = (0..steps).step_by(most).map(move |first| (first, most.min(steps - first)));
        let tiles = parts.flat_map(move |(first, count)| (0..whole).step_by(ROWS).map(move |row| (row, first, count)));
        tiles.chain((whole < panel.rows).then_some((whole, 0, steps)))
    }

    /// `x` holds whole tiles of rows, whatever stands in those past the panel's.
    pub(in super::super) fn bf16_panel(_: &Tiles, panel: &Panel<'_>, x: &[u16], weights: &[u32], out: &mut [f32], tile: &mut [f32]) {
        assert!(x.len() >= panel.rows.next_multiple_of(ROWS) * panel.groups * 2 && weights.len() == panel.groups * WIDTH);
        assert!(panel.groups > 0 && panel.groups.is_multiple_of(16) && tile.len() >= ROWS * WIDTH);
        let steps = panel.groups / 16;
        for (row, first, count) in order(panel, steps) {
            let rows = ROWS.min(panel.rows - row);
            let whole = rows == ROWS && panel.columns == WIDTH;
            let (to, stride) = if whole { panel.target(row, ROWS, WIDTH, out, tile) } else { (&mut *tile, WIDTH) };
            let start = if first == 0 { Start::of(panel.bias.as_ptr(), 0) } else { Start::of(to.as_ptr(), stride) };
            // SAFETY: the tiles are configured, as the first argument shows. 32 rows of `groups` pairs from `row` on, a panel
            // of weights and 32 rows of 32 numbers, `stride` apart, are there, as asserted here and by `target`; 16 pairs a step.
            unsafe {
                multiply!(
                    "tdpbf16ps",
                    start,
                    x.as_ptr().add(row * panel.groups * 2 + first * 32).cast::<u8>(),
                    panel.groups * 4,
                    weights.as_ptr().add(first * 16 * WIDTH),
                    count,
                    to.as_mut_ptr(),
                    stride * 4
                );
            }
            if first + count == steps {
                // SAFETY: AVX-512F is there wherever AMX is.
                unsafe { finish(panel, row, rows, whole, out, tile) };
            }
        }
    }

    pub(in super::super) fn int8_panel(
        _: &Tiles,
        panel: &Panel<'_>,
        x: Quantised<'_>,
        weights: &[i8],
        columns: Columns<'_>,
        out: &mut [f32],
        tile: &mut [f32],
    ) {
        let depth = panel.groups * 4;
        assert!(x.bytes.len() >= panel.rows.next_multiple_of(ROWS) * depth && weights.len() == depth * WIDTH);
        assert!(depth > 0 && depth.is_multiple_of(64) && tile.len() >= ROWS * WIDTH && x.scales.len() >= panel.rows);
        // Sums start from minus what raising the activations by 128 adds.
        let mut start = [0i32; WIDTH];
        start.iter_mut().zip(columns.offsets).for_each(|(start, offset)| *start = -offset);
        let steps = depth / 64;
        for (row, first, count) in order(panel, steps) {
            let last = first + count == steps;
            let (waiting, wait) = if first > 0 || !last { panel.target(row, ROWS, WIDTH, out, tile) } else { (&mut *tile, WIDTH) };
            let waiting = waiting.as_mut_ptr();
            let start = if first == 0 { Start::of(start.as_ptr(), 0) } else { Start::of(waiting, wait) };
            let (to, stride) = if last { (tile.as_mut_ptr(), WIDTH) } else { (waiting, wait) };
            // SAFETY: as in `bf16_panel`; 64 bytes a step.
            unsafe {
                multiply!(
                    "tdpbusd",
                    start,
                    x.bytes.as_ptr().add(row * depth + first * 64),
                    depth,
                    weights.as_ptr().add(first * 64 * WIDTH),
                    count,
                    to,
                    stride * 4
                );
            }
            if last {
                let rows = ROWS.min(panel.rows - row);
                let whole = panel.columns == WIDTH;
                let (to, stride) = if whole { panel.target(row, rows, WIDTH, out, &mut []) } else { (&mut [][..], WIDTH) };
                // SAFETY: AVX-512F is there wherever AMX is.
                unsafe {
                    scale(tile, to, stride, &x.scales[row..row + rows], columns.scales, panel.bias);
                    finish(panel, row, rows, whole, out, tile);
                }
            }
        }
    }

    /// Sums in 32-bit integers to what they stand for, and the bias: into rows of `out` where there are any, else in place.
    #[target_feature(enable = "avx512f")]
    fn scale(tile: &mut [f32], out: &mut [f32], stride: usize, scales: &[f32], columns: &[f32], bias: &[f32; WIDTH]) {
        let Ok(columns) = <&[f32; WIDTH]>::try_from(columns) else { unreachable!("a panel has {WIDTH} columns") };
        for (r, &scale) in scales.iter().enumerate() {
            let from: [f32; WIDTH] = std::array::from_fn(|i| tile[r * WIDTH + i]);
            let to = if out.is_empty() { &mut tile[r * WIDTH..][..WIDTH] } else { &mut out[r * stride..][..WIDTH] };
            for i in 0..WIDTH {
                to[i] = (from[i].to_bits() as i32 as f32).mul_add(scale * columns[i], bias[i]);
            }
        }
    }

    /// Copy rows that stand in `tile` into `out`, and do what follows the product.
    #[target_feature(enable = "avx512f")]
    fn finish(panel: &Panel<'_>, row: usize, rows: usize, whole: bool, out: &mut [f32], tile: &[f32]) {
        if !whole && panel.columns == WIDTH {
            for (r, tile) in tile.chunks_exact(WIDTH).take(rows).enumerate() {
                out[(row + r) * panel.out_stride..][..WIDTH].copy_from_slice(tile);
            }
        }
        panel.finish::<true>(row, rows, WIDTH, out, tile);
    }
}

/// AMX kernels for the tests of a machine that has AVX-512 but no AMX: its instructions are carried out by a
/// handler of the signal for illegal instructions.
#[cfg(test)]
pub(super) fn emulated() -> Vec<super::Kernel> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if !enabled() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
        emulator::install();
        let kernel = |precision| super::Kernel { isa: super::Isa::Amx, precision };
        return vec![kernel(super::Precision::Bf16), kernel(super::Precision::Int8)];
    }
    Vec::new()
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod emulator {
    use std::cell::RefCell;
    use std::sync::Once;

    const ROW: usize = 64;
    type Tile = [[u8; ROW]; 16];

    struct State {
        configured: bool,
        tiles: [Tile; 8],
    }

    thread_local! {
        static STATE: RefCell<State> = const { RefCell::new(State { configured: false, tiles: [[[0; ROW]; 16]; 8] }) };
    }

    pub(super) fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: a handler with the signature that SA_SIGINFO asks for; the action is zeroed before.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handle as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO;
                assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0);
            }
        });
    }

    extern "C" fn handle(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the system hands the thread's registers over, with the address of an instruction of this program.
        unsafe {
            let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
            let at = registers[libc::REG_RIP as usize] as *const u8;
            let length = STATE.with_borrow_mut(|state| state.execute(at, registers));
            if length == 0 {
                libc::abort();
            }
            registers[libc::REG_RIP as usize] += length;
        }
    }

    /// Registers of an address by their number in the instruction.
    const NUMBERED: [i32; 16] = [
        libc::REG_RAX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RBX,
        libc::REG_RSP,
        libc::REG_RBP,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
    ];

    impl State {
        /// Carry out the instruction at `at`; its length, or 0 where it is none of AMX.
        unsafe fn execute(&mut self, at: *const u8, registers: &[i64; 23]) -> i64 {
            let byte = |i: usize| unsafe { usize::from(*at.add(i)) };
            if byte(0) != 0xC4 || byte(1) & 0x1F != 2 {
                return 0;
            }
            let (high_index, high_base) = ((!byte(1) >> 6 & 1) << 3, (!byte(1) >> 5 & 1) << 3);
            let (source, prefix) = (!byte(2) >> 3 & 15, byte(2) & 3);
            let (opcode, modrm) = (byte(3), byte(4));
            let (mode, reg, rm) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
            let register = |number: usize| registers[NUMBERED[number] as usize] as usize;
            if mode == 3 {
                match (opcode, prefix) {
                    (0x49, 0) => self.configured = false,               // tilerelease
                    (0x5C, 2) => self.multiply(reg, rm, source, true),  // tdpbf16ps
                    (0x5E, 1) => self.multiply(reg, rm, source, false), // tdpbusd
                    _ => return 0,
                }
                return 5;
            }
            let (mut base, mut stride, mut length) = (rm | high_base, 0, 5);
            if rm == 4 {
                let sib = byte(5);
                base = sib & 7 | high_base;
                stride = register(sib >> 3 & 7 | high_index) << (sib >> 6);
                length = 6;
            }
            let displacement = match mode {
                1 => i64::from(byte(length) as u8 as i8),
                2 => unsafe { i64::from(at.add(length).cast::<i32>().read_unaligned()) },
                _ => 0,
            };
            length += [0, 1, 4][mode];
            let address = register(base).wrapping_add_signed(displacement as isize);
            let row = |i: usize| (address + i * stride) as *mut u8;
            match (opcode, prefix) {
                (0x49, 0) => self.configured = unsafe { *(address as *const u8) } == 1, // ldtilecfg
                (0x4B, 3) => {
                    // tileloadd
                    for (i, to) in self.tiles[reg].iter_mut().enumerate() {
                        unsafe { to.copy_from_slice(std::slice::from_raw_parts(row(i), ROW)) };
                    }
                }
                (0x4B, 2) => {
                    // tilestored
                    for (i, from) in self.tiles[reg].iter().enumerate() {
                        unsafe { std::slice::from_raw_parts_mut(row(i), ROW) }.copy_from_slice(from);
                    }
                }
                _ => return 0,
            }
            length as i64
        }

        /// `out[m, n] += Σ a[m, k] · b[k, n]` over groups of four bytes.
        fn multiply(&mut self, out: usize, a: usize, b: usize, bf16: bool) {
            if !self.configured {
                unsafe { libc::abort() };
            }
            let four = |tile: &Tile, row: usize, column: usize| -> [u8; 4] { std::array::from_fn(|i| tile[row][4 * column + i]) };
            let half = |x: [u8; 4], i: usize| f32::from_bits(u32::from(u16::from_le_bytes([x[2 * i], x[2 * i + 1]])) << 16);
            for m in 0..16 {
                for n in 0..16 {
                    let mut sum = four(&self.tiles[out], m, n);
                    for k in 0..16 {
                        let (x, w) = (four(&self.tiles[a], m, k), four(&self.tiles[b], k, n));
                        sum = if bf16 {
                            let dot = half(x, 0) * half(w, 0) + half(x, 1) * half(w, 1);
                            (f32::from_le_bytes(sum) + dot).to_le_bytes()
                        } else {
                            let dot: i32 = (0..4).map(|i| i32::from(x[i]) * i32::from(w[i] as i8)).sum();
                            (i32::from_le_bytes(sum) + dot).to_le_bytes()
                        };
                    }
                    self.tiles[out][m][4 * n..][..4].copy_from_slice(&sum);
                }
            }
        }
    }
}
