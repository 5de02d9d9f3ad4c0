//! What makes models.

use super::Binder;
use super::stages::{missing, variant};
use crate::error::{Code, Error, Result};
use crate::kg::Split;
use crate::ops::spec::{self, Request, Variant};
use crate::ql::ast::{Lesson, Name, Node, OptionItem, Value};
use crate::ql::catalog;

impl Binder<'_> {
    pub(super) fn tune(&self, seeds: &Name, options: &[OptionItem], name: Option<&Name>) -> Result<Request> {
        let options = self.options(&catalog::TUNE, options)?;
        let variant = variant(&options);
        if let (Variant::Reference, Some(span)) = (variant, options.span("temperature")) {
            return Err(Error::new(Code::Conflict, "variant=reference has no temperature")
                .span(span)
                .help("leave it out, or use variant=paper"));
        }
        Ok(Request::Tune(spec::Tune {
            seeds: seeds.value.clone(),
            epochs: options.size("epochs"),
            lr: options.float("lr").unwrap_or_default(),
            batch: options.size("batch"),
            dims: options.size("dims"),
            temperature: match variant {
                Variant::Reference => 1.0,
                _ => options.float("temperature").unwrap_or(1.0),
            },
            patience: options.maybe_size("patience"),
            variant,
            weights: options.weights(),
            missing: missing(&options),
            device: options.text("device").unwrap_or_default(),
            dtype: spec::Dtype::from_word(options.word("dtype")).unwrap_or(spec::Dtype::F32),
            name: self.result(name, "TUNE")?,
            seed: options.seed(),
        }))
    }

    pub(super) fn train(
        &self,
        model: spec::Architecture,
        pair: &Name,
        lessons: &[Lesson],
        options: &[OptionItem],
        name: Option<&Name>,
    ) -> Result<Request> {
        let options = self.options(&catalog::TRAIN, options)?;
        let lesson = |lesson: &Lesson| match lesson {
            Lesson::Seeds(seeds) => Ok(spec::Lesson::Seeds(seeds.value.clone())),
            Lesson::Split(split) => self.split(split),
        };
        let without = options.text("without").unwrap_or_default();
        let parts = without.split(',').map(|part| part.trim().to_lowercase()).filter(|part| !part.is_empty());
        Ok(Request::Train(spec::Train {
            model,
            pair: pair.value.clone(),
            lessons: lessons.iter().map(lesson).collect::<Result<_>>()?,
            epochs: options.maybe_size("epochs"),
            lr: options.float("lr"),
            batch: options.maybe_size("batch"),
            dims: options.maybe_size("dims"),
            temperature: options.float("temperature"),
            iterative: options.flag("iterative"),
            patience: options.maybe_size("patience"),
            without: parts.collect(),
            init: options.path("init"),
            variant: variant(&options),
            weights: options.weights(),
            device: options.text("device").unwrap_or_default(),
            name: self.result(name, "TRAIN")?,
            seed: options.seed(),
        }))
    }

    /// `split 'train'`, or a share of the links: `split '20%'`.
    fn split(&self, node: &Node<Value>) -> Result<spec::Lesson> {
        let text = self.text(node, "a split")?;
        if let Some(percent) = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok()) {
            if percent > 0.0 && percent < 100.0 {
                return Ok(spec::Lesson::Share(percent / 100.0));
            }
            return Err(Error::new(
                Code::OutOfRange,
                format!("{percent} % of the links cannot be trained on"),
            )
            .span(node.span)
            .help("a share lies between 0% and 100%: what is left is to judge by"));
        }
        match text.to_ascii_lowercase().as_str() {
            "train" => Ok(spec::Lesson::Split(Split::Train)),
            "valid" => Ok(spec::Lesson::Split(Split::Valid)),
            "test" => Err(Error::new(Code::Conflict, "a model cannot learn from the links it is judged by")
                .span(node.span)
                .help("train on split 'train', or on a share such as split '20%'")),
            _ => Err(Error::new(Code::OutOfRange, format!("`{text}` is no split"))
                .span(node.span)
                .help("there is 'train', 'valid', or a share of all links such as '20%'")),
        }
    }
}
