//! CoNLL files: one token a line, its tag in the last column, a blank line between sentences.

use super::labelled::{GoldEntity, Labelled};
use crate::data::Article;
use crate::error::Error;
use crate::eval::spans::{Policy, spans_of};
use std::path::Path;

/// Tokens that are gathered into one article where the file does not mark documents.
const ARTICLE_TOKENS: usize = 150;

/// Tokens and tags of a sentence.
type Sentence<'a> = Vec<(&'a str, &'a str)>;

/// Read a file, each article with the line that it begins on: tab or space, CRLF, BOM, `-DOCSTART-`. Sentences become
/// the lines of articles. The scheme is IOB2, or IOB1 where the whole file is written in it; `repaired` holds the
/// entities as conlleval reads them.
pub fn read(path: &Path) -> Result<Vec<(u64, Labelled)>, Error> {
    let content = std::fs::read_to_string(path).map_err(|source| Error::file(path, source))?;
    let source = path.display().to_string();
    let articles = articles(path, &content)?;
    let policy = if is_iob1(articles.iter().flat_map(|a| &a.1)) { Policy::Repair } else { Policy::Strict };
    Ok(articles.into_iter().map(|(first, article)| (first, build(&article, format!("{source}:{first}"), policy))).collect())
}

/// IOB1 writes `B-` only between adjacent spans of one type: some spans begin with `I-`, and no `B-` stands elsewhere.
fn is_iob1<'a>(sentences: impl Iterator<Item = &'a Sentence<'a>>) -> bool {
    let mut opened = false;
    for sentence in sentences {
        let mut before = "O";
        for (_, tag) in sentence {
            let (prefix, kind) = tag.split_once('-').unwrap_or((tag, ""));
            let continues = before.split_once('-').is_some_and(|(_, last)| last == kind);
            match (prefix, continues) {
                ("B", false) => return false,
                ("I", false) => opened = true,
                _ => {}
            }
            before = tag;
        }
    }
    opened
}

fn articles<'a>(path: &Path, content: &'a str) -> Result<Vec<(u64, Vec<Sentence<'a>>)>, Error> {
    let mut out = Vec::new();
    let mut article: Vec<Sentence<'a>> = Vec::new();
    let mut sentence: Sentence<'a> = Vec::new();
    let mut first = 1;
    let mut close = |article: &mut Vec<Sentence<'a>>, first: u64| {
        if !article.is_empty() {
            out.push((first, std::mem::take(article)));
        }
    };
    for (number, line) in content.trim_start_matches('\u{feff}').lines().enumerate() {
        // A token between tabs may hold spaces.
        let tabs = line.contains('\t');
        let mut columns =
            line.split(if tabs { '\t' } else { ' ' }).map(|column| column.trim_matches(' ')).filter(|column| !column.is_empty());
        match (columns.next(), columns.next_back()) {
            (Some("-DOCSTART-"), _) => close(&mut article, first),
            (Some(token), Some(tag)) => {
                if tag != "O" && !tag.starts_with("B-") && !tag.starts_with("I-") {
                    let reason = format!("line {}: {tag:?} is no BIO tag; the last column must hold O, B-TYPE or I-TYPE", number + 1);
                    return Err(Error::input(path, reason));
                }
                if article.is_empty() && sentence.is_empty() {
                    first = number as u64 + 1;
                }
                sentence.push((token, tag));
                continue;
            }
            (Some(token), None) => {
                let reason = format!("line {}: the token {token:?} has no tag", number + 1);
                return Err(Error::input(path, reason));
            }
            (None, _) => {}
        }
        if !sentence.is_empty() {
            article.push(std::mem::take(&mut sentence));
        }
        if article.iter().map(Vec::len).sum::<usize>() >= ARTICLE_TOKENS {
            close(&mut article, first);
        }
    }
    if !sentence.is_empty() {
        article.push(sentence);
    }
    close(&mut article, first);
    Ok(out)
}

fn build(sentences: &[Sentence<'_>], id: String, policy: Policy) -> Labelled {
    let mut text = String::new();
    let mut at = 0;
    let (mut entities, mut repaired) = (Vec::new(), Vec::new());
    for sentence in sentences {
        let mut places = Vec::with_capacity(sentence.len());
        for (i, (token, _)) in sentence.iter().enumerate() {
            if !text.is_empty() {
                text.push(if i == 0 { '\n' } else { ' ' });
                at += 1;
            }
            text.push_str(token);
            places.push((at, at + token.chars().count()));
            at = places[i].1;
        }
        let tags: Vec<&str> = sentence.iter().map(|t| t.1).collect();
        for (policy, out) in [(policy, &mut entities), (Policy::Repair, &mut repaired)] {
            out.extend(spans_of(&tags, policy).into_iter().map(|span| GoldEntity {
                start: places[span.start].0,
                end: places[span.end - 1].1,
                kind: span.kind,
                title: false,
            }));
        }
    }
    let article = Article { id, ..Article::new(text) };
    Labelled { article, entities: Some(entities), repaired: Some(repaired), ..Labelled::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::normalise::char_slice;

    #[test]
    fn tabs_crlf_bom_documents_and_both_schemes() {
        let folder = std::env::temp_dir().join(format!("mujaz-conll-{}", std::process::id()));
        let head = "\u{feff}-DOCSTART- O\r\n\r\nزار\tO\r\nسيرغي\tI-PER\r\nلافروف\tI-PER\r\nحلب\tI-LOC\r\n\r\n-DOCSTART-\tO\r\n\r\n";
        let surfaces = |tail: &str| {
            std::fs::write(&folder, format!("{head}{tail}")).expect("writes");
            let all = read(&folder).expect("reads");
            assert_eq!(all.iter().map(|a| a.0).collect::<Vec<_>>(), [3, 10]);
            let record = &all[0].1;
            let show = |found: &Option<Vec<GoldEntity>>| {
                let found = found.iter().flatten();
                found.map(|e| char_slice(&record.article.text, e.start, e.end).unwrap_or("").to_string()).collect::<Vec<_>>()
            };
            (show(&record.entities), show(&record.repaired))
        };
        let both = ["سيرغي لافروف".to_string(), "حلب".to_string()];
        assert_eq!(surfaces("وصل O\r\n"), (both.to_vec(), both.to_vec()), "IOB1");
        assert_eq!(surfaces("غزة B-LOC\r\n"), (vec![], both.to_vec()), "IOB2 with stray I- tags");
        std::fs::write(&folder, "زار PERSON\n").expect("writes");
        assert!(read(&folder).is_err_and(|e| e.to_string().contains("no BIO tag")));
        std::fs::remove_file(&folder).expect("removes");
    }
}
