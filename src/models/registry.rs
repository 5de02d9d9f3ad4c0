//! What models there are: their papers, parameters and modalities, for `SHOW MODELS` and its kin.

use super::{Model, Options};

/// The type of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// A word of a few.
    Word,
}

/// One option of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name in the language.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it is without being given.
    pub default: String,
    /// What it may be, in words.
    pub range: &'static str,
    /// What it does.
    pub meaning: &'static str,
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
}

/// All models, in the order of [`Model::ALL`].
pub fn all() -> Vec<Entry> {
    Model::ALL.into_iter().map(entry).collect()
}

/// A model by its name in any case.
pub fn find(name: &str) -> Option<Model> {
    Model::ALL.into_iter().find(|model| model.as_str().eq_ignore_ascii_case(name))
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
    Entry { model, paper, summary, modalities, figures, settings: settings(&Options::of(model)) }
}

/// The options a model looks at.
fn settings(options: &Options) -> Vec<Setting> {
    use Kind::{Integer, Number, Word};
    let model = options.model;
    let setting =
        |name, kind, default: String, range, meaning| Setting { name, kind, default, range, meaning };
    let or_none = |n: Option<String>| n.unwrap_or_else(|| "none".into());
    let text = |x: f32| x.to_string();
    let mut list = vec![
        setting("epochs", Integer, options.epochs.to_string(), "1 or more", "passes over the pairs"),
        setting("lr", Number, text(options.rate), "above 0", "learning rate of AdamW"),
        setting("batch", Integer, options.batch.to_string(), "1 or more", "most pairs of a step"),
        setting(
            "hidden",
            Integer,
            options.hidden.to_string(),
            "1 or more",
            "width of entity vectors and graph layers",
        ),
        setting(
            "width",
            Integer,
            options.width.to_string(),
            "1 or more",
            "width of a modality's vectors; that of hidden but for eva",
        ),
        setting("layers", Integer, options.layers.to_string(), "1 or more", "graph layers"),
        setting("weight_decay", Number, text(options.weight_decay), "0 or more", "decoupled weight decay"),
        setting("clip", Number, or_none(options.clip.map(text)), "above 0", "largest norm of the gradients"),
        setting(
            "patience",
            Integer,
            "none".into(),
            "1 or more",
            "epochs without gain on held-out pairs before it stops",
        ),
        setting(
            "iterative",
            Word,
            "false".into(),
            "true or false",
            "whether pairs it finds itself join from epoch 500 on",
        ),
        setting(
            "variant",
            Word,
            "paper".into(),
            "paper or reference",
            "the text, or the quirks of the authors' code",
        ),
        setting(
            "seed",
            Integer,
            options.seed.to_string(),
            "0 or more",
            "of parameters, order and held-out pairs",
        ),
    ];
    if model != Model::Eva {
        list.push(setting(
            "tau",
            Number,
            text(options.tau),
            "0.025 or more",
            "temperature of the contrastive losses",
        ));
        list.push(setting(
            "heads",
            Integer,
            options.heads.to_string(),
            "1 or more",
            "heads of graph attention",
        ));
    }
    if matches!(model, Model::Mclea | Model::Pcmea) {
        let meaning = "temperature of the alignment loss";
        list.push(setting("alignment_tau", Number, text(options.alignment_tau), "0.025 or more", meaning));
    }
    if matches!(model, Model::Meaformer | Model::Mpsea) {
        let meaning = "heads of attention among modalities";
        list.push(setting(
            "fusion_heads",
            Integer,
            options.fusion_heads.to_string(),
            "a divisor of width",
            meaning,
        ));
    }
    if model == Model::Meaformer {
        let inner = or_none(options.feed_forward.map(|n| n.to_string()));
        list.push(setting(
            "feed_forward",
            Integer,
            inner,
            "1 or more, or none",
            "width inside the transformer layer",
        ));
    }
    if model == Model::Pcmea {
        let from = options.momentum_from.to_string();
        list.push(setting(
            "momentum_from",
            Integer,
            from,
            "0 or more",
            "epoch from which a momentum copy is contrasted with",
        ));
        list.push(setting(
            "momentum",
            Number,
            text(options.momentum),
            "from 0 to below 1",
            "what the copy keeps of itself a step",
        ));
    }
    if model == Model::Mpsea {
        for (name, meaning) in [
            ("structure", "whether entities have learned vectors spread over the graph"),
            ("pre_fusion", "keys of structure and image before those of text"),
            ("outlook", "outlook attention behind the image"),
            ("policy", "the policy and its loss"),
            ("separate", "separate maps of an entity and its neighbours"),
        ] {
            list.push(setting(name, Word, "true".into(), "true or false", meaning));
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_known_by_its_name_and_has_settings_once() {
        for entry in all() {
            assert_eq!(find(&entry.model.as_str().to_uppercase()), Some(entry.model));
            let names: std::collections::BTreeSet<_> = entry.settings.iter().map(|s| s.name).collect();
            assert_eq!(names.len(), entry.settings.len());
            assert!(entry.settings.iter().all(|s| !s.default.is_empty() && !s.meaning.is_empty()));
        }
        assert_eq!(find("gpt"), None);
    }
}
