//! Knowledge graphs as the stages see them: entities with dense ids, triples, literals, names, links.
//!
//! Invariants: an entity id is its row everywhere (features, embeddings, seeds); ids of one side run
//! from 0 without gaps, deleted entities keeping theirs; triples are sorted and free of duplicates. This layer knows nothing of file
//! formats or of the query language.

mod edit;
mod edit_log;
mod graph;
mod naming;
mod persist;
mod strings;
mod verdicts;

pub use edit::{Delta, Editor};
#[cfg(any(test, fuzzing))]
pub(crate) use edit_log::EditRecord;
pub use edit_log::{Edit, edits, forget_edits, log_edit};
pub use graph::{AttributeTriple, Graph, GraphBuilder, Literal, Repeat, Triple, readable};
#[cfg(any(test, fuzzing))]
pub(crate) use persist::{EntityBlock, LinkBlock, LiteralBlock, NameBlock, TripleBlock};
pub use persist::{digest_graph, digest_links, load_graph, load_links, save_graph, save_links};
pub use strings::Strings;
#[cfg(any(test, fuzzing))]
pub(crate) use verdicts::VerdictRecord;
pub use verdicts::{Said, Verdict, Verdicts, forget_verdicts, log_verdicts, standing, verdict_log};

/// A dense id of an entity within its side of a pair.
pub type EntityId = u32;

/// One of the two graphs of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The left graph.
    Left,
    /// The right graph.
    Right,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Side; 2] = [Side::Left, Side::Right];

    /// `left` or `right`.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Left => "left",
            Side::Right => "right",
        }
    }

    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// Which part of the reference links a link belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// May be trained on.
    Train,
    /// May be used to choose epochs and thresholds.
    Valid,
    /// Only for judging.
    Test,
}

impl Split {
    /// `train`, `valid` or `test`.
    pub fn as_str(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Valid => "valid",
            Split::Test => "test",
        }
    }
}

/// A reference link: two entities known to be the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// Entity of the left graph.
    pub left: EntityId,
    /// Entity of the right graph.
    pub right: EntityId,
    /// The split it belongs to, where the source names one.
    pub split: Option<Split>,
}
