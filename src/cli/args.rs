//! Raw arguments. `AnalyzeArgs::resolve` makes the settings that everything below reads.

use super::output::Format;
use crate::analyzer::{Options, Tasks, target};
use crate::data::StanceKind;
use crate::kernels::Precision;
use crate::model::{Device, Source};
use clap::{Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Topics, stance, entities and a short summary of Arabic news articles, offline.
#[derive(Debug, Parser)]
#[command(name = "mujaz", version, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
    /// Fetch nothing: a hub: model must be in the cache
    #[arg(long, global = true)]
    pub offline: bool,
}

impl Args {
    /// The command, its models bound to what --offline says.
    pub fn command(self) -> Command {
        let mut command = self.command;
        let models = match &mut command {
            Command::Analyze(args) => std::slice::from_mut(&mut args.model),
            Command::Evaluate(args) => args.model.as_mut_slice(),
            Command::Check(args) => std::slice::from_mut(&mut args.model),
            Command::Bench(args) => std::slice::from_mut(&mut args.model),
            Command::Model { action: ModelAction::Info { model } | ModelAction::Verify { model } | ModelAction::Pull { model } } => {
                std::slice::from_mut(model)
            }
            Command::Render(_) => &mut [],
        };
        for model in models {
            if let (true, Source::Hub(model)) = (self.offline, model) {
                model.stay_offline();
            }
        }
        command
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse articles: topics, entities, stance, summary
    ///
    /// Inputs are .txt files (one article each; the first line is the title when a blank line follows it),
    /// .jsonl, .csv, .tsv or .parquet files with a "text" field, folders of them, or - for JSONL on standard input.
    /// One record comes out for each that goes in, in the same order. Records that cannot be read are
    /// reported with file, line and reason, and the rest goes on.
    ///
    /// Exit status: 0 all well; 1 some records were bad; 2 usage, input, output or model error.
    Analyze(Box<AnalyzeArgs>),
    /// Score a model on labelled articles
    ///
    /// DATA are files that analyze reads, with labels in the shape of its output (topics, entities, stance,
    /// summary), CSV tables with the columns topics, or target (or claim) and label, and CoNLL files
    /// (.conll, .bio, .iob; the tag in the last column, IOB2 or IOB1). Every score stands beside its
    /// 95 % interval, a bootstrap over articles, and what trivial methods reach.
    ///
    /// Of stance, "macro-F1 of three" takes neutral and unrelated as one label, for most data does not tell
    /// them apart; "macro-F1 of four" and the lines of each label do not. Articles with an empty list of topics
    /// have no "first label right". Titles are scored for entities in files that label any there.
    ///
    /// Exit status: 0 all well; 1 a gate was missed or some records were bad; 2 errors.
    Evaluate(Box<EvaluateArgs>),
    /// List what would spoil training or evaluation in labelled data
    ///
    /// Reads what evaluate reads and prints, with file and line: spans that cut a word, do not match their
    /// text or overlap; unknown and rare labels; empty, repeated and nearly repeated articles; the same
    /// article in two files; labels that contradict each other; wrong encodings; page furniture; class
    /// balance and lengths.
    ///
    /// Exit status: 0 nothing serious; 1 errors were found; 2 usage, input or model error.
    Check(Box<CheckArgs>),
    /// Make a page of analysed articles to look at
    ///
    /// RESULTS is the JSONL of `mujaz analyze --with-text`. The page is one file that needs no network:
    /// right to left, entities highlighted by type, topics, stance with its evidence, the summary marked in
    /// place, and filters. `mujaz analyze -o page.html` makes it at once.
    Render(RenderArgs),
    /// Measure tokens and articles a second on this machine, and where the time goes
    ///
    /// Without INPUT three short articles that come with the program are read over and over. The encoder alone
    /// is measured first (every window of every article, batches of like length), then the whole road from
    /// record to written answer. Of the repeated runs the fastest counts. Times by stage are sums over threads.
    Bench(Box<BenchArgs>),
    /// Look at a model, fetch one from a hub, or check it
    Model {
        #[command(subcommand)]
        action: ModelAction,
    },
}

#[derive(Debug, Subcommand)]
pub enum ModelAction {
    /// Print what a model holds: heads, labels, sizes
    Info {
        /// Model folder, hub:ORG/NAME[@REVISION], or "bundled"
        #[arg(default_value = "bundled")]
        model: Source,
    },
    /// Fetch a model from a hub into the cache, or what is new of it, and print its folder
    ///
    /// The cache is that of other Hugging Face tools (HF_HUB_CACHE, HF_HOME); HF_ENDPOINT names another server.
    Pull {
        /// hub:ORG/NAME or hub:ORG/NAME@REVISION
        model: Source,
    },
    /// Load a model, run a sentence through every head and compare the kernels with the candle reference
    Verify {
        /// Model folder, hub:ORG/NAME[@REVISION], or "bundled"
        #[arg(default_value = "bundled")]
        model: Source,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    Topics,
    Stance,
    Entities,
    Summary,
}

/// Where and in what the encoder computes.
#[derive(Debug, clap::Args)]
pub struct Computing {
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: Device,
    /// Numbers that the encoder multiplies in: f32, bf16, int8, or auto: bf16 where the processor has AMX or
    /// AVX512-BF16, else f32
    #[arg(long, value_name = "P", default_value = "auto", value_parser = precision)]
    pub precision: Chosen,
    /// Worker threads (default: one a core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl Computing {
    /// Worker threads, one a core where none are named.
    pub fn threads(&self) -> usize {
        self.threads.map_or_else(cores, usize::from)
    }
}

/// How summaries are made.
#[derive(Debug, clap::Args)]
pub struct Summaries {
    /// Most words of a summary; the best sentence may take them all, further ones are added up to half of them
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub summary_words: u16,
    /// Take whole sentences into summaries: without it words that an editor would leave out of them go, as the model's head for
    /// it says (who said it stays)
    #[arg(long)]
    pub summary_whole: bool,
}

#[derive(Debug, clap::Args)]
pub struct AnalyzeArgs {
    /// Files, folders, or - for JSONL on standard input
    #[arg(value_name = "INPUT", default_value = "-")]
    pub inputs: Vec<PathBuf>,
    /// Write to FILE (.jsonl, .csv, .parquet, or .html to look at) instead of JSONL on standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Model folder, hub:ORG/NAME[@REVISION], or "bundled"
    #[arg(long, value_name = "MODEL", default_value = "bundled")]
    pub model: Source,
    /// Answers to give
    #[arg(long, value_enum, value_delimiter = ',', default_value = "topics,stance,entities,summary")]
    pub tasks: Vec<Task>,
    /// Give the stance toward this person, body, place or group (repeatable)
    #[arg(long, value_name = "TEXT")]
    pub target: Vec<String>,
    /// Give the stance toward this claim (repeatable)
    #[arg(long, value_name = "TEXT")]
    pub claim: Vec<String>,
    #[command(flatten)]
    pub summaries: Summaries,
    /// Repeat the article's text in the output
    #[arg(long)]
    pub with_text: bool,
    #[command(flatten)]
    pub computing: Computing,
    /// Most word pieces that go through the encoder together
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(16..=1_048_576))]
    pub batch_tokens: u32,
    /// Write bad records to FILE as JSONL instead of to stderr
    #[arg(long, value_name = "FILE")]
    pub errors: Option<PathBuf>,
    /// Go on after the last complete record of an earlier run's -o FILE.jsonl: of the same inputs, by the same model, with the
    /// same answers
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// No progress and no closing line
    #[arg(short, long)]
    pub quiet: bool,
    /// Say which model, device and kernels are used
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Debug, clap::Args)]
pub struct EvaluateArgs {
    /// Labelled files or folders
    #[arg(value_name = "DATA", required = true)]
    pub data: Vec<PathBuf>,
    /// Model folder, hub:ORG/NAME[@REVISION], or "bundled" (the default); give it twice to compare two by a paired bootstrap
    #[arg(long, value_name = "MODEL", num_args = 1)]
    pub model: Vec<Source>,
    /// TOML file with tables [topics], [entities] and [stance]: "their label" = "ours", or "" to leave it out
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Write every score, and what the page shows, to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page to FILE: scores, confusions, reliability, by length and source, the worst errors in context
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// End with status 1 when a task's first measure is below this, for example entities=0.8 (repeatable); of two models the
    /// first is held to it
    #[arg(long, value_name = "TASK=F1")]
    pub min_f1: Vec<String>,
    #[command(flatten)]
    pub summaries: Summaries,
    #[command(flatten)]
    pub computing: Computing,
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Labelled files or folders
    #[arg(value_name = "DATA", required = true)]
    pub data: Vec<PathBuf>,
    /// Model whose labels and window the data is for
    #[arg(long, value_name = "MODEL", default_value = "bundled")]
    pub model: Source,
    /// Accept labels that the model does not have
    #[arg(long)]
    pub any_label: bool,
    /// TOML file with tables [topics], [entities] and [stance]: "their label" = "ours", or "" to leave it out
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Write every finding to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct RenderArgs {
    /// JSONL of analyze --with-text, or - for standard input
    #[arg(value_name = "RESULTS")]
    pub results: PathBuf,
    /// The page to write
    #[arg(short, long, value_name = "FILE.html")]
    pub output: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Files or folders of articles
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Most articles to measure with
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub articles: u32,
    /// Runs of each measurement
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub repeat: u16,
    /// Model folder, hub:ORG/NAME[@REVISION], or "bundled"
    #[arg(long, value_name = "MODEL", default_value = "bundled")]
    pub model: Source,
    #[command(flatten)]
    pub computing: Computing,
    /// Most word pieces that go through the encoder together
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(16..=1_048_576))]
    pub batch_tokens: u32,
    /// Leave out the road from record to answer
    #[arg(long)]
    pub encoder_only: bool,
    /// Write the rows of the encoder pass to FILE, a JSON list of piece ids a line, for other programs to measure with
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// Write every figure to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Where analyses go.
#[derive(Debug)]
pub struct Output {
    pub file: Option<PathBuf>,
    pub format: Format,
    pub resume: bool,
}

/// `analyze` with every default resolved.
#[derive(Debug)]
pub struct Settings {
    pub inputs: Vec<PathBuf>,
    pub output: Output,
    pub source: Source,
    pub device: Device,
    pub options: Options,
    pub threads: usize,
    pub errors: Option<PathBuf>,
    pub quiet: bool,
    pub verbose: bool,
}

impl AnalyzeArgs {
    /// Settle defaults and combinations; the error says what to change.
    pub fn resolve(self) -> anyhow::Result<Settings> {
        let format = self.output.as_deref().map_or(Ok(Format::JSONL), Format::of)?;
        if self.resume && format != Format::JSONL {
            anyhow::bail!("--resume needs -o FILE.jsonl: a table cannot be added to");
        }
        if self.inputs.iter().any(|p| p.as_os_str() == "-") && std::io::stdin().is_terminal() {
            anyhow::bail!("standard input is a terminal; name files or folders, or pipe JSONL in (see mujaz analyze --help)");
        }
        let has = |task| self.tasks.contains(&task);
        let entities = self.target.iter().map(|t| target(t, StanceKind::Entity));
        let claims = self.claim.iter().map(|c| target(c, StanceKind::Claim));
        let targets: Vec<_> = entities.chain(claims).collect();
        if targets.iter().any(|t| !t.text.chars().any(char::is_alphanumeric)) {
            anyhow::bail!("--target and --claim need a word");
        }
        let tasks =
            Tasks { topics: has(Task::Topics), stance: has(Task::Stance), entities: has(Task::Entities), summary: has(Task::Summary) };
        if !targets.is_empty() && !tasks.stance {
            anyhow::bail!("--target and --claim ask for stance, but --tasks leaves it out");
        }
        Ok(Settings {
            inputs: self.inputs,
            output: Output { file: self.output, format, resume: self.resume },
            source: self.model,
            threads: self.computing.threads(),
            device: self.computing.device,
            options: Options {
                tasks,
                targets,
                summary_words: usize::from(self.summaries.summary_words),
                summary_cuts: !self.summaries.summary_whole,
                batch_tokens: self.batch_tokens as usize,
                with_text: self.with_text || format == Format::Page,
                precision: self.computing.precision.0,
            },
            errors: self.errors,
            quiet: self.quiet,
            verbose: self.verbose,
        })
    }
}

/// A precision, or `None` for auto.
#[derive(Clone, Copy, Debug)]
pub struct Chosen(pub Option<Precision>);

fn precision(text: &str) -> Result<Chosen, String> {
    let named = |e| format!("{e}, auto");
    Ok(Chosen((text != "auto").then(|| text.parse().map_err(named)).transpose()?))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
