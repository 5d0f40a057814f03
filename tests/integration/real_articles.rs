//! Real articles from the data folder; skipped with a word about it where the folder is absent.

use crate::{invariants, repo};
use mujaz::data::Inputs;
use mujaz::model::{Device, Source};
use mujaz::{Analyzer, Options};

#[test]
fn real_articles_keep_every_invariant() {
    let path = repo("../shared/data/annotated/articles.jsonl");
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return;
    }
    let analyzer = Analyzer::load(&Source::Folder(repo("tests/fixtures/tiny-bert")), &Device::Cpu, Options::default()).unwrap();
    // The records hold sentences, not a text: join them as a page would.
    let content = std::fs::read_to_string(path).unwrap();
    let mut count = 0;
    for line in content.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let sentences: Vec<&str> = record["sents"].as_array().unwrap().iter().filter_map(|s| s.as_str()).collect();
        let article = mujaz::Article { title: record["title"].as_str().map(str::to_string), ..mujaz::Article::new(sentences.join(" ")) };
        invariants::check(&article, &analyzer.analyze(&article).unwrap(), 50);
        count += 1;
    }
    println!("{count} real articles");
    assert!(Inputs::open(&[repo("examples")]).is_ok());
}
