//! Bags of words: how often an entity takes part in each of the most frequent relations, and which of
//! the most frequent attributes it has.

use std::collections::HashMap;

use super::{OwnedFeature, sparse, text};
use crate::error::{Code, Error, Result};
use crate::kg::{Graph, Strings};
use crate::task::Task;

/// When a relation (or attribute) of the left graph is the same word as one of the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Vocabulary {
    /// When their names agree: the IRIs' last parts, camel case taken apart, folded. DBpedia's
    /// language editions share hardly an IRI (`zh.dbpedia.org/property/country` and
    /// `dbpedia.org/property/country`), so this is what makes the modality comparable across sides.
    #[default]
    Name,
    /// When their IRIs are equal: what the reference systems do, whose columns are relation ids.
    Iri,
}

impl Vocabulary {
    /// What a relation or an attribute is told by.
    pub(super) fn word(self, iri: &str) -> String {
        match self {
            Vocabulary::Name => text::term(iri),
            Vocabulary::Iri => iri.to_string(),
        }
    }
}

/// Numbers the terms of two graphs with one vocabulary.
pub(super) struct Terms {
    /// Word of each left term, then of each right term.
    pub words: [Vec<u32>; 2],
    /// Number of words.
    pub len: usize,
}

impl Terms {
    pub(super) fn new(left: &Strings, right: &Strings, vocabulary: Vocabulary) -> Terms {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut number = |strings: &Strings| {
            let word = |iri: &str| {
                let next = known.len() as u32;
                *known.entry(vocabulary.word(iri)).or_insert(next)
            };
            strings.iter().map(word).collect::<Vec<u32>>()
        };
        let words = [number(left), number(right)];
        Terms { words, len: known.len() }
    }
}

/// Counts over the `dims` most frequent relations of both graphs together, +1 at the head of a triple
/// and +1 at its tail, as sparse raw counts; column 0 is the most frequent, ties by first mention in
/// the left graph's relation table, then the right's. An entity in no triple of a counted relation is
/// missing. Width is the number of relations where there are fewer than `dims`.
pub fn relation_bow(
    left: &Graph,
    right: &Graph,
    dims: usize,
    vocabulary: Vocabulary,
    task: &Task,
) -> Result<(OwnedFeature, OwnedFeature)> {
    task.phase("counting relations", None);
    let terms = Terms::new(&left.relations, &right.relations, vocabulary);
    let graphs = [left, right];
    let mentions = graphs.map(|graph| {
        let both = graph.triples.iter().flat_map(|t| [(t.head, t.relation), (t.tail, t.relation)]);
        both.collect::<Vec<_>>()
    });
    bag(graphs, &terms, mentions, dims, true, "relation", task)
}

/// 0/1 over the `dims` most frequent attributes of both graphs together (frequency is the number of
/// entities that have it), as sparse rows; order of columns, missing entities and width as in
/// [`relation_bow`].
pub fn attribute_bow(
    left: &Graph,
    right: &Graph,
    dims: usize,
    vocabulary: Vocabulary,
    task: &Task,
) -> Result<(OwnedFeature, OwnedFeature)> {
    task.phase("counting attributes", None);
    let terms = Terms::new(&left.attributes, &right.attributes, vocabulary);
    let graphs = [left, right];
    let mentions =
        graphs.map(|graph| graph.attribute_triples.iter().map(|t| (t.entity, t.attribute)).collect());
    bag(graphs, &terms, mentions, dims, false, "attribute", task)
}

/// Rows from mentions `(entity, term)` of each side.
fn bag(
    graphs: [&Graph; 2],
    terms: &Terms,
    mut mentions: [Vec<(u32, u32)>; 2],
    dims: usize,
    counts: bool,
    what: &str,
    task: &Task,
) -> Result<(OwnedFeature, OwnedFeature)> {
    if dims == 0 || dims > 1 << 28 {
        return Err(Error::new(Code::OutOfRange, format!("dims={dims} is not from 1 to 268435456"))
            .help("the reference systems take the 1,000 most frequent"));
    }
    let mut frequency = vec![0u64; terms.len];
    for (mentions, words) in mentions.iter_mut().zip(&terms.words) {
        task.check()?;
        mentions.iter_mut().for_each(|mention| mention.1 = words[mention.1 as usize]);
        mentions.sort_unstable();
        if !counts {
            mentions.dedup();
        }
        mentions.iter().for_each(|&(_, word)| frequency[word as usize] += 1);
    }
    let mut order: Vec<u32> = (0..terms.len as u32).filter(|&word| frequency[word as usize] > 0).collect();
    order.sort_by_key(|&word| std::cmp::Reverse(frequency[word as usize]));
    order.truncate(dims);
    if order.is_empty() {
        return Err(Error::new(Code::MissingData, format!("the pair has no {what} triples"))
            .help("import them, or embed names instead"));
    }
    let mut columns = vec![u32::MAX; terms.len];
    order.iter().zip(0..).for_each(|(&word, column)| columns[word as usize] = column);
    let width = order.len();
    let side = |graph: &Graph, mentions: &[(u32, u32)]| {
        let mut groups = mentions.chunk_by(|a, b| a.0 == b.0).peekable();
        let rows = (0..graph.len() as u32).map(|entity| {
            let group = groups.next_if(|group| group[0].0 == entity).unwrap_or_default();
            let known = group.iter().map(|&(_, word)| (columns[word as usize], 1.0));
            known.filter(|&(column, _)| column != u32::MAX).collect()
        });
        sparse::from_rows(rows, width)
    };
    Ok((side(graphs[0], &mentions[0]), side(graphs[1], &mentions[1])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::sparse::tests::row;
    use crate::kg::GraphBuilder;

    fn graph(base: &str, triples: &[(&str, &str, &str)], attributes: &[(&str, &str)]) -> Graph {
        let mut builder = GraphBuilder::new();
        for &(head, relation, tail) in triples {
            let (head, tail) = (builder.entity(head), builder.entity(tail));
            let relation = builder.relation(&format!("{base}{relation}"));
            builder.triple(head, relation, tail);
        }
        for &(entity, attribute) in attributes {
            let (entity, attribute) =
                (builder.entity(entity), builder.attribute(&format!("{base}{attribute}")));
            builder.attribute_triple(entity, attribute, None);
        }
        builder.finish().0
    }

    #[test]
    fn relations_count_at_both_ends_and_the_rarest_are_left_out() {
        let left = graph("http://l/", &[("a", "birthPlace", "b"), ("a", "birthPlace", "c")], &[]);
        let right = graph("http://r/", &[("x", "birth_place", "x"), ("y", "rare", "z")], &[]);
        let (l, r) = relation_bow(&left, &right, 1, Vocabulary::Name, &Task::quiet()).unwrap();
        assert_eq!(row(&l, 0), (&[0][..], &[2.0][..]));
        assert_eq!(row(&r, 0), (&[0][..], &[2.0][..]));
        assert_eq!((r.present.get(0), r.present.get(1), r.present.get(2)), (true, false, false));
        let (_, r) = relation_bow(&left, &right, 9, Vocabulary::Iri, &Task::quiet()).unwrap();
        assert_eq!((r.rows.view().cols(), row(&r, 0).0), (3, &[1][..]));
    }

    #[test]
    fn attributes_are_had_or_not() {
        let left = graph("http://l/", &[], &[("a", "height"), ("b", "height"), ("a", "Height")]);
        let (l, r) = attribute_bow(&left, &Graph::default(), 10, Vocabulary::Name, &Task::quiet()).unwrap();
        assert_eq!(row(&l, 0), (&[0][..], &[1.0][..]));
        assert!(r.present.is_empty() && r.rows.view().is_empty());
    }

    #[test]
    fn nothing_to_count_is_said() {
        let empty = Graph::default();
        let error = relation_bow(&empty, &empty, 10, Vocabulary::Name, &Task::quiet()).unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::MissingData, "the pair has no relation triples"));
        let error = relation_bow(&empty, &empty, 0, Vocabulary::Name, &Task::quiet()).unwrap_err();
        assert_eq!(error.code(), Code::OutOfRange);
    }
}
