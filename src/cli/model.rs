//! `mujaz model info`, `mujaz model pull` and `mujaz model verify`.

use super::args::ModelAction;
use super::exit::ExitStatus;
use crate::analyzer::{Analyzer, Options, Tasks, target};
use crate::data::{Analysis, Article, StanceKind};
use crate::kernels::{Kernel, Precision};
use crate::model::heads::Heads;
use crate::model::weights::Weights;
use crate::model::{Config, Device, Model, Sequence, Source};
use std::io::Write;

/// Largest difference between a kernel's hidden states and those of the candle reference that passes.
fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::Bf16 => 0.1,
        Precision::Int8 => 1.0,
    }
}

pub fn run(action: ModelAction) -> anyhow::Result<ExitStatus> {
    match action {
        ModelAction::Info { model } => info(&model),
        ModelAction::Pull { model } => pull(&model),
        ModelAction::Verify { model } => verify(&model),
    }
}

fn info(source: &Source) -> anyhow::Result<ExitStatus> {
    let files = source.open()?;
    let config = Config::parse(&files.config, &source.to_string())?;
    let weights = Weights::parse(&files.weights, &source.to_string())?;
    let tensors = weights.listing();
    let parameters: usize = tensors.iter().map(|(_, shape, _)| shape.iter().product::<usize>()).sum();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "encoder     {} layers of {}, {} heads, {} pieces",
        config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.vocab_size
    )?;
    writeln!(out, "parameters  {parameters} in {} tensors, {} bytes", tensors.len(), files.weights.len())?;
    let Some(mujaz) = &config.mujaz else {
        writeln!(out, "heads       none: train them with scripts/finetune.py")?;
        return Ok(ExitStatus::Success);
    };
    writeln!(out, "model       {} {}", mujaz.name, mujaz.revision)?;
    writeln!(out, "windows     {} pieces, {} shared; stance pairs {}", mujaz.window, mujaz.overlap, mujaz.stance_window)?;
    if let Some(topics) = &mujaz.heads.topics {
        let labels: Vec<&str> = topics.labels.iter().map(|l| l.label.as_str()).collect();
        writeln!(out, "topics      {}", labels.join(" "))?;
    }
    if let Some(entities) = &mujaz.heads.entities {
        writeln!(out, "entities    {}", entities.labels.join(" "))?;
    }
    if let Some(stance) = &mujaz.heads.stance {
        let adapter = stance.adapter.as_ref().map_or_else(String::new, |adapter| format!("; adapter of rank {}", adapter.rank));
        writeln!(out, "stance      {}{adapter}", stance.labels.join(" "))?;
    }
    if let Some(extract) = &mujaz.heads.extract {
        let cut =
            extract.cut.as_ref().map_or_else(String::new, |cut| format!("; {} inter-word layers of {} to cut it", cut.layers, cut.size));
        writeln!(out, "summary     {} inter-sentence layers of {}{cut}", extract.layers, extract.size)?;
    }
    Ok(ExitStatus::Success)
}

fn pull(source: &Source) -> anyhow::Result<ExitStatus> {
    let Source::Hub(model) = source else { anyhow::bail!("{source} is no model of a hub; name one as hub:ORG/NAME") };
    let folder = model.pull()?;
    writeln!(std::io::stdout(), "{}", folder.display())?;
    Ok(ExitStatus::Success)
}

/// Tensors of heads that the configuration leaves unused; an error for one that holds what is no number.
fn unused_heads(source: &Source, config: &Config, has_adapter: bool) -> anyhow::Result<Vec<String>> {
    let files = source.open()?;
    let weights = Weights::parse(&files.weights, &source.to_string())?;
    if let Some(name) = weights.not_finite() {
        anyhow::bail!("tensor {name} of {source} holds NaN or infinity; was it saved from a training run that diverged?");
    }
    Heads::load(&weights, config, Kernel::choose(None).map_err(anyhow::Error::msg)?.exact())?;
    let mut unread = weights.unread();
    unread.retain(|name| !has_adapter || !name.starts_with("heads.stance.adapter."));
    Ok(unread)
}

fn verify(source: &Source) -> anyhow::Result<ExitStatus> {
    let reference = Model::load(source, &Device::CandleCpu, None)?;
    let heads = &reference.config.mujaz()?.heads;
    let has_adapter = heads.stance.as_ref().is_some_and(|stance| stance.adapter.is_some());
    let unused = unused_heads(source, &reference.config, has_adapter)?;
    let (count, some) = (unused.len(), unused.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", "));
    anyhow::ensure!(
        count == 0,
        "config.json does not name heads that model.safetensors has, so nothing uses them ({count} tensors: {some} …); add them to its \
         `mujaz.heads`, or take them out of the weights"
    );
    let sentence = "قال وزير الخارجية الروسي سيرغي لافروف في القاهرة يوم الثلاثاء إن بلاده تدعم وقف إطلاق النار.";
    let mut ids = vec![reference.tokenizer.specials.cls];
    ids.extend(reference.tokenizer.ids(sentence));
    ids.truncate(reference.config.mujaz()?.window - 1);
    ids.push(reference.tokenizer.specials.sep);
    let types = vec![0; ids.len()];
    let row = Sequence { ids, types };
    let mut out = std::io::stdout().lock();
    // The f32 kernel shows that the weights are read right; the one that is used may be another.
    let used = Model::load(source, &Device::Cpu, None)?;
    let exact = Kernel::choose(Some(Precision::F32)).is_ok_and(|exact| used.kernel != Some(exact));
    let exact = exact.then(|| Model::load(source, &Device::Cpu, Some(Precision::F32))).transpose()?;
    for model in exact.iter().chain([&used]) {
        let Some(kernel) = model.kernel else { continue };
        let mut pairs = vec![("", model.encoder.as_ref(), reference.encoder.as_ref())];
        if has_adapter {
            pairs.push((" with the adapter for targets", model.targeted()?, reference.targeted()?));
        }
        for (what, encoder, reference) in pairs {
            let (got, want) = (encoder.encode(&[&row])?, reference.encode(&[&row])?);
            let difference = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let allowed = tolerance(kernel.precision());
            writeln!(out, "kernel {kernel}{what} differs from the candle reference by at most {difference:.1e} (allowed {allowed:.0e})")?;
            let agrees = difference <= allowed && got.iter().all(|x| x.is_finite());
            anyhow::ensure!(agrees, "kernel {kernel}{what} does not agree with the reference");
        }
    }
    let tasks = Tasks::of(&used.config.mujaz()?.heads);
    // Main entities and whole sentences first; then a claim, an entity that the sentence names, one that it does not, and cuts.
    let mut options = Options { tasks, summary_cuts: false, ..Options::default() };
    let plain = Analyzer::load(source, &Device::Cpu, options.clone())?;
    options.targets = vec![
        target("روسيا تدعم وقف إطلاق النار", StanceKind::Claim),
        target("سيرغي لافروف", StanceKind::Entity),
        target("الأمم المتحدة", StanceKind::Entity),
    ];
    options.summary_cuts = true;
    for analyzer in [plain, Analyzer::load(source, &Device::Cpu, options)?] {
        let analysis = analyzer.analyze(&Article::new(sentence))?;
        writeln!(out, "{}", serde_json::to_string(&analysis)?)?;
        if let Some((task, _)) = scores(&analysis).find(|(_, score)| !score.is_finite()) {
            anyhow::bail!("{source} gives {task} scores that are no numbers");
        }
    }
    Ok(ExitStatus::Success)
}

/// Every score of an analysis and its task.
fn scores(analysis: &Analysis) -> impl Iterator<Item = (&'static str, f32)> {
    let topics = analysis.topics.iter().flatten().map(|topic| ("topics", topic.score));
    let entities = analysis.entities.iter().flatten().map(|entity| ("entities", entity.score));
    let stance = analysis.stance.iter().flatten().map(|stance| stance.scores);
    let stance = stance.flat_map(|s| [s.favor, s.against, s.neutral, s.unrelated]).map(|score| ("stance", score));
    topics.chain(entities).chain(stance)
}
