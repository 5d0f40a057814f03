//! CoNLL files: one token a line, its tag in the last column, a blank line between sentences.

use super::labelled::{GoldEntity, Labelled};
use crate::data::Article;
use crate::error::Error;
use crate::eval::spans::{Policy, spans_of};
use std::path::Path;

/// Tokens that are gathered into one article where the file does not mark documents.
const ARTICLE_TOKENS: usize = 150;

/// Read a file, each article with the line that it begins on: tab or space, CRLF, BOM, `-DOCSTART-`, IOB1 or IOB2. Sentences become the lines of articles.
pub fn read(path: &Path, policy: Policy) -> Result<Vec<(u64, Labelled)>, Error> {
    let content = std::fs::read_to_string(path).map_err(|source| Error::file(path, source))?;
    let source = path.display().to_string();
    let mut out = Vec::new();
    let mut article: Vec<Vec<(&str, &str)>> = Vec::new();
    let mut sentence: Vec<(&str, &str)> = Vec::new();
    let mut first = 1;
    let mut close = |article: &mut Vec<Vec<(&str, &str)>>, first: u64| {
        if !article.is_empty() {
            out.push((first, build(article, format!("{source}:{first}"), policy)));
            article.clear();
        }
    };
    for (number, line) in content.trim_start_matches('\u{feff}').lines().enumerate() {
        let mut columns = line.split_whitespace();
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

fn build(sentences: &[Vec<(&str, &str)>], id: String, policy: Policy) -> Labelled {
    let mut text = String::new();
    let mut at = 0;
    let mut entities = Vec::new();
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
        entities.extend(spans_of(&tags, policy).into_iter().map(|span| GoldEntity {
            start: places[span.start].0,
            end: places[span.end - 1].1,
            kind: span.kind,
            title: false,
        }));
    }
    Labelled { article: Article { id, ..Article::new(text) }, entities: Some(entities), ..Labelled::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::normalise::char_slice;

    #[test]
    fn tabs_crlf_bom_documents_and_both_schemes() {
        let folder = std::env::temp_dir().join(format!("mujaz-conll-{}", std::process::id()));
        std::fs::write(
            &folder,
            "\u{feff}-DOCSTART- O\r\n\r\nزار\tO\r\nسيرغي\tI-PER\r\nلافروف\tI-PER\r\nحلب\tI-LOC\r\n\r\n-DOCSTART-\tO\r\n\r\nوصل O\r\n",
        )
        .expect("writes");
        let surfaces = |policy| {
            let all = read(&folder, policy).expect("reads");
            assert_eq!(all.iter().map(|a| a.0).collect::<Vec<_>>(), [3, 10]);
            let found = all[0].1.entities.clone().unwrap_or_default();
            found.iter().map(|e| char_slice(&all[0].1.article.text, e.start, e.end).unwrap_or("").to_string()).collect::<Vec<_>>()
        };
        assert_eq!(surfaces(Policy::Repair), ["سيرغي لافروف", "حلب"]);
        assert_eq!(surfaces(Policy::Strict), Vec::<String>::new());
        std::fs::write(&folder, "زار PERSON\n").expect("writes");
        assert!(read(&folder, Policy::Strict).is_err_and(|e| e.to_string().contains("no BIO tag")));
        std::fs::remove_file(&folder).expect("removes");
    }
}
