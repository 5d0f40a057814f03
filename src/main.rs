//! The `mujaz` program: parse, run, exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    mujaz::cli::main()
}
