//! What makes models.

use super::Binder;
use super::stages::{missing, variant};
use crate::error::{Code, Error, Result};
use crate::kg::Split;
use crate::ops::spec::{self, Request, Variant};
use crate::ql::ast::{Lesson, Name, Node, OptionItem, Value};
use crate::ql::catalog;
use crate::ql::options::Options;

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
        Ok(Request::Train(spec::Train {
            model,
            pair: pair.value.clone(),
            lessons: self.lessons(lessons)?,
            init: options.path("init"),
            name: self.result(name, "TRAIN")?,
            ..training(&options)
        }))
    }

    pub(super) fn bench(
        &self,
        pairs: &[Name],
        models: Option<&[Node<spec::Architecture>]>,
        seeds: &[Vec<Lesson>],
        options: &[OptionItem],
        path: Option<&Node<Value>>,
    ) -> Result<Request> {
        let options = self.options(&catalog::BENCH, options)?;
        let file = match path {
            Some(path) => Some(spec::TableFile {
                path: self.path(path)?,
                format: spec::TableFormat::from_word(options.word("format")),
                overwrite: options.flag("overwrite"),
            }),
            None => {
                if let Some(span) = options.span("format").or(options.span("overwrite")) {
                    return Err(Error::new(Code::Conflict, "`format` and `overwrite` are of a file")
                        .span(span)
                        .help("add TO 'path'; how tables are shown is said by .mode or --output"));
                }
                None
            }
        };
        Ok(Request::Bench(spec::Bench {
            pairs: pairs.iter().map(|pair| pair.value.clone()).collect(),
            models: match models {
                Some(models) => models.iter().map(|model| model.value).collect(),
                None => spec::Architecture::ALL.to_vec(),
            },
            seeds: seeds.iter().map(|lessons| self.lessons(lessons)).collect::<Result<_>>()?,
            runs: options.size("runs"),
            protocols: protocols(&options)?,
            csls: options.maybe_size("csls"),
            training: training(&options),
            published: published(&options, pairs.len())?,
            file,
        }))
    }

    fn lessons(&self, lessons: &[Lesson]) -> Result<Vec<spec::Lesson>> {
        let lesson = |lesson: &Lesson| match lesson {
            Lesson::Seeds(seeds) => Ok(spec::Lesson::Seeds(seeds.value.clone())),
            Lesson::Split(split) => self.split(split),
        };
        lessons.iter().map(lesson).collect()
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

/// The options of training an aligner; model, pair, lessons and name are left empty.
fn training(options: &Options) -> spec::Train {
    spec::Train {
        lessons: Vec::new(),
        epochs: options.maybe_size("epochs"),
        lr: options.float("lr"),
        batch: options.maybe_size("batch"),
        dims: options.maybe_size("dims"),
        temperature: options.float("temperature"),
        iterative: options.flag("iterative"),
        patience: options.maybe_size("patience"),
        without: listed(options, "without"),
        variant: variant(options),
        weights: options.weights(),
        device: options.text("device").unwrap_or_default(),
        seed: options.seed(),
        ..spec::Train::new(spec::Architecture::Eva, "", "", "")
    }
}

/// The items of an option that is a list parted by commas, in lower case.
fn listed(options: &Options, name: &str) -> Vec<String> {
    let text = options.text(name).unwrap_or_default();
    text.split(',').map(|item| item.trim().to_lowercase()).filter(|item| !item.is_empty()).collect()
}

fn protocols(options: &Options) -> Result<Vec<spec::Protocol>> {
    let wrong = |message: String| {
        Error::new(Code::OutOfRange, message)
            .span(options.span("protocol").unwrap_or_default())
            .help("there are paper and strict; both stand in quotes: protocol='paper, strict'")
    };
    let mut protocols = Vec::new();
    for word in listed(options, "protocol") {
        let protocol = spec::Protocol::from_word(&word);
        let protocol = protocol.ok_or_else(|| wrong(format!("`{word}` is no protocol")))?;
        if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    if protocols.is_empty() {
        return Err(wrong("no protocol is named".to_string()));
    }
    Ok(protocols)
}

/// The data sets whose published figures are wanted, for so many pairs.
fn published(options: &Options, pairs: usize) -> Result<spec::Published> {
    let Some(text) = options.text("published") else { return Ok(spec::Published::Auto) };
    let none = |name: &str| name.eq_ignore_ascii_case("none");
    if none(text.trim()) {
        return Ok(spec::Published::None);
    }
    let name = |name: &str| if none(name.trim()) { String::new() } else { name.trim().to_string() };
    let named: Vec<String> = text.split(',').map(name).collect();
    if named.len() == pairs {
        return Ok(spec::Published::Of(named));
    }
    let message = format!("`published` names {} of {pairs} data sets", named.len());
    Err(Error::new(Code::Conflict, message)
        .span(options.span("published").unwrap_or_default())
        .help("name one for each pair, in their order, parted by commas; none stands for no data set"))
}
