//! What must hold whatever the model says: offsets, batches, windows, summaries.

use crate::repo;
use mujaz::model::{Device, Kernel, Source};
use mujaz::text::normalise::char_slice;
use mujaz::{Analysis, Analyzer, Article, Options};
use proptest::prelude::*;

fn analyzer(batch_tokens: usize) -> Analyzer {
    let source = Source::Folder(repo("tests/fixtures/tiny-bert"));
    Analyzer::load(&source, &Device::Cpu, Options { batch_tokens, ..Options::default() }).unwrap()
}

pub fn samples() -> Vec<Article> {
    let inputs = mujaz::data::Inputs::open(&[repo("examples/articles")]).unwrap();
    inputs.map(|record| record.unwrap().unwrap()).collect()
}

/// Entities are cut from the text, summaries are made of it and keep to their limit.
pub fn check(article: &Article, analysis: &Analysis, limit: usize) {
    for entity in analysis.entities.iter().flatten() {
        let part = if entity.field.is_some() { article.title.as_deref().unwrap() } else { &article.text };
        assert_eq!(char_slice(part, entity.start, entity.end), Some(entity.text.as_str()));
        assert!(!entity.text.trim().is_empty() && entity.text.trim() == entity.text);
    }
    let summary = analysis.summary.as_ref().unwrap();
    assert!(summary.text.split_whitespace().count() <= limit);
    assert_eq!(summary.text.is_empty(), summary.spans.is_empty());
    // The words of its spans, a space between two but before a mark that is one by itself.
    let mut words = summary.spans.iter().flat_map(|&(a, b)| char_slice(&article.text, a, b).unwrap().split_whitespace());
    for written in summary.text.split(' ').filter(|word| !word.is_empty()) {
        let mut own = words.next().unwrap().to_string();
        while own.len() < written.len() {
            let mark = words.next().unwrap();
            assert!([".", "؟", "!", "،", "؛", ",", ";", ":"].contains(&mark), "{mark} in {written}");
            own += mark;
        }
        assert_eq!(own, written);
    }
    assert_eq!(words.next(), None);
    assert!(summary.spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    for stance in analysis.stance.iter().flatten() {
        let s = stance.scores;
        assert!((s.favor + s.against + s.neutral + s.unrelated - 1.0).abs() < 1e-3);
    }
}

#[test]
fn a_batch_gives_what_each_article_gives_alone() {
    let articles = samples();
    let alone: Vec<Analysis> = articles.iter().map(|a| analyzer(4096).analyze(a).unwrap()).collect();
    for budget in [16, 512, 16384] {
        assert_eq!(analyzer(budget).analyze_batch(&articles).unwrap(), alone, "budget {budget}");
    }
    let mut backward: Vec<Article> = articles.clone();
    backward.reverse();
    let mut reversed = analyzer(700).analyze_batch(&backward).unwrap();
    reversed.reverse();
    assert_eq!(reversed, alone);
    for (article, analysis) in articles.iter().zip(&alone) {
        check(article, analysis, 50);
    }
}

#[test]
fn a_batch_gives_what_each_article_gives_alone_in_every_precision() {
    let articles = samples();
    for kernel in Kernel::available() {
        let run = |inputs: &[Article]| {
            let lines: Vec<String> =
                inputs.iter().map(|a| serde_json::json!({"id": a.id, "title": a.title, "text": a.text}).to_string()).collect();
            let mut command = crate::mujaz();
            command
                .env("MUJAZ_KERNEL", kernel.to_string())
                .args(["analyze", "-q", "--device", "cpu", "--model"])
                .arg(repo("tests/fixtures/tiny-xlmr"));
            let output = command.write_stdin(lines.join("\n")).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let alone: String = articles.iter().map(|article| run(std::slice::from_ref(article))).collect();
        assert_eq!(run(&articles), alone, "{kernel}");
    }
}

#[test]
fn a_long_article_gives_the_same_on_one_thread_and_on_several() {
    let article = Article::new("قال الوزير إن الحكومة ستواصل العمل في حلب مع الأمم المتحدة. ".repeat(600));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| analyzer(1000).analyze(&article).unwrap())
    };
    assert_eq!(with(1), with(3));
}

/// Stance toward an entity is the same whether it is asked for or found, alone or with others, and depends on its
/// mentions; one that the article does not name takes a pass of its own, as claims do.
#[test]
fn entities_that_are_named_are_read_off_their_mentions() {
    let entity = |text: &str| mujaz::analyzer::target(text, mujaz::data::StanceKind::Entity);
    let claim = mujaz::analyzer::target("هدنة في حلب", mujaz::data::StanceKind::Claim);
    let asked = |targets: Vec<mujaz::Target>, tasks| {
        let source = Source::Folder(repo("tests/fixtures/tiny-bert"));
        Analyzer::load(&source, &Device::Cpu, Options { targets, tasks, ..Options::default() }).unwrap()
    };
    let without_mentions = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(repo("tests/fixtures/tiny-bert").join(file), without_mentions.path().join(file)).unwrap();
    }
    let path = without_mentions.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["mujaz"]["heads"]["stance"].as_object_mut().unwrap().remove("mention").unwrap();
    std::fs::write(&path, config.to_string()).unwrap();
    let only = mujaz::Tasks { topics: false, stance: true, entities: false, summary: false };
    for article in samples() {
        let found = analyzer(4096).analyze(&article).unwrap().stance.unwrap();
        let names: Vec<_> = found.iter().map(|s| entity(&s.target)).collect();
        assert!(!names.is_empty());
        assert_eq!(asked(names.clone(), only).analyze(&article).unwrap().stance.unwrap(), found);
        let others = [vec![claim.clone(), entity("زحل")], names.clone()].concat();
        let among = asked(others, mujaz::Tasks::ALL).analyze(&article).unwrap().stance.unwrap();
        assert_eq!(among[2..], found);
        assert_eq!(asked(vec![claim.clone(), entity("زحل")], only).analyze(&article).unwrap().stance.unwrap(), among[..2]);
        // Without the head every target takes a pass: other answers for what is named, the same for the rest.
        let source = Source::Folder(without_mentions.path().to_path_buf());
        let options = Options { targets: [vec![claim.clone(), entity("زحل")], names].concat(), ..Options::default() };
        let passes = Analyzer::load(&source, &Device::Cpu, options).unwrap().analyze(&article).unwrap().stance.unwrap();
        assert_eq!(passes[..2], among[..2]);
        assert!(passes[2..].iter().zip(&found).all(|(pass, mention)| pass.scores != mention.scores));
    }
}

#[test]
fn the_bundled_model_gives_a_batch_what_it_gives_alone() {
    let articles = samples();
    let analyzer = Analyzer::load(&Source::Bundled, &Device::Cpu, Options::default()).unwrap();
    let together = analyzer.analyze_batch(&articles).unwrap();
    for (article, analysis) in articles.iter().zip(&together) {
        assert_eq!(&analyzer.analyze(article).unwrap(), analysis);
        check(article, analysis, 50);
    }
}

#[test]
fn a_task_alone_gives_what_it_gives_among_all() {
    let articles = samples();
    let run = |tasks: mujaz::Tasks| {
        Analyzer::load(&Source::Bundled, &Device::Cpu, Options { tasks, ..Options::default() }).unwrap().analyze_batch(&articles).unwrap()
    };
    let all = run(mujaz::Tasks::ALL);
    let none = mujaz::Tasks { topics: false, stance: false, entities: false, summary: false };
    let alone = [
        run(mujaz::Tasks { topics: true, ..none }),
        run(mujaz::Tasks { entities: true, ..none }),
        run(mujaz::Tasks { stance: true, ..none }),
        run(mujaz::Tasks { summary: true, ..none }),
    ];
    for (at, whole) in all.iter().enumerate() {
        let [topics, entities, stance, summary] = [0, 1, 2, 3].map(|task: usize| &alone[task][at]);
        assert_eq!((&topics.topics, &topics.entities), (&whole.topics, &None));
        assert_eq!((&entities.entities, &entities.summary), (&whole.entities, &None));
        assert_eq!((&stance.stance, &stance.entities), (&whole.stance, &None));
        assert_eq!((&summary.summary, &summary.entities), (&whole.summary, &None), "{}", whole.id);
    }
}

#[test]
fn a_long_article_is_covered_by_windows_to_its_last_word() {
    let text = format!("{}وختم الوزير كلامه في دمشق.", "قال الوزير إن الحكومة ستواصل العمل في حلب. ".repeat(400));
    let analysis = analyzer(4096).analyze(&Article::new(text.clone())).unwrap();
    assert!(analysis.meta.windows > 50 && !analysis.meta.truncated);
    check(&Article::new(text), &analysis, 50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_breaks_the_offsets(text in any::<String>(), title in proptest::option::of("\\PC{0,30}")) {
        let article = Article { title, ..Article::new(text) };
        let analysis = analyzer(4096).analyze(&article).unwrap();
        check(&article, &analysis, 50);
        let words = article.text.split_whitespace().any(|w| w.chars().any(char::is_alphanumeric));
        prop_assert!(!words || !analysis.summary.unwrap().text.is_empty());
    }

    #[test]
    fn summaries_keep_offsets_and_the_limit(
        text in "([ء-ي]{1,7}[ـً-ْ]{0,1}[ .،:()«»؟\n㏂]{1,2}){0,80}",
        limit in 1usize..60,
        summary_cuts in any::<bool>(),
    ) {
        let article = Article::new(text);
        let source = Source::Folder(repo("tests/fixtures/tiny-bert"));
        let options = Options { summary_words: limit, summary_cuts, ..Options::default() };
        let analysis = Analyzer::load(&source, &Device::Cpu, options).unwrap().analyze(&article).unwrap();
        check(&article, &analysis, limit);
    }

    #[test]
    fn noisy_arabic_keeps_its_offsets(text in "([ء-ي]{1,9}[ـً-ْ]{0,2}[ .،؟!\n«»\u{200f}]{1,2}){0,80}", limit in 1usize..60) {
        let article = Article::new(text);
        let source = Source::Folder(repo("tests/fixtures/tiny-xlmr"));
        let options = Options { summary_words: limit, ..Options::default() };
        let analysis = Analyzer::load(&source, &Device::Cpu, options).unwrap().analyze(&article).unwrap();
        check(&article, &analysis, limit);
    }
}
