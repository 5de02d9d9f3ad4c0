//! Rows of artifacts, of the journal and of benches as lines of sheets.

use crate::error::{Code, Error, Result};
use crate::formats::dump::{Cells, Fields, Line};
use crate::ops::artifact::{ArtifactRow, DroppedRow, UnmatchedRow};
use crate::ops::bench::{Figures, Judged};
use crate::ops::catalog::Logged;
use crate::store::Digest;

impl Line for ArtifactRow {
    const COLUMNS: &'static [&'static str] = &["left", "right", "score", "margin", "stage", "cosines"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.left).put(&self.right).put(&self.score).put(&self.margin);
        cells.put(&self.stage).put(&self.modal);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(ArtifactRow {
            left: fields.take()?,
            right: fields.take()?,
            score: fields.take()?,
            margin: fields.take()?,
            stage: fields.take()?,
            modal: fields.take()?,
        })
    }
}

impl Line for DroppedRow {
    const COLUMNS: &'static [&'static str] =
        &["left", "right", "score", "margin", "stage", "cosines", "rival", "reason"];

    fn write(&self, cells: &mut Cells) {
        self.row.write(cells);
        cells.put(&self.rival).put(&self.reason);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(DroppedRow { row: ArtifactRow::read(fields)?, rival: fields.take()?, reason: fields.take()? })
    }
}

impl Line for UnmatchedRow {
    const COLUMNS: &'static [&'static str] = &["side", "entity", "candidate", "score", "reason"];

    fn write(&self, cells: &mut Cells) {
        cells.word(if self.right { "right" } else { "left" });
        cells.put(&self.entity).put(&self.candidate).put(&self.score).put(&self.reason);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(UnmatchedRow {
            right: fields.word(&[("left", false), ("right", true)])?,
            entity: fields.take()?,
            candidate: fields.take()?,
            score: fields.take()?,
            reason: fields.take()?,
        })
    }
}

/// A line of the journal under its key: the time in nanoseconds, the process, and a count of its own.
pub(super) struct JournalRow {
    nanoseconds: u64,
    process: u32,
    count: u64,
    pub logged: Logged,
}

impl JournalRow {
    pub fn new(key: &[u8], logged: Logged) -> Result<Self> {
        let parts = key.split_first_chunk::<8>().and_then(|(time, rest)| {
            let (process, count) = rest.split_first_chunk::<4>()?;
            Some((*time, *process, <[u8; 8]>::try_from(count).ok()?))
        });
        let Some((time, process, count)) = parts else {
            return Err(no_key("a line of the journal"));
        };
        Ok(JournalRow {
            nanoseconds: u64::from_be_bytes(time),
            process: u32::from_be_bytes(process),
            count: u64::from_be_bytes(count),
            logged,
        })
    }

    pub fn key(&self) -> Vec<u8> {
        let (time, process) = (self.nanoseconds.to_be_bytes(), self.process.to_be_bytes());
        [&time[..], &process, &self.count.to_be_bytes()].concat()
    }
}

impl Line for JournalRow {
    const COLUMNS: &'static [&'static str] =
        &["nanoseconds", "process", "count", "at", "seconds", "statement", "result"];

    fn write(&self, cells: &mut Cells) {
        let Logged { statement, result, at, seconds } = &self.logged;
        cells.put(&self.nanoseconds).put(&self.process).put(&self.count);
        cells.put(at).put(seconds).put(statement).put(result);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        let (nanoseconds, process, count) = (fields.take()?, fields.take()?, fields.take()?);
        let (at, seconds) = (fields.take()?, fields.take()?);
        let (statement, result) = (fields.take()?, fields.take()?);
        Ok(JournalRow { nanoseconds, process, count, logged: Logged { statement, result, at, seconds } })
    }
}

fn no_key(what: &str) -> Error {
    Error::new(Code::Corrupt, format!("the key of {what} is none of ours"))
        .help("run CHECK FULL; restore the store from a backup")
}

/// One figure of a bench with what it shares with the others of its run: lines of one key stand together.
pub(super) struct FigureRow {
    key: Digest,
    pair: String,
    seconds: Option<f64>,
    peak: Option<u64>,
    measured: u64,
    judged: Judged,
}

impl FigureRow {
    /// The lines of a run; there is one at least, for a run is judged by every protocol.
    pub fn all(key: &[u8], figures: Figures) -> Result<impl Iterator<Item = FigureRow>> {
        let Figures { pair, judged, seconds, peak, measured } = figures;
        let key = Digest(key.try_into().map_err(|_| no_key("figures of a bench"))?);
        let row = move |judged| FigureRow { key, pair: pair.clone(), seconds, peak, measured, judged };
        Ok(judged.into_iter().map(row))
    }

    /// Adds a line to the runs that were read.
    pub fn gather(self, runs: &mut Vec<(Digest, Figures)>) {
        match runs.last_mut() {
            Some((key, run)) if *key == self.key => run.judged.push(self.judged),
            _ => {
                let FigureRow { key, pair, seconds, peak, measured, judged } = self;
                runs.push((key, Figures { pair, judged: vec![judged], seconds, peak, measured }));
            }
        }
    }
}

impl Line for FigureRow {
    const COLUMNS: &'static [&'static str] = &[
        "key", "pair", "seconds", "peak", "measured", "protocol", "csls", "links", "queries", "hits_1",
        "hits_10", "mrr",
    ];

    fn write(&self, cells: &mut Cells) {
        let judged = &self.judged;
        cells.put(&self.key).put(&self.pair).put(&self.seconds).put(&self.peak).put(&self.measured);
        cells.put(&judged.protocol).put(&judged.csls).put(&judged.links).put(&judged.queries);
        cells.put(&judged.hits_1).put(&judged.hits_10).put(&judged.mrr);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(FigureRow {
            key: fields.take()?,
            pair: fields.take()?,
            seconds: fields.take()?,
            peak: fields.take()?,
            measured: fields.take()?,
            judged: Judged {
                protocol: fields.take()?,
                csls: fields.take()?,
                links: fields.take()?,
                queries: fields.take()?,
                hits_1: fields.take()?,
                hits_10: fields.take()?,
                mrr: fields.take()?,
            },
        })
    }
}
