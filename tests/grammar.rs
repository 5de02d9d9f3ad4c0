//! Grammar and parser say the same: sentences of the one parse with the other, what the parser accepts
//! is a sentence, and what is printed parses to the same tree.

mod ebnf;

use ebnf::{Dice, Generator, Grammar};
use proptest::prelude::*;
use seedbed::ql::{self, Params, Statement};

fn grammar() -> Grammar {
    Grammar::read(include_str!("../grammar/seedql.ebnf"))
}

fn printed(statements: &[Statement]) -> String {
    statements.iter().map(Statement::to_string).collect::<Vec<_>>().join(";\n")
}

#[test]
fn generated_sentences_parse_and_print_to_the_same_tree() {
    let grammar = grammar();
    let mut generator = Generator { grammar: &grammar, dice: Dice(42), gone: vec![0; grammar.ways] };
    for i in 0..12_000 {
        let tokens = generator.sentence(if i % 4 == 0 { "Script" } else { "Statement" });
        let blank = generator.sentence("SPACE").concat();
        let blank = if i % 5 == 0 { generator.sentence("COMMENT").concat() + "\n" } else { blank };
        let text = tokens.join(&blank);
        let statements =
            ql::parse(&text).unwrap_or_else(|error| panic!("{}", ql::report(&error, &text, false)));
        let again = printed(&statements);
        let parsed =
            ql::parse(&again).unwrap_or_else(|error| panic!("{}", ql::report(&error, &again, false)));
        assert_eq!(statements, parsed, "{text}\n{again}");
        assert_eq!(printed(&parsed), again);
        // Binding judges values; it must not panic on any sentence.
        for statement in &statements {
            let _ = ql::bind(statement, &Params::new());
        }
    }
    // The words of `Reserved` only ever stand behind a minus.
    let ebnf::Expr::Choice(first, words) = &grammar.rules["Reserved"] else { panic!("a list of words") };
    let never: Vec<usize> = (0..grammar.ways)
        .filter(|way| generator.gone[*way] == 0 && !(*first..first + words.len()).contains(way))
        .collect();
    assert!(never.is_empty(), "ways never gone: {never:?}");
}

#[test]
fn parser_and_recogniser_accept_the_same_mutants() {
    let grammar = grammar();
    let mut generator = Generator { grammar: &grammar, dice: Dice(7), gone: vec![0; grammar.ways] };
    let mut pool: Vec<String> =
        ["AS", "FROM", "INTO", "weights", "features", ";", ",", "(", ")", "=", "'x'", "left"]
            .map(String::from)
            .to_vec();
    let (mut accepted, mut rejected) = (0, 0);
    for _ in 0..16_000 {
        let mut tokens = generator.sentence("Statement");
        for _ in 0..1 + generator.dice.below(2) {
            mutate(&mut tokens, &mut pool, &mut generator.dice);
        }
        let text = tokens.join(" ");
        let parsed = ql::parse(&text);
        assert_eq!(parsed.is_ok(), grammar.accepts("Script", &text), "{text}\n{parsed:?}");
        if parsed.is_ok() {
            accepted += 1
        } else {
            rejected += 1
        }
        // Whatever it is, every question about it has an answer.
        if let Err(error) = parsed {
            assert!(!error.message().is_empty() && error.help_text().is_some(), "{text}\n{error:?}");
        }
    }
    assert!(accepted > 1000 && rejected > 1000, "{accepted} accepted, {rejected} rejected");
}

fn mutate(tokens: &mut Vec<String>, pool: &mut Vec<String>, dice: &mut Dice) {
    if tokens.is_empty() {
        return;
    }
    let at = dice.below(tokens.len());
    pool.push(tokens[dice.below(tokens.len())].clone());
    if pool.len() > 400 {
        pool.swap_remove(12 + dice.below(300));
    }
    let other = pool[dice.below(pool.len())].clone();
    match dice.below(5) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(at, tokens[at].clone()),
        2 => tokens.insert(at, other),
        3 => tokens[at] = other,
        _ => {
            let with = dice.below(tokens.len());
            tokens.swap(at, with);
        }
    }
}

#[test]
fn letters_and_marks_are_those_of_the_grammar() {
    let grammar = grammar();
    for c in ('\0'..='\u{2ffff}').chain(['\u{effff}', '\u{f0000}', char::MAX]) {
        let bare = bare_name;
        if " \t\r\n".contains(c) {
            continue;
        }
        if (c as u32).is_multiple_of(7) || (c as u32) < 0x3100 || ('\u{f000}'..'\u{10010}').contains(&c) {
            assert_eq!(bare(&c.to_string()), grammar.accepts("WORD", &c.to_string()), "{c:?}");
            assert_eq!(
                bare(&format!("a{c}")),
                grammar.accepts("WORD", &format!("a{c}")) && !is_reserved(c),
                "a{c:?}"
            );
        }
    }
    let ebnf::Expr::Choice(_, words) = &grammar.rules["Reserved"] else { panic!("a list of words") };
    for word in words {
        let ebnf::Expr::Literal(word) = word else { panic!("a word") };
        assert!(!bare_name(word) && !bare_name(&word.to_lowercase()), "{word}");
    }
}

fn bare_name(text: &str) -> bool {
    ql::quoted_name(text) == text
}

/// Two-letter words that begin with a and are no names.
fn is_reserved(second: char) -> bool {
    second.eq_ignore_ascii_case(&'s')
}

#[test]
fn every_rule_stands_above_its_function() {
    let sources = [
        include_str!("../src/ql/parser/mod.rs"),
        include_str!("../src/ql/parser/statements.rs"),
        include_str!("../src/ql/parser/edits.rs"),
        include_str!("../src/ql/parser/models.rs"),
        include_str!("../src/ql/parser/conditions.rs"),
        include_str!("../src/ql/parser/terminals.rs"),
        include_str!("../src/ql/lexer.rs"),
    ];
    let comments: String = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.trim_start().strip_prefix("///"))
        .flat_map(|line| line.split_whitespace())
        .map(|word| word.trim_start_matches('`').to_string() + " ")
        .collect();
    // Tables of words and classes of characters stand in tables of their own.
    let tables = [
        "PairFormat",
        "LinkFormat",
        "Aspect",
        "Encoder",
        "Architecture",
        "Side",
        "Table",
        "Grouping",
        "ReviewOrder",
        "Reserved",
        "WORD",
        "PARAMETER",
    ];
    for (name, text) in &grammar().texts {
        let classes = ["LETTER", "DIGIT", "MARK", "SPACE", "COMMENT"];
        if tables.contains(&name.as_str()) || classes.contains(&name.as_str()) {
            continue;
        }
        assert!(comments.contains(&format!("{name} ::= {text}")), "no function bears {name} ::= {text}");
    }
}

#[test]
fn the_reference_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/grammar/REFERENCE.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, ql::reference()).expect("the page is written");
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == ql::reference(), "run this test with UPDATE_REFERENCE=1 and commit grammar/REFERENCE.md");
}

/// Pieces that often meet in wrong statements.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "SEED",
        "SELECT",
        "WHERE",
        "NOT",
        "(",
        ")",
        "=",
        "'",
        "''",
        "\"",
        "<",
        "http://x>",
        "--",
        "\n",
        ";",
        ",",
        ".",
        "$",
        "$x",
        "1e9",
        "-",
        "9",
        "金",
        "‘",
        "weights",
        "features",
        "FROM",
        "AS",
        "p",
        "*",
        "COUNT",
        "EXPLAIN",
        "n=5",
        "\u{0}",
        "\u{202e}",
        "\t",
        "IN",
        "LIKE",
    ];
    proptest::collection::vec(prop_oneof![3 => proptest::sample::select(PIECES), 1 => Just(" ")], 0..40)
        .prop_map(|pieces| pieces.join(if pieces.len() % 2 == 0 { " " } else { "" }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in prop_oneof!["\\PC*", ".*", soup()], cursor in 0_usize..80) {
        if let Err(error) = ql::parse(&text) {
            let drawn = ql::report(&error, &text, true);
            prop_assert!(drawn.ends_with('\n'));
        }
        let _ = ql::completeness(&text);
        let completion = ql::complete(&text, cursor);
        prop_assert!(text.is_char_boundary(completion.start.min(text.len())));
        let mut end = 0;
        for lexeme in ql::tokens(&text) {
            prop_assert!(lexeme.span.start >= end && lexeme.span.end > lexeme.span.start);
            end = lexeme.span.end;
        }
        prop_assert!(end <= text.len());
    }
}
