//! Requests as plain values: what a SeedQL statement lowers to and what a builder makes.
//!
//! One path, two doors: both end in a [`Request`]. Values here are typed and range-checked where
//! they are made (the bind step, or the builder); names are not yet looked up.

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

use std::path::PathBuf;

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
    /// `EXPLAIN RUN t`
    ExplainRun(String),
    /// `EXPLAIN <statement>`: what it would do, and what is there already.
    Explain(Box<Request>),
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
}
