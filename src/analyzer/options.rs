//! Which answers are wanted, and how.

use crate::model::Precision;
use crate::model::config::HeadsConfig;
use crate::tasks::stance::Target;

/// Which answers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// Topics of the article.
    pub topics: bool,
    /// Stance toward targets.
    pub stance: bool,
    /// Named entities.
    pub entities: bool,
    /// A short summary.
    pub summary: bool,
}

impl Tasks {
    /// All four.
    pub const ALL: Self = Self { topics: true, stance: true, entities: true, summary: true };

    /// Those that a model has a head for.
    pub fn of(heads: &HeadsConfig) -> Self {
        Self {
            topics: heads.topics.is_some(),
            stance: heads.stance.is_some(),
            entities: heads.entities.is_some(),
            summary: heads.extract.is_some(),
        }
    }

    /// Whether there is one at all.
    pub fn any(self) -> bool {
        self.topics || self.stance || self.entities || self.summary
    }

    /// Those that are in both.
    pub fn and(self, other: Self) -> Self {
        Self {
            topics: self.topics && other.topics,
            stance: self.stance && other.stance,
            entities: self.entities && other.entities,
            summary: self.summary && other.summary,
        }
    }

    /// Names of those that are not in `other`.
    pub fn missing_in(self, other: Self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("topics", self.topics, other.topics),
            ("entities", self.entities, other.entities),
            ("stance", self.stance, other.stance),
            ("summary", self.summary, other.summary),
        ];
        all.into_iter().filter(|(_, wanted, there)| *wanted && !there).map(|(name, ..)| name)
    }
}

/// How to analyse.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which answers are wanted.
    pub tasks: Tasks,
    /// Stance targets; with none, the article's main entities.
    pub targets: Vec<Target>,
    /// Most words of a summary.
    pub summary_words: usize,
    /// Whether the sentences of a summary are cut inside, by a model that has a head for it.
    pub summary_cuts: bool,
    /// Word pieces that go through the encoder together: more take more memory.
    pub batch_tokens: usize,
    /// Whether the analysis repeats the text.
    pub with_text: bool,
    /// Numbers of the encoder's products; `None` for the best that costs no accuracy to speak of.
    pub precision: Option<Precision>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tasks: Tasks::ALL,
            targets: Vec::new(),
            summary_words: 50,
            summary_cuts: true,
            batch_tokens: 4096,
            with_text: false,
            precision: None,
        }
    }
}
