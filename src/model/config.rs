//! `config.json`: a Hugging Face BERT configuration with one `mujaz` object.

use crate::data::STANCES;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The configuration of a model folder.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// "bert", "roberta", "xlm-roberta" or "camembert".
    #[serde(default = "bert")]
    pub model_type: String,
    /// Numbers of a hidden state.
    pub hidden_size: usize,
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Numbers between the two products of the feed-forward part.
    pub intermediate_size: usize,
    /// Rows of the word embeddings.
    pub vocab_size: usize,
    /// Rows of the position embeddings.
    pub max_position_embeddings: usize,
    /// Rows of the token type embeddings.
    #[serde(default = "one")]
    pub type_vocab_size: usize,
    /// Added to the variance in layer norms.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    /// Activation; only the erf GELU is supported.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Id of the padding piece; positions of RoBERTa models start after it. Without one it is theirs, 1.
    #[serde(default)]
    pub pad_token_id: Option<usize>,
    /// How positions enter; only "absolute", the default, is supported.
    #[serde(default)]
    pub position_embedding_type: Option<String>,
    /// What mujaz adds.
    pub mujaz: Option<Mujaz>,
    /// The folder, for messages.
    #[serde(skip)]
    folder: String,
}

/// The `mujaz` object of `config.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mujaz {
    /// Name of the model.
    pub name: String,
    /// Revision of the model: what it was trained from.
    pub revision: String,
    /// "mujaz-1" when `tokenizer.json` holds the rules of `text::normalise`, which then run once.
    #[serde(default)]
    pub normalizer: Option<String>,
    /// Pieces of a window, special pieces included.
    pub window: usize,
    /// Pieces that neighbouring windows share.
    pub overlap: usize,
    /// Pieces of a stance pair, special pieces included.
    pub stance_window: usize,
    /// The special pieces.
    pub specials: Specials,
    /// The heads; a task without a head is not available.
    pub heads: HeadsConfig,
}

/// Special pieces by their text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Specials {
    /// Opens every sequence.
    pub cls: String,
    /// Closes the title, the text and the target of a pair.
    pub sep: String,
    /// Marks a stance target as an entity.
    pub entity: String,
    /// Marks a stance target as a claim.
    pub claim: String,
}

/// The heads of a model.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HeadsConfig {
    /// Multi-label topics.
    pub topics: Option<TopicsConfig>,
    /// BIO labels of words.
    pub entities: Option<EntitiesConfig>,
    /// Four stances toward a target.
    pub stance: Option<StanceConfig>,
    /// Scores of sentences.
    pub extract: Option<ExtractConfig>,
}

/// Topics: a logit per label from the mean hidden state and, with `pieces`, from single pieces; a sigmoid, a threshold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopicsConfig {
    /// The labels in the order of the logits.
    pub labels: Vec<TopicLabel>,
    /// Divides the logits.
    #[serde(default = "unit")]
    pub temperature: f32,
    /// Whether each piece of the vocabulary has logits of its own, summed over an article's distinct pieces and divided
    /// by the root of their count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pieces: bool,
}

/// One topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopicLabel {
    /// English key.
    pub label: String,
    /// Arabic name.
    #[serde(default)]
    pub ar: String,
    /// IPTC Media Topics code.
    #[serde(default)]
    pub medtop: String,
    /// Probability from which the topic is given.
    #[serde(default = "half")]
    pub threshold: f32,
}

/// Entities: logits over `labels` for the first piece of each word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EntitiesConfig {
    /// "O" and "B-X", "I-X" for each type, in the order of the logits.
    pub labels: Vec<String>,
    /// Divides the logits.
    #[serde(default = "unit")]
    pub temperature: f32,
}

/// Stance: logits over favor, against, neutral, unrelated, one head a kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StanceConfig {
    /// The labels in the order of the logits.
    pub labels: Vec<String>,
    /// Divides the logits of claims.
    #[serde(default = "unit")]
    pub claim_temperature: f32,
    /// Divides the logits of entities.
    #[serde(default = "unit")]
    pub entity_temperature: f32,
    /// Stance toward entities that the article names, read off their mentions; without it they take a pass of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention: Option<MentionConfig>,
    /// A change of the encoder in passes with a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterConfig>,
}

/// Low-rank changes of every matrix of the encoder's layers: `heads.stance.adapter.LAYER.NAME.out` times `….into` is added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdapterConfig {
    /// Rows of `into`, columns of `out`.
    pub rank: usize,
}

/// Stance from mentions: the mean over their first pieces and the mean over the article, through one inner layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MentionConfig {
    /// Numbers of the inner layer.
    pub size: usize,
    /// Divides the logits.
    #[serde(default = "unit")]
    pub temperature: f32,
}

/// Sentence scores: a projection of the mean of a sentence's pieces, positions, and inter-sentence layers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExtractConfig {
    /// Numbers of a sentence vector inside the head.
    pub size: usize,
    /// Inter-sentence layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Feed-forward size.
    pub feed_forward: usize,
    /// Sentence positions that have an embedding of their own; later ones share the last.
    pub positions: usize,
    /// Added to the score of the first sentence that is news, a half of it to the second, a third to the third:
    /// how much a summary trusts that news begin with the news.
    #[serde(default)]
    pub lead: f32,
    /// What is said of single words; a model may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<WordConfig>,
    /// What a summary leaves out of an article's opening; a model may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<CutConfig>,
}

/// Which words of an opening a summary keeps: three logits a word from its first piece, through inter-word layers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CutConfig {
    /// Numbers of a word vector inside the head.
    pub size: usize,
    /// Inter-word layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Feed-forward size.
    pub feed_forward: usize,
    /// The head reads hidden states behind this many layers beside those behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner: Option<usize>,
    /// Sentences of an opening, page furniture left out.
    pub sentences: usize,
    /// Most words of an opening, marks counted.
    pub words: usize,
    /// Fewest words of a summary, white space between them; a shorter opening is not cut.
    pub least: usize,
    /// Added to the logit of keeping, for each word: more makes longer summaries.
    pub bias: f32,
    /// Taken off for each part that begins inside a sentence: more makes fewer cuts.
    #[serde(default)]
    pub begin_cost: f32,
    /// Taken off for each part that ends inside a sentence without a mark on either side.
    #[serde(default)]
    pub end_cost: f32,
    /// What a deletion does to the text around it; such heads refuse some of the cuts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<GapConfig>,
}

impl CutConfig {
    /// Numbers that tell of a gap: states of five places and eight flags.
    pub fn gap_features(&self) -> usize {
        5 * self.size + 8
    }
}

/// Whether what is left reads as broken where words were deleted: states around the gap through one inner layer and a sigmoid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GapConfig {
    /// Numbers of the inner layer.
    pub size: usize,
    /// Highest probability of a broken text at a gap that is made; a poor one counts as half.
    pub most: f32,
}

/// Whether a summary would have a word: its first piece through one inner layer and a sigmoid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WordConfig {
    /// Numbers of the inner layer.
    pub size: usize,
    /// The mean over a sentence's words, times this, is added to the score of the sentence.
    pub weight: f32,
    /// Sentences behind the best one need at least this mean.
    pub further: f32,
}

impl HeadsConfig {
    /// What would give wrong answers in silence.
    fn problem(&self) -> Option<&'static str> {
        let positive = |temperature: f32| temperature.is_finite() && temperature > 0.0;
        let topics = self.topics.as_ref().is_some_and(|t| t.labels.is_empty() || !positive(t.temperature));
        let entities = self.entities.as_ref().is_some_and(|e| !e.labels.iter().any(|l| l == "O") || !positive(e.temperature));
        let stance = self.stance.as_ref().is_some_and(|s| {
            let known = s.labels.len() == STANCES.len() && STANCES.iter().all(|stance| s.labels.iter().any(|l| l == stance));
            let mention = s.mention.as_ref().is_none_or(|m| m.size > 0 && positive(m.temperature));
            let adapter = s.adapter.as_ref().is_none_or(|a| a.rank > 0);
            !known || !positive(s.claim_temperature) || !positive(s.entity_temperature) || !mention || !adapter
        });
        let extract = self.extract.as_ref().is_some_and(|e| {
            let word = e.word.as_ref().is_none_or(|w| w.size > 0 && w.weight.is_finite() && w.further.is_finite());
            let cut = e.cut.as_ref().is_none_or(|c| {
                let sizes = c.heads > 0 && c.size > 0 && c.size.is_multiple_of(c.heads) && c.feed_forward > 0;
                sizes
                    && c.sentences > 0
                    && c.words > 0
                    && c.least > 0
                    && c.bias.is_finite()
                    && c.begin_cost.is_finite()
                    && c.end_cost.is_finite()
                    && c.gap.as_ref().is_none_or(|gap| gap.size > 0 && gap.most.is_finite())
            });
            let sizes = e.heads > 0 && e.size > 0 && e.size.is_multiple_of(e.heads) && e.feed_forward > 0;
            !cut || !sizes || e.positions == 0 || !e.lead.is_finite() || !word
        });
        [
            (topics, "topics needs labels and a temperature above 0"),
            (entities, "entities needs the label \"O\" and a temperature above 0"),
            (stance, "stance needs the labels favor, against, neutral and unrelated, and temperatures, sizes and ranks above 0"),
            (extract, "extract needs positions, sizes that their heads divide, and numbers for lead, word and cut"),
        ]
        .into_iter()
        .find_map(|(wrong, reason)| wrong.then_some(reason))
    }
}

impl Config {
    /// Parse and check; `model` names the folder in messages.
    pub fn parse(bytes: &[u8], model: &str) -> Result<Self> {
        let mut config: Self = serde_json::from_slice(bytes).map_err(|e| Error::model(model, format!("config.json: {e}")))?;
        config.folder = model.to_string();
        let refuse = |reason: String| Err(Error::model(model, reason));
        if !matches!(config.model_type.as_str(), "bert" | "roberta" | "xlm-roberta" | "camembert") {
            return refuse(format!("model_type {:?} is not supported; use bert, roberta, xlm-roberta or camembert", config.model_type));
        }
        if !matches!(config.hidden_act.as_str(), "gelu" | "gelu_python") {
            return refuse(format!("hidden_act {:?} is not supported; use an encoder with gelu", config.hidden_act));
        }
        if config.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
            return refuse("only absolute position embeddings are supported".to_string());
        }
        if config.num_attention_heads == 0 || config.hidden_size == 0 || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return refuse("hidden_size must be a multiple of num_attention_heads".to_string());
        }
        if !(config.layer_norm_eps > 0.0 && config.layer_norm_eps < 1.0) {
            return refuse("layer_norm_eps must lie between 0 and 1".to_string());
        }
        if [config.intermediate_size, config.type_vocab_size, config.vocab_size].contains(&0) {
            return refuse("intermediate_size, type_vocab_size and vocab_size must be above 0".to_string());
        }
        if config.position_offset() > config.max_position_embeddings {
            return refuse("positions begin behind pad_token_id, which leaves none of max_position_embeddings".to_string());
        }
        if let Some(mujaz) = &config.mujaz {
            let longest = config.max_position_embeddings - config.position_offset().min(config.max_position_embeddings);
            if mujaz.window.max(mujaz.stance_window) > longest {
                return refuse(format!("windows of {} pieces exceed its {longest} positions", mujaz.window.max(mujaz.stance_window)));
            }
            if mujaz.window < 16 || mujaz.stance_window < 16 {
                return refuse("windows must hold at least 16 pieces".to_string());
            }
            let inner = mujaz.heads.extract.as_ref().and_then(|extract| extract.cut.as_ref()?.inner);
            if inner.is_some_and(|inner| inner == 0 || inner > config.num_hidden_layers) {
                return refuse(format!("config.json, mujaz.heads: extract.cut.inner must be 1 to {}", config.num_hidden_layers));
            }
            if let Some(reason) = mujaz.heads.problem() {
                return refuse(format!("config.json, mujaz.heads: {reason}"));
            }
        }
        Ok(config)
    }

    /// The `mujaz` object, or an error that says how to make one.
    pub fn mujaz(&self) -> Result<&Mujaz> {
        self.mujaz.as_ref().ok_or_else(|| {
            let reason = "config.json has no \"mujaz\" object: this is an encoder without task heads; train them with scripts/finetune.py";
            Error::model(&self.folder, reason)
        })
    }

    /// First position id: RoBERTa models count positions after the padding id.
    pub fn position_offset(&self) -> usize {
        if self.model_type == "bert" { 0 } else { self.pad_token_id.map_or(2, |id| id.saturating_add(1)) }
    }
}

fn bert() -> String {
    "bert".to_string()
}
fn gelu() -> String {
    "gelu".to_string()
}
fn one() -> usize {
    1
}
fn epsilon() -> f32 {
    1e-12
}
fn unit() -> f32 {
    1.0
}
fn half() -> f32 {
    0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, more: &str) -> Result<Config> {
        let sizes = r#""hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":8,"vocab_size":9"#;
        Config::parse(format!(r#"{{"model_type":"{kind}",{sizes},"max_position_embeddings":20{more}}}"#).as_bytes(), "m")
    }

    #[test]
    fn what_transformers_leave_out_has_their_defaults() {
        let offset = |kind, more| parse(kind, more).map(|config| config.position_offset()).ok();
        for absent in ["", r#","pad_token_id":null"#] {
            assert_eq!((offset("bert", absent), offset("roberta", absent)), (Some(0), Some(2)));
        }
        assert_eq!(offset("xlm-roberta", r#","pad_token_id":4"#), Some(5));
        assert_eq!(offset("roberta", r#","pad_token_id":20"#), None, "no position is left");
    }

    #[test]
    fn what_cannot_be_computed_is_refused() {
        assert!(parse("bert", r#","hidden_act":"gelu_python""#).is_ok());
        for more in [r#","hidden_act":"relu""#, r#","layer_norm_eps":-1"#, r#","layer_norm_eps":0"#] {
            assert!(parse("bert", more).is_err(), "{more}");
        }
    }
}
