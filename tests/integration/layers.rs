//! ARCHITECTURE.md says that no step reaches back: each module names those before it alone.

use crate::repo;
use std::collections::BTreeSet;
use std::path::Path;

/// Modules of the library, each with what it may know.
const LAYERS: [(&str, &[&str]); 13] = [
    ("error", &[]),
    ("stages", &[]),
    ("text", &[]),
    ("kernels", &[]),
    ("data", &["error", "text"]),
    ("model", &["error", "stages", "text", "kernels", "data"]),
    ("pipeline", &["text", "data", "model"]),
    ("tasks", &["text", "data", "model", "pipeline"]),
    ("analyzer", &["error", "stages", "text", "data", "model", "pipeline", "tasks"]),
    ("stream", &["error", "stages", "data", "analyzer"]),
    ("eval", &["text", "data", "model"]),
    ("report", &["eval"]),
    ("cli", &["error", "stages", "kernels", "data", "model", "pipeline", "tasks", "analyzer", "stream", "eval", "report"]),
];

/// Modules that the code of a file or folder names by `crate::`, its tests left out.
fn named(path: &Path, out: &mut BTreeSet<String>) {
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| named(&entry.unwrap().path(), out));
    } else if path.extension().is_some_and(|ending| ending == "rs") {
        let code = std::fs::read_to_string(path).unwrap();
        let code = code.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let names =
                line.split("crate::").skip(1).map(|rest| rest.chars().take_while(|c| c.is_lowercase() || *c == '_').collect::<String>());
            out.extend(names.filter(|name| !name.is_empty()));
        }
    }
}

#[test]
fn no_module_reaches_back() {
    for (module, below) in LAYERS {
        let mut found = BTreeSet::new();
        for path in [repo(&format!("src/{module}.rs")), repo(&format!("src/{module}"))] {
            if path.exists() {
                named(&path, &mut found);
            }
        }
        found.remove(module);
        let back: Vec<&String> = found.iter().filter(|name| !below.contains(&name.as_str())).collect();
        assert!(back.is_empty(), "src/{module} knows {back:?}");
    }
}
