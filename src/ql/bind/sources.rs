//! What brings graphs and modalities in: IMPORT, EMBED, GENERATE PAIR.

use std::path::PathBuf;

use super::{Binder, named_modality};
use crate::error::{Code, Error, Result};
use crate::ops::spec::{self, Encoder, Request, Source};
use crate::ql::ast::{EmbedFrom, Name, Node, OptionItem, Value};
use crate::ql::catalog;

impl Binder<'_> {
    pub(super) fn import(
        &self,
        format: &Node<spec::PairFormat>,
        paths: &[Node<Value>],
        options: &[OptionItem],
        name: &Name,
    ) -> Result<Request> {
        let options = self.options(&catalog::IMPORT, options)?;
        let rdf = format.value == spec::PairFormat::Rdf;
        if let (true, [only]) = (rdf, paths) {
            return Err(Error::new(
                Code::Conflict,
                "rdf needs two files, the left graph's and the right graph's",
            )
            .span(only.span)
            .help("IMPORT rdf 'left.nt', 'right.nt' AS pair"));
        }
        let (most, takes) = match format.value {
            spec::PairFormat::Rdf => (2, "two files, the left graph's and the right graph's"),
            spec::PairFormat::Mmkg => (2, "one folder, or the left graph's and the right graph's"),
            _ => (1, "one folder"),
        };
        if let Some(extra) = paths.get(most) {
            return Err(too_many(extra, takes));
        }
        let only_for: [(&str, &[spec::PairFormat]); 2] = [
            ("fold", &[spec::PairFormat::Openea]),
            ("remap_ids", &[spec::PairFormat::Dbp15k, spec::PairFormat::Jape]),
        ];
        for (option, wanted) in only_for {
            if let (Some(span), false) = (options.span(option), wanted.contains(&format.value)) {
                let words: Vec<&str> =
                    wanted.iter().map(|wanted| catalog::word_for(catalog::PAIR_FORMATS, wanted)).collect();
                let words = words.join(" and ");
                return Err(Error::new(Code::Conflict, format!("`{option}` is for {words} only"))
                    .span(span)
                    .help("leave it out"));
            }
        }
        Ok(Request::Import(spec::Import {
            format: format.value,
            paths: self.paths(paths)?,
            name: name.value.clone(),
            lenient: options.flag("lenient"),
            remap_ids: options.flag("remap_ids"),
            links: options.path("links"),
            fold: options.int("fold").and_then(|fold| u32::try_from(fold).ok()),
        }))
    }

    /// The rows of a modality from files, to be brought or to replace some.
    pub(super) fn features(
        &self,
        form: &'static catalog::Form,
        modality: &Name,
        paths: &[Node<Value>],
        options: &[OptionItem],
        pair: &Name,
    ) -> Result<spec::ImportFeatures> {
        let options = self.options(form, options)?;
        if let Some(third) = paths.get(2) {
            return Err(too_many(third, "one file over both sides, or the left's and the right's"));
        }
        Ok(spec::ImportFeatures {
            modality: named_modality(modality)?,
            paths: self.paths(paths)?,
            pair: pair.value.clone(),
            ids: options.path("ids"),
            present: options.path("present"),
            tensor: options.text("tensor"),
        })
    }

    pub(super) fn embed(
        &self,
        source: &Node<Source>,
        (encoder, weights): (Option<&Node<Encoder>>, Option<&Node<Value>>),
        from: Option<&EmbedFrom>,
        options: &[OptionItem],
        pair: &Name,
        modality: Option<&Name>,
    ) -> Result<Request> {
        let options = self.options(&catalog::EMBED, options)?;
        let using = match encoder {
            Some(encoder) => self.fitting(source, encoder)?,
            None => source.value.usual().ok_or_else(|| {
                Error::new(Code::MissingData, "texts are embedded by a network of yours")
                    .span(source.span)
                    .help("EMBED text USING bert 'folder' INTO pair; names alone need none: EMBED name INTO pair")
            })?,
        };
        let mut embed = spec::Embed::new(source.value, using, &pair.value);
        embed.modality = modality.map(named_modality).transpose()?;
        embed.weights = self.weights(using, encoder, weights)?;
        (embed.seeds, embed.pictures) = self.embedded_from(source, using, from)?;
        let (ngrams, steps) =
            (using == Encoder::Ngrams, matches!(using, Encoder::Propagation | Encoder::Walks));
        for (option, takes) in [
            ("min_n", ngrams),
            ("max_n", ngrams),
            ("dims", ngrams || steps || using == Encoder::Bow),
            ("hops", steps),
            ("seed", steps),
            ("folder", source.value == Source::Image),
        ] {
            if let (Some(span), false) = (options.span(option), takes) {
                let word = catalog::word_for(catalog::ENCODERS, &using);
                return Err(Error::new(Code::Conflict, format!("{word} has no use for `{option}`"))
                    .span(span)
                    .help("leave it out"));
            }
        }
        let (min_n, max_n) = (options.size("min_n"), options.size("max_n"));
        if min_n > max_n {
            let span = options.span("min_n").or(options.span("max_n")).unwrap_or(self.span);
            let message = format!("the shortest n-gram ({min_n}) is longer than the longest ({max_n})");
            return Err(Error::new(Code::Conflict, message).span(span).help("min_n must not exceed max_n"));
        }
        (embed.min_n, embed.max_n) = (min_n, max_n);
        (embed.dims, embed.seed) = (options.maybe_size("dims"), options.seed());
        embed.hops = options.maybe_size("hops").unwrap_or(embed.hops);
        embed.folder = options.path("folder");
        Ok(Request::Embed(embed))
    }

    /// An encoder that can embed what it is asked to.
    fn fitting(&self, source: &Node<Source>, encoder: &Node<Encoder>) -> Result<Encoder> {
        if encoder.value.fits(source.value) {
            return Ok(encoder.value);
        }
        let word = |encoder| catalog::word_for(catalog::ENCODERS, encoder);
        let aspect = catalog::word_for(catalog::ASPECTS, &source.value);
        let fit: Vec<&str> = catalog::ENCODERS
            .iter()
            .filter(|known| known.value.fits(source.value))
            .map(|known| known.text)
            .collect();
        let message = format!("{} cannot embed {aspect}", word(&encoder.value));
        let help = format!("{aspect} is embedded using {}", catalog::enumerated(fit.into_iter()));
        Err(Error::new(Code::Conflict, message).span(encoder.span).help(help))
    }

    /// The weights of an encoder that has some.
    fn weights(
        &self,
        using: Encoder,
        encoder: Option<&Node<Encoder>>,
        weights: Option<&Node<Value>>,
    ) -> Result<Option<PathBuf>> {
        let word = catalog::word_for(catalog::ENCODERS, &using);
        match (using.has_weights(), weights) {
            (true, Some(path)) => Ok(Some(self.path(path)?)),
            (false, None) => Ok(None),
            (true, None) => {
                let example = if using == Encoder::Bert { "models/minilm" } else { "weights.safetensors" };
                Err(Error::new(Code::MissingData, format!("{word} is a network: name its weights"))
                    .span(encoder.map_or(self.span, |encoder| encoder.span))
                    .help(format!("a folder or a file of yours, such as USING {word} '{example}'")))
            }
            (false, Some(path)) => Err(Error::new(Code::Conflict, format!("{word} has no weights"))
                .span(path.span)
                .help("leave the path out")),
        }
    }

    /// Seeds for what spreads them, pictures for what looks at them.
    fn embedded_from(
        &self,
        source: &Node<Source>,
        using: Encoder,
        from: Option<&EmbedFrom>,
    ) -> Result<(Option<String>, Vec<PathBuf>)> {
        let word = catalog::word_for(catalog::ENCODERS, &using);
        let (spreads, looks) = (using == Encoder::Propagation, source.value == Source::Image);
        match from {
            Some(EmbedFrom::Seeds(seeds)) if spreads => Ok((Some(seeds.value.clone()), Vec::new())),
            Some(EmbedFrom::Pictures(paths)) if looks => match paths.get(2) {
                Some(third) => Err(too_many(third, "one folder or index, or the left's and the right's")),
                None => Ok((None, self.paths(paths)?)),
            },
            None if spreads => Err(Error::new(Code::MissingData, "propagation needs seeds to propagate")
                .span(source.span)
                .help("name a seed set: EMBED structure USING propagation FROM seeds INTO pair")),
            None if looks => Err(Error::new(Code::MissingData, "there is no word of where the pictures are")
                .span(source.span)
                .help("name a folder or an index: EMBED image FROM 'pictures' INTO pair")),
            None => Ok((None, Vec::new())),
            Some(EmbedFrom::Pictures(paths)) => {
                let help = if spreads { "name a seed set, without quotes" } else { "leave FROM out" };
                Err(Error::new(Code::Conflict, format!("{word} has no use for files"))
                    .span(paths.first().map_or(source.span, |path| path.span))
                    .help(help))
            }
            Some(EmbedFrom::Seeds(seeds)) => {
                let help =
                    if looks { "pictures are a path in quotes: FROM 'pictures'" } else { "leave FROM out" };
                Err(Error::new(Code::Conflict, format!("{word} has no use for seeds"))
                    .span(seeds.span)
                    .help(help))
            }
        }
    }

    pub(super) fn generate(&self, name: &Name, options: &[OptionItem]) -> Result<Request> {
        let options = self.options(&catalog::GENERATE, options)?;
        let share = |name| options.float(name).unwrap_or(0.0);
        Ok(Request::Generate(spec::Generate {
            name: name.value.clone(),
            entities: options.size("entities"),
            overlap: share("overlap"),
            degree: share("degree"),
            exponent: share("exponent"),
            edge_noise: share("edge_noise"),
            relations: options.size("relations"),
            attributes: options.size("attributes"),
            name_noise: share("name_noise"),
            visual_noise: share("visual_noise"),
            visual_dims: options.size("visual_dims"),
            missing_visual: share("missing_visual"),
            missing_names: share("missing_names"),
            test: share("test"),
            missing_attributes: share("missing_attributes"),
            pictures: options.path("pictures"),
            seed: options.seed(),
        }))
    }
}

fn too_many(path: &Node<Value>, takes: &str) -> Error {
    Error::new(Code::Conflict, "there is one path too many here")
        .span(path.span)
        .help(format!("the statement takes {takes}"))
}
