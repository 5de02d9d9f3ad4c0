//! Requests as plain values: what a SeedQL statement lowers to and what a builder makes.
//!
//! One path, two doors: both end in a [`Request`]. Values here are typed and range-checked where
//! they are made (the bind step, or the builder); names are not yet looked up.

pub mod amounts;
mod bench;
mod edits;
mod index;
mod links;
mod models;
mod query;
mod review;
mod search;
mod seeds;
mod sources;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use bench::*;
pub use edits::*;
pub use index::*;
pub use links::*;
pub use models::*;
pub use query::*;
pub use review::*;
pub use search::*;
pub use seeds::*;
pub use sources::*;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// `IMPORT dbp15k 'dir' AS p`
    Import(Import),
    /// `IMPORT LINKS tsv 'file' INTO p`
    ImportLinks(ImportLinks),
    /// `IMPORT FEATURES visual FROM 'file' INTO p`
    ImportFeatures(ImportFeatures),
    /// `UPDATE FEATURES visual FROM 'file' INTO p`
    UpdateFeatures(ImportFeatures),
    /// `IMPORT rdf 'file' INTO p.left`
    ImportInto(ImportInto),
    /// `INSERT TRIPLE ('a', 'r', 'b') INTO p.left`
    Edit(Edit),
    /// `APPLY DIFF 'changes.nt' TO p.left`
    ApplyDiff(ApplyDiff),
    /// `ACCEPT ('a', 'b') IN p`
    Judge(Judge),
    /// `UNDO ('a', 'b') IN p`
    Undo(Undo),
    /// `IMPORT VERDICTS 'file' INTO p`
    ImportVerdicts(ImportVerdicts),
    /// `EXPORT VERDICTS FROM p TO 'file'`
    ExportVerdicts(ExportVerdicts),
    /// `REFRESH a`
    Refresh(Refresh),
    /// `REVIEW a ORDER BY uncertainty LIMIT 50`
    Review(Review),
    /// `EXPLAIN MATCH 'a', 'b' IN x`
    ExplainPair(ExplainPair),
    /// `SHOW LINEAGE a`
    Lineage(String),
    /// `DIFF a, b`
    Diff(String, String),
    /// `EMBED name USING ngrams INTO p AS text`
    Embed(Embed),
    /// `GENERATE PAIR demo entities=2000`
    Generate(Generate),
    /// `SEED cluster k=4 n=1000 FROM p AS s`
    Seed(Seed),
    /// `TUNE s epochs=300 AS t`
    Tune(Tune),
    /// `TRAIN meaformer ON p USING s AS m`
    Train(Train),
    /// `CORRECT s AS s2`
    Correct(Correct),
    /// `EXPAND s USING t AS s3`
    Expand(Expand),
    /// `PSQE k=4 n=1000 FROM p AS s`
    Psqe(Psqe),
    /// `ALIGN p USING features(visual=0.8, text=0.2) match=mutual AS a`
    Align(Align),
    /// `CREATE INDEX i ON m1`
    CreateIndex(CreateIndex),
    /// `EVALUATE a protocol=strict`
    Evaluate(Evaluate),
    /// `BENCH PAIRS p MODELS eva, meaformer SEEDS s, split '20%' runs=5`
    Bench(Bench),
    /// `MATCH 'iri' IN p USING features(...) LIMIT 10`
    Match(Match),
    /// `SELECT left, right FROM a WHERE score > 0.9`
    Select(Select),
    /// `EXPORT a TO 'links.sssom.tsv' format=sssom`
    Export(Export),
    /// `SHOW PAIRS`
    Show(Show),
    /// `DESCRIBE x`
    Describe(String),
    /// `DESCRIBE MODEL eva`
    DescribeModel(Architecture),
    /// `DROP x`
    Drop(String),
    /// `SET seed=42`
    Set(Setting),
    /// `CHECK FULL`
    Check {
        /// Whether every byte is read (`FULL`) or only the catalogue (`QUICK`).
        full: bool,
    },
    /// `BACKUP TO 'dir'`
    Backup(PathBuf),
    /// `DUMP TO 'dir'`
    Dump(PathBuf),
    /// `LOAD FROM 'dir'`
    Load(PathBuf),
    /// `COMPACT`
    Compact,
    /// `EXPLAIN SEEDS s BY degree TO 'seeds.svg'`
    ExplainSeeds(ExplainSeeds),
    /// `EXPLAIN MODALITIES p`
    ExplainModalities(String),
    /// `EXPLAIN RUN t`
    ExplainRun(String),
    /// `EXPLAIN <statement>`: what it would do, and what is there already.
    Explain(Box<Request>),
}

impl Request {
    /// The files and folders it names.
    pub fn paths(&self) -> Vec<&Path> {
        let (mut paths, optional): (Vec<&PathBuf>, _) = match self {
            Request::Import(spec) => (spec.paths.iter().collect(), vec![&spec.links]),
            Request::ImportLinks(spec) => (vec![&spec.path], vec![]),
            Request::ImportFeatures(spec) | Request::UpdateFeatures(spec) => {
                (spec.paths.iter().collect(), vec![&spec.ids, &spec.present])
            }
            Request::ImportInto(spec) => (vec![&spec.path], vec![]),
            Request::ApplyDiff(spec) => (vec![&spec.path], vec![&spec.removed]),
            Request::ImportVerdicts(spec) => (vec![&spec.path], vec![]),
            Request::ExportVerdicts(spec) => (vec![&spec.path], vec![]),
            Request::Export(spec) => (vec![&spec.path], vec![]),
            Request::Train(spec) => (vec![], vec![&spec.init]),
            Request::Bench(spec) => {
                (spec.file.iter().map(|file| &file.path).collect(), vec![&spec.training.init])
            }
            Request::ExplainSeeds(spec) => (vec![], vec![&spec.path]),
            Request::Generate(spec) => (vec![], vec![&spec.pictures]),
            Request::Embed(spec) => (spec.pictures.iter().collect(), vec![&spec.weights, &spec.folder]),
            Request::Backup(folder) | Request::Dump(folder) | Request::Load(folder) => (vec![folder], vec![]),
            Request::Explain(request) => return request.paths(),
            Request::Edit(_)
            | Request::Judge(_)
            | Request::Undo(_)
            | Request::Refresh(_)
            | Request::Review(_)
            | Request::ExplainPair(_)
            | Request::Lineage(_)
            | Request::Diff(..)
            | Request::Seed(_)
            | Request::Tune(_)
            | Request::Correct(_)
            | Request::Expand(_)
            | Request::Psqe(_)
            | Request::Align(_)
            | Request::CreateIndex(_)
            | Request::Evaluate(_)
            | Request::Match(_)
            | Request::Select(_)
            | Request::Show(_)
            | Request::Describe(_)
            | Request::DescribeModel(_)
            | Request::Drop(_)
            | Request::Set(_)
            | Request::Check { .. }
            | Request::Compact
            | Request::ExplainModalities(_)
            | Request::ExplainRun(_) => (vec![], vec![]),
        };
        paths.extend(optional.into_iter().flatten());
        paths.into_iter().map(PathBuf::as_path).collect()
    }

    /// Whether it changes nothing in the store but what can be lost without harm.
    pub fn only_reads(&self) -> bool {
        match self {
            Request::ExportVerdicts(_)
            | Request::Review(_)
            | Request::ExplainPair(_)
            | Request::Lineage(_)
            | Request::Diff(..)
            | Request::Evaluate(_)
            | Request::Match(_)
            | Request::Select(_)
            | Request::Export(_)
            | Request::Show(_)
            | Request::Describe(_)
            | Request::DescribeModel(_)
            | Request::ExplainSeeds(_)
            | Request::ExplainModalities(_)
            | Request::ExplainRun(_)
            | Request::Explain(_) => true,
            Request::Import(_)
            | Request::ImportLinks(_)
            | Request::ImportFeatures(_)
            | Request::UpdateFeatures(_)
            | Request::ImportInto(_)
            | Request::Edit(_)
            | Request::ApplyDiff(_)
            | Request::Judge(_)
            | Request::Undo(_)
            | Request::ImportVerdicts(_)
            | Request::Refresh(_)
            | Request::Embed(_)
            | Request::Generate(_)
            | Request::Seed(_)
            | Request::Tune(_)
            | Request::Train(_)
            | Request::Correct(_)
            | Request::Expand(_)
            | Request::Psqe(_)
            | Request::Align(_)
            | Request::CreateIndex(_)
            | Request::Bench(_)
            | Request::Drop(_)
            | Request::Set(_)
            | Request::Check { .. }
            | Request::Backup(_)
            | Request::Dump(_)
            | Request::Load(_)
            | Request::Compact => false,
        }
    }
}

/// A setting of the session.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Default random seed.
    Seed(u64),
    /// Where products and training run: `cpu`, `cuda:0`, `auto`.
    Device(String),
    /// Worker threads; 0 takes all.
    Threads(usize),
    /// Who edits and judges.
    Author(String),
    /// Bytes that the process may hold while a statement runs; `None` for all there are.
    Memory(Option<u64>),
    /// How long a statement may take.
    Timeout(Option<Duration>),
}
