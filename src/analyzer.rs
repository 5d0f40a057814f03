//! The front door: articles in, analyses out.

use crate::data::{Analysis, Article, Meta, Stance, StanceKind, Summary};
use crate::error::{Error, Result};
use crate::kernels::Precision;
use crate::model::config::{CutConfig, ExtractConfig, HeadsConfig, Mujaz};
use crate::model::{Device, Encoder, Model, Sequence, Source, sigmoid};
use crate::pipeline::document::{Document, Field};
use crate::pipeline::plan::batches;
use crate::stages::{Clock, Stage};
use crate::tasks::cut::Opening;
use crate::tasks::salience::{main_entities, unsaid};
use crate::tasks::stance::{Body, Pair, Reading, Target};
use crate::tasks::{entities, mentions, stance, summary, topics};
use crate::text::normalise::Original;
use rayon::prelude::*;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// Windows of an article whose words' hidden states are kept for stance: 1.5 KB a word. Entities that only the rest of a
/// very long article names take a pass with the target.
const MENTION_WINDOWS: usize = 64;
/// Windows of an article that hold the opening which a summary is cut from.
const CUT_WINDOWS: usize = 2;
/// Pieces below which a batch is not worth sharing between threads.
const SMALLEST_SHARE: usize = 512;

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
    /// Pieces that go through the encoder together.
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

/// What one window says of its document, merged later in the order of the windows.
#[derive(Default)]
struct WindowOutput {
    pooled: Vec<f32>,
    pieces: usize,
    sentences: Vec<(usize, usize, Vec<f32>)>,
    /// Words with pieces and their entity logits.
    words: Vec<(usize, Vec<f32>)>,
    /// For each of `words`, how likely a summary is to have it.
    summary_words: Vec<f32>,
    /// Hidden states of the first pieces of `words`, where stance is read off mentions or a summary cut from them.
    firsts: Vec<f32>,
    /// The same behind an inner layer, in the windows that a summary is cut from.
    inner: Vec<f32>,
}

/// What to read from windows, beside sums over sentences.
#[derive(Clone, Copy)]
struct Wanted {
    /// Entity logits.
    entities: bool,
    /// Hidden states of words, for stance toward what they name.
    mentions: bool,
    /// Whether a summary would have each word.
    summary_words: bool,
    /// Hidden states of the opening's words, for the cuts of a summary.
    cut: bool,
}

impl Wanted {
    /// Anything of single words.
    fn words(self) -> bool {
        self.entities || self.mentions || self.summary_words || self.cut
    }
}

/// A target of stance, and where its answer comes from.
struct Question {
    document: usize,
    target: Target,
    /// The sentence that speaks most of it, in code points.
    evidence: Option<(usize, usize)>,
    origin: Origin,
}

enum Origin {
    /// Means over its mentions and over the article.
    Mentions(Vec<f32>),
    /// A pass with the target, by number.
    Pass(usize),
}

impl Analyzer {
    /// The model inside the binary, on the CPU or the accelerator that the program was built for.
    pub fn bundled(options: Options) -> Result<Self> {
        Self::load(&Source::Bundled, &Device::Auto, options)
    }

    /// Load a model. Asking for a task that the model has no head for is an error.
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

    /// Analyse one article.
    pub fn analyze(&self, article: &Article) -> Result<Analysis> {
        let mut all = self.analyze_batch(std::slice::from_ref(article))?;
        Ok(all.remove(0))
    }

    /// Analyse articles together; the answers are those that each article gets alone.
    pub fn analyze_batch(&self, articles: &[Article]) -> Result<Vec<Analysis>> {
        let targets = (!self.options.targets.is_empty()).then_some(self.options.targets.as_slice());
        self.analyze_for(articles, &vec![targets; articles.len()])
    }

    /// Like [`Analyzer::analyze_batch`], with the stance targets of each article; its main entities for `None`.
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

    fn read_windows(&self, documents: &[Document], wanted: Wanted) -> Result<Vec<Vec<WindowOutput>>> {
        let mut out: Vec<Vec<WindowOutput>> =
            documents.iter().map(|d| d.windows.iter().map(|_| WindowOutput::default()).collect()).collect();
        let tasks = self.options.tasks;
        if !(tasks.topics || tasks.summary || wanted.words()) {
            return Ok(out);
        }
        let clock = Clock::start();
        let mut places = Vec::new();
        let mut inputs = Vec::new();
        for (d, document) in documents.iter().enumerate() {
            for (w, window) in document.windows.iter().enumerate() {
                let (input, rows) = document.window_input(&window.words, &self.model.tokenizer);
                places.push((d, w, rows));
                inputs.push(input);
            }
        }
        clock.lap(Stage::Tokenise);
        let inner = self.cut().and_then(|cut| cut.inner);
        let read = self.encode(self.model.encoder.as_ref(), inner, &inputs, |input, hidden, inner| {
            let (d, w, rows) = &places[input];
            self.read_window(&documents[*d], *w, rows, hidden, inner, wanted)
        })?;
        for ((d, w, _), window) in places.into_iter().zip(read) {
            out[d][w] = window;
        }
        Ok(out)
    }

    /// Run rows through the encoder in batches and `read` each one's hidden states, behind the last layer and behind the first
    /// `inner` where asked for; what it makes of them, in order.
    ///
    /// On the CPU the batches are shared with threads of the surrounding pool that have nothing else to do, so that an
    /// article that is alone has all cores.
    fn encode<T: Send>(
        &self,
        encoder: &dyn Encoder,
        inner: Option<usize>,
        inputs: &[Sequence],
        read: impl Fn(usize, &[f32], &[f32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let lengths: Vec<usize> = inputs.iter().map(|s| s.ids.len()).collect();
        let width = self.model.config.hidden_size;
        let one = |batch: &Vec<usize>| -> Result<Vec<(usize, T)>> {
            let hidden = encoder.states(&batch.iter().map(|&i| &inputs[i]).collect::<Vec<_>>(), inner)?;
            let mut first = 0;
            let read = |&input: &usize| {
                let rows = first * width..(first + lengths[input]) * width;
                first += lengths[input];
                (input, read(input, &hidden.last[rows.clone()], hidden.inner.get(rows).unwrap_or_default()))
            };
            Ok(batch.iter().map(read).collect())
        };
        let threads = if self.model.kernel.is_some() { rayon::current_num_threads() } else { 1 };
        let plan = batches(&lengths, share(&lengths, threads).min(self.options.batch_tokens));
        let mut answers: Vec<(usize, T)> = if threads == 1 || plan.len() == 1 {
            plan.iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()
        } else {
            plan.par_iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()
        };
        answers.sort_unstable_by_key(|&(input, _)| input);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    fn read_window(
        &self,
        document: &Document,
        window: usize,
        rows: &[Option<usize>],
        hidden: &[f32],
        inner: &[f32],
        wanted: Wanted,
    ) -> WindowOutput {
        let clock = Clock::start();
        let width = self.model.config.hidden_size;
        let cut = wanted.cut && window < CUT_WINDOWS;
        let keep = cut || (wanted.mentions && window < MENTION_WINDOWS);
        let window = &document.windows[window];
        let mut out = WindowOutput { pooled: vec![0.0; width], ..WindowOutput::default() };
        let mut firsts = Vec::new();
        let mut sentence = document.sentences.partition_point(|s| s.words.end <= window.owned.start);
        for word in window.owned.clone() {
            while word >= document.sentences[sentence].words.end {
                sentence += 1;
            }
            let Some(row) = rows[word - window.words.start] else { continue };
            let count = document.pieces_of(word).len();
            if out.sentences.last().is_none_or(|s| s.0 != sentence) {
                out.sentences.push((sentence, 0, vec![0.0; width]));
            }
            if let Some((_, pieces, sum)) = out.sentences.last_mut() {
                *pieces += count;
                for piece in hidden[row * width..(row + count) * width].chunks_exact(width) {
                    add(sum, piece);
                }
            }
            if wanted.words() {
                out.words.push((word, Vec::new()));
                firsts.extend_from_slice(&hidden[row * width..][..width]);
                if cut {
                    out.inner.extend_from_slice(inner.get(row * width..(row + 1) * width).unwrap_or_default());
                }
            }
        }
        for (_, pieces, sum) in &out.sentences {
            out.pieces += pieces;
            add(&mut out.pooled, sum);
        }
        let clock = clock.lap(Stage::Decode);
        if let Some(logits) = (wanted.entities && !firsts.is_empty()).then(|| self.model.heads.entities(&firsts)).flatten() {
            let labels = logits.len() / out.words.len();
            for ((_, slot), row) in out.words.iter_mut().zip(logits.chunks_exact(labels)) {
                *slot = row.to_vec();
            }
        }
        if wanted.summary_words && !firsts.is_empty() {
            let logits = self.model.heads.summary_words(&firsts).unwrap_or_default();
            out.summary_words = logits.into_iter().map(sigmoid).collect();
        }
        if keep {
            out.firsts = firsts;
        }
        clock.lap(Stage::Heads);
        out
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

    /// The mean over the first pieces of a target's mentions, then `mean`, that of the article; `None` where it has none.
    fn of_mentions(&self, document: &Document, windows: &[WindowOutput], mean: &[f32], target: &Target) -> Option<Vec<f32>> {
        let width = self.model.config.hidden_size;
        let named = mentions::mentions(document, &target.text);
        let (mut feature, mut count) = (vec![0.0; width], 0);
        for window in windows {
            for ((word, _), state) in window.words.iter().zip(window.firsts.chunks_exact(width)) {
                if named.binary_search(word).is_ok() {
                    add(&mut feature, state);
                    count += 1;
                }
            }
        }
        divide(&mut feature, count);
        feature.extend_from_slice(mean);
        (count > 0).then_some(feature)
    }

    /// The sentences that the model chooses, or what stays of them where they are cut; `names` stay whole.
    fn summarise(
        &self,
        article: &Article,
        document: &Document,
        windows: &[WindowOutput],
        config: &ExtractConfig,
        names: &[entities::Span],
    ) -> Summary {
        let (original, limit) = (Original::new(&article.text), self.options.summary_words);
        let clock = Clock::start();
        let width = self.model.config.hidden_size;
        let count = document.sentences.len();
        let mut means = vec![0.0; count * width];
        let mut pieces = vec![0usize; count];
        for (sentence, n, sum) in windows.iter().flat_map(|w| &w.sentences) {
            add(&mut means[sentence * width..][..width], sum);
            pieces[*sentence] += n;
        }
        for (mean, &n) in means.chunks_exact_mut(width).zip(&pieces) {
            divide(mean, n);
        }
        // The title has no score of its own: the head was trained on the sentences of the body.
        let body = document.sentences.iter().take_while(|s| s.field == Field::Title).count();
        let mut scores = vec![f32::NEG_INFINITY; body];
        let clock = clock.lap(Stage::Decode);
        if count > body {
            scores.extend(self.model.heads.extract(&means[body * width..]).unwrap_or_default());
        }
        let clock = clock.lap(Stage::Heads);
        let mut words = vec![None; document.words.len()];
        for window in windows {
            window.words.iter().zip(&window.summary_words).for_each(|((word, _), &share)| words[*word] = Some(share));
        }
        let scores = summary::Scores { sentences: &scores, words: &words };
        let (whole, chosen) = summary::extract(document, &scores, config, &original, limit);
        clock.lap(Stage::Decode);
        let parts = self.cut().and_then(|cut| self.parts(document, windows, &chosen, names, cut));
        parts.and_then(|parts| summary::of_parts(document, parts, &original, limit)).unwrap_or(whole)
    }

    /// Parts of the normalised text that stay when `chosen` sentences of the opening are cut, as ranges of bytes; `None` where they
    /// are not to be cut.
    fn parts(
        &self,
        document: &Document,
        windows: &[WindowOutput],
        chosen: &[usize],
        names: &[entities::Span],
        config: &CutConfig,
    ) -> Option<Vec<Range<usize>>> {
        let clock = Clock::start();
        let width = self.model.config.hidden_size;
        let state = |word: usize| {
            let found = |w: &&WindowOutput| w.words.binary_search_by_key(&word, |(word, _)| *word).ok();
            let (window, at) = windows.iter().take(CUT_WINDOWS).find_map(|w| Some((w, found(&w)?)))?;
            let row = at * width..(at + 1) * width;
            Some([window.firsts.get(row.clone())?, window.inner.get(row).unwrap_or_default()])
        };
        let inside: HashSet<usize> = names.iter().flat_map(|name| name.words.clone().skip(1)).collect();
        let opening = Opening::new(document, &summary::pool(document), chosen, &inside, config, |word| state(word).is_some());
        if !opening.covers(document, chosen) {
            return None;
        }
        let states = opening.words.iter().filter_map(|word| state(word.number)).flatten().collect::<Vec<_>>().concat();
        let sentences: Vec<usize> = opening.words.iter().map(|word| word.sentence).collect();
        let clock = clock.lap(Stage::Decode);
        let own = self.model.heads.cut(&states, &sentences)?;
        let clock = clock.lap(Stage::Heads);
        let parts = opening.parts(document, &own, config, self.options.summary_words, |features| self.model.heads.gaps(features));
        clock.lap(Stage::Decode);
        parts
    }

    /// Stances toward the targets asked for, or else the main entities: from their mentions where the article names them,
    /// else from passes with the target; and whether something did not fit into these.
    fn read_stances(
        &self,
        documents: &[Document],
        windows: &[Vec<WindowOutput>],
        analyses: &[Analysis],
        asked: &[Option<&[Target]>],
    ) -> Result<Vec<(Vec<Stance>, bool)>> {
        let mut out: Vec<(Vec<Stance>, bool)> = vec![Default::default(); documents.len()];
        let Some(config) = &self.config.heads.stance else { return Ok(out) };
        let clock = Clock::start();
        let width = self.model.config.hidden_size;
        let mut questions: Vec<Question> = Vec::new();
        let mut rows: Vec<Pair> = Vec::new();
        for (d, document) in documents.iter().enumerate() {
            if document.pieces.is_empty() {
                continue;
            }
            let own = || main_entities(analyses[d].entities.as_deref().unwrap_or_default(), &unsaid(document));
            let targets = asked[d].map_or_else(own, <[Target]>::to_vec);
            let (mean, body) = (self.mean(&windows[d]), Body::new(document));
            for target in targets {
                let named = (target.kind == StanceKind::Entity).then(|| self.of_mentions(document, &windows[d], &mean, &target)).flatten();
                let reading = Reading::new(&body, &target);
                let evidence = reading.evidence(document);
                let origin = named.map_or_else(
                    || {
                        rows.push(reading.pair(document, target.kind, &self.model.tokenizer, self.config.stance_window));
                        out[d].1 |= rows[rows.len() - 1].truncated;
                        Origin::Pass(rows.len() - 1)
                    },
                    Origin::Mentions,
                );
                questions.push(Question { document: d, target, evidence, origin });
            }
        }
        let inputs: Vec<Sequence> = rows.iter_mut().map(|pair| std::mem::take(&mut pair.input)).collect();
        clock.lap(Stage::Tokenise);
        let encoder = if inputs.is_empty() { self.model.encoder.as_ref() } else { self.model.targeted()? };
        let features = self.encode(encoder, None, &inputs, |input, hidden, _| {
            let clock = Clock::start();
            let text = &rows[input].text_rows;
            let mut feature = hidden[..width].to_vec();
            let mut mean = vec![0.0; width];
            hidden[text.start * width..text.end * width].chunks_exact(width).for_each(|row| add(&mut mean, row));
            divide(&mut mean, text.len());
            feature.extend(mean);
            clock.lap(Stage::Heads);
            feature
        })?;
        let clock = Clock::start();
        let heads = &self.model.heads;
        for Question { document, target, evidence, origin } in questions {
            let (logits, temperature) = match (origin, target.kind) {
                (Origin::Mentions(feature), _) => {
                    (heads.mentions(&feature), config.mention.as_ref().map_or(1.0, |mention| mention.temperature))
                }
                (Origin::Pass(row), kind) => (
                    heads.stance(&features[row], kind),
                    if kind == StanceKind::Claim { config.claim_temperature } else { config.entity_temperature },
                ),
            };
            out[document].0.push(stance::decode(&target, &logits.unwrap_or_default(), config, temperature, evidence));
        }
        clock.lap(Stage::Heads);
        Ok(out)
    }
}

/// Pieces of a batch, padding counted, such that each of `threads` threads gets one; no limit for one thread.
fn share(lengths: &[usize], threads: usize) -> usize {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    if threads == 1 { usize::MAX } else { (longest * lengths.len().div_ceil(threads)).max(SMALLEST_SHARE) }
}

fn divide(sum: &mut [f32], count: usize) {
    sum.iter_mut().for_each(|x| *x /= count.max(1) as f32);
}

fn add(sum: &mut [f32], row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(s, x)| *s += x);
}

/// A stance target of a kind.
pub fn target(text: &str, kind: StanceKind) -> Target {
    Target { text: text.trim().to_string(), kind }
}
