//! `mujaz render`.

use super::apart::keep_apart;
use super::args::RenderArgs;
use super::exit::{ExitStatus, say};
use crate::data::{BadRecord, JsonlReader};
use crate::model::Config;
use crate::report::PageWriter;
use anyhow::Context;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

pub fn run(args: RenderArgs) -> anyhow::Result<ExitStatus> {
    anyhow::ensure!(args.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("html")), "the output's name must end in .html");
    // An earlier page is replaced only by a whole one.
    let draft = args.output.with_extension("html.part");
    keep_apart(std::slice::from_ref(&args.results), &[Some(&args.output), Some(&draft)])?;
    let source = args.results.display().to_string();
    let input: Box<dyn Read> = if source == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(&args.results).with_context(|| format!("cannot read {source}"))?)
    };
    let config = Config::parse(&crate::model::Source::Bundled.open()?.config, "bundled")?;
    let result = draw(&args, input, source, &draft, &config);
    if result.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    result
}

/// Write the page into `draft`, and that in place of an earlier page.
fn draw(args: &RenderArgs, input: Box<dyn Read>, source: String, draft: &Path, config: &Config) -> anyhow::Result<ExitStatus> {
    let cannot_write = || format!("cannot write {}", args.output.display());
    let mut page = PageWriter::new(BufWriter::new(File::create(draft).with_context(cannot_write)?), topic_names(config))?;
    let (mut good, mut bad) = (0, 0);
    for record in JsonlReader::new(BufReader::new(input), source) {
        match record? {
            Ok(article) => {
                let mut fields = article.extra;
                fields.insert("id".into(), article.id.into());
                fields.insert("text".into(), article.text.into());
                fields.extend(article.title.map(|t| ("title".to_string(), Value::String(t))));
                page.add(&Value::Object(fields))?;
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
    std::fs::rename(draft, &args.output).with_context(cannot_write)?;
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
