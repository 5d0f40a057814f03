//! The page in headless Chromium: it loads, filters, counts its marks, and says nothing on the console.
//! Skipped with a word about it where no Chromium is installed.

use crate::{mujaz, records, repo, tiny};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEADLESS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--dump-dom",
];

/// A Chromium that opens an empty page.
fn chromium() -> Option<&'static str> {
    let opens = |name: &&str| {
        let output = Command::new(name).args(HEADLESS).arg("about:blank").output();
        output.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("<html"))
    };
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(opens);
    if found.is_none() {
        println!("skipped: no Chromium is installed, or it opens no page here");
    }
    found
}

/// Open a copy of the page with a probe at its end, and give back what the probe wrote.
fn probe(browser: &str, page: &Path, script: &str) -> Value {
    let content = fs::read_to_string(page).unwrap();
    let head = "<head><script>window.problems = []; addEventListener('error', (e) => problems.push(e.message)); \
                console.error = console.warn = (...a) => problems.push(a.join(' ')); window.began = performance.now();</script>";
    let tail = format!(
        "<script>(() => {{ const out = (() => {{ {script} }})(); document.body.innerHTML = '<pre id=out></pre>'; document.getElementById('out').textContent = JSON.stringify({{ ...out, problems }}); }})();</script></body>"
    );
    let copy = page.with_extension("probe.html");
    fs::write(&copy, content.replacen("<head>", head, 1).replacen("</body>", &tail, 1)).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(HEADLESS)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", copy.display()))
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&output.stdout).to_string();
    let from = page.find("<pre id=\"out\">").unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&output.stderr))) + 14;
    let answer = page[from..from + page[from..].find("</pre>").unwrap()].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&answer).unwrap()
}

fn page_of(folder: &Path, lines: &[Value]) -> PathBuf {
    let input = folder.join("results.jsonl");
    fs::write(&input, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    let page = folder.join("page.html");
    mujaz().arg("render").arg(&input).arg("-o").arg(&page).assert().success();
    page
}

#[test]
fn the_page_shows_filters_and_escapes() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = tiny().arg("--with-text").arg(repo("examples/articles")).output().unwrap();
    let mut all = records(&output.stdout);
    let entities: usize = all.iter().map(|r| r["entities"].as_array().unwrap().len()).sum();
    let summaries: usize = all.iter().map(|r| r["summary"]["spans"].as_array().unwrap().len()).sum();
    let topic = all[0]["topics"][0]["label"].as_str().unwrap().to_string();
    let with_topic = all.iter().filter(|r| r["topics"].as_array().unwrap().iter().any(|t| t["label"] == topic.as_str())).count();
    all.push(
        json!({"id": "x", "title": "<script>window.problems.push('ran')</script>", "text": "<img src=x onerror=problems.push('ran')> 😀 نص",
        "entities": [{"text": "نص", "type": "LOC", "start": 43, "end": 45, "score": 1.0, "name": "نص"}], "topics": [], "stance": []}),
    );
    let page = page_of(folder.path(), &all);
    let answer = probe(
        browser,
        &page,
        &format!(
            "const many = (q) => document.querySelectorAll(q).length;
             const out = {{ articles: many('article'), marks: many('article mark[data-entity]'), summaries: many('article .sum'), dir: document.documentElement.dir }};
             out.title = [...document.querySelectorAll('h2')].at(-1).textContent;
             out.emoji = [...document.querySelectorAll('article mark[data-entity]')].at(-1).textContent;
             out.images = many('article img');
             const pick = (id, value, event) => {{ document.getElementById(id).value = value; document.getElementById(id).dispatchEvent(new Event(event)); }};
             pick('topic', {topic:?}, 'change'); out.withTopic = many('article');
             pick('topic', '', 'change'); pick('entity', 'no such name', 'input'); out.none = many('article');
             document.getElementById('clear').click(); out.cleared = many('article');
             document.getElementById('language').click(); out.english = document.documentElement.lang + document.documentElement.dir;
             document.getElementById('theme').click(); out.theme = document.documentElement.dataset.theme;
             return out;"
        ),
    );
    assert_eq!(answer["problems"], json!([]), "{answer}");
    assert_eq!(answer["articles"], all.len());
    assert_eq!(answer["marks"], entities + 1);
    assert!(answer["summaries"].as_u64().unwrap() >= summaries as u64);
    assert_eq!((answer["dir"].as_str(), answer["english"].as_str()), (Some("rtl"), Some("enltr")));
    assert_eq!(answer["title"], "<script>window.problems.push('ran')</script>");
    assert_eq!(answer["emoji"], "نص", "offsets are code points, not UTF-16 units");
    assert_eq!(answer["images"], 0);
    assert_eq!(answer["withTopic"], with_topic);
    assert_eq!((&answer["none"], &answer["cleared"]), (&json!(0), &json!(all.len())));
    assert!(answer["theme"] == "dark" || answer["theme"] == "light");
}

#[test]
fn five_thousand_articles_are_drawn_a_page_at_a_time() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = tiny().arg("--with-text").arg(repo("examples/articles")).output().unwrap();
    let samples = records(&output.stdout);
    let all: Vec<Value> = (0..5000)
        .map(|i| {
            let mut record = samples[i % samples.len()].clone();
            record["id"] = json!(format!("article-{i}"));
            record
        })
        .collect();
    let page = page_of(folder.path(), &all);
    let answer = probe(
        browser,
        &page,
        "const out = { articles: document.querySelectorAll('article').length, place: document.getElementById('place').textContent, ms: performance.now() };
         document.getElementById('next').click(); out.second = document.querySelector('.meta').textContent; return out;",
    );
    println!("a page of 5,000 articles ({} MiB) is ready after {} ms", fs::metadata(&page).unwrap().len() >> 20, answer["ms"]);
    assert_eq!((&answer["articles"], &answer["place"]), (&json!(20), &json!("1 / 250")));
    assert_eq!(answer["second"].as_str().unwrap().split(' ').next(), Some("article-20"));
    assert_eq!(answer["problems"], json!([]));
}

#[test]
fn labels_without_scores_are_shown_without_them() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        json!({"id": "a", "text": "زار لافروف حلب", "topics": ["politics"], "entities": [{"type": "LOC", "start": 11, "end": 14, "text": "حلب"}],
            "stance": [{"target": "حلب", "kind": "entity", "label": "favor"}], "summary": "زار حلب"}),
        json!({"id": "b", "text": "خبر", "topics": "sport|politics", "entities": null, "stance": ""}),
    ];
    let page = page_of(folder.path(), &lines);
    let found = probe(
        browser,
        &page,
        "return { cards: document.querySelectorAll('article').length, chips: document.querySelectorAll('.chip').length };",
    );
    assert_eq!((&found["cards"], &found["chips"], &found["problems"]), (&json!(2), &json!(1), &json!([])), "{found}");
}

#[test]
fn nulls_among_the_answers_are_passed_over() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = json!({"type": "LOC", "start": 11, "end": 14, "text": "حلب", "name": null, "score": null});
    let stance = json!({"target": "حلب", "kind": "entity", "label": "favor", "scores": null, "evidence": null});
    let lines = [
        json!({"id": "a", "text": "زار لافروف حلب", "title": null, "source": null, "topics": [null, "politics"], "entities": [null, place],
            "stance": [null, stance], "summary": {"text": "زار حلب", "method": null, "spans": [null, [0, 3]]}}),
        json!({"id": "b", "text": "خبر", "topics": null, "entities": null, "stance": null, "summary": null}),
        json!({"id": "c", "text": "خبر", "summary": {"text": null, "spans": null}}),
    ];
    let page = page_of(folder.path(), &lines);
    let found = probe(
        browser,
        &page,
        "const many = (q) => document.querySelectorAll(q).length;
         const out = { cards: many('article'), chips: many('.chip'), marks: many('article mark'), verdicts: many('.verdict'), sums: many('article .sum') };
         const entity = document.getElementById('entity'); entity.value = 'حلب'; entity.dispatchEvent(new Event('input'));
         out.named = many('article'); return out;",
    );
    assert_eq!(found, json!({"cards": 3, "chips": 1, "marks": 1, "verdicts": 1, "sums": 1, "named": 1, "problems": []}));
}

#[test]
fn analyze_writes_the_same_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    tiny().arg(repo("examples/articles")).arg("-o").arg(&page).assert().success();
    let content = fs::read_to_string(&page).unwrap();
    assert!(content.contains("هدنة إنسانية") && content.trim_end().ends_with("</html>"));
    let (same, other) = (folder.path().join("same.html"), folder.path().join("PAGE.HTML"));
    fs::write(&same, "{\"id\":\"a\",\"text\":\"خبر\"}\n").unwrap();
    mujaz().arg("render").arg(&same).arg("-o").arg(&same).assert().code(2);
    mujaz().arg("render").arg(&same).arg("-o").arg(&other).assert().success();
    let bare = folder.path().join("bare.jsonl");
    fs::write(&bare, tiny().arg(repo("examples/articles")).output().unwrap().stdout).unwrap();
    let output = mujaz().arg("render").arg(&bare).arg("-o").arg(&page).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--with-text"));
}
