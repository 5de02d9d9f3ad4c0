//! Bad input, one file at a time: the message each gets, and that no reader ever panics.

use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use seedbed::formats::read_pair;
use seedbed::ops::spec::{Import, PairFormat};
use seedbed::{Code, Error, Place, Task};

type Files = Vec<(&'static str, Vec<u8>)>;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A whole folder of the layout, to be broken in one place.
fn whole(format: PairFormat) -> Files {
    let files: &[(&str, &str)] = match format {
        PairFormat::Dbp15k | PairFormat::Jape => &[
            ("ent_ids_1", "0\thttp://l/a\n1\thttp://l/b\n"),
            ("ent_ids_2", "2\thttp://r/a\n3\thttp://r/b\n"),
            ("triples_1", "0\t0\t1\n"),
            ("triples_2", "2\t0\t3\n"),
            ("ill_ent_ids", "0\t2\n"),
        ],
        PairFormat::Openea => &[
            ("rel_triples_1", "a\tp\tb\n"),
            ("rel_triples_2", "c\tp\td\n"),
            ("attr_triples_1", "a\tq\tx\n"),
            ("ent_links", "a\tc\n"),
        ],
        PairFormat::Mmkg => &[
            ("FB15K_EntityTriples.txt", "/m/1 /p /m/2 .\n"),
            ("DB15K_EntityTriples.txt", "<d1> <p> <d2> .\n"),
            ("DB15K_SameAsLink.txt", "/m/1 <SameAs> <d1> .\n"),
        ],
        PairFormat::Rdf => &[
            ("left.nt", "<http://l/a> <http://p> <http://l/b> .\n"),
            ("right.nt", "<http://r/a> <http://p> <http://r/b> .\n"),
        ],
        PairFormat::Csv => &[
            ("entities_1.csv", "entity,name\na,A\nb,B\n"),
            ("triples_1.csv", "head,relation,tail\na,p,b\n"),
            ("triples_2.csv", "head,relation,tail\nc,p,d\n"),
            ("attributes_1.csv", "entity,attribute,value\na,q,1\n"),
            ("links.csv", "left,right\na,c\n"),
        ],
    };
    files.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect()
}

/// The layout with one file replaced or added; no content takes it away.
fn broken(format: PairFormat, name: &'static str, content: Option<&[u8]>) -> Files {
    let mut files = whole(format);
    files.retain(|(other, _)| *other != name);
    files.extend(content.map(|bytes| (name, bytes.to_vec())));
    files
}

fn write(files: &Files) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match name.strip_suffix('/') {
            Some(_) => std::fs::create_dir_all(path).unwrap(),
            None => std::fs::write(path, bytes).unwrap(),
        }
    }
    folder
}

fn spec(format: PairFormat, folder: &Path, files: &Files) -> Import {
    let paths: Vec<PathBuf> = match format {
        PairFormat::Rdf => ["left", "right"]
            .iter()
            .filter_map(|side| files.iter().find(|(name, _)| name.starts_with(side)))
            .map(|(name, _)| folder.join(name))
            .collect(),
        _ => vec![folder.to_path_buf()],
    };
    Import { format, paths, name: "p".into(), lenient: false, remap_ids: false, links: None, fold: None }
}

fn fails(format: PairFormat, files: &Files) -> (Error, tempfile::TempDir) {
    let folder = write(files);
    let error = match read_pair(&spec(format, folder.path(), files), &Task::quiet()) {
        Ok(_) => panic!("{format:?} {files:?} was read"),
        Err(error) => error,
    };
    (error, folder)
}

#[test]
fn bad_input_gets_a_place_a_reason_and_a_remedy() {
    use PairFormat::*;
    let text: Vec<u8> =
        (0..2000).flat_map(|i| format!("0\t{}\t1\n", i * 7919 % 104_729).into_bytes()).collect();
    let gz = gzip(&text);
    let mut gz_damaged = gz.clone();
    gz_damaged[gz.len() / 2] ^= 0x55;
    let zst = zstd(&text);
    let mut zst_damaged = zst.clone();
    zst_damaged[zst.len() / 2] ^= 0x55;
    let names = "translated_ent_name/dbp_FOLDER.json";
    let long = format!("<!DOCTYPE x [<!ENTITY a \"{}\">]><x/>", "y".repeat(2000));
    let xml = |body: &str| {
        format!(
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:l='http://l/'>\n{body}\n</rdf:RDF>"
        )
        .into_bytes()
    };
    let rdf = |name: &'static str, content: &[u8]| {
        let mut files = broken(Rdf, "left.nt", None);
        files.insert(0, (name, content.to_vec()));
        files
    };
    let cases: Vec<(&str, PairFormat, Files)> = vec![
        (
            "an entity line that is not UTF-8",
            Dbp15k,
            broken(Dbp15k, "ent_ids_1", Some(b"0\thttp://l/\xe9\n")),
        ),
        ("a UTF-16 file", Dbp15k, broken(Dbp15k, "ent_ids_1", Some(b"\xff\xfe0\0\t\0"))),
        ("line ends of old Macs", Dbp15k, broken(Dbp15k, "ent_ids_1", Some(b"0\ta\r1\tb\r"))),
        ("an entity line without an IRI", Dbp15k, broken(Dbp15k, "ent_ids_1", Some(b"0\thttp://l/a\n1\n"))),
        ("an empty IRI", Dbp15k, broken(Dbp15k, "ent_ids_1", Some(b"0\t\n"))),
        ("an entity line with three fields", Dbp15k, broken(Dbp15k, "ent_ids_1", Some(b"0\ta\tb\n"))),
        ("an id that is a word", Dbp15k, broken(Dbp15k, "ent_ids_2", Some(b"two\thttp://r/a\n"))),
        ("a negative id", Dbp15k, broken(Dbp15k, "ent_ids_2", Some(b"-2\thttp://r/a\n"))),
        ("a huge id", Dbp15k, broken(Dbp15k, "ent_ids_2", Some(b"99999999999\thttp://r/a\n"))),
        (
            "an id for two entities",
            Dbp15k,
            broken(Dbp15k, "ent_ids_1", Some(b"0\thttp://l/a\n0\thttp://l/b\n")),
        ),
        (
            "ids repeated over the sides",
            Dbp15k,
            broken(Dbp15k, "ent_ids_2", Some(b"2\thttp://r/a\n1\thttp://r/b\n3\thttp://r/c\n")),
        ),
        ("an empty side", Dbp15k, {
            let mut files = broken(Dbp15k, "ent_ids_2", Some(b""));
            files.retain(|(name, _)| *name != "triples_2" && *name != "ill_ent_ids");
            files.push(("triples_2", Vec::new()));
            files
        }),
        ("a missing file", Dbp15k, broken(Dbp15k, "triples_2", None)),
        ("an empty folder", Dbp15k, vec![("x/", Vec::new())]),
        ("a directory for a file", Dbp15k, {
            let mut files = broken(Dbp15k, "triples_1", None);
            files.push(("triples_1/", Vec::new()));
            files
        }),
        ("a triple of two fields", Dbp15k, broken(Dbp15k, "triples_1", Some(b"0\t0\t1\n0\t0\n"))),
        ("a triple separated by blanks", Dbp15k, broken(Dbp15k, "triples_1", Some(b"0 0 1\n"))),
        ("a triple with an unknown head", Dbp15k, broken(Dbp15k, "triples_1", Some(b"9\t0\t1\n"))),
        ("a triple with a tail of the other side", Dbp15k, broken(Dbp15k, "triples_2", Some(b"2\t0\t1\n"))),
        ("a relation that is no number", Dbp15k, broken(Dbp15k, "triples_2", Some(b"2\tp\t3\n"))),
        ("a link of one field", Dbp15k, broken(Dbp15k, "ill_ent_ids", Some(b"0\n"))),
        ("links with swapped columns", Dbp15k, broken(Dbp15k, "ill_ent_ids", Some(b"2\t0\n"))),
        ("a relation id for two relations", Dbp15k, broken(Dbp15k, "rel_ids", Some(b"0\tp\n0\tq\n"))),
        ("a truncated gzip file", Dbp15k, {
            let mut files = broken(Dbp15k, "triples_1", None);
            files.push(("triples_1.gz", gz[..gz.len() / 2].to_vec()));
            files
        }),
        ("a damaged gzip file", Dbp15k, {
            let mut files = broken(Dbp15k, "triples_1", None);
            files.push(("triples_1.gz", gz_damaged));
            files
        }),
        ("plain text named .gz", Dbp15k, {
            let mut files = broken(Dbp15k, "triples_1", None);
            files.push(("triples_1.gz", b"0\t0\t1\n".to_vec()));
            files
        }),
        ("a truncated zstd file", Dbp15k, {
            let mut files = broken(Dbp15k, "triples_1", None);
            files.push(("triples_1.zst", zst[..zst.len() / 2].to_vec()));
            files
        }),
        ("a damaged zstd file", Dbp15k, {
            let mut files = broken(Dbp15k, "triples_1", None);
            files.push(("triples_1.zst", zst_damaged));
            files
        }),
        ("an empty .zst file", Dbp15k, {
            let mut files = broken(Dbp15k, "triples_1", None);
            files.push(("triples_1.zst", Vec::new()));
            files
        }),
        (
            "translated names that end early",
            Dbp15k,
            broken(Dbp15k, names, Some(b"[[0, [\"a\"]],\n[1, [\"b\"")),
        ),
        ("translated names that are no list", Dbp15k, broken(Dbp15k, names, Some(b"{\"0\": \"a\"}"))),
        ("a translated name that is a number", Dbp15k, broken(Dbp15k, names, Some(b"[[0, 7]]"))),
        ("jape without its files", Jape, broken(Jape, "ent_ids_1", None)),
        ("jape with ids that are no sharing", Jape, {
            let mut files = broken(Jape, "ent_ids_2", Some(b"0\thttp://r/a\n3\thttp://r/b\n"));
            files.push(("sup_ent_ids", b"1\t3\n".to_vec()));
            files
        }),
        ("an attribute line of two fields", Openea, broken(Openea, "attr_triples_1", Some(b"a\tq\n"))),
        ("a relation triple of four fields", Openea, broken(Openea, "rel_triples_1", Some(b"a\tp\tb\tc\n"))),
        ("an empty relation", Openea, broken(Openea, "rel_triples_1", Some(b"a\t \tb\n"))),
        ("openea without relation triples", Openea, broken(Openea, "rel_triples_2", None)),
        ("a fold without its test links", Openea, {
            let mut files = whole(Openea);
            files.push(("721_5fold/1/train_links", b"a\tc\n".to_vec()));
            files.push(("721_5fold/1/valid_links", Vec::new()));
            files
        }),
        ("an mmkg triple of two fields", Mmkg, broken(Mmkg, "FB15K_EntityTriples.txt", Some(b"/m/1 /p .\n"))),
        ("a third mmkg graph", Mmkg, broken(Mmkg, "YAGO15K_EntityTriples.txt", Some(b"a b c .\n"))),
        (
            "an mmkg link of another relation",
            Mmkg,
            broken(Mmkg, "DB15K_SameAsLink.txt", Some(b"/m/1 <p> <d1> .\n")),
        ),
        ("mmkg without triples", Mmkg, vec![("readme", Vec::new())]),
        (
            "a broken N-Triples line",
            Rdf,
            rdf("left.nt", b"<http://l/a> <http://p> <http://l/b> .\n<http://l/a> nonsense .\n"),
        ),
        ("broken Turtle", Rdf, rdf("left.ttl", b"@prefix : <http://l/> .\n:a :p :b .\n:a :p .\n")),
        ("a Turtle prefix nobody declared", Rdf, rdf("left.ttl", b"x:a x:p x:b .\n")),
        (
            "RDF/XML that is no XML",
            Rdf,
            rdf("left.rdf", &xml("<rdf:Description>\n<l:p>x</l:q></rdf:Description>")),
        ),
        ("RDF/XML in UTF-7", Rdf, rdf("left.rdf", b"<?xml version='1.0' encoding='utf-7'?><x/>")),
        (
            "RDF/XML with nested entities",
            Rdf,
            rdf("left.rdf", b"<!DOCTYPE x [<!ENTITY a \"yy\"><!ENTITY b \"&a;&a;\">]><x/>"),
        ),
        ("RDF/XML with a long entity", Rdf, rdf("left.rdf", long.as_bytes())),
        ("an RDF file of unknown kind", Rdf, rdf("left.txt", b"x")),
        ("only one RDF file", Rdf, broken(Rdf, "right.nt", None)),
        ("an RDF side without triples", Rdf, rdf("left.ttl", b"# nothing\n")),
        (
            "a table without its columns",
            Csv,
            broken(Csv, "triples_1.csv", Some(b"subject,relation,tail\na,p,b\n")),
        ),
        ("an empty table", Csv, broken(Csv, "triples_1.csv", Some(b""))),
        (
            "a row that is too short",
            Csv,
            broken(Csv, "triples_1.csv", Some(b"head,relation,tail\na,p,b\na,p\n")),
        ),
        (
            "a quote that is never closed",
            Csv,
            broken(Csv, "triples_1.csv", Some(b"head,relation,tail\n\"a,p,b\nb,p,a\n")),
        ),
        (
            "text after a closing quote",
            Csv,
            broken(Csv, "triples_1.csv", Some(b"head,relation,tail\n\"a\"x,p,b\n")),
        ),
        (
            "an entity that the table lacks",
            Csv,
            broken(Csv, "triples_1.csv", Some(b"head,relation,tail\na,p,z\n")),
        ),
        ("an unknown split", Csv, broken(Csv, "links.csv", Some(b"left,right,split\na,c,dev2\n"))),
        ("tables of one side only", Csv, broken(Csv, "triples_2.csv", None)),
    ];
    let mut table = String::from("| input | code | message | remedy |\n|---|---|---|---|\n");
    for (label, format, files) in &cases {
        let folder = write(files);
        // The names file is found by the name of the folder.
        let from = folder.path().join(names);
        if from.exists() {
            let name = folder.path().file_name().unwrap().to_string_lossy();
            std::fs::rename(&from, from.with_file_name(format!("dbp_{name}.json"))).unwrap();
        }
        let spec = spec(*format, folder.path(), files);
        let error = match read_pair(&spec, &Task::quiet()) {
            Ok(_) => panic!("{label}: was read"),
            Err(error) => error,
        };
        let help = error.help_text().unwrap_or("NONE");
        if !matches!(error.code(), Code::Conflict) {
            assert!(matches!(error.place(), Some(Place::File { .. })), "{label}: no place: {error}");
        }
        let root = folder.path().display().to_string();
        let base = folder.path().file_name().unwrap().to_string_lossy().into_owned();
        let clean = |text: &str| text.replace(&root, "DIR").replace(&base, "DIR").replace('|', "\\|");
        let (message, help) = (clean(&error.to_string()), clean(help));
        table += &format!("| {label} | {} | {message} | {help} |\n", error.code().as_str());
    }
    assert!(!table.contains("| NONE |"), "an error without a remedy:\n{table}");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("bad_input", table));
}

#[test]
fn errors_show_the_line() {
    let files = broken(PairFormat::Dbp15k, "triples_1", Some(b"0\t0\t1\n0\tx\t1\n"));
    let (error, folder) = fails(PairFormat::Dbp15k, &files);
    let Some(Place::File { path, line, text }) = error.place() else { panic!("no place") };
    assert_eq!(path, &folder.path().join("triples_1"));
    assert_eq!((*line, text.as_deref()), (Some(2), Some("0\tx\t1")));
    assert_eq!(error.help_text(), Some("correct the line, or import with `lenient=true` to skip such lines"));
}

#[test]
fn a_path_that_is_no_folder_is_told() {
    let folder = write(&whole(PairFormat::Dbp15k));
    for (path, code) in [("ent_ids_1", Code::BadFile), ("nowhere", Code::NotFound)] {
        for format in
            [PairFormat::Dbp15k, PairFormat::Jape, PairFormat::Openea, PairFormat::Mmkg, PairFormat::Csv]
        {
            let mut spec = spec(format, folder.path(), &Vec::new());
            spec.paths = vec![folder.path().join(path)];
            let error = read_pair(&spec, &Task::quiet()).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            spec.paths.clear();
            assert_eq!(read_pair(&spec, &Task::quiet()).unwrap_err().code(), Code::Conflict);
        }
    }
}

const FORMATS: [PairFormat; 6] = [
    PairFormat::Dbp15k,
    PairFormat::Jape,
    PairFormat::Openea,
    PairFormat::Mmkg,
    PairFormat::Rdf,
    PairFormat::Csv,
];

/// Endings under which the file to break may appear.
const RDF_NAMES: [&str; 7] =
    ["left.nt", "left.nq", "left.ttl", "left.trig", "left.rdf", "left.nt.gz", "left.rdf.zst"];

/// Bytes that come near the formats: pieces of them, cut and mixed with noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..6),
        8 => proptest::sample::select(vec![
            "0", "1", "\t", "\n", "\r\n", "\r", ",", "\"", "<http://l/a>", "a", " ", ".", "@prefix : <http://l/> .", ":a",
            "_:x", "^^", "@en", "[", "]", "(", "{", "}", "<?xml version='1.0' encoding='latin1'?>", "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>",
            "<rdf:Description rdf:about='x'>", "</rdf:Description>", "<!DOCTYPE", "<!ENTITY", "&a;", ">", "head,relation,tail\n",
            "left,right\n", "<SameAs>", "\u{feff}", "-", "99999999999", "\\u00", "[[0, [\"x\"]]]", "'", "\"\"\"", "#", ";",
        ]).prop_map(|text| text.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_panic(
        format in proptest::sample::select(FORMATS.to_vec()),
        place in any::<proptest::sample::Index>(),
        bytes in bytes(),
        packing in 0..4u8,
        flip in any::<proptest::sample::Index>(),
        lenient in any::<bool>(),
    ) {
        let mut files = whole(format);
        let place = place.index(files.len().max(RDF_NAMES.len()));
        let at = if format == PairFormat::Rdf { 0 } else { place % files.len() };
        if format == PairFormat::Rdf {
            files[0].0 = RDF_NAMES[place % RDF_NAMES.len()];
        }
        files[at].1 = match packing {
            0 | 1 => bytes,
            2 => gzip(&bytes),
            _ => zstd(&bytes),
        };
        // Now and then a compressed file is damaged too.
        if packing >= 2 && lenient && !files[at].1.is_empty() {
            let byte = flip.index(files[at].1.len());
            files[at].1[byte] ^= 1 << (byte % 8);
        }
        let folder = write(&files);
        let mut spec = spec(format, folder.path(), &files);
        spec.lenient = lenient;
        spec.remap_ids = lenient;
        if let Err(error) = read_pair(&spec, &Task::quiet()) {
            prop_assert!(error.code() != Code::Internal, "{}", error);
        }
    }
}
