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
    Source {
        Name => "name", Relation => "relation", Attribute => "attribute", Text => "text", Image => "image",
        Numeric => "numeric", Temporal => "temporal", Geo => "geo", Structure => "structure",
    }
    Encoder {
        Ngrams => "ngrams", Bow => "bow", Numeric => "numeric", Walks => "walks", Propagation => "propagation",
        Pixels => "pixels", Bert => "bert", Resnet50 => "resnet50", Resnet152 => "resnet152", Vgg16 => "vgg16",
        Vit => "vit", Clip => "clip",
    }
    Variant { Paper => "paper", Reference => "reference", Seedbed => "seedbed" }
    Missing { Renormalise => "renormalise", Neutral => "neutral", Random => "random" }
    Architecture {
        Eva => "eva", Mclea => "mclea", Meaformer => "meaformer", Pcmea => "pcmea", Mpsea => "mpsea",
    }
    Dtype { F32 => "f32", Bf16 => "bf16" }
    Direction { Row => "row", Both => "both" }
    Matching {
        Greedy => "greedy", Mutual => "mutual", Best => "best", Stable => "stable", Hungarian => "hungarian",
        Sinkhorn => "sinkhorn",
    }
    Protocol { Paper => "paper", Strict => "strict" }
    TableFormat { Csv => "csv", Markdown => "markdown", Latex => "latex" }
    ExportFormat {
        Csv => "csv", Tsv => "tsv", Jsonl => "jsonl", Sssom => "sssom", SameAs => "sameas",
        Alignment => "alignment", Dbp15k => "dbp15k", Safetensors => "safetensors",
    }
}

impl PairFormat {
    /// One line on the layout.
    pub fn doc(self) -> &'static str {
        match self {
            PairFormat::Dbp15k => "a folder with ent_ids_1|2, triples_1|2, ill_ent_ids (EVA, GCN-Align)",
            PairFormat::Jape => "a mapping or sharing folder with sup_ent_ids, ref_ent_ids (JAPE, BootEA)",
            PairFormat::Openea => "a folder with rel_triples_1|2, attr_triples_1|2, ent_links (OpenEA)",
            PairFormat::Mmkg => "a folder with *_EntityTriples.txt and *_SameAsLink.txt (MMKG)",
            PairFormat::Rdf => "two RDF files: N-Triples, N-Quads, Turtle, TriG or RDF/XML; plain, gz or zst",
            PairFormat::Csv => "a folder of csv or tsv files with headers",
        }
    }
}

impl LinkFormat {
    /// One line on the layout.
    pub fn doc(self) -> &'static str {
        match self {
            LinkFormat::Tsv => "two columns: IRIs, or ids of the source",
            LinkFormat::Csv => "comma-separated with a header left,right",
            LinkFormat::Sssom => "SSSOM/TSV",
            LinkFormat::Alignment => "Alignment API RDF/XML",
            LinkFormat::SameAs => "owl:sameAs N-Triples",
        }
    }
}

impl ExportFormat {
    /// One line on the layout.
    pub fn doc(self) -> &'static str {
        match self {
            ExportFormat::Csv => "comma-separated with a header",
            ExportFormat::Tsv => "tab-separated with a header",
            ExportFormat::Jsonl => "one JSON object a line",
            ExportFormat::Sssom => "SSSOM/TSV",
            ExportFormat::SameAs => "owl:sameAs N-Triples",
            ExportFormat::Alignment => "Alignment API RDF/XML",
            ExportFormat::Dbp15k => "pairs of the source's ids, as sup_ent_ids",
            ExportFormat::Safetensors => "the parameters of a model, under its authors' names",
        }
    }
}
