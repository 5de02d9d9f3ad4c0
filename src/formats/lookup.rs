//! Finding an entity by what a file calls it: its IRI, the IRI in another spelling, or the source's id.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::kg::{EntityId, Graph};

/// An index over the entities of one graph.
pub(super) struct Lookup<'a> {
    graph: &'a Graph,
    by_iri: HashMap<&'a str, EntityId>,
    by_source_id: HashMap<u32, EntityId>,
    by_uri: OnceCell<HashMap<String, Option<EntityId>>>,
}

/// An entity that was found, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The entity.
    pub entity: EntityId,
    /// Whether it took percent-decoding to find it.
    pub decoded: bool,
}

impl<'a> Lookup<'a> {
    /// Indexes a graph.
    pub fn new(graph: &'a Graph) -> Self {
        let ids = (0..graph.len() as EntityId).filter(|&id| graph.is_alive(id));
        Lookup {
            graph,
            by_iri: ids.clone().map(|id| (graph.entities.get(id as usize), id)).collect(),
            by_source_id: ids.filter_map(|id| Some((graph.source_id(id)?, id))).collect(),
            by_uri: OnceCell::new(),
        }
    }

    /// The entity with exactly this IRI, this source id, or an IRI that is the same URI; a source id is
    /// looked for only where no IRI has that text. Two entities of one URI are not told apart.
    pub fn find(&self, text: &str) -> Option<Found> {
        if let Some(&entity) = self.by_iri.get(text) {
            return Some(Found { entity, decoded: false });
        }
        if let Ok(id) = text.parse::<u32>() {
            return self.find_id(id).map(|entity| Found { entity, decoded: false });
        }
        if text.is_ascii() && !text.contains('%') {
            return None;
        }
        let by_uri = self.by_uri.get_or_init(|| {
            let mut map = HashMap::with_capacity(self.graph.len());
            for (i, iri) in self.graph.entities.iter().enumerate() {
                map.entry(to_uri(iri)).and_modify(|entity| *entity = None).or_insert(Some(i as EntityId));
            }
            map
        });
        let entity = (*by_uri.get(&to_uri(text))?)?;
        Some(Found { entity, decoded: true })
    }

    /// The entity with this source id.
    pub fn find_id(&self, id: u32) -> Option<EntityId> {
        self.by_source_id.get(&id).copied()
    }
}

/// The IRI as a URI (RFC 3987, 3.1): what is not ASCII or not allowed in a URI is percent-encoded as
/// UTF-8; escapes that are there stay, with their digits in upper case.
pub(super) fn to_uri(iri: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = iri.as_bytes();
    let mut uri = String::with_capacity(iri.len() + 8);
    let mut i = 0;
    while i < bytes.len() {
        let byte = bytes[i];
        let escape =
            bytes.get(i + 1..i + 3).filter(|hex| byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        if let Some(hex) = escape {
            uri.push('%');
            uri.extend(hex.iter().map(|digit| digit.to_ascii_uppercase() as char));
            i += 3;
            continue;
        }
        if byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte) {
            uri.push(byte as char);
        } else {
            uri.push('%');
            uri.push(DIGITS[usize::from(byte >> 4)] as char);
            uri.push(DIGITS[usize::from(byte & 15)] as char);
        }
        i += 1;
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kg::GraphBuilder;

    #[test]
    fn an_entity_is_found_by_iri_then_id_then_uri() {
        let mut builder = GraphBuilder::new();
        for iri in ["http://x/Café", "http://x/a b", "7", "http://x/A%2f", "http://x/A%2F"] {
            builder.entity(iri);
        }
        builder.source_ids(vec![5, 6, 7, 2, 9]);
        let graph = builder.finish().0;
        let lookup = Lookup::new(&graph);
        let find = |text| lookup.find(text).map(|found| (found.entity, found.decoded));
        assert_eq!(find("http://x/Café"), Some((0, false)));
        assert_eq!(find("http://x/Caf%c3%a9"), Some((0, true)));
        assert_eq!(find("http://x/a%20b"), Some((1, true)));
        assert_eq!((find("7"), find("2"), find("3")), (Some((2, false)), Some((3, false)), None));
        assert_eq!((find("http://x/A%2F"), find("http://x/A%2f")), (Some((4, false)), Some((3, false))));
    }

    #[test]
    fn a_uri_keeps_its_escapes() {
        assert_eq!(to_uri("http://x/民_(法)%2f%zz|"), "http://x/%E6%B0%91_(%E6%B3%95)%2F%25zz%7C");
    }
}
