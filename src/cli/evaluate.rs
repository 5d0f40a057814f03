//! `mujaz evaluate`.

use super::apart::keep_apart;
use super::args::EvaluateArgs;
use super::draft;
use super::exit::{ExitStatus, say, verdict};
use super::progress::counter;
use crate::analyzer::{Analyzer, Options, Tasks};
use crate::data::labelled::{GoldStance, LabelMap, Labelled, read};
use crate::data::{Analysis, Article, StanceKind};
use crate::eval::check::Expected;
use crate::eval::detail::Detail;
use crate::eval::rows::Row;
use crate::eval::score::Answers;
use crate::model::config::Mujaz;
use crate::model::{Config, Source};
use crate::report::evaluation::{self, Difference, Scores};
use crate::stream;
use crate::tasks::stance::Target;
use anyhow::Context;
use rayon::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

/// Articles that go to the model together.
const GROUP: usize = 16;
/// Tasks that a gate may name: those of the table, without spaces.
const GATED: [&str; 5] = ["entities", "topics", "stance-claim", "stance-entity", "summary"];

pub fn run(args: EvaluateArgs) -> anyhow::Result<ExitStatus> {
    let given = args.model.len();
    anyhow::ensure!(given <= 2, "--model is given {given} times: evaluate scores one model or compares two; run it once for each pair");
    let model_files: Vec<PathBuf> = args.model.iter().flat_map(Source::paths).collect();
    let inputs = [&args.data, args.map.as_slice(), &model_files].concat();
    keep_apart(&inputs, &[args.json.as_deref(), args.html.as_deref()])?;
    let map = args.map.as_deref().map(LabelMap::read).transpose()?.unwrap_or_default();
    let gates = args.min_f1.iter().map(|g| gate(g)).collect::<anyhow::Result<Vec<_>>>()?;
    let (truth, bad) = read(&args.data, &map)?;
    for record in &bad {
        say(record);
    }
    anyhow::ensure!(!truth.is_empty(), "the data holds no readable record");
    let labelled = Tasks {
        topics: truth.iter().any(|t| t.topics.is_some()),
        entities: truth.iter().any(|t| t.entities.is_some()),
        stance: truth.iter().any(|t| t.stance.is_some()),
        summary: truth.iter().any(|t| t.summary.is_some()),
    };
    anyhow::ensure!(
        labelled.any(),
        "the records have no labels; evaluate needs topics, entities, stance or summary fields, or a CoNLL file (.conll, .bio, .iob)"
    );
    let models = if args.model.is_empty() { vec![Source::Bundled] } else { args.model.clone() };
    let configs = models.iter().map(config).collect::<anyhow::Result<Vec<Mujaz>>>()?;
    let tasks = models.iter().zip(&configs).try_fold(labelled, with_heads)?;
    for (task, least) in &gates {
        let scored = is_scored(task, tasks, &truth);
        anyhow::ensure!(scored, "--min-f1 {task}={least}: the data has no labels for {task:?}, or the model has no head for it");
    }
    for (what, label) in unknown_labels(&configs, &truth) {
        say(format_args!("{what} {label:?} is none of the model's labels; map it with --map"));
    }
    let options = Options {
        tasks,
        summary_words: usize::from(args.summaries.summary_words),
        summary_cuts: !args.summaries.summary_whole,
        precision: args.computing.precision.0,
        ..Options::default()
    };
    let outcomes = models.iter().map(|m| answer(m, &args, &options, &truth)).collect::<anyhow::Result<Vec<_>>>()?;
    let score =
        |(model, outcome): (&Source, &Outcome)| Scores { model: model.to_string(), articles: truth.len(), rows: outcome.answers.rows() };
    let scores: Vec<Scores> = models.iter().zip(&outcomes).map(score).collect();
    let difference = |(Row { task, measure, score, .. }, p): (Row, f64)| Difference { task, measure, difference: score, p };
    let comparison: Vec<Difference> = match outcomes.as_slice() {
        [first, second] => first.answers.compare(&second.answers).into_iter().map(difference).collect(),
        _ => Vec::new(),
    };
    let notes = notes(tasks, &truth);
    let wanted = args.json.is_some() || args.html.is_some();
    let details: Vec<Detail> = outcomes.iter().filter(|_| wanted).map(|o| o.answers.detail(&truth, &o.analyses)).collect();
    if let Some(path) = &args.json {
        let content = json!({"models": scores, "details": details, "comparison": comparison, "notes": notes, "bad_records": bad});
        std::fs::write(path, serde_json::to_vec_pretty(&content)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let files = args.data.iter().map(|p| p.display().to_string()).collect();
        let page = evaluation::page(&evaluation::Evaluation {
            files,
            scores: scores.clone(),
            details,
            comparison: comparison.clone(),
            notes: notes.clone(),
            bad_records: bad.len(),
        })?;
        draft::write(path, &page)?;
    }
    let missed = missed_gates(&gates, &scores[0].rows)?;
    for line in &missed {
        say(line);
    }
    let status = if missed.is_empty() && bad.is_empty() { ExitStatus::Success } else { ExitStatus::BadRecords };
    verdict(status, print(&notes, &scores, &comparison))
}

fn print(notes: &[String], scores: &[Scores], comparison: &[Difference]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for note in notes {
        writeln!(out, "note: {note}")?;
    }
    for Scores { model, articles, rows } in scores {
        writeln!(out, "{model}: {articles} articles")?;
        table(&mut out, rows)?;
    }
    if let ([first, second], false) = (scores, comparison.is_empty()) {
        writeln!(out, "{} minus {}, paired bootstrap", first.model, second.model)?;
    }
    for Difference { task, measure, difference, p } in comparison {
        let (value, low, high) = (difference.value, difference.low, difference.high);
        writeln!(out, "{task:<14} {measure:<26} {value:+.4} ({low:+.4} to {high:+.4})  p {p:.3}")?;
    }
    Ok(())
}

fn config(source: &Source) -> anyhow::Result<Mujaz> {
    Ok(Config::parse(&source.open()?.config, &source.to_string())?.mujaz()?.clone())
}

/// Labels that a model cannot give, each once.
fn unknown_labels<'a>(models: &[Mujaz], truth: &'a [Labelled]) -> BTreeSet<(&'static str, &'a str)> {
    models.iter().map(Expected::of).flat_map(|known| truth.iter().flat_map(move |t| known.unknown(t))).collect()
}

/// Whether the table will have the first measure of a task.
fn is_scored(gated: &str, tasks: Tasks, truth: &[Labelled]) -> bool {
    let stance = |kind| tasks.stance && truth.iter().flat_map(|t| t.stance.iter().flatten()).any(|stance| stance.kind == kind);
    match gated {
        "entities" => tasks.entities,
        "topics" => tasks.topics && truth.iter().flat_map(|t| &t.topics).any(|topics| !topics.is_empty()),
        "summary" => tasks.summary,
        "stance-claim" => stance(StanceKind::Claim),
        _ => stance(StanceKind::Entity),
    }
}

/// What a reader of the scores should know of the data.
fn notes(tasks: Tasks, truth: &[Labelled]) -> Vec<String> {
    let has_title = |t: &&Labelled| t.article.title.as_ref().is_some_and(|title| !title.is_empty());
    let untold = truth.iter().filter(|t| tasks.entities && t.entities.is_some() && t.text_alone).filter(has_title);
    let files: BTreeSet<&str> = untold.map(|t| t.article.origin.0.as_ref()).collect();
    let note = |file: &str| format!("{file}: no entity is labelled in a title, so entities are scored in the text alone");
    files.into_iter().map(note).collect()
}

/// The tasks that the model has a head for; what is left out is said.
fn with_heads(tasks: Tasks, (source, config): (&Source, &Mujaz)) -> anyhow::Result<Tasks> {
    let has = Tasks::of(&config.heads);
    for name in tasks.missing_in(has) {
        say(format_args!("{source} has no head for {name}; the data's {name} labels are passed by"));
    }
    let kept = tasks.and(has);
    anyhow::ensure!(kept.any(), "{source} has no head for any label of the data");
    Ok(kept)
}

/// What one model said, and how it compares with the truth.
struct Outcome {
    answers: Answers,
    analyses: Vec<Analysis>,
}

fn answer(source: &Source, args: &EvaluateArgs, options: &Options, truth: &[Labelled]) -> anyhow::Result<Outcome> {
    let pool = stream::workers(args.computing.threads())?;
    let analyzer = pool.install(|| Analyzer::load(source, &args.computing.device, options.clone()))?;
    let bar = counter(truth.len());
    let groups: Vec<Vec<Analysis>> = pool.install(|| {
        truth
            .par_chunks(GROUP)
            .map(|group| {
                let articles: Vec<Article> = group.iter().map(|t| t.article.clone()).collect();
                let target = |s: &GoldStance| Target { text: s.target.clone(), kind: s.kind };
                let targets: Vec<Vec<Target>> = group.iter().map(|t| t.stance.iter().flatten().map(target).collect()).collect();
                let answers = analyzer.analyze_for(&articles, &targets.iter().map(|t| Some(t.as_slice())).collect::<Vec<_>>());
                bar.inc(group.len() as u64);
                answers
            })
            .collect::<crate::Result<_>>()
    })?;
    bar.finish_and_clear();
    let analyses: Vec<Analysis> = groups.into_iter().flatten().collect();
    let mut answers = Answers::default();
    for (truth, analysis) in truth.iter().zip(&analyses) {
        answers.add(truth, analysis);
    }
    Ok(Outcome { answers, analyses })
}

fn table(out: &mut impl Write, rows: &[Row]) -> std::io::Result<()> {
    writeln!(out, "{:<14} {:<26} {:>6}  {:>6}  {:<17} baselines", "task", "measure", "items", "score", "95 % interval")?;
    for Row { task, measure, items, score, baselines } in rows {
        let beside: Vec<String> = baselines.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let line = format!(
            "{task:<14} {measure:<26} {items:>6}  {:.4}  {:.4} to {:.4}  {}",
            score.value,
            score.low,
            score.high,
            beside.join(", ")
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A gate names a task and stands for its first measure.
fn gate(given: &str) -> anyhow::Result<(String, f64)> {
    let parsed = given.split_once('=').and_then(|(task, least)| Some((task.to_string(), least.parse::<f64>().ok()?)));
    let (task, least) = parsed.filter(|(_, least)| (0.0..=1.0).contains(least)).with_context(|| {
        let tasks = GATED.join(", ");
        format!("--min-f1 {given:?}: expected TASK=NUMBER with a number from 0 to 1, for example entities=0.8 (tasks: {tasks})")
    })?;
    anyhow::ensure!(GATED.contains(&task.as_str()), "--min-f1 {given:?}: no task {task:?}; the tasks are {}", GATED.join(", "));
    Ok((task, least))
}

/// Gates that the scores do not reach.
fn missed_gates(gates: &[(String, f64)], rows: &[Row]) -> anyhow::Result<Vec<String>> {
    let mut missed = Vec::new();
    for (task, least) in gates {
        let row = rows.iter().find(|r| r.task.replace(' ', "-") == *task);
        let row = row.with_context(|| format!("--min-f1 {task}={least}: the data has no labels for {task:?}"))?;
        if row.score.value < *least {
            missed.push(format!("{task}: {} is {:.4}, below {least}", row.measure, row.score.value));
        }
    }
    Ok(missed)
}
