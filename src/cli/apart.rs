//! No output may destroy an input or another output.

use crate::data::{Identity, Inputs};
use std::path::{Path, PathBuf};

/// Refuse `outputs` that are one file with an input or with each other, whatever their names. Absent ones are passed by;
/// standard output counts among them where it is redirected to a file. `inputs` are all that the command reads, models and
/// maps too, as on the command line: `-` is standard input, and a folder stands for the articles in it.
pub fn keep_apart(inputs: &[PathBuf], outputs: &[Option<&Path>]) -> anyhow::Result<()> {
    let mut written = vec![("standard output".to_string(), Identity::stdout(), None)];
    written.extend(outputs.iter().flatten().map(|path| (path.display().to_string(), Identity::of(path), yet_to_be(path))));
    // Folders are walked once, and only where something could be in them.
    let exists = written.iter().any(|(_, file, _)| file.is_some());
    let mut folders: Vec<Inputs> = inputs.iter().filter(|input| exists && input.is_dir()).filter_map(|f| Inputs::beside(f).ok()).collect();
    for (i, (name, file, place)) in written.iter().enumerate() {
        let read = file.as_ref().is_some_and(|file| {
            inputs.iter().any(|input| Identity::of_input(input).as_ref() == Some(file)) || folders.iter_mut().any(|f| f.leave_out(file))
        });
        anyhow::ensure!(!read, "{name} is both an input and an output; give the output another name");
        let twice = written[..i].iter().any(|(_, other, there)| (file.is_some() && other == file) || (place.is_some() && there == place));
        anyhow::ensure!(!twice, "{name} cannot hold both of two outputs; give one of them another name");
    }
    Ok(())
}

/// The one name of a file that is not there yet.
fn yet_to_be(path: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(path).ok().filter(|_| !path.exists())?.parent()?.canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_no_inputs_and_differ() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("in"))?;
        for name in ["a.jsonl", "in/b.jsonl", "in/b.json"] {
            std::fs::write(at(name), "")?;
        }
        let (file, inside, new) = (at("a.jsonl"), at("in"), at("new.json"));
        let fine = |outputs: &[Option<&Path>]| keep_apart(&[file.clone(), inside.clone(), "-".into()], outputs).is_ok();
        assert!(fine(&[None, Some(&new)]) && fine(&[Some(&at("in/b.json"))]), "what is not read may stand in an input folder");
        assert!(!fine(&[Some(&at("in/../a.jsonl"))]) && !fine(&[None, Some(&at("in/b.jsonl"))]));
        assert!(!fine(&[Some(&new), Some(&at("in/../new.json"))]), "two names of what is yet to be");
        Ok(())
    }
}
