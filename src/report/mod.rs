//! Pages: analysed articles, and an evaluation. Each is one self-contained file.
//!
//! The analyses stand in the page as JSON and are drawn by its script through text nodes only, so that
//! nothing of an article is ever read as markup; a page of articles is drawn at a time.

pub mod evaluation;

use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

const PAGE: &str = include_str!("page.html");
const DATA: &str = "@@DATA@@";

/// Writes a page record by record. Until [`PageWriter::finish`] it is not whole.
pub struct PageWriter<W: Write> {
    out: W,
    first: bool,
    topics: Map<String, Value>,
}

impl<W: Write> PageWriter<W> {
    /// Write the head of the page. `topics` are Arabic names by label.
    pub fn new(mut out: W, topics: Map<String, Value>) -> io::Result<Self> {
        let (head, _) = PAGE.split_once(DATA).unwrap_or((PAGE, ""));
        out.write_all(head.as_bytes())?;
        out.write_all(b"{\"articles\":[")?;
        Ok(Self { out, first: true, topics })
    }

    /// Add an analysis with its text, as the output record has it.
    pub fn add(&mut self, analysis: &impl Serialize) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b",")?;
        }
        self.out.write_all(inert(&serde_json::to_string(analysis)?).as_bytes())
    }

    /// Write the rest of the page.
    pub fn finish(mut self) -> io::Result<()> {
        let topics = json!(self.topics).to_string();
        let (_, tail) = PAGE.split_once(DATA).unwrap_or((PAGE, ""));
        write!(self.out, "],\"topics\":{}}}{tail}", inert(&topics))?;
        self.out.flush()
    }
}

/// JSON that cannot end the script element it stands in: `<` and `&` as escapes, line separators too.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('&', "\\u0026").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_cannot_break_out_of_the_page() {
        let mut page = Vec::new();
        let mut writer = PageWriter::new(&mut page, Map::new()).expect("writes");
        writer.add(&json!({"id": "a", "title": "</script><script>alert(1)</script><!--", "text": "&lt;b&gt;"})).expect("writes");
        writer.add(&json!({"id": "b", "text": ""})).expect("writes");
        writer.finish().expect("writes");
        let page = String::from_utf8(page).expect("UTF-8");
        assert_eq!(page.matches("</script>").count(), 2, "the page's own two");
        assert!(!page.contains("alert(1)</script>"));
        let start = page.find("id=\"data\">").expect("data") + "id=\"data\">".len();
        let end = start + page[start..].find("</script>").expect("its end");
        let data: Value = serde_json::from_str(&page[start..end]).expect("JSON");
        assert_eq!(data["articles"][0]["title"], "</script><script>alert(1)</script><!--");
        assert!(page.starts_with("<!doctype html>") && page.contains("<meta charset=\"utf-8\">") && page.contains("dir=\"rtl\""));
        assert!(!page.contains("http:") && !page.contains("https:"), "no remote asset");
    }
}
