//! `mujaz analyze`.

use super::args::{AnalyzeArgs, Output, Settings};
use super::exit::ExitStatus;
use super::progress::Progress;
use crate::analyzer::Analyzer;
use crate::data::{BadRecord, Identity, Inputs, Record, Writer};
use crate::error::{Error, Result};
use crate::pipeline::{self, Outcome};
use crate::stages::{Clock, Stage};
use anyhow::Context;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

type Sink = Box<dyn Write + Send>;

pub fn run(args: AnalyzeArgs) -> anyhow::Result<ExitStatus> {
    let settings = args.resolve()?;
    let mut inputs = Inputs::open(&settings.inputs)?;
    keep_apart(&settings, &mut inputs)?;
    let (total, read) = (inputs.total_bytes(), inputs.bytes_read());
    let pool = pipeline::workers(settings.threads)?;
    let analyzer = pool.install(|| Analyzer::load(&settings.source, &settings.device, settings.options.clone()))?;
    let errors = settings.errors.as_deref().map(|path| open_errors(path, settings.output.resume)).transpose()?;
    let (mut errors, reported) = errors.unzip();
    let (sink, done) = open_output(&settings.output)?;
    let names = super::render::topic_names(&analyzer.model().config);
    let mut writer = Writer::new(sink, settings.output.format, settings.options.with_text, names)?;
    if settings.verbose {
        describe(&settings, &analyzer, done);
    }
    let mut progress = Progress::new(total, settings.quiet);
    let mut any_bad = false;
    let records = skip_done(inputs, done, reported);
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
        // Before the records behind them: what stands in the output says how far an interrupted run came.
        if let Some(file) = &mut errors {
            file.flush().context("cannot write --errors")?;
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

/// No output may destroy an input, nor be read as one, nor hold both the records and the errors.
fn keep_apart(settings: &Settings, inputs: &mut Inputs) -> anyhow::Result<()> {
    let files = [&settings.output.file, &settings.errors].into_iter().flatten();
    let mut written: Vec<_> = files.filter_map(|path| Some((path.display().to_string(), Identity::of(path)?))).collect();
    if settings.output.file.is_none() {
        written.extend(Identity::stdout().map(|file| ("standard output".to_string(), file)));
    }
    for (name, file) in written {
        // An output inside an input folder is not an article; a file named as both would destroy itself.
        if inputs.leave_out(&file) && settings.inputs.iter().any(|input| Identity::of_input(input).as_ref() == Some(&file)) {
            anyhow::bail!("{name} is both an input and an output; give the output another name");
        }
    }
    if let (Some(output), Some(errors)) = (&settings.output.file, &settings.errors) {
        let place = |path: &Path| Some(std::path::absolute(path).ok()?.parent()?.canonicalize().ok()?.join(path.file_name()?));
        let same = Identity::of(output).is_some_and(|file| Identity::of(errors) == Some(file)) || place(output) == place(errors);
        anyhow::ensure!(!same, "{} cannot hold both the output and --errors", output.display());
    }
    Ok(())
}

/// Open an earlier output behind its last complete line and count its records.
fn reopen(path: &Path) -> std::io::Result<(File, u64)> {
    let mut lines = 0;
    let file = reopen_lines(path, |line| {
        let whole = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
        lines += u64::from(whole);
        whole
    })?;
    Ok((file, lines))
}

/// Open a file behind the last of its first lines that are complete and that `is_whole` accepts.
fn reopen_lines(path: &Path, mut is_whole: impl FnMut(&[u8]) -> bool) -> std::io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut complete = 0u64;
    let mut reader = BufReader::new(&file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') || !is_whole(&line) {
            break;
        }
        complete += length as u64;
    }
    file.set_len(complete)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// The file of `--errors`, and what an earlier run reported there that this one goes on from.
fn open_errors(path: &Path, resume: bool) -> Result<(BufWriter<File>, HashSet<BadRecord>)> {
    let mut reported = HashSet::new();
    let file = if resume && path.is_file() {
        reopen_lines(path, |line| serde_json::from_slice(line).map(|record| reported.insert(record)).is_ok())
    } else {
        File::create(path)
    };
    let file = file.map_err(|source| Error::File { path: path.to_path_buf(), source })?;
    Ok((BufWriter::new(file), reported))
}

/// Leave out the first `done` good records, and the bad ones that an earlier run `reported`; where it kept no file of them,
/// those between these good ones.
fn skip_done(
    records: impl Iterator<Item = Result<Record>> + Send,
    done: u64,
    reported: Option<HashSet<BadRecord>>,
) -> impl Iterator<Item = Result<Record>> + Send {
    let mut left = done;
    records.filter(move |record| match record {
        Ok(Ok(_)) if left > 0 => {
            left -= 1;
            false
        }
        Ok(Err(bad)) => match &reported {
            Some(reported) => !reported.contains(bad),
            None => left == 0,
        },
        _ => true,
    })
}
