//! Attention against the reference, against differences, and across threads.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};

use super::data::{close, normals, on_all_pools, random_graph, small_graph};
use crate::golden::Golden;
use crate::train::attention::{Gradients, Weights, backward, forward};
use crate::train::{Attention, Bipartite};

#[test]
fn two_layers_on_the_tape_are_the_reference_s() {
    let (Some(golden), Some((_, graph))) = (Golden::open("layer_gat"), small_graph()) else { return };
    let var = |name: &str, shape: (usize, usize)| {
        Var::from_tensor(&Tensor::from_vec(golden.floats(name), shape, &Device::Cpu).unwrap()).unwrap()
    };
    let x = var("x", (640, 12));
    let upstream = var("upstream", (640, 12));
    let field = graph.whole(2).unwrap();
    let (mut h, mut params) = (x.as_tensor().clone(), Vec::new());
    for (layer, edges) in field.layers.iter().enumerate() {
        let w = var(&format!("p.layer_stack.{layer}.w"), (2, 12));
        let a = var(&format!("p.layer_stack.{layer}.a_src_dst"), (2, 24));
        h = Attention::new(edges.clone()).apply(&h, &w, &a).unwrap();
        if layer == 0 {
            h = h.elu(1.0).unwrap();
        }
        params.push((format!("layer_stack.{layer}.w"), w));
        params.push((format!("layer_stack.{layer}.a_src_dst"), a));
    }
    let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    close("out", &numbers(&h), &golden.floats("out"), 1e-5);
    let grads = (h * upstream.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    close("grad_x", &numbers(grads.get(&x).unwrap()), &golden.floats("grad_x"), 1e-4);
    for (name, var) in params {
        let expected = golden.floats(&format!("g.{name}"));
        close(&name, &numbers(grads.get(&var).unwrap()), &expected, 1e-4);
    }
}

/// Edges, rows, weights, attention vectors, and a gradient of the result.
pub(super) type Layer = (Arc<Bipartite>, Vec<f32>, Vec<f32>, Vec<f32>, Vec<f32>);

/// A layer with fewer rows written than read, and random arguments.
pub(super) fn layer(width: usize, heads: usize) -> Layer {
    let graph = random_graph(160, 150, 220, 9);
    let needed: Vec<u32> = (0..310).step_by(3).collect();
    let edges = graph.field(&needed, 1).unwrap().layers.remove(0);
    assert!(edges.written < edges.read);
    let h = normals(edges.read * width, 1);
    let grad = normals(edges.written * width, 4);
    (edges, h, normals(heads * width, 2), normals(2 * heads * width, 3), grad)
}

#[test]
fn gradients_are_those_of_differences() {
    let (width, heads) = (5, 3);
    let (edges, h, w, a, grad) = layer(width, heads);
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
    let arguments = [wide(&h), wide(&w), wide(&a)];
    let grad = wide(&grad);
    let loss = |arguments: &[Vec<f64>; 3]| -> f64 {
        let weights = Weights { w: &arguments[1], a: &arguments[2], heads, width };
        let mut out = vec![0.0; grad.len()];
        forward(&edges, &arguments[0], &weights, &mut out).unwrap();
        out.iter().zip(&grad).map(|(x, g)| x * g).sum()
    };
    let mut found = arguments.clone();
    found.iter_mut().for_each(|x| x.fill(0.0));
    let [dh, dw, da] = &mut found;
    let weights = Weights { w: &arguments[1], a: &arguments[2], heads, width };
    backward(&edges, &arguments[0], &weights, &grad, Gradients { h: dh, w: dw, a: da }).unwrap();
    let step = 1e-6;
    for which in 0..3 {
        for at in (0..arguments[which].len()).step_by(if which == 0 { 7 } else { 1 }) {
            let moved = |by: f64| {
                let mut arguments = arguments.clone();
                arguments[which][at] += by;
                loss(&arguments)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            let found = found[which][at];
            assert!((slope - found).abs() < 1e-6 * (1.0 + slope.abs()), "{which} {at}: {slope} {found}");
        }
    }
}

#[test]
fn threads_do_not_matter() {
    let (width, heads) = (37, 2);
    let (edges, h, w, a, grad) = layer(width, heads);
    on_all_pools(|| {
        let weights = Weights { w: &w, a: &a, heads, width };
        let mut out = vec![0.0; grad.len()];
        forward(&edges, &h, &weights, &mut out).unwrap();
        let (mut dh, mut dw, mut da) = (vec![0.0; h.len()], vec![0.0; w.len()], vec![0.0; a.len()]);
        let into = Gradients { h: &mut dh, w: &mut dw, a: &mut da };
        backward(&edges, &h, &weights, &grad, into).unwrap();
        (out, dh, dw, da)
    });
}

#[test]
fn large_scores_stay_finite() {
    let (edges, mut h, w, a, grad) = layer(4, 1);
    h.iter_mut().for_each(|x| *x *= 1e4);
    let mut out = vec![0.0; grad.len()];
    forward(&edges, &h, &Weights { w: &w, a: &a, heads: 1, width: 4 }, &mut out).unwrap();
    assert!(out.iter().all(|x| x.is_finite()));
    assert!(forward(&edges, &h, &Weights { w: &w, a: &a, heads: 2, width: 4 }, &mut out).is_err());
}
