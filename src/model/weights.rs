//! `model.safetensors`: named tensors in f32, f16 or bf16, or matrices in i8 with a scale a row (`scripts/pack.py`), read as f32.

use crate::error::{Error, Result};
use crate::kernels::Mapped;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The tensors of a model file.
pub struct Weights<'a> {
    file: &'a Mapped,
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
    /// Read the header of `file`; `model` names the folder in messages.
    pub fn parse(file: &'a Mapped, model: &str) -> Result<Self> {
        let tensors = SafeTensors::deserialize(file).map_err(|e| Error::model(model, format!("model.safetensors: {e}")))?;
        let probe = "embeddings.word_embeddings.weight";
        let prefix = PREFIXES
            .into_iter()
            .find(|prefix| tensors.tensor(&format!("{prefix}{probe}")).is_ok())
            .ok_or_else(|| Error::model(model, format!("model.safetensors has no tensor {probe}; is it a BERT or RoBERTa encoder?")))?;
        Ok(Self { file, tensors, prefix, model: model.to_string(), rank: 0, read: Mutex::default() })
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

    /// A tensor as it is in the file, if it has the `shape`.
    fn checked(&self, name: &str, shape: &[usize]) -> Result<TensorView<'_>> {
        let view = self.tensors.tensor(name).map_err(|_| Error::model(&self.model, format!("model.safetensors has no tensor {name}")))?;
        if view.shape() != shape {
            let reason = format!("tensor {name} has the shape {:?}, config.json asks for {shape:?}", view.shape());
            return Err(Error::model(&self.model, reason));
        }
        Ok(view)
    }

    /// A tensor by its full name, checked against `shape`.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let view = self.checked(name, shape)?;
        if name.starts_with(HEADS) {
            self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string());
        }
        let data = view.data();
        let mut out = vec![0.0; shape.iter().product()];
        match view.dtype() {
            Dtype::I8 if shape.len() == 2 => {
                let scales = self.get(&format!("{}.scale", name.strip_suffix(".weight").unwrap_or(name)), &shape[..1])?;
                let width = shape[1].max(1);
                for ((row, scale), out) in data.chunks_exact(width).zip(scales).zip(out.chunks_exact_mut(width)) {
                    row.iter().zip(out).for_each(|(byte, out)| *out = f32::from(byte.cast_signed()) * scale);
                }
            }
            kind @ (Dtype::F32 | Dtype::F16 | Dtype::BF16) => widen(kind, data, &mut out),
            other => {
                let reason = format!("tensor {name} is {other:?}; only f32, f16, bf16 and matrices of i8 with scales are read");
                return Err(Error::model(&self.model, reason));
            }
        }
        Ok(out)
    }

    /// Rows of the encoder that are looked up, by the name below the model's prefix: they stay in the file.
    pub fn table(&self, name: &str, shape: &[usize; 2]) -> Result<Table> {
        let view = self.checked(&format!("{}{name}", self.prefix), shape)?;
        let kind = view.dtype();
        if !matches!(kind, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Ok(Table::Own(self.encoder(name, shape)?, shape[1]));
        }
        let start = view.data().as_ptr().addr() - self.file.as_ptr().addr();
        let width = view.data().len() / shape[0].max(1);
        Ok(Table::Kept { file: self.file.clone(), rows: start..start + view.data().len(), width, kind })
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

/// Numbers in f32, f16 or bf16 to f32. The bytes need not be aligned: halves are, a block at a time, on their way.
fn widen(kind: Dtype, data: &[u8], out: &mut [f32]) {
    fn halves<T: Copy>(data: &[u8], out: &mut [f32], zero: T, read: impl Fn([u8; 2]) -> T, widen: impl Fn(&[T], &mut [f32])) {
        const BLOCK: usize = 512;
        let mut block = [zero; BLOCK];
        for (bytes, out) in data.chunks(2 * BLOCK).zip(out.chunks_mut(BLOCK)) {
            bytes.as_chunks().0.iter().zip(&mut block).for_each(|(&b, half)| *half = read(b));
            widen(&block[..out.len()], out);
        }
    }
    match kind {
        Dtype::F16 => halves(data, out, f16::ZERO, f16::from_le_bytes, |halves, out| halves.convert_to_f32_slice(out)),
        Dtype::BF16 => halves(data, out, bf16::ZERO, bf16::from_le_bytes, |halves, out| halves.convert_to_f32_slice(out)),
        _ => data.as_chunks().0.iter().zip(out).for_each(|(&b, out)| *out = f32::from_le_bytes(b)),
    }
}

/// Rows of numbers, each read by itself.
pub enum Table {
    /// In a file of weights.
    Kept {
        /// The file.
        file: Mapped,
        /// Where the rows stand in it, in bytes.
        rows: Range<usize>,
        /// Bytes of a row.
        width: usize,
        /// F32, F16 or BF16.
        kind: Dtype,
    },
    /// In memory, so many to a row.
    Own(Vec<f32>, usize),
}

impl Table {
    /// Row `index` as f32, into as many numbers.
    pub fn read(&self, index: usize, out: &mut [f32]) {
        match self {
            Self::Kept { file, rows, width, kind } => widen(*kind, &file[rows.clone()][index * width..][..*width], out),
            Self::Own(numbers, width) => out.copy_from_slice(&numbers[index * width..][..*width]),
        }
    }
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
pub struct LayerWeights<L> {
    /// `[3 · hidden, hidden]`.
    pub qkv: L,
    /// `[hidden, hidden]`.
    pub out: L,
    /// After attention.
    pub attention_norm: NormWeights,
    /// `[intermediate, hidden]`.
    pub up: L,
    /// `[hidden, intermediate]`.
    pub down: L,
    /// After the feed-forward part.
    pub output_norm: NormWeights,
}

impl<L> LayerWeights<L> {
    /// Read a layer by the usual BERT names; `get` resolves a name below the layer. Each linear layer is made by `make` before the
    /// next is read, so that one's numbers take the memory of another's.
    pub fn read(
        hidden: usize,
        intermediate: usize,
        get: impl Fn(&str, &[usize]) -> Result<Vec<f32>>,
        make: impl Fn(LinearWeights) -> Result<L>,
    ) -> Result<Self> {
        let linear = |name: &str, outputs: usize, inputs: usize| -> Result<LinearWeights> {
            let weight = get(&format!("{name}.weight"), &[outputs, inputs])?;
            Ok(LinearWeights { weight, bias: get(&format!("{name}.bias"), &[outputs])?, inputs, outputs })
        };
        let norm = |name: &str| -> Result<NormWeights> {
            Ok(NormWeights { scale: get(&format!("{name}.weight"), &[hidden])?, shift: get(&format!("{name}.bias"), &[hidden])? })
        };
        let mut qkv = linear("attention.self.query", hidden, hidden)?;
        qkv.weight.reserve_exact(2 * hidden * hidden);
        for name in ["attention.self.key", "attention.self.value"] {
            let part = linear(name, hidden, hidden)?;
            qkv.weight.extend(part.weight);
            qkv.bias.extend(part.bias);
        }
        qkv.outputs = 3 * hidden;
        Ok(Self {
            qkv: make(qkv)?,
            out: make(linear("attention.output.dense", hidden, hidden)?)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: make(linear("intermediate.dense", intermediate, hidden)?)?,
            down: make(linear("output.dense", hidden, intermediate)?)?,
            output_norm: norm("output.LayerNorm")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn file(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Result<Mapped, Box<dyn std::error::Error>> {
        let word: &[u8] = &[0; 4];
        let probe = ("embeddings.word_embeddings.weight", Dtype::F32, &[1usize, 1] as &[usize], word);
        let views = tensors
            .iter()
            .chain([&probe])
            .map(|&(name, dtype, shape, data)| Ok((name.to_string(), TensorView::new(dtype, shape.to_vec(), data)?)));
        let views: HashMap<String, TensorView<'_>> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
        Ok(Mapped::Static(safetensors::serialize(views, None)?.leak()))
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    #[test]
    fn eight_bits_have_a_scale_a_row() -> Result<(), Box<dyn std::error::Error>> {
        let (rows, scales) = ([127u8, 0, 129, 1], floats(&[0.5, 2.0]));
        let matrix = ("heads.a.weight", Dtype::I8, &[2usize, 2] as &[usize], &rows as &[u8]);
        let whole = file(&[matrix, ("heads.a.scale", Dtype::F32, &[2], &scales)])?;
        assert_eq!(Weights::parse(&whole, "m")?.get("heads.a.weight", &[2, 2])?, [63.5, 0.0, -254.0, 2.0]);
        let alone = file(&[matrix])?;
        let error = Weights::parse(&alone, "m")?.get("heads.a.weight", &[2, 2]).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("model m: model.safetensors has no tensor heads.a.scale"));
        Ok(())
    }

    #[test]
    fn rows_of_a_table_are_those_of_the_tensor() -> Result<(), Box<dyn std::error::Error>> {
        const NAME: &str = "embeddings.more.weight";
        let values = [0.5, -2.0, 3.0, 0.25, 96.0, -1.0f32];
        let halves: Vec<u8> = values.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
        let brains: Vec<u8> = values.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect();
        let (bytes, scales) = ([1u8, 252, 6, 2, 0, 248], floats(&[0.5, 0.125]));
        for (kind, data) in [(Dtype::F32, &floats(&values)), (Dtype::F16, &halves), (Dtype::BF16, &brains), (Dtype::I8, &bytes.to_vec())] {
            let file =
                file(&[(NAME, kind, &[2, 3], data), ("embeddings.more.scale", Dtype::F32, &[2], &scales), ("odd", Dtype::I8, &[1], &[7])])?;
            let weights = Weights::parse(&file, "m")?;
            let (table, whole) = (weights.table(NAME, &[2, 3])?, weights.encoder(NAME, &[2, 3])?);
            assert!(kind == Dtype::I8 || whole == values, "{kind:?}");
            for (index, row) in whole.chunks(3).enumerate() {
                let mut out = [9.0; 3];
                table.read(index, &mut out);
                assert_eq!(out, row, "{kind:?}");
            }
            assert!(weights.table(NAME, &[3, 2]).is_err() && weights.table("embeddings.less.weight", &[2, 3]).is_err());
        }
        Ok(())
    }

    #[test]
    fn what_is_no_number_has_its_tensor_named() -> Result<(), Box<dyn std::error::Error>> {
        let (fine, endless) = (floats(&[1.0, f32::MAX]), floats(&[1.0, f32::NEG_INFINITY]));
        let halves: Vec<u8> = [f16::ONE, f16::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        let brains: Vec<u8> = [bf16::ONE, bf16::INFINITY].iter().flat_map(|x| x.to_le_bytes()).collect();
        let named = |dtype, data: &[u8]| {
            Ok::<_, Box<dyn std::error::Error>>(Weights::parse(&file(&[("a", dtype, &[2], data)])?, "m")?.not_finite())
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
        let file = file(&[
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
