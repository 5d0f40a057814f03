//! Hidden states and the logits of every head against PyTorch (`scripts/make_fixtures.py`).

use crate::repo;
use mujaz::data::StanceKind;
use mujaz::inside::{CpuEncoder, Weights};
use mujaz::model::{Device, Encoder, Kernel, Model, Precision, Sequence, Source};
use serde::Deserialize;
use std::path::Path;

const TOLERANCE: f32 = 1e-4;
/// Of hidden states and logits when products are taken in bf16, and in int8.
const BF16_TOLERANCE: f32 = 0.1;
const INT8_TOLERANCE: f32 = 1.0;

#[derive(Deserialize)]
struct Row {
    ids: Vec<u32>,
    types: Vec<u8>,
    hidden: Vec<f32>,
    topics: Vec<f32>,
    entities: Vec<f32>,
    claim: Vec<f32>,
    entity: Vec<f32>,
    extract: Vec<f32>,
    #[serde(default)]
    mention: Vec<f32>,
    #[serde(default)]
    summary_words: Vec<f32>,
    #[serde(default)]
    cut: Vec<f32>,
    #[serde(default)]
    gap: Vec<f32>,
}

fn read(path: &str) -> Vec<Row> {
    serde_json::from_slice(&std::fs::read(repo(path)).unwrap()).unwrap()
}

fn furthest(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Largest differences of hidden states and logits; `numbers` of each hidden state are in the golden file. `targeted` is the
/// encoder of passes with a target.
fn compare(model: &Model, encoder: &dyn Encoder, targeted: &dyn Encoder, rows: &[Row], numbers: usize) -> (f32, f32) {
    let width = model.config.hidden_size;
    let extract = model.config.mujaz().unwrap().heads.extract.as_ref().unwrap();
    let inner = extract.cut.as_ref().and_then(|cut| cut.inner);
    let (mut hidden_error, mut head_error) = (0.0f32, 0.0f32);
    let inputs: Vec<Sequence> = rows.iter().map(|r| Sequence { ids: r.ids.clone(), types: r.types.clone() }).collect();
    let inputs: Vec<&Sequence> = inputs.iter().collect();
    let all = encoder.states(&inputs, inner).unwrap();
    assert_eq!(encoder.encode(&inputs).unwrap(), all.last);
    let pairs = targeted.encode(&inputs).unwrap();
    let mut first = 0;
    for row in rows {
        let length = row.ids.len();
        let states = first * width..(first + length) * width;
        let (hidden, pair) = (&all.last[states.clone()], &pairs[states.clone()]);
        first += length;
        let kept: Vec<f32> = hidden.chunks(width).flat_map(|piece| piece[..numbers].to_vec()).collect();
        hidden_error = hidden_error.max(furthest(&kept, &row.hidden));
        let mean_of = |states: &[f32], rows: &[usize]| -> Vec<f32> {
            (0..width).map(|i| rows.iter().map(|r| states[r * width + i]).sum::<f32>() / rows.len().max(1) as f32).collect()
        };
        let mean = |rows: &[usize]| mean_of(hidden, rows);
        let everything: Vec<usize> = (0..length).collect();
        let typed: Vec<usize> = everything.iter().copied().filter(|&i| row.types[i] % 2 == 1).collect();
        let mut feature = pair[..width].to_vec();
        feature.extend(mean_of(pair, if typed.is_empty() { &everything } else { &typed }));
        let groups = length.min(((length - 1) * 3 / length) + 1);
        let sentences: Vec<f32> =
            (0..groups).flat_map(|g| mean(&everything.iter().copied().filter(|i| i * 3 / length == g).collect::<Vec<_>>())).collect();
        let heads = &model.heads;
        for (got, want) in [
            (heads.topics(&mean(&everything), &row.ids), &row.topics),
            (heads.entities(hidden), &row.entities),
            (heads.stance(&feature, StanceKind::Claim), &row.claim),
            (heads.stance(&feature, StanceKind::Entity), &row.entity),
        ] {
            head_error = head_error.max(furthest(&got.unwrap(), want));
        }
        if !row.mention.is_empty() {
            let feature = [mean(&[0, length / 2]), mean(&everything)].concat();
            head_error = head_error.max(furthest(&heads.mentions(&feature).unwrap(), &row.mention));
        }
        if !row.summary_words.is_empty() {
            head_error = head_error.max(furthest(&heads.summary_words(hidden).unwrap(), &row.summary_words));
        }
        if let Some(cut) = &extract.cut {
            let inner = all.inner.get(states).unwrap_or_default();
            let both = hidden.chunks(width).zip(inner.chunks(width)).flat_map(|(last, inner)| [last, inner].concat());
            let sentences: Vec<usize> = (0..length).map(|i| (i * 3 / length).min(cut.sentences - 1)).collect();
            let own = heads.cut(&both.collect::<Vec<_>>(), &sentences).unwrap();
            head_error = head_error.max(furthest(&own.logits, &row.cut));
            if !row.gap.is_empty() {
                let mut feature = own.states;
                feature.resize(cut.gap_features(), 0.0);
                head_error = head_error.max(furthest(&heads.gaps(&feature).unwrap(), &row.gap));
            }
        }
        if row.extract.len() == groups && length >= 3 {
            head_error = head_error.max(furthest(&heads.extract(&sentences).unwrap(), &row.extract));
        }
    }
    (hidden_error, head_error)
}

fn check(name: &str, source: &Source, rows: &[Row], numbers: usize) {
    let candle = Model::load(source, &Device::CandleCpu, None).unwrap();
    let (hidden, heads) = compare(&candle, candle.encoder.as_ref(), candle.targeted().unwrap(), rows, numbers);
    println!("{name}: candle differs from PyTorch by {hidden:.1e} (hidden states), {heads:.1e} (heads)");
    assert!(hidden < TOLERANCE && heads < TOLERANCE);
    let files = source.open().unwrap();
    let weights = || Weights::parse(&files.weights, name).unwrap();
    let adapter = candle.config.mujaz().unwrap().heads.stance.as_ref().unwrap().adapter.clone();
    for kernel in Kernel::available() {
        let encoder = CpuEncoder::load(&weights(), &candle.config, kernel).unwrap();
        let adapted = adapter.as_ref().map(|adapter| weights().adapted(adapter.rank)).unwrap_or_else(weights);
        let targeted = CpuEncoder::load_apart(&adapted, &candle.config, kernel).unwrap();
        let (hidden, heads) = compare(&candle, &encoder, &targeted, rows, numbers);
        println!("{name}: {kernel} differs from PyTorch by {hidden:.1e} (hidden states), {heads:.1e} (heads)");
        let tolerance = match kernel.precision() {
            Precision::F32 => TOLERANCE,
            Precision::Bf16 => BF16_TOLERANCE,
            Precision::Int8 => INT8_TOLERANCE,
        };
        assert!(hidden < tolerance && heads < tolerance, "{kernel}");
    }
}

fn check_folder(folder: &str) {
    let path = repo(folder);
    let rows = read(&format!("{folder}/golden.json"));
    let numbers = rows[0].hidden.len() / rows[0].ids.len();
    check(folder, &Source::Folder(path), &rows, numbers);
}

#[test]
fn bert_in_f32() {
    check_folder("tests/fixtures/tiny-bert");
}

#[test]
fn xlm_roberta_in_bf16_with_a_prefix_and_shifted_positions() {
    check_folder("tests/fixtures/tiny-xlmr");
}

#[test]
fn the_bundled_model_in_f16() {
    assert!(Path::new(&repo("models/mujaz-base/model.safetensors")).exists());
    check("bundled", &Source::Bundled, &read("tests/fixtures/bundled-golden.json"), 8);
}
