//! Judging links one by one.

use super::Store;
use crate::error::Result;
use crate::ops::spec::{ExplainPair, Judge, Request, Review, ReviewOrder, Undo};
use crate::ops::{Case, Outcome, review_queue};
use crate::psqe::wilson;
use crate::task::Task;

/// Links of an alignment, for a person to judge; see [`Store::review`].
///
/// An iterator of cases. What is said of a case is a verdict like any other: it is stored at once.
pub struct Reviewer {
    store: Store,
    name: String,
    pair: String,
    author: String,
    cases: std::vec::IntoIter<Case>,
    total: usize,
    /// What was said, in order.
    said: Vec<(Case, bool)>,
}

/// How far a review is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Cases judged.
    pub judged: usize,
    /// Of these, accepted.
    pub accepted: usize,
    /// Cases not looked at yet.
    pub left: usize,
    /// Share of the judged that were accepted; NaN while there are none. Of a review in random order it is
    /// an estimate of the precision of all links, of one by uncertainty a pessimistic one.
    pub precision: f64,
    /// Its interval at 95 % (Wilson).
    pub interval: (f64, f64),
}

impl Store {
    /// The links of an alignment or a seed set that nobody has judged yet, for a person to judge.
    pub fn review(&self, name: &str, order: ReviewOrder, limit: usize, author: &str) -> Result<Reviewer> {
        let spec = Review { name: name.to_string(), order, limit };
        let (pair, cases) = review_queue(&self.engine, &spec, &Task::quiet())?;
        let (total, cases) = (cases.len(), cases.into_iter());
        let (name, author) = (name.to_string(), author.to_string());
        Ok(Reviewer { store: self.clone(), name, pair, author, cases, total, said: Vec::new() })
    }
}

impl Iterator for Reviewer {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        self.cases.next()
    }
}

impl Reviewer {
    /// What speaks for and against a case: names, scores by modality, rivals, attributes and neighbours.
    pub fn evidence(&self, case: &Case) -> Result<Outcome> {
        self.store.run(&Request::ExplainPair(ExplainPair {
            left: case.left.clone(),
            right: case.right.clone(),
            name: self.name.clone(),
        }))
    }

    /// Says whether the two of a case are the same thing.
    pub fn judge(&mut self, case: &Case, same: bool) -> Result<()> {
        self.store.run(&Request::Judge(Judge {
            pair: self.pair.clone(),
            accept: same,
            pairs: vec![(case.left.clone(), case.right.clone())],
            comment: None,
            author: Some(self.author.clone()),
        }))?;
        self.said.push((case.clone(), same));
        Ok(())
    }

    /// Takes the last verdict of this review back; `false` if there is none.
    pub fn undo(&mut self) -> Result<bool> {
        let Some((case, _)) = self.said.last() else { return Ok(false) };
        let pairs = vec![(case.left.clone(), case.right.clone())];
        self.store.run(&Request::Undo(Undo { pair: self.pair.clone(), pairs }))?;
        self.said.pop();
        Ok(true)
    }

    /// Number of cases in all.
    pub fn total(&self) -> usize {
        self.total
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let said: Vec<bool> = self.said.iter().map(|(_, same)| *same).collect();
        Progress::of(&said, self.cases.len())
    }
}

impl Progress {
    /// After these verdicts, with so many cases left.
    pub fn of(said: &[bool], left: usize) -> Self {
        let (judged, accepted) = (said.len(), said.iter().filter(|same| **same).count());
        let precision = if judged == 0 { f64::NAN } else { accepted as f64 / judged as f64 };
        Progress { judged, accepted, left, precision, interval: wilson(accepted as f64, judged as f64) }
    }
}
