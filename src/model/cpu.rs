//! The encoder on the CPU kernels, over packed sequences without padding.

use super::config::Config;
use super::weights::{LayerWeights, LinearWeights, NormWeights, Table, Weights};
use super::{Encoder, Hidden, Sequence, type_row};
use crate::error::{Error, Result};
use crate::kernels::{self, After, Aligned, Between, Head, Input, Kernel, Norm, Operand, Out, Packed, Rows, Scratch, Target};
use crate::stages::{self, Clock, Stage};
use rayon::prelude::*;

/// Rows, at least, of sequences whose queries, keys and values are made together.
const TOGETHER: usize = 192;

/// A linear layer packed for the kernels.
pub struct Dense {
    packed: Packed,
    bias: Vec<f32>,
}

impl Dense {
    /// Pack `weights` for `kernel`.
    pub fn new(weights: LinearWeights, kernel: Kernel) -> Self {
        Self { packed: Packed::from_linear(&weights.weight, weights.outputs, weights.inputs, kernel), bias: weights.bias }
    }

    /// Numbers of an output row.
    pub fn outputs(&self) -> usize {
        self.packed.outputs()
    }

    /// `x · Wᵀ + b` for `[rows, inputs]` numbers.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        self.applied(x, After::Bias(&self.bias))
    }

    /// `gelu(x · Wᵀ + b)` for `[rows, inputs]` numbers.
    pub fn apply_gelu(&self, x: &[f32]) -> Vec<f32> {
        self.applied(x, After::Gelu(&self.bias))
    }

    fn applied(&self, x: &[f32], after: After<'_>) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / self.packed.inputs() * self.outputs()];
        self.product(self.rows(x), Out::rows(&mut out, self.outputs()), after, &mut Operand::default());
        out
    }

    /// `[rows, inputs]` numbers as rows.
    fn rows<'a>(&self, x: &'a [f32]) -> Rows<'a> {
        let inputs = self.packed.inputs();
        Rows { data: x, stride: inputs, count: x.len() / inputs }
    }

    fn product<'a>(&self, x: impl Into<Input<'a>>, out: impl Into<Target<'a>>, after: After<'_>, operand: &mut Operand) {
        kernels::product(x, &self.packed, out, after, operand);
    }
}

/// One post-norm transformer layer.
pub struct Layer {
    weights: LayerWeights<Dense>,
    heads: usize,
    epsilon: f32,
    kernel: Kernel,
}

impl Layer {
    /// Read a layer by its tensors' names below it (see [`LayerWeights::read`]) and pack it.
    pub fn read(
        (hidden, intermediate, heads): (usize, usize, usize),
        epsilon: f32,
        kernel: Kernel,
        get: impl Fn(&str, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        let weights = LayerWeights::read(hidden, intermediate, get, |linear| Ok(Dense::new(linear, kernel)))?;
        Ok(Self { weights, heads, epsilon, kernel })
    }

    /// Run over `x` = `[Σ lengths, hidden]`, whose sequences attend to themselves only.
    pub fn forward(&self, x: &mut [f32], lengths: &[usize], work: &mut Workspace) {
        let LayerWeights { out, attention_norm, up, down, output_norm, .. } = &self.weights;
        let hidden = out.outputs();
        work.context.resize(x.len() / hidden, hidden);
        let mut first = 0;
        for lengths in groups(lengths) {
            let rows: usize = lengths.iter().sum();
            self.attend(&x[first * hidden..][..rows * hidden], first, lengths, work);
            first += rows;
        }
        // Some rows go together to the end of the layer, so that all between stays in the cache.
        let together = self.kernel.row_block();
        for (block, x) in x.chunks_mut(together * hidden).enumerate() {
            let rows = x.len() / hidden;
            work.next.resize(x.len());
            work.wide.resize(rows, up.outputs());
            let clock = Clock::start();
            let context = work.context.rows(block * together, rows);
            out.product(context, Out::rows(&mut work.next, hidden), After::Nothing, &mut work.operand);
            let clock = work.book(clock, Stage::Linear);
            kernels::add_layer_norm(self.kernel, x, &work.next, &self.norm(out, attention_norm));
            let clock = work.book(clock, Stage::Norm);
            up.product(up.rows(x), work.wide.part(0, 0), After::Gelu(&up.bias), &mut work.operand);
            down.product(work.wide.rows(0, rows), Out::rows(&mut work.next, hidden), After::Nothing, &mut work.operand);
            let clock = work.book(clock, Stage::Linear);
            kernels::add_layer_norm(self.kernel, x, &work.next, &self.norm(down, output_norm));
            work.book(clock, Stage::Norm);
        }
    }

    /// Attention of some sequences, `x`, into `work.context` from row `first` on.
    fn attend(&self, x: &[f32], first: usize, lengths: &[usize], work: &mut Workspace) {
        let qkv = &self.weights.qkv;
        let hidden = qkv.outputs() / 3;
        let (rows, size) = (x.len() / hidden, hidden / self.heads);
        work.qkv.resize(rows, 3 * hidden);
        // A head's rows one after the other, so that attention reads memory in order, where heads are whole panels.
        let (stride, block, apart) = if size.is_multiple_of(32) { (size, size, rows * size) } else { (3 * hidden, 3 * hidden, size) };
        let clock = Clock::start();
        let out = work.qkv.blocks(stride, block, apart);
        qkv.product(qkv.rows(x), out, After::Bias(&qkv.bias), &mut work.operand);
        let clock = work.book(clock, Stage::Linear);
        let mut row = 0;
        for &length in lengths.iter().filter(|&&length| length > 0) {
            for index in 0..self.heads {
                let part = |part: usize| work.qkv.block((part * self.heads + index) * apart + row * stride, stride, length);
                let head = Head { queries: part(0), keys: part(1), values: part(2), size };
                kernels::attend(head, work.context.part(first + row, index * size), &mut work.scratch);
            }
            row += length;
        }
        work.book(clock, Stage::Attention);
    }

    fn norm<'a>(&self, dense: &'a Dense, norm: &'a NormWeights) -> Norm<'a> {
        Norm { bias: &dense.bias, scale: &norm.scale, shift: &norm.shift, epsilon: self.epsilon }
    }
}

/// Sequences, in order, in groups of [`TOGETHER`] rows and more.
fn groups(lengths: &[usize]) -> impl Iterator<Item = &[usize]> {
    let mut rows = 0;
    lengths.split_inclusive(move |length| {
        rows += length;
        let full = rows >= TOGETHER;
        if full {
            rows = 0;
        }
        full
    })
}

/// Memory that layers reuse: it grows to the largest batch and stays.
pub struct Workspace {
    qkv: Between,
    context: Between,
    next: Aligned<f32>,
    wide: Between,
    operand: Operand,
    scratch: Scratch,
    kernel: Kernel,
    clocked: bool,
}

impl Workspace {
    /// Empty memory for layers of `kernel`, whose time is booked by its parts if `clocked`, else not at all.
    pub fn new(kernel: Kernel, clocked: bool) -> Self {
        Self {
            qkv: Between::new(kernel),
            context: Between::new(kernel),
            next: Aligned::default(),
            wide: Between::inside(kernel),
            operand: Operand::default(),
            scratch: Scratch::new(kernel),
            kernel,
            clocked,
        }
    }

    /// Book the time of a part, if it is booked at all.
    fn book(&self, clock: Clock, stage: Stage) -> Clock {
        if self.clocked { clock.lap(stage) } else { clock }
    }
}

/// The whole encoder.
pub struct CpuEncoder {
    word: Table,
    position: Vec<f32>,
    kind: Vec<f32>,
    norm: NormWeights,
    layers: Vec<Layer>,
    hidden: usize,
    vocab: usize,
    positions: usize,
    offset: usize,
    epsilon: f32,
    kernel: Kernel,
}

impl CpuEncoder {
    /// Read and pack the encoder, layers at the same time.
    pub fn load(weights: &Weights<'_>, config: &Config, kernel: Kernel) -> Result<Self> {
        let layer = |i| Self::layer(weights, config, kernel, i);
        Self::with_layers(weights, config, kernel, (0..config.num_hidden_layers).into_par_iter().map(layer).collect::<Result<_>>()?)
    }

    /// Read and pack the encoder on new threads, as many as this one's pool has: those may wait for what this one holds.
    pub fn load_apart(weights: &Weights<'_>, config: &Config, kernel: Kernel) -> Result<Self> {
        let numbers: Vec<usize> = (0..config.num_hidden_layers).collect();
        let share = numbers.len().div_ceil(rayon::current_num_threads()).max(1);
        let read = |numbers: &[usize]| numbers.iter().map(|&i| Self::layer(weights, config, kernel, i)).collect::<Result<Vec<_>>>();
        let layers: Result<Vec<Vec<Layer>>> = std::thread::scope(|scope| {
            let workers: Vec<_> = numbers.chunks(share).map(|numbers| scope.spawn(move || read(numbers))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        Self::with_layers(weights, config, kernel, layers?.into_iter().flatten().collect())
    }

    fn layer(weights: &Weights<'_>, config: &Config, kernel: Kernel, number: usize) -> Result<Layer> {
        let read = |name: &str, shape: &[usize]| weights.encoder(&format!("encoder.layer.{number}.{name}"), shape);
        let sizes = (config.hidden_size, config.intermediate_size, config.num_attention_heads);
        Layer::read(sizes, config.layer_norm_eps, kernel, read)
    }

    fn with_layers(weights: &Weights<'_>, config: &Config, kernel: Kernel, layers: Vec<Layer>) -> Result<Self> {
        let hidden = config.hidden_size;
        let get = |name: &str, shape: &[usize]| weights.encoder(&format!("embeddings.{name}"), shape);
        Ok(Self {
            word: weights.table("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?,
            position: get("position_embeddings.weight", &[config.max_position_embeddings, hidden])?,
            kind: get("token_type_embeddings.weight", &[config.type_vocab_size, hidden])?,
            norm: NormWeights { scale: get("LayerNorm.weight", &[hidden])?, shift: get("LayerNorm.bias", &[hidden])? },
            layers,
            hidden,
            vocab: config.vocab_size,
            positions: config.max_position_embeddings,
            offset: config.position_offset(),
            epsilon: config.layer_norm_eps,
            kernel,
        })
    }

    fn embed(&self, batch: &[&Sequence]) -> Result<Vec<f32>> {
        let hidden = self.hidden;
        let rows: usize = batch.iter().map(|s| s.ids.len()).sum();
        let zero = vec![0.0; hidden];
        let norm = Norm { bias: &zero, scale: &self.norm.scale, shift: &self.norm.shift, epsilon: self.epsilon };
        let (mut x, mut added) = (vec![0.0; rows * hidden], Vec::new());
        let mut rest = &mut x[..];
        for sequence in batch {
            if sequence.ids.len() + self.offset > self.positions {
                let reason = format!("a sequence of {} pieces exceeds the model's positions", sequence.ids.len());
                return Err(Error::model("encoder", reason));
            }
            let own;
            (own, rest) = rest.split_at_mut(sequence.ids.len() * hidden);
            added.clear();
            for (place, (&id, &kind)) in sequence.ids.iter().zip(&sequence.types).enumerate() {
                let id = id as usize;
                if id >= self.vocab {
                    return Err(Error::model("encoder", format!("piece id {id} is outside the vocabulary")));
                }
                let kind = type_row(kind, self.kind.len() / hidden);
                self.word.read(id, &mut own[place * hidden..][..hidden]);
                let position = &self.position[(place + self.offset) * hidden..][..hidden];
                added.extend(position.iter().zip(&self.kind[kind * hidden..][..hidden]).map(|(p, k)| p + k));
            }
            kernels::add_layer_norm(self.kernel, own, &added, &norm);
        }
        Ok(x)
    }
}

impl Encoder for CpuEncoder {
    fn states(&self, batch: &[&Sequence], inner: Option<usize>) -> Result<Hidden> {
        thread_local! {
            static WORK: std::cell::RefCell<Option<Workspace>> = const { std::cell::RefCell::new(None) };
        }
        let clock = Clock::start();
        let lengths: Vec<usize> = batch.iter().map(|s| s.ids.len()).collect();
        let rows = lengths.iter().sum();
        stages::count(rows, rows);
        let mut x = self.embed(batch)?;
        let mut tapped = Vec::new();
        clock.lap(Stage::Embed);
        WORK.with_borrow_mut(|slot| {
            let reusable = slot.take().filter(|work| work.kernel == self.kernel);
            let work = slot.insert(reusable.unwrap_or_else(|| Workspace::new(self.kernel, true)));
            for (number, layer) in self.layers.iter().enumerate() {
                layer.forward(&mut x, &lengths, work);
                if inner == Some(number + 1) {
                    tapped.clone_from(&x);
                }
            }
        });
        Ok(Hidden { last: x, inner: tapped })
    }
}
