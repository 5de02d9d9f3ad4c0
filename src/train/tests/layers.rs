//! The layers of the aligners against the references and against differences.

use candle_core::{Device, Tensor, Var};

use super::attention::layer;
use super::data::{close, normals, on_all_pools, small_graph};
use super::modal::numbers;
use crate::golden::Golden;
use crate::task::Task;
use crate::train::edge_softmax::{self, Arguments};
use crate::train::tokens::Upstream;
use crate::train::{Affine, Propagate, Tokens, layer_norm};

/// Checks slopes against differences of `value`, argument by argument.
fn differences(arguments: &[Vec<f64>], slopes: &[Vec<f64>], value: impl Fn(&[Vec<f64>]) -> f64) {
    let step = 1e-6;
    for which in 0..arguments.len() {
        for at in (0..arguments[which].len()).step_by(5) {
            let moved = |by: f64| {
                let mut arguments = arguments.to_vec();
                arguments[which][at] += by;
                value(&arguments)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            let found = slopes[which][at];
            assert!((slope - found).abs() < 1e-6 * (1.0 + slope.abs()), "{which} {at}: {slope} {found}");
        }
    }
}

fn doubles(count: usize, seed: u64) -> Vec<f64> {
    normals(count, seed).iter().map(|&x| f64::from(x)).collect()
}

fn along(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn a_graph_convolution_is_the_reference_s() {
    let (Some(golden), Some((small, graph))) = (Golden::open("layer_gcn"), small_graph()) else { return };
    let field = graph.whole(2).unwrap();
    let weights = graph.normalised(&field.rows, &field.layers[0]);
    let (rows, cols, values) = (small.ints("adj_row"), small.ints("adj_col"), small.floats("adj_val"));
    let mut expected: Vec<(u32, u32, f32)> =
        rows.iter().zip(cols).zip(values).map(|((&i, j), x)| (i, j, x)).collect();
    expected.sort_by_key(|entry| (entry.0, entry.1));
    close("adjacency", &weights, &expected.iter().map(|entry| entry.2).collect::<Vec<_>>(), 1e-6);
    let var = |name: &str, shape: (usize, usize)| {
        Var::from_tensor(&Tensor::from_vec(golden.floats(name), shape, &Device::Cpu).unwrap()).unwrap()
    };
    let bias = |name: &str| {
        let values = golden.floats(name);
        let count = values.len();
        Var::from_vec(values, count, &Device::Cpu).unwrap()
    };
    let (x, upstream) = (var("x", (640, 10)), var("upstream", (640, 6)));
    let (w1, w2) = (var("p.gc1.weight", (10, 8)), var("p.gc2.weight", (8, 6)));
    let (b1, b2) = (bias("p.gc1.bias"), bias("p.gc2.bias"));
    let propagate = Propagate::new(field.layers[0].clone(), weights.into());
    let layer = |h: &Tensor, w: &Var, b: &Var| {
        Affine::apply(&propagate.apply(h).unwrap(), &w.t().unwrap(), b, &Task::quiet()).unwrap()
    };
    let out = layer(&layer(&x, &w1, &b1).relu().unwrap(), &w2, &b2);
    close("out", &numbers(&out), &golden.floats("out"), 1e-5);
    let grads = (out * upstream.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    close("grad_x", &numbers(grads.get(&x).unwrap()), &golden.floats("grad_x"), 1e-4);
    for (name, var) in [("gc1.weight", &w1), ("gc1.bias", &b1), ("gc2.weight", &w2), ("gc2.bias", &b2)] {
        close(name, &numbers(grads.get(var).unwrap()), &golden.floats(&format!("g.{name}")), 1e-4);
    }
}

#[test]
fn token_attention_has_the_slopes_of_differences() {
    let (entities, width) = (3, 6);
    let tokens = Tokens {
        queries: 2,
        keys: 4,
        heads: 2,
        asking: vec![true, true, false, true, true, true].into(),
        asked: (0..12).map(|at| at != 2 && at != 5).collect(),
    };
    let (asks, keys) = (entities * 2 * width, entities * 4 * width);
    let arguments = [doubles(asks, 1), doubles(keys, 2), doubles(keys, 3)];
    let (grad, weight) = (doubles(asks, 4), doubles(entities * 4, 5));
    let [q, k, v] = &arguments;
    let slopes = tokens.backward(q, k, Upstream::Context(v, &grad)).unwrap();
    differences(&arguments, &slopes, |x| along(&tokens.context(&x[0], &x[1], &x[2]).unwrap(), &grad));
    let [dq, dk, _] = tokens.backward(q, k, Upstream::Mass(&weight)).unwrap();
    differences(&arguments[..2], &[dq, dk], |x| along(&tokens.mass(&x[0], &x[1]).unwrap(), &weight));
    // What is not asked has no mass; all others share what the queries give.
    let mass = tokens.mass(q, k).unwrap();
    assert_eq!((mass[2], mass[5]), (0.0, 0.0));
    let given: Vec<f64> = mass.chunks_exact(4).map(|mass| mass.iter().sum()).collect();
    assert!(given.iter().zip([4.0, 2.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-12));
    assert!(tokens.context(&q[1..], k, v).is_err());
}

#[test]
fn an_edge_softmax_has_the_slopes_of_differences() {
    let (heads, width) = (2, 3);
    let (edges, ..) = layer(4, 1);
    let arguments =
        [doubles(edges.written * heads, 1), doubles(edges.read * heads, 2), doubles(edges.read * width, 3)];
    let grad = doubles(edges.written * heads * width, 4);
    let call = |x: &[Vec<f64>]| -> f64 {
        let call = Arguments { own: &x[0], other: &x[1], values: &x[2], heads };
        along(&edge_softmax::forward(&edges, &call), &grad)
    };
    let [own, other, values] = &arguments;
    let slopes = edge_softmax::backward(&edges, &Arguments { own, other, values, heads }, &grad);
    differences(&arguments, &slopes, call);
    let narrow = |x: &[f64]| -> Vec<f32> { x.iter().map(|&x| x as f32).collect() };
    let [own, other, values] = arguments.each_ref().map(|x| narrow(x));
    let grad = narrow(&grad);
    on_all_pools(|| {
        let call = Arguments { own: &own, other: &other, values: &values, heads };
        (edge_softmax::forward(&edges, &call), edge_softmax::backward(&edges, &call, &grad))
    });
}

#[test]
fn layer_normalisation_has_the_slopes_of_differences() {
    let width = 7;
    let arguments = [doubles(5 * width, 1), doubles(width, 2), doubles(width, 3)];
    let grad = doubles(5 * width, 4);
    let slopes = layer_norm::backward(&arguments[0], &arguments[1], 1e-5, &grad);
    differences(&arguments, &slopes, |x| {
        let mut out = vec![0.0; grad.len()];
        layer_norm::forward(&x[0], &x[1], &x[2], 1e-5, &mut out);
        along(&out, &grad)
    });
}
