//! Task heads: from hidden states to logits.

use std::collections::BTreeSet;

use super::config::{Config, CutConfig, ExtractConfig};
use super::cpu::{Dense, Layer, Workspace};
use super::weights::{LinearWeights, NormWeights, Weights};
use crate::data::StanceKind;
use crate::error::Result;
use crate::kernels::{self, Kernel, Norm};

/// Sentences that attend to each other.
const SENTENCES_TOGETHER: usize = 256;

/// The heads that a model has.
pub struct Heads {
    topics: Option<TopicsHead>,
    entities: Option<Dense>,
    stance: Option<StanceHead>,
    extract: Option<Extract>,
}

struct TopicsHead {
    mean: TwoLayers,
    /// Logits of single pieces, `[vocabulary, labels]`; empty where the model has none.
    pieces: Vec<f32>,
}

/// The probability of a logit.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// An inner layer with GELU and the logits behind it: the tensors `dense` and `out`.
struct TwoLayers {
    dense: Dense,
    out: Dense,
}

impl TwoLayers {
    fn apply(&self, features: &[f32]) -> Vec<f32> {
        self.out.apply(&self.dense.apply_gelu(features))
    }
}

struct StanceHead {
    dense: Dense,
    claim: Dense,
    entity: Dense,
    mention: Option<TwoLayers>,
}

struct Extract {
    project: Dense,
    positions: Vec<f32>,
    norm: NormWeights,
    layers: Vec<Layer>,
    out: Dense,
    word: Option<TwoLayers>,
    cut: Option<Cut>,
    config: ExtractConfig,
    epsilon: f32,
    kernel: Kernel,
}

/// The words of an opening as the head that cuts it sees them.
#[derive(Debug)]
pub struct CutWords {
    /// Logits `[words, 3]`: that a summary keeps the word, that it begins a part, and that a part ends before it.
    pub logits: Vec<f32>,
    /// States behind the inter-word layers, `[words, size]`.
    pub states: Vec<f32>,
}

/// Which words of an opening a summary keeps.
struct Cut {
    dense: Dense,
    /// Added to the words of each sentence, `[sentences, size]`.
    sentence: Vec<f32>,
    layers: Vec<Layer>,
    out: Dense,
    gap: Option<TwoLayers>,
    config: CutConfig,
    kernel: Kernel,
}

impl Heads {
    /// Read the heads that `config` names, from the tensors under `heads.`. They are computed in f32 whatever the `kernel`, but for
    /// the first product and the inter-word layers of the head that cuts summaries: bf16 where attention has it.
    pub fn load(weights: &Weights<'_>, config: &Config, kernel: Kernel) -> Result<Self> {
        let (kernel, between_words) = (kernel.exact(), kernel.for_attention());
        let hidden = config.hidden_size;
        let heads = &config.mujaz()?.heads;
        let dense_of = |name: &str, outputs: usize, inputs: usize, kernel: Kernel| -> Result<Dense> {
            let weight = weights.get(&format!("heads.{name}.weight"), &[outputs, inputs])?;
            let bias = weights.get(&format!("heads.{name}.bias"), &[outputs])?;
            Ok(Dense::new(LinearWeights { weight, bias, inputs, outputs }, kernel))
        };
        let dense = |name: &str, outputs: usize, inputs: usize| dense_of(name, outputs, inputs, kernel);
        let two_layers = |name: &str, outputs: usize, inner: usize, inputs: usize| -> Result<TwoLayers> {
            Ok(TwoLayers { dense: dense(&format!("{name}.dense"), inner, inputs)?, out: dense(&format!("{name}.out"), outputs, inner)? })
        };
        let layers = |name: &str, count: usize, size: usize, inner: usize, attention: usize, kernel: Kernel| -> Result<Vec<Layer>> {
            let layer = |i: usize| -> Result<Layer> {
                let read = |tensor: &str, shape: &[usize]| weights.get(&format!("heads.{name}.layer.{i}.{tensor}"), shape);
                Layer::read((size, inner, attention), config.layer_norm_eps, kernel, read)
            };
            (0..count).map(layer).collect()
        };
        let topics = match &heads.topics {
            Some(topics) => {
                let labels = topics.labels.len();
                let pieces = match topics.pieces {
                    true => weights.get("heads.topics.pieces.weight", &[config.vocab_size, labels])?,
                    false => Vec::new(),
                };
                Some(TopicsHead { mean: two_layers("topics", labels, hidden, hidden)?, pieces })
            }
            None => None,
        };
        let entities = match &heads.entities {
            Some(entities) => Some(dense("entities", entities.labels.len(), hidden)?),
            None => None,
        };
        let stance = match &heads.stance {
            Some(stance) => Some(StanceHead {
                dense: dense("stance.dense", hidden, 2 * hidden)?,
                claim: dense("stance.claim", stance.labels.len(), hidden)?,
                entity: dense("stance.entity", stance.labels.len(), hidden)?,
                mention: match &stance.mention {
                    Some(mention) => Some(two_layers("stance.mention", stance.labels.len(), mention.size, 2 * hidden)?),
                    None => None,
                },
            }),
            None => None,
        };
        let extract = match &heads.extract {
            Some(extract) => {
                let size = extract.size;
                let cut = match &extract.cut {
                    Some(cut) => Some(Cut {
                        dense: dense_of("extract.cut.dense", cut.size, hidden * (1 + usize::from(cut.inner.is_some())), between_words)?,
                        sentence: weights.get("heads.extract.cut.sentence.weight", &[cut.sentences, cut.size])?,
                        layers: layers("extract.cut", cut.layers, cut.size, cut.feed_forward, cut.heads, between_words)?,
                        out: dense("extract.cut.out", 3, cut.size)?,
                        gap: match &cut.gap {
                            Some(gap) => Some(two_layers("extract.cut.gap", 1, gap.size, cut.gap_features())?),
                            None => None,
                        },
                        config: cut.clone(),
                        kernel: between_words,
                    }),
                    None => None,
                };
                Some(Extract {
                    project: dense("extract.project", size, hidden)?,
                    positions: weights.get("heads.extract.positions.weight", &[extract.positions, size])?,
                    norm: NormWeights {
                        scale: weights.get("heads.extract.norm.weight", &[size])?,
                        shift: weights.get("heads.extract.norm.bias", &[size])?,
                    },
                    layers: layers("extract", extract.layers, size, extract.feed_forward, extract.heads, kernel)?,
                    out: dense("extract.out", 1, size)?,
                    word: match &extract.word {
                        Some(word) => Some(two_layers("extract.word", 1, word.size, hidden)?),
                        None => None,
                    },
                    cut,
                    config: extract.clone(),
                    epsilon: config.layer_norm_eps,
                    kernel,
                })
            }
            None => None,
        };
        Ok(Self { topics, entities, stance, extract })
    }

    /// Topic logits for the mean hidden state of a document and its pieces, in any order. Pieces that the vocabulary does not
    /// have say nothing.
    pub fn topics(&self, mean: &[f32], pieces: &[u32]) -> Option<Vec<f32>> {
        let head = self.topics.as_ref()?;
        let mut logits = head.mean.apply(mean);
        if !head.pieces.is_empty() {
            let distinct: BTreeSet<u32> = pieces.iter().copied().collect();
            let mut sum = vec![0.0; logits.len()];
            for piece in &distinct {
                let own = head.pieces.chunks_exact(sum.len()).nth(*piece as usize).unwrap_or_default();
                sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
            let root = (distinct.len().max(1) as f32).sqrt();
            logits.iter_mut().zip(sum).for_each(|(logit, sum)| *logit += sum / root);
        }
        Some(logits)
    }

    /// Label logits `[words, labels]` for the hidden states of first pieces `[words, hidden]`.
    pub fn entities(&self, first_pieces: &[f32]) -> Option<Vec<f32>> {
        Some(self.entities.as_ref()?.apply(first_pieces))
    }

    /// Stance logits `[rows, 4]` for features `[rows, 2 · hidden]`: the opening state, then the mean over the text.
    pub fn stance(&self, features: &[f32], kind: StanceKind) -> Option<Vec<f32>> {
        let head = self.stance.as_ref()?;
        let inner = head.dense.apply_gelu(features);
        Some(match kind {
            StanceKind::Claim => head.claim.apply(&inner),
            StanceKind::Entity => head.entity.apply(&inner),
        })
    }

    /// Stance logits `[targets, 4]` for features `[targets, 2 · hidden]`: the mean over first pieces of a target's
    /// mentions, then the mean over the article.
    pub fn mentions(&self, features: &[f32]) -> Option<Vec<f32>> {
        Some(self.stance.as_ref()?.mention.as_ref()?.apply(features))
    }

    /// A logit for each word, whether a summary would have it, for the hidden states of first pieces `[words, hidden]`.
    pub fn summary_words(&self, first_pieces: &[f32]) -> Option<Vec<f32>> {
        Some(self.extract.as_ref()?.word.as_ref()?.apply(first_pieces))
    }

    /// What [`CutWords`] holds of an opening, from the hidden states of its words' first pieces, `[words, hidden]`, or
    /// `[words, 2 · hidden]` with those of an inner layer behind them, and the number of each one's sentence.
    pub fn cut(&self, first_pieces: &[f32], sentences: &[usize]) -> Option<CutWords> {
        let head = self.extract.as_ref()?.cut.as_ref()?;
        let size = head.config.size;
        let mut x = head.dense.apply_gelu(first_pieces);
        for (word, sentence) in x.chunks_exact_mut(size).zip(sentences) {
            let own = &head.sentence[(*sentence).min(head.config.sentences - 1) * size..][..size];
            word.iter_mut().zip(own).for_each(|(x, own)| *x += own);
        }
        let mut work = Workspace::new(head.kernel, false);
        for layer in &head.layers {
            layer.forward(&mut x, &[sentences.len()], &mut work);
        }
        Some(CutWords { logits: head.out.apply(&x), states: x })
    }

    /// How likely the text is to read as broken at gaps, from features `[gaps, CutConfig::gap_features]`; `None` for a model
    /// that does not know.
    pub fn gaps(&self, features: &[f32]) -> Option<Vec<f32>> {
        let logits = self.extract.as_ref()?.cut.as_ref()?.gap.as_ref()?.apply(features);
        Some(logits.into_iter().map(sigmoid).collect())
    }

    /// A logit for each sentence of a document, from its mean hidden states `[sentences, hidden]` in order.
    pub fn extract(&self, sentences: &[f32]) -> Option<Vec<f32>> {
        let head = self.extract.as_ref()?;
        let size = head.config.size;
        let mut x = head.project.apply(sentences);
        let count = x.len() / size;
        let positions: Vec<f32> =
            (0..count).flat_map(|i| head.positions[i.min(head.config.positions - 1) * size..][..size].iter().copied()).collect();
        let zero = vec![0.0; size];
        let norm = Norm { bias: &zero, scale: &head.norm.scale, shift: &head.norm.shift, epsilon: head.epsilon };
        kernels::add_layer_norm(head.kernel, &mut x, &positions, &norm);
        // Attention within blocks: an article of ten thousand lines must not cost their square.
        let blocks: Vec<usize> = (0..count).step_by(SENTENCES_TOGETHER).map(|first| SENTENCES_TOGETHER.min(count - first)).collect();
        let mut work = Workspace::new(head.kernel, false);
        for layer in &head.layers {
            layer.forward(&mut x, &blocks, &mut work);
        }
        Some(head.out.apply(&x))
    }
}
