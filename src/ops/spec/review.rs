//! What a person is shown to judge links by.

/// The links of an alignment, one after the other, for a person to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// The alignment, or a seed set.
    pub name: String,
    /// Which links come first.
    pub order: ReviewOrder,
    /// How many are looked at.
    pub limit: usize,
}

/// Which links are judged first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReviewOrder {
    /// Those whose entities have a rival nearly as good.
    #[default]
    Uncertainty,
    /// Those of the least score.
    Score,
    /// Any: what is found of them holds for all.
    Random,
}

/// What speaks for and against one pair of entities.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainPair {
    /// Left entity, by IRI or by a name that only one bears.
    pub left: String,
    /// Right entity.
    pub right: String,
    /// The pair of graphs, an alignment or a seed set.
    pub name: String,
}
