//! Modal matrices as immutable objects, read in place from the mapped file.

use rkyv::{Archive, Deserialize, Serialize};

use super::{DenseRows, Feature, Matrix, Norms, OwnedFeature, Presence, Rows, SparseRows};
use crate::error::{Code, Error, Result};
use crate::store::{Db, Digest, Object, Record, floats, ints, longs};

/// One side of a modality as it lies in an object file. Dense rows leave the sparse arrays empty.
#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct MatrixObject {
    rows: u64,
    cols: u64,
    sparse: bool,
    present: Vec<u64>,
    indptr: Vec<u64>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Record for MatrixObject {
    const KIND: [u8; 4] = *b"matx";
    const VERSION: u16 = 1;
}

/// Writes one side of a modality; equal content gives the same digest and is stored once.
pub fn save_feature(db: &Db, feature: OwnedFeature) -> Result<Digest> {
    let rows = feature.present.len() as u64;
    let present = feature.present.words().to_vec();
    let object = match feature.rows {
        Matrix::Dense { data, cols } => MatrixObject {
            rows,
            cols: cols as u64,
            sparse: false,
            present,
            indptr: Vec::new(),
            indices: Vec::new(),
            values: data,
        },
        Matrix::Sparse { indptr, indices, values, cols } => {
            MatrixObject { rows, cols: cols as u64, sparse: true, present, indptr, indices, values }
        }
    };
    db.put_object(&object)
}

/// One side of a modality, mapped from its object file.
#[derive(Clone)]
pub struct StoredFeature {
    object: Object<MatrixObject>,
    present: Presence,
    /// The rows, where the graph was edited since they were stored.
    fitted: Option<Matrix>,
    norms: Norms,
}

impl StoredFeature {
    /// Maps the object. Of a sparse one offsets and columns are looked through, so that none leads outside.
    pub fn load(db: &Db, digest: &Digest) -> Result<Self> {
        let object = db.object::<MatrixObject>(digest)?;
        let (rows, cols) = (object.rows.to_native() as usize, object.cols.to_native());
        let present = Presence::from_words(longs(&object.present).to_vec(), rows);
        let stored = object.values.len();
        let fits = if object.sparse {
            let indptr = longs(&object.indptr);
            rows.checked_add(1) == Some(indptr.len())
                && indptr.is_sorted()
                && indptr.last() == Some(&(stored as u64))
                && object.indices.len() == stored
                && ints(&object.indices).iter().all(|&col| u64::from(col) < cols)
        } else {
            rows.checked_mul(cols as usize) == Some(stored)
        };
        match present {
            Some(present) if fits => {
                Ok(StoredFeature { object, present, fitted: None, norms: Norms::default() })
            }
            _ => Err(Error::new(
                Code::Corrupt,
                format!("object {digest} is no matrix that fits its own counts"),
            )
            .help("run CHECK FULL; import the features again or restore a backup")),
        }
    }

    /// The same for a graph that was edited since: entities that came later miss the modality, and so do
    /// those that were `deleted` (ascending). Copies the rows if there are any of either.
    ///
    /// Fails with [`Code::Corrupt`] if there are more rows than `entities`.
    pub fn fitted(self, entities: usize, deleted: &[u32]) -> Result<Self> {
        let known = self.present.len();
        if known > entities {
            return Err(Error::new(Code::Corrupt, format!("{known} rows for {entities} entities"))
                .help("run CHECK FULL; import the features again or restore a backup"));
        }
        let gone: Vec<usize> =
            deleted.iter().map(|id| *id as usize).filter(|id| self.present.get(*id)).collect();
        if known == entities && gone.is_empty() {
            return Ok(self);
        }
        let mut present: Presence = (0..entities).map(|i| self.present.get(i)).collect();
        gone.iter().for_each(|id| present.set(*id, false));
        let rows = match self.view().rows {
            Rows::Dense(DenseRows { data, cols }) => {
                let mut data = data.to_vec();
                data.resize(entities * cols, 0.0);
                gone.iter().for_each(|id| data[id * cols..(id + 1) * cols].fill(0.0));
                Matrix::Dense { data, cols }
            }
            Rows::Sparse(sparse) => {
                let mut kept = Matrix::Sparse {
                    indptr: vec![0],
                    indices: Vec::new(),
                    values: Vec::new(),
                    cols: sparse.cols,
                };
                if let Matrix::Sparse { indptr, indices, values, .. } = &mut kept {
                    for i in 0..entities {
                        if present.get(i) {
                            let row = sparse.indptr[i] as usize..sparse.indptr[i + 1] as usize;
                            indices.extend_from_slice(&sparse.indices[row.clone()]);
                            values.extend_from_slice(&sparse.values[row]);
                        }
                        indptr.push(indices.len() as u64);
                    }
                }
                kept
            }
        };
        Ok(StoredFeature { present, fitted: Some(rows), norms: Norms::default(), ..self })
    }

    /// The object's name.
    pub fn digest(&self) -> Digest {
        self.object.digest()
    }

    /// The rows and their presence, without copying.
    pub fn view(&self) -> Feature<'_> {
        if let Some(fitted) = &self.fitted {
            return Feature { rows: fitted.view(), present: &self.present, norms: Some(&self.norms) };
        }
        let object = &*self.object;
        let (cols, values) = (object.cols.to_native() as usize, floats(&object.values));
        let rows = if object.sparse {
            let (indptr, indices) = (longs(&object.indptr), ints(&object.indices));
            Rows::Sparse(SparseRows { indptr, indices, values, cols })
        } else {
            Rows::Dense(DenseRows { data: values, cols })
        };
        Feature { rows, present: &self.present, norms: Some(&self.norms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_a_graph_that_was_edited() {
        let db = Db::in_memory();
        let present: Presence = [true, true, false].into_iter().collect();
        let dense = Matrix::Dense { data: vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0], cols: 2 };
        let sparse = Matrix::Sparse {
            indptr: vec![0, 1, 3, 3],
            indices: vec![4, 0, 2],
            values: vec![1.0; 3],
            cols: 5,
        };
        for rows in [dense, sparse] {
            let digest = save_feature(&db, OwnedFeature { rows, present: present.clone() }).unwrap();
            let stored = StoredFeature::load(&db, &digest).unwrap();
            assert!(stored.clone().fitted(3, &[2]).unwrap().fitted.is_none());
            assert_eq!(stored.clone().fitted(2, &[]).err().map(|e| e.code()), Some(Code::Corrupt));
            let fitted = stored.fitted(5, &[0, 2]).unwrap();
            let view = fitted.view();
            assert_eq!(view.present.iter().collect::<Vec<_>>(), [1]);
            assert_eq!((view.rows.len(), view.present.len()), (5, 5));
            match view.rows {
                Rows::Dense(rows) => {
                    assert_eq!(rows.data, [0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
                }
                Rows::Sparse(rows) => {
                    assert_eq!((rows.indptr, rows.indices), (&[0, 0, 2, 2, 2, 2][..], &[0, 2][..]));
                }
            }
        }
    }

    #[test]
    fn counts_that_do_not_fit_are_seen_on_loading() {
        let db = Db::in_memory();
        let sparse = |rows, indptr: &[u64], indices: &[u32]| {
            let object = MatrixObject {
                rows,
                cols: 4,
                sparse: true,
                present: vec![0b11],
                indptr: indptr.to_vec(),
                indices: indices.to_vec(),
                values: vec![1.0; 2],
            };
            StoredFeature::load(&db, &db.put_object(&object).unwrap()).err().map(|error| error.code())
        };
        assert_eq!(sparse(2, &[0, 1, 2], &[3, 0]), None);
        assert_eq!(sparse(u64::MAX, &[], &[3, 0]), Some(Code::Corrupt));
        assert_eq!(sparse(2, &[0, 9, 2], &[3, 0]), Some(Code::Corrupt));
        assert_eq!(sparse(2, &[0, 1, 2], &[4, 0]), Some(Code::Corrupt));
    }

    #[test]
    fn rows_are_read_in_place_as_they_were_written() {
        let db = Db::in_memory();
        let present: Presence = [true, false].into_iter().collect();
        let rows = Matrix::Dense { data: vec![1.0, 2.0, 3.0, 0.0, 0.0, 0.0], cols: 3 };
        let dense = OwnedFeature { rows, present: present.clone() };
        let digest = save_feature(&db, dense.clone()).unwrap();
        assert_eq!(save_feature(&db, dense).unwrap(), digest);
        let stored = StoredFeature::load(&db, &digest).unwrap();
        let Rows::Dense(rows) = stored.view().rows else { panic!("dense") };
        assert_eq!((rows.cols, rows.data), (3, &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0][..]));
        assert_eq!(stored.view().present, &present);

        let rows = Matrix::Sparse { indptr: vec![0, 1, 1], indices: vec![5], values: vec![2.5], cols: 9 };
        let digest = save_feature(&db, OwnedFeature { rows, present }).unwrap();
        let stored = StoredFeature::load(&db, &digest).unwrap();
        let Rows::Sparse(rows) = stored.view().rows else { panic!("sparse") };
        assert_eq!((rows.indptr, rows.indices, rows.values), (&[0, 1, 1][..], &[5][..], &[2.5][..]));
    }
}
