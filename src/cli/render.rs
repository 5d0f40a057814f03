//! `mujaz render`.

use super::apart::keep_apart;
use super::args::RenderArgs;
use super::draft::{Draft, emptied};
use super::exit::{ExitStatus, say};
use crate::data::{BadRecord, JsonlReader};
use crate::model::Config;
use crate::report::PageWriter;
use anyhow::Context;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};

pub fn run(args: RenderArgs) -> anyhow::Result<ExitStatus> {
    anyhow::ensure!(args.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("html")), "the output's name must end in .html");
    keep_apart(std::slice::from_ref(&args.results), &[Some(&args.output)])?;
    let source = args.results.display().to_string();
    let input: Box<dyn Read> = if source == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(&args.results).with_context(|| format!("cannot read {source}"))?)
    };
    let config = Config::parse(&crate::model::Source::Bundled.open()?.config, "bundled")?;
    draw(&args, input, source, &config)
}

/// Write the page: a whole one, else an earlier one stays.
fn draw(args: &RenderArgs, input: Box<dyn Read>, source: String, config: &Config) -> anyhow::Result<ExitStatus> {
    let (file, draft) = Draft::begin(&args.output)?;
    let cannot_write = || format!("cannot write {}", args.output.display());
    let file = emptied(file).with_context(cannot_write)?;
    let mut page = PageWriter::new(BufWriter::new(file), topic_names(config)).with_context(cannot_write)?;
    let (mut good, mut bad) = (0, 0);
    for record in JsonlReader::new(BufReader::new(input), source) {
        match record? {
            Ok(article) => {
                let mut fields = article.extra;
                fields.insert("id".into(), article.id.into());
                fields.insert("text".into(), article.text.into());
                fields.extend(article.title.map(|t| ("title".to_string(), Value::String(t))));
                page.add(&Value::Object(fields)).with_context(cannot_write)?;
                good += 1;
            }
            Err(record) => {
                report(&record);
                bad += 1;
            }
        }
    }
    page.finish().with_context(cannot_write)?;
    anyhow::ensure!(good > 0, "{} holds no result with its text; analyse with --with-text", args.results.display());
    draft.map_or(Ok(()), Draft::put)?;
    Ok(if bad > 0 { ExitStatus::BadRecords } else { ExitStatus::Success })
}

/// Arabic names of the bundled model's topics, by label.
pub fn topic_names(config: &Config) -> Map<String, Value> {
    let topics = config.mujaz.iter().flat_map(|m| &m.heads.topics).flat_map(|t| &t.labels);
    topics.map(|t| (t.label.clone(), Value::String(t.ar.clone()))).collect()
}

fn report(record: &BadRecord) {
    let hint = if record.reason.starts_with("no \"text\"") { "; analyse with --with-text, so that the page can show it" } else { "" };
    say(format_args!("{record}{hint}"));
}
