//! `model.safetensors`: named tensors in f32, f16 or bf16, or matrices in i8 with a scale a row (`scripts/pack.py`), read as f32.

use crate::error::{Error, Result};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The tensors of a model file.
pub struct Weights<'a> {
    tensors: SafeTensors<'a>,
    prefix: &'static str,
    model: String,
    /// Rank of the changes that are added to the encoder's matrices; 0 for none.
    rank: usize,
    /// Tensors under `heads.` that were read.
    read: Mutex<HashSet<String>>,
}

/// The encoder's matrices that an adapter changes, and its names for them.
const ADAPTED: [(&str, &str); 6] = [
    ("attention.self.query.weight", "query"),
    ("attention.self.key.weight", "key"),
    ("attention.self.value.weight", "value"),
    ("attention.output.dense.weight", "attention"),
    ("intermediate.dense.weight", "up"),
    ("output.dense.weight", "down"),
];

/// What the names of heads begin with.
const HEADS: &str = "heads.";

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
        Ok(Self { tensors, prefix, model: model.to_string(), rank: 0, read: Mutex::default() })
    }

    /// The encoder as passes with a target see it: with the changes of `heads.stance.adapter`, of this rank.
    pub fn adapted(self, rank: usize) -> Self {
        Self { rank, ..self }
    }

    /// A tensor of the encoder, by its name below the model's prefix.
    pub fn encoder(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut weight = self.plain(name, shape)?;
        let change = || {
            let (layer, name) = name.strip_prefix("encoder.layer.")?.split_once('.')?;
            let (_, own) = ADAPTED.iter().find(|(matrix, _)| *matrix == name)?;
            Some(format!("heads.stance.adapter.{layer}.{own}"))
        };
        if let (1.., &[outputs, inputs], Some(change)) = (self.rank, shape, change()) {
            let out = self.get(&format!("{change}.out.weight"), &[outputs, self.rank])?;
            let into = self.get(&format!("{change}.into.weight"), &[self.rank, inputs])?;
            for (row, factors) in weight.chunks_exact_mut(inputs).zip(out.chunks_exact(self.rank)) {
                for (factor, into) in factors.iter().zip(into.chunks_exact(inputs)) {
                    row.iter_mut().zip(into).for_each(|(x, into)| *x += factor * into);
                }
            }
        }
        Ok(weight)
    }

    /// A tensor of the encoder as it is in the file.
    fn plain(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
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
        if name.starts_with(HEADS) {
            self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string());
        }
        let data = view.data();
        Ok(match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            Dtype::F16 => widened(data, f16::from_le_bytes, |halves, out| halves.convert_to_f32_slice(out)),
            Dtype::BF16 => widened(data, bf16::from_le_bytes, |halves, out| halves.convert_to_f32_slice(out)),
            Dtype::I8 if shape.len() == 2 => {
                let scales = self.get(&format!("{}.scale", name.strip_suffix(".weight").unwrap_or(name)), &shape[..1])?;
                let rows = data.chunks_exact(shape[1].max(1)).zip(scales);
                rows.flat_map(|(row, scale)| row.iter().map(move |&byte| f32::from(byte.cast_signed()) * scale)).collect()
            }
            other => {
                let reason = format!("tensor {name} is {other:?}; only f32, f16, bf16 and matrices of i8 with scales are read");
                return Err(Error::model(&self.model, reason));
            }
        })
    }

    /// Tensors under `heads.` that nothing has read, sorted.
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let heads = self.tensors.names().into_iter().filter(|name| name.starts_with(HEADS));
        let mut unread: Vec<String> = heads.filter(|&name| !read.contains(name)).map(str::to_string).collect();
        unread.sort();
        unread
    }

    /// The first tensor, by name, that holds a NaN or an infinity. Reads the whole file.
    pub fn not_finite(&self) -> Option<String> {
        let tensors = self.tensors.tensors().into_iter();
        tensors.filter(|(_, view)| !is_finite(view)).map(|(name, _)| name).min()
    }

    /// Names, shapes and types, sorted by name.
    pub fn listing(&self) -> Vec<(String, Vec<usize>, String)> {
        let mut all: Vec<_> =
            self.tensors.tensors().into_iter().map(|(name, view)| (name, view.shape().to_vec(), format!("{:?}", view.dtype()))).collect();
        all.sort();
        all
    }
}

fn is_finite(view: &TensorView<'_>) -> bool {
    let data = view.data();
    match view.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().all(|&b| f32::from_le_bytes(b).is_finite()),
        Dtype::F16 => data.as_chunks().0.iter().all(|&b| f16::from_le_bytes(b).is_finite()),
        Dtype::BF16 => data.as_chunks().0.iter().all(|&b| bf16::from_le_bytes(b).is_finite()),
        _ => true,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn bytes(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let word: &[u8] = &[0; 4];
        let probe = ("embeddings.word_embeddings.weight", Dtype::F32, &[1usize, 1] as &[usize], word);
        let views = tensors
            .iter()
            .chain([&probe])
            .map(|&(name, dtype, shape, data)| Ok((name.to_string(), TensorView::new(dtype, shape.to_vec(), data)?)));
        let views: HashMap<String, TensorView<'_>> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
        Ok(safetensors::serialize(views, None)?)
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    #[test]
    fn eight_bits_have_a_scale_a_row() -> Result<(), Box<dyn std::error::Error>> {
        let (rows, scales) = ([127u8, 0, 129, 1], floats(&[0.5, 2.0]));
        let matrix = ("heads.a.weight", Dtype::I8, &[2usize, 2] as &[usize], &rows as &[u8]);
        let whole = bytes(&[matrix, ("heads.a.scale", Dtype::F32, &[2], &scales)])?;
        assert_eq!(Weights::parse(&whole, "m")?.get("heads.a.weight", &[2, 2])?, [63.5, 0.0, -254.0, 2.0]);
        let alone = bytes(&[matrix])?;
        let error = Weights::parse(&alone, "m")?.get("heads.a.weight", &[2, 2]).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("model m: model.safetensors has no tensor heads.a.scale"));
        Ok(())
    }

    #[test]
    fn what_is_no_number_has_its_tensor_named() -> Result<(), Box<dyn std::error::Error>> {
        let (fine, endless) = (floats(&[1.0, f32::MAX]), floats(&[1.0, f32::NEG_INFINITY]));
        let halves: Vec<u8> = [f16::ONE, f16::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        let brains: Vec<u8> = [bf16::ONE, bf16::INFINITY].iter().flat_map(|x| x.to_le_bytes()).collect();
        let named = |dtype, data: &[u8]| {
            Ok::<_, Box<dyn std::error::Error>>(Weights::parse(&bytes(&[("a", dtype, &[2], data)])?, "m")?.not_finite())
        };
        assert_eq!(named(Dtype::F32, &fine)?, None);
        for (dtype, data) in [(Dtype::F32, &endless), (Dtype::F16, &halves), (Dtype::BF16, &brains)] {
            assert_eq!(named(dtype, data)?.as_deref(), Some("a"));
        }
        Ok(())
    }

    #[test]
    fn an_adapter_is_added_to_its_matrix_alone() -> Result<(), Box<dyn std::error::Error>> {
        let (plain, out, into) = (floats(&[1.0, 2.0, 3.0, 4.0]), floats(&[1.0, 10.0]), floats(&[0.5, 0.25]));
        let file = bytes(&[
            ("encoder.layer.0.output.dense.weight", Dtype::F32, &[2, 2], &plain),
            ("encoder.layer.0.attention.output.LayerNorm.weight", Dtype::F32, &[2], &out),
            ("heads.stance.adapter.0.down.out.weight", Dtype::F32, &[2, 1], &out),
            ("heads.stance.adapter.0.down.into.weight", Dtype::F32, &[1, 2], &into),
        ])?;
        let read = |rank: usize, name: &str, shape: &[usize]| Weights::parse(&file, "m")?.adapted(rank).encoder(name, shape);
        assert_eq!(read(0, "encoder.layer.0.output.dense.weight", &[2, 2])?, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(read(1, "encoder.layer.0.output.dense.weight", &[2, 2])?, [1.5, 2.25, 8.0, 6.5]);
        assert_eq!(read(1, "encoder.layer.0.attention.output.LayerNorm.weight", &[2])?, [1.0, 10.0]);
        assert!(read(2, "encoder.layer.0.output.dense.weight", &[2, 2]).is_err(), "a rank that the file does not have");
        Ok(())
    }
}
