//! What people have said of pairs: an append-only log, and what stands of it.
//!
//! A line of the log accepts a pair, rejects one, or takes an earlier line back. Of the lines on a pair
//! that were not taken back the last one stands.

use std::collections::{BTreeMap, HashMap, HashSet};

use rkyv::{Archive, Deserialize, Serialize};

use super::EntityId;
use crate::error::{Code, Error, Result};
use crate::store::{Batch, Db, Record, Table};

const VERDICTS: Table = Table("verdicts");

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// The two are the same thing.
    Accept,
    /// They are not.
    Reject,
    /// The line of this number is taken back.
    Undo(u64),
}

impl Said {
    /// `accept`, `reject` or `undo`.
    pub fn as_str(self) -> &'static str {
        match self {
            Said::Accept => "accept",
            Said::Reject => "reject",
            Said::Undo(_) => "undo",
        }
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its number within the pair, from 1.
    pub number: u64,
    /// What it says.
    pub said: Said,
    /// Left entity.
    pub left: EntityId,
    /// Right entity.
    pub right: EntityId,
    /// Who said it; empty where nobody was named.
    pub author: String,
    /// Why; may be empty.
    pub comment: String,
    /// Seconds since 1970.
    pub at: u64,
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct VerdictRecord {
    /// 0 accepts, 1 rejects, 2 takes the line `of` back.
    said: u8,
    of: u64,
    left: u32,
    right: u32,
    author: String,
    comment: String,
    at: u64,
}

impl Record for VerdictRecord {
    const KIND: [u8; 4] = *b"vrdt";
    const VERSION: u16 = 1;
}

/// Puts lines of a pair's log into a batch.
pub fn log_verdicts(batch: &mut Batch, pair: &str, verdicts: &[Verdict]) -> Result<()> {
    for verdict in verdicts {
        let (said, of) = match verdict.said {
            Said::Accept => (0, 0),
            Said::Reject => (1, 0),
            Said::Undo(of) => (2, of),
        };
        let record = VerdictRecord {
            said,
            of,
            left: verdict.left,
            right: verdict.right,
            author: verdict.author.clone(),
            comment: verdict.comment.clone(),
            at: verdict.at,
        };
        batch.put(VERDICTS, &key(pair, verdict.number), &record)?;
    }
    Ok(())
}

/// The first `count` lines of a pair's log, oldest first; all of them for `u64::MAX`.
///
/// Fails with [`Code::Corrupt`] if there are fewer.
pub fn verdict_log(db: &Db, pair: &str, count: u64) -> Result<Vec<Verdict>> {
    let prefix = [pair.as_bytes(), &[0]].concat();
    let mut log = Vec::new();
    for line in db.scan::<VerdictRecord>(VERDICTS, &prefix) {
        let (key, record) = line?;
        let number = key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        if number > count {
            break;
        }
        let said = match record.said {
            0 => Said::Accept,
            1 => Said::Reject,
            _ => Said::Undo(record.of),
        };
        let VerdictRecord { left, right, author, comment, at, .. } = record;
        log.push(Verdict { number, said, left, right, author, comment, at });
    }
    if count != u64::MAX && (log.len() as u64) < count {
        return Err(Error::new(Code::Corrupt, format!("verdicts on `{pair}` are missing"))
            .help("restore the store from a backup"));
    }
    Ok(log)
}

/// Deletes a pair's log, for a pair that goes.
pub fn forget_verdicts(db: &Db, batch: &mut Batch, pair: &str) -> Result<()> {
    for verdict in verdict_log(db, pair, u64::MAX)? {
        batch.delete(VERDICTS, &key(pair, verdict.number));
    }
    Ok(())
}

fn key(pair: &str, number: u64) -> Vec<u8> {
    [pair.as_bytes(), &[0], &number.to_be_bytes()].concat()
}

/// The lines of a log that stand, in order: one a pair at most.
pub fn standing(log: &[Verdict]) -> Vec<&Verdict> {
    let undone: HashSet<u64> = log
        .iter()
        .filter_map(|line| match line.said {
            Said::Undo(of) => Some(of),
            _ => None,
        })
        .collect();
    let mut last: HashMap<(EntityId, EntityId), u64> = HashMap::new();
    let kept = |line: &&Verdict| !matches!(line.said, Said::Undo(_)) && !undone.contains(&line.number);
    for line in log.iter().filter(kept) {
        last.insert((line.left, line.right), line.number);
    }
    log.iter().filter(|line| last.get(&(line.left, line.right)) == Some(&line.number)).collect()
}

/// What stands, as the stages take it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    accepted: Vec<(EntityId, EntityId)>,
    rejected: Vec<(EntityId, EntityId)>,
}

impl Verdicts {
    /// What stands of a log, between entities that are still there.
    pub fn of(log: &[Verdict], alive: impl Fn(EntityId, EntityId) -> bool) -> Self {
        let stands: BTreeMap<(EntityId, EntityId), Said> = standing(log)
            .into_iter()
            .filter(|line| alive(line.left, line.right))
            .map(|line| ((line.left, line.right), line.said))
            .collect();
        let all =
            |wanted| stands.iter().filter(|(_, said)| **said == wanted).map(|(pair, _)| *pair).collect();
        Verdicts { accepted: all(Said::Accept), rejected: all(Said::Reject) }
    }

    /// Whether nobody has said anything.
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.rejected.is_empty()
    }

    /// Accepted pairs, ascending; one to one.
    pub fn accepted(&self) -> &[(EntityId, EntityId)] {
        &self.accepted
    }

    /// Rejected pairs, ascending.
    pub fn rejected(&self) -> &[(EntityId, EntityId)] {
        &self.rejected
    }

    /// What was said of a pair, if anything.
    pub fn said(&self, left: EntityId, right: EntityId) -> Option<Said> {
        let stands = |pairs: &[(EntityId, EntityId)]| pairs.binary_search(&(left, right)).is_ok();
        match (stands(&self.accepted), stands(&self.rejected)) {
            (true, _) => Some(Said::Accept),
            (_, true) => Some(Said::Reject),
            _ => None,
        }
    }

    /// A digest of what stands; zeros where nothing does.
    pub fn digest(&self) -> [u8; 32] {
        if self.is_empty() {
            return [0; 32];
        }
        let mut hasher = blake3::Hasher::new();
        for pairs in [&self.accepted, &self.rejected] {
            hasher.update(&(pairs.len() as u64).to_le_bytes());
            pairs.iter().for_each(|pair| _ = hasher.update(bytemuck::cast_slice(&[pair.0, pair.1])));
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, said: Said, left: u32, right: u32) -> Verdict {
        let (author, comment) = ("anna".to_string(), "same date of birth".to_string());
        Verdict { number, said, left, right, author, comment, at: 1000 + number }
    }

    #[test]
    fn the_last_line_that_was_not_taken_back_stands() {
        let mut log =
            vec![line(1, Said::Reject, 1, 2), line(2, Said::Accept, 1, 2), line(3, Said::Accept, 5, 6)];
        let all = |_, _| true;
        assert_eq!(Verdicts::of(&log, all).accepted(), [(1, 2), (5, 6)]);
        log.push(line(4, Said::Undo(2), 1, 2));
        let stands = Verdicts::of(&log, all);
        assert_eq!((stands.accepted(), stands.rejected()), (&[(5, 6)][..], &[(1, 2)][..]));
        assert_eq!((stands.said(1, 2), stands.said(2, 1)), (Some(Said::Reject), None));
        log.push(line(5, Said::Undo(1), 1, 2));
        log.push(line(6, Said::Undo(3), 5, 6));
        assert_eq!(Verdicts::of(&log, all).digest(), [0; 32]);
        assert!(Verdicts::of(&log[..3], |left, _| left != 5).said(5, 6).is_none());
    }

    #[test]
    fn a_log_comes_back_pair_by_pair() {
        let db = Db::in_memory();
        let (p, pq) = (
            vec![line(1, Said::Accept, 1, 2), line(2, Said::Undo(1), 1, 2)],
            vec![line(1, Said::Reject, 3, 4)],
        );
        let mut batch = Batch::new();
        log_verdicts(&mut batch, "p", &p).unwrap();
        log_verdicts(&mut batch, "pq", &pq).unwrap();
        db.commit(batch).unwrap();
        assert_eq!(verdict_log(&db, "p", u64::MAX).unwrap(), p);
        assert_eq!(verdict_log(&db, "p", 1).unwrap(), p[..1]);
        let mut batch = Batch::new();
        forget_verdicts(&db, &mut batch, "p").unwrap();
        db.commit(batch).unwrap();
        assert_eq!(verdict_log(&db, "p", u64::MAX).unwrap(), []);
        assert_eq!(verdict_log(&db, "pq", u64::MAX).unwrap(), pq);
    }
}
