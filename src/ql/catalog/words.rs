//! Words that stand for values: formats, encoders, what `SHOW` lists.

use super::Word;
use crate::kg::Side;
use crate::ops::spec::{Architecture, Encoder, Grouping, LinkFormat, PairFormat, ReviewOrder, Source};
use crate::ql::ast::ShowWhat;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $type:ty = $($text:literal => $value:expr, $about:literal;)*) => {
        $(#[$doc])*
        pub(crate) const $name: &[Word<$type>] = &[$(Word { text: $text, value: $value, doc: $about },)*];
    };
}

words! {
    /// `PairFormat`
    PAIR_FORMATS: PairFormat =
    "dbp15k" => PairFormat::Dbp15k, "a DBP15K folder as EVA and GCN-Align have it";
    "jape" => PairFormat::Jape, "a mapping or sharing folder of JAPE and BootEA";
    "openea" => PairFormat::Openea, "an OpenEA folder, its folds as splits";
    "mmkg" => PairFormat::Mmkg, "an MMKG folder (FB15K, DB15K, YAGO15K)";
    "rdf" => PairFormat::Rdf, "two RDF files: N-Triples, Turtle or RDF/XML, plain, gz or zst";
    "csv" => PairFormat::Csv, "a folder of comma- or tab-separated files with headers";
}

words! {
    /// `LinkFormat`
    LINK_FORMATS: LinkFormat =
    "tsv" => LinkFormat::Tsv, "two columns parted by a tab";
    "csv" => LinkFormat::Csv, "comma-separated with the header left,right";
    "sssom" => LinkFormat::Sssom, "an SSSOM/TSV mapping set";
    "alignment" => LinkFormat::Alignment, "Alignment API RDF/XML";
    "sameas" => LinkFormat::SameAs, "owl:sameAs N-Triples";
}

words! {
    /// `Aspect`
    ASPECTS: Source =
    "name" => Source::Name, "names of entities";
    "relation" => Source::Relation, "relations of entities";
    "attribute" => Source::Attribute, "attributes of entities, with their values";
    "text" => Source::Text, "names of entities and what their literals say";
    "image" => Source::Image, "pictures of entities";
    "numeric" => Source::Numeric, "numeric literals of entities, dates among them";
    "temporal" => Source::Temporal, "dates of entities";
    "geo" => Source::Geo, "where entities are on the earth";
    "structure" => Source::Structure, "places of entities in their graphs";
}

words! {
    /// `Encoder`
    ENCODERS: Encoder =
    "ngrams" => Encoder::Ngrams, "hashed character n-grams with tf-idf weights, for names";
    "bow" => Encoder::Bow, "counts of the most frequent relations or attributes";
    "numeric" => Encoder::Numeric, "numbers, dates or places through grids from coarse to fine";
    "walks" => Encoder::Walks, "which relations and degrees random walks meet, for structure";
    "propagation" => Encoder::Propagation, "vectors of seeds spread over the triples, for structure";
    "pixels" => Encoder::Pixels, "colours, layout and edges of pictures; needs no weights";
    "bert" => Encoder::Bert, "a Hugging Face folder: BERT, MiniLM, RoBERTa, XLM-R, DistilBERT, sentence-transformers";
    "resnet50" => Encoder::Resnet50, "ResNet-50, torchvision's weights as safetensors";
    "resnet152" => Encoder::Resnet152, "ResNet-152, torchvision's weights as safetensors";
    "vgg16" => Encoder::Vgg16, "VGG-16, torchvision's weights as safetensors";
    "vit" => Encoder::Vit, "a Hugging Face folder of a vision transformer";
    "clip" => Encoder::Clip, "a Hugging Face folder of CLIP, of which the vision half is used";
}

words! {
    /// `Architecture`
    ARCHITECTURES: Architecture =
    "eva" => Architecture::Eva, "GCN, learned modality weights, NCA loss";
    "mclea" => Architecture::Mclea, "GAT, contrastive losses within and between modalities";
    "meaformer" => Architecture::Meaformer, "a transformer layer over modality tokens weighs them entity by entity";
    "pcmea" => Architecture::Pcmea, "cross-modal attention, mutual information, momentum contrast, calibrated pseudo-labels";
    "mpsea" => Architecture::Mpsea, "multi-weight GAT, pre-synergistic fusion, outlook attention, a policy over modalities";
}

words! {
    /// `Side`
    SIDES: Side =
    "left" => Side::Left, "the left graph";
    "right" => Side::Right, "the right graph";
}

words! {
    /// `Grouping`
    GROUPINGS: Grouping =
    "degree" => Grouping::Degree, "deciles of the number of neighbours";
    "cluster" => Grouping::Cluster, "clusters of the fused features";
    "type" => Grouping::Type, "rdf:type of the left entity";
}

words! {
    /// `ReviewOrder`
    REVIEW_ORDERS: ReviewOrder =
    "uncertainty" => ReviewOrder::Uncertainty, "links whose entities have a rival nearly as good first";
    "score" => ReviewOrder::Score, "the least score first";
    "random" => ReviewOrder::Random, "any: what is found of them holds for all";
}

words! {
    /// `Table`
    TABLES: &'static str =
    "links" => "links", "reference links";
    "entities" => "entities", "entities";
    "triples" => "triples", "relation triples";
    "attributes" => "attributes", "attribute triples";
    "dropped" => "dropped", "what a correction left out, and why";
    "verdicts" => "verdicts", "what stands of what people said of pairs";
    "unmatched" => "unmatched", "entities without a link, each with its best candidate and why";
}

words! {
    /// `Show`, those that take no pair.
    SHOW_ALL: ShowWhat =
    "PAIRS" => ShowWhat::Pairs, "pairs of graphs";
    "OPERATIONS" => ShowWhat::Operations, "what was run, newest last";
    "SETTINGS" => ShowWhat::Settings, "settings and their values";
    "FORMATS" => ShowWhat::Formats, "formats that can be read and written";
    "SIZE" => ShowWhat::Size, "where the bytes of the store are";
}

words! {
    /// `Show`, those that may be of one pair.
    SHOW_FROM: ShowWhat =
    "FEATURES" => ShowWhat::Features, "modalities";
    "SEEDS" => ShowWhat::Seeds, "seed sets";
    "MODELS" => ShowWhat::Models, "tuned and trained models";
    "RUNS" => ShowWhat::Runs, "training runs: live, resumable and finished";
    "ALIGNMENTS" => ShowWhat::Alignments, "alignments";
    "INDEXES" => ShowWhat::Indexes, "indexes";
    "ARTIFACTS" => ShowWhat::Artifacts, "all artifacts with what they came from";
    "VERDICTS" => ShowWhat::Verdicts, "what people said of pairs, oldest first";
    "STALE" => ShowWhat::Stale, "what was made from something that has changed since, and because of what";
}
