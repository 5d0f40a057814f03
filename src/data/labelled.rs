//! Labelled articles, for evaluation: the output's shapes without scores, as fields of the input record.

use super::article::{Article, STANCES, StanceKind};
use super::conll;
use super::input::{BadRecord, Inputs, walk};
use crate::error::Error;
use crate::text::normalise::Original;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A true entity; offsets count code points of the text, or of the title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldEntity {
    /// First code point.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Type.
    pub kind: String,
    /// Whether it stands in the title.
    pub title: bool,
}

impl GoldEntity {
    /// What it covers in `part`, which is the title or the text that it stands in; or why it covers nothing.
    pub fn surface<'a>(&self, part: &Original<'a>) -> Result<&'a str, &'static str> {
        match part.slice(self.start, self.end) {
            Some("") => Err("is empty"),
            Some(surface) => Ok(surface),
            None if self.end < self.start => Err("ends before it begins"),
            None if self.title => Err("is outside the title"),
            None => Err("is outside the text"),
        }
    }
}

impl std::fmt::Display for GoldEntity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}..{}", self.kind, self.start, self.end)
    }
}

/// A true stance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldStance {
    /// What it is toward.
    pub target: String,
    /// What that is.
    pub kind: StanceKind,
    /// One of the four, or several with `|` between them, of which any is right.
    pub label: String,
}

/// An article with what is true of it; `None` where the record does not say.
#[derive(Clone, Debug, Default)]
pub struct Labelled {
    /// The article.
    pub article: Article,
    /// Topics, the main one first.
    pub topics: Option<Vec<String>>,
    /// All entities.
    pub entities: Option<Vec<GoldEntity>>,
    /// The entities of a CoNLL file as conlleval reads them, stray `I-` tags as beginnings.
    pub repaired: Option<Vec<GoldEntity>>,
    /// True stances.
    pub stance: Option<Vec<GoldStance>>,
    /// A written summary.
    pub summary: Option<String>,
    /// Whether its file labels entities in no title: then what is found in one is neither right nor wrong.
    pub text_alone: bool,
}

/// A labelled record and where it stands.
pub struct Placed {
    /// File.
    pub file: String,
    /// Line or row, from 1.
    pub line: u64,
    /// The record.
    pub record: Labelled,
    /// Surfaces that the record gives for its entities, in their order, where it does.
    pub surfaces: Vec<Option<String>>,
    /// Whether its stance, if it has one, is a pair of columns beside other labels: they may be about something else.
    pub columns: bool,
}

/// Another data set's labels and the model's, by task; a label mapped to "" is left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelMap {
    /// Topic labels.
    #[serde(default)]
    pub topics: HashMap<String, String>,
    /// Entity types.
    #[serde(default)]
    pub entities: HashMap<String, String>,
    /// Stance labels.
    #[serde(default)]
    pub stance: HashMap<String, String>,
}

impl LabelMap {
    /// Read a TOML file with the tables `[topics]`, `[entities]` and `[stance]`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let content = std::fs::read_to_string(path).map_err(|source| Error::file(path, source))?;
        toml::from_str(&content).map_err(|e| Error::input(path, e.to_string()))
    }
}

fn mapped(map: &HashMap<String, String>, label: &str) -> Option<String> {
    let label = map.get(label).map_or(label, String::as_str);
    (!label.is_empty()).then(|| label.to_string())
}

/// A stance may be alternatives, `neutral|unrelated`, of which any is right: each is mapped.
fn mapped_stance(map: &HashMap<String, String>, label: &str) -> Option<String> {
    if map.contains_key(label) {
        return mapped(map, label);
    }
    let mut kept: Vec<String> = Vec::new();
    for label in label.split('|').filter_map(|part| mapped(map, part)) {
        if !kept.contains(&label) {
            kept.push(label);
        }
    }
    (!kept.is_empty()).then(|| kept.join("|"))
}

/// Read labelled records: CoNLL files (`.conll`, `.bio`, `.iob`), and whatever `analyze` reads. Entities that cover
/// nothing are bad too, and so are columns that look like a stance and are none; the record keeps its other labels. A path that
/// is not there is an error.
pub fn read(paths: &[PathBuf], map: &LabelMap) -> Result<(Vec<Labelled>, Vec<BadRecord>), Error> {
    let (mut placed, mut bad) = read_placed(paths, map)?;
    bad.extend(placed.iter_mut().filter_map(leave_out_broken));
    Ok((placed.into_iter().map(|p| p.record).collect(), bad))
}

fn leave_out_broken(placed: &mut Placed) -> Option<BadRecord> {
    let flaws = [broken_entities(&mut placed.record), placed.columns.then(|| unknown_stance(&mut placed.record)).flatten()];
    let reason = flaws.into_iter().flatten().collect::<Vec<_>>().join("; ");
    (!reason.is_empty()).then(|| BadRecord { source: placed.file.clone(), line: placed.line, reason })
}

/// Drops entities that cover nothing, and says which.
fn broken_entities(record: &mut Labelled) -> Option<String> {
    let Labelled { article, entities, .. } = record;
    let (title, text) = (Original::new(article.title.as_deref().unwrap_or("")), Original::new(&article.text));
    let mut flaws = Vec::new();
    entities.as_mut()?.retain(|entity| {
        let flaw = entity.surface(if entity.title { &title } else { &text }).err();
        flaws.extend(flaw.map(|flaw| format!("{entity} {flaw}")));
        flaw.is_none()
    });
    (!flaws.is_empty()).then(|| format!("entities left out: {}", flaws.join(", ")))
}

/// Drops a stance whose label is none, and says so.
fn unknown_stance(record: &mut Labelled) -> Option<String> {
    let unknown = |label: &str| label.split('|').any(|label| !STANCES.contains(&label));
    let label = record.stance.iter().flatten().find(|stance| unknown(&stance.label))?.label.clone();
    record.stance = None;
    let known = STANCES.join(", ");
    Some(format!("stance left out: {label:?} is none of {known}; map it with --map, or rename the columns if they are no stance"))
}

/// Records as they are, broken entities with them; with each one's place and the surfaces that it gives for its entities.
pub fn read_placed(paths: &[PathBuf], map: &LabelMap) -> Result<(Vec<Placed>, Vec<BadRecord>), Error> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for path in paths {
        let mut tagged = Vec::new();
        if path.is_dir() {
            walk(path, &mut |file| tagged.extend((is_conll(file) && !file.is_dir()).then(|| file.to_path_buf())))?;
        } else if is_conll(path) {
            std::fs::metadata(path).map_err(|source| Error::file(path, source))?;
            tagged.push(path.clone());
        }
        for path in &tagged {
            let file = path.display().to_string();
            let placed = |(line, record): (u64, Labelled)| {
                let surfaces = vec![None; record.entities.as_ref().map_or(0, Vec::len)];
                Placed { file: file.clone(), line, record, surfaces, columns: false }
            };
            match conll::read(path) {
                Ok((records, flaws)) => {
                    good.extend(records.into_iter().map(placed));
                    bad.extend(flaws);
                }
                Err(error) => bad.push(BadRecord { source: file.clone(), line: 0, reason: error.to_string() }),
            }
        }
        let others = if tagged.is_empty() { Inputs::open(std::slice::from_ref(path))? } else { Inputs::beside(path)? };
        for record in others {
            match record? {
                Ok(article) => {
                    let (file, line) = article.origin.clone();
                    match parse(article, map) {
                        Ok((record, surfaces, columns)) => good.push(Placed { file: file.to_string(), line, record, surfaces, columns }),
                        Err(reason) => bad.push(BadRecord { source: file.to_string(), line, reason }),
                    }
                }
                Err(record) => bad.push(record),
            }
        }
    }
    mark_text_alone(&mut good);
    for placed in &mut good {
        apply(placed, map);
    }
    Ok((good, bad))
}

/// Before labels are mapped or left out: those of a title say that somebody looked there.
fn mark_text_alone(good: &mut [Placed]) {
    let in_title = |p: &&Placed| p.record.entities.iter().flatten().any(|e| e.title);
    let titled: HashSet<String> = good.iter().filter(in_title).map(|p| p.file.clone()).collect();
    good.iter_mut().for_each(|p| p.record.text_alone = !titled.contains(&p.file));
}

/// Whether a file is read as tokens with tags, by the ending of its name.
fn is_conll(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
    matches!(ending.as_str(), "conll" | "bio" | "iob")
}

fn apply(placed: &mut Placed, map: &LabelMap) {
    let record = &mut placed.record;
    if let Some(topics) = record.topics.take() {
        let kept: Vec<String> = topics.iter().filter_map(|t| mapped(&map.topics, t)).collect();
        // A record all of whose labels are left out says nothing of its topics.
        record.topics = (!kept.is_empty() || topics.is_empty()).then_some(kept);
    }
    if let Some(entities) = record.entities.take() {
        let surfaces = std::mem::take(&mut placed.surfaces);
        let kept =
            entities.into_iter().zip(surfaces).filter_map(|(e, s)| Some((GoldEntity { kind: mapped(&map.entities, &e.kind)?, ..e }, s)));
        let (entities, surfaces) = kept.unzip();
        (record.entities, placed.surfaces) = (Some(entities), surfaces);
    }
    if let Some(repaired) = record.repaired.take() {
        let kept = repaired.into_iter().filter_map(|e| Some(GoldEntity { kind: mapped(&map.entities, &e.kind)?, ..e }));
        record.repaired = Some(kept.collect());
    }
    if let Some(stance) = record.stance.take() {
        let kept = stance.into_iter().filter_map(|s| Some(GoldStance { label: mapped_stance(&map.stance, &s.label)?, ..s }));
        record.stance = Some(kept.collect());
    }
}

#[derive(Deserialize)]
struct EntityField {
    #[serde(rename = "type")]
    kind: String,
    start: Value,
    end: Value,
    field: Option<String>,
    text: Option<Value>,
}

#[derive(Deserialize)]
struct StanceField {
    target: String,
    kind: StanceKind,
    label: String,
}

/// Labels out of the fields that a record brings along; an empty string says nothing. Tables hold a topic or a pair
/// in plain columns: `topics` (labels by `|`), or a `section` that the map names; `target` or `claim` with `label`.
/// With the surface that each entity gives for itself, and whether a stance is a pair of columns beside other labels.
fn parse(mut article: Article, map: &LabelMap) -> Result<(Labelled, Vec<Option<String>>, bool), String> {
    let known = |section: &Value| section.as_str().is_some_and(|s| map.topics.contains_key(s));
    let section = article.extra.get("section").filter(|s| known(s)).cloned();
    let mut take = |name: &str| {
        let value = article.extra.shift_remove(name).filter(|v| !v.is_null() && v.as_str() != Some(""))?;
        let list = value.as_str().filter(|text| text.starts_with('[')); // lists in tables are JSON text
        Some(list.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(value))
    };
    let topics = match take("topics").or(section) {
        Some(Value::Array(items)) => Some(items.iter().map(topic).collect::<Option<Vec<_>>>().ok_or("\"topics\" must hold labels")?),
        Some(Value::String(joined)) => Some(joined.split('|').map(|t| t.trim().to_string()).filter(|t| !t.is_empty()).collect()),
        Some(_) => return Err("\"topics\" must be a list of labels".to_string()),
        None => None,
    };
    let mut surfaces = Vec::new();
    let entities = match take("entities") {
        Some(value) => {
            let fields: Vec<EntityField> = serde_json::from_value(value).map_err(|e| format!("\"entities\": {e}"))?;
            surfaces = fields.iter().map(|e| e.text.as_ref()?.as_str().map(str::to_string)).collect();
            let gold = |e: EntityField| {
                let (start, end) = (offset("start", &e.start)?, offset("end", &e.end)?);
                Ok(GoldEntity { start, end, kind: e.kind, title: e.field.as_deref() == Some("title") })
            };
            Some(fields.into_iter().map(gold).collect::<Result<_, String>>()?)
        }
        None => None,
    };
    let summary = match take("summary") {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => {
            let text = other.get("text").and_then(Value::as_str);
            Some(text.ok_or("\"summary\" must be a text, or an object that holds one as \"text\"")?.to_string())
        }
    };
    let target = take("target").map(|t| (t, StanceKind::Entity)).or_else(|| take("claim").map(|t| (t, StanceKind::Claim)));
    let (given, label) = (take("stance"), take("label"));
    let columns = given.is_none() && (topics.is_some() || entities.is_some() || summary.is_some());
    let stance = match (given, target, label) {
        (Some(Value::Array(items)), _, _) => {
            let fields: Vec<StanceField> = serde_json::from_value(Value::Array(items)).map_err(|e| format!("\"stance\": {e}"))?;
            Some(fields.into_iter().map(|StanceField { target, kind, label }| GoldStance { target, kind, label }).collect())
        }
        (Some(Value::String(label)), Some((Value::String(target), kind)), _)
        | (None, Some((Value::String(target), kind)), Some(Value::String(label))) => Some(vec![GoldStance { target, kind, label }]),
        (None, None, None) => None,
        // Columns of these names that make no pair are about something else.
        _ if columns => None,
        _ => return Err("stance needs a list, or the columns \"target\" (or \"claim\") and \"label\"".to_string()),
    };
    let record = Labelled { article, topics, entities, stance, summary, ..Labelled::default() };
    Ok((record, surfaces, columns))
}

/// An offset; data frames write 4.0 for 4 in a column with gaps.
fn offset(name: &str, value: &Value) -> Result<usize, String> {
    let whole = |x: &f64| x.fract() == 0.0 && (0.0..1e15).contains(x);
    let number = value.as_u64().or_else(|| value.as_f64().filter(whole).map(|x| x as u64));
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| format!("\"entities\": \"{name}\" must be a whole number of code points, found {value}"))
}

fn topic(item: &Value) -> Option<String> {
    item.as_str().or_else(|| item.get("label")?.as_str()).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(mut record: Value) -> Result<Labelled, String> {
        record["text"] = json!("زار لافروف بغداد");
        let article = Article::from_json(record, &"a.jsonl".into(), 1)?;
        parse(article, &LabelMap::default()).map(|(record, ..)| record)
    }

    #[test]
    fn labels_of_a_wrong_shape_are_no_labels() {
        let summary = |value: Value| parsed(json!({ "summary": value })).map(|record| record.summary);
        assert_eq!(summary(json!("خبر")), Ok(Some("خبر".to_string())));
        assert_eq!(summary(json!({"text": "خبر", "method": "extractive"})), Ok(Some("خبر".to_string())));
        assert_eq!(summary(json!("")), Ok(None), "a blank cell");
        for wrong in [json!(["a"]), json!(1), json!({"text": 1}), json!({})] {
            assert!(summary(wrong.clone()).is_err_and(|e| e.contains("\"summary\"")), "{wrong}");
        }
        assert!(parsed(json!({"label": "favor"})).is_err_and(|e| e.contains("\"target\"")));
        assert!(parsed(json!({"label": "favor", "target": ""})).is_err());
        assert!(parsed(json!({"label": "", "target": ""})).is_ok_and(|record| record.stance.is_none()));
    }

    #[test]
    fn entities_that_cover_nothing_are_bad_and_the_others_stay() {
        let file = std::env::temp_dir().join(format!("mujaz-labelled-{}.jsonl", std::process::id()));
        let entity = |start: usize, end: usize| json!({"type": "PER", "start": start, "end": end});
        let title = json!({"type": "LOC", "start": 0, "end": 3, "field": "title"});
        let entities = json!([entity(40, 50), entity(4, 10), entity(4, 99), entity(4, 4), entity(9, 5), title]);
        std::fs::write(&file, json!({"text": "زار لافروف بغداد", "entities": entities}).to_string()).expect("writes");
        let (records, bad) = read(std::slice::from_ref(&file), &LabelMap::default()).expect("reads");
        std::fs::remove_file(&file).expect("removes");
        assert_eq!(records[0].entities, Some(vec![GoldEntity { start: 4, end: 10, kind: "PER".into(), title: false }]));
        let reason = "entities left out: PER 40..50 is outside the text, PER 4..99 is outside the text, PER 4..4 is empty, \
                      PER 9..5 ends before it begins, LOC 0..3 is outside the title";
        assert_eq!(bad, [BadRecord { source: file.display().to_string(), line: 1, reason: reason.to_string() }]);
    }

    /// Records of files of these lines, in one folder.
    fn read_lines(files: &[&[Value]], map: &LabelMap) -> (Vec<Labelled>, Vec<BadRecord>) {
        let folder = tempfile::tempdir().expect("makes a folder");
        for (name, lines) in ('a'..).zip(files) {
            let content: String = lines.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(folder.path().join(format!("{name}.jsonl")), content).expect("writes");
        }
        read(&[folder.path().to_path_buf()], map).expect("reads")
    }

    #[test]
    fn a_file_labels_titles_where_one_of_its_records_does() {
        let record = |title: bool| {
            let field = if title { "title" } else { "text" };
            json!({"title": "حلب", "text": "حلب", "entities": [{"type": "MISC", "start": 0, "end": 3, "field": field}]})
        };
        let map = LabelMap { entities: HashMap::from([("MISC".into(), String::new())]), ..LabelMap::default() };
        let (records, _) = read_lines(&[&[record(false), record(true)], &[record(false)]], &map);
        let alone: Vec<bool> = records.iter().map(|r| r.text_alone).collect();
        assert_eq!(alone, [false, false, true], "a label that is left out was looked for all the same");
    }

    #[test]
    fn columns_that_are_no_stance_cost_no_record() {
        for extra in [json!({"label": "x"}), json!({"target": "youth"}), json!({"target": "youth", "label": 3}), json!({"claim": "youth"})]
        {
            let mut record = extra.clone();
            record["topics"] = json!(["sport"]);
            assert!(parsed(record).is_ok_and(|r| r.topics.is_some() && r.stance.is_none()), "{extra}");
            assert!(parsed(extra).is_err_and(|e| e.contains("\"label\"")), "alone it may be a stance with a blank cell");
        }
        let line = |label: &str, topics: Value| json!({"text": "خبر", "target": "روسيا", "label": label, "topics": topics});
        let lines = [line("pro|x", json!(["sport"])), line("x", json!(["sport"])), line("left", json!(["sport"])), line("x", json!(null))];
        let stance = [("pro", "favor"), ("left", "")].map(|(a, b)| (a.to_string(), b.to_string()));
        let map = LabelMap { stance: stance.into(), ..LabelMap::default() };
        let (records, bad) = read_lines(&[&lines], &map);
        let read: Vec<_> = records.iter().map(|r| (r.topics.is_some(), r.stance.as_ref().map(Vec::len))).collect();
        assert_eq!(read, [(true, None), (true, None), (true, Some(0)), (false, Some(1))]);
        let told: Vec<_> = bad.iter().map(|b| (b.line, b.reason.split(';').next().unwrap_or(""))).collect();
        let wanted = |label: &str| format!("stance left out: \"{label}\" is none of favor, against, neutral, unrelated");
        assert_eq!(told, [(1, wanted("favor|x").as_str()), (2, &wanted("x"))]);
    }

    #[test]
    fn alternatives_are_mapped_one_by_one() {
        let map = [("pro", "favor"), ("no", ""), ("pro|con", "neutral")].map(|(a, b)| (a.to_string(), b.to_string())).into();
        let as_ours = |label: &str| mapped_stance(&map, label);
        assert_eq!(as_ours("pro|neutral").as_deref(), Some("favor|neutral"));
        assert_eq!(as_ours("pro|favor").as_deref(), Some("favor"));
        assert_eq!(as_ours("no|pro").as_deref(), Some("favor"));
        assert_eq!(as_ours("pro|con").as_deref(), Some("neutral"), "a label that the map names as a whole");
        assert_eq!((as_ours("no"), as_ours("no|no"), as_ours("")), (None, None, None));
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_nowhere_cost_one_record_each() {
        let folder = tempfile::tempdir().expect("makes a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["a.conll", "b.jsonl"] {
            std::os::unix::fs::symlink("gone", path(name)).expect("links");
        }
        std::fs::write(path("c.conll"), "حلب B-LOC\n").expect("writes");
        let (records, bad) = read(&[folder.path().to_path_buf()], &LabelMap::default()).expect("reads");
        assert_eq!(records.len(), 1);
        let told: Vec<_> = bad.iter().map(|b| (b.source.clone(), b.line)).collect();
        assert_eq!(told, ["a.conll", "b.jsonl"].map(|name| (path(name).display().to_string(), 0)));
        assert!(read(&[path("a.conll")], &LabelMap::default()).is_err(), "what the user names must be there");
    }

    #[test]
    fn offsets_are_whole_numbers_however_they_are_written() {
        let entities = |start: &str, end: &str| {
            let line = r#"{"entities":[{"type":"PER","start":START,"end":END}]}"#.replace("START", start).replace("END", end);
            parsed(serde_json::from_str(&line).expect("JSON")).map(|record| record.entities)
        };
        let wanted = Ok(Some(vec![GoldEntity { start: 4, end: 10, kind: "PER".into(), title: false }]));
        assert_eq!(entities("4", "10"), wanted);
        assert_eq!(entities("4.0", "1e1"), wanted);
        for wrong in ["-1", "4.5", "\"4\"", "null"] {
            let told = format!("\"entities\": \"start\" must be a whole number of code points, found {wrong}");
            assert_eq!(entities(wrong, "10"), Err(told));
        }
        assert!(entities("4", "1e300").is_err_and(|e| e.contains("\"end\"")));
    }
}
