//! Readers of graphs, links, verdicts and differences.

use std::sync::LazyLock;

use super::{Scratch, head, judge_file};
use crate::formats::{PairSource, links, read_diff, read_pair};
use crate::kg::{Graph, GraphBuilder, load_graph, load_links, save_graph, save_links};
use crate::ops::spec::{Import, ImportLinks, LinkFormat, PairFormat};
use crate::store::Db;
use crate::task::Task;

/// What parts the files of a layout within an input.
const NEXT_FILE: u8 = 0x1c;

/// Layouts of pairs, each with files of it in the order in which an input gives them.
const LAYOUTS: [(PairFormat, &[&str]); 12] = [
    (
        PairFormat::Dbp15k,
        &[
            "p/ent_ids_1",
            "p/ent_ids_2",
            "p/triples_1",
            "p/triples_2",
            "p/ill_ent_ids",
            "p/sup_ent_ids",
            "p/rel_ids_1",
            "p/training_attrs_1",
            "p/dbp_p.json",
        ],
    ),
    (
        PairFormat::Jape,
        &[
            "p/sharing/0_3/ent_ids_1",
            "p/sharing/0_3/ent_ids_2",
            "p/sharing/0_3/triples_1",
            "p/sharing/0_3/triples_2",
            "p/sharing/0_3/sup_ent_ids",
            "p/sharing/0_3/ref_ent_ids",
        ],
    ),
    (PairFormat::Jape, &["p/ent_links", "p/triples_1", "p/triples_2", "p/attr_triples_1"]),
    (
        PairFormat::Openea,
        &[
            "p/rel_triples_1",
            "p/rel_triples_2",
            "p/attr_triples_1",
            "p/ent_links",
            "p/721_5fold/1/train_links",
            "p/721_5fold/1/valid_links",
            "p/721_5fold/1/test_links",
        ],
    ),
    (
        PairFormat::Mmkg,
        &["p/A_EntityTriples.txt", "p/B_EntityTriples.txt", "p/A_NumericalTriples.txt", "p/B_SameAsLink.txt"],
    ),
    (
        PairFormat::Csv,
        &["p/triples_1.csv", "p/triples_2.tsv", "p/entities_1.csv", "p/attributes_1.csv", "p/links.csv"],
    ),
    (PairFormat::Csv, &["p/triples_1.csv.gz", "p/triples_2.tsv.zst"]),
    (PairFormat::Rdf, &["left.nt", "right.nq"]),
    (PairFormat::Rdf, &["left.ttl", "right.ttl"]),
    (PairFormat::Rdf, &["left.trig", "right.trig"]),
    (PairFormat::Rdf, &["left.rdf", "right.rdf"]),
    (PairFormat::Rdf, &["left.nt.gz", "right.rdf.zst"]),
];

/// Formats of files of links.
const LINKS: [LinkFormat; 5] =
    [LinkFormat::Tsv, LinkFormat::Csv, LinkFormat::Sssom, LinkFormat::Alignment, LinkFormat::SameAs];

/// A reader, its options, and the files it reads. The first byte, a letter in the corpus, chooses the reader:
/// the layouts from `A` on, then the formats of links, verdicts, and differences in one file and in two. The
/// second holds the options.
pub fn graphs(bytes: &[u8]) {
    let ([reader, options], files) = head(bytes);
    let reader = usize::from(reader.wrapping_sub(b'A'));
    let (lenient, remap) = (options & 1 == 1, options & 2 == 2);
    match reader.checked_sub(LAYOUTS.len()) {
        None => pair(LAYOUTS[reader], lenient, remap, files),
        Some(at) if at < LINKS.len() => link(LINKS[at], lenient, files),
        Some(5) => verdicts(lenient, files),
        Some(6) => diff(lenient, false, files),
        Some(7) => diff(lenient, true, files),
        Some(_) => {}
    }
}

fn pair((format, names): (PairFormat, &[&str]), lenient: bool, remap_ids: bool, files: &[u8]) {
    let scratch = Scratch::new();
    let mut given: Vec<(&str, &[u8])> =
        names.iter().copied().zip(files.split(|&byte| byte == NEXT_FILE)).collect();
    let paths = match format {
        // A side that is not given is an empty file.
        PairFormat::Rdf => {
            given.extend(names[given.len()..].iter().map(|name| (*name, &b""[..])));
            names.iter().map(|name| scratch.path().join(name)).collect()
        }
        _ => vec![scratch.path().join("p")],
    };
    given.iter().for_each(|(name, content)| drop(scratch.file(name, content)));
    let spec = Import { format, paths, name: "p".into(), lenient, remap_ids, links: None, fold: None };
    match read_pair(&spec, &Task::quiet()) {
        Ok(source) => check_pair(&source),
        Err(error) => judge_file(&error),
    }
}

/// A pair keeps what [`crate::kg`] promises and comes back from the store as it was.
fn check_pair(source: &PairSource) {
    let PairSource { left, right, links, report } = source;
    assert!(!left.is_empty() && !right.is_empty());
    assert_eq!((report.left.entities, report.right.entities), (left.len() as u64, right.len() as u64));
    let db = Db::in_memory();
    for graph in [left, right] {
        check_graph(graph);
        let space = save_graph(&db, graph, &Task::quiet()).expect("a graph is stored");
        let back = load_graph(&db, space, (1, 0), &Task::quiet()).expect("a graph is read back");
        assert_eq!(&back, graph);
    }
    let known =
        |link: &crate::kg::Link| (link.left as usize) < left.len() && (link.right as usize) < right.len();
    assert!(links.iter().all(known));
    let mut ends: Vec<_> = links.iter().map(|link| (link.left, link.right)).collect();
    ends.sort_unstable();
    assert!(ends.windows(2).all(|two| two[0] != two[1]), "a link comes twice");
    let space = save_links(&db, links).expect("links are stored");
    assert_eq!(&load_links(&db, space, (left.len(), right.len())).expect("links are read back"), links);
}

fn check_graph(graph: &Graph) {
    let (entities, relations) = (graph.len() as u32, graph.relations.len() as u32);
    assert_eq!(graph.names.len(), graph.len());
    assert!(graph.source_ids.is_empty() || graph.source_ids.len() == graph.len());
    assert!(graph.triples.is_sorted_by(|a, b| a < b));
    assert!(graph.triples.iter().all(|t| t.head < entities && t.tail < entities && t.relation < relations));
    assert!(graph.attribute_triples.is_sorted_by(|a, b| a < b));
    let attributes = graph.attributes.len() as u32;
    assert!(graph.attribute_triples.iter().all(|t| t.entity < entities && t.attribute < attributes));
    for strings in [&graph.entities, &graph.relations, &graph.attributes] {
        let mut all: Vec<&str> = strings.iter().collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|two| two[0] != two[1]), "a name comes twice");
    }
    (0..entities).for_each(|entity| drop(graph.label(entity)));
}

/// Two graphs that links are read into: plain IRIs, one that is percent-encoded elsewhere, ids of a source.
static ENDS: LazyLock<[Graph; 2]> = LazyLock::new(|| {
    ["l", "r"].map(|side| {
        let mut builder = GraphBuilder::new();
        for name in ["a", "b", "café", "d"] {
            builder.entity(&format!("http://{side}/{name}"));
        }
        builder.source_ids(if side == "l" { vec![0, 1, 2, 3] } else { vec![4, 5, 6, 7] });
        builder.finish().0
    })
});

fn link(format: LinkFormat, lenient: bool, content: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.file("links", content);
    let spec = ImportLinks { format: Some(format), path, pair: "p".into(), split: None, lenient };
    let [left, right] = &*ENDS;
    match links::read_links(&spec, left, right, &Task::quiet()) {
        Ok(found) => {
            assert!(!found.links.is_empty());
            assert!(found.links.iter().all(|link| link.left < 4 && link.right < 4));
            assert!(found.report.stated >= found.links.len() as u64);
        }
        Err(error) => judge_file(&error),
    }
}

fn verdicts(lenient: bool, content: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.file("verdicts.sssom.tsv", content);
    let [left, right] = &*ENDS;
    match links::read_verdicts(&path, left, right, lenient, &Task::quiet()) {
        Ok((verdicts, _)) => {
            assert!(!verdicts.is_empty());
            assert!(verdicts.iter().all(|verdict| verdict.left < 4 && verdict.right < 4));
        }
        Err(error) => judge_file(&error),
    }
}

fn diff(lenient: bool, two: bool, files: &[u8]) {
    let scratch = Scratch::new();
    let mut files = files.split(|&byte| byte == NEXT_FILE);
    let came = scratch.file("came.nt", files.next().unwrap_or_default());
    let went = two.then(|| scratch.file("went.ttl", files.next().unwrap_or_default()));
    match read_diff(&came, went.as_deref(), lenient, &Task::quiet()) {
        Ok((diff, _)) => [&diff.added, &diff.removed].into_iter().for_each(check_graph),
        Err(error) => judge_file(&error),
    }
}
