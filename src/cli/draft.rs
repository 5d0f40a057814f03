//! A file that takes the place of an earlier one only once it is whole.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is written as FILE.part beside FILE. Unless it is put in the file's place, it goes when this does: only a run that is
/// killed leaves one.
pub struct Draft {
    part: PathBuf,
    file: PathBuf,
    whole: bool,
}

impl Draft {
    /// Begin a draft of `path`. What is there and no regular file, a pipe or a device, cannot be replaced: it is written itself,
    /// without a draft.
    pub fn begin(path: &Path) -> Result<(File, Option<Self>)> {
        let failed = |source| Error::file(path, source);
        // Opened, though it is the draft that will be written: what this user may not write is not replaced either.
        let earlier = match OpenOptions::new().write(true).open(path) {
            Ok(file) => Some((file.metadata().map_err(failed)?, file)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let permissions = match earlier {
            Some((metadata, file)) if !metadata.is_file() => return Ok((file, None)),
            earlier => earlier.map(|(metadata, _)| metadata.permissions()),
        };
        let (part, file) = (Self::part(path), behind_links(path));
        // One that a killed run left goes first: were it a link, what it leads to would be written.
        let _ = std::fs::remove_file(&part);
        let opened = OpenOptions::new().write(true).create_new(true).open(&part).map_err(|source| Error::file(&part, source))?;
        let draft = Self { part, file, whole: false };
        if let Some(permissions) = permissions {
            opened.set_permissions(permissions).map_err(failed)?;
        }
        Ok((opened, Some(draft)))
    }

    /// Where the draft of `path` stands.
    pub fn part(path: &Path) -> PathBuf {
        let mut name = behind_links(path).into_os_string();
        name.push(".part");
        name.into()
    }

    /// Put the draft, which is written and closed, in the place of the file. Where the system refuses that, the draft stays.
    pub fn put(mut self) -> Result<()> {
        self.whole = true;
        std::fs::rename(&self.part, &self.file).map_err(|error| {
            let reason = format!("it cannot be replaced ({error}); what was to stand there is in {}", self.part.display());
            Error::input(&self.file, reason)
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.whole {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

/// The file that a name leads to, whether it is there or not.
fn behind_links(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    // As many as Linux follows.
    for _ in 0..40 {
        match (std::fs::read_link(&path), path.parent()) {
            (Ok(next), Some(folder)) => path = folder.join(next),
            _ => break,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_replaced_by_a_whole_draft_alone() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (path, part) = (folder.path().join("page.html"), folder.path().join("page.html.part"));
        let write = |content: &str| -> Result<Draft, Box<dyn std::error::Error>> {
            let (mut file, draft) = Draft::begin(&path)?;
            file.write_all(content.as_bytes())?;
            Ok(draft.ok_or("no draft")?)
        };
        drop(write("broken off")?);
        assert!(!path.exists() && !part.exists(), "nothing was there, and nothing stays");
        write("first")?.put()?;
        std::fs::write(&part, "of a run that was killed")?;
        let draft = write("second")?;
        assert_eq!((std::fs::read_to_string(&path)?, std::fs::read_to_string(&part)?), ("first".into(), "second".into()));
        drop(draft);
        assert_eq!((std::fs::read_to_string(&path)?, part.exists()), ("first".into(), false));
        write("third")?.put()?;
        assert_eq!((std::fs::read_to_string(&path)?, part.exists()), ("third".into(), false));
        let draft = write("fourth")?;
        std::fs::remove_file(&path)?;
        std::fs::create_dir(&path)?;
        let told = draft.put().map_err(|e| e.to_string()).expect_err("a folder is in its place");
        assert!(told.contains("page.html.part") && part.exists(), "{told}");
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_replaced() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("there"))?;
        symlink("there/a.html", at("near"))?;
        symlink(at("near"), at("far"))?;
        symlink(at("loop"), at("loop"))?;
        for content in ["first", "second"] {
            let (mut file, draft) = Draft::begin(&at("far"))?;
            file.write_all(content.as_bytes())?;
            assert!(at("there/a.html.part").exists());
            draft.ok_or("no draft")?.put()?;
            assert_eq!(std::fs::read_to_string(at("there/a.html"))?, content);
            if content == "first" {
                std::fs::set_permissions(at("there/a.html"), std::fs::Permissions::from_mode(0o600))?;
            }
        }
        assert_eq!(at("far").metadata()?.permissions().mode() & 0o777, 0o600, "no more may read it than before");
        assert!(at("near").is_symlink() && at("far").is_symlink() && !at("there/a.html.part").exists());
        assert!(Draft::begin(&at("loop")).is_err() && Draft::begin(&at("there")).is_err());
        assert!(Draft::begin(Path::new("/dev/null"))?.1.is_none(), "what cannot be replaced is written itself");
        Ok(())
    }
}
