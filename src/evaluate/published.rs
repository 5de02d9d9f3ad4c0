//! Figures that papers print for their models, kept in `published.tsv`.
//!
//! All are under the protocol of the papers: the candidates of a test link are the right-hand entities of all
//! test links. A figure is as its source prints it; nothing here was measured by us.

use std::sync::OnceLock;

use crate::error::{Code, Error, Result};
use crate::ops::spec::Architecture;

/// The table: data set, model, seeds, hits@1, hits@10, mrr, source.
const TABLE: &str = include_str!("published.tsv");

/// What a paper prints of a model on a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedFigure {
    /// The data set: `DBP15K ZH-EN`.
    pub dataset: &'static str,
    /// The model.
    pub model: Architecture,
    /// What it learned from, in words.
    pub seeds: &'static str,
    /// Share of ranks up to 1.
    pub hits_1: Option<f64>,
    /// Share of ranks up to 10.
    pub hits_10: Option<f64>,
    /// Mean of 1/rank.
    pub mrr: Option<f64>,
    /// Paper and table.
    pub source: &'static str,
}

/// Every published figure that is known, in the order of the table.
///
/// Fails with [`Code::Internal`] if the table is broken.
pub fn published() -> Result<&'static [PublishedFigure]> {
    static FIGURES: OnceLock<Result<Vec<PublishedFigure>>> = OnceLock::new();
    let read = || TABLE.lines().enumerate().skip(1).map(|(at, line)| figure(at + 1, line)).collect();
    match FIGURES.get_or_init(read) {
        Ok(figures) => Ok(figures),
        Err(error) => Err(Error::new(Code::Internal, error.message())),
    }
}

fn figure(number: usize, line: &'static str) -> Result<PublishedFigure> {
    let broken = |what: &str| Error::new(Code::Internal, format!("published.tsv, line {number}: {what}"));
    let fields: Vec<&str> = line.split('\t').collect();
    let &[dataset, model, seeds, hits_1, hits_10, mrr, source] = &fields[..] else {
        return Err(broken("not seven fields"));
    };
    let share = |text: &str| match text {
        "" => Ok(None),
        text => match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Some(share)),
            _ => Err(broken("a figure that is no share")),
        },
    };
    Ok(PublishedFigure {
        dataset,
        model: Architecture::from_word(model).ok_or_else(|| broken("no such model"))?,
        seeds,
        hits_1: share(hits_1)?,
        hits_10: share(hits_10)?,
        mrr: share(mrr)?,
        source,
    })
}

/// The data set of that name, in any case, as the table writes it.
///
/// Fails with [`Code::UnknownName`] if the table has none of it.
pub fn dataset(name: &str) -> Result<&'static str> {
    let figures = published()?;
    if let Some(figure) = figures.iter().find(|figure| figure.dataset.eq_ignore_ascii_case(name)) {
        return Ok(figure.dataset);
    }
    let mut known: Vec<&str> = figures.iter().map(|figure| figure.dataset).collect();
    known.dedup();
    Err(Error::new(Code::UnknownName, format!("no published figures are known of the data set `{name}`"))
        .help(format!("they are known of {}", known.join(", "))))
}

/// The data set that the name or the origin of a pair tells: `zh_en` imported as dbp15k is DBP15K ZH-EN.
pub fn dataset_of(name: &str, origin: &str) -> Option<&'static str> {
    let plain = |text: &str| {
        let word = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        text.chars().map(word).collect::<String>()
    };
    let (format, path) = origin.split_once(' ')?;
    let told = format!("{}/{}", plain(name), plain(path));
    let signs: &[(&str, &[&str])] = match format {
        "dbp15k" | "jape" => {
            &[("DBP15K ZH-EN", &["zh_en"]), ("DBP15K JA-EN", &["ja_en"]), ("DBP15K FR-EN", &["fr_en"])]
        }
        "openea" => &[("DWY15K DW-V1", &["d_w_15k_v1"]), ("DWY15K DW-V2", &["d_w_15k_v2"])],
        "mmkg" => &[("FB15K-YAGO15K", &["fb15k", "yago15k"]), ("FB15K-DB15K", &["fb15k", "db15k"])],
        _ => &[],
    };
    let mut found = signs.iter().filter(|(_, signs)| signs.iter().all(|sign| told.contains(sign)));
    // What names two data sets tells none.
    found.next().filter(|_| found.next().is_none()).map(|(dataset, _)| *dataset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_figure_and_none_is_there_twice() {
        let figures = published().unwrap();
        assert_eq!(figures.len(), TABLE.lines().count() - 1);
        for (at, figure) in figures.iter().enumerate() {
            assert!(
                figure.hits_1.is_some() && !figure.source.is_empty() && !figure.seeds.is_empty(),
                "{figure:?}"
            );
            assert!(figure.hits_10.is_none_or(|hits| Some(hits) > figure.hits_1), "{figure:?}");
            assert!(figure.mrr.is_none_or(|mrr| Some(mrr) > figure.hits_1), "{figure:?}");
            let same = |other: &&PublishedFigure| {
                (other.dataset, other.model, other.seeds) == (figure.dataset, figure.model, figure.seeds)
            };
            assert_eq!(figures[..at].iter().filter(same).count(), 0, "{figure:?}");
        }
    }

    #[test]
    fn a_pair_tells_its_data_set() {
        assert_eq!(dataset_of("zh_en", "dbp15k data/x"), Some("DBP15K ZH-EN"));
        assert_eq!(dataset_of("p", "jape data/JA_EN/0_3"), Some("DBP15K JA-EN"));
        assert_eq!(dataset_of("p", "openea data/D_W_15K_V1"), Some("DWY15K DW-V1"));
        assert_eq!(dataset_of("fb15k_db15k", "mmkg data/FB15K"), Some("FB15K-DB15K"));
        assert_eq!(dataset_of("p", "mmkg data/FB15K-YAGO15K"), Some("FB15K-YAGO15K"));
        assert_eq!(dataset_of("zh_en", "dbp15k data/ja_en"), None);
        assert_eq!(dataset_of("p", "mmkg data/FB15K-DB15K-YAGO15K"), None);
        assert_eq!(dataset_of("zh_en", "generated, synthetic"), None);
        assert_eq!(dataset("dbp15k zh-en").unwrap(), "DBP15K ZH-EN");
        assert_eq!(dataset("dbp15k").unwrap_err().code(), Code::UnknownName);
        for (name, origin) in [("fr_en", "dbp15k x"), ("p", "openea D_W_15K_V2")] {
            assert!(dataset_of(name, origin).is_some_and(|found| dataset(found).is_ok()));
        }
    }
}
