//! Tree to request: parameters filled in, options checked, words turned into types. Names of pairs and
//! artifacts are passed on as they stand; whoever has the store looks them up.

mod edits;
mod models;
mod sources;
mod stages;

use std::path::PathBuf;

use crate::error::{Code, Error, Result, Span};
use crate::features::Modality;
use crate::ops::spec::{self, Request, amounts};
use crate::ql::Params;
use crate::ql::ast::{
    Condition, Name, Node, OptionItem, RowSource, Select, ShowWhat, Statement, StatementKind, Value,
};
use crate::ql::catalog;
use crate::ql::options::{Options, resolve};
use crate::ql::suggest::nearest;

/// What a statement asks for, with parameters filled in and every value checked.
///
/// Under `EXPLAIN` the result's name (`AS …`) may be left out and is then empty. Errors have the span
/// of what is wrong; codes `unknown-option`, `wrong-type`, `out-of-range`, `unbound-parameter`,
/// `conflict`, `unsupported`, `syntax` (a result without a name).
pub fn bind(statement: &Statement, params: &Params) -> Result<Request> {
    if let StatementKind::Explain(inner) = &*statement.kind {
        let request = Binder { params, explain: true, span: inner.span }.request(&inner.kind)?;
        return Ok(Request::Explain(Box::new(request)));
    }
    Binder { params, explain: false, span: statement.span }.request(&statement.kind)
}

struct Binder<'a> {
    params: &'a Params,
    explain: bool,
    span: Span,
}

impl Binder<'_> {
    fn request(&self, kind: &StatementKind) -> Result<Request> {
        use StatementKind as S;
        Ok(match kind {
            S::Explain(_) => {
                return Err(Error::new(Code::Syntax, "EXPLAIN cannot explain itself").span(self.span));
            }
            S::Import { format, paths, options, name } => self.import(format, paths, options, name)?,
            S::ImportLinks { format, path, options, pair } => {
                let options = self.options(&catalog::IMPORT_LINKS, options)?;
                Request::ImportLinks(spec::ImportLinks {
                    format: format.as_ref().map(|format| format.value),
                    path: self.path(path)?,
                    pair: pair.value.clone(),
                    split: split(&options),
                    lenient: options.flag("lenient"),
                })
            }
            S::ImportFeatures { modality, paths, options, pair } => Request::ImportFeatures(self.features(
                &catalog::IMPORT_FEATURES,
                modality,
                paths,
                options,
                pair,
            )?),
            S::Embed { source, encoder, weights, from, options, pair, modality } => {
                let using = (encoder.as_ref(), weights.as_ref());
                self.embed(source, using, from.as_ref(), options, pair, modality.as_ref())?
            }
            S::Generate { name, options } => self.generate(name, options)?,
            S::Seed { method, options, pair, name } => self.seed(method, options, pair, name.as_ref())?,
            S::Tune { seeds, options, name } => self.tune(seeds, options, name.as_ref())?,
            S::Train { model, pair, lessons, options, name } => {
                self.train(model.value, pair, lessons, options, name.as_ref())?
            }
            S::Bench { pairs, models, seeds, options, path } => {
                self.bench(pairs, models.as_deref(), seeds, options, path.as_ref())?
            }
            S::Correct { seeds, options, name } => self.correct(seeds, options, name.as_ref())?,
            S::Expand { seeds, model, options, name } => {
                self.expand(seeds, model.as_ref(), options, name.as_ref())?
            }
            S::Psqe { options, pair, name } => self.psqe(options, pair, name.as_ref())?,
            S::ExplainSeeds { seeds, by, path, options } => {
                let options = self.options(&catalog::EXPLAIN_SEEDS, options)?;
                Request::ExplainSeeds(spec::ExplainSeeds {
                    seeds: seeds.value.clone(),
                    by: by.as_ref().map(|by| by.value),
                    path: path.as_ref().map(|path| self.path(path)).transpose()?,
                    overwrite: options.flag("overwrite"),
                })
            }
            S::ExplainPair { left, right, name } => Request::ExplainPair(spec::ExplainPair {
                left: self.text(left, "an entity")?,
                right: self.text(right, "an entity")?,
                name: name.value.clone(),
            }),
            S::ExplainModalities(pair) => Request::ExplainModalities(pair.value.clone()),
            S::ExplainRun(name) => Request::ExplainRun(name.value.clone()),
            S::Align { pair, using, options, name } => {
                self.align(pair, using.as_ref(), options, name.as_ref())?
            }
            S::CreateIndex { name, on, options } => {
                let options = self.options(&catalog::CREATE_INDEX, options)?;
                Request::CreateIndex(spec::CreateIndex {
                    on: on.value.clone(),
                    weights: options.weights(),
                    m: options.size("m"),
                    ef: options.size("ef"),
                    name: name.value.clone(),
                })
            }
            S::Evaluate { target, options } => {
                let options = self.options(&catalog::EVALUATE, options)?;
                if let (Some(_), Some(span)) = (options.span("last"), options.span("split")) {
                    return Err(Error::new(Code::Conflict, "`last` and `split` exclude each other")
                        .span(span)
                        .help("both say which links are judged; keep one"));
                }
                Request::Evaluate(spec::Evaluate {
                    target: target.value.clone(),
                    protocol: match options.word("protocol") {
                        "paper" => spec::Protocol::Paper,
                        _ => spec::Protocol::Strict,
                    },
                    last: options.maybe_size("last"),
                    split: split(&options),
                })
            }
            S::Match { entity, pair, side, using, options, limit } => {
                let options = self.options(&catalog::MATCH, options)?;
                let (model, weights) = self.using(using.as_ref(), &options)?;
                Request::Match(spec::Match {
                    entity: self.text(entity, "an entity")?,
                    pair: pair.value.clone(),
                    side: side.as_ref().map(|side| side.value),
                    model,
                    weights,
                    limit: self.count(limit.as_ref(), "LIMIT", 1)?.unwrap_or(10),
                    exact: options.span("exact").map(|_| options.flag("exact")),
                    recall: options.float("recall").unwrap_or(spec::RECALL),
                })
            }
            S::Select(select) => Request::Select(self.select(select)?),
            S::Export { target, path, options } => self.export(target, path, options)?,
            S::Show { what, pair } => Request::Show(show(what.value, pair.as_ref())),
            S::Describe(name) => Request::Describe(name.value.clone()),
            S::DescribeModel(model) => Request::DescribeModel(model.value),
            S::Drop(name) => Request::Drop(name.value.clone()),
            S::Set { name, value } => self.set(name, value)?,
            S::Check { full } => Request::Check { full: *full },
            S::Backup(path) => Request::Backup(self.path(path)?),
            S::Dump(path) => Request::Dump(self.path(path)?),
            S::Load(path) => Request::Load(self.path(path)?),
            S::Compact => Request::Compact,
            S::Edit(edit) => self.edit(edit)?,
            S::ShowLineage(name) => Request::Lineage(name.value.clone()),
        })
    }

    fn export(&self, target: &Name, path: &Node<Value>, options: &[OptionItem]) -> Result<Request> {
        use spec::ExportFormat as F;
        let options = self.options(&catalog::EXPORT, options)?;
        Ok(Request::Export(spec::Export {
            target: target.value.clone(),
            path: self.path(path)?,
            format: match options.word("format") {
                "csv" => Some(F::Csv),
                "tsv" => Some(F::Tsv),
                "jsonl" => Some(F::Jsonl),
                "sssom" => Some(F::Sssom),
                "sameas" => Some(F::SameAs),
                "alignment" => Some(F::Alignment),
                "dbp15k" => Some(F::Dbp15k),
                "safetensors" => Some(F::Safetensors),
                _ => None,
            },
            overwrite: options.flag("overwrite"),
            auto_prefixes: options.word("prefixes") == "auto",
            exact_match: options.word("predicate") == "exact_match",
            license: options.text("license").unwrap_or_default(),
        }))
    }

    fn set(&self, name: &Name, value: &Node<Value>) -> Result<Request> {
        let form = &catalog::SET;
        let Some(option) = form.option(&name.value) else {
            let names = || form.options.iter().map(|option| option.name);
            let error = Error::new(Code::UnknownOption, format!("there is no setting `{}`", name.value))
                .span(name.span);
            return Err(match nearest(&name.value, names()) {
                Some(meant) => error.help(format!("did you mean {meant}?")),
                None => error.help(format!("the settings are {}", catalog::enumerated(names()))),
            });
        };
        let item = OptionItem { key: name.clone(), value: super::ast::OptionValue::One(value.clone()) };
        let options = self.options(form, &[item])?;
        Ok(Request::Set(match option.name {
            "seed" => spec::Setting::Seed(options.seed().unwrap_or_default()),
            "author" => spec::Setting::Author(options.text("author").unwrap_or_default()),
            "threads" => spec::Setting::Threads(options.size("threads")),
            "memory" => {
                let found = amounts::size(&options.text("memory").unwrap_or_default());
                spec::Setting::Memory(found.map_err(|error| error.span(value.span))?)
            }
            "timeout" => {
                let found = amounts::duration(&options.text("timeout").unwrap_or_default());
                spec::Setting::Timeout(found.map_err(|error| error.span(value.span))?)
            }
            _ => spec::Setting::Device(options.text("device").unwrap_or_default()),
        }))
    }

    fn select(&self, select: &Select) -> Result<spec::Select> {
        Ok(spec::Select {
            columns: select
                .columns
                .iter()
                .map(|output| {
                    let alias = output.alias.as_ref().map(|alias| alias.value.clone());
                    match &output.column {
                        Some(name) => spec::Output::Column { name: name.value.clone(), alias },
                        None => spec::Output::Count { alias },
                    }
                })
                .collect(),
            from: source(&select.source)?,
            filter: select.filter.as_ref().map(|filter| self.condition(&filter.value)).transpose()?,
            group_by: select.group_by.iter().map(|name| name.value.clone()).collect(),
            order_by: select.order_by.iter().map(|(name, down)| (name.value.clone(), *down)).collect(),
            limit: self.count(select.limit.as_ref(), "LIMIT", 0)?,
            offset: self.count(select.offset.as_ref(), "OFFSET", 0)?.unwrap_or(0),
        })
    }

    fn condition(&self, condition: &Condition) -> Result<spec::Expr> {
        use spec::Expr;
        Ok(match condition {
            Condition::Or(all) => self.fold(all, |a, b| Expr::Or(Box::new(a), Box::new(b)))?,
            Condition::And(all) => self.fold(all, |a, b| Expr::And(Box::new(a), Box::new(b)))?,
            Condition::Not(inner) => Expr::Not(Box::new(self.condition(inner)?)),
            Condition::Compare(column, op, value) => {
                Expr::Compare(column.value.clone(), *op, self.scalar(value)?)
            }
            Condition::Like(column, pattern, not) => {
                Expr::Like(column.value.clone(), self.text(pattern, "a pattern")?, *not)
            }
            Condition::In(column, values, not) => {
                let values = values.iter().map(|value| self.scalar(value)).collect::<Result<_>>()?;
                Expr::In(column.value.clone(), values, *not)
            }
            Condition::IsNull(column, not) => Expr::IsNull(column.value.clone(), *not),
        })
    }

    /// Joins conditions two by two as a balanced tree, so that long chains do not nest deep.
    fn fold(&self, all: &[Condition], join: fn(spec::Expr, spec::Expr) -> spec::Expr) -> Result<spec::Expr> {
        match all {
            [one] => self.condition(one),
            _ => {
                let (left, right) = all.split_at(all.len() / 2);
                Ok(join(self.fold(left, join)?, self.fold(right, join)?))
            }
        }
    }

    fn scalar(&self, value: &Node<Value>) -> Result<spec::Scalar> {
        resolve(value, self.params).map(|given| given.scalar)
    }

    fn options(&self, form: &'static catalog::Form, items: &[OptionItem]) -> Result<Options> {
        Options::new(form, items, self.params)
    }

    fn text(&self, value: &Node<Value>, what: &str) -> Result<String> {
        let given = resolve(value, self.params)?;
        match given.text() {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(Error::new(Code::OutOfRange, format!("{what} must not be empty"))
                .span(given.span)
                .help("write something between the quotes")),
            None => Err(Error::new(Code::WrongType, format!("{what} must be text, not {}", given.shown()))
                .span(given.span)
                .help("text stands in single quotes")),
        }
    }

    fn path(&self, value: &Node<Value>) -> Result<PathBuf> {
        self.text(value, "a path").map(PathBuf::from)
    }

    fn paths(&self, values: &[Node<Value>]) -> Result<Vec<PathBuf>> {
        values.iter().map(|value| self.path(value)).collect()
    }

    fn count(&self, value: Option<&Node<Value>>, clause: &str, least: i64) -> Result<Option<usize>> {
        let Some(value) = value else { return Ok(None) };
        let given = resolve(value, self.params)?;
        let code = match given.float() {
            Some(_) => Code::OutOfRange,
            None => Code::WrongType,
        };
        match given.int().filter(|int| *int >= least).and_then(|int| usize::try_from(int).ok()) {
            Some(count) => Ok(Some(count)),
            None => {
                let message =
                    format!("{clause} takes a whole number of at least {least}, not {}", given.shown());
                Err(Error::new(code, message).span(given.span).help(format!("{clause} counts rows")))
            }
        }
    }

    /// The name of the result; only a plan does without.
    fn result(&self, name: Option<&Name>, verb: &str) -> Result<String> {
        match name {
            Some(name) => Ok(name.value.clone()),
            None if self.explain => Ok(String::new()),
            None => {
                let end = Span::new(self.span.end, self.span.end);
                Err(Error::new(Code::Syntax, format!("{verb} needs a name for its result"))
                    .span(end)
                    .help("add AS and a name at the end"))
            }
        }
    }
}

fn named_modality(name: &Name) -> Result<Modality> {
    Modality::new(&name.value).map_err(|error| error.span(name.span))
}

fn split(options: &Options) -> Option<crate::kg::Split> {
    use crate::kg::Split;
    [Split::Train, Split::Valid, Split::Test]
        .into_iter()
        .find(|split| split.as_str() == options.word("split"))
}

fn show(what: ShowWhat, pair: Option<&Name>) -> spec::Show {
    let pair = pair.map(|pair| pair.value.clone());
    match what {
        ShowWhat::Pairs => spec::Show::Pairs,
        ShowWhat::Operations => spec::Show::Operations,
        ShowWhat::Settings => spec::Show::Settings,
        ShowWhat::Formats => spec::Show::Formats,
        ShowWhat::Size => spec::Show::Size,
        ShowWhat::Features => spec::Show::Features(pair),
        ShowWhat::Seeds => spec::Show::Seeds(pair),
        ShowWhat::Models => spec::Show::Models(pair),
        ShowWhat::Runs => spec::Show::Runs(pair),
        ShowWhat::Indexes => spec::Show::Indexes(pair),
        ShowWhat::Alignments => spec::Show::Alignments(pair),
        ShowWhat::Artifacts => spec::Show::Artifacts(pair),
        ShowWhat::Verdicts => spec::Show::Verdicts(pair),
        ShowWhat::Stale => spec::Show::Stale(pair),
    }
}

fn source(source: &RowSource) -> Result<spec::From> {
    let table = source.table.as_ref().map(|table| table.value);
    if let (Some(side), Some("links")) = (&source.side, table) {
        return Err(Error::new(Code::Conflict, "links belong to the pair, not to one side")
            .span(side.span)
            .help(format!("write {}.links", super::quoted_name(&source.name.value))));
    }
    Ok(spec::From {
        name: source.name.value.clone(),
        side: source.side.as_ref().map(|side| side.value),
        table: table.map(str::to_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ql::parse;

    fn bound(text: &str) -> Request {
        let statements = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        bind(&statements[0], &Params::new()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_statement_and_a_builder_have_the_same_defaults() {
        let method = spec::SeedMethod::Pivots(Modality::new("visual").expect("a modality"));
        assert_eq!(bound("SEED visual FROM p AS s"), Request::Seed(spec::Seed::new(method, "p", "s")));
        assert_eq!(bound("CORRECT s AS c"), Request::Correct(spec::Correct::new("s", "c")));
        let (auto, variant) = (spec::Auto::Auto, spec::Variant::Seedbed);
        let global =
            spec::Seed { count: auto, ..spec::Seed::new(spec::SeedMethod::Global { variant }, "t", "s") };
        assert_eq!(bound("SEED global FROM t AS s"), Request::Seed(global));
        assert_eq!(bound("TUNE s AS t"), Request::Tune(spec::Tune::new("s", "t")));
        assert_eq!(bound("EXPAND s AS e"), Request::Expand(spec::Expand::new("s", "e")));
        assert_eq!(bound("PSQE FROM p AS s"), Request::Psqe(spec::Psqe::new("p", "s")));
        assert_eq!(bound("ALIGN p AS a"), Request::Align(spec::Align::new("p", "a")));
        assert_eq!(bound("EXPORT a TO 'x'"), Request::Export(spec::Export::new("a", "x".into())));
        let lessons = vec![vec![spec::Lesson::Seeds("s".into())]];
        let bench = spec::Bench::new(vec!["p".into()], vec![spec::Architecture::Eva], lessons);
        assert_eq!(bound("BENCH PAIRS p MODELS eva SEEDS s"), Request::Bench(bench));
        let generate = spec::Generate { name: "demo".into(), ..Default::default() };
        assert_eq!(bound("GENERATE PAIR demo"), Request::Generate(generate));
    }

    #[test]
    fn a_long_chain_of_conditions_becomes_a_shallow_tree() {
        let chain = vec!["x = 1"; 5000].join(" OR ");
        let Request::Select(select) = bound(&format!("SELECT * FROM a WHERE {chain}")) else {
            panic!("a select")
        };
        fn depth(expr: &spec::Expr) -> usize {
            match expr {
                spec::Expr::And(a, b) | spec::Expr::Or(a, b) => 1 + depth(a).max(depth(b)),
                spec::Expr::Not(inner) => 1 + depth(inner),
                _ => 0,
            }
        }
        assert_eq!(select.filter.as_ref().map(depth), Some(13));
    }

    #[test]
    fn only_a_plan_does_without_a_name() {
        let Request::Explain(inner) = bound("EXPLAIN ALIGN p") else { panic!("a plan") };
        assert_eq!(*inner, Request::Align(spec::Align::new("p", "")));
    }
}
