//! The manifest of a dump: the catalogue's entries as JSON, and every file with its digest.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::hex;
use crate::error::{Code, Error, Result};
use crate::formats::dump::Folder;
use crate::formats::{Listed, NewFolder};
use crate::ops::catalog::{ArtifactEntry, PairEntry};
use crate::ops::runs::Run;
use crate::store::Digest;

/// The version of the form that this build writes, and the only one so far.
pub(super) const VERSION: u32 = 1;

const FILE: &str = "manifest.json";

/// Longest manifest that is read.
const LIMIT: u64 = 256 << 20;

/// Everything of a dump that is neither row nor number.
#[derive(Serialize, Deserialize)]
pub(super) struct Manifest {
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The release that wrote it.
    pub seedbed: String,
    /// What the store had besides: derived, and made again by use or by the statement that is named.
    pub left_out: Vec<String>,
    pub pairs: Vec<PairPart>,
    pub artifacts: Vec<ArtifactPart>,
    pub objects: Vec<ObjectPart>,
    /// Finished trainings; their curves are in the objects of their states.
    pub runs: Vec<Run>,
    pub files: Vec<Listed>,
}

/// What is read before the rest is looked at.
#[derive(Serialize, Deserialize)]
pub(super) struct Stamp {
    #[serde(rename = "seedbed dump")]
    pub version: u32,
}

/// A pair and where its files are.
#[derive(Serialize, Deserialize)]
pub(super) struct PairPart {
    pub folder: String,
    pub entry: PairEntry,
}

/// An artifact and where its files are.
#[derive(Serialize, Deserialize)]
pub(super) struct ArtifactPart {
    pub folder: String,
    pub entry: ArtifactEntry,
}

/// An object: its files are in a folder named by its digest.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(super) struct ObjectPart {
    #[serde(with = "hex")]
    pub digest: [u8; 32],
    pub kind: ObjectKind,
    /// Width of a row, of matrices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<u64>,
}

impl ObjectPart {
    pub fn folder(&self) -> String {
        format!("objects/{}", Digest(self.digest))
    }
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ObjectKind {
    DenseMatrix,
    SparseMatrix,
    TrainState,
    TuneState,
    LearnedLinks,
}

impl Manifest {
    /// Writes it as the last file of a dump.
    pub fn write(mut self, new: &mut NewFolder<'_>) -> Result<()> {
        self.files = new.listed();
        let text = serde_json::to_string_pretty(&self)
            .map_err(|cause| Error::new(Code::Internal, format!("a manifest has no JSON: {cause}")))?;
        new.small(FILE, (text + "\n").as_bytes())
    }

    /// Reads that of a folder.
    pub fn read(dump: &Folder<'_>, root: &Path) -> Result<Self> {
        let text = dump.text(FILE, LIMIT).map_err(|error| match error.code() {
            Code::NotFound => Error::new(Code::NotFound, format!("there is no dump here: {FILE} is missing"))
                .help("name the folder that DUMP TO made")
                .path(root),
            _ => error,
        })?;
        let bad = |cause: serde_json::Error| {
            let line = text.lines().nth(cause.line().saturating_sub(1)).unwrap_or_default();
            Error::new(Code::BadFile, format!("the manifest is broken: {cause}"))
                .help("copy the dump again; a dump is read as it was written, or not at all")
                .file(&dump.place(FILE), cause.line() as u64, line)
        };
        let stamp: Stamp = serde_json::from_str(&text).map_err(bad)?;
        if stamp.version != VERSION {
            let message =
                format!("the dump has version {}, this build reads version {VERSION}", stamp.version);
            return Err(Error::new(Code::NewerFormat, message)
                .help("use the release of Seedbed that wrote it, or a later one")
                .path(&dump.place(FILE)));
        }
        serde_json::from_str(&text).map_err(bad)
    }
}
