//! The encoder on the CPU kernels, over packed sequences without padding.

use super::config::Config;
use super::weights::{LayerWeights, LinearWeights, NormWeights, Weights};
use super::{Encoder, Sequence};
use crate::error::{Error, Result};
use crate::kernels::{self, Head, Isa, Norm, Panels, Scratch};

/// Rows that go through the feed-forward part together, so that its wide middle stays in the cache.
const FEED_FORWARD_ROWS: usize = 96;

/// A linear layer packed for the kernels.
pub struct Dense {
    panels: Panels,
    bias: Vec<f32>,
}

impl Dense {
    /// Pack `weights` for `isa`.
    pub fn new(weights: &LinearWeights, isa: Isa) -> Self {
        Self { panels: Panels::from_linear(&weights.weight, weights.outputs, weights.inputs, isa), bias: weights.bias.clone() }
    }

    /// Numbers of an output row.
    pub fn outputs(&self) -> usize {
        self.panels.outputs()
    }

    /// `x · Wᵀ + b` for `[rows, inputs]` numbers.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.panels.inputs();
        let mut out = vec![0.0; rows * self.outputs()];
        self.product(x, rows, &mut out);
        for row in out.chunks_exact_mut(self.outputs()) {
            row.iter_mut().zip(&self.bias).for_each(|(x, b)| *x += b);
        }
        out
    }

    /// `gelu(x · Wᵀ + b)` for `[rows, inputs]` numbers.
    pub fn apply_gelu(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.panels.inputs();
        let mut out = vec![0.0; rows * self.outputs()];
        self.product(x, rows, &mut out);
        kernels::gelu(self.panels.isa(), &mut out, &self.bias);
        out
    }

    fn product(&self, x: &[f32], rows: usize, out: &mut [f32]) {
        kernels::matmul(x, self.panels.inputs(), rows, &self.panels, out, self.outputs());
    }
}

/// One post-norm transformer layer.
pub struct Layer {
    qkv: Dense,
    out: Dense,
    attention_norm: NormWeights,
    up: Dense,
    down: Dense,
    output_norm: NormWeights,
    heads: usize,
    epsilon: f32,
    isa: Isa,
}

impl Layer {
    /// Pack a layer.
    pub fn new(weights: LayerWeights, heads: usize, epsilon: f32, isa: Isa) -> Self {
        let dense = |weights: &LinearWeights| Dense::new(weights, isa);
        Self {
            qkv: dense(&weights.qkv),
            out: dense(&weights.out),
            up: dense(&weights.up),
            down: dense(&weights.down),
            attention_norm: weights.attention_norm,
            output_norm: weights.output_norm,
            heads,
            epsilon,
            isa,
        }
    }

    /// Run over `x` = `[Σ lengths, hidden]`, whose sequences attend to themselves only.
    pub fn forward(&self, x: &mut Vec<f32>, lengths: &[usize], work: &mut Workspace) {
        let hidden = self.out.outputs();
        let rows = x.len() / hidden;
        work.qkv.resize(rows * 3 * hidden, 0.0);
        self.qkv.product(x, rows, &mut work.qkv);
        for row in work.qkv.chunks_exact_mut(3 * hidden) {
            row.iter_mut().zip(&self.qkv.bias).for_each(|(x, b)| *x += b);
        }
        work.context.resize(rows * hidden, 0.0);
        let mut first = 0;
        for &length in lengths {
            let qkv = &work.qkv[first * 3 * hidden..][..length * 3 * hidden];
            let context = &mut work.context[first * hidden..][..length * hidden];
            for index in 0..self.heads {
                let head = Head { index, size: hidden / self.heads, hidden };
                kernels::attend(qkv, length, head, context, &mut work.scratch);
            }
            first += length;
        }
        work.next.resize(rows * hidden, 0.0);
        self.out.product(&work.context, rows, &mut work.next);
        kernels::add_layer_norm(self.isa, &mut work.next, x, &self.norm(&self.out, &self.attention_norm));
        std::mem::swap(x, &mut work.next);
        self.feed_forward(x, work);
    }

    fn feed_forward(&self, x: &mut [f32], work: &mut Workspace) {
        let hidden = self.down.outputs();
        for block in x.chunks_mut(FEED_FORWARD_ROWS * hidden) {
            let rows = block.len() / hidden;
            work.wide.resize(rows * self.up.outputs(), 0.0);
            self.up.product(block, rows, &mut work.wide);
            kernels::gelu(self.isa, &mut work.wide, &self.up.bias);
            work.next.resize(block.len(), 0.0);
            self.down.product(&work.wide, rows, &mut work.next);
            kernels::add_layer_norm(self.isa, &mut work.next, block, &self.norm(&self.down, &self.output_norm));
            block.copy_from_slice(&work.next);
        }
    }

    fn norm<'a>(&self, dense: &'a Dense, norm: &'a NormWeights) -> Norm<'a> {
        Norm { bias: &dense.bias, scale: &norm.scale, shift: &norm.shift, epsilon: self.epsilon }
    }
}

/// Memory that layers reuse.
pub struct Workspace {
    qkv: Vec<f32>,
    context: Vec<f32>,
    next: Vec<f32>,
    wide: Vec<f32>,
    scratch: Scratch,
}

impl Workspace {
    /// Empty memory for kernels of `isa`.
    pub fn new(isa: Isa) -> Self {
        Self { qkv: Vec::new(), context: Vec::new(), next: Vec::new(), wide: Vec::new(), scratch: Scratch::new(isa) }
    }
}

/// The whole encoder.
pub struct CpuEncoder {
    word: Vec<f32>,
    position: Vec<f32>,
    kind: Vec<f32>,
    norm: NormWeights,
    layers: Vec<Layer>,
    hidden: usize,
    vocab: usize,
    positions: usize,
    offset: usize,
    epsilon: f32,
    isa: Isa,
}

impl CpuEncoder {
    /// Read and pack the encoder.
    pub fn load(weights: &Weights<'_>, config: &Config, isa: Isa) -> Result<Self> {
        let hidden = config.hidden_size;
        let layers = (0..config.num_hidden_layers)
            .map(|i| {
                let read = |name: &str, shape: &[usize]| weights.encoder(&format!("encoder.layer.{i}.{name}"), shape);
                let layer = LayerWeights::read(hidden, config.intermediate_size, read)?;
                Ok(Layer::new(layer, config.num_attention_heads, config.layer_norm_eps, isa))
            })
            .collect::<Result<_>>()?;
        let get = |name: &str, shape: &[usize]| weights.encoder(&format!("embeddings.{name}"), shape);
        Ok(Self {
            word: get("word_embeddings.weight", &[config.vocab_size, hidden])?,
            position: get("position_embeddings.weight", &[config.max_position_embeddings, hidden])?,
            kind: get("token_type_embeddings.weight", &[config.type_vocab_size, hidden])?,
            norm: NormWeights { scale: get("LayerNorm.weight", &[hidden])?, shift: get("LayerNorm.bias", &[hidden])? },
            layers,
            hidden,
            vocab: config.vocab_size,
            positions: config.max_position_embeddings,
            offset: config.position_offset(),
            epsilon: config.layer_norm_eps,
            isa,
        })
    }

    fn embed(&self, batch: &[&Sequence]) -> Result<Vec<f32>> {
        let hidden = self.hidden;
        let rows: usize = batch.iter().map(|s| s.ids.len()).sum();
        let mut x = Vec::with_capacity(rows * hidden);
        let mut added = Vec::with_capacity(rows * hidden);
        for sequence in batch {
            if sequence.ids.len() + self.offset > self.positions {
                let reason = format!("a sequence of {} pieces exceeds the model's positions", sequence.ids.len());
                return Err(Error::model("encoder", reason));
            }
            for (place, (&id, &kind)) in sequence.ids.iter().zip(&sequence.types).enumerate() {
                let id = id as usize;
                if id >= self.vocab {
                    return Err(Error::model("encoder", format!("piece id {id} is outside the vocabulary")));
                }
                let kind = usize::from(kind).min(self.kind.len() / hidden - 1);
                x.extend_from_slice(&self.word[id * hidden..][..hidden]);
                let position = &self.position[(place + self.offset) * hidden..][..hidden];
                added.extend(position.iter().zip(&self.kind[kind * hidden..][..hidden]).map(|(p, k)| p + k));
            }
        }
        let zero = vec![0.0; hidden];
        let norm = Norm { bias: &zero, scale: &self.norm.scale, shift: &self.norm.shift, epsilon: self.epsilon };
        kernels::add_layer_norm(self.isa, &mut x, &added, &norm);
        Ok(x)
    }
}

impl Encoder for CpuEncoder {
    fn encode(&self, batch: &[&Sequence]) -> Result<Vec<f32>> {
        thread_local! {
            static WORK: std::cell::RefCell<Option<(Isa, Workspace)>> = const { std::cell::RefCell::new(None) };
        }
        let lengths: Vec<usize> = batch.iter().map(|s| s.ids.len()).collect();
        let mut x = self.embed(batch)?;
        WORK.with_borrow_mut(|slot| {
            let reusable = slot.take().filter(|(isa, _)| *isa == self.isa);
            let (_, work) = slot.insert(reusable.unwrap_or_else(|| (self.isa, Workspace::new(self.isa))));
            for layer in &self.layers {
                layer.forward(&mut x, &lengths, work);
            }
        });
        Ok(x)
    }
}
