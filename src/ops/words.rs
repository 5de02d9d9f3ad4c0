//! The words of SeedQL for the closed choices of a request, once for printing, parsing and help.

use super::spec::*;

macro_rules! words {
    ($($type:ident { $($variant:ident => $word:literal),* $(,)? })*) => {
        $(impl $type {
            /// Every choice.
            pub const ALL: &'static [$type] = &[$($type::$variant),*];

            /// The word for it in SeedQL.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word),* }
            }

            /// The choice a word stands for, in any case.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|choice| choice.as_str().eq_ignore_ascii_case(word))
            }
        })*
    };
}

words! {
    PairFormat {
        Dbp15k => "dbp15k", Jape => "jape", Openea => "openea", Mmkg => "mmkg", Rdf => "rdf", Csv => "csv",
    }
    LinkFormat {
        Tsv => "tsv", Csv => "csv", Sssom => "sssom", Alignment => "alignment", SameAs => "sameas",
    }
    Source { Name => "name", Relation => "relation", Attribute => "attribute", Numeric => "numeric" }
    Encoder { Ngrams => "ngrams", Bow => "bow", Numeric => "numeric" }
    Variant { Paper => "paper", Reference => "reference" }
    Missing { Renormalise => "renormalise", Neutral => "neutral", Random => "random" }
    Direction { Row => "row", Both => "both" }
    Matching { Greedy => "greedy", Mutual => "mutual", Best => "best" }
    Protocol { Paper => "paper", Strict => "strict" }
    ExportFormat {
        Csv => "csv", Tsv => "tsv", Jsonl => "jsonl", Sssom => "sssom", SameAs => "sameas",
        Alignment => "alignment", Dbp15k => "dbp15k",
    }
}
