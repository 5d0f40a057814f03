//! The encoder on candle tensors: for CUDA and Metal, and the reference that the CPU kernels are tested against.

use super::config::Config;
use super::weights::{LayerWeights, LinearWeights, NormWeights, Weights};
use super::{Device, Encoder, Hidden, Sequence};
use crate::error::{Error, Result};
use crate::stages;
use candle_core::{D, DType, Device as CandleDevice, Tensor};

/// The candle device for a choice; `None` stands for the CPU kernels.
pub fn device(choice: &Device) -> Result<Option<CandleDevice>> {
    let missing = |name: &str, feature: &str| Error::Device {
        device: name.to_string(),
        reason: format!("this program was built without it; build with --features {feature}, or use --device cpu"),
    };
    match choice {
        Device::Cpu => Ok(None),
        Device::CandleCpu => Ok(Some(CandleDevice::Cpu)),
        Device::Cuda(_) if !cfg!(feature = "cuda") => Err(missing("cuda", "cuda")),
        Device::Metal if !cfg!(feature = "metal") => Err(missing("metal", "metal")),
        Device::Cuda(number) => Ok(Some(CandleDevice::new_cuda(*number)?)),
        Device::Metal => Ok(Some(CandleDevice::new_metal(0)?)),
        Device::Auto if cfg!(feature = "cuda") => Ok(CandleDevice::new_cuda(0).ok()),
        Device::Auto if cfg!(feature = "metal") => Ok(CandleDevice::new_metal(0).ok()),
        Device::Auto => Ok(None),
    }
}

struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn new(weights: LinearWeights, device: &CandleDevice) -> Result<Self> {
        let weight = Tensor::from_vec(weights.weight, (weights.outputs, weights.inputs), device)?.t()?.contiguous()?;
        Ok(Self { weight, bias: Tensor::from_vec(weights.bias, weights.outputs, device)? })
    }

    /// `x · Wᵀ + b` over the last dimension of `[batch, length, inputs]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, length, inputs) = x.dims3()?;
        let out = x.reshape((batch * length, inputs))?.matmul(&self.weight)?.broadcast_add(&self.bias)?;
        Ok(out.reshape((batch, length, ()))?)
    }
}

struct LayerNorm {
    scale: Tensor,
    shift: Tensor,
    epsilon: f64,
}

impl LayerNorm {
    fn new(weights: NormWeights, epsilon: f32, device: &CandleDevice) -> Result<Self> {
        let size = weights.scale.len();
        let scale = Tensor::from_vec(weights.scale, size, device)?;
        Ok(Self { scale, shift: Tensor::from_vec(weights.shift, size, device)?, epsilon: f64::from(epsilon) })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let normal = centred.broadcast_div(&(variance + self.epsilon)?.sqrt()?)?;
        Ok(normal.broadcast_mul(&self.scale)?.broadcast_add(&self.shift)?)
    }
}

struct Layer {
    qkv: Linear,
    out: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    output_norm: LayerNorm,
}

/// The encoder on a candle device. Sequences of a batch are padded to the longest and masked.
pub struct CandleEncoder {
    word: Tensor,
    position: Tensor,
    kind: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    heads: usize,
    offset: u32,
    device: CandleDevice,
}

impl CandleEncoder {
    /// Read the encoder onto `device`.
    pub fn load(weights: &Weights<'_>, config: &Config, device: CandleDevice) -> Result<Self> {
        let (hidden, epsilon) = (config.hidden_size, config.layer_norm_eps);
        let mut layers = Vec::new();
        for i in 0..config.num_hidden_layers {
            let read = |name: &str, shape: &[usize]| weights.encoder(&format!("encoder.layer.{i}.{name}"), shape);
            let layer = LayerWeights::read(hidden, config.intermediate_size, read, |linear| Linear::new(linear, &device))?;
            layers.push(Layer {
                qkv: layer.qkv,
                out: layer.out,
                attention_norm: LayerNorm::new(layer.attention_norm, epsilon, &device)?,
                up: layer.up,
                down: layer.down,
                output_norm: LayerNorm::new(layer.output_norm, epsilon, &device)?,
            });
        }
        let table = |name: &str, rows: usize| -> Result<Tensor> {
            let data = weights.encoder(&format!("embeddings.{name}.weight"), &[rows, hidden])?;
            Ok(Tensor::from_vec(data, (rows, hidden), &device)?)
        };
        let norm = NormWeights {
            scale: weights.encoder("embeddings.LayerNorm.weight", &[hidden])?,
            shift: weights.encoder("embeddings.LayerNorm.bias", &[hidden])?,
        };
        Ok(Self {
            word: table("word_embeddings", config.vocab_size)?,
            position: table("position_embeddings", config.max_position_embeddings)?,
            kind: table("token_type_embeddings", config.type_vocab_size)?,
            norm: LayerNorm::new(norm, epsilon, &device)?,
            layers,
            heads: config.num_attention_heads,
            offset: u32::try_from(config.position_offset()).unwrap_or(0),
            device,
        })
    }

    /// Hidden states `[batch, longest, hidden]` of padded input, behind the last layer and behind the first `inner`; rows past a
    /// sequence's end mean nothing.
    fn forward(&self, batch: &[&Sequence], longest: usize, inner: Option<usize>) -> Result<(Tensor, Option<Tensor>)> {
        let kinds = self.kind.dim(0)?;
        let (mut ids, mut types, mut positions, mut mask) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for sequence in batch {
            let length = sequence.ids.len();
            for place in 0..longest {
                let real = place < length;
                ids.push(if real { sequence.ids[place] } else { 0 });
                types.push(if real { super::type_row(sequence.types[place], kinds) as u32 } else { 0 });
                positions.push(if real { place as u32 + self.offset } else { 0 });
                mask.push(if real { 0.0f32 } else { -1e9 });
            }
        }
        let shape = (batch.len(), longest);
        let look_up = |table: &Tensor, rows: Vec<u32>| -> Result<Tensor> {
            let rows = Tensor::from_vec(rows, shape.0 * shape.1, &self.device)?;
            Ok(table.index_select(&rows, 0)?.reshape((shape.0, shape.1, ()))?)
        };
        let embedded = (look_up(&self.word, ids)? + look_up(&self.position, positions)?)?;
        let mut x = self.norm.forward(&(embedded + look_up(&self.kind, types)?)?)?;
        let mask = Tensor::from_vec(mask, (shape.0, 1, 1, longest), &self.device)?;
        let mut tapped = None;
        for (number, layer) in self.layers.iter().enumerate() {
            let attention = layer.out.forward(&self.attend(&layer.qkv.forward(&x)?, &mask)?)?;
            x = layer.attention_norm.forward(&(x + attention)?)?;
            let wide = layer.up.forward(&x)?.gelu_erf()?;
            x = layer.output_norm.forward(&(&x + layer.down.forward(&wide)?)?)?;
            if inner == Some(number + 1) {
                tapped = Some(x.clone());
            }
        }
        Ok((x, tapped))
    }

    fn attend(&self, qkv: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (batch, length, triple) = qkv.dims3()?;
        let hidden = triple / 3;
        let size = hidden / self.heads;
        let part = |i: usize| -> Result<Tensor> {
            let rows = qkv.narrow(2, i * hidden, hidden)?.reshape((batch, length, self.heads, size))?;
            Ok(rows.transpose(1, 2)?.contiguous()?)
        };
        let scores = (part(0)?.matmul(&part(1)?.t()?.contiguous()?)? / (size as f64).sqrt())?.broadcast_add(mask)?;
        let raised = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = raised.broadcast_div(&raised.sum_keepdim(D::Minus1)?)?;
        let context = weights.matmul(&part(2)?)?.transpose(1, 2)?.contiguous()?;
        Ok(context.reshape((batch, length, hidden))?)
    }
}

impl Encoder for CandleEncoder {
    fn states(&self, batch: &[&Sequence], inner: Option<usize>) -> Result<Hidden> {
        let longest = batch.iter().map(|s| s.ids.len()).max().unwrap_or(0);
        if longest == 0 {
            return Ok(Hidden::default());
        }
        stages::count(batch.iter().map(|s| s.ids.len()).sum(), batch.len() * longest);
        let (last, tapped) = self.forward(batch, longest, inner)?;
        let packed = |padded: Tensor| -> Result<Vec<f32>> {
            let padded = padded.to_dtype(DType::F32)?.to_device(&CandleDevice::Cpu)?;
            let mut out = Vec::new();
            for (i, sequence) in batch.iter().enumerate() {
                let rows = padded.get(i)?.narrow(0, 0, sequence.ids.len())?;
                out.extend(rows.flatten_all()?.to_vec1::<f32>()?);
            }
            Ok(out)
        };
        Ok(Hidden { last: packed(last)?, inner: tapped.map(packed).transpose()?.unwrap_or_default() })
    }
}
