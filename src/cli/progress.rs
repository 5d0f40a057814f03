//! Progress on stderr, only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::Instant;

/// A bar of `total` articles with a rate and an ETA, where stderr is a terminal.
pub fn counter(total: usize) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total as u64), target);
    match ProgressStyle::with_template("{wide_bar} {pos} of {len} articles, {per_sec}, ETA {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Counts articles; draws a bar with a rate and an ETA where stderr is a terminal.
pub struct Progress {
    bar: ProgressBar,
    began: Instant,
    good: u64,
    bad: u64,
    quiet: bool,
}

impl Progress {
    /// `bytes` is the size of the inputs where it is known.
    pub fn new(bytes: Option<u64>, quiet: bool) -> Self {
        let hidden = quiet || !std::io::stderr().is_terminal();
        let bar = match bytes {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        bar.set_draw_target(if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        let template = if bytes.is_some() { "{wide_bar} {percent}% {msg}, ETA {eta}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, began: Instant::now(), good: 0, bad: 0, quiet }
    }

    /// Records done since the last call, and bytes read since the beginning.
    pub fn advance(&mut self, good: u64, bad: u64, bytes_read: u64) {
        self.good += good;
        self.bad += bad;
        self.bar.set_position(bytes_read);
        self.bar.set_message(format!("{} articles, {:.1}/s", self.good, self.rate()));
    }

    /// Print a line above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// Clear the bar and say how it went.
    pub fn finish(self) {
        self.bar.finish_and_clear();
        if !self.quiet {
            let seconds = self.began.elapsed().as_secs_f64();
            let _ = writeln!(
                std::io::stderr(),
                "mujaz: {} articles in {seconds:.1} s ({:.1}/s), {} bad records",
                self.good,
                self.rate(),
                self.bad
            );
        }
    }

    fn rate(&self) -> f64 {
        self.good as f64 / self.began.elapsed().as_secs_f64().max(1e-3)
    }
}
