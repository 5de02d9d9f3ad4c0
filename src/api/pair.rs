//! A handle of a pair.

use std::path::PathBuf;

use super::Store;
use crate::error::Result;
use crate::features::Modality;
use crate::ops::Outcome;
use crate::ops::spec::{Embed, Encoder, ImportFeatures, ImportLinks, Request, Source};

/// A pair of graphs in a store.
#[derive(Clone)]
pub struct Pair {
    store: Store,
    name: String,
}

impl Pair {
    pub(super) fn new(store: Store, name: String) -> Self {
        Pair { store, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a modality's matrix from a file; the row number is the source's id of the entity.
    pub fn import_features(&self, modality: &str, path: impl Into<PathBuf>) -> Result<Outcome> {
        self.store.run(&Request::ImportFeatures(ImportFeatures {
            modality: Modality::new(modality)?,
            paths: vec![path.into()],
            pair: self.name.clone(),
            ids: None,
            present: None,
            tensor: None,
        }))
    }

    /// Adds reference links; the file's name tells their format.
    pub fn import_links(&self, path: impl Into<PathBuf>) -> Result<Outcome> {
        self.store.run(&Request::ImportLinks(ImportLinks {
            format: None,
            path: path.into(),
            pair: self.name.clone(),
            split: None,
            lenient: false,
        }))
    }

    /// Makes the `text` modality: character n-grams of the entities' names.
    pub fn embed_names(&self) -> Result<Outcome> {
        self.embed(Source::Name, Encoder::Ngrams)
    }

    /// Makes a modality from what the graphs hold, under its usual name.
    pub fn embed(&self, source: Source, encoder: Encoder) -> Result<Outcome> {
        self.store.run(&Request::Embed(Embed {
            source,
            encoder,
            pair: self.name.clone(),
            modality: None,
            min_n: 2,
            max_n: 4,
            dims: None,
        }))
    }
}
