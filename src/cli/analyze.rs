//! `mujaz analyze`.

use super::apart;
use super::args::{AnalyzeArgs, Output, Settings};
use super::draft::Draft;
use super::exit::ExitStatus;
use super::output::Writer;
use super::progress::Progress;
use super::resume::{self, Earlier, Opened, Traits};
use crate::analyzer::Analyzer;
use crate::data::{BadRecord, Identity, Inputs};
use crate::stages::{Clock, Stage};
use crate::stream::{self, Outcome};
use anyhow::Context;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

type Sink = Box<dyn Write + Send>;

pub fn run(args: AnalyzeArgs) -> anyhow::Result<ExitStatus> {
    let settings = args.resolve()?;
    let mut inputs = Inputs::open(&settings.inputs)?;
    keep_apart(&settings, &mut inputs)?;
    let (total, read) = (inputs.total_bytes(), inputs.bytes_read());
    let pool = stream::workers(settings.threads)?;
    let analyzer = pool.install(|| Analyzer::load(&settings.source, &settings.device, settings.options.clone()))?;
    // Nothing is emptied before everything is open.
    let Output { file, format, resume } = &settings.output;
    let output = file.as_deref().map(|path| resume::open_output(path, *format, *resume)).transpose()?;
    let errors = settings.errors.as_deref().map(|path| resume::open_errors(path, *resume)).transpose()?;
    let ((mut output, done), (errors, reported)) = (output.unzip(), errors.unzip());
    let done = done.unwrap_or_default();
    let draft = output.as_mut().and_then(|output| output.draft.take());
    let sink: Sink = match output {
        Some(file) => Box::new(file.begin().context("cannot write the output")?),
        None => Box::new(BufWriter::new(std::io::stdout())),
    };
    let mut errors = errors.map(Opened::begin).transpose().context("cannot write --errors")?;
    let names = super::render::topic_names(&analyzer.model().config);
    let mut writer = Writer::new(sink, *format, settings.options.with_text, names)?;
    if settings.verbose {
        describe(&settings, &analyzer, done.left());
    }
    let mut progress = Progress::new(total, settings.quiet);
    let mut any_bad = false;
    let earlier = Earlier::default();
    let records = earlier.skip(inputs, done, reported, Traits::of(&analyzer)?);
    let result: anyhow::Result<()> = stream::run(&analyzer, records, &pool, |outcomes| {
        let clock = Clock::start();
        let (mut good, mut bad) = (0, Vec::new());
        for outcome in outcomes {
            match outcome {
                Outcome::Good(analysis) => {
                    writer.write(&analysis).context("cannot write the output")?;
                    good += 1;
                }
                Outcome::Bad(record) => bad.push(record),
            }
        }
        // Before the records behind them: what stands in the output says how far an interrupted run came.
        report(&bad, &mut errors, &progress)?;
        writer.flush().context("cannot write the output")?;
        clock.lap(Stage::Write);
        any_bad |= !bad.is_empty();
        progress.advance(good, bad.len() as u64, read.load(Ordering::Relaxed));
        Ok(())
    });
    // What was analysed before an error is kept, whatever the error is; but a draft goes, and what it was to replace stays.
    let closed = writer.finish().context("cannot write the output");
    result?;
    closed?;
    let (missing, known) = (earlier.missing.into_inner(), earlier.bad.into_inner());
    anyhow::ensure!(missing == 0, "the output holds {missing} records more than the inputs; --resume needs the inputs of the earlier run");
    draft.map_or(Ok(()), Draft::put)?;
    progress.advance(0, known, read.load(Ordering::Relaxed));
    progress.finish();
    Ok(if any_bad || known > 0 { ExitStatus::BadRecords } else { ExitStatus::Success })
}

/// Tell of bad records in the file of `--errors`, or on stderr without one, or once nobody reads it any more.
fn report(bad: &[BadRecord], errors: &mut Option<BufWriter<File>>, progress: &Progress) -> anyhow::Result<()> {
    let write = |file: &mut BufWriter<File>| {
        for record in bad {
            writeln!(file, "{}", serde_json::to_string(record)?)?;
        }
        file.flush()
    };
    match errors.as_mut().map(write) {
        Some(Ok(())) => return Ok(()),
        Some(Err(error)) if error.kind() == ErrorKind::BrokenPipe => {
            *errors = None;
            progress.say("mujaz: nobody reads --errors any more; bad records are told here");
        }
        Some(Err(error)) => return Err(error).context("cannot write --errors"),
        None => {}
    }
    bad.iter().for_each(|record| progress.say(&format!("mujaz: {record}")));
    Ok(())
}

fn describe(settings: &Settings, analyzer: &Analyzer, done: u64) {
    let config = &analyzer.model().config;
    let kernel = analyzer.model().kernel.map_or_else(|| "candle".to_string(), |k| k.to_string());
    let name = config.mujaz.as_ref().map_or("", |m| &m.name);
    let _ = writeln!(
        std::io::stderr(),
        "mujaz: model {name} ({} layers of {}), device {}, kernel {kernel}, {} threads, {done} records done before",
        config.num_hidden_layers,
        config.hidden_size,
        super::device_name(analyzer.model(), &settings.device),
        settings.threads,
    );
}

/// An output in an input folder is not read; else none may be an input or another output.
fn keep_apart(settings: &Settings, inputs: &mut Inputs) -> anyhow::Result<()> {
    let file = &settings.output.file;
    let files = [file.as_deref(), settings.errors.as_deref()];
    let printed = file.is_none().then(Identity::stdout).flatten();
    for file in files.into_iter().flatten().filter_map(Identity::of).chain(printed) {
        inputs.leave_out(&file);
    }
    let named = settings.inputs.iter().filter(|path| !path.is_dir()).cloned();
    let named: Vec<PathBuf> = named.chain(settings.source.paths()).collect();
    apart::keep_apart(&named, &files)
}
