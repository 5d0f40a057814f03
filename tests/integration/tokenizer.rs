//! The same pieces in Python and Rust, through our own normaliser and words.

use crate::repo;
use mujaz::data::StanceKind;
use mujaz::inside::{Body, Document, Reading, mentions};
use mujaz::model::{Config, Tokenizer};
use mujaz::text::normalise::char_slice;
use mujaz::text::{Normalized, sentences, words};
use mujaz::{Article, Target};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    #[serde(default)]
    offsets: Vec<(usize, usize)>,
}

fn cases<T: DeserializeOwned>(path: &str) -> Vec<T> {
    let content = std::fs::read_to_string(repo(path)).unwrap();
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The ids of a text by the road of the program: normalise, words, sentences, pieces of each sentence.
fn by_our_road(tokenizer: &Tokenizer, text: &str) -> (Vec<u32>, Vec<usize>, Vec<(usize, usize)>) {
    let normalized = Normalized::new(text);
    let found = words(normalized.text());
    let (mut ids, mut counts) = (Vec::new(), Vec::new());
    for sentence in sentences(normalized.text(), &found) {
        tokenizer.encode(normalized.text(), &found[sentence.words], &mut ids, &mut counts);
    }
    let spans = found.iter().map(|w| normalized.original_span(w.start, w.end)).collect();
    (ids, counts, spans)
}

fn config(folder: &str) -> Config {
    Config::parse(&std::fs::read(repo(&format!("{folder}/config.json"))).unwrap(), folder).unwrap()
}

fn load(folder: &str) -> Tokenizer {
    let config = config(folder);
    Tokenizer::load(&std::fs::read(repo(&format!("{folder}/tokenizer.json"))).unwrap(), &config, folder).unwrap()
}

#[test]
fn a_thousand_strings_have_the_ids_and_offsets_of_python() {
    let tokenizer = load("tests/fixtures/tiny-bert");
    let all: Vec<Case> = cases("tests/fixtures/tokenizer-cases.jsonl");
    assert_eq!(all.len(), 1000);
    for case in &all {
        let (ids, counts, spans) = by_our_road(&tokenizer, &case.text);
        assert_eq!(ids, case.ids, "{:?}", case.text);
        assert_eq!(counts.iter().sum::<usize>(), ids.len());
        assert_eq!(counts.len(), spans.len());
        // Python's offsets point into the original; each of our words holds its pieces' offsets.
        let mut piece = 0;
        for (&count, &(start, end)) in counts.iter().zip(&spans) {
            assert!(char_slice(&case.text, start, end).is_some_and(|s| !s.is_empty()));
            for &(from, to) in &case.offsets[piece..piece + count] {
                assert!(from >= start && to <= end || from == to, "{:?}: piece {from}..{to} outside word {start}..{end}", case.text);
            }
            piece += count;
        }
    }
    println!("{} strings: ids and offsets agree with Python", all.len());
}

#[test]
fn texts_have_the_sentences_of_python() {
    #[derive(Deserialize)]
    struct Split {
        text: String,
        sentences: Vec<(usize, usize)>,
    }
    let all: Vec<Split> = cases("tests/fixtures/sentence-cases.jsonl");
    for case in &all {
        let normalized = Normalized::new(&case.text);
        let found = sentences(normalized.text(), &words(normalized.text()));
        let spans: Vec<_> = found.iter().map(|s| normalized.original_span(s.bytes.start, s.bytes.end)).collect();
        assert_eq!(spans, case.sentences, "{:?}", case.text);
    }
    assert!(all.len() == 200 && all.iter().any(|case| case.sentences.len() > 20));
}

#[test]
fn the_bundled_tokenizer_agrees_with_python() {
    let tokenizer = load("models/mujaz-base");
    for case in cases::<Case>("tests/fixtures/bundled-cases.jsonl") {
        assert_eq!(by_our_road(&tokenizer, &case.text).0, case.ids, "{:?}", case.text);
    }
}

#[test]
fn a_foreign_tokenizer_gives_every_word_its_own_pieces() {
    let tokenizer = load("tests/fixtures/tiny-xlmr");
    let text = "قال «الوزير»: 12.5 ☃ حلب";
    let (ids, counts, _) = by_our_road(&tokenizer, text);
    assert_eq!(counts.iter().sum::<usize>(), ids.len());
    assert!(counts.iter().all(|&c| c >= 1), "{counts:?}");
}

#[test]
fn special_pieces_in_an_article_are_text() {
    for name in ["tests/fixtures/tiny-bert", "tests/fixtures/tiny-xlmr"] {
        let tokenizer = load(name);
        let (ids, _, _) = by_our_road(&tokenizer, "كتب <s> و</s> و<mask> و<entity> و[CLS] و[MASK] في نصه");
        let special = tokenizer.specials;
        for id in [special.cls, special.sep, special.entity, special.claim] {
            assert!(!ids.contains(&id), "{name}: {ids:?}");
        }
    }
}

#[derive(Deserialize)]
struct MentionCase {
    text: String,
    target: String,
    words: Vec<usize>,
}

#[test]
fn mentions_are_those_of_python() {
    let (config, tokenizer) = (config("tests/fixtures/tiny-bert"), load("tests/fixtures/tiny-bert"));
    for case in cases::<MentionCase>("tests/fixtures/mention-cases.jsonl") {
        let document = Document::new(&Article::new(&case.text), &tokenizer, config.mujaz().unwrap());
        assert_eq!(mentions(&document, &case.target), case.words, "{} in {}", case.target, case.text);
    }
}

#[derive(Deserialize)]
struct PassageCase {
    title: String,
    text: String,
    target: String,
    kind: StanceKind,
    ids: Vec<u32>,
    types: Vec<u8>,
    first: usize,
}

#[test]
fn rows_of_targets_are_those_of_python() {
    let (config, tokenizer) = (config("tests/fixtures/tiny-bert"), load("tests/fixtures/tiny-bert"));
    for case in cases::<PassageCase>("tests/fixtures/passage-cases.jsonl") {
        let article = Article { title: Some(case.title), ..Article::new(&case.text) };
        let document = Document::new(&article, &tokenizer, config.mujaz().unwrap());
        let target = Target { text: case.target, kind: case.kind };
        let pair = Reading::new(&Body::new(&document), &target).pair(&document, case.kind, &tokenizer, 192);
        assert_eq!((pair.input.ids, pair.input.types), (case.ids, case.types), "{} in {}", target.text, case.text);
        assert_eq!(pair.text_rows.start, case.first);
    }
}
