//! The model: configuration, weights, tokenizer, encoder and heads, from the binary, a folder or a hub.

pub mod config;
pub(crate) mod cpu;
pub(crate) mod heads;
mod hub;
mod source;
mod tensor;
mod tokenizer;
pub(crate) mod weights;

pub use crate::kernels::{Kernel, Mapped, Precision};
pub use config::Config;
pub(crate) use heads::{CutWords, Heads, sigmoid};
pub use hub::HubModel;
pub use source::{Files, Source};
pub use tokenizer::{SpecialIds, Tokenizer};

use crate::error::{Error, Result};
use std::sync::{Arc, OnceLock};

/// One row of input: `ids` and `types` (0 to 3) of the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Piece ids.
    pub ids: Vec<u32>,
    /// Token types: 0, and 1 for the article's part of a stance pair; 2 and 3 for words that target and article share.
    pub types: Vec<u8>,
}

/// The row of `rows` token type embeddings for a type: encoders without rows for shared words take 0 and 1 for them.
fn type_row(kind: u8, rows: usize) -> usize {
    let kind = usize::from(kind);
    if kind < rows { kind } else { (kind % 2).min(rows - 1) }
}

/// Hidden states of every piece of every sequence, one after the other: `[Σ lengths, hidden]`, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hidden {
    /// Of the last layer.
    pub last: Vec<f32>,
    /// Of a layer inside; empty where none was asked for.
    pub inner: Vec<f32>,
}

/// What computes hidden states: the CPU kernels, or candle on whatever device it has.
pub trait Encoder: Send + Sync {
    /// Hidden states behind the last layer and behind the first `inner` layers, where asked for.
    fn states(&self, batch: &[&Sequence], inner: Option<usize>) -> Result<Hidden>;

    /// Hidden states of the last layer alone.
    fn encode(&self, batch: &[&Sequence]) -> Result<Vec<f32>> {
        Ok(self.states(batch, None)?.last)
    }
}

/// Where to compute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The accelerator that the program was built for, else the CPU.
    #[default]
    Auto,
    /// The CPU kernels.
    Cpu,
    /// The candle encoder on the CPU: the reference that the kernels are measured against.
    CandleCpu,
    /// A CUDA device by number.
    Cuda(usize),
    /// The Metal device.
    Metal,
}

impl std::str::FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "candle-cpu" => Ok(Self::CandleCpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            other => match other.strip_prefix("cuda:").map(str::parse) {
                Some(Ok(number)) => Ok(Self::Cuda(number)),
                _ => Err(format!("{other:?} is none of auto, cpu, cuda, cuda:N, metal")),
            },
        }
    }
}

/// A loaded model.
pub struct Model {
    /// The configuration.
    pub config: Config,
    /// Text to pieces.
    pub tokenizer: Tokenizer,
    /// Pieces to hidden states.
    pub encoder: Box<dyn Encoder>,
    /// Hidden states to logits.
    #[doc(hidden)] // tests compare it with PyTorch
    pub heads: Heads,
    /// What multiplies on the CPU; `None` where candle does.
    pub kernel: Option<Kernel>,
    /// The encoder with the adapter, read when a pass with a target first needs it; what went wrong, if it did.
    adapted: OnceLock<Result<Box<dyn Encoder>, String>>,
    origin: Origin,
}

/// What a model was read from, to read its adapter: the weights as they were opened, whatever was renamed to their name since.
struct Origin {
    name: String,
    device: Device,
    weights: Mapped,
}

impl Model {
    /// Load from `source` for `device`, to multiply in `precision` (see [`Kernel::choose`] for `None`). Heads and
    /// everything on a candle device are in f32. The weights of a folder stay mapped as long as the model lives: a new
    /// file is renamed into their place, never written over them (see [`Mapped::open`]).
    pub fn load(source: &Source, device: &Device, precision: Option<Precision>) -> Result<Arc<Self>> {
        let files = source.open()?;
        let name = source.to_string();
        let config = Config::parse(&files.config, &name)?;
        let weights = weights::Weights::parse(&files.weights, &name)?;
        let (tokenizer, computing) = rayon::join(
            || Tokenizer::load(&files.tokenizer, &config, &name),
            || Self::load_computing(&weights, &config, device, precision),
        );
        let tokenizer = tokenizer?;
        if tokenizer.vocab_size() > config.vocab_size {
            let reason = format!(
                "tokenizer.json has ids for a vocabulary of {}, config.json says vocab_size {}; the two files belong to different models",
                tokenizer.vocab_size(),
                config.vocab_size
            );
            return Err(Error::model(&name, reason));
        }
        let (encoder, heads, kernel) = computing?;
        let origin = Origin { name, device: device.clone(), weights: files.weights };
        Ok(Arc::new(Self { config, tokenizer, encoder, heads, kernel, adapted: OnceLock::new(), origin }))
    }

    /// The encoder of passes with a stance target: the model's own, or that with its adapter.
    pub fn targeted(&self) -> Result<&dyn Encoder> {
        let heads = self.config.mujaz.as_ref().map(|mujaz| &mujaz.heads);
        let Some(adapter) = heads.and_then(|heads| heads.stance.as_ref()?.adapter.as_ref()) else { return Ok(self.encoder.as_ref()) };
        let adapted = self.adapted.get_or_init(|| self.load_adapted(adapter.rank).map_err(|e| e.to_string()));
        adapted.as_deref().map_err(|reason| Error::model(&self.origin.name, reason.clone()))
    }

    /// Other threads of the pool may wait for this: it shares no work with them.
    fn load_adapted(&self, rank: usize) -> Result<Box<dyn Encoder>> {
        let name = &self.origin.name;
        let weights = weights::Weights::parse(&self.origin.weights, name)?.adapted(rank);
        Ok(match (self.kernel, tensor::device(&self.origin.device)?) {
            (None, Some(device)) => Box::new(tensor::CandleEncoder::load(&weights, &self.config, device)?),
            (kernel, _) => {
                let kernel = kernel.map_or_else(|| Kernel::choose(None), Ok).map_err(|e| Error::model(name, e))?;
                // Int8 cost claims a point, and a run has few of these passes: they take what attention takes.
                Box::new(cpu::CpuEncoder::load_apart(&weights, &self.config, kernel.for_attention())?)
            }
        })
    }

    fn load_computing(
        weights: &weights::Weights<'_>,
        config: &Config,
        device: &Device,
        precision: Option<Precision>,
    ) -> Result<(Box<dyn Encoder>, Heads, Option<Kernel>)> {
        let refused = |reason: String| Error::Device { device: "cpu".to_string(), reason };
        let candle = tensor::device(device)?;
        if let (Some(_), Some(Precision::Bf16 | Precision::Int8)) = (&candle, precision) {
            let reason = "--precision bf16 and int8 are for the CPU kernels; use --device cpu, or leave --precision out".to_string();
            return Err(Error::Device { device: format!("{device:?}"), reason });
        }
        let kernel = Kernel::choose(precision).map_err(refused)?;
        let heads = Heads::load(weights, config, if candle.is_some() { kernel.exact() } else { kernel })?;
        Ok(match candle {
            None => (Box::new(cpu::CpuEncoder::load(weights, config, kernel)?), heads, Some(kernel)),
            Some(device) => (Box::new(tensor::CandleEncoder::load(weights, config, device)?), heads, None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::type_row;

    #[test]
    fn types_of_shared_words_fall_back() {
        let rows = |count: usize| [0, 1, 2, 3].map(|kind| type_row(kind, count));
        assert_eq!((rows(4), rows(2), rows(1)), ([0, 1, 2, 3], [0, 1, 0, 1], [0; 4]));
    }
}
