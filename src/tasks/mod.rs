//! From head outputs to answers, one module a task.

mod chain;
pub mod cut;
pub mod entities;
mod gaps;
mod marks;
pub mod mentions;
mod neighbours;
pub mod passages;
pub mod pool;
pub mod salience;
mod settle;
pub mod stance;
pub mod summary;
mod tidy;
pub mod topics;
mod wording;

/// `ln Σ e^x`-normalised logits, divided by `temperature` first.
pub(crate) fn log_softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let scaled: Vec<f32> = logits.iter().map(|x| x / temperature).collect();
    let max = scaled.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = scaled.iter().map(|x| (x - max).exp()).sum();
    scaled.iter().map(|x| x - max - sum.ln()).collect()
}
