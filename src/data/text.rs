//! One article a file: the first line is the title when a blank line follows it.

use super::article::Article;
use super::input::{BadRecord, Record};
use crate::error::Error;
use std::path::Path;

/// Read one article; its id is `id`.
pub fn read(path: &Path, id: String) -> Result<Record, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
    let source = path.display().to_string();
    Ok(match parse(&bytes, id) {
        Ok(article) => Ok(Article { origin: (source.into(), 1), ..article }),
        Err((line, reason)) => Err(BadRecord { source, line, reason }),
    })
}

fn parse(bytes: &[u8], id: String) -> Result<Article, (u64, String)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let content = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|&&b| b == b'\n').count() as u64;
        (line, "invalid UTF-8; convert the file to UTF-8 (for example: iconv -f WINDOWS-1256 -t UTF-8)".to_string())
    })?;
    Ok(article(id, content))
}

/// The article that a file's content is.
pub(crate) fn article(id: String, content: &str) -> Article {
    let (title, text) = split_title(content);
    Article { id, title: title.map(str::to_string), ..Article::new(text) }
}

fn split_title(content: &str) -> (Option<&str>, &str) {
    let lines = content.split_once('\n').and_then(|(first, rest)| Some((first, rest.split_once('\n')?)));
    match lines {
        Some((first, (second, body))) if !first.trim().is_empty() && second.trim().is_empty() && !body.trim().is_empty() => {
            (Some(first.trim_end_matches('\r')), body)
        }
        _ => (None, content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles() {
        assert_eq!(split_title("عنوان\r\n\r\nنص\r\nآخر"), (Some("عنوان"), "نص\r\nآخر"));
        assert_eq!(split_title("سطر\nسطر\n\nنص"), (None, "سطر\nسطر\n\nنص"));
        assert_eq!(split_title("وحده"), (None, "وحده"));
        assert_eq!(split_title("وحده\n\n"), (None, "وحده\n\n"), "a title needs a text below it");
    }
}
