//! Parsing a script of 1,000 statements; the promise is under 20 ms.

use divan::Bencher;
use seedbed::ql;

fn main() {
    divan::main();
}

/// 1,000 statements of every length.
fn script() -> String {
    let statements = [
        "IMPORT dbp15k 'data/dbp15k/zh_en' AS zh_en;\n",
        "SEED cluster k=4 n=1000 weights(visual=0.8, relation=0.1, attribute=0.1) FROM zh_en AS s1;\n",
        "SELECT left, right, score FROM a1 WHERE score >= 0.9 AND NOT (left LIKE '%x%' OR right IN ('a', 'b')) \
         ORDER BY score DESC LIMIT 20; -- the best\n",
        "EXPORT a1 TO 'zh_en.sssom.tsv' format=sssom overwrite=true;\n",
    ];
    statements.repeat(250).concat()
}

#[divan::bench]
fn thousand_statements(bencher: Bencher) {
    let text = script();
    bencher.bench(|| ql::parse(divan::black_box(&text)).map(|all| all.len()));
}

#[divan::bench]
fn thousand_statements_with_an_error_at_the_end(bencher: Bencher) {
    let text = script() + "SELCT 1";
    bencher.bench(|| ql::parse(divan::black_box(&text)).is_err());
}
