//! What a person reads when a statement is wrong: every message as it is drawn.

use std::fmt::Write;

use seedbed::ql::{Params, bind, parse, report};

/// The reports of some texts, one after the other. A text that is not wrong fails the test.
fn reports(texts: &[&str]) -> String {
    let params = Params::new().with("name", "x").with("number", 5).with("share", 0.5).with("empty", "");
    let mut out = String::new();
    for text in texts {
        let result = parse(text)
            .and_then(|all| all.iter().try_for_each(|statement| bind(statement, &params).map(drop)));
        let error = result.expect_err(text);
        let _ = writeln!(out, "{}", report(&error, text, false));
    }
    out
}

#[test]
fn tokens() {
    insta::assert_snapshot!(reports(&[
        "IMPORT dbp15k 'data/zh_en AS zh_en",
        "DESCRIBE \"zh en",
        "DESCRIBE \"\"",
        "MATCH <http://dbpedia.org/resource/Seoul IN zh_en",
        "SEED visual n=10k FROM p AS s",
        "DESCRIBE 2nd_seeds",
        "SEED visual n=1e999 FROM p AS s",
        "IMPORT dbp15k ‘data’ AS p",
        "SEED visual n=5 FROM p AS s；",
        "SELECT left， right FROM a",
        "SHOW\u{a0}PAIRS",
        "SEED visual n=–5 FROM p AS s",
        "SHOW PAIRS # all of them",
        "SHOW PAIRS // all of them",
        "IMPORT dbp15k data/zh_en AS p",
        "IMPORT dbp15k 'data' AS zh-en",
        "SET device=cuda:0",
        "SELECT * FROM a WHERE x = 1 && y = 2",
        "SELECT * FROM a WHERE x = 1 || y = 2",
        "SELECT * FROM a WHERE x IN [1, 2]",
        "SELECT * FROM a WHERE left LIKE %x",
        "SEED visual n=$ FROM p AS s",
        "SEED visual n=@n FROM p AS s",
        "ALIGN p USING features{visual=1} AS a",
    ]));
}

#[test]
fn verbs() {
    insta::assert_snapshot!(reports(&[
        "SHWO PAIRS",
        "EVAL a",
        "LOAD 'x'",
        "CREATE PAIR p",
        "banana",
        "'text'",
        "42",
        ".help",
        "help",
        "quit",
        "TRAIN resnet ON p USING s1 AS m1",
        "TRAIN eva FROM p USING s1 AS m1",
        "TRAIN eva ON p USING features AS m1; TRAIN eva ON p USING s1 + + s2 AS m1",
        "TRAIN eva ON p USING split 'test' AS m1",
        "TRAIN eva ON p USING split 'trian' AS m1",
        "TRAIN eva ON p USING split '120%' AS m1",
        "TRAIN eva ON p USING s1 epoch=3 AS m1",
        "DESCRIBE MODEL resnet",
        "SHOW PAIRS;\nREFRESH;",
        "INSERT TRIPLE ('a', 'r') INTO p.left",
        "INSERT TRIPLE ('a', 'r', 'b') INTO p",
        "INSERT TRIPLE ('a', 'r', 'b') datatype='int' INTO p.left",
        "DELETE ENTITY 'a' INTO p.left",
        "ACCEPT ('a') IN p",
        "ACCEPT ('a', 'b') comment=3 IN p",
        "APPLY 'changes.nt' TO p.left",
        "DIFF a1",
        "SHOW LINEAGE",
        "TUNE s1 epochs=0 AS t1",
        "TUNE s1 variant=reference temperature=0.5 AS t1",
        "TUNE s1",
        "EXPAND s1 threshold=0.5 AS s2",
        "EXPAND s1 USING AS s2",
        "PSQE k=4 AS seeds",
        "PSQE k=4 FROM p precision=2 AS seeds",
        "EXPLAIN SEEDS s1 BY size",
        "EXPLAIN RUN",
        "TRIAN meaformer ON p",
        "EXPLAIN",
        "EXPLAIN;",
        "EXPLAIN EXPLAIN SHOW PAIRS",
        "EXPLAIN SEEDS",
        "SEED global n=0 FROM t AS s",
        "EMBED name USING bert INTO p",
        "SHOW INDICES",
        "INDEX i ON p",
        "CREATE INDEX i p",
        "CREATE INDEX i ON p m=300",
    ]));
}

#[test]
fn words_and_clauses() {
    insta::assert_snapshot!(reports(&[
        "SEED visual FRMO p AS s",
        "SEED visual p AS s",
        "SEED visual FROM p s1",
        "SEED FROM p AS s",
        "SEED visual FROM AS s",
        "SEED visual",
        "SEED visual;",
        "SEED visual FROM p",
        "CORRECT s1",
        "IMPORT dbpk15 'x' AS p",
        "IMPORT 'x' AS p",
        "IMPORT dbp15k 'x' p",
        "IMPORT dbp15k 'x' INTO p",
        "IMPORT dbp15k 'x',",
        "IMPORT rdf 'left.nt' AS p",
        "IMPORT dbp15k 'a', 'b' AS p",
        "IMPORT FEATURES visual 'f.npy' INTO p",
        "IMPORT LINKS 'links.tsv' AS p",
        "SHOW SEED",
        "SHOW PAIRS FROM p",
        "CHECK EVERYTHING",
        "GENERATE demo",
        "EMBED names USING ngrams INTO p",
        "EMBED relation USING ngrams INTO p",
        "EXPORT a 'x.csv'",
        "EXPORT a TO x.csv",
        "BACKUP 'dir'",
        "MATCH 'a' zh_en",
        "MATCH 'a' IN p.middle",
        "DESCRIBE from",
        "DESCRIBE 'p'",
        "DESCRIBE $name",
        "IMPORT dbp15k \"data\" AS p",
        "IMPORT rdf <http://x.org/a.nt>, 'b.nt' AS p",
        "SHOW PAIRS SHOW SEEDS",
        "SHOW PAIRS\nSHOW SEEDS",
        "COMPACT now",
    ]));
}

#[test]
fn options() {
    insta::assert_snapshot!(reports(&[
        "SEED cluster vairant=paper FROM p AS s",
        "SEED visual k=4 FROM p AS s",
        "EVALUATE a epochs=5",
        "SEED cluster k=4 n=5 k=5 FROM p AS s",
        "SEED cluster n FROM p AS s",
        "SEED cluster n 500 FROM p AS s",
        "SEED cluster n= FROM p AS s",
        "SEED cluster n=",
        "SEED cluster n==5 FROM p AS s",
        "SEED cluster k=4, n=5 FROM p AS s",
        "SEED cluster n=0 FROM p AS s",
        "SEED cluster n=-5 FROM p AS s",
        "SEED cluster n=2.5 FROM p AS s",
        "SEED cluster n='500' FROM p AS s",
        "SEED cluster k=atuo FROM p AS s",
        "SEED cluster variant=papre FROM p AS s",
        "SEED cluster variant=5 FROM p AS s",
        "CORRECT s iterate=yes AS s2",
        "GENERATE PAIR demo overlap=1.5",
        "EMBED name USING ngrams min_n=5 max_n=3 INTO p",
        "EMBED relation USING bow min_n=2 INTO p",
        "IMPORT jape 'x' fold=1 AS p",
        "EVALUATE a last=10500 split=test",
        "EXPORT a TO 'x' format=excel",
        "EXPORT a TO ''",
        "SET seeds=5",
        "SET colour='red'",
        "SET threads=-1",
        "SET seed",
    ]));
}

#[test]
fn matching() {
    insta::assert_snapshot!(reports(&[
        "ALIGN p match=hungry AS a",
        "ALIGN p match=hungarian csls=0 AS a",
        "ALIGN p match=stable one_to_one=false AS a",
        "ALIGN p match=sinkhorn rescale=rinf AS a",
        "ALIGN p match=sinkhorn temperature=0 AS a",
        "ALIGN p match=mutual temperature=0.1 AS a",
        "ALIGN p iterations=5 AS a",
        "ALIGN p rescale=rinf csls=10 AS a",
        "ALIGN p rescale=none csls=10 AS a",
        "ALIGN p rescale=csls csls=none AS a",
        "ALIGN p threshold=atuo AS a",
        "ALIGN p threshold='0.5' AS a",
        "ALIGN p threshold=11 AS a",
        "ALIGN p precision=0.9 AS a",
        "ALIGN p threshold=0.5 precision=0.9 AS a",
        "ALIGN p threshold=auto precision=1.5 AS a",
        "SELECT * FROM a.unmatchd",
    ]));
}

#[test]
fn benches() {
    insta::assert_snapshot!(reports(&[
        "BENCH p MODELS eva SEEDS s",
        "BENCH PAIRS p MODELS eva",
        "BENCH PAIRS p MODELS resnet SEEDS s",
        "BENCH PAIRS p, MODELS eva SEEDS s",
        "BENCH PAIRS p MODELS eva SEEDS split 'test'",
        "BENCH PAIRS p MODELS eva SEEDS s protocol=paper,strict",
        "BENCH PAIRS p MODELS eva SEEDS s protocol='paper, lenient'",
        "BENCH PAIRS p MODELS eva SEEDS s runs=0",
        "BENCH PAIRS p MODELS eva SEEDS s format=csv",
        "BENCH PAIRS p MODELS eva SEEDS s TO table.csv",
        "BENCH PAIRS p MODELS eva SEEDS s TO 'table' format=excel",
        "BENCH PAIRS p, q MODELS eva SEEDS s, t published='DBP15K ZH-EN'",
        "BENCH PAIRS p MODELS eva SEEDS s AS b",
        "BENCHMARK p",
    ]));
}

#[test]
fn weights() {
    insta::assert_snapshot!(reports(&[
        "ALIGN p USING features(visual=0.8, text=0.2",
        "ALIGN p USING features() AS a",
        "ALIGN p USING features(visual 0.8) AS a",
        "ALIGN p USING features(visual=high) AS a",
        "ALIGN p USING features(visual=-1) AS a",
        "ALIGN p USING features(visual=0, text=0) AS a",
        "ALIGN p USING features(visual=1, Visual=2) AS a",
        "ALIGN p USING features(金=1) AS a",
        "ALIGN p USING features(visual=1) weights=equal AS a",
        "ALIGN p weights=(visual=1) AS a",
        "ALIGN p weights=best AS a",
        "ALIGN p USIGN features AS a",
    ]));
}

#[test]
fn rows() {
    insta::assert_snapshot!(reports(&[
        "SELECT FROM a",
        "SELECT left right FROM a",
        "SELECT *, left FROM a",
        "SELECT COUNT(left) FROM a",
        "SELECT AVG(score) FROM a",
        "SELECT * FROM p.left",
        "SELECT * FROM p.tripels",
        "SELECT * FROM p.left.links",
        "SELECT * FROM a WHERE",
        "SELECT * FROM a WHERE score => 0.9",
        "SELECT * FROM a WHERE score == 0.9",
        "SELECT * FROM a WHERE left = NULL",
        "SELECT * FROM a WHERE left != null",
        "SELECT * FROM a WHERE left = right",
        "SELECT * FROM a WHERE left LIKE x",
        "SELECT * FROM a WHERE left IN 'x'",
        "SELECT * FROM a WHERE left IN ()",
        "SELECT * FROM a WHERE (x = 1 AND y = 2",
        "SELECT * FROM a LIMIT 5 WHERE x = 1",
        "SELECT * FROM a LIMIT -5",
        "SELECT * FROM a LIMIT many",
        "SELECT * FROM a ORDER score",
        "SELECT * FROM a WHERE x = 1 AND",
        "MATCH 'a' IN p LIMIT 0",
    ]));
}

#[test]
fn parameters() {
    insta::assert_snapshot!(reports(&[
        "SEED visual n=$nummer FROM p AS s",
        "SEED visual n=$other FROM p AS s",
        "SEED visual n=$name FROM p AS s",
        "SEED visual n=$share FROM p AS s",
        "IMPORT dbp15k $empty AS p",
        "SELECT * FROM a LIMIT $share",
        "ALIGN p USING features(visual=$name) AS a",
    ]));
}

#[test]
fn drawing() {
    let wide = format!("SELECT {} FORM a", (0..40).map(|i| format!("列{i}")).collect::<Vec<_>>().join(", "));
    insta::assert_snapshot!(reports(&[
        "MATCH\t'金大中'\tON zh_en",
        "SHOW PAIRS;\n\nSEED visual\n  n=5\n  FORM p\n  AS s;",
        "SEED visual\n  FROM p\n\n-- and no more\n",
        &wide,
        &format!("SELECT * FROM a WHERE {}x = 1{}", "(".repeat(70), ")".repeat(70)),
    ]));
}
