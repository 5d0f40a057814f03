//! A summary from what the windows of an article say.

use super::windows::{CUT_WINDOWS, WindowOutput};
use super::{Analyzer, add, divide};
use crate::data::{Article, Summary};
use crate::model::config::{CutConfig, ExtractConfig};
use crate::pipeline::document::{Document, Field};
use crate::stages::{Clock, Stage};
use crate::tasks::cut::Opening;
use crate::tasks::pool::pool;
use crate::tasks::{entities, summary};
use crate::text::clitics;
use crate::text::normalise::Original;
use std::collections::HashSet;
use std::ops::Range;

impl Analyzer {
    /// The sentences that the model chooses, or what stays of them where they are cut; `names` stay whole.
    pub(super) fn summarise(
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
        // Who is only listed («ومحمد») or stands behind a preposition may go.
        let bare = |word: &usize| clitics::strip(document.word(*word), |_| false) == document.word(*word);
        let persons: HashSet<usize> = names.iter().filter(|name| name.kind == "PER").map(|name| name.words.start).filter(bare).collect();
        let opening = Opening::new(document, &pool(document), chosen, &inside, &persons, config, |word| state(word).is_some());
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
}
