//! What a bench tells: a row for each model, choice of lessons, protocol and similarity, over its runs.

use super::cases::{Case, distinct};
use super::figures::{Judged, Measured};
use crate::error::{Code, Error, Result};
use crate::evaluate::{self, PublishedFigure};
use crate::formats::export::Tabular;
use crate::ops::catalog;
use crate::ops::engine::Engine;
use crate::ops::evaluate::{candidates, similarity};
use crate::ops::rows::{Column, ColumnKind, Rows, Value};
use crate::ops::spec::{Architecture, Bench, Protocol, Published, TableFormat};

/// What stands in the place of a model where the features are judged.
const CONTROL: &str = "control";

/// The runs of a model, or of the features alone, on a case.
pub(super) struct Block {
    /// The number of the case.
    pub case: usize,
    /// `None` for the features.
    pub model: Option<Architecture>,
    pub runs: Vec<Measured>,
}

/// A row of the table.
pub(super) struct Line {
    pair: String,
    seeds: String,
    model: &'static str,
    protocol: Protocol,
    similarity: Option<String>,
    runs: Option<usize>,
    stored: Option<usize>,
    queries: Option<u64>,
    hits_1: Spread,
    hits_10: Spread,
    mrr: Spread,
    seconds: Option<f64>,
    peak: Option<u64>,
    published: Option<&'static str>,
}

/// A mean, and the deviation of a sample where there are two values at least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Spread {
    mean: Option<f64>,
    deviation: Option<f64>,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        if values.is_empty() {
            return Spread::default();
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt());
        Spread { mean: Some(mean), deviation }
    }

    /// For a person: `0.892 ± 0.004`.
    fn text(self) -> String {
        match (self.mean, self.deviation) {
            (Some(mean), Some(deviation)) => format!("{mean:.3} ± {deviation:.3}"),
            (Some(mean), None) => format!("{mean:.3}"),
            _ => String::new(),
        }
    }
}

/// The data set whose published figures stand beside a pair, if there is one.
pub(super) struct Beside {
    pair: String,
    dataset: Option<&'static str>,
}

/// What stands beside each pair.
///
/// Fails with [`Code::UnknownName`] on a data set without figures, and [`Code::Conflict`] if not as many are
/// named as there are pairs.
pub(super) fn published(engine: &Engine, spec: &Bench) -> Result<Vec<Beside>> {
    if let Published::Of(names) = &spec.published
        && names.len() != spec.pairs.len()
    {
        let message = format!("{} of {} data sets are named", names.len(), spec.pairs.len());
        return Err(Error::new(Code::Conflict, message).help("name one for each pair, in their order"));
    }
    let beside = |(at, pair): (usize, &String)| {
        let dataset = match &spec.published {
            Published::Auto => {
                let entry = catalog::pair(&engine.db, pair)?;
                evaluate::dataset_of(&entry.name, &entry.origin)
            }
            Published::Of(names) if !names[at].is_empty() => Some(evaluate::dataset(&names[at])?),
            Published::Of(_) | Published::None => None,
        };
        Ok(Beside { pair: pair.clone(), dataset })
    };
    spec.pairs.iter().enumerate().map(beside).collect()
}

/// The rows: pair by pair, and within it lessons, protocol and similarity, so that what can be compared stands
/// together: the control first, then the models. Published figures of the pair follow.
pub(super) fn lines(
    spec: &Bench,
    cases: &[Case],
    blocks: &[Block],
    published: &[Beside],
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        for &protocol in &distinct(&spec.protocols) {
            for csls in std::iter::once(None).chain(spec.csls.map(Some)) {
                let own = blocks.iter().filter(|block| block.case == case.number && !block.runs.is_empty());
                lines.extend(own.map(|block| Line::of(case, block, protocol, csls)));
            }
        }
        if cases.get(at + 1).is_some_and(|next| next.pair == case.pair) {
            continue;
        }
        let dataset = published.iter().find(|beside| beside.pair == case.pair).and_then(|b| b.dataset);
        let wanted = |figure: &&PublishedFigure| {
            Some(figure.dataset) == dataset && case.models.contains(&figure.model)
        };
        let figures = evaluate::published()?.iter().filter(wanted);
        lines.extend(figures.map(|figure| Line::published(&case.pair, figure)));
    }
    Ok(lines)
}

impl Line {
    fn of(case: &Case, block: &Block, protocol: Protocol, csls: Option<usize>) -> Line {
        let runs = &block.runs;
        let judged: Vec<&Judged> = runs.iter().filter_map(|run| run.figures.judged(protocol, csls)).collect();
        let spread = |value: fn(&Judged) -> f64| Spread::of(judged.iter().map(|judged| value(judged)));
        Line {
            pair: case.pair.clone(),
            seeds: case.seeds.clone(),
            model: block.model.map_or(CONTROL, Architecture::as_str),
            protocol,
            similarity: Some(similarity(csls)),
            runs: Some(runs.len()),
            stored: Some(runs.iter().filter(|run| run.stored).count()),
            queries: judged.first().map(|judged| judged.queries),
            hits_1: spread(|judged| judged.hits_1),
            hits_10: spread(|judged| judged.hits_10),
            mrr: spread(|judged| judged.mrr),
            seconds: Spread::of(runs.iter().filter_map(|run| run.figures.seconds)).mean,
            peak: runs.iter().filter_map(|run| run.figures.peak).max(),
            published: None,
        }
    }

    fn published(pair: &str, figure: &PublishedFigure) -> Line {
        let printed = |mean: Option<f64>| Spread { mean, deviation: None };
        Line {
            pair: pair.to_string(),
            seeds: figure.seeds.to_string(),
            model: figure.model.as_str(),
            protocol: Protocol::Paper,
            similarity: None,
            runs: None,
            stored: None,
            queries: None,
            hits_1: printed(figure.hits_1),
            hits_10: printed(figure.hits_10),
            mrr: printed(figure.mrr),
            seconds: None,
            peak: None,
            published: Some(figure.source),
        }
    }

    fn mib(&self) -> Option<u64> {
        self.peak.map(|bytes| bytes >> 20)
    }

    fn values(&self) -> Vec<Value> {
        let mut values: Vec<Value> = vec![
            self.pair.as_str().into(),
            self.seeds.as_str().into(),
            self.model.into(),
            self.protocol.as_str().into(),
            self.similarity.as_deref().into(),
            self.runs.into(),
            self.stored.into(),
            self.queries.into(),
        ];
        for spread in [self.hits_1, self.hits_10, self.mrr] {
            values.extend([spread.mean.into(), spread.deviation.into()]);
        }
        values.extend([self.seconds.into(), self.mib().into(), self.published.into()]);
        values
    }

    /// For a person, in the order of [`READABLE`].
    fn cells(&self) -> Vec<String> {
        let maybe = |number: Option<String>| number.unwrap_or_default();
        vec![
            self.pair.clone(),
            self.seeds.clone(),
            self.model.to_string(),
            self.protocol.as_str().to_string(),
            self.similarity.clone().unwrap_or_default(),
            maybe(self.runs.map(|runs| runs.to_string())),
            self.hits_1.text(),
            self.hits_10.text(),
            self.mrr.text(),
            maybe(self.seconds.map(|seconds| format!("{seconds:.1}"))),
            maybe(self.mib().map(|mib| mib.to_string())),
            self.published.unwrap_or_default().to_string(),
        ]
    }
}

/// Columns of a table for people: names, and whether they hold numbers.
const READABLE: [(&str, bool); 12] = [
    ("pair", false),
    ("seeds", false),
    ("model", false),
    ("protocol", false),
    ("similarity", false),
    ("runs", true),
    ("hits@1", true),
    ("hits@10", true),
    ("mrr", true),
    ("seconds", true),
    ("peak MiB", true),
    ("published", false),
];

fn columns() -> Vec<Column> {
    use ColumnKind::{Float, Int, Text};
    let columns = [
        ("pair", Text),
        ("seeds", Text),
        ("model", Text),
        ("protocol", Text),
        ("similarity", Text),
        ("runs", Int),
        ("stored", Int),
        ("queries", Int),
        ("hits@1", Float),
        ("hits@1_dev", Float),
        ("hits@10", Float),
        ("hits@10_dev", Float),
        ("mrr", Float),
        ("mrr_dev", Float),
        ("seconds", Float),
        ("peak_mib", Int),
        ("published", Text),
    ];
    columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
}

/// The rows as a result.
pub(super) fn rows(lines: &[Line]) -> Rows {
    Rows::ready(columns(), lines.iter().map(Line::values).collect())
}

/// The rows for a file: csv has what a result has, the others are for people.
pub(super) fn tabular(lines: &[Line], format: TableFormat) -> Tabular {
    if format != TableFormat::Csv {
        let columns = READABLE.map(|(name, number)| (name.to_string(), number)).to_vec();
        return Tabular { columns, rows: lines.iter().map(Line::cells).collect() };
    }
    let columns = columns().into_iter().map(|column| (column.name, column.kind != ColumnKind::Text));
    let row = |line: &Line| line.values().iter().map(Value::to_string).collect();
    Tabular { columns: columns.collect(), rows: lines.iter().map(row).collect() }
}

/// What should be known of the rows.
pub(super) fn notes(spec: &Bench, cases: &[Case], blocks: &[Block], published: &[Beside]) -> Vec<String> {
    let mut notes = vec![
        "figures are left to right: means over the runs, each with a random seed of its own; _dev are standard \
         deviations (n − 1)"
            .to_string(),
        format!("{CONTROL}: the features without training, equal weights, judged by the same links"),
        "seconds are of training alone; peak_mib is the most that the process had resident meanwhile, without a \
         GPU's memory"
            .to_string(),
    ];
    for note in cases.iter().flat_map(|case| &case.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    for &protocol in &distinct(&spec.protocols) {
        for case in cases {
            let runs = blocks.iter().filter(|block| block.case == case.number).flat_map(|block| &block.runs);
            let judged: Vec<&Judged> = runs.filter_map(|run| run.figures.judged(protocol, None)).collect();
            if let Some(first) = judged.first() {
                let (pair, seeds) = (&case.pair, &case.seeds);
                let differ = match judged.iter().any(|other| other.queries != first.queries) {
                    true => " in the first run, others in the next, for each draws its own",
                    false => "",
                };
                notes.push(format!("{pair}, {seeds}: {}{differ}; {}", first.links, candidates(protocol)));
            }
        }
    }
    let unknown = |beside: &&Beside| beside.dataset.is_none() && spec.published == Published::Auto;
    for Beside { pair, .. } in published.iter().filter(unknown) {
        notes.push(format!(
            "which data set {pair} is cannot be told, so that no published figures stand beside; \
             published='DBP15K ZH-EN' would name it, published=none ends this note"
        ));
    }
    if published.iter().any(|beside| beside.dataset.is_some()) {
        notes.push(
            "published figures are as their source prints them; candidates are the right-hand entities of the test \
             links (protocol=paper)"
                .to_string(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_a_sample() {
        let spread = Spread::of([0.2, 0.4, 0.9].into_iter());
        assert_eq!(spread.text(), "0.500 ± 0.361");
        assert_eq!(Spread::of([0.25].into_iter()), Spread { mean: Some(0.25), deviation: None });
        assert_eq!(Spread::of([].into_iter()).text(), "");
    }
}
