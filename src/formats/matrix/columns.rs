//! The columns that sparse rows use: the others are left out, as later stages allocate for each column
//! and a file may claim any number of them.

use crate::error::{Code, Error, Result};
use crate::features::{Matrix, OwnedFeature};

/// The most columns that sparse rows may use.
pub(super) const LIMIT: usize = 1 << 20;

/// Renumbers the columns of both sides to those that a row of either uses, in the old order, and tells
/// how many were left out. At least one column stays.
pub(super) fn keep_used(left: &mut OwnedFeature, right: &mut OwnedFeature) -> Result<u64> {
    let mut used: Vec<u32> = Vec::new();
    for side in [&*left, &*right] {
        if let Matrix::Sparse { indices, .. } = &side.rows {
            used.extend_from_slice(indices);
        }
        used.sort_unstable();
        used.dedup();
    }
    if used.len() > LIMIT {
        let message = format!("the rows use {} columns, expected at most {LIMIT}", used.len());
        return Err(Error::new(Code::Limit, message)
            .help("leave rare columns out, or hash or reduce them to fewer before saving"));
    }
    let kept = used.len().max(1);
    let mut left_out = 0;
    for side in [left, right] {
        let Matrix::Sparse { indices, cols, .. } = &mut side.rows else { continue };
        if *cols > kept {
            left_out = (*cols - kept) as u64;
            for index in indices {
                *index = used.partition_point(|column| column < index) as u32;
            }
            *cols = kept;
        }
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Presence;

    fn sparse(indices: Vec<u32>, cols: usize) -> OwnedFeature {
        let values = vec![1.0; indices.len()];
        let rows = Matrix::Sparse { indptr: vec![0, indices.len() as u64], indices, values, cols };
        OwnedFeature { rows, present: Presence::filled(1, true) }
    }

    fn columns(feature: &OwnedFeature) -> (&[u32], usize) {
        match &feature.rows {
            Matrix::Sparse { indices, cols, .. } => (indices, *cols),
            Matrix::Dense { .. } => panic!("dense"),
        }
    }

    #[test]
    fn columns_are_renumbered_on_both_sides_alike() {
        let wide = u32::MAX as usize;
        let (mut left, mut right) = (sparse(vec![7, 4_000_000_000], wide), sparse(vec![0, 7, 9], wide));
        assert_eq!(keep_used(&mut left, &mut right).unwrap(), wide as u64 - 4);
        assert_eq!((columns(&left), columns(&right)), ((&[1, 3][..], 4), (&[0, 1, 2][..], 4)));
        let (mut left, mut right) = (sparse(vec![0, 1], 2), sparse(vec![1], 2));
        assert_eq!(keep_used(&mut left, &mut right).unwrap(), 0);
        assert_eq!((columns(&left), columns(&right)), ((&[0, 1][..], 2), (&[1][..], 2)));
        let (mut left, mut right) = (sparse(vec![], 5), sparse(vec![], 5));
        assert_eq!(keep_used(&mut left, &mut right).unwrap(), 4);
        assert_eq!(columns(&left), (&[][..], 1));
    }

    #[test]
    fn too_many_columns_are_refused() {
        let many = LIMIT as u32 + 1;
        let (mut left, mut right) =
            (sparse((0..many).collect(), many as usize), sparse(vec![], many as usize));
        assert_eq!(keep_used(&mut left, &mut right).unwrap_err().code(), Code::Limit);
    }
}
