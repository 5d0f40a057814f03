//! A file that takes the place of an earlier one only once it is whole.

use crate::error::{Error, Result};
use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What is written as FILE.PID.part beside FILE. Unless it is put in the file's place, it goes when this does: only a run that
/// is killed leaves one.
pub struct Draft {
    part: PathBuf,
    file: PathBuf,
    stays: bool,
}

impl Draft {
    /// Begin a draft of `path`. What is there and no regular file, a pipe or a device, cannot be replaced, and a folder may refuse
    /// a draft: then the file is opened itself, not yet [`emptied`].
    pub fn begin(path: &Path) -> Result<(File, Option<Self>)> {
        let failed = |source| Error::file(path, source);
        // Opened, though it is the draft that will be written: what this user may not write is not replaced either.
        let earlier = match OpenOptions::new().write(true).open(path) {
            Ok(file) => Some((file.metadata().map_err(failed)?, file)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let replaced = behind_links(path);
        let draft = match &earlier {
            Some((metadata, _)) if !metadata.is_file() => None,
            _ => new_beside(&replaced).ok(),
        };
        let Some((part, opened)) = draft else {
            let anew = || OpenOptions::new().write(true).create(true).truncate(false).open(path);
            return Ok((earlier.map_or_else(anew, |(_, file)| Ok(file)).map_err(failed)?, None));
        };
        let draft = Self { part, file: replaced, stays: false };
        if let Some((metadata, _)) = earlier {
            opened.set_permissions(metadata.permissions()).map_err(failed)?;
        }
        Ok((opened, Some(draft)))
    }

    /// Put the draft, which is written and closed, in the place of the file. Where the system refuses that, the draft stays.
    pub fn put(mut self) -> Result<()> {
        let renamed = std::fs::rename(&self.part, &self.file);
        // A file that is a mount, or in a folder where only owners rename, may still be written.
        let copied = renamed.is_err() && copy(&self.part, &self.file).is_ok();
        self.stays = !copied;
        match renamed {
            Err(error) if !copied => {
                let reason = format!("it cannot be replaced ({error}); what was to stand there is in {}", self.part.display());
                Err(Error::input(&self.file, reason))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.stays {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

/// Write all of a file through a draft.
pub fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    let (file, draft) = Draft::begin(path)?;
    emptied(file).and_then(|mut file| file.write_all(content.as_bytes())).with_context(cannot_write)?;
    Ok(draft.map_or(Ok(()), Draft::put)?)
}

/// A file with nothing in it, to be written from its beginning.
pub fn emptied(file: File) -> std::io::Result<File> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// A new file beside another, under a name that none has: what another run writes there, or anybody left, stays.
fn new_beside(file: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    loop {
        let mut part = name.clone();
        part.push(".part");
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => name.push("-"),
            opened => return Ok((part.into(), opened?)),
        }
    }
}

/// Write what one file holds into another, which keeps its owner and permissions.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::io::copy(&mut File::open(from)?, &mut File::create(to)?).map(drop)
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

    /// What there is of drafts in a folder.
    fn parts(folder: &Path) -> Vec<PathBuf> {
        let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|e| e == "part")).collect()
    }

    fn begun(path: &Path, content: &str) -> Result<Draft, Box<dyn std::error::Error>> {
        let (mut file, draft) = Draft::begin(path)?;
        file.write_all(content.as_bytes())?;
        Ok(draft.ok_or("no draft")?)
    }

    #[test]
    fn a_file_is_replaced_by_a_whole_draft_alone() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("page.html");
        let none = || parts(folder.path()).is_empty();
        drop(begun(&path, "broken off")?);
        assert!(!path.exists() && none(), "nothing was there, and nothing stays");
        begun(&path, "first")?.put()?;
        let draft = begun(&path, "second")?;
        assert_eq!((std::fs::read_to_string(&path)?, std::fs::read_to_string(&draft.part)?), ("first".into(), "second".into()));
        drop(draft);
        assert!(std::fs::read_to_string(&path)? == "first" && none());
        write(&path, "third")?;
        assert!(std::fs::read_to_string(&path)? == "third" && none());
        let draft = begun(&path, "fourth")?;
        std::fs::remove_file(&path)?;
        std::fs::create_dir(&path)?;
        let part = draft.part.clone();
        let told = draft.put().map_err(|e| e.to_string()).expect_err("a folder is in its place");
        assert!(told.contains(&part.display().to_string()) && part.exists(), "{told}");
        Ok(())
    }

    #[test]
    fn a_draft_takes_nobody_elses_place() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let at = |name: String| folder.path().join(name);
        let path = at("page.html".into());
        let others = ["page.html.part".into(), format!("page.html.{}.part", std::process::id())].map(at);
        for other in &others {
            std::fs::write(other, "of another")?;
        }
        let (first, second) = (begun(&path, "first")?, begun(&path, "second")?);
        second.put()?;
        assert_eq!(std::fs::read_to_string(&path)?, "second");
        first.put()?;
        assert_eq!(std::fs::read_to_string(&path)?, "first");
        for other in &others {
            assert_eq!(std::fs::read_to_string(other)?, "of another");
        }
        assert_eq!(parts(folder.path()).len(), 2);
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn where_no_draft_can_be_the_file_is_written() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        // As long as a name may be: that of a draft would be longer.
        let path = folder.path().join("p".repeat(250) + ".html");
        for content in ["of before", "new"] {
            assert!(Draft::begin(&path)?.1.is_none());
            write(&path, content)?;
            assert_eq!(std::fs::read_to_string(&path)?, content);
        }
        assert!(Draft::begin(&path)?.0.metadata()?.len() > 0, "begun, it holds what it held");
        let told = Draft::begin(&folder.path().join("none/page.html")).map_err(|e| e.to_string()).map(drop);
        assert!(told.is_err_and(|told| told.ends_with("none/page.html")), "the file is named, no draft");
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_renamed_is_copied() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir()?;
        let (path, whole) = (folder.path().join("page.html"), folder.path().join("whole"));
        std::fs::write(&path, "of before, and longer")?;
        std::fs::write(&whole, "whole")?;
        let open = File::open(&whole)?;
        // Another file system's, which can be read here.
        let part = format!("/proc/self/fd/{}", open.as_raw_fd()).into();
        Draft { part, file: path.clone(), stays: false }.put()?;
        assert_eq!(std::fs::read_to_string(&path)?, "whole");
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
            assert_eq!(parts(&at("there")).len(), 1);
            draft.ok_or("no draft")?.put()?;
            assert_eq!(std::fs::read_to_string(at("there/a.html"))?, content);
            if content == "first" {
                std::fs::set_permissions(at("there/a.html"), std::fs::Permissions::from_mode(0o600))?;
            }
        }
        assert_eq!(at("far").metadata()?.permissions().mode() & 0o777, 0o600, "no more may read it than before");
        assert!(at("near").is_symlink() && at("far").is_symlink() && parts(&at("there")).is_empty());
        assert!(Draft::begin(&at("loop")).is_err() && Draft::begin(&at("there")).is_err());
        assert!(Draft::begin(Path::new("/dev/null"))?.1.is_none(), "what cannot be replaced is written itself");
        Ok(())
    }
}
