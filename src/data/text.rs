//! One article a file: the first line is the title when a blank line follows it.

use super::article::Article;
use super::input::{BadRecord, Record};
use crate::error::Error;
use std::borrow::Cow;
use std::path::Path;

/// Why lines and tables that begin with the mark of UTF-16 are refused as a whole.
pub(super) const UTF_16: &str = "the file is UTF-16; convert it to UTF-8 (for example: iconv -f UTF-16 -t UTF-8)";

/// Whether a file begins with the byte order mark of UTF-16.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// Read one article; its id is `id`.
pub fn read(path: &Path, id: String) -> Result<Record, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
    let source = path.display().to_string();
    Ok(match parse(&bytes, id) {
        Ok(article) => Ok(Article { origin: (source.into(), 1), ..article }),
        Err((line, reason)) => Err(BadRecord { source, line, reason }),
    })
}

/// Line, and what is wrong there.
type Flaw = (u64, String);

fn parse(bytes: &[u8], id: String) -> Result<Article, Flaw> {
    let content = match bytes {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_be_bytes)?),
        _ => Cow::Borrowed(from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))?),
    };
    Ok(article(id, &content))
}

fn from_utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    let line = |at: usize| 1 + bytes[..at].iter().filter(|&&b| b == b'\n').count() as u64;
    // Arabic in UTF-16 is mostly valid UTF-8, too, but every space and line end of it has a NUL.
    if let Some(at) = bytes.iter().position(|&b| b == 0) {
        let order = if at % 2 == 0 { "BE" } else { "LE" };
        let mend = format!("convert the file to UTF-8 (for example: iconv -f UTF-16{order} -t UTF-8), or remove the NUL");
        return Err((line(at), format!("a NUL, as in UTF-16 without a byte order mark; {mend}")));
    }
    std::str::from_utf8(bytes).map_err(|e| {
        let mend = "convert the file to UTF-8 (for example: iconv -f WINDOWS-1256 -t UTF-8)";
        (line(e.valid_up_to()), format!("invalid UTF-8; {mend}"))
    })
}

/// What stands behind the mark of UTF-16. A NUL is wrong here as well: UTF-32 begins with the same mark, and is full of them.
fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Flaw> {
    let (pairs, odd) = bytes.as_chunks();
    let half = (!odd.is_empty()).then_some(0xd800); // an odd byte at the end is half a character
    let mut content = String::with_capacity(bytes.len());
    for letter in char::decode_utf16(pairs.iter().map(|&pair| unit(pair)).chain(half)) {
        match letter {
            Ok(letter) if letter != '\0' => content.push(letter),
            _ => {
                let line = 1 + content.matches('\n').count() as u64;
                return Err((line, "broken UTF-16: half a character, or a NUL; save the file again, as UTF-8".to_string()));
            }
        }
    }
    Ok(content)
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

    /// UTF-16 with its mark, the low byte first.
    fn little(content: &str) -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(content.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    }

    fn swapped(bytes: &[u8]) -> Vec<u8> {
        bytes.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect()
    }

    #[test]
    fn utf_16_with_its_mark_is_read() {
        let content = "عنوان\r\n\r\nوصل الوفد 😀 إلى حلب.";
        let same = parse(content.as_bytes(), "a".into());
        assert!(same.as_ref().is_ok_and(|article| article.title.as_deref() == Some("عنوان")));
        assert_eq!(parse(&little(content), "a".into()), same);
        assert_eq!(parse(&swapped(&little(content)), "a".into()), same);
    }

    #[test]
    fn broken_utf_16_is_bad() {
        let told = |bytes: &[u8]| parse(bytes, "a".into()).err().unwrap_or_default();
        let whole = little("سطر\n😀");
        for cut in [1, 2, 3] {
            let (line, reason) = told(&whole[..whole.len() - cut]);
            assert!(line == 2 && reason.starts_with("broken UTF-16"), "{cut}: {line}: {reason}");
        }
        let wide: Vec<u8> = "\u{feff}خبر".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert!(told(&wide).1.starts_with("broken UTF-16"), "UTF-32");
    }

    #[test]
    fn utf_16_without_its_mark_is_named() {
        let told = |bytes: &[u8]| parse(bytes, "a".into()).err().unwrap_or_default();
        let bare = &little("وصل الوفد")[2..];
        assert!(std::str::from_utf8(bare).is_ok());
        let (line, reason) = told(bare);
        assert!(line == 1 && reason.starts_with("a NUL, as in UTF-16 without") && reason.contains("iconv -f UTF-16LE "), "{reason}");
        assert!(told(&swapped(bare)).1.contains("iconv -f UTF-16BE "));
        assert!(told(&little("ڤ وصل")[2..]).1.contains("UTF-16LE"), "invalid UTF-8 by its first letter");
        assert_eq!(told("سطر\nسطر\0".as_bytes()).0, 2);
    }
}
