//! MEAformer's block and its losses, and one step of training, against the reference.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};

use super::toy::modality;
use crate::golden::Golden;
use crate::models::encoders::Encoded;
use crate::models::fusion::Block;
use crate::models::meaformer::{Meaformer, entity_weights};
use crate::models::{Aligner, Inputs, Model, Options, View, names};
use crate::ops::spec::Variant;
use crate::task::Task;
use crate::train::tests::data::{close, random_graph};
use crate::train::{Parameter, Params};

const TOKENS: [&str; 6] = ["visual", "attribute", "relation", "structure", "text", "ngrams"];

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn meaformer_s_fusion_and_losses_are_the_reference_s() {
    for feed_forward in [None, Some(12)] {
        let name = format!("meaformer_fusion_h1_i{}", u8::from(feed_forward.is_some()));
        let Some(golden) = Golden::open(&name) else { return };
        let options = Options {
            variant: Variant::Reference,
            hidden: 8,
            width: 8,
            feed_forward,
            ..Options::of(Model::Meaformer)
        };
        let features = |name: &&str| modality(name, vec![1.0; 40 * 3], 20, 3, |_| true);
        let inputs = Inputs {
            graph: Arc::new(random_graph(20, 20, 30, 1)),
            split: 20,
            modalities: TOKENS.iter().filter(|name| **name != "structure").map(features).collect(),
            numbers: None,
            decided: Default::default(),
            deleted: Default::default(),
        };
        let model = Meaformer::new(&inputs, &options);
        let theirs = |ours: &str| names::theirs(Model::Meaformer, ours).unwrap();
        let tensor = |ours: &str| match ours {
            "icl.log_variance" => "log_vars".to_owned(),
            _ => format!("p.{}", theirs(ours).trim_start_matches("multimodal_encoder.fusion.")),
        };
        let fused = |name: &str| name.starts_with("fusion.") || name == "icl.log_variance";
        let mut parameters = model.parameters();
        parameters.retain(|parameter| fused(&parameter.name));
        let fill = |parameter: &mut Parameter| parameter.values = golden.floats(&tensor(&parameter.name));
        parameters.iter_mut().for_each(fill);
        let params = Params::new(parameters, &Device::Cpu).unwrap();
        let parts: Vec<Var> = (0..6)
            .map(|at| Var::from_vec(golden.floats(&format!("in{at}")), (40, 8), &Device::Cpu).unwrap())
            .collect();
        let block = Block::new(&options, 6);
        let all: Vec<Tensor> = parts.iter().map(|part| part.as_tensor().clone()).collect();
        let found = block.run(&params, &all, &[true; 240], &Task::quiet()).unwrap();
        close("hidden", &numbers(&found.hidden), &golden.floats("hidden"), 1e-5);
        let powers = found.mass.exp().unwrap();
        let weights = powers.broadcast_div(&powers.sum_keepdim(1).unwrap()).unwrap();
        close("weights", &numbers(&weights), &golden.floats("weight_norm"), 1e-5);
        let v = entity_weights(&found.mass, &[true; 240]).unwrap();
        let length = weights.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap();
        close("v", &numbers(&v.broadcast_mul(&length).unwrap()), &golden.floats("weight_norm"), 1e-5);

        let links = golden.ints("links");
        let side = |which: usize| links.iter().skip(which).step_by(2).copied();
        let rows: Vec<u32> = side(0).chain(side(1)).collect();
        let places = Tensor::from_slice(&rows, rows.len(), &Device::Cpu).unwrap();
        let picked = all.iter().map(|part| part.index_select(&places, 0).unwrap()).collect::<Vec<_>>();
        let encoded = Encoded { parts: picked, present: vec![true; rows.len() * 6] };
        let fused = block.run(&params, &encoded.parts, &encoded.present, &Task::quiet()).unwrap();
        let task = Task::quiet();
        let view = View::new(&inputs, rows, 0, &Device::Cpu, &task).unwrap();
        let loss = model.contrast(&params, &encoded, &fused, &view).unwrap();
        let expected: f32 =
            ["loss_joint", "loss_in", "loss_out"].map(|name| golden.floats(name)[0]).iter().sum();
        close("total", &[loss.total.to_scalar::<f32>().unwrap()], &[expected], 1e-5);
        close("joint", &[loss.parts[0] as f32], &golden.floats("loss_joint"), 1e-5);
        let grads = loss.total.backward().unwrap();
        for (at, part) in parts.iter().enumerate() {
            let expected = golden.floats(&format!("g_in{at}"));
            close(&format!("in{at}"), &numbers(grads.get(part).unwrap()), &expected, 1e-4);
        }
        // All gradients together have one scale: that of a key's bias is nothing but rounding.
        let mut ours: Vec<f32> = Vec::new();
        let mut wanted: Vec<f32> = Vec::new();
        for (name, var) in params.iter() {
            let tensor = match name {
                "icl.log_variance" => "g_log_vars".to_owned(),
                _ => format!("g{}", &tensor(name)[1..]),
            };
            ours.extend(numbers(grads.get(var).unwrap()));
            wanted.extend(golden.floats(&tensor));
        }
        close("parameters", &ours, &wanted, 1e-4);
    }
}
