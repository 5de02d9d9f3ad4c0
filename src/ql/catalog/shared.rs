//! Options that several statements share.

use super::{Kind, Opt};

pub(super) const fn opt(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Opt {
    Opt { name, kind, default, doc }
}

/// The largest random seed: what a JSON number and a SeedQL number both hold.
pub(super) const MOST: i64 = i64::MAX;

pub(super) const ROW_IDS: Opt = opt("ids", Kind::Path, "", "companion file that says which row is whose");
pub(super) const PRESENT: Opt = opt("present", Kind::Path, "", "file of truth values: which rows are real");
pub(super) const TENSOR: Opt =
    opt("tensor", Kind::Text, "", "name of the tensor inside a safetensors or npz file");
pub(super) const COMMENT: Opt = opt("comment", Kind::Text, "", "why");
pub(super) const AUTHOR: Opt = opt("author", Kind::Text, "", "who says so; the setting's where not given");
pub(super) const RANDOM_SEED: Opt =
    opt("seed", Kind::Int(0, MOST), "", "random seed; the setting's where not given");
pub(super) const MISSING: Opt = opt(
    "missing",
    Kind::Choice(&[
        ("neutral", "a missing modality speaks neither for nor against a pair"),
        ("renormalise", "weights are renormalised over the modalities both rows have"),
        ("random", "missing rows are drawn from N(mean, std) of the known ones"),
    ]),
    "neutral",
    "what becomes of rows without a modality",
);
pub(super) const EXACT: Opt = opt(
    "exact",
    Kind::Bool,
    "",
    "compare all pairs, or those in a cell together; where not given, all up to 20,000,000,000",
);
pub(super) const RECALL: Opt = opt(
    "recall",
    Kind::Float(0.0, 1.0),
    "0.98",
    "share of the ten best partners that cells must be shown to keep",
);
pub(super) const VARIANT: Opt = opt(
    "variant",
    Kind::Choice(&[
        ("paper", "the formulas of the paper's text"),
        ("reference", "what the authors' public code does"),
    ]),
    "paper",
    "whose formulas are followed where text and code differ",
);
/// For the stages that Seedbed has a way of its own for.
pub(super) const ANY_VARIANT: Opt = opt(
    "variant",
    Kind::Choice(&[
        ("seedbed", "our own: shared seed neighbours are evidence beside the modalities"),
        ("paper", "the formulas of the paper's text"),
        ("reference", "what the authors' public code does"),
    ]),
    "seedbed",
    "whose formulas are followed where they differ",
);
pub(super) const CORRECT_VARIANT: Opt = opt(
    "variant",
    Kind::Choice(&[
        ("paper", "the formulas of the paper's text"),
        ("reference", "what the authors' public code does"),
        (
            "seedbed",
            "our own: a seed must stay best of both its ends without any one of two kinds of evidence",
        ),
    ]),
    "paper",
    "whose formulas are followed where they differ",
);
pub(super) const COUNT: Kind = Kind::IntOr(1, 100_000_000, "auto");
pub(super) const PRECISION: Opt = opt(
    "precision",
    Kind::Float(0.0, 1.0),
    "0.9",
    "with n=auto: stop where the estimated precision falls under this",
);
pub(super) const EPOCHS: Opt = opt("epochs", Kind::Int(1, 1_000_000), "300", "passes over the seeds");
pub(super) const LR: Opt = opt("lr", Kind::Float(1e-9, 10.0), "0.01", "learning rate of AdamW");
pub(super) const BATCH: Opt = opt("batch", Kind::Int(2, 1_000_000), "2000", "pairs of a batch");
pub(super) const DEVICE: Opt =
    opt("device", Kind::Text, "", "where tuning runs: cpu, cuda:0 or auto; the setting's where not given");
pub(super) const DTYPE: Opt = opt(
    "dtype",
    Kind::Choice(&[
        ("f32", "32 bits throughout"),
        ("bf16", "affine maps in bf16, all else in f32; on a GPU only"),
    ]),
    "f32",
    "type of number that tuning multiplies",
);
pub(super) const WEIGHTS: Opt = opt("weights", Kind::Weights, "auto", "weights of the modalities");
pub(super) const TUNED: Opt = opt(
    "weights",
    Kind::Weights,
    "auto",
    "the modalities to tune, all unless some are named; sizes do not matter",
);
pub(super) const TRAINED: Opt = opt(
    "weights",
    Kind::Weights,
    "auto",
    "the modalities to train on, all unless some are named; sizes do not matter",
);
pub(super) const TRAIN_VARIANT: Opt = opt(
    "variant",
    Kind::Choice(&[
        ("paper", "the formulas of the paper"),
        ("reference", "what the authors' public code does, its slips included"),
    ]),
    "paper",
    "whose formulas are followed where they differ",
);
pub(super) const LENIENT: Opt = opt("lenient", Kind::Bool, "false", "skip broken lines and count them");
pub(super) const SPLITS: Kind = Kind::Choice(&[
    ("train", "links to train on"),
    ("valid", "links to choose settings by"),
    ("test", "links to judge by"),
]);

/// The options of training an aligner, for `TRAIN` and what trains many.
pub(super) const MODEL_EPOCHS: Opt =
    opt("epochs", Kind::Int(0, 1_000_000), "", "passes over the seeds; the model's own where not given");
pub(super) const MODEL_LR: Opt =
    opt("lr", Kind::Float(1e-9, 10.0), "", "learning rate of AdamW; the model's own where not given");
pub(super) const MODEL_BATCH: Opt =
    opt("batch", Kind::Int(2, 1_000_000), "", "pairs of a batch; the model's own where not given");
pub(super) const MODEL_DIMS: Opt =
    opt("dims", Kind::Int(4, 8192), "", "width of a modality's embedding; the model's own where not given");
pub(super) const MODEL_TEMPERATURE: Opt =
    opt("temperature", Kind::Float(0.025, 1e3), "", "divides similarities; the model's own where not given");
pub(super) const ITERATIVE: Opt = opt(
    "iterative",
    Kind::Bool,
    "false",
    "let mutual nearest neighbours join the seeds, every so many epochs",
);
pub(super) const MODEL_PATIENCE: Opt = opt(
    "patience",
    Kind::IntOr(1, 1_000_000, "none"),
    "none",
    "epochs without gain on held-out seeds after which training stops",
);
pub(super) const WITHOUT: Opt = opt(
    "without",
    Kind::Text,
    "",
    "parts of the model to leave out, parted by commas; DESCRIBE MODEL lists them",
);
pub(super) const OVERWRITE: Opt = opt("overwrite", Kind::Bool, "false", "overwrite a file that exists");
