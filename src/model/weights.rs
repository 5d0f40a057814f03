//! `model.safetensors`: named tensors in f32, f16 or bf16, read as f32.

use crate::error::{Error, Result};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

/// The tensors of a model file.
pub struct Weights<'a> {
    tensors: SafeTensors<'a>,
    prefix: &'static str,
    model: String,
}

/// Prefixes that the encoder's tensors stand under, by the class that saved them.
const PREFIXES: [&str; 6] = ["", "bert.", "roberta.", "encoder_model.", "model.", "base_model."];

impl<'a> Weights<'a> {
    /// Read the header of `bytes`; `model` names the folder in messages.
    pub fn parse(bytes: &'a [u8], model: &str) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| Error::model(model, format!("model.safetensors: {e}")))?;
        let probe = "embeddings.word_embeddings.weight";
        let prefix = PREFIXES
            .into_iter()
            .find(|prefix| tensors.tensor(&format!("{prefix}{probe}")).is_ok())
            .ok_or_else(|| Error::model(model, format!("model.safetensors has no tensor {probe}; is it a BERT or RoBERTa encoder?")))?;
        Ok(Self { tensors, prefix, model: model.to_string() })
    }

    /// A tensor of the encoder, by its name below the model's prefix.
    pub fn encoder(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let full = format!("{}{name}", self.prefix);
        match self.get(&full, shape) {
            Err(_) if name.contains("LayerNorm") && self.tensors.tensor(&full).is_err() => {
                let old = full.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
                self.get(&old, shape)
            }
            found => found,
        }
    }

    /// A tensor by its full name, checked against `shape`.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let view = self.tensors.tensor(name).map_err(|_| Error::model(&self.model, format!("model.safetensors has no tensor {name}")))?;
        if view.shape() != shape {
            let reason = format!("tensor {name} has the shape {:?}, config.json asks for {shape:?}", view.shape());
            return Err(Error::model(&self.model, reason));
        }
        let data = view.data();
        Ok(match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            Dtype::F16 => widened(data, f16::from_le_bytes, |halves, out| halves.convert_to_f32_slice(out)),
            Dtype::BF16 => widened(data, bf16::from_le_bytes, |halves, out| halves.convert_to_f32_slice(out)),
            other => return Err(Error::model(&self.model, format!("tensor {name} is {other:?}; only f32, f16 and bf16 are read"))),
        })
    }

    /// Names, shapes and types, sorted by name.
    pub fn listing(&self) -> Vec<(String, Vec<usize>, String)> {
        let mut all: Vec<_> =
            self.tensors.tensors().into_iter().map(|(name, view)| (name, view.shape().to_vec(), format!("{:?}", view.dtype()))).collect();
        all.sort();
        all
    }
}

/// Halves to f32, a block at a time, for the bytes need not be aligned.
fn widened<T: Copy>(data: &[u8], read: impl Fn([u8; 2]) -> T, widen: impl Fn(&[T], &mut [f32])) -> Vec<f32> {
    const BLOCK: usize = 1024;
    let mut out = vec![0.0; data.len() / 2];
    let mut block = Vec::with_capacity(BLOCK);
    for (bytes, out) in data.chunks(2 * BLOCK).zip(out.chunks_mut(BLOCK)) {
        block.clear();
        block.extend(bytes.as_chunks().0.iter().map(|&b| read(b)));
        widen(&block, out);
    }
    out
}

/// Weight and bias of a layer norm.
pub struct NormWeights {
    /// Multiplied after the norm.
    pub scale: Vec<f32>,
    /// Added after it.
    pub shift: Vec<f32>,
}

/// `[outputs, inputs]` weight and bias of a linear layer.
pub struct LinearWeights {
    /// Row-major, one row an output.
    pub weight: Vec<f32>,
    /// One number an output.
    pub bias: Vec<f32>,
    /// Columns of the weight.
    pub inputs: usize,
    /// Rows of the weight.
    pub outputs: usize,
}

/// One transformer layer; queries, keys and values stacked into one product.
pub struct LayerWeights {
    /// `[3 · hidden, hidden]`.
    pub qkv: LinearWeights,
    /// `[hidden, hidden]`.
    pub out: LinearWeights,
    /// After attention.
    pub attention_norm: NormWeights,
    /// `[intermediate, hidden]`.
    pub up: LinearWeights,
    /// `[hidden, intermediate]`.
    pub down: LinearWeights,
    /// After the feed-forward part.
    pub output_norm: NormWeights,
}

impl LayerWeights {
    /// Read a layer by the usual BERT names; `get` resolves a name below the layer.
    pub fn read(hidden: usize, intermediate: usize, get: impl Fn(&str, &[usize]) -> Result<Vec<f32>>) -> Result<Self> {
        let linear = |name: &str, outputs: usize, inputs: usize| -> Result<LinearWeights> {
            let weight = get(&format!("{name}.weight"), &[outputs, inputs])?;
            Ok(LinearWeights { weight, bias: get(&format!("{name}.bias"), &[outputs])?, inputs, outputs })
        };
        let norm = |name: &str| -> Result<NormWeights> {
            Ok(NormWeights { scale: get(&format!("{name}.weight"), &[hidden])?, shift: get(&format!("{name}.bias"), &[hidden])? })
        };
        let mut qkv = linear("attention.self.query", hidden, hidden)?;
        for name in ["attention.self.key", "attention.self.value"] {
            let part = linear(name, hidden, hidden)?;
            qkv.weight.extend(part.weight);
            qkv.bias.extend(part.bias);
        }
        qkv.outputs = 3 * hidden;
        Ok(Self {
            qkv,
            out: linear("attention.output.dense", hidden, hidden)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: linear("intermediate.dense", intermediate, hidden)?,
            down: linear("output.dense", hidden, intermediate)?,
            output_norm: norm("output.LayerNorm")?,
        })
    }
}
