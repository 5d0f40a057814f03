//! The command line: one file a command.

mod analyze;
mod apart;
mod args;
mod bench;
mod check;
mod draft;
mod evaluate;
mod exit;
mod model;
mod output;
mod progress;
mod render;
mod resume;

use crate::model::{Device, Model};
use clap::Parser;
use std::process::ExitCode;

/// Parse the arguments, run the command, and turn what came of it into an exit status.
pub fn main() -> ExitCode {
    // A panic is caught where it costs one record or file; one line is enough to report it by.
    std::panic::set_hook(Box::new(|panic| {
        exit::say(format_args!("internal error: {}", panic.to_string().replace('\n', " ")));
    }));
    let result = match args::Args::parse().command() {
        args::Command::Analyze(options) => analyze::run(*options),
        args::Command::Evaluate(options) => evaluate::run(*options),
        args::Command::Check(options) => check::run(*options),
        args::Command::Render(options) => render::run(options),
        args::Command::Bench(options) => bench::run(&options),
        args::Command::Model { action } => model::run(action),
    };
    exit::status(result).into()
}

/// The device that a model computes on: what `auto` came to.
fn device_name(model: &Model, asked: &Device) -> String {
    match asked {
        _ if model.kernel.is_some() => "cpu".to_string(),
        Device::Auto if cfg!(feature = "cuda") => "cuda:0".to_string(),
        Device::Auto | Device::Metal => "metal".to_string(),
        Device::Cuda(number) => format!("cuda:{number}"),
        Device::Cpu | Device::CandleCpu => "cpu".to_string(),
    }
}
