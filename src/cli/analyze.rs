//! `mujaz analyze`.

use super::args::{AnalyzeArgs, Output, Settings};
use super::exit::ExitStatus;
use super::progress::Progress;
use crate::analyzer::Analyzer;
use crate::data::{Inputs, Record, Writer};
use crate::error::{Error, Result};
use crate::pipeline::{self, Outcome};
use crate::stages::{Clock, Stage};
use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

type Sink = Box<dyn Write + Send>;

pub fn run(args: AnalyzeArgs) -> anyhow::Result<ExitStatus> {
    let settings = args.resolve()?;
    let mut inputs = Inputs::open(&settings.inputs)?;
    for written in [&settings.output.file, &settings.errors].into_iter().flatten() {
        // An output inside an input folder is not an article; a file named as both would destroy itself.
        if inputs.leave_out(written) && settings.inputs.iter().any(|input| input.is_file() && same_file(input, written)) {
            anyhow::bail!("{} is both an input and an output; give the output another name", written.display());
        }
    }
    if let (Some(output), Some(errors)) = (&settings.output.file, &settings.errors) {
        anyhow::ensure!(output != errors, "{} cannot hold both the output and --errors", output.display());
    }
    let (total, read) = (inputs.total_bytes(), inputs.bytes_read());
    let pool = pipeline::workers(settings.threads)?;
    let analyzer = pool.install(|| Analyzer::load(&settings.source, &settings.device, settings.options.clone()))?;
    let (sink, done) = open_output(&settings.output)?;
    let mut writer = Writer::new(sink, settings.output.format, super::render::topic_names(&analyzer.model().config))?;
    let mut errors = settings.errors.as_deref().map(|path| open_errors(path, settings.output.resume)).transpose()?;
    if settings.verbose {
        describe(&settings, &analyzer, done);
    }
    let mut progress = Progress::new(total, settings.quiet);
    let mut any_bad = false;
    let records = skip_good(inputs, done);
    let result: anyhow::Result<()> = pipeline::run(&analyzer, records, &pool, |outcomes| {
        let clock = Clock::start();
        let (mut good, mut bad) = (0, 0);
        for outcome in outcomes {
            match outcome {
                Outcome::Good(analysis) => {
                    writer.write(&analysis).context("cannot write the output")?;
                    good += 1;
                }
                Outcome::Bad(record) => {
                    match &mut errors {
                        Some(file) => writeln!(file, "{}", serde_json::to_string(&record)?).context("cannot write --errors")?,
                        None => progress.say(&format!("mujaz: {record}")),
                    }
                    bad += 1;
                }
            }
        }
        writer.flush().context("cannot write the output")?;
        clock.lap(Stage::Write);
        any_bad |= bad > 0;
        progress.advance(good, bad, read.load(std::sync::atomic::Ordering::Relaxed));
        Ok(())
    });
    // What was analysed before an error is kept, whatever the error is.
    let closed = writer.finish().context("cannot write the output");
    if let Some(mut file) = errors {
        file.flush().context("cannot write --errors")?;
    }
    result?;
    closed?;
    progress.finish();
    Ok(if any_bad { ExitStatus::BadRecords } else { ExitStatus::Success })
}

fn describe(settings: &Settings, analyzer: &Analyzer, done: u64) {
    let config = &analyzer.model().config;
    let kernel = analyzer.model().kernel.map_or_else(|| "candle".to_string(), |k| k.to_string());
    let name = config.mujaz.as_ref().map_or("", |m| &m.name);
    let _ = writeln!(
        std::io::stderr(),
        "mujaz: model {name} ({} layers of {}), device {:?}, kernel {kernel}, {} threads, {done} records done before",
        config.num_hidden_layers,
        config.hidden_size,
        settings.device,
        settings.threads,
    );
}

/// The sink, and how many records an earlier run left in it.
fn open_output(output: &Output) -> anyhow::Result<(Sink, u64)> {
    let Some(path) = &output.file else { return Ok((Box::new(BufWriter::new(std::io::stdout())), 0)) };
    if output.resume && path.exists() {
        let (file, done) = reopen(path).map_err(|source| Error::File { path: path.clone(), source })?;
        return Ok((Box::new(BufWriter::new(file)), done));
    }
    let file = File::create(path).map_err(|source| Error::File { path: path.clone(), source })?;
    Ok((Box::new(BufWriter::new(file)), 0))
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Open an earlier output behind its last complete line and count its records.
fn reopen(path: &Path) -> std::io::Result<(File, u64)> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (mut complete, mut lines) = (0u64, 0u64);
    let mut reader = BufReader::new(&file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') || serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_err() {
            break;
        }
        complete += length as u64;
        lines += 1;
    }
    file.set_len(complete)?;
    file.seek(SeekFrom::End(0))?;
    Ok((file, lines))
}

fn open_errors(path: &Path, append: bool) -> Result<BufWriter<File>> {
    let open = if append { OpenOptions::new().create(true).append(true).open(path) } else { File::create(path) };
    open.map(BufWriter::new).map_err(|source| Error::File { path: path.to_path_buf(), source })
}

/// Leave out the first `done` good records, and the bad ones between them, which an earlier run reported.
fn skip_good(records: impl Iterator<Item = Result<Record>> + Send, done: u64) -> impl Iterator<Item = Result<Record>> + Send {
    let mut left = done;
    records.filter(move |record| {
        let skip = left > 0 && record.is_ok();
        if skip && matches!(record, Ok(Ok(_))) {
            left -= 1;
        }
        !skip
    })
}
