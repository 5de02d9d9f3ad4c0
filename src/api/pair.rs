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

    /// The store it is in.
    pub(super) fn store(&self) -> &Store {
        &self.store
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
        self.embed_as(self.embedding(source, encoder))
    }

    /// Makes a modality of names, relations, attributes or whole texts by the network of a Hugging Face folder, under
    /// its usual name.
    pub fn embed_texts(&self, source: Source, folder: impl Into<PathBuf>) -> Result<Outcome> {
        let embed = self.embedding(source, Encoder::Bert);
        self.embed_as(Embed { weights: Some(folder.into()), ..embed })
    }

    /// Makes the `visual` modality of the pictures in a folder or an index: by a network with the weights in a file or
    /// folder, or by [`Encoder::Pixels`] without any.
    pub fn embed_pictures(
        &self,
        encoder: Encoder,
        weights: Option<PathBuf>,
        pictures: impl Into<PathBuf>,
    ) -> Result<Outcome> {
        let embed = self.embedding(Source::Image, encoder);
        self.embed_as(Embed { weights, pictures: vec![pictures.into()], ..embed })
    }

    /// Makes a modality in any way there is; `embed`'s pair is this one.
    pub fn embed_as(&self, embed: Embed) -> Result<Outcome> {
        self.store.run(&Request::Embed(Embed { pair: self.name.clone(), ..embed }))
    }

    /// Makes the `neighbours` modality: vectors of a seed set, spread over the triples.
    pub fn embed_structure(&self, seeds: &str) -> Result<Outcome> {
        let embed = self.embedding(Source::Structure, Encoder::Propagation);
        self.embed_as(Embed { seeds: Some(seeds.to_string()), ..embed })
    }

    /// Tells what each modality is good for, without labels, and the weight it suggests.
    pub fn modalities(&self) -> Result<Outcome> {
        self.store.run(&Request::ExplainModalities(self.name.clone()))
    }

    fn embedding(&self, source: Source, encoder: Encoder) -> Embed {
        Embed::new(source, encoder, &self.name)
    }
}
