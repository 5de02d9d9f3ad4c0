//! The losses over several modalities against the references, against a plain formula, across threads.

use candle_core::{D, Device, Tensor, Var};

use super::data::{close, normals, on_all_pools};
use crate::golden::Golden;
use crate::task::{CancelToken, Task};
use crate::train::modal_contrast::Slopes;
use crate::train::{ModalContrast, Nca, Normalise};

fn var(golden: &Golden, name: &str, rows: usize) -> Var {
    let values = golden.floats(name);
    let width = values.len() / rows;
    Var::from_vec(values, (rows, width), &Device::Cpu).unwrap()
}

pub(crate) fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Rows of the golden's links as a stack, left ones first.
fn stack(golden: &Golden) -> Tensor {
    let links = golden.ints("links");
    let side = |which: usize| links.iter().skip(which).step_by(2).copied();
    let rows: Vec<u32> = side(0).chain(side(1)).collect();
    let count = rows.len();
    Tensor::from_vec(rows, count, &Device::Cpu).unwrap()
}

fn picked(x: &Tensor, rows: &Tensor) -> Tensor {
    Normalise::apply(&x.index_select(rows, 0).unwrap()).unwrap()
}

fn contrast(widths: &[usize], tau: f32) -> ModalContrast {
    let widths = widths.to_vec();
    ModalContrast { widths, tau, inversion: false, joint: false, alignment: None, present: None }
}

/// `1 × n` weights for every row of a stack, of length 1.
fn weights(row: &Tensor, rows: usize) -> Tensor {
    let row = row.flatten_all().unwrap();
    let length = row.sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
    let row = row.broadcast_div(&length).unwrap().unsqueeze(0).unwrap();
    row.broadcast_as((rows, row.dim(1).unwrap())).unwrap().contiguous().unwrap()
}

#[test]
fn intra_modal_losses_are_the_references() {
    for (name, inversion) in [("mclea_icl", false), ("mclea_icl_inversion", true)] {
        let Some(golden) = Golden::open(name) else { return };
        let emb = var(&golden, "emb", 40);
        let op = ModalContrast { inversion, ..contrast(&[8], golden.floats("tau")[0]) };
        let loss = op.apply(&picked(&emb, &stack(&golden)), None, &Task::quiet()).unwrap();
        close(name, &numbers(&loss), &golden.floats("loss"), 1e-6);
        let grads = loss.sum_all().unwrap().backward().unwrap();
        close(name, &numbers(grads.get(&emb).unwrap()), &golden.floats("grad"), 1e-5);
    }
}

#[test]
fn a_momentum_side_has_no_gradient() {
    let Some(golden) = Golden::open("pcmea_ucl") else { return };
    let (emb, target) = (var(&golden, "emb", 40), var(&golden, "target", 40));
    let rows = stack(&golden);
    let left = emb.index_select(&rows.narrow(0, 0, 16).unwrap(), 0).unwrap();
    let right = target.index_select(&rows.narrow(0, 16, 16).unwrap(), 0).unwrap().detach();
    let z = Normalise::apply(&Tensor::cat(&[left, right], 0).unwrap()).unwrap();
    let loss = contrast(&[8], golden.floats("tau")[0]).apply(&z, None, &Task::quiet()).unwrap();
    close("loss", &numbers(&loss), &golden.floats("loss"), 1e-5);
    let grads = loss.sum_all().unwrap().backward().unwrap();
    close("grad", &numbers(grads.get(&emb).unwrap()), &golden.floats("grad"), 1e-4);
}

#[test]
fn the_alignment_loss_is_the_reference_s() {
    let Some(golden) = Golden::open("mclea_ial") else { return };
    let (uni, joint, rows) = (var(&golden, "uni", 40), var(&golden, "joint", 40), stack(&golden));
    let z = Tensor::cat(&[picked(&uni, &rows), picked(&joint, &rows)], 1).unwrap();
    // The joint space is the second one alone.
    let v = Tensor::new(&[[0f32, 1.0]], &Device::Cpu).unwrap();
    let alignment = Some(golden.floats("tau")[0]);
    let op = ModalContrast { joint: true, alignment, ..contrast(&[6, 12], 0.1) };
    let losses = op.apply(&z, Some(&weights(&v, 32)), &Task::quiet()).unwrap();
    let loss = (losses.narrow(0, 3, 1).unwrap() * f64::from(golden.floats("zoom")[0])).unwrap();
    close("loss", &numbers(&loss), &golden.floats("loss"), 1e-5);
    let grads = loss.sum_all().unwrap().backward().unwrap();
    close("uni", &numbers(grads.get(&uni).unwrap()), &golden.floats("grad_uni"), 1e-4);
    let joint = numbers(grads.get(&joint).unwrap());
    assert!(joint.iter().all(|x| x.abs() < 1e-9));
}

#[test]
fn nca_is_the_reference_s() {
    for alpha in [5.0, 15.0] {
        let Some(golden) = Golden::open(&format!("eva_nca_alpha{alpha}")) else { return };
        let emb = var(&golden, "emb", 40);
        let op = Nca { widths: vec![8], alpha: vec![alpha], joint: None, beta: 10.0, present: None };
        let none = Tensor::zeros((32, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let loss = op.apply(&picked(&emb, &stack(&golden)), &none, &Task::quiet()).unwrap();
        close("loss", &numbers(&loss), &golden.floats("loss"), 1e-5);
        let grads = loss.sum_all().unwrap().backward().unwrap();
        close("grad", &numbers(grads.get(&emb).unwrap()), &golden.floats("grad"), 1e-4);
    }
}

#[test]
fn nca_across_two_modalities_is_the_reference_s() {
    let Some(golden) = Golden::open("eva_nca_cross_modal") else { return };
    let (one, two, rows) = (var(&golden, "emb1", 40), var(&golden, "emb2", 40), stack(&golden));
    let left = picked(&one, &rows.narrow(0, 0, 16).unwrap());
    let z = Tensor::cat(&[left, picked(&two, &rows.narrow(0, 16, 16).unwrap())], 0).unwrap();
    let op = Nca { widths: vec![8], alpha: vec![15.0], joint: None, beta: 10.0, present: None };
    let none = Tensor::zeros((32, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
    let loss = op.apply(&z, &none, &Task::quiet()).unwrap();
    close("loss", &numbers(&loss), &golden.floats("loss"), 1e-5);
    let grads = loss.sum_all().unwrap().backward().unwrap();
    close("left", &numbers(grads.get(&one).unwrap()), &golden.floats("grad1"), 1e-4);
    close("right", &numbers(grads.get(&two).unwrap()), &golden.floats("grad2"), 1e-4);
}

/// Spaces with a joint one and missing rows, over several blocks.
struct Case {
    widths: Vec<usize>,
    z: Vec<f32>,
    v: Vec<f32>,
    present: Vec<bool>,
    pairs: usize,
}

impl Case {
    fn new(pairs: usize, widths: &[usize]) -> Case {
        let (total, count): (usize, usize) = (widths.iter().sum(), widths.len());
        let raw = Tensor::from_vec(normals(2 * pairs * total, 3), (2 * pairs, total), &Device::Cpu).unwrap();
        let mut start = 0;
        let parts: Vec<Tensor> = widths
            .iter()
            .map(|&width| {
                start += width;
                Normalise::apply(&raw.narrow(1, start - width, width).unwrap()).unwrap()
            })
            .collect();
        let present: Vec<bool> = (0..pairs * count).map(|at| at % 7 != 3).collect();
        let v: Vec<f32> = normals(2 * pairs * count, 4)
            .iter()
            .enumerate()
            .map(|(at, x)| if present[at % (pairs * count)] { x.abs() + 0.1 } else { 0.0 })
            .collect();
        let v = Tensor::from_vec(v, (2 * pairs, count), &Device::Cpu).unwrap();
        let v = numbers(&Normalise::apply(&v).unwrap());
        let z = numbers(&Tensor::cat(&parts, D::Minus1).unwrap());
        Case { widths: widths.to_vec(), z, v, present, pairs }
    }

    fn op(&self, inversion: bool) -> ModalContrast {
        let present = Some(self.present.clone().into());
        let base = contrast(&self.widths, 0.2);
        ModalContrast { joint: true, inversion, alignment: Some(0.5), present, ..base }
    }
}

/// Σ upstream⊙losses in double precision, as the formulas have it; `fixed` are the weights of Q.
fn plain(
    case: &Case,
    inversion: bool,
    z: &[f64],
    v: &[f64],
    fixed: (&[f64], &[f64]),
    upstream: &[f32],
) -> f64 {
    let (count, pairs, total) = (case.widths.len(), case.pairs, case.widths.iter().sum::<usize>());
    let starts: Vec<usize> = (0..count).map(|m| case.widths[..m].iter().sum()).collect();
    let space = |z: &[f64], m: usize, i: usize, j: usize| -> f64 {
        (starts[m]..starts[m] + case.widths[m]).map(|c| z[i * total + c] * z[j * total + c]).sum()
    };
    let joint = |z: &[f64], v: &[f64], i: usize, j: usize| -> f64 {
        (0..count).map(|m| v[i * count + m] * v[j * count + m] * space(z, m, i, j)).sum()
    };
    let rows = 2 * pairs;
    let there = |row: usize, m: usize| m == count || case.present[row % pairs * count + m];
    let mut losses = Vec::new();
    for m in std::iter::once(count).chain(0..count) {
        let s = |i: usize, j: usize| if m == count { joint(z, v, i, j) } else { space(z, m, i, j) };
        let mut sum = 0.0;
        for i in (0..rows).filter(|&i| there(i, m)) {
            let own = |j: usize| (i < pairs) == (j < pairs);
            let mut all = 0.0;
            for j in (0..rows).filter(|&j| there(j, m)) {
                let (from, to) =
                    if inversion && own(j) { ((i + pairs) % rows, (j + pairs) % rows) } else { (i, j) };
                if from != to {
                    all += (s(from, to) / 0.2).exp();
                }
            }
            sum += all.ln() - s(i, (i + pairs) % rows) / 0.2;
        }
        losses.push(sum / (0..rows).filter(|&i| there(i, m)).count() as f64);
    }
    for m in 0..count {
        let members: Vec<usize> = (0..rows).filter(|&i| there(i, m)).collect();
        let mut sum = 0.0;
        for &i in &members {
            let others = || members.iter().copied().filter(|&j| j != i);
            let total_p: f64 = others().map(|j| (space(z, m, i, j) / 0.5).exp()).sum();
            let total_q: f64 = others().map(|j| (joint(fixed.0, fixed.1, i, j) / 0.5).exp()).sum();
            for j in others() {
                let (p, q) = (space(z, m, i, j) / 0.5, joint(fixed.0, fixed.1, i, j) / 0.5);
                sum += q.exp() / total_q * (q - total_q.ln() - p + total_p.ln());
            }
        }
        losses.push(sum / (members.len() * members.len()) as f64);
    }
    losses.iter().zip(upstream).map(|(loss, &g)| loss * f64::from(g)).sum()
}

#[test]
fn all_losses_together_are_the_plain_formulas() {
    let case = Case::new(101, &[5, 3, 17]);
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
    let (z, v) = (wide(&case.z), wide(&case.v));
    // The mean over a square of pairs makes the alignment small.
    let upstream = [1.0, -0.7, 0.4, 0.9, 300.0, -200.0, 150.0];
    // Inversion is defined for the ICL only.
    for (inversion, upstream) in [(false, upstream), (true, [1.0, -0.7, 0.4, 0.9, 0.0, 0.0, 0.0])] {
        let (losses, slopes) =
            case.op(inversion).run(&case.z, &case.v, Some(&upstream), &Task::quiet()).unwrap();
        let found: f64 = losses.iter().zip(&upstream).map(|(loss, &g)| loss * f64::from(g)).sum();
        let value = |z: &[f64], v: &[f64]| {
            let fixed = (wide(&case.z), wide(&case.v));
            plain(&case, inversion, z, v, (&fixed.0, &fixed.1), &upstream)
        };
        let expected = value(&z, &v);
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{found} {expected}");
        let Slopes { z: dz, v: dv } = slopes.unwrap();
        let step = 1e-5;
        let (top_z, top_v) = [&dz, &dv].map(|d| d.iter().fold(0f32, |top, x| top.max(x.abs()))).into();
        for at in (0..z.len()).step_by(613) {
            let moved = |by: f64| {
                let mut z = z.clone();
                z[at] += by;
                value(&z, &v)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            assert!(
                (slope - f64::from(dz[at])).abs() < 1e-4 * f64::from(top_z),
                "z {at}: {slope} {}",
                dz[at]
            );
        }
        for at in (0..v.len()).step_by(97) {
            let moved = |by: f64| {
                let mut v = v.clone();
                v[at] += by;
                value(&z, &v)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            assert!(
                (slope - f64::from(dv[at])).abs() < 1e-4 * f64::from(top_v),
                "v {at}: {slope} {}",
                dv[at]
            );
        }
    }
}

#[test]
fn threads_do_not_matter() {
    let case = Case::new(333, &[20, 7]);
    on_all_pools(|| case.op(false).run(&case.z, &case.v, Some(&[1.0; 5]), &Task::quiet()).unwrap());
}

#[test]
fn it_stops_when_asked_and_refuses_what_does_not_fit() {
    let case = Case::new(20, &[4, 4]);
    let token = CancelToken::new();
    token.cancel();
    assert!(case.op(false).run(&case.z, &case.v, None, &Task::new(token, None)).is_err());
    assert!(case.op(false).run(&case.z[..40], &case.v, None, &Task::quiet()).is_err());
    assert!(
        ModalContrast { tau: 0.001, ..case.op(false) }.run(&case.z, &case.v, None, &Task::quiet()).is_err()
    );
}

#[test]
fn the_whole_loss_of_mclea_is_the_reference_s() {
    let Some(golden) = Golden::open("mclea_total") else { return };
    let names = ["img", "att", "rel", "gph", "name", "char"];
    let parts = names.map(|name| var(&golden, name, 40));
    let widths: Vec<usize> = parts.iter().map(|part| part.dim(1).unwrap()).collect();
    let raw = var(&golden, "fusion_weight", 6);
    let [icl_vars, ial_vars] = ["icl_log_vars", "ial_log_vars"]
        .map(|name| Var::from_vec(golden.floats(name), 6, &Device::Cpu).unwrap());
    let rows = stack(&golden);
    let z = Tensor::cat(&parts.each_ref().map(|part| picked(part, &rows)), 1).unwrap();
    let powers = raw.exp().unwrap();
    let soft = powers.broadcast_div(&powers.sum_all().unwrap()).unwrap();
    let op = ModalContrast { joint: true, alignment: Some(4.0), ..contrast(&widths, 0.1) };
    let losses = op.apply(&z, Some(&weights(&soft, 32)), &Task::quiet()).unwrap();
    // The list of losses goes gph, rel, att, img, name, char.
    let order = Tensor::new(&[3u32, 2, 1, 0, 4, 5], &Device::Cpu).unwrap();
    let uncertain = |first: usize, zoom: f64, vars: &Var| {
        let part = losses.narrow(0, first, 6).unwrap().index_select(&order, 0).unwrap();
        let part = (part * zoom).unwrap();
        let sum = (vars.neg().unwrap().exp().unwrap() * part).unwrap() + vars.as_tensor();
        sum.unwrap().sum_all().unwrap()
    };
    let joint = losses.get(0).unwrap();
    // The zoom is in the alignment loss and outside of it again.
    let (intra, align) = (uncertain(1, 1.0, &icl_vars), uncertain(7, 0.1, &ial_vars));
    close("joint", &numbers(&joint), &golden.floats("loss_joint"), 1e-5);
    close("intra", &numbers(&intra), &golden.floats("loss_intra"), 1e-5);
    let total = (joint + &intra).unwrap();
    let zoomed = (&align * 0.1).unwrap();
    close("align", &numbers(&zoomed), &golden.floats("loss_align"), 1e-5);
    let grads = (total + zoomed).unwrap().backward().unwrap();
    for (name, part) in names.iter().zip(&parts) {
        close(name, &numbers(grads.get(part).unwrap()), &golden.floats(&format!("g_{name}")), 1e-4);
    }
    for (name, part) in [("fusion_weight", &raw), ("icl_log_vars", &icl_vars), ("ial_log_vars", &ial_vars)] {
        close(name, &numbers(grads.get(part).unwrap()), &golden.floats(&format!("g_{name}")), 1e-4);
    }
}

#[test]
fn the_whole_loss_of_eva_is_the_reference_s() {
    let Some(golden) = Golden::open("eva_total") else { return };
    let names = ["img", "att", "rel", "gph"];
    let parts = names.map(|name| var(&golden, name, 40));
    let widths: Vec<usize> = parts.iter().map(|part| part.dim(1).unwrap()).collect();
    let raw = Var::from_vec(golden.floats("weight_raw"), 4, &Device::Cpu).unwrap();
    let rows = stack(&golden);
    let z = Tensor::cat(&parts.each_ref().map(|part| picked(part, &rows)), 1).unwrap();
    let powers = raw.exp().unwrap();
    let soft = powers.broadcast_div(&powers.sum_all().unwrap()).unwrap();
    let alpha = vec![15.0, 15.0, 15.0, 5.0];
    let op = Nca { widths, alpha, joint: Some(15.0), beta: 10.0, present: None };
    let loss = op.apply(&z, &weights(&soft, 32), &Task::quiet()).unwrap().sum_all().unwrap();
    close("loss", &numbers(&loss), &golden.floats("loss"), 1e-5);
    let grads = loss.backward().unwrap();
    for (name, part) in names.iter().zip(&parts) {
        close(name, &numbers(grads.get(part).unwrap()), &golden.floats(&format!("g_{name}")), 1e-4);
    }
    close("weights", &numbers(grads.get(&raw).unwrap()), &golden.floats("g_weight_raw"), 1e-4);
}
