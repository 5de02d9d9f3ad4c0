//! What models there are: their papers, parameters and modalities, for `SHOW MODELS` and its kin.

use super::{Model, Options};
use crate::train::Shape;

/// One option of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name in the language.
    pub name: &'static str,
    /// What it is without being given.
    pub default: String,
    /// What it may be, in words.
    pub range: &'static str,
    /// What it does.
    pub meaning: String,
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The model.
    pub model: Model,
    /// Authors, venue, title.
    pub paper: &'static str,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// Modalities its authors use.
    pub modalities: &'static [&'static str],
    /// Where its authors' figures stand, and on which data.
    pub figures: &'static str,
    /// Its options with their defaults.
    pub settings: Vec<Setting>,
    /// What is as its authors published it and no option.
    pub published: Vec<(&'static str, String)>,
}

/// All models, in the order of [`Model::ALL`].
pub fn all() -> Vec<Entry> {
    Model::ALL.iter().copied().map(entry).collect()
}

/// What is known of a model.
pub fn entry(model: Model) -> Entry {
    let (paper, summary, modalities, figures): (_, _, &'static [&'static str], _) = match model {
        Model::Eva => (
            "Liu, Chen, Roth, Collier: Visual Pivoting for (Unsupervised) Entity Alignment, AAAI 2021",
            "Graph convolution, a map a modality, one learned weight a modality; NCA losses",
            &["structure", "visual", "relation", "attribute"],
            "the paper's tables 2 and 3: DBP15K, DWY15K; the last 70 % of the links among themselves",
        ),
        Model::Mclea => (
            "Lin, Zhang, Wang, Shi, Wang, Zheng: Multi-modal Contrastive Representation Learning for Entity \
             Alignment, COLING 2022",
            "Graph attention, contrastive losses by modality and alignment of each to the joint vectors",
            &["structure", "visual", "relation", "attribute", "text", "ngrams"],
            "the paper's tables: DBP15K, FB15K-DB15K, FB15K-YAGO15K",
        ),
        Model::Meaformer => (
            "Chen et al.: MEAformer: Multi-modal Entity Alignment Transformer for Meta Modality Hybrid, \
             ACM MM 2023",
            "A transformer layer over modality tokens whose attention weighs the modalities by entity",
            &["structure", "visual", "relation", "attribute", "text", "ngrams"],
            "the paper's tables: DBP15K, FB15K-DB15K, FB15K-YAGO15K; iterative and not",
        ),
        Model::Pcmea => (
            "Wang et al.: Pseudo-Label Calibration Semi-supervised Multi-Modal Entity Alignment, AAAI 2024",
            "MCLEA with attention, mutual information, momentum contrast and calibrated pseudo-labels",
            &["structure", "visual", "relation", "attribute", "relation_text", "attribute_text"],
            "the paper's tables: FB15K-DB15K, FB15K-YAGO15K; DBP15K in the PSQE paper, table 1",
        ),
        Model::Mpsea => (
            "Li, Chen, Tan, Kostromitin, Vasilakos, Zhang: Multi-Modal Pre-Synergistic Fusion Entity \
             Alignment Based on Mutual Information Strategy Optimization, CMC 2025",
            "Structure and image join the keys of text before fusion; a policy rewards kept information",
            &["structure", "visual", "relation", "attribute", "numeric"],
            "the paper's tables 2 to 6: FB15K-DB15K, FB15K-YAGO15K at 20, 50 and 80 % of the links",
        ),
    };
    let options = Options::of(model);
    let (settings, published) = (settings(&options), published(&options));
    Entry { model, paper, summary, modalities, figures, settings, published }
}

/// The options that a model takes, with its defaults; those that all take alike are left out.
fn settings(options: &Options) -> Vec<Setting> {
    let setting = |name, default: String, range, meaning: &str| {
        let meaning = meaning.to_string();
        Setting { name, default, range, meaning }
    };
    let mut list = vec![
        setting("epochs", options.epochs.to_string(), "0 or more", "passes over the pairs"),
        setting("lr", options.rate.to_string(), "above 0", "learning rate of AdamW"),
        setting("batch", options.batch.to_string(), "2 or more", "most pairs of a step"),
        setting("dims", options.width.to_string(), "4 or more", "width of a modality's vectors"),
    ];
    if options.model != Model::Eva {
        let meaning = "divides similarities in the contrastive losses";
        list.push(setting("temperature", options.tau.to_string(), "0.025 or more", meaning));
    }
    let rule = options.iterate_as_published();
    let meaning = format!(
        "mutual nearest neighbours join the pairs: looked for every {} epochs from epoch {} on; in shorter runs \
         more often, from their middle on",
        rule.every, rule.from
    );
    list.push(setting("iterative", "false".into(), "true or false", &meaning));
    let parts = Options::parts(options.model).join(", ");
    let late = match options.model {
        Model::Mpsea => "; without early-joint the late joint vectors are the result",
        _ => "",
    };
    let meaning = format!("parts to leave out: {parts}, or a modality{late}");
    list.push(setting("without", "none".into(), "names parted by commas", &meaning));
    list
}

/// What is as its authors published it and no option.
fn published(options: &Options) -> Vec<(&'static str, String)> {
    let mut list = vec![
        ("graph layers", options.layers.to_string()),
        ("width of graph layers", format!("{}, or dims", options.hidden)),
        ("weight decay", options.weight_decay.to_string()),
    ];
    if options.model != Model::Eva {
        list.push(("heads of graph attention", options.heads.to_string()));
    }
    if let Some(clip) = options.clip {
        list.push(("largest norm of the gradients", clip.to_string()));
    }
    if matches!(options.schedule.shape, Shape::Cosine { .. }) {
        list.push(("learning rate", "falls along half a cosine".to_string()));
    }
    if matches!(options.model, Model::Mclea | Model::Pcmea) {
        list.push(("temperature of the alignment loss", options.alignment_tau.to_string()));
    }
    if matches!(options.model, Model::Meaformer | Model::Mpsea) {
        list.push(("heads of attention among modalities", options.fusion_heads.to_string()));
    }
    if let (Model::Meaformer, Some(width)) = (options.model, options.feed_forward) {
        list.push(("width inside the transformer layer", width.to_string()));
    }
    if options.model == Model::Pcmea {
        list.push(("momentum of the copy contrasted with", options.momentum.to_string()));
        let from = format!("{}; in shorter runs their middle", options.momentum_from);
        list.push(("epoch from which it is", from));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_settings_once() {
        for entry in all() {
            let names: std::collections::BTreeSet<_> = entry.settings.iter().map(|s| s.name).collect();
            assert_eq!(names.len(), entry.settings.len());
            assert!(entry.settings.iter().all(|s| !s.default.is_empty() && !s.meaning.is_empty()));
        }
    }
}
