//! Small helpers over sparse rows that the built-in features share.

use super::{Matrix, OwnedFeature, Presence};

/// Builds a sparse feature from one list of `(column, value)` per entity; an empty list is missing.
/// Columns are sorted and equal ones added up.
pub(super) fn from_rows(rows: impl IntoIterator<Item = Vec<(u32, f32)>>, cols: usize) -> OwnedFeature {
    let (mut indptr, mut indices, mut values) = (vec![0u64], Vec::new(), Vec::new());
    let mut present = Vec::new();
    for mut row in rows {
        present.push(!row.is_empty());
        row.sort_by_key(|&(column, _)| column);
        for run in row.chunk_by(|a, b| a.0 == b.0) {
            indices.push(run[0].0);
            values.push(run.iter().map(|&(_, value)| value).sum());
        }
        indptr.push(indices.len() as u64);
    }
    OwnedFeature {
        rows: Matrix::Sparse { indptr, indices, values, cols },
        present: present.into_iter().collect::<Presence>(),
    }
}

#[cfg(test)]
pub(super) use tests::cosine;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Columns and values of one row of a sparse feature.
    pub fn row(feature: &OwnedFeature, i: usize) -> (&[u32], &[f32]) {
        let Matrix::Sparse { indptr, indices, values, .. } = &feature.rows else { panic!("dense") };
        let range = indptr[i] as usize..indptr[i + 1] as usize;
        (&indices[range.clone()], &values[range])
    }

    /// Cosine of two sparse rows.
    pub fn cosine(a: &OwnedFeature, i: usize, b: &OwnedFeature, j: usize) -> f32 {
        let ((ca, va), (cb, vb)) = (row(a, i), row(b, j));
        let dot: f32 = ca.iter().zip(va).map(|(c, v)| cb.binary_search(c).map_or(0.0, |at| vb[at] * v)).sum();
        let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        if dot == 0.0 { 0.0 } else { dot / (norm(va) * norm(vb)) }
    }

    #[test]
    fn equal_columns_add_up_and_empty_rows_are_missing() {
        let feature = from_rows([vec![(3, 1.0), (1, 2.0), (3, 0.5)], vec![]], 5);
        assert_eq!(row(&feature, 0), (&[1, 3][..], &[2.0, 1.5][..]));
        assert!(!feature.present.get(1));
    }
}
