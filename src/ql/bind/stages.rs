//! Seeds and alignments.

use super::Binder;
use super::named_modality;
use crate::error::{Code, Error, Result};
use crate::ops::spec::{self, Request, Variant, Weights};
use crate::ql::ast::{Name, Node, OptionItem, Using};
use crate::ql::catalog;
use crate::ql::options::{Options, weights};

impl Binder<'_> {
    pub(super) fn seed(
        &self,
        method: &Name,
        options: &[OptionItem],
        from: &Name,
        name: Option<&Name>,
    ) -> Result<Request> {
        let form = catalog::seed_form(&method.value);
        let options = self.options(form, options)?;
        let method = match () {
            () if std::ptr::eq(form, &catalog::SEED_CLUSTER) => {
                spec::SeedMethod::Cluster { k: options.auto("k"), variant: variant(&options) }
            }
            () if std::ptr::eq(form, &catalog::SEED_GLOBAL) => {
                spec::SeedMethod::Global { variant: variant(&options) }
            }
            () => spec::SeedMethod::Pivots(named_modality(method)?),
        };
        Ok(Request::Seed(spec::Seed {
            method,
            count: options.auto("n"),
            precision: options.float("precision").unwrap_or(spec::PRECISION),
            weights: options.weights(),
            missing: missing(&options),
            search: search(&options),
            from: from.value.clone(),
            name: self.result(name, "SEED")?,
            seed: options.seed(),
        }))
    }

    pub(super) fn correct(
        &self,
        seeds: &Name,
        options: &[OptionItem],
        name: Option<&Name>,
    ) -> Result<Request> {
        let options = self.options(&catalog::CORRECT, options)?;
        Ok(Request::Correct(spec::Correct {
            seeds: seeds.value.clone(),
            count: options.maybe_size("n"),
            direction: match options.word("direction") {
                "both" => spec::Direction::Both,
                _ => spec::Direction::Row,
            },
            iterate: options.flag("iterate"),
            all_rivals: options.word("rivals") == "all",
            variant: variant(&options),
            weights: options.weights(),
            missing: missing(&options),
            search: search(&options),
            name: self.result(name, "CORRECT")?,
            seed: options.seed(),
        }))
    }

    pub(super) fn expand(
        &self,
        seeds: &Name,
        model: Option<&Name>,
        options: &[OptionItem],
        name: Option<&Name>,
    ) -> Result<Request> {
        let options = self.options(&catalog::EXPAND, options)?;
        let variant = variant(&options);
        let own = variant == Variant::Seedbed;
        for (option, takes) in [
            ("threshold", !own),
            ("ramp", variant == Variant::Reference),
            ("cap", variant == Variant::Reference),
        ] {
            if let (Some(span), false) = (options.span(option), takes) {
                let message = format!("variant={} has no use for `{option}`", variant.as_str());
                return Err(Error::new(Code::Conflict, message)
                    .span(span)
                    .help("leave it out, or use variant=reference"));
            }
        }
        Ok(Request::Expand(spec::Expand {
            seeds: seeds.value.clone(),
            model: model.map(|model| model.value.clone()),
            count: options.auto("n"),
            precision: options.float("precision").unwrap_or(spec::PRECISION),
            threshold: options.float("threshold").unwrap_or_default() as f32,
            ramp: options.float("ramp").unwrap_or_default() as f32,
            cap: options.size("cap"),
            variant,
            weights: options.weights(),
            missing: missing(&options),
            search: search(&options),
            name: self.result(name, "EXPAND")?,
            seed: options.seed(),
        }))
    }

    pub(super) fn psqe(&self, options: &[OptionItem], pair: &Name, name: Option<&Name>) -> Result<Request> {
        let options = self.options(&catalog::PSQE, options)?;
        Ok(Request::Psqe(spec::Psqe {
            pair: pair.value.clone(),
            k: options.auto("k"),
            count: options.auto("n"),
            precision: options.float("precision").unwrap_or(spec::PRECISION),
            tune: options.flag("tune"),
            epochs: options.size("epochs"),
            lr: options.float("lr").unwrap_or_default(),
            batch: options.size("batch"),
            variant: variant(&options),
            weights: options.weights(),
            missing: missing(&options),
            search: search(&options),
            device: options.text("device").unwrap_or_default(),
            dtype: spec::Dtype::from_word(options.word("dtype")).unwrap_or(spec::Dtype::F32),
            name: self.result(name, "PSQE")?,
            seed: options.seed(),
        }))
    }

    pub(super) fn align(
        &self,
        pair: &Name,
        using: Option<&Node<Using>>,
        options: &[OptionItem],
        name: Option<&Name>,
    ) -> Result<Request> {
        let options = self.options(&catalog::ALIGN, options)?;
        let (model, weights) = self.using(using, &options)?;
        let align = spec::Align {
            pair: pair.value.clone(),
            model,
            weights,
            matching: spec::Matching::from_word(options.word("match")).unwrap_or(spec::Matching::Mutual),
            one_to_one: options.span("one_to_one").map(|_| options.flag("one_to_one")),
            rescale: rescale(&options)?,
            candidates: options.size("candidates"),
            threshold: options.span("threshold").map(|_| match options.float("threshold") {
                Some(threshold) => spec::Auto::Fixed(threshold as f32),
                None => spec::Auto::Auto,
            }),
            precision: options.float("precision").unwrap_or(spec::PRECISION),
            temperature: options.float("temperature").unwrap_or_default() as f32,
            iterations: options.size("iterations"),
            missing: missing(&options),
            search: search(&options),
            name: self.result(name, "ALIGN")?,
            seed: options.seed(),
        };
        let sinkhorn = align.matching == spec::Matching::Sinkhorn;
        let auto = align.threshold == Some(spec::Auto::Auto);
        for (option, takes, wanted) in [
            ("temperature", sinkhorn, "match=sinkhorn"),
            ("iterations", sinkhorn, "match=sinkhorn"),
            ("precision", auto, "threshold=auto"),
        ] {
            if let (Some(span), false) = (options.span(option), takes) {
                return Err(Error::new(Code::Conflict, format!("`{option}` goes with {wanted}"))
                    .span(span)
                    .help(format!("add {wanted}, or leave it out")));
            }
        }
        match align.nonsense() {
            Some((option, error)) => Err(error.span(options.span(option).unwrap_or(self.span))),
            None => Ok(Request::Align(align)),
        }
    }

    /// The model of `USING`, if it names one, and the weights of `USING` or of the option, not of both.
    pub(super) fn using(
        &self,
        using: Option<&Node<Using>>,
        options: &Options,
    ) -> Result<(Option<String>, Weights)> {
        Ok(match using.map(|using| &using.value) {
            Some(Using::Model(model)) => (Some(model.value.clone()), options.weights()),
            Some(Using::Features(Some(list))) => match options.span("weights") {
                Some(span) => {
                    return Err(Error::new(Code::Conflict, "the weights are given twice")
                        .span(span)
                        .help("keep either USING features(…) or the option"));
                }
                None => (None, weights(list, self.params)?),
            },
            Some(Using::Features(None)) | None => (None, options.weights()),
        })
    }
}

/// `rescale=` and `csls=`, which say the same of all but RInf.
fn rescale(options: &Options) -> Result<spec::Rescale> {
    let neighbours = options.maybe_size("csls");
    let csls = neighbours.map_or(spec::Rescale::None, spec::Rescale::Csls);
    let (named, word) = match options.word("rescale") {
        "rinf" => (spec::Rescale::Rinf, "rinf"),
        "none" => (spec::Rescale::None, "none"),
        _ if options.span("rescale").is_some() && neighbours.is_none() => (spec::Rescale::Csls(0), "csls"),
        _ => return Ok(csls),
    };
    match options.span("csls") {
        Some(span) if csls != named => {
            Err(Error::new(Code::Conflict, format!("`csls` contradicts rescale={word}"))
                .span(span)
                .help("leave out one of the two"))
        }
        _ => Ok(named),
    }
}

pub(super) fn missing(options: &Options) -> spec::Missing {
    match options.word("missing") {
        "random" => spec::Missing::Random,
        "renormalise" => spec::Missing::Renormalise,
        _ => spec::Missing::Neutral,
    }
}

fn search(options: &Options) -> spec::Search {
    spec::Search {
        exact: options.span("exact").map(|_| options.flag("exact")),
        recall: options.float("recall").unwrap_or(spec::RECALL),
    }
}

pub(super) fn variant(options: &Options) -> Variant {
    match options.word("variant") {
        "reference" => Variant::Reference,
        "seedbed" => Variant::Seedbed,
        _ => Variant::Paper,
    }
}
