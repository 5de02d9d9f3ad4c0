use std::path::PathBuf;

use super::*;
use crate::formats::links::read_links;
use crate::fs::RealFs;
use crate::kg::{Graph, GraphBuilder, Link};
use crate::ops::spec::{ImportLinks, LinkFormat};

/// IRIs that a format could stumble over, all in namespaces with a known prefix.
const LEFT: [&str; 8] = [
    "http://zh.dbpedia.org/resource/民族陣線_(法國)",
    "http://zh.dbpedia.org/resource/AC/DC",
    "http://zh.dbpedia.org/resource/Caf%C3%A9",
    "http://zh.dbpedia.org/resource/a,b;c'd",
    "http://zh.dbpedia.org/resource/\"quoted\"",
    "http://zh.dbpedia.org/resource/x&y=<z>",
    "http://zh.dbpedia.org/resource/100%_{sure}|\\^`",
    "http://zh.dbpedia.org/resource/-:#1",
];
const RIGHT: [&str; 8] = [
    "http://dbpedia.org/resource/National_Front_(France)",
    "http://dbpedia.org/resource/AC/DC",
    "http://www.wikidata.org/entity/Q30022",
    "http://yago-knowledge.org/resource/Ünïcödé",
    "http://rdf.freebase.com/ns/m.0m0nq",
    "http://dbpedia.org/resource/a b",
    "http://dbpedia.org/resource/😀?q=1",
    "http://dbpedia.org/resource/O'Neill,_\"Tip\"",
];
const LABELS: [&str; 8] =
    ["民族陣線 (法國)", "AC\tDC", "Café", "a, b", "\"quoted\"", "two\nlines", "#1 | x", "  blanks  "];

fn graph(iris: &[&str], from: u32) -> Graph {
    let mut builder = GraphBuilder::new();
    for iri in iris {
        builder.entity(iri);
    }
    builder.source_ids((from..from + iris.len() as u32).collect());
    builder.finish().0
}

fn rows() -> Vec<ExportRow> {
    (0..8)
        .map(|i| ExportRow {
            reviewed: None,
            left_iri: LEFT[i].into(),
            right_iri: RIGHT[i].into(),
            left_label: LABELS[i].into(),
            right_label: LABELS[7 - i].into(),
            left_source_id: Some(i as u32),
            right_source_id: Some(100 + i as u32),
            score: [
                Some(1.0 / 3.0),
                None,
                Some(1.0),
                Some(-0.25),
                Some(0.0),
                Some(f64::NAN),
                Some(1e-9),
                Some(1.5),
            ][i],
            rank: 1,
            stage: (i % 2 == 0).then(|| "cluster".to_string()),
            justification: [Justification::Composite, Justification::Lexical][i % 2],
            measure: Some("cosine".into()),
        })
        .collect()
}

fn meta() -> ExportMeta {
    ExportMeta {
        reviewed: false,
        pair: "zh_en".into(),
        artifact: "a1".into(),
        digest: "0123456789abcdef".repeat(4),
        tool_version: "0.1.0".into(),
        date: "2026-11-21".into(),
        subject_source: "http://zh.dbpedia.org/".into(),
        object_source: "".into(),
    }
}

fn spec(path: PathBuf) -> Export {
    Export {
        target: "a1".into(),
        path,
        format: None,
        overwrite: false,
        auto_prefixes: false,
        exact_match: false,
        license: "CC0-1.0".into(),
    }
}

fn write(spec: &Export, rows: Vec<ExportRow>) -> Result<ExportReport> {
    write_rows(&RealFs, spec, rows.into_iter().map(Ok), &meta(), &Task::quiet())
}

fn links_of(path: PathBuf, format: Option<LinkFormat>) -> Result<Vec<Link>> {
    let import = ImportLinks { format, path, pair: "p".into(), split: None, lenient: false };
    read_links(&import, &graph(&LEFT, 0), &graph(&RIGHT, 100), &Task::quiet()).map(|import| import.links)
}

fn expected() -> Vec<Link> {
    (0..8).map(|i| Link { left: i, right: i, split: None }).collect()
}

#[test]
fn what_is_written_is_read_back_to_the_same_links() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.csv", "x.tsv", "x.sssom.tsv", "x.nt", "x.rdf", "sup_ent_ids"] {
        for exact_match in [false, true] {
            let spec = Export { overwrite: true, exact_match, ..spec(folder.path().join(name)) };
            let report = write(&spec, rows()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(report.rows, 8);
            assert_eq!(report.bytes, std::fs::metadata(&spec.path).unwrap().len());
            let links = links_of(spec.path, None).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(links, expected(), "{name}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6, "a temporary file was left behind");
}

#[test]
fn strict_parsers_read_what_is_written_as_rdf() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("x.nt", oxrdfio::RdfFormat::NTriples), ("x.rdf", oxrdfio::RdfFormat::RdfXml)] {
        let spec = spec(folder.path().join(name));
        write(&spec, rows()).unwrap();
        let file = std::fs::File::open(&spec.path).unwrap();
        let quads: Vec<_> = oxrdfio::RdfParser::from_format(format)
            .for_reader(file)
            .collect::<std::result::Result<_, _>>()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let unchanged = format!("<{}>", LEFT[0]);
        let found =
            quads.iter().any(|q| q.subject.to_string() == unchanged || q.object.to_string() == unchanged);
        assert!(found, "{name}");
    }
}

#[test]
fn columnar_tables_are_not_written() {
    let error = format_of(Path::new("x.parquet")).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unsupported, "parquet is not written by this version")
    );
}

#[test]
fn json_lines_keep_full_precision() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path().join("x.jsonl"));
    write(&spec, rows()).unwrap();
    let text = std::fs::read_to_string(&spec.path).unwrap();
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 8);
    for (i, object) in objects.iter().enumerate() {
        assert_eq!((&object["left"], &object["right"]), (&LEFT[i].into(), &RIGHT[i].into()));
        assert_eq!(object["left_label"], LABELS[i]);
        assert_eq!(object["score"].as_f64(), rows()[i].score.filter(|score| score.is_finite()));
    }
}

#[test]
fn sssom_is_byte_for_byte_what_was_validated() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path().join("x.sssom.tsv"));
    let report = write(&spec, rows()).unwrap();
    assert_eq!(
        report.notes,
        ["scores outside 0..1 stand in the comments, as SSSOM has no place for them: 2"]
    );
    let written = std::fs::read_to_string(&spec.path).unwrap();
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/links/nasty.sssom.tsv");
    if std::env::var_os("SEEDBED_UPDATE_FIXTURES").is_some() {
        std::fs::write(&golden, &written).unwrap();
    }
    // tests/sssom_validate.py validates this file with the public Python package.
    assert_eq!(written, std::fs::read_to_string(golden).unwrap());
}

#[test]
fn sssom_makes_prefixes_up_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path().join("x.sssom.tsv"));
    let mut rows = rows();
    rows.truncate(2);
    rows[0].left_iri = "http://例.org/a#b".into();
    rows[1].left_iri = "http://例.org/a#c".into();
    let error = write(&spec, rows.clone()).unwrap_err();
    assert_eq!(error.message(), "no known prefix contracts `http://例.org/a#b`");
    assert!(error.help_text().unwrap().contains("prefixes=auto"));
    assert!(!spec.path.exists());
    spec.auto_prefixes = true;
    write(&spec, rows.clone()).unwrap();
    let text = std::fs::read_to_string(&spec.path).unwrap();
    assert!(text.contains("#   ns1: \"http://%E4%BE%8B.org/a#\"\n"), "{text}");
    assert!(text.contains("\nns1:c\t"), "{text}");
    let import = ImportLinks { format: None, path: spec.path, pair: "p".into(), split: None, lenient: false };
    let left = graph(&["http://例.org/a#b", "http://例.org/a#c"], 0);
    let links = read_links(&import, &left, &graph(&RIGHT, 100), &Task::quiet()).unwrap();
    assert_eq!((links.links.len(), links.report.decoded), (2, 2));
}

#[test]
fn names_that_a_format_cannot_carry_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, iri, expected) in [
        ("x.nt", "Deh_Bonyad", "`Deh_Bonyad` is no absolute IRI, which N-Triples needs"),
        ("x.sssom.tsv", "/m/0m0nq", "`/m/0m0nq` is no absolute IRI, which SSSOM needs"),
        ("x.rdf", "Deh_Bonyad", "`Deh_Bonyad` is no absolute IRI, which RDF/XML needs"),
        ("x.rdf", "http://x/a#b#c", "`http://x/a#b#c` is no valid IRI, which RDF/XML needs"),
    ] {
        let mut rows = rows();
        rows[5].right_iri = iri.into();
        let spec = spec(folder.path().join(name));
        assert_eq!(write(&spec, rows).unwrap_err().message(), expected);
        assert!(!spec.path.exists());
    }
    let mut rows = rows();
    rows[5].right_source_id = None;
    let error = write(&spec(folder.path().join("sup_ent_ids")), rows).unwrap_err();
    assert_eq!(error.message(), "`http://dbpedia.org/resource/a b` has no id in its source, expected one");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_target_is_as_it_was_or_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "mine").unwrap();
    let mut spec = spec(path.clone());
    let error = write(&spec, rows()).unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Conflict, "the file exists already"));
    spec.overwrite = true;
    let failing = [Ok(rows().remove(0)), Err(Error::new(Code::Corrupt, "damaged"))];
    let error = write_rows(&RealFs, &spec, failing.into_iter(), &meta(), &Task::quiet()).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    write(&spec, rows()).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("left,right,score,rank,stage,"));
    spec.path = folder.path().join("absent/x.csv");
    let error = write(&spec, rows()).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.message().ends_with("absent does not exist"), "{error}");
    spec.path = folder.path().to_path_buf();
    spec.format = Some(ExportFormat::Csv);
    assert_eq!(
        write(&spec, rows()).unwrap_err().message(),
        "the target is a directory, expected the path of a file"
    );
    spec.path = folder.path().join("x.txt");
    spec.format = None;
    assert_eq!(write(&spec, rows()).unwrap_err().message(), "the name `x.txt` does not tell the format");
}

#[test]
fn a_cancelled_export_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let token = crate::task::CancelToken::new();
    let spec = spec(folder.path().join("x.nt"));
    let rows = rows().into_iter().enumerate().map(|(i, row)| {
        if i == 3 {
            token.cancel();
        }
        Ok(row)
    });
    let error = write_rows(&RealFs, &spec, rows, &meta(), &Task::new(token.clone(), None)).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
