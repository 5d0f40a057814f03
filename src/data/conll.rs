//! CoNLL files: one token a line, its tag in the last column, a blank line between sentences.

use super::labelled::{GoldEntity, Labelled};
use super::spans::{Policy, spans_of};
use super::{Article, BadRecord};
use std::path::Path;

/// Tokens that are gathered into one article where the file does not mark documents.
const ARTICLE_TOKENS: usize = 150;

/// Articles with the lines that they begin on, and bad lines.
type Found = (Vec<(u64, Labelled)>, Vec<BadRecord>);

/// Tokens and tags of a sentence.
type Sentence<'a> = Vec<(&'a str, &'a str)>;

/// Sentences, and the line that they begin on.
type Placed<'a> = (u64, Vec<Sentence<'a>>);

/// What a line says.
enum Line<'a> {
    Token(&'a str, &'a str),
    /// `# sent_id = 1`, as in Universal Dependencies.
    Comment,
    Blank,
    Document,
}

/// Read a file, each article with the line that it begins on: tab or space, CRLF, BOM, `-DOCSTART-`. Sentences become
/// the lines of articles; one with a bad line is left out. The scheme is IOB2, or IOB1 where the whole file is written in
/// it; `repaired` holds the entities as conlleval reads them.
pub fn read(path: &Path) -> std::io::Result<Found> {
    let content = std::fs::read(path)?;
    let source = path.display().to_string();
    let (articles, flaws) = articles(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content));
    let policy = if is_iob1(articles.iter().flat_map(|a| &a.1)) { Policy::Repair } else { Policy::Strict };
    let bad = flaws.into_iter().map(|(line, reason)| BadRecord { source: source.clone(), line, reason }).collect();
    let good = articles.into_iter().map(|(first, article)| (first, build(&article, format!("{source}:{first}"), policy))).collect();
    Ok((good, bad))
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

/// Articles with their first lines, and bad lines with what is wrong.
fn articles(content: &[u8]) -> (Vec<Placed<'_>>, Vec<(u64, String)>) {
    let (mut out, mut flaws) = (Vec::new(), Vec::new());
    let (mut article, mut sentence) = (Vec::new(), Sentence::new());
    let (mut first, mut begin, mut whole) = (1, 1, true);
    let ending: [&[u8]; 2] = [b"", b"-DOCSTART-"];
    for (number, line) in (1..).zip(content.split(|&b| b == b'\n').chain(ending)) {
        let line = parse(line.strip_suffix(b"\r").unwrap_or(line));
        match line {
            Ok(Line::Comment) => continue,
            Ok(Line::Token(token, tag)) => {
                if sentence.is_empty() {
                    begin = number;
                }
                sentence.push((token, tag));
                continue;
            }
            Err(reason) => {
                flaws.push((number, reason));
                whole = false;
                continue;
            }
            Ok(Line::Blank | Line::Document) => {}
        }
        let ended = std::mem::take(&mut sentence);
        if std::mem::replace(&mut whole, true) && !ended.is_empty() {
            if article.is_empty() {
                first = begin;
            }
            article.push(ended);
        }
        let full = article.iter().map(Vec::len).sum::<usize>() >= ARTICLE_TOKENS;
        if !article.is_empty() && (full || matches!(line, Ok(Line::Document))) {
            out.push((first, std::mem::take(&mut article)));
        }
    }
    (out, flaws)
}

fn parse(line: &[u8]) -> Result<Line<'_>, String> {
    let invalid = |e: std::str::Utf8Error| format!("invalid UTF-8 after {} bytes; convert the file to UTF-8", e.valid_up_to());
    let line = std::str::from_utf8(line).map_err(invalid)?;
    // A token between tabs may hold spaces.
    let tabs = line.contains('\t');
    let mut columns = line.split(if tabs { '\t' } else { ' ' }).map(|column| column.trim_matches(' ')).filter(|column| !column.is_empty());
    let is_tag = |tag: &str| tag == "O" || tag.starts_with("B-") || tag.starts_with("I-");
    match (columns.next(), columns.next_back()) {
        (None, _) => Ok(Line::Blank),
        (Some("-DOCSTART-"), _) => Ok(Line::Document),
        (Some(token), Some(tag)) if is_tag(tag) => Ok(Line::Token(token, tag)),
        _ if line.starts_with("# ") => Ok(Line::Comment),
        (Some(_), Some(tag)) => Err(format!("{tag:?} is no BIO tag; the last column must hold O, B-TYPE or I-TYPE")),
        (Some(token), None) => Err(format!("the token {token:?} has no tag")),
    }
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
            let (all, _) = read(&folder).expect("reads");
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
        std::fs::remove_file(&folder).expect("removes");
    }

    #[test]
    fn bad_lines_cost_their_sentence_and_comments_nothing() {
        let path = std::env::temp_dir().join(format!("mujaz-conll-bad-{}", std::process::id()));
        let mut content = "# sent_id = 1\n# text = زار حلب\nزار O\nحلب B-LOC\n\n# O\n\nعاد O\nكيري PERSON\nكيري\n\n".as_bytes().to_vec();
        content.extend(b"\xc7\xe1 O\n\n");
        content.extend("وصل O".as_bytes());
        std::fs::write(&path, content).expect("writes");
        let (good, bad) = read(&path).expect("reads");
        std::fs::remove_file(&path).expect("removes");
        assert_eq!(good.len(), 1);
        assert_eq!((good[0].0, good[0].1.article.text.as_str()), (3, "زار حلب\n#\nوصل"), "a number sign with a tag is a token");
        assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [9, 10, 12]);
        for (bad, wanted) in bad.iter().zip(["\"PERSON\" is no BIO tag", "has no tag", "invalid UTF-8"]) {
            assert!(bad.reason.contains(wanted), "{bad}");
        }
    }
}
