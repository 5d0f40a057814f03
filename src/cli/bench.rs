//! `mujaz bench`: how fast this machine is, and where the time goes.

use super::apart::keep_apart;
use super::args::BenchArgs;
use super::exit::{ExitStatus, say};
use crate::analyzer::{Analyzer, Options, Tasks};
use crate::data::{self, Article, Format, Inputs, Record, Writer};
use crate::kernels;
use crate::model::{Config, Sequence};
use crate::pipeline::document::Document;
use crate::pipeline::plan::batches;
use crate::stages::{Clock, Snapshot, Stage};
use crate::stream::{self, Outcome};
use anyhow::Context;
use rayon::ThreadPool;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The articles that are measured where none are given, over and over.
const SAMPLES: [&str; 3] = [
    include_str!("../../examples/articles/01-truce-north.txt"),
    include_str!("../../examples/articles/02-final.txt"),
    include_str!("../../examples/articles/03-central-bank.txt"),
];

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    layers: usize,
    hidden: usize,
    kernel: String,
    threads: usize,
    batch_tokens: usize,
    articles: usize,
    load_ms: f64,
    encoder: EncoderPass,
    end_to_end: Option<EndToEnd>,
    peak_memory_mib: Option<f64>,
}

/// All windows of all articles through the encoder, nothing else.
#[derive(Debug, Serialize)]
struct EncoderPass {
    tokens: usize,
    windows: usize,
    seconds: f64,
    tokens_per_second: f64,
    gflops: f64,
    /// What multiply-adds on registers alone reach on this machine, now.
    peak_gflops: Option<f64>,
    share_of_peak: Option<f64>,
}

/// From records to written answers, all tasks.
#[derive(Debug, Serialize)]
struct EndToEnd {
    seconds: f64,
    articles_per_second: f64,
    /// Tokens through the encoder: windows and stance pairs.
    tokens: u64,
    tokens_per_second: f64,
    padding: f64,
    stages: Vec<StageShare>,
}

#[derive(Debug, Serialize)]
struct StageShare {
    stage: &'static str,
    seconds: f64,
    share: f64,
}

pub fn run(args: &BenchArgs) -> anyhow::Result<ExitStatus> {
    let inputs = [args.inputs.as_slice(), &args.model.paths()].concat();
    keep_apart(&inputs, &[args.rows.as_deref(), args.json.as_deref()])?;
    let (articles, any_bad) = articles(args)?;
    let threads = args.computing.threads();
    let config = Config::parse(&args.model.open()?.config, &args.model.to_string())?;
    let tasks = Tasks::of(&config.mujaz()?.heads);
    let options = Options { tasks, batch_tokens: args.batch_tokens as usize, precision: args.computing.precision.0, ..Options::default() };
    let pool = stream::workers(threads)?;
    let began = Instant::now();
    let analyzer = pool.install(|| Analyzer::load(&args.model, &args.computing.device, options))?;
    let load_ms = began.elapsed().as_secs_f64() * 1e3;
    let config = &analyzer.model().config;
    let report = Report {
        model: config.mujaz()?.name.clone(),
        layers: config.num_hidden_layers,
        hidden: config.hidden_size,
        kernel: analyzer
            .model()
            .kernel
            .map_or_else(|| format!("candle on {}", super::device_name(analyzer.model(), &args.computing.device)), |k| k.to_string()),
        threads,
        batch_tokens: args.batch_tokens as usize,
        articles: articles.len(),
        load_ms,
        encoder: encoder_pass(&analyzer, &articles, threads, args)?,
        end_to_end: (!args.encoder_only).then(|| end_to_end(&analyzer, &articles, &pool, args.repeat)).transpose()?,
        peak_memory_mib: peak_memory_mib(),
    };
    if let Some(path) = &args.json {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        serde_json::to_writer_pretty(file, &report)?;
    }
    print(&report)?;
    Ok(if any_bad { ExitStatus::BadRecords } else { ExitStatus::Success })
}

/// The articles to measure with, and whether there were bad records among them.
fn articles(args: &BenchArgs) -> anyhow::Result<(Vec<Article>, bool)> {
    let limit = args.articles as usize;
    if args.inputs.is_empty() {
        let sample = |i: usize| data::text::article(i.to_string(), SAMPLES[i % SAMPLES.len()]);
        return Ok(((0..limit).map(sample).collect(), false));
    }
    let (mut found, mut any_bad) = (Vec::new(), false);
    for record in Inputs::open(&args.inputs)? {
        match record? {
            Ok(article) => found.push(article),
            Err(bad) => {
                say(bad);
                any_bad = true;
            }
        }
        if found.len() == limit {
            break;
        }
    }
    anyhow::ensure!(!found.is_empty(), "no article to measure with");
    Ok((found, any_bad))
}

fn encoder_pass(analyzer: &Analyzer, articles: &[Article], threads: usize, args: &BenchArgs) -> anyhow::Result<EncoderPass> {
    let model = analyzer.model();
    let mujaz = model.config.mujaz()?;
    let mut rows: Vec<Sequence> = Vec::new();
    for article in articles {
        let document = Document::new(article, &model.tokenizer, mujaz);
        rows.extend(document.windows.iter().map(|w| document.window_input(&w.words, &model.tokenizer).0));
    }
    if let Some(path) = &args.rows {
        let mut file = BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
        for row in &rows {
            writeln!(file, "{}", serde_json::to_string(&row.ids)?)?;
        }
        file.flush()?;
    }
    let lengths: Vec<usize> = rows.iter().map(|r| r.ids.len()).collect();
    anyhow::ensure!(!lengths.is_empty(), "the articles have no words to measure with");
    // Several batches a thread, so that none waits long for the last.
    let share = (lengths.iter().sum::<usize>() / (4 * threads)).max(512);
    let plan = batches(&lengths, analyzer.options().batch_tokens.min(share));
    let mut best = f64::INFINITY;
    for _ in 0..args.repeat {
        let next = AtomicUsize::new(0);
        let work = || -> crate::Result<()> {
            while let Some(batch) = plan.get(next.fetch_add(1, Ordering::Relaxed)) {
                let batch: Vec<&Sequence> = batch.iter().map(|&i| &rows[i]).collect();
                model.encoder.encode(&batch)?;
            }
            Ok(())
        };
        let began = Instant::now();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    let tokens = lengths.iter().sum();
    let gflops = lengths.iter().map(|&length| operations(&model.config, length)).sum::<f64>() / best / 1e9;
    let peak = model.kernel.and_then(|kernel| kernels::peak(kernel, threads, Duration::from_millis(300))).map(|p| p / 1e9);
    Ok(EncoderPass {
        tokens,
        windows: rows.len(),
        seconds: best,
        tokens_per_second: tokens as f64 / best,
        gflops,
        peak_gflops: peak,
        share_of_peak: peak.map(|p| gflops / p),
    })
}

/// Operations of one sequence's products, a multiply-add counted as two.
fn operations(config: &Config, length: usize) -> f64 {
    let (length, hidden, wide) = (length as f64, config.hidden_size as f64, config.intermediate_size as f64);
    let linear = 2.0 * length * (4.0 * hidden * hidden + 2.0 * hidden * wide);
    let attention = 4.0 * length * length * hidden;
    config.num_hidden_layers as f64 * (linear + attention)
}

fn end_to_end(analyzer: &Analyzer, articles: &[Article], pool: &ThreadPool, repeat: u16) -> anyhow::Result<EndToEnd> {
    let mut best: Option<(f64, Snapshot)> = None;
    for _ in 0..repeat {
        let mut writer = Writer::new(std::io::sink(), Format::Jsonl, false)?;
        let (before, began) = (Snapshot::now(), Instant::now());
        let records = articles.iter().map(|article| Ok(Record::Ok(article.clone())));
        stream::run::<anyhow::Error>(analyzer, records, pool, |outcomes| {
            let clock = Clock::start();
            for outcome in outcomes {
                match outcome {
                    Outcome::Good(analysis) => writer.write(&analysis)?,
                    Outcome::Bad(record) => anyhow::bail!("{record}"),
                }
            }
            clock.lap(Stage::Write);
            Ok(())
        })?;
        let seconds = began.elapsed().as_secs_f64();
        if best.is_none_or(|(other, _)| seconds < other) {
            best = Some((seconds, Snapshot::now().since(before)));
        }
    }
    let (seconds, counted) = best.context("--repeat needs one run at least")?;
    let total: f64 = counted.times.iter().map(Duration::as_secs_f64).sum();
    let share = |stage: Stage| {
        let seconds = counted.times[stage as usize].as_secs_f64();
        StageShare { stage: stage.name(), seconds, share: seconds / total }
    };
    Ok(EndToEnd {
        seconds,
        articles_per_second: articles.len() as f64 / seconds,
        tokens: counted.pieces,
        tokens_per_second: counted.pieces as f64 / seconds,
        padding: 1.0 - counted.pieces as f64 / counted.padded.max(1) as f64,
        stages: Stage::ALL.into_iter().map(share).collect(),
    })
}

/// The most memory that the process ever had, where the system tells.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let Report { encoder, end_to_end, .. } = report;
    writeln!(
        out,
        "{} ({} layers of {}), {}, {} threads, batches of {} tokens, {} articles, loaded in {:.0} ms",
        report.model, report.layers, report.hidden, report.kernel, report.threads, report.batch_tokens, report.articles, report.load_ms
    )?;
    write!(out, "encoder      {:>9.0} tokens/s  {:>7.0} GFLOP/s", encoder.tokens_per_second, encoder.gflops)?;
    match (encoder.peak_gflops, encoder.share_of_peak) {
        (Some(peak), Some(share)) => writeln!(out, "  {:.0} % of the {peak:.0} that registers alone reach", share * 100.0)?,
        _ => writeln!(out)?,
    }
    if let Some(end_to_end) = end_to_end {
        let EndToEnd { tokens_per_second, articles_per_second, padding, stages, .. } = end_to_end;
        let padding = padding * 100.0;
        writeln!(out, "end to end   {tokens_per_second:>9.0} tokens/s  {articles_per_second:>7.1} articles/s  padding {padding:.1} %")?;
        for StageShare { stage, seconds, share } in stages {
            writeln!(out, "  {stage:<10} {:>5.1} %  {seconds:>8.3} s", share * 100.0)?;
        }
    }
    if let Some(peak) = report.peak_memory_mib {
        writeln!(out, "peak memory  {peak:>9.0} MiB")?;
    }
    Ok(())
}
