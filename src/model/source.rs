//! Where a model comes from: inside the binary, a folder, or a hub.

use super::hub::{FILES, HubModel};
use crate::error::{Error, Result};
use crate::kernels::Mapped;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A place to load a model from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// `models/mujaz-base` as it was when the program was built.
    #[default]
    Bundled,
    /// A folder in the Hugging Face layout.
    Folder(PathBuf),
    /// A repository of a hub, read from the cache once it is fetched.
    Hub(HubModel),
}

/// The files of a model.
pub struct Files {
    /// `config.json`.
    pub config: Mapped,
    /// `tokenizer.json`.
    pub tokenizer: Mapped,
    /// `model.safetensors`.
    pub weights: Mapped,
}

impl Source {
    /// Where the files of the model stand, but for those inside the program or yet to be fetched.
    pub fn paths(&self) -> Vec<PathBuf> {
        let folder = match self {
            Self::Bundled => None,
            Self::Folder(folder) => Some(folder.clone()),
            Self::Hub(model) => model.cached(),
        };
        folder.iter().flat_map(|folder| FILES.map(|file| folder.join(file))).collect()
    }

    /// Map the files of the model; those of a hub are fetched first where they are not cached. A file that is missing is an error.
    pub fn open(&self) -> Result<Files> {
        match self {
            Self::Bundled => Ok(Files {
                config: Mapped::Static(include_bytes!("../../models/mujaz-base/config.json")),
                tokenizer: Mapped::Static(include_bytes!("../../models/mujaz-base/tokenizer.json")),
                weights: Mapped::Static(include_bytes!("../../models/mujaz-base/model.safetensors")),
            }),
            Self::Hub(model) => Self::Folder(model.folder()?).open(),
            Self::Folder(folder) => {
                let map = |name: &str| {
                    Mapped::open(&folder.join(name))
                        .map_err(|e| Error::model(&self.to_string(), format!("{name}: {e}; a model folder holds {}", FILES.join(", "))))
                };
                Ok(Files { config: map("config.json")?, tokenizer: map("tokenizer.json")?, weights: map("model.safetensors")? })
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str("bundled"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Hub(model) => model.fmt(f),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "bundled" {
            return Ok(Self::Bundled);
        }
        if let Some(model) = text.strip_prefix("hub:") {
            return model.parse().map(Self::Hub);
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }
}
