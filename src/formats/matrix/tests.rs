use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::features::{Matrix, Modality};
use crate::kg::GraphBuilder;
use crate::task::CancelToken;

/// Five left and four right entities, with the ids 0..9 or none.
fn graphs(ids: bool) -> (Graph, Graph) {
    let make = |host: &str, from: u32, to: u32| {
        let mut builder = GraphBuilder::new();
        for i in from..to {
            builder.entity(&format!("http://{host}/{i}"));
        }
        if ids {
            builder.source_ids((from..to).collect());
        }
        builder.finish().0
    };
    (make("l", 0, 5), make("r", 5, 9))
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features").join(name)
}

fn spec(paths: &[PathBuf]) -> ImportFeatures {
    ImportFeatures {
        modality: Modality::new("visual").unwrap(),
        paths: paths.to_vec(),
        pair: "p".into(),
        ids: None,
        present: None,
        tensor: None,
    }
}

fn read_spec(spec: &ImportFeatures, ids: bool) -> Result<FeatureImport> {
    let (left, right) = graphs(ids);
    read_features(spec, &PairIds { left: &left, right: &right }, &Task::quiet())
}

fn read(name: &str) -> Result<FeatureImport> {
    read_spec(&spec(&[fixture(name)]), true)
}

fn message(result: Result<FeatureImport>) -> String {
    let error = result.unwrap_err();
    let folder = fixture("").to_string_lossy().into_owned();
    error.to_string().replace(&folder, "")
}

/// What row `i` of every fixture is.
fn row(i: usize) -> Vec<f32> {
    (0..4).map(|j| 8.0 * i as f32 + j as f32 / 4.0 - 16.0).collect()
}

fn dense(feature: &OwnedFeature) -> &[f32] {
    match &feature.rows {
        Matrix::Dense { data, cols: 4 } => data,
        other => panic!("{other:?}"),
    }
}

fn expect_rows(import: &FeatureImport, missing: &[usize]) {
    let expected: Vec<f32> =
        (0..9).flat_map(|i| if missing.contains(&i) { vec![0.0; 4] } else { row(i) }).collect();
    assert_eq!([dense(&import.left), dense(&import.right)].concat(), expected);
    let present: Vec<bool> = (0..9).map(|i| !missing.contains(&i)).collect();
    let found: Vec<bool> = (0..5)
        .map(|i| import.left.present.get(i))
        .chain((0..4).map(|i| import.right.present.get(i)))
        .collect();
    assert_eq!(found, present);
}

#[test]
fn arrays_of_every_type_and_order_are_read() {
    for order in ["c", "f"] {
        for (dtype, name) in [
            ("f2_le", "float16"),
            ("f4_le", "float32"),
            ("f8_le", "float64"),
            ("f4_be", "float32"),
            ("f8_be", "float64"),
        ] {
            let import = read(&format!("{order}_{dtype}.npy")).unwrap();
            expect_rows(&import, &[]);
            let report = &import.report;
            assert_eq!((report.rows, report.dims, report.dtype.as_str()), (9, 4, name));
            assert_eq!((report.order, report.unknown, report.sparse), (RowOrder::SourceIds, 0, false));
        }
    }
}

#[test]
fn archives_and_tensors_are_read() {
    for name in ["two.npz", "packed.npz", "two.safetensors", "one.safetensors"] {
        expect_rows(&read(name).unwrap_or_else(|error| panic!("{name}: {error}")), &[]);
    }
    let mut wanted = spec(&[fixture("two.safetensors")]);
    wanted.tensor = Some("other".into());
    let import = read_spec(&wanted, true).unwrap();
    assert_eq!(import.report.dtype, "float64");
    wanted.tensor = Some("nothing".into());
    assert_eq!(
        message(read_spec(&wanted, true)),
        "two.safetensors: the file has no tensor `nothing`, only `bias`, `other`, `visual`"
    );
    wanted.tensor = None;
    wanted.modality = Modality::new("text").unwrap();
    let error = read_spec(&wanted, true).unwrap_err();
    assert_eq!(error.message(), "the file has several tensors (`other`, `visual`), expected one");
    assert_eq!(error.help_text(), Some("name one with tensor='name'"));
}

#[test]
fn pickles_of_every_protocol_and_age_are_read() {
    let names = ["new_p0", "new_p1", "new_p2", "new_p3", "new_p4", "new_p5", "old_p2", "old_p4", "old_p5"];
    for name in names.into_iter().chain(["python2", "numpy_keys"]) {
        let import = read(&format!("{name}.pkl")).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        expect_rows(&import, &[3]);
        assert_eq!((import.report.rows, import.report.missing), (8, [1, 0]), "{name}");
    }
}

#[test]
fn sparse_matrices_keep_their_form() {
    for name in ["csr.npz", "csr_plain.npz"] {
        let import = read(name).unwrap();
        // Columns that are a multiple of 16: rows 0, 2 (zero), 4, 6, 8 at column 0.
        // The other three columns are in no use and were left out.
        let Matrix::Sparse { indptr, indices, values, cols: 1 } = import.left.rows else { panic!() };
        assert_eq!((&indptr[..], &indices[..]), (&[0, 1, 1, 1, 1, 2][..], &[0, 0][..]), "{name}");
        assert_eq!(values, [-16.0, 16.0]);
        let Matrix::Sparse { values, .. } = import.right.rows else { panic!() };
        assert_eq!(values, [32.0, 48.0]);
        assert!(import.report.sparse);
        assert_eq!((import.report.dims, import.report.zero_rows), (4, 5));
        assert!(import.report.notes.contains(&"columns that no row uses were left out: 3".to_string()));
    }
    assert_eq!(message(read("csc.npz")), "csc.npz: the sparse matrix has the layout `csc`, expected csr");
}

#[test]
fn rows_marked_as_not_real_are_missing() {
    let mut spec = spec(&[fixture("c_f2_le.npy")]);
    spec.present = Some(fixture("present.npy"));
    let import = read_spec(&spec, true).unwrap();
    expect_rows(&import, &[3]);
    assert_eq!((import.report.marked_missing, import.report.present), (1, [4, 4]));
    spec.paths = vec![fixture("new_p4.pkl")];
    expect_rows(&read_spec(&spec, true).unwrap(), &[3]);
    spec.present = Some(fixture("flat.npy"));
    assert_eq!(
        message(read_spec(&spec, true)),
        "flat.npy: the presence array holds float64, expected a one-dimensional bool array"
    );
}

#[test]
fn without_ids_rows_are_left_then_right_and_a_note_says_so() {
    let import = read_spec(&spec(&[fixture("c_f4_le.npy")]), false).unwrap();
    expect_rows(&import, &[]);
    assert_eq!(import.report.order, RowOrder::LeftThenRight);
    assert!(import.report.notes[0].starts_with("rows were taken as the left graph's entities in order"));
}

#[test]
fn a_companion_file_says_whose_row_is_whose() {
    let folder = tempfile::tempdir().unwrap();
    let ids = folder.path().join("ids.txt");
    let mut spec = spec(&[fixture("c_f4_le.npy")]);
    spec.ids = Some(ids.clone());
    let mut lines: Vec<String> =
        (0..9).map(|i| format!("http://{}/{i}", if i < 5 { "l" } else { "r" })).collect();
    lines[2] = "http://elsewhere/2".into();
    lines[0] = "<http://l/0>".into();
    std::fs::write(&ids, lines.join("\n")).unwrap();
    let import = read_spec(&spec, false).unwrap();
    expect_rows(&import, &[2]);
    assert_eq!(
        (import.report.unknown, &import.report.unknown_first[..]),
        (1, &["http://elsewhere/2".into()][..])
    );
    // Ids of the source do as well, in any order.
    std::fs::write(&ids, (0..9).rev().map(|i| format!("{i}\n")).collect::<String>()).unwrap();
    let import = read_spec(&spec, true).unwrap();
    assert_eq!(dense(&import.left)[..4], row(8));
    for (text, expected) in [
        ("0\n1\n", "c_f4_le.npy: the matrix has 9 rows, expected 2: the file of ids has that many lines"),
        ("0\n1\n1\n", ":3: `1` has a row already, by line 2"),
        ("0\n\n1\n", ":2: the line is empty, expected the IRI or id of a row's entity"),
        ("a\nb\n", ": no line names an entity of the pair"),
    ] {
        std::fs::write(&ids, text).unwrap();
        let found = message(read_spec(&spec, true));
        assert!(found.ends_with(expected), "{found}");
    }
}

#[test]
fn two_files_are_in_entity_order() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = [(0, 5), (5, 9)]
        .into_iter()
        .map(|(from, to)| {
            let path = folder.path().join(format!("{from}.npy"));
            std::fs::write(&path, npy(&(from..to).flat_map(row).collect::<Vec<_>>(), to - from)).unwrap();
            path
        })
        .collect();
    let mut both = spec(&paths);
    both.present = Some(fixture("present.npy"));
    for ids in [true, false] {
        let import = read_spec(&both, ids).unwrap();
        expect_rows(&import, &[3]);
        assert_eq!(import.report.order, RowOrder::EntityOrder);
    }
    let swapped = spec(&[paths[1].clone(), paths[0].clone()]);
    let found = message(read_spec(&swapped, true));
    assert!(
        found.ends_with("the matrix has 4 rows, expected 5: the left graph has that many entities"),
        "{found}"
    );
    let keyed = spec(&[fixture("new_p4.pkl"), fixture("old_p2.pkl")]);
    let import = read_spec(&keyed, true).unwrap();
    expect_rows(&import, &[3]);
    both.ids = Some(fixture("present.npy"));
    assert_eq!(message(read_spec(&both, true)), "ids= goes with one file, but two were named");
}

fn npy(values: &[f32], rows: usize) -> Vec<u8> {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {}), }}\n", values.len() / rows);
    let mut bytes =
        [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn bad_numbers_are_named_with_row_column_and_entity() {
    for name in ["nan.npy", "nan_f.npy"] {
        assert_eq!(
            message(read(name)),
            format!("{name}: column 2 of row 6 (http://r/6, right) is NaN, expected a finite number")
        );
    }
    assert_eq!(
        message(read("big.npy")),
        "big.npy: column 3 of row 1 (http://l/1, left) is -1e300, which is past the range of 32-bit floats"
    );
    assert_eq!(
        message(read("ints.npy")),
        "ints.npy: the array holds int32, expected float16, float32 or float64"
    );
    assert_eq!(
        message(read("objects.npy")),
        "objects.npy: the array holds Python objects, expected float16, float32 or float64"
    );
    assert_eq!(
        message(read("flat.npy")),
        "flat.npy: the array has the shape [36], expected two axes: rows and columns"
    );
    assert_eq!(
        message(read_bytes("x.npy", &npy(&[1.0; 40], 10), true)),
        "x.npy: the matrix has 10 rows, expected 9: the ids of the pair run from 0 to 8, a row each"
    );
}

fn read_bytes(name: &str, bytes: &[u8], ids: bool) -> Result<FeatureImport> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    read_spec(&spec(&[path]), ids).map_err(|error| {
        // The place is in a folder of its own; only the name is of interest.
        Error::new(error.code(), format!("{name}: {}", error.message()))
    })
}

#[test]
fn broken_files_are_named() {
    let whole = npy(&[1.0; 36], 9);
    for (name, bytes, expected) in [
        (
            "x.npy",
            &whole[..whole.len() - 1],
            "143 bytes of numbers follow the header, which promises 144 bytes ([9, 4])",
        ),
        (
            "x.npy",
            b"version https://git-lfs",
            "the name promises a numpy file, but the file does not start like one",
        ),
        ("x.npy", b"", "the name promises a numpy file, but the file does not start like one"),
        ("x.txt", b"1 2 3 4 5 6 7 8 9 10", "the file starts like no format of features"),
        ("x.parquet", b"PAR1aaaaaaaaaaaaaaaaaa", "Parquet and Arrow cannot be read"),
        (
            "x.safetensors",
            b"\xff\xff\xff\xff\xff\xff\xff\x7f{}",
            "the table claims 9223372036854775807 bytes, but 2 follow",
        ),
        (
            "x.safetensors",
            b"\x02\0\0\0\0\0\0\0{]",
            "the table of tensors is broken: key must be a string at line 1 column 2",
        ),
        ("x.safetensors", b"\x02\0\0\0\0\0\0\0{}", "the file has no tensor of two axes"),
        (
            "x.npz",
            b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaaa",
            "the file is damaged: the archive has no table of contents",
        ),
    ] {
        assert_eq!(message(read_bytes(name, bytes, true)), format!("{name}: {expected}"));
    }
    let mut packed = std::fs::read(fixture("two.npz")).unwrap();
    let numbers = packed.windows(4).position(|four| four == (-16f32).to_le_bytes()).unwrap();
    packed[numbers + 20] ^= 1;
    assert_eq!(
        message(read_bytes("x.npz", &packed, true)),
        "x.npz: the file is damaged: the checksum of an entry is wrong"
    );
}

#[test]
fn a_table_whose_length_begins_like_a_pickle_is_no_pickle() {
    let mut table = br#"{"visual":{"dtype":"F32","shape":[9,4],"data_offsets":[0,144]}}"#.to_vec();
    table.resize(0x80, b' ');
    let rows: Vec<u8> = (0..9).flat_map(row).flat_map(f32::to_le_bytes).collect();
    for size in [0x80u64, 0x180] {
        table.resize(size as usize, b' ');
        let bytes = [&size.to_le_bytes()[..], &table, &rows].concat();
        expect_rows(&read_bytes("x.bin", &bytes, true).unwrap(), &[]);
    }
    let error = read_bytes("x.bin", b"\x80\x09aaaaaaaaaaaa", true).unwrap_err();
    assert_eq!(error.message(), "x.bin: the file starts like no format of features");
}

/// A zip of stored entries.
fn stored(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut table) = (Vec::new(), Vec::new());
    for (name, body) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(body);
        let size = (body.len() as u32).to_le_bytes();
        let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &crc.sum().to_le_bytes()[..], &size, &size].concat();
        let lengths = [(name.len() as u16).to_le_bytes(), [0, 0]].concat();
        let offset = (file.len() as u32).to_le_bytes();
        table.extend(
            [&b"PK\x01\x02\x14\0"[..], &about, &lengths, &[0; 10], &offset, name.as_bytes()].concat(),
        );
        file.extend([&b"PK\x03\x04"[..], &about, &lengths, name.as_bytes(), body].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let sizes = [(table.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes()].concat();
    [&file[..], &table, b"PK\x05\x06\0\0\0\0", &count, &count, &sizes, &[0, 0]].concat()
}

/// A one-dimensional array.
fn list(descr: &str, length: usize, numbers: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({length},), }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), numbers].concat()
}

fn sparse(shape: [u64; 2], indptr: &[u64], indices: &[u64], data: &[f64]) -> Vec<u8> {
    let longs = |numbers: &[u64]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        list("<i8", numbers.len(), &bytes)
    };
    let bytes: Vec<u8> = data.iter().flat_map(|number| number.to_le_bytes()).collect();
    stored(&[
        ("data.npy", list("<f8", data.len(), &bytes)),
        ("indices.npy", longs(indices)),
        ("indptr.npy", longs(indptr)),
        ("shape.npy", longs(&shape)),
    ])
}

#[test]
fn a_file_that_nobody_has_a_row_in_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mask = folder.path().join("present.npy");
    std::fs::write(&mask, list("|b1", 9, &[0; 9])).unwrap();
    let mut spec = spec(&[fixture("c_f4_le.npy")]);
    spec.present = Some(mask);
    assert_eq!(message(read_spec(&spec, true)), "c_f4_le.npy: no row belongs to an entity of the pair");
}

#[test]
fn a_sparse_matrix_of_any_width_takes_the_columns_it_uses() {
    let indptr = [0, 2, 2, 2, 2, 2, 3, 3, 3, 3];
    let wide = u64::from(u32::MAX);
    let bytes = sparse([9, wide], &indptr, &[4_000_000_000, 7, 9], &[1.0, 2.0, 3.0]);
    let import = read_bytes("x.npz", &bytes, true).unwrap();
    let Matrix::Sparse { indices, values, cols: 3, .. } = import.left.rows else { panic!() };
    assert_eq!((&indices[..], &values[..]), (&[0, 2][..], &[2.0, 1.0][..]));
    let Matrix::Sparse { indices, cols: 3, .. } = import.right.rows else { panic!() };
    assert_eq!(indices, [1]);
    assert_eq!(import.report.dims, wide);
}

#[test]
fn lengths_of_a_sparse_matrix_are_compared_before_it_is_read() {
    let rises = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for (bytes, expected) in [
        (sparse([9, 4], &rises[1..], &[0], &[1.0]), "`indptr` has 9 offsets, expected 9 + 1"),
        (sparse([9, 4], &rises, &[0, 1], &[1.0]), "`indices` has 2 numbers, but `data` has 1"),
        (sparse([9, 4], &rises, &[], &[]), "`indices` and `data` have 0 numbers, but `indptr` says 1"),
        (sparse([9, 4], &[1; 10], &[0], &[1.0]), "`indptr` does not rise from 0"),
        (sparse([9, 4], &rises, &[4], &[1.0]), "row 8 names column 4, but there are 4 columns"),
        (
            sparse([9, 1 << 32], &rises, &[4], &[1.0]),
            "the rows have 4294967296 columns, expected 1 to 4294967295",
        ),
    ] {
        assert_eq!(message(read_bytes("x.npz", &bytes, true)), format!("x.npz: {expected}"));
    }
    let error = sink::bear_out(257 << 20, 1 << 10, || "rows".into()).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    assert!(sink::bear_out(257 << 20, 9 << 20, String::new).is_ok());
}

#[test]
fn claimed_sizes_are_not_believed() {
    let claim = |shape: &str| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat()
    };
    for (shape, expected) in [
        (
            "(9, 1000000000000)",
            "0 bytes of numbers follow the header, which promises 36000000000000 bytes ([9, 1000000000000])",
        ),
        (
            "(9, 9223372036854775807)",
            "0 bytes of numbers follow the header, which promises more than any file holds ([9, 9223372036854775807])",
        ),
        (
            "(0, 1000000000)",
            "the matrix has 0 rows, expected 9: the ids of the pair run from 0 to 8, a row each",
        ),
        ("(9, 0)", "the rows have no columns, expected at least one"),
    ] {
        assert_eq!(message(read_bytes("x.npy", &claim(shape), true)), format!("x.npy: {expected}"));
    }
}

#[test]
fn reading_can_be_cancelled() {
    let token = CancelToken::new();
    token.cancel();
    let task = Task::new(token, None::<Arc<dyn crate::task::Observer>>);
    let (left, right) = graphs(true);
    let error =
        read_features(&spec(&[fixture("c_f4_le.npy")]), &PairIds { left: &left, right: &right }, &task);
    assert_eq!(error.unwrap_err().code(), Code::Cancelled);
}

/// Files that start right and go wrong somewhere.
fn damaged() -> impl Strategy<Value = (usize, Vec<(usize, u8)>, usize)> {
    (0..ALL.len(), prop::collection::vec((0..1200usize, any::<u8>()), 0..6), 0..1200usize)
}

const ALL: &[&str] = &[
    "c_f2_le.npy",
    "f_f8_be.npy",
    "two.npz",
    "packed.npz",
    "csr.npz",
    "two.safetensors",
    "new_p0.pkl",
    "new_p2.pkl",
    "new_p4.pkl",
    "new_p5.pkl",
    "python2.pkl",
    "numpy_keys.pkl",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_never_panic((which, changes, cut) in damaged()) {
        let name = ALL[which];
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if cut < bytes.len() {
            bytes.truncate(cut);
        }
        drop(read_bytes(name, &bytes, true));
    }

    #[test]
    fn arbitrary_bytes_never_panic(start in 0..7usize, rest in prop::collection::vec(any::<u8>(), 0..400)) {
        let starts: [&[u8]; 7] = [b"", b"\x93NUMPY\x01\0", b"PK\x03\x04", b"\x80\x02", b"\x80\x05", b"\x30\0\0\0\0\0\0\0{", b"}("];
        let bytes = [starts[start], &rest].concat();
        drop(read_bytes("x.pkl", &bytes, false));
        drop(read_bytes("x.npz", &bytes, true));
    }
}

#[test]
fn the_simulated_images_of_dbp15k_are_read() {
    let Some(data) = std::env::var_os("SEEDBED_DATA").map(PathBuf::from).filter(|data| data.is_dir()) else {
        println!("skipped: SEEDBED_DATA names no directory");
        return;
    };
    let side = |n: u32| {
        let text = std::fs::read_to_string(data.join(format!("dbp15k/zh_en/ent_ids_{n}"))).unwrap();
        let mut builder = GraphBuilder::new();
        let ids = text.lines().map(|line| {
            let (id, iri) = line.split_once('\t').unwrap();
            builder.entity(iri);
            id.parse().unwrap()
        });
        let ids = ids.collect();
        builder.source_ids(ids);
        builder.finish().0
    };
    let (left, right) = (side(1), side(2));
    let inputs = data.join("inputs/zh_en");
    let mut spec = spec(&[inputs.join("visual_sim.npy")]);
    spec.present = Some(inputs.join("has_image.npy"));
    let pair = PairIds { left: &left, right: &right };
    let import = read_features(&spec, &pair, &Task::quiet()).unwrap();
    let report = &import.report;
    assert_eq!((report.rows, report.dims, report.dtype.as_str()), (38_960, 256, "float16"));
    assert_eq!(report.marked_missing, 5_819);
    assert_eq!(report.missing.iter().sum::<u64>(), 5_819);
    assert_eq!(report.order, RowOrder::SourceIds);
    spec.paths = vec![inputs.join("rel_bow.npz")];
    spec.present = None;
    let import = read_features(&spec, &pair, &Task::quiet()).unwrap();
    assert_eq!((import.report.rows, import.report.dims, import.report.sparse), (38_960, 1000, true));
    assert_eq!(import.left.view().rows.len(), 19_388);
}
