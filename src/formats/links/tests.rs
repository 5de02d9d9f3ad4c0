use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::kg::GraphBuilder;

fn graph(iris: &[&str], from: u32) -> Graph {
    let mut builder = GraphBuilder::new();
    for iri in iris {
        builder.entity(iri);
    }
    builder.source_ids((from..from + iris.len() as u32).collect());
    builder.finish().0
}

fn read_as(name: &str, bytes: &[u8], lenient: bool, split: Option<Split>) -> Result<LinkImport> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let spec = ImportLinks { format: None, path, pair: "p".into(), split, lenient };
    let left = graph(&["http://l/a", "http://l/b", "http://l/Café"], 0);
    let right = graph(&["http://r/a", "http://r/b", "http://r/c"], 10);
    read_links(&spec, &left, &right, &Task::quiet())
}

fn read(name: &str, text: &str) -> Result<LinkImport> {
    read_as(name, text.as_bytes(), false, None)
}

fn pairs(import: &LinkImport) -> Vec<(u32, u32)> {
    import.links.iter().map(|link| (link.left, link.right)).collect()
}

/// The message with the place, without the folder.
fn message(result: Result<LinkImport>) -> String {
    let text = result.unwrap_err().to_string();
    text.rsplit_once('/')
        .filter(|(start, _)| start.starts_with("/") && !start.contains(' '))
        .map_or(text.clone(), |(_, end)| end.to_string())
}

#[test]
fn two_columns_hold_iris_or_ids() {
    for text in [
        "http://l/a\thttp://r/b\nhttp://l/b\thttp://r/a\n",
        "\u{feff}0\t11\r\n\r\n1\t10",
        "<http://l/a>\t11\nhttp://l/b\t<http://r/a>\n",
    ] {
        let import = read("links", text).unwrap();
        assert_eq!(pairs(&import), [(0, 1), (1, 0)]);
        assert_eq!(import.report.format, LinkFormat::Tsv);
    }
}

#[test]
fn tables_with_a_header_may_name_splits() {
    let import =
        read("x.csv", "Split,right,left,note\ntrain,http://r/a,http://l/a,\"x, y\"\n,11,1,\n").unwrap();
    assert_eq!(pairs(&import), [(0, 0), (1, 1)]);
    assert_eq!((import.links[0].split, import.links[1].split), (Some(Split::Train), None));
    let import = read_as("x.csv", b"left,right,split\n0,10,test\n", false, Some(Split::Valid)).unwrap();
    assert_eq!(import.links[0].split, Some(Split::Valid));
    let import = read("x.tsv", "left\tright\tscore\n0\t10\t0.5\n").unwrap();
    assert_eq!(pairs(&import), [(0, 0)]);
}

#[test]
fn a_file_with_its_sides_swapped_is_turned_round() {
    let import = read("x.tsv", "http://r/b\thttp://l/a\n10\t1\n").unwrap();
    assert_eq!(pairs(&import), [(0, 1), (1, 0)]);
    assert_eq!(import.report.swapped, 2);
    assert_eq!(import.report.notes, ["links that name the right entity first were turned round: 2"]);
}

#[test]
fn repeats_are_dropped_and_counted() {
    let import = read("x.tsv", "0\t10\n0\t10\n0\t11\n1\t12\n").unwrap();
    assert_eq!(pairs(&import), [(0, 0), (0, 1), (1, 2)]);
    assert_eq!((import.report.stated, import.report.repeated, import.report.not_one_to_one), (4, 1, 1));
}

#[test]
fn another_spelling_of_an_iri_is_found() {
    let import = read("x.tsv", "http://l/Caf%c3%a9\thttp://r/a\n").unwrap();
    assert_eq!((pairs(&import), import.report.decoded), (vec![(2, 0)], 1));
}

#[test]
fn unknown_entities_stop_a_strict_import_only() {
    let text = "0\t10\nhttp://l/none\t11\n1\t99\n";
    let error = read("x.tsv", text).unwrap_err();
    assert!(
        error.to_string().ends_with("x.tsv:2: `http://l/none` is no entity of the left graph"),
        "{error}"
    );
    let import = read_as("x.tsv", text.as_bytes(), true, None).unwrap();
    assert_eq!(import.report.unknown, 2);
    assert_eq!(import.report.unknown_first, ["line 2: http://l/none (left)", "line 3: 99 (right)"]);
    let error = read_as("x.tsv", b"7\t8\n", true, None).unwrap_err();
    assert_eq!(error.message(), "none of the 1 links names entities of both graphs");
}

#[test]
fn sssom_is_expanded_by_its_own_map() {
    let text = "#mapping_set_id: x:y\n# \"curie_map\":\n#   l: http://l/\n#   'r': \"http://r/\"\n# license: z\n\
        subject_id\tpredicate_id\tpredicate_modifier\tobject_id\tmapping_justification\n\
        l:a\towl:sameAs\t\tr:b\tsemapv:LexicalMatching\n\
        l:b\tskos:exactMatch\tNot\tr:b\tsemapv:MappingReview\n\
        l:b\tskos:broadMatch\t\tr:b\tsemapv:MappingReview\n\
        http://l/b\tskos:exactMatch\t\t\"r:a\"\tsemapv:LexicalMatching\n";
    let import = read("x.sssom.tsv", text).unwrap();
    assert_eq!(pairs(&import), [(0, 1), (1, 0)]);
    assert_eq!((import.report.negated, import.report.other), (1, 1));
    let error = read("x.sssom.tsv", &text.replace("l:a\towl", "q:a\towl")).unwrap_err();
    assert!(
        error.to_string().ends_with("x.sssom.tsv:7: the prefix `q` is not in the curie_map of the file"),
        "{error}"
    );
    let error = read("x.sssom.tsv", "subject_id\tobject_id\n").unwrap_err();
    assert_eq!(error.message(), "the table has no column `predicate_id`");
}

#[test]
fn alignments_are_read_cell_by_cell() {
    let cell = |left: &str, right: &str, relation: &str| {
        format!(
            "<map><Cell><entity1 rdf:resource='{left}'/><entity2 rdf:resource='{right}'/>\
             <relation>{relation}</relation><measure rdf:datatype='xsd:float'>1.0</measure></Cell></map>"
        )
    };
    let file = |cells: &str| {
        format!(
            "<?xml version='1.0' encoding='utf-8'?>\n<!DOCTYPE r [<!ENTITY l 'http://l/'>]>\n\
             <rdf:RDF xmlns='http://knowledgeweb.semanticweb.org/heterogeneity/alignment'\n\
             xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\n<Alignment><xml>yes</xml>{cells}</Alignment></rdf:RDF>"
        )
    };
    let cells = [
        cell("http://l/a", "http://r/b", "="),
        cell("http://l/b", "http://r/b", "&lt;"),
        cell("http://l/b", "http://r/a", "fr.inrialpes.exmo.align.impl.rel.EquivRelation"),
    ];
    let import =
        read("x.rdf", &file(&cells.concat()).replace("<!DOCTYPE r [<!ENTITY l 'http://l/'>]>\n", ""))
            .unwrap();
    assert_eq!((pairs(&import), import.report.other), (vec![(0, 1), (1, 0)], 1));
    let lacking = file("<map><Cell><entity1 rdf:resource='http://l/a'/></Cell></map>");
    let error = read("x.rdf", &lacking.replace("<!DOCTYPE r [<!ENTITY l 'http://l/'>]>\n", "")).unwrap_err();
    assert_eq!(error.message(), "the cell has no entity2");
    let bomb = file("").replace("<!ENTITY l 'http://l/'>", "<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">");
    let error = read("x.rdf", &bomb).unwrap_err();
    assert_eq!(error.message(), "an entity declaration refers to other entities, which is not accepted");
    assert!(read("x.rdf", "0\t10\n").unwrap_err().message().starts_with("broken RDF/XML"));
}

#[test]
fn broken_lines_are_named_with_a_remedy() {
    for (name, text, expected) in [
        ("links", "0 10\n", "links:1: expected two columns separated by a tab, found 1"),
        ("links", "0\t10\n0\t10\ttrain\n", "links:2: expected two columns separated by a tab, found 3"),
        ("links", "0\t\n", "links:1: the right entity of the link is empty"),
        ("x.csv", "a,b\n", "x.csv:1: the header has no columns `left` and `right`"),
        ("x.csv", "left,right\n0\n", "x.csv:2: expected 2 fields as in the header, found 1"),
        (
            "x.csv",
            "left,right,split\n0,10,dev2\n",
            "x.csv:2: unknown split `dev2`, expected train, valid or test",
        ),
        ("x.nt", "<a> <b> <c>\n<a b\n", "x.nt:2: expected the subject as an IRI in angle brackets"),
        ("links", "", "links: the file holds no links"),
        ("x.nt", "<a> <p> <c> .\n", "x.nt: the file states no equality; 1 other statements were left out"),
    ] {
        let found = message(read(name, text));
        assert_eq!(found, expected);
    }
}

#[test]
fn a_lenient_import_skips_broken_lines_and_tells_the_first_five() {
    let same = "<http://www.w3.org/2002/07/owl#sameAs>";
    let cell = "<entity1 rdf:resource='http://l/a'/>";
    for (name, text, broken) in [
        ("links", "0\t10\nx\ny\nz\n0\t\n1\t2\t3\nv\n".to_string(), 6),
        ("x.csv", "left,right,split\n0,10,test\n0\n0,10,dev2\n,1,\n".to_string(), 3),
        ("x.nt", format!("<http://l/a> {same} <http://r/a> .\n<a b\n<a> {same} b .\n"), 2),
        (
            "x.sssom.tsv",
            "subject_id\tpredicate_id\tobject_id\nhttp://l/a\towl:sameAs\thttp://r/a\nq:a\towl:sameAs\tq:b\nx\n"
                .to_string(),
            2,
        ),
        (
            "x.rdf",
            format!(
                "<rdf:RDF xmlns='http://knowledgeweb.semanticweb.org/heterogeneity/alignment'\n\
                 xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><Alignment>\
                 <map><Cell>{cell}<entity2 rdf:resource='http://r/a'/></Cell></map>\
                 <map><Cell>{cell}</Cell></map></Alignment></rdf:RDF>"
            ),
            1,
        ),
    ] {
        let strict = read(name, &text).unwrap_err();
        assert!(strict.help_text().unwrap_or_default().contains("lenient=true"), "{name}: {strict:?}");
        let import = read_as(name, text.as_bytes(), true, None).unwrap();
        assert_eq!((pairs(&import), import.report.skipped.count), (vec![(0, 0)], broken), "{name}");
        assert_eq!(import.report.skipped.first.len() as u64, broken.min(5), "{name}");
        let note = import.report.notes.last().unwrap();
        assert!(note.starts_with(&format!("broken lines were left out: {broken} (first: ")), "{note}");
    }
    for name in ["links", "x.nt"] {
        let import = read_as(name, b"\xff\n<http://l/a>\t10\n", true, None);
        assert_eq!(import.is_ok(), name == "links", "{import:?}");
    }
    let import = read_as("x.csv", b"left,right\n\xff,1\n0,10\n", true, None).unwrap();
    assert_eq!((pairs(&import), import.report.skipped.count), (vec![(0, 0)], 1));
}

#[test]
fn a_file_that_is_absent_or_no_text_is_named() {
    let spec = ImportLinks {
        format: None,
        path: PathBuf::from("/nonexistent/links"),
        pair: "p".into(),
        split: None,
        lenient: false,
    };
    let (left, right) = (graph(&["a"], 0), graph(&["b"], 1));
    assert_eq!(read_links(&spec, &left, &right, &Task::quiet()).unwrap_err().code(), Code::NotFound);
    assert!(
        read_as("x.csv", b"left,right\n\xff,1\n", false, None)
            .unwrap_err()
            .to_string()
            .ends_with("x.csv:2: the line is not UTF-8")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic(which in 0..6usize, text in "[ \t\n<>\"#:,.0-9a-zA-Z\\\\/|%'_&;=é-]{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let name = ["links", "x.csv", "x.tsv", "x.sssom.tsv", "x.nt", "x.rdf"][which];
        drop(read(name, &text));
        drop(read_as(name, &bytes, true, None));
        drop(read("x.sssom.tsv", &format!("# curie_map:\n{text}")));
        drop(read("x.rdf", &format!("<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>{text}</rdf:RDF>")));
    }
}

#[test]
fn the_gold_files_of_the_alignment_campaigns_are_read() {
    let Some(data) = std::env::var_os("SEEDBED_DATA").map(PathBuf::from).filter(|data| data.is_dir()) else {
        println!("skipped: SEEDBED_DATA names no directory");
        return;
    };
    for (path, sides, count) in [
        (
            "restaurants/restaurant1_restaurant2_goldstandard.rdf",
            ["restaurant1-Restaurant", "restaurant2-Restaurant"],
            112,
        ),
        ("person1/dataset11_dataset12_goldstandard_person.xml", ["person1-Person", "person2-Person"], 500),
    ] {
        let graphs = sides.map(|side| {
            let mut builder = GraphBuilder::new();
            for i in 0..10_000 {
                builder.entity(&format!("http://www.okkam.org/oaie/{side}{i}"));
            }
            // Persons are numbered 0, 10, 20, … with a further digit: "Person00", "Person10".
            builder.entity(&format!("http://www.okkam.org/oaie/{side}00"));
            builder.entity(&format!("http://www.okkam.org/oaie/{side}01"));
            builder.finish().0
        });
        let spec = ImportLinks {
            format: None,
            path: data.join("oaei").join(path),
            pair: "p".into(),
            split: None,
            lenient: false,
        };
        let import = read_links(&spec, &graphs[0], &graphs[1], &Task::quiet()).unwrap();
        assert_eq!((import.links.len(), import.report.swapped), (count, 0), "{path}");
    }
}
