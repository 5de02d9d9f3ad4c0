//! Whole pairs in every layout: real data where it is at hand, small folders made here for the variants.

mod common;

use std::io::Write;
use std::path::PathBuf;

use seedbed::formats::{LintKind, PairSource, read_pair};
use seedbed::kg::{Graph, Side, Split};
use seedbed::ops::spec::{Import, PairFormat};
use seedbed::{Code, Error, Task};
use tempfile::TempDir;

fn request(format: PairFormat, paths: &[PathBuf]) -> Import {
    Import {
        format,
        paths: paths.to_vec(),
        name: "p".into(),
        lenient: false,
        remap_ids: false,
        links: None,
        fold: None,
    }
}

/// A folder with the files given as name and content; a name may hold slashes.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn read(format: PairFormat, files: &[(&str, &str)]) -> Result<PairSource, Error> {
    let folder = folder(files);
    read_pair(&request(format, &[folder.path().to_path_buf()]), &Task::quiet())
}

fn read_with(
    format: PairFormat,
    files: &[(&str, &str)],
    change: impl FnOnce(&mut Import),
) -> Result<PairSource, Error> {
    let folder = folder(files);
    let mut spec = request(format, &[folder.path().to_path_buf()]);
    change(&mut spec);
    read_pair(&spec, &Task::quiet())
}

/// The shared data, if it is at hand.
fn data(part: &str) -> Option<PathBuf> {
    let path = common::data_dir()?.join(part);
    if !path.exists() {
        println!("skipped: no {part} in the shared data");
        return None;
    }
    Some(path)
}

fn count(source: &PairSource, kind: LintKind, side: Option<Side>) -> u64 {
    source
        .report
        .lints
        .iter()
        .filter(|lint| lint.kind == kind && (side.is_none() || lint.side == side))
        .map(|lint| lint.count)
        .sum()
}

fn iris(graph: &Graph) -> Vec<&str> {
    graph.entities.iter().collect()
}

/// Links as IRIs with their split.
fn links(source: &PairSource) -> Vec<(&str, &str, Option<Split>)> {
    let name = |graph: &'_ Graph, id: u32| -> usize {
        assert!((id as usize) < graph.len());
        id as usize
    };
    source
        .links
        .iter()
        .map(|link| {
            (
                source.left.entities.get(name(&source.left, link.left)),
                source.right.entities.get(name(&source.right, link.right)),
                link.split,
            )
        })
        .collect()
}

const SMALL: [(&str, &str); 5] = [
    ("ent_ids_1", "0\thttp://l/a\n1\thttp://l/b\n2\thttp://l/c\n"),
    ("ent_ids_2", "10\thttp://r/a\n11\thttp://r/b\n12\thttp://r/c\n"),
    ("triples_1", "0\t0\t1\n1\t1\t2\n"),
    ("triples_2", "10\t5\t11\n11\t5\t12\n"),
    ("ill_ent_ids", "0\t10\n1\t11\n"),
];

/// The small dbp15k folder with files added or replaced.
fn small<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files: Vec<(&str, &str)> =
        SMALL.iter().copied().filter(|(name, _)| changes.iter().all(|(other, _)| other != name)).collect();
    files.extend(changes);
    files
}

#[test]
fn dbp15k_has_the_published_counts() {
    let Some(path) = data("dbp15k/zh_en") else { return };
    let start = std::time::Instant::now();
    let source = read_pair(&request(PairFormat::Dbp15k, &[path]), &Task::quiet()).unwrap();
    println!("read in {:.3} s", start.elapsed().as_secs_f64());
    let report = &source.report;
    assert_eq!((report.left.entities, report.right.entities), (19_388, 19_572));
    assert_eq!((report.left.triples, report.right.triples), (70_414, 95_142));
    assert_eq!((report.left.relations, report.right.relations), (1_701, 1_323));
    assert_eq!((report.links.total, report.links.train), (15_000, 0));
    assert_eq!(report.left.names + count(&source, LintKind::EntityWithoutName, Some(Side::Left)), 19_388);
    assert_eq!(count(&source, LintKind::EntityWithoutLink, Some(Side::Left)), 4_388);
    assert_eq!(source.left.label(1), "kim dae jung");
    assert_eq!(source.left.entities.get(1), "http://zh.dbpedia.org/resource/金大中");
    assert_eq!(source.right.label(1), "Kim Dae-jung");
    assert_eq!((source.left.source_ids[2], source.right.source_ids[0]), (2, 10_500));
    for lint in &report.lints {
        println!("{lint}");
    }
    println!("{:?}", report.notes);
}

#[test]
fn openea_has_its_counts_and_folds() {
    let Some(path) = data("openea/D_Y_15K_V1") else { return };
    for fold in [None, Some(1), Some(5)] {
        let mut spec = request(PairFormat::Openea, std::slice::from_ref(&path));
        spec.fold = fold;
        let source = read_pair(&spec, &Task::quiet()).unwrap();
        let report = &source.report;
        assert_eq!((report.left.entities, report.right.entities), (15_000, 15_000));
        assert_eq!((report.left.triples, report.right.triples), (30_291, 26_638));
        let repeated = count(&source, LintKind::DuplicateAttribute, None);
        assert_eq!(report.left.attribute_triples + report.right.attribute_triples + repeated, 5_761 + 9_215);
        let links = &report.links;
        assert_eq!((links.total, links.train, links.valid, links.test), (15_000, 3_000, 1_500, 10_500));
        let floats = source.left.attribute_triples.iter().filter_map(|t| t.literal.as_ref());
        assert!(floats.clone().count() > 0);
        assert!(floats.clone().all(|literal| !literal.value.contains('\t')));
        assert!(floats.clone().any(|literal| literal.datatype == "float"));
    }
    let mut spec = request(PairFormat::Openea, &[path]);
    spec.fold = Some(6);
    let error = read_pair(&spec, &Task::quiet()).unwrap_err();
    assert_eq!(error.message(), "there is no fold 6");
    assert_eq!(error.help_text(), Some("the folds are 1, 2, 3, 4, 5"));
}

#[test]
fn rdf_xml_of_the_oaei_is_read() {
    let Some(path) = data("oaei") else { return };
    let pair = |left: &str, right: &str| {
        let paths = [path.join(left), path.join(right)];
        read_pair(&request(PairFormat::Rdf, &paths), &Task::quiet()).unwrap()
    };
    let restaurants = pair("restaurants/restaurant1.rdf", "restaurants/restaurant2.rdf");
    let named = |graph: &Graph, part: &str| {
        graph.entities.iter().filter(|iri| iri.rsplit('/').next().is_some_and(|n| n.contains(part))).count()
    };
    println!("{:?}", restaurants.report);
    assert_eq!(named(&restaurants.left, "1-Restaurant"), 113);
    assert_eq!(named(&restaurants.right, "2-Restaurant"), 752);
    let people = pair("person1/person11.rdf", "person1/person12.rdf");
    println!("{:?}", people.report);
    assert_eq!(named(&people.left, "1-Person"), 500);
    assert_eq!(named(&people.right, "2-Person"), 500);
}

#[test]
fn a_small_dbp15k_folder_is_read_whole() {
    let folder = folder(&small(&[
        ("zh_en/ent_ids_1", "\u{feff}7\t<http://l/a>\r\n\r\n5\thttp://l/b\r\n"),
        ("zh_en/ent_ids_2", "10\thttp://r/a\n11\thttp://r/b\n"),
        ("zh_en/triples_1", "7\t0\t5\n5\t1\t5\n7\t0\t5\n"),
        ("zh_en/triples_2", "10\t0\t11"),
        ("zh_en/rel_ids", "0\thttp://rel/0\n"),
        ("zh_en/ill_ent_ids", "7\t10\n5\t11\n5\t11\n"),
        ("zh_en/training_attrs_1", "http://l/a\thttp://at/x\thttp://at/y\nhttp://l/zzz\thttp://at/x\n"),
        (
            "translated_ent_name/dbp_zh_en.json",
            r#"[[7, ["first", "entity"]], [10, ["x"]], [99, ["y"]], [5, []]]"#,
        ),
    ]));
    let path = folder.path().join("zh_en");
    let source = read_pair(&request(PairFormat::Dbp15k, &[path]), &Task::quiet()).unwrap();
    assert_eq!(iris(&source.left), ["http://l/a", "http://l/b"]);
    assert_eq!(source.left.source_ids, [7, 5]);
    assert_eq!(source.right.source_ids, [10, 11]);
    assert_eq!(source.left.names.get(0), "first entity");
    assert_eq!(source.left.names.get(1), "");
    assert_eq!(source.left.relations.iter().collect::<Vec<_>>(), ["http://rel/0", "1"]);
    assert_eq!(source.left.attributes.len(), 2);
    assert!(source.left.attribute_triples.iter().all(|triple| triple.literal.is_none()));
    assert_eq!(links(&source).len(), 2);
    let left = Some(Side::Left);
    assert_eq!(count(&source, LintKind::DuplicateTriple, left), 1);
    assert_eq!(count(&source, LintKind::SelfTriple, left), 1);
    assert_eq!(count(&source, LintKind::UnnamedRelation, left), 1);
    assert_eq!(count(&source, LintKind::AttributeWithoutValue, left), 2);
    assert_eq!(count(&source, LintKind::UnknownAttributeEntity, left), 1);
    assert_eq!(count(&source, LintKind::EntityWithoutName, left), 1);
    assert_eq!(count(&source, LintKind::DuplicateLink, None), 1);
    assert_eq!(source.report.notes.len(), 2);
}

#[test]
fn split_files_give_the_splits() {
    let mut files = small(&[("sup_ent_ids", "0\t10\n"), ("ref_ent_ids", "1\t11\n")]);
    let with_all = read(PairFormat::Dbp15k, &files).unwrap();
    files.retain(|(name, _)| *name != "ill_ent_ids");
    let without = read(PairFormat::Dbp15k, &files).unwrap();
    let expected = vec![
        ("http://l/a", "http://r/a", Some(Split::Train)),
        ("http://l/b", "http://r/b", Some(Split::Test)),
    ];
    assert_eq!(links(&with_all), expected);
    assert_eq!(links(&without), expected);
    files.retain(|(name, _)| *name != "sup_ent_ids");
    assert_eq!(links(&read(PairFormat::Dbp15k, &files).unwrap()), [("http://l/b", "http://r/b", None)]);
    files.retain(|(name, _)| *name != "ref_ent_ids");
    let none = read(PairFormat::Dbp15k, &files).unwrap();
    assert!(none.links.is_empty());
    assert!(none.report.notes[0].starts_with("no reference links"));
}

#[test]
fn ids_on_both_sides_are_refused_or_remapped() {
    let files = small(&[
        ("ent_ids_2", "0\thttp://r/a\n11\thttp://r/b\n1\thttp://r/c\n"),
        ("triples_2", "0\t5\t11\n"),
        ("ill_ent_ids", "0\t0\n1\t11\n"),
    ]);
    let error = read(PairFormat::Dbp15k, &files).unwrap_err();
    assert_eq!(
        error.message(),
        "2 ids stand for entities of both sides, such as 0 for 'http://l/a' and 'http://r/a'"
    );
    assert!(error.help_text().unwrap().contains("remap_ids=true"));
    let source = read_with(PairFormat::Dbp15k, &files, |spec| spec.remap_ids = true).unwrap();
    assert_eq!(source.left.source_ids, [0, 1, 2]);
    assert_eq!(source.right.source_ids, [3, 4, 5]);
    assert_eq!(links(&source)[1], ("http://l/b", "http://r/b", None));
}

#[test]
fn repeated_lines_and_iris_become_one_entity() {
    let files = small(&[("ent_ids_1", "0\thttp://l/a\n0\thttp://l/a\n1\thttp://l/b\n2\thttp://l/a\n")]);
    let source = read(PairFormat::Dbp15k, &files).unwrap();
    assert_eq!(iris(&source.left), ["http://l/a", "http://l/b"]);
    assert_eq!(source.left.source_ids, [0, 1]);
    assert_eq!(count(&source, LintKind::RepeatedId, Some(Side::Left)), 1);
    assert_eq!(count(&source, LintKind::RepeatedIri, Some(Side::Left)), 1);
    assert_eq!(source.left.triples.len(), 2);
}

#[test]
fn links_that_cannot_be_used_are_told() {
    let files = small(&[("ill_ent_ids", "0\t10\n0\t11\n1\t99\n")]);
    let source = read(PairFormat::Dbp15k, &files).unwrap();
    assert_eq!(source.links.len(), 2);
    assert_eq!(count(&source, LintKind::UnknownLinkEntity, None), 1);
    assert_eq!(count(&source, LintKind::LinkRepeatsEntity, Some(Side::Left)), 2);
    let sentences: Vec<String> = source.report.lints.iter().map(ToString::to_string).collect();
    assert!(
        sentences.contains(&"1 link names an unknown entity and was left out".to_string()),
        "{sentences:?}"
    );
    assert!(
        sentences.contains(&"1 of 3 right entities is in no reference link (33.3 %)".to_string()),
        "{sentences:?}"
    );
    let swapped = small(&[("ill_ent_ids", "10\t0\n11\t1\n")]);
    let error = read(PairFormat::Dbp15k, &swapped).unwrap_err();
    assert_eq!(error.message(), "no link names known entities; '10' is not in the left graph");
    assert!(error.help_text().unwrap().contains("swapped"));
}

#[test]
fn lenient_skips_and_counts() {
    let files = small(&[("triples_1", "0\t0\t1\nbroken\n0\t0\t77\n0\tx\t1\n1\t1\t2\n")]);
    assert!(read(PairFormat::Dbp15k, &files).is_err());
    let source = read_with(PairFormat::Dbp15k, &files, |spec| spec.lenient = true).unwrap();
    assert_eq!(source.left.triples.len(), 2);
    assert_eq!(source.report.skipped.count, 3);
    assert_eq!(source.report.skipped.first.len(), 3);
    assert!(
        source.report.skipped.first[1].contains("triples_1:3: the tail 77 is not an entity of ent_ids_1")
    );
}

#[test]
fn jape_mapping_and_sharing_give_the_same_pair() {
    let mapping = read(
        PairFormat::Jape,
        &[
            ("mapping/0_3/ent_ids_1", SMALL[0].1),
            ("mapping/0_3/ent_ids_2", SMALL[1].1),
            ("mapping/0_3/triples_1", SMALL[2].1),
            ("mapping/0_3/triples_2", SMALL[3].1),
            ("mapping/0_3/sup_ent_ids", "0\t10\n"),
            ("mapping/0_3/ref_ent_ids", "1\t11\n"),
        ],
    )
    .unwrap();
    for sup in [Some("0\n"), Some("0\t0\n"), None] {
        let mut files = vec![
            ("sharing/0_3/ent_ids_1", SMALL[0].1),
            ("sharing/0_3/ent_ids_2", "0\thttp://r/a\n11\thttp://r/b\n12\thttp://r/c\n"),
            ("sharing/0_3/triples_1", SMALL[2].1),
            ("sharing/0_3/triples_2", "0\t5\t11\n11\t5\t12\n"),
            ("sharing/0_3/ref_ent_ids", "1\t11\n"),
        ];
        files.extend(sup.map(|text| ("sharing/0_3/sup_ent_ids", text)));
        let sharing = read(PairFormat::Jape, &files).unwrap();
        assert_eq!(links(&sharing), links(&mapping));
        assert_eq!(sharing.right.triples, mapping.right.triples);
        assert_eq!(sharing.right.source_ids, [13, 11, 12]);
    }
}

#[test]
fn a_raw_folder_of_iris_is_read() {
    let source = read(
        PairFormat::Jape,
        &[
            ("triples_1", "http://l/a\thttp://p\thttp://l/b\n"),
            ("triples_2", "http://r/a\thttp://p\thttp://r/b\n"),
            ("attr_triples_1", "http://l/a\thttp://q\t\"x\"@en .\n"),
            ("ent_links", "http://l/a\thttp://r/a\n"),
        ],
    )
    .unwrap();
    assert_eq!(links(&source), [("http://l/a", "http://r/a", None)]);
    assert_eq!(source.left.attribute_triples[0].literal.as_ref().unwrap().language, "en");
}

#[test]
fn openea_without_folds_and_with_names() {
    let label = "http://www.w3.org/2000/01/rdf-schema#label";
    let attributes = format!(
        "e:a\t{label}\tThe  A\ne:c\t{label}\t\"C\"@fr\ne:a\te:born\t1948^^<http://www.w3.org/2001/XMLSchema#gYear>\n"
    );
    let source = read(
        PairFormat::Openea,
        &[
            ("rel_triples_1", " e:a \t e:p \t e:b \n"),
            ("rel_triples_2", "f:a\tf:p\tf:b\n"),
            ("attr_triples_1", &attributes),
            ("ent_links", "e:a\tf:a\ne:zz\tf:b\n"),
        ],
    )
    .unwrap();
    assert_eq!(iris(&source.left), ["e:a", "e:b", "e:c"]);
    assert_eq!(source.left.names.iter().collect::<Vec<_>>(), ["The  A", "", "C"]);
    assert_eq!(count(&source, LintKind::EntityWithoutTriples, Some(Side::Left)), 1);
    assert_eq!(count(&source, LintKind::UnknownLinkEntity, None), 1);
    assert!(source.left.attribute_triples.iter().any(|t| t.literal.as_ref().unwrap().datatype == "gYear"));
}

const FB: [(&str, &str); 2] = [
    ("FB15K_EntityTriples.txt", "/m/1 /r/x /m/2 .\n/m/1 /r/x /m/2 .\n"),
    ("FB15K_NumericalTriples.txt", "/m/1\t</n/height>\t1.8\n"),
];
const DB: [(&str, &str); 2] = [
    ("DB15K_EntityTriples.txt", "<http://d/1> <http://d/p> <http://d/2> .\n"),
    ("DB15K_SameAsLink.txt", "/m/1 <SameAs> <http://d/1> .\n"),
];

#[test]
fn mmkg_is_one_folder_or_two() {
    let together = read(PairFormat::Mmkg, &[FB[0], FB[1], DB[0], DB[1]]).unwrap();
    assert_eq!(links(&together), [("/m/1", "http://d/1", None)]);
    assert_eq!(count(&together, LintKind::DuplicateTriple, Some(Side::Left)), 1);
    assert_eq!(together.left.attribute_triples[0].literal.as_ref().unwrap().value, "1.8");
    assert_eq!(together.report.notes, ["FB15K is the left graph, DB15K the right one"]);

    let below = folder(&[
        ("FB15K/FB15K_EntityTriples.txt", FB[0].1),
        ("DB15K/DB15K_EntityTriples.txt", DB[0].1),
        ("DB15K/DB15K_SameAsLink.txt", DB[1].1),
    ]);
    let whole = below.path().to_path_buf();
    let (fb, db) = (whole.join("FB15K"), whole.join("DB15K"));
    let one = read_pair(&request(PairFormat::Mmkg, &[whole]), &Task::quiet()).unwrap();
    assert_eq!(links(&one), links(&together));
    let turned = read_pair(&request(PairFormat::Mmkg, &[db, fb]), &Task::quiet()).unwrap();
    assert_eq!(links(&turned), [("http://d/1", "/m/1", None)]);
}

const LEFT_TTL: &str = r#"@prefix : <http://l/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:a :knows :b, [ :age 3 ] ; rdfs:label "Anna"@de, "Ann"@en ; :born "1948"^^xsd:gYear .
:b owl:sameAs <http://r/b>, <http://elsewhere/b> .
"#;

#[test]
fn every_rdf_syntax_gives_the_same_graph() {
    let nt = concat!(
        "<http://l/a> <http://l/knows> <http://l/b> .\n",
        "<http://l/a> <http://l/knows> _:x .\n",
        "_:x <http://l/age> \"3\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n",
        "<http://l/a> <http://www.w3.org/2000/01/rdf-schema#label> \"Anna\"@de .\n",
        "<http://l/a> <http://www.w3.org/2000/01/rdf-schema#label> \"Ann\"@en .\n",
        "<http://l/a> <http://l/born> \"1948\"^^<http://www.w3.org/2001/XMLSchema#gYear> .\n",
        "<http://l/b> <http://www.w3.org/2002/07/owl#sameAs> <http://r/b> .\n",
    );
    let xml = concat!(
        "<?xml version='1.0' encoding='ISO-8859-1'?>\n",
        "<!DOCTYPE rdf:RDF [<!ENTITY l \"http://l/\">]>\n",
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:l='http://l/'\n",
        " xmlns:rdfs='http://www.w3.org/2000/01/rdf-schema#' xmlns:owl='http://www.w3.org/2002/07/owl#'>\n",
        "<rdf:Description rdf:about='&l;a'><l:knows rdf:resource='&l;b'/>\n",
        "<l:knows rdf:parseType='Resource'><l:age rdf:datatype='http://www.w3.org/2001/XMLSchema#integer'>3</l:age></l:knows>\n",
        "<rdfs:label xml:lang='de'>Anna</rdfs:label><rdfs:label xml:lang='en'>Ann</rdfs:label>\n",
        "<l:born rdf:datatype='http://www.w3.org/2001/XMLSchema#gYear'>1948</l:born></rdf:Description>\n",
        "<rdf:Description rdf:about='http://l/b'><owl:sameAs rdf:resource='http://r/b'/></rdf:Description>\n",
        "</rdf:RDF>\n",
    );
    let nq = nt.replace(" .\n", " <http://graph> .\n");
    let trig = format!("{LEFT_TTL}<http://g> {{ <http://l/a> <http://l/knows> <http://l/b> . }}");
    let right = "<http://r/a> <http://r/p> <http://r/b> .\n";
    let files = folder(&[
        ("l.ttl", LEFT_TTL),
        ("l.nt", nt),
        ("l.nq", &nq),
        ("l.trig", &trig),
        ("l.rdf", xml),
        ("bom.nt", &format!("\u{feff}{nt}")),
        ("r.nt", right),
    ]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(nt.as_bytes()).unwrap();
    std::fs::write(files.path().join("l.nt.gz"), gz.finish().unwrap()).unwrap();
    let zst = ruzstd::encoding::compress_to_vec(nt.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    std::fs::write(files.path().join("l.nt.zst"), zst).unwrap();
    for name in ["l.ttl", "l.nt", "l.nq", "l.trig", "l.rdf", "bom.nt", "l.nt.gz", "l.nt.zst"] {
        let paths = [files.path().join(name), files.path().join("r.nt")];
        let source = read_pair(&request(PairFormat::Rdf, &paths), &Task::quiet()).unwrap();
        let mut entities = iris(&source.left);
        entities.sort_unstable();
        assert_eq!(entities, ["_:b0", "http://l/a", "http://l/b"], "{name}");
        assert_eq!(source.left.triples.len(), 2, "{name}");
        assert_eq!(source.left.attribute_triples.len(), 4, "{name}");
        let a = source.left.entities.iter().position(|iri| iri == "http://l/a").unwrap();
        assert_eq!(source.left.names.get(a), "Ann", "{name}");
        let mut types: Vec<&str> = source
            .left
            .attribute_triples
            .iter()
            .map(|triple| triple.literal.as_ref().unwrap().datatype.as_str())
            .collect();
        types.sort_unstable();
        assert_eq!(types, ["", "", "gYear", "integer"], "{name}");
        assert_eq!(links(&source), [("http://l/b", "http://r/b", None)], "{name}");
    }
}

#[test]
fn reading_rdf_twice_gives_the_same_bytes() {
    let files = folder(&[("l.ttl", LEFT_TTL), ("r.nt", "<http://r/a> <http://r/p> <http://r/b> .\n")]);
    let spec = request(PairFormat::Rdf, &[files.path().join("l.ttl"), files.path().join("r.nt")]);
    let (one, two) = (read_pair(&spec, &Task::quiet()).unwrap(), read_pair(&spec, &Task::quiet()).unwrap());
    assert_eq!((one.left, one.links, one.report), (two.left, two.links, two.report));
}

#[test]
fn lenient_rdf_reads_past_a_broken_line() {
    let files = folder(&[
        (
            "l.nt",
            "<http://l/a> <http://l/p> <http://l/b> .\n<http://l/a> oops .\n<http://l/b> <http://l/p> <http://l/c> .\n",
        ),
        ("r.nt", "<http://r/a> <http://r/p> <http://r/b> .\n"),
    ]);
    let mut spec = request(PairFormat::Rdf, &[files.path().join("l.nt"), files.path().join("r.nt")]);
    assert_eq!(read_pair(&spec, &Task::quiet()).unwrap_err().code(), Code::BadFile);
    spec.lenient = true;
    let source = read_pair(&spec, &Task::quiet()).unwrap();
    assert_eq!(source.left.triples.len(), 2);
    assert!(source.report.skipped.count >= 1);
}

#[test]
fn windows_1252_becomes_utf_8() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = b"<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:l='http://l/'><rdf:Description rdf:about='http://l/a'><l:n>caf".to_vec();
    bytes.extend([0xe9, b' ', 0x80]);
    bytes.extend(b"</l:n></rdf:Description></rdf:RDF>");
    std::fs::write(folder.path().join("l.rdf"), bytes).unwrap();
    std::fs::write(folder.path().join("r.nt"), "<http://r/a> <http://r/p> <http://r/b> .\n").unwrap();
    let spec = request(PairFormat::Rdf, &[folder.path().join("l.rdf"), folder.path().join("r.nt")]);
    let source = read_pair(&spec, &Task::quiet()).unwrap();
    assert_eq!(source.left.attribute_triples[0].literal.as_ref().unwrap().value, "café €");
}

#[test]
fn tables_are_read_by_their_headers() {
    let source = read(
        PairFormat::Csv,
        &[
            (
                "entities_1.csv",
                "name,Entity,id\n\"Smith, \"\"John\"\"\",e:a,4\n,e:b,3\n\"two\nlines\",e:c,9\n",
            ),
            ("triples_1.csv", "tail,head,relation,extra\ne:b,e:a,e:p,x\n"),
            ("attributes_1.csv", "entity,attribute,value,datatype\ne:a,e:q,1.5,xsd:float\ne:a,e:t,,\n"),
            ("triples_2.tsv", "head\trelation\ttail\nf:a\tf:p\tf:\"b\"\n"),
            ("links.tsv", "left\tright\tsplit\ne:a\tf:a\ttrain\ne:b\tf:\"b\"\t\n"),
        ],
    )
    .unwrap();
    assert_eq!(iris(&source.left), ["e:a", "e:b", "e:c"]);
    assert_eq!(source.left.names.iter().collect::<Vec<_>>(), ["Smith, \"John\"", "", "two\nlines"]);
    assert_eq!(source.left.source_ids, [4, 3, 9]);
    assert_eq!(iris(&source.right), ["f:a", "f:\"b\""]);
    assert_eq!(links(&source), [("e:a", "f:a", Some(Split::Train)), ("e:b", "f:\"b\"", None)]);
    let literals: Vec<_> = source.left.attribute_triples.iter().map(|t| t.literal.as_ref()).collect();
    assert_eq!(literals[0].unwrap().datatype, "float");
    assert!(literals[1].is_none());
}

#[test]
fn a_cancelled_import_stops() {
    let token = seedbed::CancelToken::new();
    token.cancel();
    let folder = folder(&SMALL);
    let spec = request(PairFormat::Dbp15k, &[folder.path().to_path_buf()]);
    let error = read_pair(&spec, &Task::new(token, None)).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
}
