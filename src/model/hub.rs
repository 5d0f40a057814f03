//! Models of the Hugging Face hub, or of a server that speaks its language (`HF_ENDPOINT`): fetched once into the cache that
//! other tools use too (`HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`), then read from there without a network.

use crate::error::{Error, Result};
use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};
use std::fmt;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;

/// What a model is made of.
pub const FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// A model of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// Organisation and name, "ORG/NAME".
    name: String,
    /// Branch, tag or commit.
    revision: String,
    /// Whether to use nothing but the cache.
    offline: bool,
}

impl HubModel {
    /// Use nothing but the cache.
    pub fn stay_offline(&mut self) {
        self.offline = true;
    }

    /// The folder of the model: the cached one, else fetched first. An error where it is not cached and cannot be fetched, or may not.
    pub fn folder(&self) -> Result<PathBuf> {
        match self.cached() {
            Some(folder) => Ok(folder),
            _ if self.is_offline() => {
                let reason = format!(
                    "it is not in the cache, and --offline forbids to fetch it; run mujaz model pull {self} where there is a network"
                );
                Err(Error::model(&self.to_string(), reason))
            }
            _ => self.pull(),
        }
    }

    /// The folder of the model in the cache, where all its files are there. A commit is found without a branch that points to it.
    pub(super) fn cached(&self) -> Option<PathBuf> {
        let (cache, repo) = (cache(), self.repo(&self.revision));
        let commit = cache.path().join(repo.folder_name()).join("snapshots").join(&self.revision);
        if FILES.iter().all(|file| commit.join(file).exists()) {
            return Some(commit);
        }
        let cache = cache.repo(repo);
        let files: Option<Vec<PathBuf>> = FILES.iter().map(|file| cache.get(file)).collect();
        files?.first().map(|config| parent(config))
    }

    /// Fetch what the revision holds now, and give its folder in the cache.
    pub fn pull(&self) -> Result<PathBuf> {
        let failed = |reason: String| Error::model(&self.to_string(), reason);
        if self.is_offline() {
            return Err(failed("--offline forbids to fetch it".to_string()));
        }
        let api =
            ApiBuilder::from_env().with_cache_dir(cache().path().clone()).with_retries(3).with_progress(std::io::stderr().is_terminal());
        let told = std::env::var("HF_TOKEN").ok().map(|token| token.trim().to_string()).filter(|token| !token.is_empty());
        let api = api.with_token(told.or_else(|| home().token())).build();
        let api = api.map_err(|e| failed(format!("no connection: {e}")))?;
        // The weights first: a branch in the cache points to a new commit from its first file on, and what breaks off while
        // they come must leave the commit that is whole.
        let [others @ .., weights] = FILES;
        let folder = parent(&self.download(&api, &self.revision, weights)?);
        // A branch may move between two files; the others are those of the same commit.
        let commit = folder.file_name().map_or_else(|| self.revision.clone(), |name| name.to_string_lossy().into_owned());
        for file in others {
            self.download(&api, &commit, file)?;
        }
        Ok(folder)
    }

    fn download(&self, api: &Api, revision: &str, file: &str) -> Result<PathBuf> {
        api.repo(self.repo(revision)).download(file).map_err(|e| {
            let told = e.to_string();
            let advice = if told.contains("404") {
                format!("is there such a model, and does it hold {}?", FILES.join(", "))
            } else if ["401", "403"].iter().any(|status| told.contains(status)) {
                "it may be private or gated: set HF_TOKEN to a token that may read it".to_string()
            } else {
                "see that the hub can be reached (HF_ENDPOINT), and that the cache can be written (HF_HUB_CACHE, HF_HOME)".to_string()
            };
            Error::model(&self.to_string(), format!("{file}: {told}; {advice}"))
        })
    }

    fn repo(&self, revision: &str) -> Repo {
        Repo::with_revision(self.name.clone(), RepoType::Model, revision.to_string())
    }

    fn is_offline(&self) -> bool {
        self.offline
            || std::env::var("HF_HUB_OFFLINE").is_ok_and(|v| !matches!(v.to_lowercase().as_str(), "" | "0" | "false" | "no" | "off"))
    }
}

/// The cache that `HF_HUB_CACHE` or its older name names, as other Hugging Face tools have it, or else that of [`home`].
fn cache() -> Cache {
    named("HF_HUB_CACHE").or_else(|| named("HUGGINGFACE_HUB_CACHE")).map_or_else(home, Cache::new)
}

/// The cache beside the token of a user: in `HF_HOME`, else in `XDG_CACHE_HOME`, else in `~/.cache`.
fn home() -> Cache {
    let folder = named("HF_HOME").or_else(|| Some(named("XDG_CACHE_HOME")?.join("huggingface")));
    folder.map_or_else(Cache::default, |folder| Cache::new(folder.join("hub")))
}

/// The path in a variable that is set, and not to nothing.
fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn parent(file: &std::path::Path) -> PathBuf {
    file.parent().map(PathBuf::from).unwrap_or_default()
}

impl FromStr for HubModel {
    type Err = String;

    /// From "ORG/NAME" or "ORG/NAME@REVISION".
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, revision) = text.split_once('@').unwrap_or((text, "main"));
        let plain = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && !part.starts_with('.') && part.chars().all(known)
        };
        let named = name.split_once('/').is_some_and(|(organisation, name)| plain(organisation) && plain(name));
        if !named || !revision.split('/').all(plain) {
            return Err(format!("hub:{text} is not hub:ORG/NAME or hub:ORG/NAME@REVISION"));
        }
        Ok(Self { name: name.to_string(), revision: revision.to_string(), offline: false })
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, revision, .. } = self;
        if revision == "main" { write!(f, "hub:{name}") } else { write!(f, "hub:{name}@{revision}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_revisions() {
        let written = |text: &str| HubModel::from_str(text).map(|model| model.to_string());
        assert_eq!(written("aubmindlab/bert-base-arabertv02").as_deref(), Ok("hub:aubmindlab/bert-base-arabertv02"));
        assert_eq!(written("org/name@refs/pr/3").as_deref(), Ok("hub:org/name@refs/pr/3"));
        for wrong in ["", "name", "org/", "/name", "a/b/c", "../x", "org/na me", "org/name@", "org/name@../../x", "org/name@.."] {
            assert!(written(wrong).is_err(), "{wrong}");
        }
    }
}
