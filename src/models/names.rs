//! What the authors' code calls the parameters, both ways.
//!
//! The values are the same numbers in the same order but for EVA's convolutions, whose weights stand
//! transposed there, and but for the log variances of MCLEA and PCMEA, which stand there in the order of
//! the losses, not of the modalities. A reference's parameter that has no part in its own results
//! (MEAformer's feed-forward network where it is left out) has no name here.

use super::Model;
use crate::train::Parameter;

/// A name of ours and theirs; `*` stands for a number.
type Pair = (&'static str, &'static str);

/// Maps of modalities, common to all; prefixed where the model has a prefix.
const MAPS: [Pair; 10] = [
    ("visual.weight", "img_fc.weight"),
    ("visual.bias", "img_fc.bias"),
    ("attribute.weight", "att_fc.weight"),
    ("attribute.bias", "att_fc.bias"),
    ("relation.weight", "rel_fc.weight"),
    ("relation.bias", "rel_fc.bias"),
    ("text.weight", "name_fc.weight"),
    ("text.bias", "name_fc.bias"),
    ("ngrams.weight", "char_fc.weight"),
    ("ngrams.bias", "char_fc.bias"),
];

const ENTITIES: [Pair; 1] = [("structure.entities", "entity_emb.weight")];

const CONVOLUTION: [Pair; 4] = [
    ("structure.0.weight", "cross_graph_model.gc1.weight"),
    ("structure.0.bias", "cross_graph_model.gc1.bias"),
    ("structure.1.weight", "cross_graph_model.gc2.weight"),
    ("structure.1.bias", "cross_graph_model.gc2.bias"),
];

const ATTENTION: [Pair; 2] = [
    ("structure.*.w", "cross_graph_model.layer_stack.*.w"),
    ("structure.*.a", "cross_graph_model.layer_stack.*.a_src_dst"),
];

const BLOCK: [Pair; 16] = [
    ("fusion.query.weight", "fusion.fusion_layer.0.attention.self.query.weight"),
    ("fusion.query.bias", "fusion.fusion_layer.0.attention.self.query.bias"),
    ("fusion.key.weight", "fusion.fusion_layer.0.attention.self.key.weight"),
    ("fusion.key.bias", "fusion.fusion_layer.0.attention.self.key.bias"),
    ("fusion.value.weight", "fusion.fusion_layer.0.attention.self.value.weight"),
    ("fusion.value.bias", "fusion.fusion_layer.0.attention.self.value.bias"),
    ("fusion.output.weight", "fusion.fusion_layer.0.attention.output.dense.weight"),
    ("fusion.output.bias", "fusion.fusion_layer.0.attention.output.dense.bias"),
    ("fusion.attention_norm.weight", "fusion.fusion_layer.0.attention.output.LayerNorm.weight"),
    ("fusion.attention_norm.bias", "fusion.fusion_layer.0.attention.output.LayerNorm.bias"),
    ("fusion.inner.weight", "fusion.fusion_layer.0.intermediate.dense.weight"),
    ("fusion.inner.bias", "fusion.fusion_layer.0.intermediate.dense.bias"),
    ("fusion.outer.weight", "fusion.fusion_layer.0.output.dense.weight"),
    ("fusion.outer.bias", "fusion.fusion_layer.0.output.dense.bias"),
    ("fusion.norm.weight", "fusion.fusion_layer.0.output.LayerNorm.weight"),
    ("fusion.norm.bias", "fusion.fusion_layer.0.output.LayerNorm.bias"),
];

const WEIGHT: [Pair; 1] = [("fusion.weight", "fusion.weight")];
const INTRA: [Pair; 1] = [("icl.log_variance", "multi_loss_layer.log_vars")];
const INTER: [Pair; 1] = [("ial.log_variance", "align_multi_loss_layer.log_vars")];

/// The names of a model: lists, each with the prefix of its module.
fn lists(model: Model) -> Vec<(&'static str, &'static [Pair])> {
    let encoder = "multimodal_encoder.";
    match model {
        Model::Eva => vec![("", &ENTITIES), ("", &CONVOLUTION), ("", &MAPS), ("", &WEIGHT)],
        Model::Mclea | Model::Pcmea => vec![
            (encoder, &ENTITIES),
            (encoder, &ATTENTION),
            (encoder, &MAPS),
            (encoder, &WEIGHT),
            ("", &INTRA),
            ("", &INTER),
        ],
        Model::Meaformer => vec![
            (encoder, &ENTITIES),
            (encoder, &ATTENTION),
            (encoder, &MAPS),
            (encoder, &BLOCK),
            ("", &INTRA),
        ],
        // There is no public code.
        Model::Mpsea => Vec::new(),
    }
}

/// What stands for `*` where a name fits a pattern.
fn fit<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    let Some((before, after)) = pattern.split_once('*') else {
        return (pattern == name).then_some("");
    };
    let number = name.strip_prefix(before)?.strip_suffix(after)?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// The reference's name of a parameter of ours.
pub fn theirs(model: Model, ours: &str) -> Option<String> {
    lists(model).into_iter().find_map(|(prefix, list)| {
        let (number, theirs) = list.iter().find_map(|pair| Some((fit(pair.0, ours)?, pair.1)))?;
        Some(format!("{prefix}{}", theirs.replace('*', number)))
    })
}

/// Our name of a reference's parameter.
pub fn ours(model: Model, theirs: &str) -> Option<String> {
    lists(model).into_iter().find_map(|(prefix, list)| {
        let inner = theirs.strip_prefix(prefix)?;
        let (number, ours) = list.iter().find_map(|pair| Some((fit(pair.1, inner)?, pair.0)))?;
        Some(ours.replace('*', number))
    })
}

/// For each modality the place of its loss among the reference's, which lists structure first.
pub(super) fn loss_places(modalities: &[String]) -> Vec<u32> {
    let known = ["structure", "relation", "attribute", "visual"];
    let rank = |name: &String| known.iter().position(|known| known == name).unwrap_or(known.len());
    let mut order: Vec<usize> = (0..modalities.len()).collect();
    order.sort_by_key(|&at| rank(&modalities[at]));
    let mut places = vec![0; modalities.len()];
    (0u32..).zip(order).for_each(|(place, at)| places[at] = place);
    places
}

/// The places of a parameter's values in the reference's order, if that is another than ours.
fn moved(model: Model, ours: &Parameter, modalities: &[String]) -> Option<Vec<u32>> {
    let listed = matches!(model, Model::Mclea | Model::Pcmea) && ours.name.ends_with(".log_variance");
    (listed && ours.values.len() == modalities.len()).then(|| loss_places(modalities))
}

/// Parameters under the reference's names, in its shapes and its order; those it has no name for keep ours.
/// `modalities` are the model's, in our order.
pub fn export(model: Model, modalities: &[String], parameters: Vec<Parameter>) -> Vec<Parameter> {
    let one = |mut parameter: Parameter| {
        let Some(name) = theirs(model, &parameter.name) else { return parameter };
        if let Some(places) = moved(model, &parameter, modalities) {
            let ours = parameter.values.clone();
            places.iter().zip(ours).for_each(|(&place, value)| parameter.values[place as usize] = value);
        }
        if name.contains(".gc") && parameter.shape.len() == 2 {
            parameter = transposed(parameter);
        } else if let (true, [heads, width]) = (name.contains(".layer_stack."), parameter.shape.as_slice()) {
            let (heads, width) = (*heads, *width);
            parameter.shape =
                if name.ends_with(".w") { vec![heads, 1, width] } else { vec![heads, width, 1] };
        } else if name.ends_with("fusion.weight") {
            parameter.shape.push(1);
        }
        parameter.name = name;
        parameter
    };
    parameters.into_iter().map(one).collect()
}

/// The reverse of [`export`]; parameters it does not know are kept as they are.
pub fn import(model: Model, modalities: &[String], parameters: Vec<Parameter>) -> Vec<Parameter> {
    let one = |mut parameter: Parameter| {
        let Some(name) = ours(model, &parameter.name) else { return parameter };
        if parameter.name.contains(".gc") && parameter.shape.len() == 2 {
            parameter = transposed(parameter);
        } else {
            let known = name.starts_with("structure.") && parameter.shape.len() == 3;
            if known || name == "fusion.weight" {
                let first = parameter.shape.first().copied();
                parameter.shape.retain(|&size| size != 1);
                // One head, or one modality, is a size too.
                if parameter.shape.is_empty() || first == Some(1) {
                    parameter.shape.insert(0, 1);
                }
            }
        }
        parameter.name = name;
        if let Some(places) = moved(model, &parameter, modalities) {
            let theirs = &parameter.values;
            parameter.values = places.iter().map(|&place| theirs[place as usize]).collect();
        }
        parameter
    };
    parameters.into_iter().map(one).collect()
}

fn transposed(mut parameter: Parameter) -> Parameter {
    let (rows, cols) = (parameter.shape[0], parameter.shape[1]);
    let old = std::mem::take(&mut parameter.values);
    parameter.values = (0..cols).flat_map(|c| old.iter().skip(c).step_by(cols.max(1)).copied()).collect();
    parameter.shape = vec![cols, rows];
    parameter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Init;

    #[test]
    fn names_and_shapes_go_there_and_back() {
        for (model, name, shape, theirs) in [
            (Model::Eva, "structure.0.weight", vec![3, 2], "cross_graph_model.gc1.weight"),
            (
                Model::Mclea,
                "structure.1.a",
                vec![2, 6],
                "multimodal_encoder.cross_graph_model.layer_stack.1.a_src_dst",
            ),
            (
                Model::Mclea,
                "structure.0.w",
                vec![1, 3],
                "multimodal_encoder.cross_graph_model.layer_stack.0.w",
            ),
            (Model::Mclea, "fusion.weight", vec![4], "multimodal_encoder.fusion.weight"),
            (Model::Meaformer, "visual.bias", vec![3], "multimodal_encoder.img_fc.bias"),
            (Model::Meaformer, "icl.log_variance", vec![3], "multi_loss_layer.log_vars"),
        ] {
            let parameter = Parameter::new(name, &shape, Init::affine(3), 1);
            let exported = export(model, &[], vec![parameter.clone()]);
            assert_eq!(exported[0].name, theirs);
            assert_eq!(import(model, &[], exported), [parameter]);
        }
        let weight = Parameter::new("structure.0.weight", &[3, 2], Init::affine(3), 1);
        assert_eq!(export(Model::Eva, &[], vec![weight])[0].shape, [2, 3]);
        assert_eq!(theirs(Model::Mclea, "structure.x.w"), None);
        assert_eq!(ours(Model::Mclea, "unheard.of"), None);
    }

    #[test]
    fn log_variances_stand_in_the_order_of_the_reference_s_losses() {
        let modalities = ["visual", "attribute", "relation", "structure", "text"].map(String::from);
        let variances = |name: &str, values: [f32; 5]| Parameter {
            name: name.into(),
            shape: vec![5],
            values: values.to_vec(),
        };
        let ours = variances("icl.log_variance", [1.0, 2.0, 3.0, 4.0, 5.0]);
        // Structure, relation, attribute, image, name.
        let theirs = variances("multi_loss_layer.log_vars", [4.0, 3.0, 2.0, 1.0, 5.0]);
        for model in [Model::Mclea, Model::Pcmea] {
            assert_eq!(export(model, &modalities, vec![ours.clone()])[0], theirs);
            assert_eq!(import(model, &modalities, vec![theirs.clone()])[0], ours);
        }
        // One uncertainty of MEAformer meets two losses there, in two orders: ours is one of them.
        assert_eq!(export(Model::Meaformer, &modalities, vec![ours.clone()])[0].values, ours.values);
        // Of another number of modalities: the trainer refuses it by its shape.
        assert_eq!(import(Model::Mclea, &modalities[..2], vec![theirs.clone()])[0].values, theirs.values);
    }
}
