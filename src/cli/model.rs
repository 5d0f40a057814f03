//! `mujaz model info`, `mujaz model pull` and `mujaz model verify`.

use super::args::ModelAction;
use super::exit::ExitStatus;
use crate::analyzer::{Analyzer, Options, Tasks};
use crate::data::Article;
use crate::kernels::{Kernel, Precision};
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

fn verify(source: &Source) -> anyhow::Result<ExitStatus> {
    let reference = Model::load(source, &Device::CandleCpu, None)?;
    let sentence = "قال وزير الخارجية الروسي سيرغي لافروف في القاهرة يوم الثلاثاء إن بلاده تدعم وقف إطلاق النار.";
    let mut ids = vec![reference.tokenizer.specials.cls];
    ids.extend(reference.tokenizer.ids(sentence));
    ids.truncate(reference.config.mujaz()?.window - 1);
    ids.push(reference.tokenizer.specials.sep);
    let types = vec![0; ids.len()];
    let row = Sequence { ids, types };
    let want = reference.encoder.encode(&[&row])?;
    let mut out = std::io::stdout().lock();
    // The f32 kernel shows that the weights are read right; the one that is used may be another.
    let used = Model::load(source, &Device::Cpu, None)?;
    let exact = Kernel::choose(Some(Precision::F32)).is_ok_and(|exact| used.kernel != Some(exact));
    let exact = exact.then(|| Model::load(source, &Device::Cpu, Some(Precision::F32))).transpose()?;
    for model in exact.iter().chain([&used]) {
        let Some(kernel) = model.kernel else { continue };
        let got = model.encoder.encode(&[&row])?;
        let difference = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let allowed = tolerance(kernel.precision());
        writeln!(out, "kernel {kernel} differs from the candle reference by at most {difference:.1e} (allowed {allowed:.0e})")?;
        anyhow::ensure!(difference <= allowed && got.iter().all(|x| x.is_finite()), "kernel {kernel} does not agree with the reference");
    }
    let tasks = Tasks::of(&used.config.mujaz()?.heads);
    let analyzer = Analyzer::load(source, &Device::Cpu, Options { tasks, ..Options::default() })?;
    let analysis = analyzer.analyze(&Article::new(sentence))?;
    writeln!(out, "{}", serde_json::to_string(&analysis)?)?;
    Ok(ExitStatus::Success)
}
