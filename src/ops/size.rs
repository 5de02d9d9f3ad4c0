//! `SHOW SIZE`: where the bytes of the store are.

use std::collections::BTreeMap;

use super::catalog::{self, ArtifactEntry, Entry, PairEntry};
use super::engine::{Context, Engine};
use super::rows::{Column, ColumnKind, Rows, Value};
use super::{encoded, near, runs};
use crate::error::Result;
use crate::store::{Digest, Weight, Weights};

/// What a part is called that no name leads to any more.
const NOBODY: &str = "named by nothing";

/// Parts of the store by weight: what each name holds, what the store keeps for itself, and what COMPACT gives
/// back.
pub(crate) fn size(engine: &Engine, context: &Context) -> Result<Rows> {
    let mut parts = Parts { left: engine.db.weigh(context.task)?, found: BTreeMap::new() };
    let (files, logical) = (parts.left.catalogue_files, parts.left.logical());
    for entry in catalog::all(&engine.db)? {
        match entry {
            Entry::Pair(pair) => parts.pair(&pair),
            Entry::Artifact(artifact) => parts.artifact(&artifact),
        }
    }
    runs::checkpoints(&engine.db)?.iter().for_each(|object| parts.object("checkpoints", "", object));
    near::objects(&engine.db)?.iter().for_each(|object| parts.object("lists of partners", "", object));
    encoded::objects(&engine.db)?
        .iter()
        .for_each(|object| parts.object("encoded texts and pictures", "", object));
    for (table, weight) in std::mem::take(&mut parts.left.tables) {
        parts.add("records", &table, weight);
    }
    let (spaces, objects) = (std::mem::take(&mut parts.left.spaces), std::mem::take(&mut parts.left.objects));
    spaces.into_values().for_each(|weight| parts.add("blocks", NOBODY, weight));
    objects.into_values().for_each(|bytes| parts.add("objects", NOBODY, Weight { items: 1, bytes }));
    let own = parts.left.own;
    parts.add("the store's own", "counters and seal", own);
    let spare = Weight { items: 0, bytes: files.saturating_sub(logical) };
    parts.add("the store's own", "log and pages of the catalogue's files", spare);
    Ok(parts.rows())
}

struct Parts {
    /// What was not given to anybody yet.
    left: Weights,
    found: BTreeMap<(String, String), Weight>,
}

impl Parts {
    fn pair(&mut self, pair: &PairEntry) {
        for graph in &pair.graphs {
            self.space("graphs", &pair.name, graph.space);
        }
        if let Some(links) = &pair.links {
            self.space("links", &pair.name, links.space);
        }
        for feature in &pair.features {
            let name = format!("{}.{}", pair.name, feature.modality);
            feature.objects.iter().for_each(|object| self.object("features", &name, &Digest(*object)));
        }
    }

    fn artifact(&mut self, artifact: &ArtifactEntry) {
        let kind = artifact.kind.as_str();
        self.space(kind, &artifact.name, artifact.space);
        for (_, object) in &artifact.objects {
            self.object(kind, &artifact.name, &Digest(*object));
        }
    }

    fn space(&mut self, part: &str, name: &str, space: u64) {
        let weight = self.left.spaces.remove(&space).unwrap_or_default();
        self.add(part, name, weight);
    }

    /// What several name counts for the first.
    fn object(&mut self, part: &str, name: &str, object: &Digest) {
        if let Some(bytes) = self.left.objects.remove(object) {
            self.add(part, name, Weight { items: 1, bytes });
        }
    }

    fn add(&mut self, part: &str, name: &str, more: Weight) {
        let weight = self.found.entry((part.to_string(), name.to_string())).or_default();
        weight.items += more.items;
        weight.bytes += more.bytes;
    }

    fn rows(self) -> Rows {
        let columns = vec![
            Column::new("part", ColumnKind::Text),
            Column::new("name", ColumnKind::Text),
            Column::new("items", ColumnKind::Int),
            Column::new("bytes", ColumnKind::Int),
            Column::new("share", ColumnKind::Float),
        ];
        let all: u64 = self.found.values().map(|weight| weight.bytes).sum();
        let mut found: Vec<_> = self.found.into_iter().filter(|(_, weight)| weight.bytes > 0).collect();
        found.sort_by_key(|(_, weight)| std::cmp::Reverse(weight.bytes));
        let row = |((part, name), weight): ((String, String), Weight)| -> Vec<Value> {
            let share = weight.bytes as f64 / all.max(1) as f64;
            vec![part.into(), name.into(), weight.items.into(), weight.bytes.into(), share.into()]
        };
        Rows::ready(columns, found.into_iter().map(row).collect())
    }
}
