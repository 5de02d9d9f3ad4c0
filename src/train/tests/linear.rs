//! Constant products against plain sums, dense and sparse, with rows that are not there.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};

use super::data::{close, normals, on_all_pools};
use crate::error::Code;
use crate::features::{Feature, Matrix, OwnedFeature, Presence};
use crate::task::Task;
use crate::train::{ConstantLinear, ConstantRows, FeaturePair, Fill};

struct Both(OwnedFeature, OwnedFeature);

impl FeaturePair for Both {
    fn left(&self) -> Feature<'_> {
        self.0.view()
    }
    fn right(&self) -> Feature<'_> {
        self.1.view()
    }
}

/// Two sides of random rows, four fifths of them zeros; every sixth row is not there.
fn both(left: usize, right: usize, cols: usize, sparse: bool) -> Both {
    let side = |rows: usize, seed: u64| {
        let mut data = normals(rows * cols, seed);
        let present: Presence = (0..rows).map(|i| i % 6 != 5).collect();
        for (at, x) in data.iter_mut().enumerate() {
            if !(at * 7 + at / cols).is_multiple_of(5) || !present.get(at / cols) {
                *x = 0.0;
            }
        }
        let rows = if sparse {
            let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
            for row in data.chunks_exact(cols) {
                for (column, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                    indices.push(column as u32);
                    values.push(x);
                }
                indptr.push(indices.len() as u64);
            }
            Matrix::Sparse { indptr, indices, values, cols }
        } else {
            Matrix::Dense { data, cols }
        };
        OwnedFeature { rows, present }
    };
    Both(side(left, 1), side(right, 2))
}

/// The rows as one dense matrix, with what stands in the place of the absent ones.
fn filled(pair: &Both, fill: Fill) -> Vec<Vec<f32>> {
    let dense = both(pair.0.present.len(), pair.1.present.len(), pair.0.view().rows.cols(), false);
    let mut rows: Vec<(bool, Vec<f32>)> = Vec::new();
    for side in [&dense.0, &dense.1] {
        let Matrix::Dense { data, cols } = &side.rows else { unreachable!() };
        let row = |(i, row): (usize, &[f32])| (side.present.get(i), row.to_vec());
        rows.extend(data.chunks_exact(*cols).enumerate().map(row));
    }
    let there: Vec<&Vec<f32>> = rows.iter().filter(|row| row.0).map(|row| &row.1).collect();
    let mean = |c: usize| there.iter().map(|row| f64::from(row[c])).sum::<f64>() / there.len() as f64;
    let mean: Vec<f32> = (0..there[0].len()).map(|c| mean(c) as f32).collect();
    let stand_in = if fill == Fill::Mean { mean } else { vec![0.0; there[0].len()] };
    rows.into_iter().map(|(present, row)| if present { row } else { stand_in.clone() }).collect()
}

#[test]
fn products_are_plain_sums() {
    let outputs = 70;
    for (sparse, fill, cols) in
        [(false, Fill::Mean, 300), (false, Fill::Zero, 65), (true, Fill::Mean, 65), (true, Fill::Zero, 40)]
    {
        let pair = both(230, 120, cols, sparse);
        let constant = ConstantRows::new(pair.left(), pair.right(), fill).unwrap();
        let all = filled(&pair, fill);
        let rows: Vec<u32> = (0..350u32).rev().step_by(2).chain([3, 3, 5]).collect();
        let (weight, bias) = (normals(outputs * cols, 3), normals(outputs, 4));
        let grad = normals(rows.len() * outputs, 5);
        let (out, dw, db) = on_all_pools(|| {
            let mut out = vec![f32::NAN; rows.len() * outputs];
            constant.forward(&rows, &weight, Some(&bias), &mut out, &Task::quiet()).unwrap();
            let (mut dw, mut db) = (vec![0.0; weight.len()], vec![0.0; outputs]);
            constant.backward(&rows, &grad, &mut dw, &mut db, &Task::quiet()).unwrap();
            (out, dw, db)
        });
        let mut expected = vec![0f64; out.len()];
        let (mut ew, mut eb) = (vec![0f64; dw.len()], vec![0f64; outputs]);
        for (r, &row) in rows.iter().enumerate() {
            for o in 0..outputs {
                let (x, at) = (&all[row as usize], r * outputs + o);
                expected[at] = f64::from(bias[o]);
                eb[o] += f64::from(grad[at]);
                for c in 0..cols {
                    expected[at] += f64::from(x[c]) * f64::from(weight[o * cols + c]);
                    ew[o * cols + c] += f64::from(x[c]) * f64::from(grad[at]);
                }
            }
        }
        let narrow = |x: Vec<f64>| -> Vec<f32> { x.into_iter().map(|x| x as f32).collect() };
        close("out", &out, &narrow(expected), 1e-5);
        close("weight", &dw, &narrow(ew), 1e-5);
        close("bias", &db, &narrow(eb), 1e-5);
    }
}

#[test]
fn the_tape_gives_the_weight_s_gradient() {
    let pair = Arc::new(both(20, 15, 12, false));
    let rows: Arc<[u32]> = (0..35).collect();
    let weight = Var::from_vec(normals(8 * 12, 1), (8, 12), &Device::Cpu).unwrap();
    let bias = Var::from_vec(normals(8, 2), 8usize, &Device::Cpu).unwrap();
    let op = ConstantLinear::new(pair.clone(), Fill::Mean, rows, &Task::quiet());
    let out = op.apply(&weight, &bias).unwrap();
    assert_eq!(out.dims(), [35, 8]);
    let grads = out.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let all: Vec<f32> = filled(&pair, Fill::Mean).concat();
    let x = Tensor::from_vec(all, (35, 12), &Device::Cpu).unwrap();
    let plain = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
    let expected = plain.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    for var in [&weight, &bias] {
        let numbers = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        close("gradient", &numbers(grads.get(var).unwrap()), &numbers(expected.get(var).unwrap()), 1e-5);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (pair, other) = (both(9, 9, 4, false), both(9, 9, 5, false));
    assert_eq!(ConstantRows::new(pair.left(), other.right(), Fill::Mean).unwrap_err().code(), Code::BadValue);
    let sparse = both(9, 9, 4, true);
    assert_eq!(
        ConstantRows::new(pair.left(), sparse.right(), Fill::Mean).unwrap_err().code(),
        Code::BadValue
    );
    let constant = ConstantRows::new(pair.left(), pair.right(), Fill::Mean).unwrap();
    let call = |rows: &[u32], len: usize| {
        constant.forward(rows, &[0.0; 8], None, &mut vec![0.0; len], &Task::quiet()).map_err(|e| e.code())
    };
    assert_eq!(call(&[18], 2), Err(Code::OutOfRange));
    assert_eq!(call(&[0], 3), Err(Code::Internal));
    assert_eq!(call(&[0], 2), Ok(()));
}
