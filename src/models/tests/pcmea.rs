//! PCMEA's layers and losses against the reference.

use candle_core::{Device, Tensor, Var};

use crate::golden::Golden;
use crate::models::fusion::Net;
use crate::models::pcmea::{cross_attention, halves, information, score, self_attention};
use crate::task::Task;
use crate::train::tests::data::close;
use crate::train::{Parameter, Params};

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn rows(golden: &Golden, name: &str, count: usize) -> Var {
    let values = golden.floats(name);
    let width = values.len() / count;
    Var::from_vec(values, (count, width), &Device::Cpu).unwrap()
}

/// Affine maps and norms under our names: (ours, theirs, outputs, inputs; no inputs for a norm).
fn params(golden: &Golden, list: &[(&str, &str, usize, usize)]) -> Params {
    let mut all = Vec::new();
    for &(ours, theirs, outputs, inputs) in list {
        let shape = if inputs == 0 { vec![outputs] } else { vec![outputs, inputs] };
        for (part, shape) in [("weight", shape), ("bias", vec![outputs])] {
            let values = golden.floats(&format!("p.{theirs}.{part}"));
            all.push(Parameter { name: format!("{ours}.{part}"), shape, values });
        }
    }
    Params::new(all, &Device::Cpu).unwrap()
}

/// Compares the gradients of all parameters.
fn gradients(
    golden: &Golden,
    list: &[(&str, &str, usize, usize)],
    params: &Params,
    grads: &candle_core::backprop::GradStore,
) {
    for &(ours, theirs, ..) in list {
        for part in ["weight", "bias"] {
            let var = params.get(&format!("{ours}.{part}")).unwrap();
            let expected = golden.floats(&format!("g.{theirs}.{part}"));
            let found = grads.get(var).map_or(vec![0.0; expected.len()], numbers);
            close(&format!("{ours}.{part}"), &found, &expected, 1e-4);
        }
    }
}

#[test]
fn self_attention_with_an_adapter_is_the_reference_s() {
    let Some(golden) = Golden::open("pcmea_self_att_adaptor") else { return };
    let list = [
        ("s.norm", "self_att.norm_self_attn", 20, 0),
        ("s.value", "self_att.att.value.linear", 20, 20),
        ("s.output", "self_att.att.output", 20, 20),
        ("s.down", "adapt_mlp.down_proj", 2, 20),
        ("s.up", "adapt_mlp.up_proj", 20, 2),
    ];
    let (params, x, upstream) =
        (params(&golden, &list), rows(&golden, "x", 40), rows(&golden, "upstream", 40));
    let task = Task::quiet();
    let out = self_attention(Net { params: &params, task: &task }, "s", &x).unwrap();
    close("out", &numbers(&out), &golden.floats("out"), 1e-5);
    let grads = (out * upstream.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    close("x", &numbers(grads.get(&x).unwrap()), &golden.floats("g_x"), 1e-4);
    gradients(&golden, &list, &params, &grads);
}

#[test]
fn cross_attention_is_the_reference_s() {
    let Some(golden) = Golden::open("pcmea_cross_att_mlp") else { return };
    let list = [
        ("c.norm", "cross_att.norm_self_attn", 20, 0),
        ("c.value", "cross_att.self_attn.value.linear", 20, 20),
        ("c.query", "cross_att.self_attn.query.linear", 20, 20),
        ("c.key", "cross_att.self_attn.key.linear", 20, 20),
        ("c.output", "cross_att.self_attn.output", 20, 20),
        ("c.inner", "mlp.layer1", 20, 20),
        ("c.outer", "mlp.layer2", 20, 20),
    ];
    let (params, uni) = (params(&golden, &list), rows(&golden, "uni", 40));
    let (text, upstream) = (rows(&golden, "cross", 40), rows(&golden, "upstream", 40));
    let task = Task::quiet();
    let net = Net { params: &params, task: &task };
    // A text that is not there leaves what the reference has with one.
    for text in [None, Some((text.as_tensor(), &[false; 40][..]))] {
        let out = cross_attention(net, "c", &uni, text).unwrap();
        close("out", &numbers(&out), &golden.floats("out"), 1e-5);
        let grads = (out * upstream.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
        close("uni", &numbers(grads.get(&uni).unwrap()), &golden.floats("g_uni"), 1e-4);
        gradients(&golden, &list, &params, &grads);
    }
    let with = cross_attention(net, "c", &uni, Some((&text, &[true; 40]))).unwrap();
    assert!(numbers(&with) != golden.floats("out"));
}

#[test]
fn mutual_information_is_the_reference_s() {
    let Some(golden) = Golden::open("pcmea_mine") else { return };
    let list = [("m.0", "layers.0", 10, 14), ("m.1", "layers.2", 1, 10)];
    let (params, x, y) = (params(&golden, &list), rows(&golden, "x", 40), rows(&golden, "y", 40));
    let task = Task::quiet();
    let net = Net { params: &params, task: &task };
    let [left, right] = halves(net, "m", &x, &y).unwrap();
    let scores = score(net, "m", &left, &right).unwrap();
    let loss = information(&scores, &scores).unwrap();
    // A difference of two numbers fifteen times as large.
    close("loss", &numbers(&loss), &golden.floats("loss"), 5e-5);
    let grads = loss.backward().unwrap();
    close("x", &numbers(grads.get(&x).unwrap()), &golden.floats("grad_x"), 1e-4);
    close("y", &numbers(grads.get(&y).unwrap()), &golden.floats("grad_y"), 1e-4);
    // The gradient of the last bias is nothing but rounding: (mean 1 − mean softmax) = 0.
    gradients(&golden, &list[..1], &params, &grads);
    let weight = grads.get(params.get("m.1.weight").unwrap()).unwrap();
    close("m.1.weight", &numbers(weight), &golden.floats("g.layers.2.weight"), 1e-4);
}
