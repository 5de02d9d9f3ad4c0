//! Readers of features: npy, npz, safetensors, pickles; and of parameters of aligners.

use std::sync::LazyLock;

use super::{Scratch, head, judge, judge_file};
use crate::features::{Feature, Matrix, Modality, OwnedFeature, Rows, StoredFeature, save_feature};
use crate::formats::matrix::{FeatureImport, PairIds, read_features};
use crate::kg::{Graph, GraphBuilder};
use crate::models::{Model, names, tensors};
use crate::ops::spec::ImportFeatures;
use crate::store::Db;
use crate::task::Task;

/// Two small graphs, with ids of a source and without.
static GRAPHS: LazyLock<[[Graph; 2]; 2]> = LazyLock::new(|| {
    [true, false].map(|ids| {
        [0..5, 5..9].map(|range: std::ops::Range<u32>| {
            let mut builder = GraphBuilder::new();
            range.clone().for_each(|i| _ = builder.entity(&format!("http://x/{i}")));
            if ids {
                builder.source_ids(range.collect());
            }
            builder.finish().0
        })
    })
});

/// A file of features, or two, and how they are to be read. The first byte, a letter in the corpus, chooses:
/// `A` one file, `B` one for pairs without ids, `C` a tensor by name, `D` two files, `E` a file and the rows
/// that are real, `F` a file and whose its rows are, `G` parameters of an aligner. Of two files the first has
/// the length that the two bytes after the letter tell.
pub fn matrices(bytes: &[u8]) {
    let ([way], bytes) = head(bytes);
    match way {
        b'A'..=b'C' => read(way, bytes, None),
        b'D'..=b'F' => {
            let (length, bytes) = head(bytes);
            let (first, second) = bytes.split_at(bytes.len().min(u16::from_le_bytes(length).into()));
            read(way, first, Some(second));
        }
        b'G' => parameters(bytes),
        _ => {}
    }
}

/// A pickled dictionary of rows.
pub fn pickle(bytes: &[u8]) {
    read(b'P', bytes, None);
}

fn read(way: u8, first: &[u8], second: Option<&[u8]>) {
    let scratch = Scratch::new();
    let mut paths = vec![scratch.file(if way == b'P' { "rows.pkl" } else { "rows" }, first)];
    let other = second.map(|bytes| scratch.file("other", bytes));
    let (mut ids, mut present) = (None, None);
    match way {
        b'D' => paths.extend(other),
        b'E' => present = other,
        b'F' => ids = other,
        _ => {}
    }
    let tensor = (way == b'C').then(|| "visual".to_string());
    let modality = Modality::new("visual").expect("a modality");
    let spec = ImportFeatures { modality, paths, pair: "p".into(), ids, present, tensor };
    let [left, right] = &GRAPHS[usize::from(way == b'B')];
    match read_features(&spec, &PairIds { left, right }, &Task::quiet()) {
        Ok(FeatureImport { left: a, right: b, report }) => {
            let db = Db::in_memory();
            for (i, (feature, graph)) in [(a, left), (b, right)].into_iter().enumerate() {
                assert_eq!(feature.present.len(), graph.len());
                assert_eq!(report.present[i], feature.present.count() as u64);
                assert_eq!(report.present[i] + report.missing[i], graph.len() as u64);
                check(&feature);
                let digest = save_feature(&db, feature.clone()).expect("features are stored");
                let stored = StoredFeature::load(&db, &digest).expect("features are read back");
                same(&stored.view(), &feature.view());
            }
        }
        Err(error) => judge_file(&error),
    }
}

/// Numbers are finite, rows are where they say, and who is missing has none.
fn check(feature: &OwnedFeature) {
    let count = feature.present.len();
    match &feature.rows {
        Matrix::Dense { data, cols } => {
            assert!(*cols > 0 && data.len() == count * cols && data.iter().all(|x| x.is_finite()));
            for (i, row) in data.chunks(*cols).enumerate() {
                assert!(feature.present.get(i) || row.iter().all(|&x| x == 0.0), "row {i} is missing");
            }
        }
        Matrix::Sparse { indptr, indices, values, cols } => {
            assert!(indptr.len() == count + 1 && indptr.is_sorted() && indptr[0] == 0);
            assert!(indptr[count] == indices.len() as u64 && indices.len() == values.len());
            assert!(values.iter().all(|x| x.is_finite()));
            for (i, ends) in indptr.windows(2).enumerate() {
                let row = &indices[ends[0] as usize..ends[1] as usize];
                assert!(row.is_sorted_by(|a, b| a < b) && row.iter().all(|&col| (col as usize) < *cols));
                assert!(feature.present.get(i) || row.is_empty(), "row {i} is missing");
            }
        }
    }
}

fn same(a: &Feature<'_>, b: &Feature<'_>) {
    assert_eq!(a.present, b.present);
    match (&a.rows, &b.rows) {
        (Rows::Dense(a), Rows::Dense(b)) => assert_eq!((a.data, a.cols), (b.data, b.cols)),
        (Rows::Sparse(a), Rows::Sparse(b)) => {
            assert_eq!((a.indptr, a.indices, a.values, a.cols), (b.indptr, b.indices, b.values, b.cols));
        }
        _ => panic!("one is sparse and the other is not"),
    }
}

fn parameters(bytes: &[u8]) {
    let parameters = match tensors::from_bytes(bytes) {
        Ok(parameters) => parameters,
        Err(error) => return judge(&error, ""),
    };
    for parameter in &parameters {
        assert_eq!(parameter.shape.iter().product::<usize>(), parameter.values.len(), "{}", parameter.name);
        assert!(parameter.values.iter().all(|x| x.is_finite()));
    }
    let again = tensors::to_bytes(&parameters).expect("parameters are written");
    assert_eq!(tensors::from_bytes(&again).expect("parameters are read back"), parameters);
    let modalities = ["visual", "relation", "structure"].map(String::from);
    for model in Model::ALL {
        drop(names::import(*model, &modalities, parameters.clone()));
    }
}
