//! `mujaz model info` and `mujaz model verify`.

use super::args::ModelAction;
use super::exit::ExitStatus;
use crate::analyzer::{Analyzer, Options, Tasks};
use crate::data::Article;
use crate::kernels::Precision;
use crate::model::weights::Weights;
use crate::model::{Config, Device, Model, Sequence, Source};
use std::io::Write;

/// Largest difference between the kernels and the candle reference that passes.
const TOLERANCE: f32 = 1e-3;

pub fn run(action: ModelAction) -> anyhow::Result<ExitStatus> {
    match action {
        ModelAction::Info { model } => info(&model),
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
        writeln!(out, "stance      {}", stance.labels.join(" "))?;
    }
    if let Some(extract) = &mujaz.heads.extract {
        writeln!(out, "summary     {} inter-sentence layers of {}", extract.layers, extract.size)?;
    }
    Ok(ExitStatus::Success)
}

fn verify(source: &Source) -> anyhow::Result<ExitStatus> {
    let model = Model::load(source, &Device::Cpu, Some(Precision::F32))?;
    let reference = Model::load(source, &Device::CandleCpu, None)?;
    let sentence = "قال وزير الخارجية الروسي سيرغي لافروف في القاهرة يوم الثلاثاء إن بلاده تدعم وقف إطلاق النار.";
    let mut ids = vec![model.tokenizer.specials.cls];
    ids.extend(model.tokenizer.ids(sentence));
    ids.truncate(model.config.mujaz()?.window - 1);
    ids.push(model.tokenizer.specials.sep);
    let types = vec![0; ids.len()];
    let row = Sequence { ids, types };
    let (got, want) = (model.encoder.encode(&[&row])?, reference.encoder.encode(&[&row])?);
    let difference = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let mut out = std::io::stdout().lock();
    let kernel = model.kernel.map_or_else(String::new, |k| k.to_string());
    writeln!(out, "{kernel} kernels differ from the candle reference by at most {difference:.1e} (allowed {TOLERANCE:.0e})")?;
    anyhow::ensure!(difference <= TOLERANCE && got.iter().all(|x| x.is_finite()), "the kernels do not agree with the reference");
    let tasks = Tasks::of(&model.config.mujaz()?.heads);
    let analyzer = Analyzer::load(source, &Device::Cpu, Options { tasks, ..Options::default() })?;
    let analysis = analyzer.analyze(&Article::new(sentence))?;
    writeln!(out, "{}", serde_json::to_string(&analysis)?)?;
    Ok(ExitStatus::Success)
}
