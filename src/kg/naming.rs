//! Entities by what people call them, without looking at all of them each time.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::OnceLock;

use rayon::prelude::*;

use super::{EntityId, Graph, readable};

/// Which entities a text may mean: made when it is first asked for, and then kept with the graph.
///
/// It is no part of what a graph is: graphs with and without it are equal, and a copy has none.
#[derive(Debug, Default)]
pub(crate) struct Naming(OnceLock<Vec<(u64, EntityId)>>);

impl Clone for Naming {
    fn clone(&self) -> Self {
        Naming::default()
    }
}

impl PartialEq for Naming {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Naming {}

/// The same for texts that are equal but for ASCII case.
fn hash(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text.to_ascii_lowercase())
}

/// What an entity is called: its IRI, its name, and what its IRI reads like.
fn names(graph: &Graph, entity: EntityId) -> [String; 3] {
    let iri = graph.entities.get(entity as usize);
    [iri.to_string(), graph.label(entity), readable(iri)]
}

impl Graph {
    /// Entities whose IRI, name, or the readable part of whose IRI is this text, but for ASCII case; ascending,
    /// deleted ones among them.
    pub fn called(&self, text: &str) -> impl Iterator<Item = EntityId> + '_ {
        let known = self.naming.0.get_or_init(|| {
            let ids = (0..self.len() as EntityId).into_par_iter();
            let mut known: Vec<(u64, EntityId)> =
                ids.flat_map_iter(|id| names(self, id).map(|name| (hash(&name), id))).collect();
            known.par_sort_unstable();
            known.dedup();
            known
        });
        let (wanted, text) = (hash(text), text.to_string());
        let start = known.partition_point(|(hash, _)| *hash < wanted);
        let alike = known[start..].iter().take_while(move |(hash, _)| *hash == wanted).map(|(_, id)| *id);
        alike.filter(move |id| names(self, *id).iter().any(|name| name.eq_ignore_ascii_case(&text)))
    }
}

#[cfg(test)]
mod tests {
    use crate::kg::GraphBuilder;

    #[test]
    fn an_entity_is_known_by_iri_name_and_what_its_iri_reads_like() {
        let mut builder = GraphBuilder::new();
        for iri in ["http://a/New_York", "http://b/new_york", "http://a/Paris"] {
            builder.entity(iri);
        }
        builder.name(2, "Lutetia");
        let (graph, _) = builder.finish();
        let called = |text: &str| graph.called(text).collect::<Vec<_>>();
        assert_eq!(called("new york"), [0, 1]);
        assert_eq!(called("http://a/New_York"), [0]);
        assert_eq!((called("LUTETIA"), called("paris"), called("york")), (vec![2], vec![2], vec![]));
        assert_eq!(graph.clone(), graph);
    }
}
