//! The front door: articles in, analyses out.

mod options;
mod stances;
mod summaries;
mod windows;

pub use options::{Options, Tasks};

use crate::data::{Analysis, Article, Meta, StanceKind};
use crate::error::{Error, Result};
use crate::model::config::{CutConfig, Mujaz};
use crate::model::{Device, Model, Source};
use crate::pipeline::document::Document;
use crate::stages::{Clock, Stage};
use crate::tasks::stance::Target;
use crate::tasks::{entities, topics};
use crate::text::normalise::Original;
use std::sync::Arc;
use windows::{Wanted, WindowOutput};

/// A loaded model with its options; shared freely between threads.
///
/// ```
/// use mujaz::{Analyzer, Article, Options};
/// let analyzer = Analyzer::bundled(Options::default())?;
/// let analysis = analyzer.analyze(&Article::new("وصل وزير الخارجية الروسي سيرغي لافروف إلى القاهرة."))?;
/// assert!(!analysis.entities.unwrap_or_default().is_empty());
/// # Ok::<(), mujaz::Error>(())
/// ```
#[derive(Clone)]
pub struct Analyzer {
    model: Arc<Model>,
    config: Arc<Mujaz>,
    entities: Option<Arc<entities::Decoder>>,
    options: Options,
}

impl Analyzer {
    /// The model inside the binary, on the CPU or the accelerator that the program was built for.
    pub fn bundled(options: Options) -> Result<Self> {
        Self::load(&Source::Bundled, &Device::Auto, options)
    }

    /// Load a model. Files that are missing or do not belong together, a device that is not there, and a task that the model has
    /// no head for are errors.
    pub fn load(source: &Source, device: &Device, options: Options) -> Result<Self> {
        let model = Model::load(source, device, options.precision)?;
        let config = model.config.mujaz()?.clone();
        let heads = &config.heads;
        if let Some(task) = options.tasks.missing_in(Tasks::of(heads)).next() {
            return Err(Error::model(&source.to_string(), format!("it has no head for {task}; leave {task} out of --tasks")));
        }
        let entities = heads.entities.as_ref().map(|c| Arc::new(entities::Decoder::new(c)));
        Ok(Self { model, config: Arc::new(config), entities, options })
    }

    /// The loaded model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Analyse one article. No article is an error by itself: what fails is the device, or the adapter of the model when a pass with
    /// a target first needs it.
    pub fn analyze(&self, article: &Article) -> Result<Analysis> {
        let mut all = self.analyze_batch(std::slice::from_ref(article))?;
        Ok(all.remove(0))
    }

    /// Analyse articles together; the answers are those that each article gets alone.
    pub fn analyze_batch(&self, articles: &[Article]) -> Result<Vec<Analysis>> {
        let targets = (!self.options.targets.is_empty()).then_some(self.options.targets.as_slice());
        self.analyze_for(articles, &vec![targets; articles.len()])
    }

    /// Like [`Analyzer::analyze_batch`], with the stance targets of each article, as many as there are articles; its main entities
    /// for `None`.
    pub fn analyze_for(&self, articles: &[Article], targets: &[Option<&[Target]>]) -> Result<Vec<Analysis>> {
        // Names are needed to find stance targets where none are given, and so that no summary is cut inside one.
        let (tasks, cut) = (self.options.tasks, self.cut().is_some());
        let entities = tasks.entities || cut || (tasks.stance && targets.iter().any(Option::is_none));
        let decoder = self.entities.as_deref().filter(|_| entities);
        let clock = Clock::start();
        let documents: Vec<Document> = articles.iter().map(|a| Document::new(a, &self.model.tokenizer, &self.config)).collect();
        clock.lap(Stage::Tokenise);
        let named = |asked: &Option<&[Target]>| asked.is_none_or(|all| all.iter().any(|t| t.kind == StanceKind::Entity));
        let head = self.config.heads.stance.as_ref().is_some_and(|stance| stance.mention.is_some());
        let mentions = tasks.stance && head && targets.iter().any(named);
        let summary_words = tasks.summary && self.config.heads.extract.as_ref().is_some_and(|extract| extract.word.is_some());
        let mut outputs = self.read_windows(&documents, Wanted { entities: decoder.is_some(), mentions, summary_words, cut })?;
        let mut analyses: Vec<Analysis> = Vec::with_capacity(articles.len());
        for ((article, document), windows) in articles.iter().zip(&documents).zip(&mut outputs) {
            analyses.push(self.decode(article, document, windows, decoder)?);
        }
        if self.options.tasks.stance {
            let stances = self.read_stances(&documents, &outputs, &analyses, targets)?;
            for (analysis, (stance, truncated)) in analyses.iter_mut().zip(stances) {
                analysis.stance = Some(stance);
                analysis.meta.truncated |= truncated;
            }
        }
        if !self.options.tasks.entities {
            analyses.iter_mut().for_each(|a| a.entities = None);
        }
        Ok(analyses)
    }

    /// How summaries are cut, where they are asked for with cuts and the model has a head for them.
    fn cut(&self) -> Option<&CutConfig> {
        let wanted = self.options.tasks.summary && self.options.summary_cuts;
        self.config.heads.extract.as_ref().filter(|_| wanted)?.cut.as_ref()
    }

    fn decode(
        &self,
        article: &Article,
        document: &Document,
        windows: &mut [WindowOutput],
        decoder: Option<&entities::Decoder>,
    ) -> Result<Analysis> {
        let clock = Clock::start();
        let tasks = self.options.tasks;
        let mut analysis = Analysis {
            id: article.id.clone(),
            title: article.title.clone(),
            text: self.options.with_text.then(|| article.text.clone()),
            meta: Meta {
                model: self.config.name.clone(),
                revision: self.config.revision.clone(),
                tokens: document.pieces.len(),
                windows: document.windows.len(),
                truncated: document.truncated,
            },
            extra: article.extra.clone(),
            ..Analysis::default()
        };
        // What this run says replaces what the record brought along under the same name; the rest passes through.
        let written =
            [("topics", tasks.topics), ("entities", tasks.entities), ("stance", tasks.stance), ("summary", tasks.summary), ("meta", true)];
        for (name, _) in written.iter().filter(|(_, written)| *written) {
            analysis.extra.shift_remove(*name);
        }
        let clock = clock.lap(Stage::Decode);
        if tasks.topics {
            analysis.topics = Some(match &self.config.heads.topics {
                Some(config) if !document.pieces.is_empty() => {
                    topics::decode(&self.model.heads.topics(&self.mean(windows), &document.pieces).unwrap_or_default(), config)
                }
                _ => Vec::new(),
            });
        }
        clock.lap(Stage::Heads);
        let clock = Clock::start();
        let mut names = Vec::new();
        if let Some(decoder) = decoder {
            let mut logits = vec![None; document.words.len()];
            for (word, row) in windows.iter_mut().flat_map(|w| &mut w.words) {
                logits[*word] = Some(std::mem::take(row));
            }
            names = decoder.decode(document, &logits);
            let mut found = entities::entities(document, &names);
            let (title, text) = (Original::new(article.title.as_deref().unwrap_or("")), Original::new(&article.text));
            for entity in &mut found {
                let part = if entity.field.is_some() { &title } else { &text };
                entity.text = part.slice(entity.start, entity.end).unwrap_or_default().to_string();
            }
            analysis.entities = Some(found);
        }
        clock.lap(Stage::Decode);
        if let (true, Some(config)) = (tasks.summary, &self.config.heads.extract) {
            analysis.summary = Some(self.summarise(article, document, windows, config, &names));
        }
        Ok(analysis)
    }

    /// The mean hidden state of an article's pieces.
    fn mean(&self, windows: &[WindowOutput]) -> Vec<f32> {
        let mut sum = vec![0.0; self.model.config.hidden_size];
        windows.iter().for_each(|w| add(&mut sum, &w.pooled));
        divide(&mut sum, windows.iter().map(|w| w.pieces).sum());
        sum
    }
}

fn divide(sum: &mut [f32], count: usize) {
    sum.iter_mut().for_each(|x| *x /= count.max(1) as f32);
}

fn add(sum: &mut [f32], row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(s, x)| *s += x);
}

/// A stance target of a kind, without white space around it.
pub fn target(text: &str, kind: StanceKind) -> Target {
    Target { text: text.trim().to_string(), kind }
}
