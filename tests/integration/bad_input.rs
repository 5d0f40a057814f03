//! Bad input never loses the good records around it, and never panics.

use crate::{ids, records, repo, tiny};
use std::fs;
use std::path::PathBuf;

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

#[test]
fn bad_lines_are_reported_and_the_rest_goes_on_in_order() {
    let dir = Dir::new();
    let mut content =
        b"\xef\xbb\xbf{\"id\":\"a\",\"text\":\"\xd8\xad\xd9\x84\xd8\xa8\"}\r\n\r\n{\"id\":\"b\"}\r\n[1,2]\r\n{\"id\":\"c\",\"text\":5}\r\n"
            .to_vec();
    content.extend_from_slice(b"{\"id\":\"d\",\"text\":\"\xff\xfe\"}\n{\"id\":\"e\",\"text\":\"x\"}\n{\"id\":\"e\",\"text\":\"x\"}\n{\"id\":[],\"text\":\"x\"}\n{\"id\":\"f\",\"text\":");
    let input = dir.file("in.jsonl", content);
    let errors = dir.0.path().join("errors.jsonl");
    let output = tiny().arg(&input).arg("--errors").arg(&errors).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(ids(&output.stdout), ["a", "e", "e"], "duplicate ids are two records");
    let bad = records(&fs::read(&errors).unwrap());
    let lines: Vec<u64> = bad.iter().map(|b| b["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 9, 10]);
    let reason = |i: usize| bad[i]["reason"].as_str().unwrap().to_string();
    assert!(reason(0).contains("no \"text\" field"));
    assert!(reason(1).contains("found an array"));
    assert!(reason(2).contains("must be a string, found a number"));
    assert!(reason(3).contains("invalid UTF-8"));
    assert!(reason(5).contains("broken JSON"));
    assert!(bad.iter().all(|b| b["source"].as_str().unwrap().ends_with("in.jsonl")));
    let output = tiny().arg(&input).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(told.contains("in.jsonl:3: no \"text\" field"), "{told}");
}

#[test]
fn strange_articles_get_a_record_each() {
    let dir = Dir::new();
    let texts = ["", "   \n\t ", "😀😀 🇸🇾", "Latin text only. Nothing else here.", "حلب", "...", "\u{200f}\u{64b}", "ـ", "a\u{0}b"];
    let lines: Vec<String> = texts.iter().map(|t| serde_json::json!({"text": t}).to_string()).collect();
    let output = tiny().arg(dir.file("odd.jsonl", lines.join("\n"))).output().unwrap();
    assert!(output.status.success());
    let all = records(&output.stdout);
    assert_eq!(all.len(), texts.len());
    for (text, record) in texts.iter().zip(&all) {
        let summary = record["summary"]["text"].as_str().unwrap();
        let empty = text.chars().all(|c| c.is_whitespace() || "\u{200f}\u{64b}ـ".contains(c));
        assert_eq!(summary.is_empty(), empty, "{text:?}: {summary:?}");
    }
    assert_eq!(all[0]["topics"], serde_json::json!([]));
    assert_eq!(all[0]["stance"], serde_json::json!([]));
    assert_eq!(all[4]["summary"]["text"], "حلب");
    assert_eq!(all[0]["id"].as_str().unwrap().rsplit(':').next(), Some("1"), "an id from file and line");
}

#[test]
fn a_title_above_an_empty_text_is_read_and_no_summary() {
    let dir = Dir::new();
    let output = tiny().arg(dir.file("t.jsonl", r#"{"title":"وصل الوفد إلى حلب","text":""}"#)).output().unwrap();
    let record = &records(&output.stdout)[0];
    let entities = record["entities"].as_array().unwrap();
    assert!(!entities.is_empty() && entities.iter().all(|entity| entity["field"] == "title"), "{record}");
    assert!(!record["topics"].as_array().unwrap().is_empty() && !record["stance"].as_array().unwrap().is_empty(), "{record}");
    assert_eq!(record["summary"]["text"], "");
}

#[test]
fn text_files_with_crlf_bom_and_other_encodings() {
    let dir = Dir::new();
    dir.file("a.txt", "\u{feff}عنوان الخبر\r\n\r\nقال الوزير في حلب.\r\nوغادر.\r\n");
    dir.file("b.txt", b"\xe3\xcb\xc7\xe1"); // windows-1256
    dir.file("c.txt", "");
    let output = tiny().arg(dir.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let all = records(&output.stdout);
    assert_eq!(ids(&output.stdout), ["a", "c"]);
    assert_eq!(all[0]["title"], "عنوان الخبر");
    let told = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(told.contains("b.txt:1: invalid UTF-8") && told.contains("iconv"), "{told}");
}

#[test]
fn utf_16_is_read_or_named() {
    let dir = Dir::new();
    let utf_16 = |content: &str| "\u{feff}".encode_utf16().chain(content.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    dir.file("a.txt", utf_16("عنوان الخبر\r\n\r\n😀 قال الوزير في حلب.\r\n"));
    dir.file("b.jsonl", utf_16("{\"text\":\"حلب\"}\n{\"text\":\"دمشق\"}\n"));
    dir.file("c.csv", utf_16("id,text\r\n1,حلب\r\n"));
    dir.file("d.txt", &utf_16("قال الوزير")[2..]);
    dir.file("e.jsonl", "{\"id\":\"e\",\"text\":\"حلب\"}");
    let output = tiny().arg("--with-text").arg(dir.0.path()).output().unwrap();
    assert_eq!((output.status.code(), ids(&output.stdout)), (Some(1), vec!["a".to_string(), "e".to_string()]));
    let article = &records(&output.stdout)[0];
    assert_eq!(article["title"], "عنوان الخبر");
    assert_eq!(article["text"], "😀 قال الوزير في حلب.\r\n");
    let text: Vec<char> = article["text"].as_str().unwrap().chars().collect();
    for entity in article["entities"].as_array().unwrap().iter().filter(|e| e.get("field").is_none()) {
        let at = |name: &str| entity[name].as_u64().unwrap() as usize;
        assert_eq!(text[at("start")..at("end")].iter().collect::<String>(), entity["text"].as_str().unwrap());
    }
    let told = String::from_utf8_lossy(&output.stderr).to_string();
    for wanted in ["b.jsonl: the file is UTF-16;", "c.csv: the file is UTF-16;", "iconv -f UTF-16 -t UTF-8", "d.txt:1: a NUL, as in"] {
        assert!(told.contains(wanted), "{wanted} in {told}");
    }
    assert_eq!(told.matches("b.jsonl").count(), 1, "{told}");
}

#[test]
fn csv_tables() {
    let dir = Dir::new();
    let good = "\u{feff}id,title,text,outlet\n1,عنوان,\"سطر أول\nسطر ثان، \"\"نعم\"\"\",قناة\n2,,نص,قناة\n3,زائد,نص,قناة,حقل\n4,ع,نص,ق\n";
    let output = tiny().arg(dir.file("t.csv", good)).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(ids(&output.stdout), ["1", "2", "4"]);
    assert_eq!(records(&output.stdout)[0]["outlet"], "قناة");
    assert!(String::from_utf8_lossy(&output.stderr).contains("5 fields in a table of 4 columns"));
    dir.file("u.csv", "id,body\n1,نص\n");
    let output = tiny().arg(dir.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(ids(&output.stdout), ["1", "2", "4"], "the other table is analysed");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no column named \"text\" (found: id, body)"));
}

#[test]
fn a_quote_that_is_never_closed_costs_its_own_row() {
    let dir = Dir::new();
    let output = tiny().arg(dir.file("q.csv", "id,text\n1,\"abc\n2,def\n3,ghi\n")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(ids(&output.stdout), ["2", "3"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("q.csv:2: a quote is never closed"));
}

#[test]
fn tables_parted_by_semicolons_or_tabs() {
    let dir = Dir::new();
    dir.file("a.csv", "id;text;outlet\n1;\"نص; نص\";قناة, أخرى\n2;نص\n");
    dir.file("b.TSV", "id\ttext\n3\tنص, نص; نص\n");
    let output = tiny().arg(dir.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(ids(&output.stdout), ["1", "3"]);
    assert_eq!(records(&output.stdout)[0]["outlet"], "قناة, أخرى");
    assert!(String::from_utf8_lossy(&output.stderr).contains("a.csv:3: 2 fields in a table of 3 columns"));
    let news = "id\ttext\n1\t\"قال الوزير إن الأمر انتهى\n2\tوأضاف: لن نعود إلى الوراء\"\n3\t\"الجيش\" يتقدم\n";
    let output = tiny().arg(dir.file("c.tsv", news)).output().unwrap();
    assert_eq!((output.status.code(), ids(&output.stdout)), (Some(0), ["1", "2", "3"].map(String::from).to_vec()), "quotes are letters");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_costs_itself_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    dir.file("a.txt", "خبر");
    let closed = dir.0.path().join("closed");
    fs::create_dir(&closed).unwrap();
    let allow = |mode| fs::set_permissions(&closed, fs::Permissions::from_mode(mode)).unwrap();
    allow(0);
    if fs::read_dir(&closed).is_ok() {
        println!("skipped: nothing is closed to this user");
        return;
    }
    let output = tiny().arg(dir.0.path()).output().unwrap();
    allow(0o700);
    assert_eq!((output.status.code(), ids(&output.stdout)), (Some(1), vec!["a".to_string()]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("closed: Permission denied"));
}

#[test]
fn rows_of_tables_are_named_by_their_lines() {
    let folder = Dir::new();
    let table = folder.file("a.csv", "id,text\r\nbad\r\n\r\n1,\"ok\nok\"\r\n,خبر\r\nbad\r\n");
    let output = tiny().arg(&table).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(told.contains("a.csv:2: ") && told.contains("a.csv:7: "), "{told}");
    assert!(ids(&output.stdout)[1].ends_with("a.csv:6"), "{:?}", ids(&output.stdout));
}

#[test]
fn the_text_stands_in_tables_where_it_is_asked_for() {
    let folder = Dir::new();
    let input = folder.file("in.jsonl", "{\"id\":\"a\",\"text\":\"خبر من حلب\"}");
    for name in ["out.csv", "out.parquet"] {
        let table = input.with_file_name(name);
        tiny().arg(&input).arg("--with-text").arg("-o").arg(&table).assert().success();
        let again = tiny().arg("--with-text").arg(&table).output().unwrap();
        assert_eq!(records(&again.stdout)[0]["text"], "خبر من حلب");
    }
}

#[test]
fn a_broken_parquet_file_is_reported() {
    let dir = Dir::new();
    dir.file("a.jsonl", "{\"id\":\"a\",\"text\":\"حلب\"}");
    dir.file("b.parquet", "PAR1 not really");
    let output = tiny().arg(dir.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(ids(&output.stdout), ["a"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a readable parquet file"));
}

/// A table with `rows` articles and columns of the types that data frames have.
fn parquet_table(path: &std::path::Path, rows: usize) {
    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, NullArray, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    };
    use std::sync::Arc;
    let texts = (0..rows).map(|i| format!("وصل الوفد رقم {i} إلى حلب."));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new(StringArray::from_iter_values(texts))),
        ("day", Arc::new(Date32Array::from(vec![11_016; rows]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![1_500_000; rows]))),
        ("sent", Arc::new(TimestampMicrosecondArray::from(vec![1_000_000; rows]).with_timezone("UTC"))),
        ("price", Arc::new(Decimal128Array::from(vec![1234; rows]).with_precision_and_scale(9, 2).unwrap())),
        ("outlet", Arc::new(DictionaryArray::<Int32Type>::from_iter((0..rows).map(|i| (i % 2 == 0).then_some("قناة"))))),
        ("nothing", Arc::new(NullArray::new(rows))),
        ("raw", Arc::new(BinaryArray::from(vec![b"x" as &[u8]; rows]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_columns_of_data_frames_pass_through() {
    let dir = Dir::new();
    let path = dir.0.path().join("t.parquet");
    parquet_table(&path, 2);
    let output = tiny().arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all = records(&output.stdout);
    let first = |name: &str| all[0][name].as_str().unwrap_or("").to_string();
    assert_eq!([first("day"), first("price"), first("outlet")], ["2000-02-29", "12.34", "قناة"]);
    assert_eq!([first("at"), first("sent")], ["1970-01-01T00:00:01.5", "1970-01-01T00:00:01Z"]);
    assert!([&all[1]["outlet"], &all[0]["nothing"]].iter().all(|v| v.is_null()) && all[0].get("nothing").is_some());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(all[0].get("raw").is_none() && told.matches("columns left out for their types: raw (Binary)").count() == 1, "{told}");
}

#[test]
fn damaged_parquet_files_come_to_an_end() {
    let dir = Dir::new();
    let path = dir.0.path().join("t.parquet");
    parquet_table(&path, 700);
    let good = std::fs::read(&path).unwrap();
    for at in (4..good.len()).step_by(good.len() / 97 + 1) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        let read = mujaz::data::Inputs::open(std::slice::from_ref(&path)).unwrap().take(2000).count();
        assert!(read <= 701, "byte {at}: {read} records of 700");
    }
}

#[test]
fn numbers_pass_through_digit_by_digit() {
    let dir = Dir::new();
    let line = r#"{"id":12345678901234567890123,"text":"حلب","at":31.245270191439438,"n":123456789012345678901234567890}"#;
    let output = tiny().arg(dir.file("n.jsonl", line)).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    for wanted in [r#""id":"12345678901234567890123""#, r#""at":31.245270191439438"#, r#""n":123456789012345678901234567890"#] {
        assert!(line.contains(wanted), "{wanted} in {line}");
    }
}

#[test]
fn fields_named_like_answers_stay_unless_this_run_answers() {
    let dir = Dir::new();
    let line = r#"{"id":"a","text":"وصل الوفد إلى حلب.","summary":"written","topics":["sport"],"meta":1}"#;
    let output = tiny().args(["--tasks", "topics"]).arg(dir.file("n.jsonl", line)).output().unwrap();
    let record = &records(&output.stdout)[0];
    assert_eq!(record["summary"], "written");
    assert!(record["topics"][0]["score"].is_f64() && record["meta"]["tokens"].is_u64());
}

#[test]
fn an_article_of_thirty_thousand_words() {
    let dir = Dir::new();
    let text = "قال الوزير إن الحكومة ستواصل العمل في حلب ودمشق حتى النهاية. ".repeat(3000);
    let line = serde_json::json!({"id": "long", "text": text}).to_string();
    let output = tiny().arg(dir.file("long.jsonl", line)).output().unwrap();
    assert!(output.status.success());
    let all = records(&output.stdout);
    assert!(all[0]["meta"]["tokens"].as_u64().unwrap() >= 33_000);
    assert_eq!(all[0]["meta"]["truncated"], false);
    let words = all[0]["summary"]["text"].as_str().unwrap().split_whitespace().count();
    assert!(words > 0 && words <= 50);
}

#[test]
fn a_line_of_ten_megabytes_between_two_short_ones() {
    let dir = Dir::new();
    let huge = "كلمة ".repeat(10 * 1024 * 1024 / 9);
    let content = format!(
        "{{\"id\":\"a\",\"text\":\"حلب\"}}\n{}\n{{\"id\":\"c\",\"text\":\"دمشق\"}}\n",
        serde_json::json!({"id": "b", "text": huge})
    );
    assert!(content.len() > 10_000_000);
    let output = tiny().args(["--tasks", "topics,entities,summary"]).arg(dir.file("big.jsonl", content)).output().unwrap();
    assert!(output.status.success());
    assert_eq!(ids(&output.stdout), ["a", "b", "c"]);
}

#[test]
fn a_word_of_a_million_letters() {
    let dir = Dir::new();
    let line = serde_json::json!({"id": "w", "text": "م".repeat(1_000_000)}).to_string();
    let output = tiny().arg(dir.file("word.jsonl", line)).output().unwrap();
    assert!(output.status.success());
    assert!(!records(&output.stdout)[0]["summary"]["text"].as_str().unwrap().is_empty());
}

#[test]
fn broken_models_say_what_is_wrong() {
    let dir = Dir::new();
    let tiny_model = repo("tests/fixtures/tiny-bert");
    let attempt = |change: &dyn Fn(&std::path::Path)| {
        let folder = dir.0.path().join("model");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            fs::copy(tiny_model.join(name), folder.join(name)).unwrap();
        }
        change(&folder);
        let output = crate::mujaz().args(["analyze", "-q", "--model"]).arg(&folder).arg(repo("examples/articles")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        String::from_utf8_lossy(&output.stderr).to_string()
    };
    let edit = |from: &'static str, to: &'static str| {
        move |folder: &std::path::Path| {
            let config = fs::read_to_string(folder.join("config.json")).unwrap();
            assert!(config.contains(from));
            fs::write(folder.join("config.json"), config.replace(from, to)).unwrap();
        }
    };
    assert!(attempt(&|f| fs::remove_file(f.join("tokenizer.json")).unwrap()).contains("tokenizer.json"));
    assert!(attempt(&|f| fs::write(f.join("model.safetensors"), "junk").unwrap()).contains("model.safetensors"));
    assert!(attempt(&|f| fs::write(f.join("config.json"), "{").unwrap()).contains("config.json"));
    assert!(attempt(&edit("\"hidden_size\": 32", "\"hidden_size\": 64")).contains("config.json asks for"));
    assert!(attempt(&edit("\"mujaz\"", "\"other\"")).contains("scripts/finetune.py"));
    assert!(attempt(&edit("\"model_type\": \"bert\"", "\"model_type\": \"gpt2\"")).contains("is not supported"));
    assert!(attempt(&edit("\"window\": 48", "\"window\": 4800")).contains("exceed its 48 positions"));
    assert!(attempt(&edit("\"<claim>\"", "\"<nothing>\"")).contains("<nothing>"));
}
