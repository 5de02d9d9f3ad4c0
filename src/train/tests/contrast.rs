//! The contrastive loss against the reference, against a plain formula, and across threads.

use candle_core::{Device, Tensor, Var};

use super::data::{close, normals, on_all_pools};
use crate::golden::Golden;
use crate::task::{CancelToken, Task};
use crate::train::contrast::{backward, forward};
use crate::train::{Contrast, Normalise};

#[test]
fn the_normalised_loss_on_the_tape_is_the_reference_s() {
    let Some(golden) = Golden::open("mclea_icl") else { return };
    let (tau, links) = (golden.floats("tau")[0], golden.ints("links"));
    let emb = Tensor::from_vec(golden.floats("emb"), (40, 8), &Device::Cpu).unwrap();
    let emb = Var::from_tensor(&emb).unwrap();
    let side = |which: usize| links.iter().skip(which).step_by(2).copied();
    let rows: Vec<u32> = side(0).chain(side(1)).collect();
    let rows = Tensor::from_vec(rows, 32usize, &Device::Cpu).unwrap();
    let z = emb.index_select(&rows, 0).unwrap();
    let loss = Contrast::apply(&Normalise::apply(&z).unwrap(), tau).unwrap();
    close("loss", &[loss.to_scalar::<f32>().unwrap()], &golden.floats("loss"), 1e-6);
    let grads = loss.backward().unwrap();
    let grad = grads.get(&emb).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    close("grad", &grad, &golden.floats("grad"), 1e-5);
}

/// The loss and its gradient as the formula says, in double precision.
fn plain(z: &[f64], width: usize, tau: f64) -> (f64, Vec<f64>) {
    let rows = z.len() / width;
    let row = |i: usize| &z[i * width..(i + 1) * width];
    let partner = |i: usize| (i + rows / 2) % rows;
    let (mut loss, mut grad) = (0.0, vec![0.0; z.len()]);
    for i in 0..rows {
        let logit = |j: usize| row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum::<f64>() / tau;
        let logits: Vec<f64> = (0..rows).map(|j| if j == i { f64::NEG_INFINITY } else { logit(j) }).collect();
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|x| (x - top).exp()).sum();
        loss += (top + sum.ln() - logits[partner(i)]) / rows as f64;
        for j in 0..rows {
            let hit = if j == partner(i) { 1.0 } else { 0.0 };
            let g = ((logits[j] - top).exp() / sum - hit) / rows as f64 / tau;
            for c in 0..width {
                grad[i * width + c] += g * row(j)[c];
                grad[j * width + c] += g * row(i)[c];
            }
        }
    }
    (loss, grad)
}

#[test]
fn it_is_the_plain_formula_whatever_the_tiles() {
    for (pairs, width, tau, size) in
        [(1, 3, 1.0, 1.0), (7, 5, 0.5, 1.0), (96, 20, 1.0, 0.3), (97, 301, 1.0, 2.0), (250, 17, 0.1, 1.0)]
    {
        let z: Vec<f32> = normals(2 * pairs * width, pairs as u64).iter().map(|x| x * size).collect();
        let wide: Vec<f64> = z.iter().map(|&x| f64::from(x)).collect();
        let (loss, grad) = plain(&wide, width, f64::from(tau));
        let found = forward(&z, width, tau, &Task::quiet()).unwrap();
        assert!((found.loss - loss).abs() <= 2e-6 * loss.abs().max(1.0), "{pairs}: {} {loss}", found.loss);
        let mut out = vec![1.0; z.len()];
        backward(&z, width, tau, &found.log_sums, 3.0, &mut out, &Task::quiet()).unwrap();
        let expected: Vec<f32> = grad.iter().map(|g| (3.0 * g) as f32 + 1.0).collect();
        close(&format!("{pairs} pairs"), &out, &expected, 2e-5);
    }
}

#[test]
fn the_plain_formula_s_gradient_is_that_of_differences() {
    let (width, step) = (4, 1e-6);
    let z: Vec<f64> = normals(10 * width, 5).iter().map(|&x| f64::from(x)).collect();
    let (_, grad) = plain(&z, width, 0.7);
    for at in 0..z.len() {
        let moved = |by: f64| {
            let mut z = z.clone();
            z[at] += by;
            plain(&z, width, 0.7).0
        };
        assert!(((moved(step) - moved(-step)) / (2.0 * step) - grad[at]).abs() < 1e-8);
    }
}

#[test]
fn threads_do_not_matter() {
    let (width, z) = (23, normals(2 * 333 * 23, 8));
    on_all_pools(|| {
        let found = forward(&z, width, 0.3, &Task::quiet()).unwrap();
        let mut out = vec![0.0; z.len()];
        backward(&z, width, 0.3, &found.log_sums, 1.0, &mut out, &Task::quiet()).unwrap();
        (found, out)
    });
}

#[test]
fn unit_rows_have_the_gradient_of_differences() {
    let (width, step) = (6, 1e-3f32);
    let (x, g) = (normals(3 * width, 1), normals(3 * width, 2));
    let loss = |x: &[f32]| -> f64 {
        let mut out = vec![0.0; x.len()];
        crate::train::normalise::forward(x, width, &mut out);
        out.iter().zip(&g).map(|(a, b)| f64::from(a * b)).sum()
    };
    let mut found = g.clone();
    crate::train::normalise::backward(&x, width, &mut found);
    for at in 0..x.len() {
        let moved = |by: f32| {
            let mut x = x.clone();
            x[at] += by;
            loss(&x)
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        assert!((slope - f64::from(found[at])).abs() < 2e-3, "{at}: {slope} {}", found[at]);
    }
}

#[test]
fn it_stops_when_asked_and_refuses_what_is_no_stack() {
    let token = CancelToken::new();
    token.cancel();
    let z = normals(40, 1);
    assert!(forward(&z, 10, 1.0, &Task::new(token, None)).is_err());
    assert!(forward(&z[..30], 10, 1.0, &Task::quiet()).is_err());
    assert!(forward(&z, 10, 0.0, &Task::quiet()).is_err());
}
