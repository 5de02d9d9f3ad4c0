//! Every form of a statement with its options, defaults and ranges.

use super::shared::*;
use super::{Form, Kind};

macro_rules! forms {
    ($($id:ident: $name:literal, $doc:literal, $syntax:literal, [$($option:expr),* $(,)?], [$($example:literal),*];)*) => {
        $(#[doc = concat!("`", $name, "`")]
        pub(crate) static $id: Form = Form {
            name: $name, doc: $doc, syntax: $syntax, options: &[$($option),*], examples: &[$($example),*],
        };)*
        /// Every form, in the order of the reference page.
        pub static FORMS: &[&Form] = &[$(&$id),*];
    };
}

forms! {
    IMPORT: "IMPORT", "Reads a pair of graphs.",
        "IMPORT format 'path'[, 'path'] [options] AS pair",
        [
            LENIENT,
            opt("remap_ids", Kind::Bool, "false", "give each side its own ids where a dbp15k folder repeats them"),
            opt("links", Kind::Path, "", "file of reference links, for formats that do not carry them"),
            opt("fold", Kind::Int(1, 5), "", "which fold's splits to read from an OpenEA folder"),
        ],
        ["IMPORT dbp15k 'data/dbp15k/zh_en' AS zh_en", "IMPORT rdf 'left.nt', 'right.ttl.gz' links='same.tsv' AS p"];
    IMPORT_LINKS: "IMPORT LINKS", "Reads reference links into a pair.",
        "IMPORT LINKS [format] 'path' [options] INTO pair",
        [
            opt("split", SPLITS, "", "put all of them in one split"),
            opt("lenient", Kind::Bool, "false", "skip links to unknown entities and count them"),
        ],
        ["IMPORT LINKS tsv 'train_links' split=train INTO p"];
    IMPORT_FEATURES: "IMPORT FEATURES", "Reads the matrix of a modality into a pair.",
        "IMPORT FEATURES modality FROM 'path'[, 'path'] [options] INTO pair",
        [ROW_IDS, PRESENT, TENSOR],
        ["IMPORT FEATURES visual FROM 'zh_en_GA_id_img_feature_dict.pkl' INTO zh_en"];
    EMBED: "EMBED", "Makes a modality from what the graphs hold, or from pictures; networks are files of yours.",
        "EMBED name|relation|attribute|text|image|numeric|temporal|geo|structure [USING encoder ['weights']] [FROM seeds|'pictures'] [options] INTO pair [AS modality]",
        [
            opt("min_n", Kind::Int(1, 16), "2", "shortest n-gram, in characters"),
            opt("max_n", Kind::Int(1, 16), "4", "longest n-gram, in characters"),
            opt("dims", Kind::Int(1, 16_777_216), "",
                "hash buckets of n-grams (1,048,576), columns of a bag of words (1,000) or of a hop (256)"),
            opt("hops", Kind::Int(1, 8), "", "how far seeds are propagated (2) and walks go (3, the entity itself being the first)"),
            opt("folder", Kind::Path, "", "where the pictures that an index names are, if not beside it"),
            RANDOM_SEED,
        ],
        ["EMBED name INTO zh_en", "EMBED name USING bert 'models/minilm' INTO zh_en",
         "EMBED image USING resnet152 'resnet152.safetensors' FROM 'pictures' INTO zh_en",
         "EMBED relation USING bow dims=500 INTO zh_en", "EMBED geo INTO zh_en",
         "EMBED structure USING propagation FROM seeds INTO zh_en"];
    GENERATE: "GENERATE PAIR", "Makes a synthetic pair of graphs with known links.",
        "GENERATE PAIR pair [options]",
        [
            opt("entities", Kind::Int(10, 10_000_000), "2000", "entities in the world both graphs are drawn from"),
            opt("overlap", Kind::Float(0.0, 1.0), "0.8", "share of the world that both graphs hold"),
            opt("degree", Kind::Float(0.0, 1000.0), "6", "mean number of relation triples of an entity"),
            opt("exponent", Kind::Float(2.0, 4.0), "2.5", "exponent of the power law of degrees"),
            opt("edge_noise", Kind::Float(0.0, 1.0), "0.1", "share of edges replaced by random ones"),
            opt("relations", Kind::Int(1, 100_000), "60", "relations in the world"),
            opt("attributes", Kind::Int(0, 100_000), "30", "attributes in the world"),
            opt("name_noise", Kind::Float(0.0, 1.0), "0.05", "chance that a character of a name is edited on the right"),
            opt("visual_noise", Kind::Float(0.0, 100.0), "0.9", "noise on a visual latent, relative to the latent"),
            opt("visual_dims", Kind::Int(1, 65_536), "64", "width of the visual features"),
            opt("missing_visual", Kind::Float(0.0, 1.0), "0.15", "share of entities without an image"),
            opt("missing_names", Kind::Float(0.0, 1.0), "0.05", "share of entities without a name"),
            opt("test", Kind::Float(0.0, 1.0), "0.7", "share of the links that are to judge by"),
            opt("missing_attributes", Kind::Float(0.0, 1.0), "0.2", "share of entities without attributes"),
            opt("pictures", Kind::Path, "", "a new folder to draw pictures of the entities into, instead of visual features"),
            RANDOM_SEED,
        ],
        ["GENERATE PAIR demo entities=2000 overlap=0.8"];
    SEED: "SEED", "Finds seeds as pivots of one modality.",
        "SEED modality [options] FROM pair AS seeds",
        [
            opt("n", Kind::Int(1, 100_000_000), "1000", "number of seeds asked for"),
            MISSING,
            EXACT,
            RECALL,
            RANDOM_SEED,
        ],
        ["SEED visual n=1000 FROM zh_en AS uvp", "SEED text FROM zh_en AS pivots"];
    SEED_CLUSTER: "SEED cluster", "Finds seeds by fusing modalities and sampling in clusters (PSQE stage I).",
        "SEED cluster [options] FROM pair AS seeds",
        [
            opt("k", Kind::IntOr(1, 10_000, "auto"), "4", "number of clusters"),
            opt("n", COUNT, "1000", "number of seeds asked for"),
            PRECISION,
            VARIANT,
            WEIGHTS,
            MISSING,
            EXACT,
            RECALL,
            RANDOM_SEED,
        ],
        ["SEED cluster k=4 n=1000 FROM zh_en AS s1",
         "SEED cluster k=auto weights(visual=0.8, relation=0.1, attribute=0.1) FROM zh_en AS s1"];
    SEED_GLOBAL: "SEED global", "Samples seeds anew over all entities (PSQE stage II).",
        "SEED global [options] FROM model|seeds AS seeds",
        [
            opt("n", COUNT, "auto", "number of seeds asked for"),
            PRECISION,
            ANY_VARIANT,
            WEIGHTS,
            MISSING,
            EXACT,
            RECALL,
            RANDOM_SEED,
        ],
        ["SEED global n=1000 FROM t1 AS s2", "SEED global precision=0.95 FROM s1 AS s2"];
    TUNE: "TUNE", "Tunes embeddings contrastively on seeds (PSQE stage II).",
        "TUNE seeds [options] AS model",
        [
            EPOCHS,
            LR,
            BATCH,
            opt("dims", Kind::Int(1, 8192), "300", "width of the embeddings"),
            opt("temperature", Kind::Float(1e-3, 1e3), "0.1", "divides similarities; variant=reference has 1"),
            opt("patience", Kind::IntOr(1, 1_000_000, "none"), "none",
                "epochs without gain on held-out seeds after which tuning stops"),
            VARIANT,
            TUNED,
            MISSING,
            DEVICE,
            DTYPE,
            RANDOM_SEED,
        ],
        ["TUNE s1 epochs=300 lr=0.01 batch=2000 AS t1", "TUNE s1 device='cuda:0' dtype=bf16 AS t1"];
    CORRECT: "CORRECT", "Drops seeds that another entity contradicts.",
        "CORRECT seeds [options] AS seeds",
        [
            opt("direction", Kind::Choice(&[
                ("row", "each left end against the right ends"),
                ("both", "each right end against the left ends as well"),
            ]), "row", "which ends are checked"),
            opt("n", Kind::IntOr(1, 100_000_000, "all"), "all", "keep at most so many, best first"),
            opt("iterate", Kind::Bool, "false", "repeat until nothing falls"),
            opt("rivals", Kind::Choice(&[
                ("seeds", "only entities of other seeds"),
                ("all", "all entities of the other side"),
            ]), "seeds", "which entities may contradict a seed"),
            CORRECT_VARIANT,
            WEIGHTS,
            MISSING,
            EXACT,
            RECALL,
            RANDOM_SEED,
        ],
        ["CORRECT s1 AS s2", "CORRECT s1 direction=both rivals=all iterate=true AS s2"];
    EXPAND: "EXPAND", "Adds pairs of the seeds' neighbours (PSQE stage III).",
        "EXPAND seeds [USING model] [options] AS seeds",
        [
            opt("n", COUNT, "auto", "most seeds in all"),
            PRECISION,
            opt("threshold", Kind::Float(-1.0, 1.0), "0.8", "variant=paper|reference: least similarity of a new pair"),
            opt("ramp", Kind::Float(0.0, 1.0), "0.1", "variant=reference: rise of the threshold from first to last seed"),
            opt("cap", Kind::Int(1, 10_000), "6", "variant=reference: most new pairs of the first seed; half as many of the last"),
            ANY_VARIANT,
            WEIGHTS,
            MISSING,
            EXACT,
            RECALL,
            RANDOM_SEED,
        ],
        ["EXPAND s2 AS s3", "EXPAND s2 USING t1 threshold=0.8 variant=reference AS s3"];
    PSQE: "PSQE", "Makes seeds in all three stages, each a result of its own.",
        "PSQE [options] FROM pair AS seeds",
        [
            opt("k", Kind::IntOr(1, 10_000, "auto"), "4", "number of clusters of stage I"),
            opt("n", COUNT, "auto", "number of seeds asked for"),
            PRECISION,
            opt("tune", Kind::Bool, "false", "tune embeddings in stage II; variant=paper|reference always does"),
            EPOCHS,
            LR,
            BATCH,
            ANY_VARIANT,
            WEIGHTS,
            MISSING,
            EXACT,
            RECALL,
            DEVICE,
            DTYPE,
            RANDOM_SEED,
        ],
        ["PSQE FROM zh_en AS seeds", "PSQE k=4 n=1000 variant=reference FROM zh_en AS seeds"];
    TRAIN: "TRAIN", "Trains an aligner on seeds, on reference links, or on both.",
        "TRAIN model ON pair USING seeds|split 'train'[ + …] [options] AS model",
        [
            MODEL_EPOCHS,
            MODEL_LR,
            MODEL_BATCH,
            MODEL_DIMS,
            MODEL_TEMPERATURE,
            ITERATIVE,
            MODEL_PATIENCE,
            WITHOUT,
            opt("init", Kind::Path, "", "safetensors file of parameters to begin with, under the names of the model's authors"),
            TRAIN_VARIANT,
            TRAINED,
            DEVICE,
            RANDOM_SEED,
        ],
        ["TRAIN meaformer ON zh_en USING seeds AS m1",
         "TRAIN mclea ON p USING seeds + split 'train' epochs=200 iterative=true AS m2",
         "TRAIN eva ON p USING split '20%' AS m3"];
    ALIGN: "ALIGN", "Aligns a pair from its features, or from the embeddings of a model.",
        "ALIGN pair [USING model|features[(modality=weight, …)]] [options] AS alignment",
        [
            WEIGHTS,
            opt("match", Kind::Choice(&[
                ("mutual", "mutual nearest neighbours"),
                ("greedy", "one to one by falling score"),
                ("best", "the best of each left entity"),
                ("stable", "one to one, and no two entities would rather have each other: what greedy gives"),
                ("hungarian", "one to one with the greatest total of scores above the threshold, or above 0"),
                ("sinkhorn", "by shares of an entropy-regularised transport over the candidates"),
            ]), "mutual", "how scores become links"),
            opt("one_to_one", Kind::Bool, "", "whether a right entity is linked once at most; match=best does without"),
            opt("rescale", Kind::Choice(&[
                ("csls", "less the mean similarity of both ends to their nearest (csls=)"),
                ("rinf", "reciprocal of the mean rank in the preferences of both ends, over the candidates"),
                ("none", "the plain similarity"),
            ]), "csls", "what becomes of similarities before matching"),
            opt("csls", Kind::IntOr(1, 1000, "none"), "10", "neighbours for CSLS; none leaves the plain similarity"),
            opt("candidates", Kind::Int(1, 10_000), "10", "candidates kept of each entity"),
            opt("threshold", Kind::FloatOr(-10.0, 10.0, "auto"), "",
                "least score of a link (of match=sinkhorn, least share); auto cuts by estimated precision"),
            opt("precision", Kind::Float(0.0, 1.0), "0.9", "with threshold=auto: least estimated precision of the links"),
            opt("temperature", Kind::Float(1e-3, 1e3), "0.05", "match=sinkhorn: divides similarities"),
            opt("iterations", Kind::Int(1, 100_000), "100", "match=sinkhorn: most iterations"),
            MISSING,
            EXACT,
            RECALL,
            RANDOM_SEED,
        ],
        ["ALIGN zh_en USING features match=mutual csls=10 AS a1",
         "ALIGN zh_en USING features(visual=0.8, relation=0.1, attribute=0.1) match=greedy AS a1",
         "ALIGN zh_en match=hungarian threshold=auto precision=0.95 AS a2"];
    EVALUATE: "EVALUATE", "Judges seeds or an alignment by the reference links.",
        "EVALUATE artifact [options]",
        [
            opt("protocol", Kind::Choice(&[
                ("strict", "all entities of the other side are candidates"),
                ("paper", "only the entities of the test links are candidates"),
            ]), "strict", "which entities compete"),
            opt("last", Kind::Int(1, MOST), "", "judge the last so many links of the link file"),
            opt("split", SPLITS, "", "judge the links of one split"),
        ],
        ["EVALUATE s1", "EVALUATE a1 protocol=paper last=10500"];
    BENCH: "BENCH", "Trains aligners several times each and judges them alike, beside the features and the papers.",
        "BENCH PAIRS pair[, …] MODELS all|model[, …] SEEDS seeds|split '20%'[ + …][, …] [options] [TO 'path']",
        [
            opt("runs", Kind::Int(1, 1000), "5", "trainings of each kind, each with a random seed of its own from seed= on"),
            opt("protocol", Kind::Text, "'paper,strict'",
                "which entities compete, parted by commas: paper (those of the test links), strict (all)"),
            opt("csls", Kind::IntOr(1, 1000, "none"), "10", "neighbours for CSLS, beside the plain similarity; none leaves it out"),
            opt("published", Kind::Text, "",
                "the data set whose published figures stand beside, one a pair; where not given the pair's name or origin tells it; none leaves them out"),
            opt("format", Kind::Choice(&[
                ("csv", "comma-separated with a header, in full precision"),
                ("markdown", "a Markdown table"),
                ("latex", "a LaTeX tabular"),
            ]), "", "format of the file; by its name where not given"),
            OVERWRITE,
            MODEL_EPOCHS,
            MODEL_LR,
            MODEL_BATCH,
            MODEL_DIMS,
            MODEL_TEMPERATURE,
            ITERATIVE,
            MODEL_PATIENCE,
            WITHOUT,
            TRAIN_VARIANT,
            TRAINED,
            DEVICE,
            RANDOM_SEED,
        ],
        ["BENCH PAIRS zh_en MODELS all SEEDS seeds, split '20%' runs=5",
         "BENCH PAIRS zh_en, ja_en MODELS eva, meaformer SEEDS split 'train' + seeds runs=3 protocol=paper TO 'bench.tex'"];
    CREATE_INDEX: "CREATE INDEX", "Builds an index of nearest neighbours, which MATCH goes through where that pays.",
        "CREATE INDEX name ON pair|model|alignment [options]",
        [
            WEIGHTS,
            opt("m", Kind::Int(4, 64), "16", "neighbours chosen for a point; a list holds twice as many"),
            opt("ef", Kind::Int(16, 2000), "128", "candidates looked at for the neighbours of a point, at most 64 among more than 10,000 points"),
        ],
        ["CREATE INDEX i1 ON m1", "CREATE INDEX i2 ON zh_en weights(visual=1) m=24 ef=200"];
    MATCH: "MATCH", "Finds the best counterparts of one entity.",
        "MATCH 'entity' IN pair[.left|.right] [USING model|features[(modality=weight, …)]] [options] [LIMIT n]",
        [
            WEIGHTS,
            opt("exact", Kind::Bool, "",
                "compare with all, or (false) go through an index even where that costs more; by cost where not given"),
            opt("recall", Kind::Float(0.0, 1.0), "0.98", "share of the ten best that an index must have found when it was measured"),
        ],
        ["MATCH 'http://zh.dbpedia.org/resource/金大中' IN zh_en LIMIT 10",
         "MATCH <http://dbpedia.org/resource/Seoul> IN zh_en.right USING features(visual=0.5, text=0.5)"];
    SELECT: "SELECT", "Reads rows of seeds, alignments, links, entities, triples or attributes.",
        "SELECT columns FROM source [WHERE …] [GROUP BY …] [ORDER BY …] [LIMIT n] [OFFSET n]",
        [],
        ["SELECT left, right, score FROM a1 WHERE score >= 0.9 ORDER BY score DESC LIMIT 20",
         "SELECT side, name, candidate_name, score, reason FROM a1.unmatched ORDER BY score DESC",
         "SELECT relation, COUNT(*) AS uses FROM zh_en.left.triples GROUP BY relation ORDER BY uses DESC",
         "SELECT * FROM zh_en.links WHERE split IN ('train', 'valid') AND left LIKE '%resource%'"];
    EXPORT: "EXPORT", "Writes links, seeds, or the parameters of a model to a file.",
        "EXPORT artifact TO 'path' [options]",
        [
            opt("format", Kind::Choice(&[
                ("csv", "comma-separated with a header"),
                ("tsv", "tab-separated with a header"),
                ("jsonl", "one JSON object a line"),
                ("sssom", "an SSSOM/TSV mapping set"),
                ("sameas", "owl:sameAs N-Triples"),
                ("alignment", "Alignment API RDF/XML"),
                ("dbp15k", "pairs of the source's ids"),
                ("safetensors", "parameters of a model, under its authors' names"),
            ]), "", "format of the file; by its name where not given"),
            OVERWRITE,
            opt("prefixes", Kind::Choice(&[
                ("known", "only well-known prefixes"),
                ("auto", "prefixes are made up where none is known"),
            ]), "known", "SSSOM: how IRIs are shortened"),
            opt("predicate", Kind::Choice(&[
                ("same_as", "owl:sameAs"),
                ("exact_match", "skos:exactMatch"),
            ]), "same_as", "SSSOM and RDF: the predicate of a link"),
            opt("license", Kind::Text, "'https://w3id.org/sssom/license/unspecified'",
                "SSSOM: licence of the mapping set"),
        ],
        ["EXPORT a1 TO 'zh_en.sssom.tsv' format=sssom", "EXPORT s1 TO 'seeds.csv' overwrite=true"];
    SHOW: "SHOW", "Lists what the store holds and what it can do.",
        "SHOW PAIRS|FEATURES|SEEDS|ALIGNMENTS|MODELS|RUNS|INDEXES|ARTIFACTS|VERDICTS|STALE|LINEAGE name|OPERATIONS|SETTINGS|FORMATS|SIZE [FROM pair]",
        [],
        ["SHOW PAIRS", "SHOW SEEDS FROM zh_en", "SHOW STALE", "SHOW LINEAGE a1"];
    DESCRIBE: "DESCRIBE", "Tells all about a pair, an artifact, or an aligner that can be trained.",
        "DESCRIBE name|MODEL model", [],
        ["DESCRIBE zh_en", "DESCRIBE MODEL meaformer"];
    DROP: "DROP", "Removes a pair or an artifact.", "DROP name", [], ["DROP s1"];
    SET: "SET", "Changes a setting of the session.", "SET setting=value",
        [
            opt("seed", Kind::Int(0, MOST), "42", "random seed of statements that name none"),
            opt("device", Kind::Text, "cpu", "where tuning runs: cpu, cuda:0 or auto"),
            opt("threads", Kind::Int(0, 4096), "0", "worker threads; 0 takes all"),
            opt("author", Kind::Text, "", "who edits and judges, as the log has it"),
            opt("memory", Kind::Text, "none", "memory that may be held while a statement runs, such as 2GiB"),
            opt("timeout", Kind::Text, "none", "how long a statement may take, such as 10m"),
        ],
        ["SET seed=42", "SET device='cuda:0'", "SET memory='2GiB'", "SET timeout='10m'"];
    CHECK: "CHECK", "Checks the store; FULL reads every byte.", "CHECK [QUICK|FULL]", [], ["CHECK FULL"];
    BACKUP: "BACKUP", "Copies the store to a new directory.", "BACKUP TO 'path'", [], ["BACKUP TO 'copy'"];
    DUMP: "DUMP", "Writes everything to a new folder of text files and numpy arrays, described in its README.md.",
        "DUMP TO 'path'", [], ["DUMP TO 'zh_en_dump'"];
    LOAD: "LOAD", "Makes of a dump what it was made of, equal by digest; nothing of a name in it may be here.",
        "LOAD FROM 'path'", [], ["LOAD FROM 'zh_en_dump'"];
    COMPACT: "COMPACT", "Gives back the space of what was dropped.", "COMPACT", [], ["COMPACT"];
    IMPORT_INTO: "IMPORT INTO", "Adds the statements of an RDF file to a graph that is there.",
        "IMPORT rdf 'path' [options] INTO pair.left|right", [LENIENT],
        ["IMPORT rdf 'more.nt.gz' INTO zh_en.left"];
    UPDATE_FEATURES: "UPDATE FEATURES", "Replaces the rows of a modality that a file has; the others stay.",
        "UPDATE FEATURES modality FROM 'path'[, 'path'] [options] INTO pair",
        [ROW_IDS, PRESENT, TENSOR],
        ["UPDATE FEATURES visual FROM 'new_pictures.npy' ids='new_pictures.txt' INTO zh_en"];
    INSERT: "INSERT", "Adds an entity, a relation triple or an attribute triple to a graph.",
        "INSERT ENTITY 'iri'|TRIPLE ('head', 'relation', 'tail')|ATTRIBUTE ('entity', 'attribute', value) [options] INTO pair.left|right",
        [
            opt("name", Kind::Text, "", "name of the entity"),
            opt("datatype", Kind::Text, "", "XSD datatype of the value: gYear, integer, …"),
            opt("language", Kind::Text, "", "language of the value: en, zh, …"),
        ],
        ["INSERT ENTITY 'http://x.org/seoul' name='Seoul' INTO p.left",
         "INSERT TRIPLE ('http://x.org/kim', 'birthPlace', 'http://x.org/seoul') INTO p.left",
         "INSERT ATTRIBUTE ('http://x.org/seoul', 'population', 9411000) INTO p.left"];
    DELETE: "DELETE", "Deletes an entity with all that is said of it, or one statement.",
        "DELETE ENTITY 'entity'|TRIPLE ('head', 'relation', 'tail')|ATTRIBUTE ('entity', 'attribute'[, value]) FROM pair.left|right",
        [],
        ["DELETE ENTITY 'http://x.org/seoul' FROM p.right",
         "DELETE TRIPLE ('http://x.org/kim', 'birthPlace', 'http://x.org/seoul') FROM p.left"];
    APPLY_DIFF: "APPLY DIFF", "Applies the statements that came and went since the last dump.",
        "APPLY DIFF 'path' [options] TO pair.left|right",
        [
            opt("removed", Kind::Path, "", "file of what went; the first is then what came, without marks"),
            opt("prune", Kind::Bool, "false", "delete entities of which nothing is said any more"),
            LENIENT,
        ],
        ["APPLY DIFF 'week47.nt' TO zh_en.left", "APPLY DIFF 'added.nt' removed='removed.nt' TO zh_en.right"];
    ACCEPT: "ACCEPT", "Says that two entities are the same thing: every later stage keeps the pair.",
        "ACCEPT ('left', 'right')[, …] [options] IN pair",
        [COMMENT, AUTHOR],
        ["ACCEPT ('http://x.org/a', 'http://y.org/b') comment='same ISNI' IN p"];
    REJECT: "REJECT", "Says that two entities are not the same thing: no later stage brings the pair.",
        "REJECT ('left', 'right')[, …] [options] IN pair",
        [COMMENT, AUTHOR],
        ["REJECT ('http://x.org/a', 'http://y.org/c') IN p"];
    UNDO: "UNDO", "Takes verdicts back: those on the pairs named, or the last one.",
        "UNDO [('left', 'right')[, …]] IN pair", [],
        ["UNDO IN p", "UNDO ('http://x.org/a', 'http://y.org/c') IN p"];
    IMPORT_VERDICTS: "IMPORT VERDICTS", "Reads verdicts from SSSOM; predicate_modifier Not rejects.",
        "IMPORT VERDICTS 'path' [options] INTO pair",
        [opt("lenient", Kind::Bool, "false", "skip verdicts on unknown entities and count them")],
        ["IMPORT VERDICTS 'reviewed.sssom.tsv' INTO p"];
    EXPORT_VERDICTS: "EXPORT VERDICTS", "Writes the verdicts that stand as SSSOM.",
        "EXPORT VERDICTS FROM pair TO 'path' [options]",
        [OVERWRITE],
        ["EXPORT VERDICTS FROM p TO 'reviewed.sssom.tsv'"];
    REFRESH: "REFRESH", "Recomputes what edits and verdicts touched, in an artifact or in all of a pair.",
        "REFRESH artifact|pair [options] [AS name]",
        [
            opt("full", Kind::Bool, "false", "compute from nothing, weights and clusters too"),
            opt("epochs", Kind::Int(1, 1_000_000), "", "epochs that a training goes on for; a fifteenth of its own where not given"),
        ],
        ["REFRESH a1", "REFRESH a1 AS a2", "REFRESH zh_en", "REFRESH m1 epochs=50"];
    REVIEW: "REVIEW", "Goes through links that nobody has judged yet, one by one at a prompt.",
        "REVIEW artifact [ORDER BY uncertainty|score|random] [LIMIT n]", [],
        ["REVIEW a1 ORDER BY uncertainty LIMIT 50", "REVIEW a1 ORDER BY random LIMIT 100"];
    EXPLAIN_PAIR: "EXPLAIN MATCH", "Tells what speaks for and against one pair of entities.",
        "EXPLAIN MATCH 'left', 'right' IN artifact|pair", [],
        ["EXPLAIN MATCH 'http://x.org/a', 'http://y.org/b' IN a1"];
    DIFF: "DIFF", "Tells which links of two alignments or seed sets appeared, went or moved, and why.",
        "DIFF artifact, artifact", [],
        ["DIFF a1, a2"];
    EXPLAIN: "EXPLAIN", "Tells what a statement would do, and what is there already.",
        "EXPLAIN statement", [], ["EXPLAIN SEED cluster FROM zh_en"];
    EXPLAIN_SEEDS: "EXPLAIN SEEDS", "Tells where seeds come from, how good they are, and where they are thin.",
        "EXPLAIN SEEDS seeds [BY degree|cluster|type] [TO 'picture.svg'] [options]",
        [OVERWRITE],
        ["EXPLAIN SEEDS s1", "EXPLAIN SEEDS s1 BY degree", "EXPLAIN SEEDS s1 TO 'seeds.svg'"];
    EXPLAIN_MODALITIES: "EXPLAIN MODALITIES",
        "Tells what each modality of a pair is good for, without labels, and the weight it suggests.",
        "EXPLAIN MODALITIES pair", [],
        ["EXPLAIN MODALITIES zh_en"];
    EXPLAIN_RUN: "EXPLAIN RUN", "Draws the curve of a training run.", "EXPLAIN RUN model", [],
        ["EXPLAIN RUN t1"];
}
