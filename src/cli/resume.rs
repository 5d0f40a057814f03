//! What `analyze` writes, and what an earlier run of it left there to go on from.

use super::draft::Draft;
use super::output::Format;
use crate::analyzer::Analyzer;
use crate::data::{Article, BadRecord, Record};
use crate::error::{Error, Result};
use crate::stream::INTERNAL_ERROR;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is open, but still holds what it held.
pub struct Opened {
    file: File,
    keep: u64,
    /// Where it is written through a draft: what puts that in its place.
    pub draft: Option<Draft>,
}

impl Opened {
    /// A file to write from its beginning.
    fn anew(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        Ok(Self { file: file.map_err(|source| Error::file(path, source))?, keep: 0, draft: None })
    }

    /// A file to write through a draft.
    fn drafted(path: &Path) -> Result<Self> {
        let (file, draft) = Draft::begin(path)?;
        Ok(Self { file, keep: 0, draft })
    }

    /// A file of an earlier run, to write behind its complete lines; what these are, and the last of them. What cannot be `read`
    /// is somebody else's and an error, but for a last line that was cut off: of that, what there is of its `beginning` must be
    /// right.
    fn behind<T>(path: &Path, beginning: &str, read: impl Fn(&[u8]) -> Option<T>) -> Result<(Self, Vec<T>, Vec<u8>)> {
        let failed = |source| Error::file(path, source);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let (mut reader, mut line, mut last) = (BufReader::new(&file), Vec::new(), Vec::new());
        let (mut keep, mut found) = (0, Vec::new());
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
            let whole = line.last() == Some(&b'\n');
            match read(&line) {
                Some(one) if whole => found.push(one),
                Some(_) => break,
                None if !whole && is_part(&line, beginning) => break,
                None => {
                    let advice = "name the file of the earlier run, or leave out --resume to write over this one";
                    return Err(Error::input(path, format!("line {} is none of mujaz analyze; {advice}", found.len() + 1)));
                }
            }
            keep += length as u64;
            std::mem::swap(&mut line, &mut last);
        }
        Ok((Self { file, keep, draft: None }, found, last))
    }

    /// Empty the file but for what is kept. Now it is written.
    pub fn begin(mut self) -> std::io::Result<BufWriter<File>> {
        if self.file.metadata()?.is_file() {
            self.file.set_len(self.keep)?;
            self.file.seek(SeekFrom::Start(self.keep))?;
        }
        Ok(BufWriter::new(self.file))
    }
}

/// Whether a line is the first part of an object with this beginning.
fn is_part(line: &[u8], beginning: &str) -> bool {
    let same = line.iter().zip(beginning.as_bytes()).all(|(a, b)| a == b);
    same && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err()
}

/// The output, and what an earlier run left in it. An earlier file of a format that is of no use before its end stays until
/// this run has come to its own.
pub fn open_output(path: &Path, format: Format, resume: bool) -> Result<(Opened, Done)> {
    if !(resume && path.is_file()) {
        let opened = if format.grows() { Opened::anew(path) } else { Opened::drafted(path) };
        return Ok((opened?, Done::default()));
    }
    let (file, ids, last) = Opened::behind(path, "{\"id\":", |line| {
        let record: Value = serde_json::from_slice(line).ok()?;
        let id = record["id"].as_str()?;
        record["meta"]["model"].is_string().then(|| id.to_string())
    })?;
    let last = serde_json::from_slice(&last).unwrap_or_default();
    Ok((file, Done { path: path.to_path_buf(), ids: ids.into_iter(), met: 0, last }))
}

/// Records of an earlier run's output, which the inputs must come to in the same order.
#[derive(Default)]
pub struct Done {
    path: PathBuf,
    /// Of those that the inputs have not come to.
    ids: std::vec::IntoIter<String>,
    met: usize,
    /// The last of all.
    last: Value,
}

impl Done {
    /// How many records the inputs have not come to.
    pub fn left(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Hold the next record, where one is left, against the article in its place. Ids may be repeated, or made of file and line;
    /// one after the other they are still the same only where the inputs are.
    fn meet(&mut self, article: &Article, run: &Traits) -> Option<Result<()>> {
        let id = self.ids.next()?;
        self.met += 1;
        let (number, (source, line)) = (self.met, &article.origin);
        let flaw = if id != article.id {
            let found = format!("record {number} has the id {id:?}, but the inputs have {:?} there ({source}:{line})", article.id);
            Some(format!("{found}; give the inputs of the earlier run, named as they were"))
        } else {
            let other = (self.left() == 0).then(|| run.differ(&self.last, article)).flatten();
            other.map(|how| format!("record {number} {how}; give the settings of the earlier run"))
        };
        Some(match flaw {
            Some(flaw) => Err(Error::input(&self.path, format!("{flaw}, or leave out --resume to write over this file"))),
            None => Ok(()),
        })
    }
}

/// What the records of a run tell of its settings.
pub struct Traits {
    model: String,
    revision: String,
    /// Fields, and whether they are written.
    fields: [(&'static str, bool); 5],
}

impl Traits {
    /// Of a run with this analyzer.
    pub fn of(analyzer: &Analyzer) -> Result<Self> {
        let (mujaz, options) = (analyzer.model().config.mujaz()?, analyzer.options());
        let tasks = options.tasks;
        let fields = [
            ("topics", tasks.topics),
            ("entities", tasks.entities),
            ("stance", tasks.stance),
            ("summary", tasks.summary),
            ("text", options.with_text),
        ];
        Ok(Self { model: mujaz.name.clone(), revision: mujaz.revision.clone(), fields })
    }

    /// How the run that wrote `record` for `article` was another.
    fn differ(&self, record: &Value, article: &Article) -> Option<String> {
        let meta = |name: &str| record["meta"][name].as_str().unwrap_or_default();
        let (model, revision) = (meta("model"), meta("revision"));
        if (model, revision) != (self.model.as_str(), self.revision.as_str()) {
            return Some(format!("is by model {model}, revision {revision}, this run by {}, revision {}", self.model, self.revision));
        }
        self.fields.iter().find_map(|&(name, written)| {
            // What the article brings along under the name of an answer passes through where that is not asked for.
            let (now, then) = (written || article.extra.contains_key(name), record.get(name).is_some());
            match (now, then) {
                (true, false) => Some(format!("has no {name:?}, which this run would write")),
                (false, true) => Some(format!("has {name:?}, which this run would not write")),
                _ => None,
            }
        })
    }
}

/// Places of bad records, file and line, and how often each was reported.
type Places = HashMap<(PathBuf, u64), u64>;

/// What an earlier run reported.
#[derive(Default)]
pub struct Reported {
    /// Records that could not be read.
    unread: Places,
    /// Articles that were read, and lost to an internal error.
    lost: Places,
}

/// The file of `--errors`, and what an earlier run reported there.
pub fn open_errors(path: &Path, resume: bool) -> Result<(Opened, Reported)> {
    let mut reported = Reported::default();
    if !(resume && path.is_file()) {
        return Ok((Opened::anew(path)?, reported));
    }
    let (file, records, _) = Opened::behind(path, "{\"source\":", |line| serde_json::from_slice::<BadRecord>(line).ok())?;
    for record in records {
        let places = if record.reason.starts_with(INTERNAL_ERROR) { &mut reported.lost } else { &mut reported.unread };
        *places.entry(place(&record.source, record.line)).or_default() += 1;
    }
    Ok((file, reported))
}

/// Where a record stands, whatever its file was called.
fn place(source: &str, line: u64) -> (PathBuf, u64) {
    let path = PathBuf::from(source);
    (path.canonicalize().unwrap_or(path), line)
}

/// Whether a record stands at one of these places; each report is good for one.
fn again(places: &mut Places, source: &str, line: u64) -> bool {
    // The one name of a file takes the system's time, and mostly there is nothing to find by it.
    !places.is_empty() && places.get_mut(&place(source, line)).filter(|times| **times > 0).map(|times| *times -= 1).is_some()
}

/// What of an earlier run was met again.
#[derive(Default)]
pub struct Earlier {
    /// Good records of its output that the inputs have not come to.
    pub missing: AtomicU64,
    /// Bad records that it reported, in a file or between the good ones.
    pub bad: AtomicU64,
}

impl Earlier {
    /// Leave out the good records that are `done`, and the bad ones that were `reported`; where no file of them was kept, those
    /// between these good ones. An article that is not the one that was done, or was done by another `run`, is an error.
    pub fn skip(
        &self,
        records: impl Iterator<Item = Result<Record>> + Send,
        mut done: Done,
        mut reported: Option<Reported>,
        run: Traits,
    ) -> impl Iterator<Item = Result<Record>> + Send {
        self.missing.store(done.left(), Ordering::Relaxed);
        records.filter_map(move |record| {
            let known = match (&record, &mut reported) {
                (Ok(Ok(Article { origin: (source, line), .. })), Some(reported)) => again(&mut reported.lost, source, *line),
                (Ok(Err(bad)), Some(reported)) => again(&mut reported.unread, &bad.source, bad.line),
                (Ok(Err(_)), None) => done.left() > 0,
                _ => false,
            };
            if known {
                self.bad.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            let met = record.as_ref().ok().and_then(|read| done.meet(read.as_ref().ok()?, &run));
            self.missing.store(done.left(), Ordering::Relaxed);
            match met {
                Some(Ok(())) => None,
                Some(Err(error)) => Some(Err(error)),
                None => Some(record),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_an_earlier_run_wrote_is_gone_on_from() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("out.jsonl");
        let record = r#"{"id":"a","meta":{"model":"m"}}"#;
        let done = |content: String| {
            std::fs::write(&path, &content)?;
            let (opened, done) = open_output(&path, Format::JSONL, true).map_err(std::io::Error::other)?;
            drop(opened.begin()?);
            Ok((done.left(), content.len() - std::fs::read(&path)?.len()))
        };
        let whole = |content: String| done(content).ok();
        assert_eq!(whole(String::new()), Some((0, 0)));
        assert_eq!(whole(format!("{record}\n{record}\n")), Some((2, 0)));
        for torn in [record, "{", "{\"id\":\"b\",\"title\":\"x"] {
            assert_eq!(whole(format!("{record}\n{torn}")), Some((1, torn.len())));
            assert_eq!(whole(torn.to_string()), Some((0, torn.len())));
        }
        for strange in ["mine", "mine\n", "{\"id\":\"a\",\"text\":\"b\"}", "{\"id\":\"a\",\"text\":\"b\"}\n", "[]\n", "\n"] {
            for content in [strange.to_string(), format!("{record}\n{strange}"), format!("{strange}{record}\n")] {
                let refused: std::io::Result<(u64, usize)> = done(content.clone());
                assert!(refused.is_err_and(|e| e.to_string().contains("is none of mujaz analyze")), "{content:?}");
                assert_eq!(std::fs::read_to_string(&path)?, content);
            }
        }
        Ok(())
    }

    fn record(id: &str) -> Value {
        json!({"id": id, "topics": [], "meta": {"model": "m", "revision": "1"}})
    }

    fn only_topics() -> Traits {
        let fields = ["topics", "entities", "stance", "summary", "text"].map(|name| (name, name == "topics"));
        Traits { model: "m".into(), revision: "1".into(), fields }
    }

    /// Ids of what is left to do behind `done` of articles with these ids, one a line of in.jsonl; or why nothing is.
    fn left(done: &[Value], ids: &[&str], reported: Option<Reported>) -> Result<Vec<String>, String> {
        let path = PathBuf::from("out.jsonl");
        let known: Vec<String> = done.iter().filter_map(|record| Some(record["id"].as_str()?.to_string())).collect();
        let done = Done { path, ids: known.into_iter(), met: 0, last: done.last().cloned().unwrap_or_default() };
        let article = |(id, line): (&&str, u64)| Article { id: id.to_string(), origin: ("in.jsonl".into(), line), ..Article::new("") };
        let records = ids.iter().zip(1..).map(|at| Ok(Ok(article(at))));
        let earlier = Earlier::default();
        let id = |record: Result<Record>| Ok(record.map_err(|e| e.to_string())?.map_err(|bad| bad.to_string())?.id);
        earlier.skip(records, done, reported, only_topics()).map(id).collect()
    }

    #[test]
    fn records_are_met_by_id_and_place() {
        let ids = |ids: &[&str]| Ok(ids.iter().map(|id| id.to_string()).collect());
        assert_eq!(left(&[], &["a"], None), ids(&["a"]));
        assert_eq!(left(&[record("a"), record("a")], &["a", "a", "a", "b"], None), ids(&["a", "b"]));
        let told = left(&[record("b"), record("c")], &["a", "b", "c"], None).expect_err("a record was added");
        assert!(told.starts_with("out.jsonl: record 1 has the id \"b\", but the inputs have \"a\" there (in.jsonl:1)"), "{told}");
        let told = left(&[record("a"), record("b")], &["a", "c"], None).expect_err("a record was taken out");
        assert!(told.starts_with("out.jsonl: record 2 has the id \"b\"") && told.contains("leave out --resume"), "{told}");
    }

    #[test]
    fn the_last_record_tells_a_run_of_other_settings() {
        let made = |record: Value| left(&[record], &["a"], None);
        assert_eq!(made(record("a")), Ok(Vec::new()));
        let meta = json!({"model": "m", "revision": "1"});
        for (other, words) in [
            (
                json!({"id": "a", "topics": [], "meta": {"model": "n", "revision": "1"}}),
                "is by model n, revision 1, this run by m, revision 1",
            ),
            (json!({"id": "a", "topics": [], "meta": {"model": "m", "revision": "0"}}), "is by model m, revision 0, this run"),
            (json!({"id": "a", "meta": meta}), "has no \"topics\", which this run would write"),
            (json!({"id": "a", "topics": [], "stance": [], "meta": meta}), "has \"stance\", which this run would not write"),
            (json!({"id": "a", "text": "", "topics": [], "meta": meta}), "has \"text\", which this run would not write"),
        ] {
            let told = made(other).expect_err(words);
            assert!(told.starts_with(&format!("out.jsonl: record 1 {words}")), "{told}");
        }
        let (extra, of) = (json!({"stance": "x"}), json!({"id": "a", "topics": [], "stance": "x", "meta": meta}));
        let article = Article { extra: extra.as_object().cloned().unwrap_or_default(), ..Article::new("") };
        assert_eq!(only_topics().differ(&of, &article), None, "what passes through is no answer");
    }

    #[test]
    fn articles_lost_to_an_internal_error_are_known_again() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bad.jsonl");
        let bad = |line: u64, reason: &str| json!({"source": "in.jsonl", "line": line, "reason": reason}).to_string() + "\n";
        let lost = format!("{INTERNAL_ERROR} in the article");
        std::fs::write(&path, bad(1, &lost) + &bad(3, &lost) + &bad(4, "broken JSON"))?;
        let (_, reported) = open_errors(&path, true).map_err(std::io::Error::other)?;
        let left = left(&[record("a")], &["a", "a", "b", "c"], Some(reported));
        assert_eq!(left, Ok(vec!["c".to_string()]), "what could not be read and now can is no such article");
        Ok(())
    }
}
