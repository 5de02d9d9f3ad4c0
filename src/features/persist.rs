//! Modal matrices as immutable objects, read in place from the mapped file.

use rkyv::{Archive, Deserialize, Serialize};

use super::{DenseRows, Feature, Matrix, OwnedFeature, Presence, Rows, SparseRows};
use crate::error::{Code, Error, Result};
use crate::store::{Db, Digest, Object, Record, floats, ints, longs};

/// One side of a modality as it lies in an object file. Dense rows leave the sparse arrays empty.
#[derive(Archive, Serialize, Deserialize)]
struct MatrixObject {
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
}

impl StoredFeature {
    /// Maps the object; nothing but its header is read before the rows are.
    pub fn load(db: &Db, digest: &Digest) -> Result<Self> {
        let object = db.object::<MatrixObject>(digest)?;
        let rows = object.rows.to_native() as usize;
        let present = Presence::from_words(longs(&object.present).to_vec(), rows);
        let stored = object.values.len();
        let fits = if object.sparse {
            let indptr = longs(&object.indptr);
            indptr.len() == rows + 1
                && indptr.last() == Some(&(stored as u64))
                && object.indices.len() == stored
        } else {
            rows.checked_mul(object.cols.to_native() as usize) == Some(stored)
        };
        match present {
            Some(present) if fits => Ok(StoredFeature { object, present }),
            _ => Err(Error::new(
                Code::Corrupt,
                format!("object {digest} is no matrix that fits its own counts"),
            )
            .help("run CHECK FULL; import the features again or restore a backup")),
        }
    }

    /// The object's name.
    pub fn digest(&self) -> Digest {
        self.object.digest()
    }

    /// The rows and their presence, without copying.
    pub fn view(&self) -> Feature<'_> {
        let object = &*self.object;
        let (cols, values) = (object.cols.to_native() as usize, floats(&object.values));
        let rows = if object.sparse {
            let (indptr, indices) = (longs(&object.indptr), ints(&object.indices));
            Rows::Sparse(SparseRows { indptr, indices, values, cols })
        } else {
            Rows::Dense(DenseRows { data: values, cols })
        };
        Feature { rows, present: &self.present }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
