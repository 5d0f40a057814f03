//! The records of the contract: what comes in and what goes out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One article as read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Article {
    /// Name of the article; readers make one from file and line where the record has none.
    pub id: String,
    /// Headline.
    pub title: Option<String>,
    /// Body. Offsets in the analysis count its Unicode code points.
    pub text: String,
    /// Every other field of the record, passed through untouched.
    pub extra: Map<String, Value>,
    /// File and line (row for parquet) that it was read from.
    pub origin: (Arc<str>, u64),
}

impl Article {
    /// An article with an empty id and no title.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Take a JSON object apart; the error says what is wrong with it. A record without an id is named after
    /// its file and line.
    pub fn from_json(value: Value, source: &Arc<str>, line: u64) -> Result<Self, String> {
        let Value::Object(mut fields) = value else {
            return Err(format!("expected a JSON object, found {}", kind(&value)));
        };
        let text = match fields.shift_remove("text") {
            Some(Value::String(text)) => text,
            Some(other) => return Err(format!("\"text\" must be a string, found {}", kind(&other))),
            None => return Err("no \"text\" field".to_string()),
        };
        let title = match fields.shift_remove("title") {
            Some(Value::String(title)) => Some(title),
            None | Some(Value::Null) => None,
            Some(other) => return Err(format!("\"title\" must be a string, found {}", kind(&other))),
        };
        let id = match fields.shift_remove("id") {
            Some(Value::String(id)) => id,
            Some(Value::Number(number)) => number.to_string(),
            None | Some(Value::Null) => format!("{source}:{line}"),
            Some(other) => return Err(format!("\"id\" must be a string or a number, found {}", kind(&other))),
        };
        Ok(Self { id, title, text, extra: fields, origin: (Arc::clone(source), line) })
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Everything said of one article; serialises to the output record of the contract.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Analysis {
    /// The article's id.
    pub id: String,
    /// The article's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The article's text, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Topics above their thresholds, best first; at least one for an article with words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<Topic>>,
    /// Named entities in the order of the text, those of the title first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entities: Option<Vec<Entity>>,
    /// Stance toward each target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stance: Option<Vec<Stance>>,
    /// A short summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// How the answer came about.
    pub meta: Meta,
    /// Fields of the input record that mujaz does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A topic and its calibrated probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// A label of the model's topic set.
    pub label: String,
    /// Probability.
    #[serde(serialize_with = "rounded")]
    pub score: f32,
}

/// A named entity. `text` is the surface, equal to the article's `text[start..end]` in code points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Surface as written, attached clitics included.
    pub text: String,
    /// PER, ORG, LOC or MISC.
    #[serde(rename = "type")]
    pub kind: String,
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// Mean probability of its words' labels.
    #[serde(serialize_with = "rounded")]
    pub score: f32,
    /// Normalised form without attached و ف ب ل ك.
    pub name: String,
    /// "title" when the offsets count in the title; absent for the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// What a stance is toward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StanceKind {
    /// A sentence that the article may present as true or deny.
    Claim,
    /// A person, body, place or group that it may defend or blame.
    Entity,
}

/// The labels of a stance, in any order.
pub(crate) const STANCES: [&str; 4] = ["favor", "against", "neutral", "unrelated"];

/// The article's stance toward one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stance {
    /// The target as given, or the name of a main entity.
    pub target: String,
    /// What it is.
    pub kind: StanceKind,
    /// The likeliest of the four.
    pub label: String,
    /// Probabilities of the four.
    pub scores: StanceScores,
    /// Code points of the article's sentence that speaks most of the target; absent when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<(usize, usize)>,
}

/// Probabilities of the stances; they sum to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StanceScores {
    /// Presents the claim as true; defends or praises the entity.
    #[serde(serialize_with = "rounded")]
    pub favor: f32,
    /// Denies the claim; blames or condemns the entity.
    #[serde(serialize_with = "rounded")]
    pub against: f32,
    /// Leaves the claim open; reports the entity plainly.
    #[serde(serialize_with = "rounded")]
    pub neutral: f32,
    /// Does not speak of it.
    #[serde(serialize_with = "rounded")]
    pub unrelated: f32,
}

/// A summary and where its sentences stand in the text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The chosen sentences without datelines and days, in their order, joined by spaces.
    pub text: String,
    /// How it was made: "extractive".
    pub method: String,
    /// Code points of what was kept in the article's text; a sentence that lost something has several.
    pub spans: Vec<(usize, usize)>,
}

/// How an analysis came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Name of the model.
    pub model: String,
    /// Revision of the model.
    pub revision: String,
    /// Word pieces of title and text.
    pub tokens: usize,
    /// Windows that cover them.
    pub windows: usize,
    /// Whether something was too long to be read whole: a word for a window, a target or the sentences that speak of it for
    /// the row that they are read in.
    pub truncated: bool,
}

/// Four decimals are what a score means; more would differ between machines.
fn rounded<S: serde::Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((f64::from(*value) * 1e4).round() / 1e4)
}
