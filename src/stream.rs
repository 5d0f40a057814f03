//! The stream: a reader, workers that each take a group of articles to its end, and a writer in order.
//!
//! Memory is bounded: at most three groups a thread are under way, the slowest included.

use crate::analyzer::Analyzer;
use crate::data::{Analysis, Article, BadRecord, Record};
use crate::error::{Error, Result};
use crate::stages::{Clock, Stage};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of Arabic text that make about one piece.
const BYTES_PER_PIECE: usize = 6;
/// Articles of the largest group.
const LARGEST_GROUP: usize = 256;
/// How the reason of a record begins that was read, but not analysed.
pub const INTERNAL_ERROR: &str = "an internal error";

/// A pool of so many worker threads, one at least, to load a model and to [`run`] in. An error where the system gives none.
pub fn workers(threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(threads.max(1)).build().map_err(Error::threads)
}

/// What came of one record.
#[derive(Debug)]
pub enum Outcome {
    /// Analysed.
    Good(Box<Analysis>),
    /// Reported and passed by.
    Bad(BadRecord),
}

struct Group {
    number: u64,
    records: Vec<Record>,
}

struct Finished {
    number: u64,
    outcomes: Result<Vec<Outcome>>,
}

/// Analyse `records` and hand every outcome to `sink` in the order of the input.
///
/// `sink` is called once a group. Its error, or one in reading or computing, ends the run at once; what
/// came before it has been handed over.
pub fn run<E: From<Error>>(
    analyzer: &Analyzer,
    records: impl Iterator<Item = Result<Record>> + Send,
    pool: &ThreadPool,
    mut sink: impl FnMut(Vec<Outcome>) -> Result<(), E>,
) -> Result<(), E> {
    // Groups are computed inside the pool, where a thread that has none helps with the batches of another's. There are half as
    // many workers again as threads: where a group waits for a batch that another thread took, its own goes on with the next.
    let threads = pool.current_num_threads();
    let (to_workers, from_reader) = bounded::<Group>(threads);
    let (to_writer, from_workers) = unbounded::<Finished>();
    let (free, tickets) = bounded::<()>(threads * 3);
    let _ = free.send(()); // the first group is computed alone, so that all cores may share its batches: its answer comes soonest
    std::thread::scope(|scope| {
        let reader_done = to_writer.clone();
        let budget = analyzer.options().batch_tokens * BYTES_PER_PIECE;
        scope.spawn(move || read(records, budget, &tickets, &to_workers, &reader_done));
        for _ in 0..threads + threads.div_ceil(2) {
            let (from_reader, to_writer) = (from_reader.clone(), to_writer.clone());
            scope.spawn(move || {
                for Group { number, records } in from_reader {
                    let outcomes = pool.install(|| analyse(analyzer, records));
                    if to_writer.send(Finished { number, outcomes }).is_err() {
                        return;
                    }
                }
            });
        }
        drop((from_reader, to_writer));
        drain(from_workers, free, &mut sink)
    })
}

/// Hand outcomes over in order and let the reader go on. Takes the channels, so that an early end frees the others.
fn drain<E: From<Error>>(
    from_workers: Receiver<Finished>,
    free: Sender<()>,
    sink: &mut impl FnMut(Vec<Outcome>) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for Finished { number, outcomes } in &from_workers {
        waiting.insert(number, outcomes);
        while let Some(outcomes) = waiting.remove(&next) {
            sink(outcomes?)?;
            let more = if next == 0 { free.capacity().unwrap_or(1) } else { 1 };
            next += 1;
            (0..more).for_each(|_| _ = free.try_send(()));
        }
    }
    Ok(())
}

/// Gather records into groups: small ones first, so that the first answer comes soon, and at once what comes when nothing is
/// under way, as from a slow stream.
fn read(
    records: impl Iterator<Item = Result<Record>>,
    budget: usize,
    tickets: &Receiver<()>,
    to_workers: &Sender<Group>,
    failed: &Sender<Finished>,
) {
    let send = |number: &mut u64, records: Vec<Record>| {
        let group = Group { number: *number, records };
        *number += 1;
        tickets.recv().is_ok() && to_workers.send(group).is_ok()
    };
    let (mut number, mut most, mut bytes) = (0, 1, 0);
    let mut group: Vec<Record> = Vec::new();
    let mut records = records;
    let mut next = || {
        let clock = Clock::start();
        let record = records.next();
        clock.lap(Stage::Read);
        record
    };
    while let Some(record) = next() {
        match record {
            Ok(record) => {
                bytes += record.as_ref().map_or(0, |a| a.text.len());
                group.push(record);
            }
            Err(error) => {
                if group.is_empty() || send(&mut number, group) {
                    let _ = failed.send(Finished { number, outcomes: Err(error) });
                }
                return;
            }
        }
        if group.len() >= most || bytes >= budget || tickets.is_full() {
            if !send(&mut number, std::mem::take(&mut group)) {
                return;
            }
            bytes = 0;
            most = (most * 2).min(LARGEST_GROUP);
        }
    }
    if !group.is_empty() {
        send(&mut number, group);
    }
}

fn analyse(analyzer: &Analyzer, records: Vec<Record>) -> Result<Vec<Outcome>> {
    let articles: Vec<Article> = records.iter().filter_map(|r| r.as_ref().ok().cloned()).collect();
    let mut answers = guarded(analyzer, &articles)?.into_iter();
    let outcomes = records.into_iter().map(|record| match record {
        Ok(article) => answers.next().unwrap_or_else(|| internal_error(&article)),
        Err(bad) => Outcome::Bad(bad),
    });
    Ok(outcomes.collect())
}

/// Analyse a group; should it panic, which is a bug, its articles go one by one and only the culprit is lost,
/// with a word about it.
fn guarded(analyzer: &Analyzer, articles: &[Article]) -> Result<Vec<Outcome>> {
    let attempt = |articles: &[Article]| catch_unwind(AssertUnwindSafe(|| analyzer.analyze_batch(articles)));
    let good = |analyses: Vec<Analysis>| analyses.into_iter().map(|a| Outcome::Good(Box::new(a)));
    if let Ok(analyses) = attempt(articles) {
        return Ok(good(analyses?).collect());
    }
    let mut out = Vec::with_capacity(articles.len());
    for article in articles {
        match attempt(std::slice::from_ref(article)) {
            Ok(analyses) => out.extend(good(analyses?)),
            Err(_) => out.push(internal_error(article)),
        }
    }
    Ok(out)
}

fn internal_error(article: &Article) -> Outcome {
    // Under the place that it was read from, by which a run that goes on knows it again.
    let (source, line) = (article.origin.0.to_string(), article.origin.1);
    let reason = format!("{INTERNAL_ERROR} in the article {:?}; please report it with this article", article.id);
    Outcome::Bad(BadRecord { source, line, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_is_told_with_the_place_of_its_article() {
        let article = Article { id: "a".into(), origin: ("in.jsonl".into(), 7), ..Article::new("") };
        let Outcome::Bad(bad) = internal_error(&article) else { panic!("it is no answer") };
        assert_eq!((bad.source.as_str(), bad.line), ("in.jsonl", 7));
        assert!(bad.reason.starts_with(INTERNAL_ERROR) && bad.reason.contains("\"a\""), "{bad}");
    }
}
