//! `mujaz evaluate`.

use super::args::EvaluateArgs;
use super::exit::ExitStatus;
use crate::analyzer::{Analyzer, Options, Tasks};
use crate::data::labelled::{LabelMap, Labelled, read};
use crate::data::{Analysis, Article};
use crate::eval::detail::Detail;
use crate::eval::score::{Answers, Row};
use crate::eval::spans::Policy;
use crate::model::Source;
use crate::report::evaluation::{self, Difference, Scores};
use crate::tasks::stance::Target;
use anyhow::Context;
use rayon::prelude::*;
use serde_json::json;
use std::io::Write;

/// Articles that go to the model together.
const GROUP: usize = 16;

pub fn run(args: EvaluateArgs) -> anyhow::Result<ExitStatus> {
    let map = args.map.as_deref().map(LabelMap::read).transpose()?.unwrap_or_default();
    let (truth, bad) = read(&args.data, &map, Policy::Strict)?;
    let (repaired, _) = read(&args.data, &map, Policy::Repair)?;
    for record in &bad {
        writeln!(std::io::stderr(), "mujaz: {record}")?;
    }
    anyhow::ensure!(!truth.is_empty(), "the data holds no readable record");
    let tasks = Tasks {
        topics: truth.iter().any(|t| t.topics.is_some()),
        entities: truth.iter().any(|t| t.entities.is_some()),
        stance: truth.iter().any(|t| t.stance.is_some()),
        summary: truth.iter().any(|t| t.summary.is_some()),
    };
    anyhow::ensure!(
        tasks.topics || tasks.entities || tasks.stance || tasks.summary,
        "the records have no labels; evaluate needs topics, entities, stance or summary fields, or a CoNLL file (.conll, .bio, .iob)"
    );
    let options = Options { tasks, summary_words: usize::from(args.summary_words), ..Options::default() };
    let models = if args.model.is_empty() { vec![Source::Bundled] } else { args.model.clone() };
    let outcomes = models.iter().map(|m| answer(m, &args, &options, &truth, &repaired)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut out = std::io::stdout().lock();
    let mut scores = Vec::new();
    for (model, outcome) in models.iter().zip(&outcomes) {
        writeln!(out, "{model}: {} articles", truth.len())?;
        let rows = outcome.answers.rows();
        table(&mut out, &rows)?;
        scores.push(Scores { model: model.to_string(), articles: truth.len(), rows });
    }
    let mut comparison = Vec::new();
    if let [first, second] = outcomes.as_slice() {
        writeln!(out, "{} minus {}, paired bootstrap", models[0], models[1])?;
        for (row, p) in first.answers.compare(&second.answers) {
            let Row { task, measure, score, .. } = row;
            writeln!(out, "{task:<14} {measure:<26} {:+.4} ({:+.4} to {:+.4})  p {p:.3}", score.value, score.low, score.high)?;
            comparison.push(Difference { task, measure, difference: score, p });
        }
    }
    let wanted = args.json.is_some() || args.html.is_some();
    let details: Vec<Detail> = outcomes.iter().filter(|_| wanted).map(|o| o.answers.detail(&truth, &o.analyses)).collect();
    if let Some(path) = &args.json {
        let content = json!({"models": scores, "details": details, "comparison": comparison, "bad_records": bad});
        std::fs::write(path, serde_json::to_vec_pretty(&content)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let files = args.data.iter().map(|p| p.display().to_string()).collect();
        let page =
            evaluation::page(&evaluation::Evaluation { files, scores: scores.clone(), details, comparison, bad_records: bad.len() })?;
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let missed = missed_gates(&args.min_f1, &scores[0].rows)?;
    for line in &missed {
        writeln!(std::io::stderr(), "mujaz: {line}")?;
    }
    Ok(if missed.is_empty() && bad.is_empty() { ExitStatus::Success } else { ExitStatus::BadRecords })
}

/// What one model said, and how it compares with the truth.
struct Outcome {
    answers: Answers,
    analyses: Vec<Analysis>,
}

fn answer(source: &Source, args: &EvaluateArgs, options: &Options, truth: &[Labelled], repaired: &[Labelled]) -> anyhow::Result<Outcome> {
    let analyzer = Analyzer::load(source, &args.device, options.clone())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.map_or(0, usize::from)).build()?;
    let groups: Vec<Vec<Analysis>> = pool.install(|| {
        truth
            .par_chunks(GROUP)
            .map(|group| {
                let articles: Vec<Article> = group.iter().map(|t| t.article.clone()).collect();
                let targets: Vec<Vec<Target>> = group.iter().map(|t| t.stance.iter().flatten().map(|s| s.0.clone()).collect()).collect();
                analyzer.analyze_for(&articles, &targets.iter().map(Vec::as_slice).collect::<Vec<_>>())
            })
            .collect::<crate::Result<_>>()
    })?;
    let analyses: Vec<Analysis> = groups.into_iter().flatten().collect();
    let mut answers = Answers::default();
    for ((truth, repaired), analysis) in truth.iter().zip(repaired).zip(&analyses) {
        answers.add(truth, repaired, analysis);
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

/// Gates that the scores do not reach. A gate names a task and stands for its first measure.
fn missed_gates(gates: &[String], rows: &[Row]) -> anyhow::Result<Vec<String>> {
    let mut missed = Vec::new();
    for gate in gates {
        let (task, least) = gate.split_once('=').and_then(|(t, v)| Some((t, v.parse::<f64>().ok()?))).with_context(|| {
            format!("--min-f1 {gate:?}: expected TASK=NUMBER, for example entities=0.8 (tasks: entities, topics, stance-claim, stance-entity, summary)")
        })?;
        let row = rows.iter().find(|r| r.task.replace(' ', "-") == task);
        let row = row.with_context(|| format!("--min-f1 {gate:?}: the data has no labels for {task:?}"))?;
        if row.score.value < least {
            missed.push(format!("{task}: {} is {:.4}, below {least}", row.measure, row.score.value));
        }
    }
    Ok(missed)
}
