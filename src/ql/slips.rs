//! Known slips of the pen and of habit, each with its own words. The first that fits is reported.

use super::catalog::{Kind, is_reserved, verbs};
use super::diagnose::{Failure, as_name};
use super::input::Expected;
use super::lexer::{Fault, Token, TokenKind};
use super::suggest::nearest;
use crate::error::{Code, Error, Span, shorten};

/// The error for text that is no token.
pub(crate) fn fault(text: &str, token: Token, fault: Fault) -> Error {
    let piece = token.text(text);
    let shown = shorten(piece, 40);
    let opening =
        Span::new(token.span.start, token.span.start + piece.chars().next().map_or(0, char::len_utf8));
    let syntax =
        |message: String, span: Span, help: &str| Error::new(Code::Syntax, message).span(span).help(help);
    match fault {
        Fault::OpenText => syntax(
            "the text that begins here has no closing quote".into(),
            opening,
            "close it with '; a quote inside is written twice: 'it''s'",
        ),
        Fault::OpenQuoted => syntax(
            "the name that begins here has no closing quote".into(),
            opening,
            "close it with \" on the same line; text and paths stand in single quotes",
        ),
        Fault::EmptyQuoted => {
            syntax("a name cannot be empty".into(), token.span, "write a name between the quotes")
        }
        Fault::OpenIri => syntax(
            "the IRI that begins here has no closing `>`".into(),
            token.span,
            "an IRI stands in angle brackets and holds no blanks: <http://example.org/x>",
        ),
        Fault::NumberIntoWord => syntax(
            format!("`{shown}` is neither a number nor a name"),
            token.span,
            &format!(
                "numbers read 1000, 0.5 or 1e-3; a name that begins with a digit stands in double quotes: \"{shown}\""
            ),
        ),
        Fault::NumberTooLarge => {
            Error::new(Code::OutOfRange, format!("`{shown}` is larger than any number that can be kept"))
                .span(token.span)
                .help("numbers go up to about 1.8e308")
        }
        Fault::BareDollar => syntax(
            "a parameter needs a name".into(),
            token.span,
            "write $name, without a blank and with a letter first",
        ),
        Fault::SmartQuote => syntax(
            format!("`{shown}` is not a quote that SeedQL knows"),
            token.span,
            "use ' around text, paths and IRIs, and \" around names; some editors replace them by themselves",
        ),
        Fault::LookAlike(" ") => syntax(
            format!(
                "this is a blank of an unusual kind (U+{:04X})",
                piece.chars().next().map_or(0, u32::from)
            ),
            token.span,
            "replace it by a plain blank; it often comes with pasted text",
        ),
        Fault::LookAlike("-") => syntax(
            format!("`{shown}` is not a minus sign that SeedQL knows"),
            token.span,
            "use - before a number, and -- before a comment",
        ),
        Fault::LookAlike(ascii) => syntax(
            format!("`{shown}` looks like `{ascii}` and is another sign"),
            token.span,
            &format!("write {ascii}"),
        ),
        Fault::Stray(sign) => stray(text, token, sign),
    }
}

fn stray(text: &str, token: Token, sign: char) -> Error {
    let before = &text[..token.span.start];
    let after = &text[token.span.end..];
    let help = match sign {
        '/' if after.starts_with('/') || after.starts_with('*') => {
            "a comment begins with -- and ends with its line"
        }
        '#' => "a comment begins with -- and ends with its line",
        '/' | '\\' | '~' => "a path stands in single quotes: 'data/dbp15k/zh_en'",
        '-' if before.ends_with(|c: char| c.is_alphanumeric()) => {
            "a name with a sign in it stands in double quotes: \"zh-en\""
        }
        ':' if before.ends_with(|c: char| c.is_alphanumeric()) => {
            "an option is written name=value, and text with a colon stands in single quotes: 'cuda:0'"
        }
        '&' => "conditions are joined by AND",
        '|' => "conditions are joined by OR",
        '!' => "write NOT, or != to compare",
        '[' | ']' | '{' | '}' => "lists stand in round parentheses",
        '%' => "patterns stand in single quotes: LIKE '%name%'",
        '@' | '?' => "a parameter is written $name",
        '+' if after.starts_with(|c: char| c.is_ascii_digit()) => "a positive number has no sign",
        _ => "text stands in single quotes, and a name with a sign in it in double quotes",
    };
    let shown = if sign.is_control() { format!("U+{:04X}", u32::from(sign)) } else { sign.to_string() };
    Error::new(Code::Syntax, format!("`{shown}` does not belong here")).span(token.span).help(help)
}

/// The error for what is understood and not there yet.
pub(crate) fn later(failure: &Failure<'_>, what: &str, about: &str) -> Error {
    Error::new(Code::Unsupported, format!("{what} is not available in this version"))
        .span(failure.span())
        .help(format!("{about} comes with a later version of Seedbed"))
}

/// The error for a known slip.
pub(crate) fn known(failure: &Failure<'_>) -> Option<Error> {
    open_parenthesis(failure)
        .or_else(|| not_there_yet(failure))
        .or_else(|| create_what(failure))
        .or_else(|| missing_semicolon(failure))
        .or_else(|| option_slip(failure))
        .or_else(|| condition_slip(failure))
        .or_else(|| column_slip(failure))
        .or_else(|| quote_slip(failure))
        .or_else(|| keyword_as_name(failure))
        .or_else(|| missing_keyword(failure))
}

fn open_parenthesis(failure: &Failure<'_>) -> Option<Error> {
    if !failure.at_end() || !failure.expects_sign(")") {
        return None;
    }
    let mut depth = 0;
    let open = failure.tokens[failure.start..failure.at].iter().rev().find(|token| {
        match token.kind {
            TokenKind::Sign(")") => depth += 1,
            TokenKind::Sign("(") if depth == 0 => return true,
            TokenKind::Sign("(") => depth -= 1,
            _ => {}
        }
        false
    })?;
    let error = Error::new(Code::Syntax, "the parenthesis that opens here is not closed").span(open.span);
    Some(error.help(format!("go on with {}", failure.wanted())))
}

/// Only indexes are created; the rest has verbs of its own.
fn create_what(failure: &Failure<'_>) -> Option<Error> {
    if !failure.expects_word("INDEX") || failure.at_end() {
        return None;
    }
    let error = failure.here(format!("CREATE makes an INDEX, not `{}`", shorten(failure.found_text(), 40)));
    Some(
        error.help(
            "a pair is made by IMPORT or GENERATE PAIR, other things by SEED, TRAIN and ALIGN … AS name",
        ),
    )
}

fn not_there_yet(failure: &Failure<'_>) -> Option<Error> {
    let found = failure.found_text().to_lowercase();
    if failure.expects_word("PAIRS") && found == "embeddings" {
        return Some(later(failure, &format!("SHOW {}", found.to_uppercase()), "listing them"));
    }
    None
}

fn missing_semicolon(failure: &Failure<'_>) -> Option<Error> {
    let found = failure.found_text();
    let verb = verbs().any(|(verb, _)| verb.eq_ignore_ascii_case(found));
    if !verb || !failure.expects_sign(";") || failure.kind(1) == Some(TokenKind::Sign("=")) {
        return None;
    }
    let before = failure.tokens[failure.at - 1].span.end;
    let error = failure.here(format!("a `;` is missing before `{found}`"));
    let line = failure.text[before..failure.span().start].contains('\n');
    Some(error.help(if line {
        "end the statement on the line before with `;`"
    } else {
        "a `;` parts two statements"
    }))
}

fn option_slip(failure: &Failure<'_>) -> Option<Error> {
    let found = failure.found_text();
    if failure.kind(0) == Some(TokenKind::Number)
        && failure.expects_sign("=")
        && failure.form?.name != "SELECT"
    {
        let (name, wanted) = (failure.word(-1), failure.wanted());
        let error = failure.here(format!("expected {wanted} between `{name}` and `{found}`"));
        return Some(error.help(format!("write {name}={found}")));
    }
    if failure.kind(-1) == Some(TokenKind::Sign("=")) && failure.kind(-2) == Some(TokenKind::Word) {
        return option_value_slip(failure);
    }
    let form = failure.expected_options()?;
    let text = |key: &str| form.option(key).is_some_and(|option| option.kind == Kind::Text);
    let value = failure.kind(-2) == Some(TokenKind::Sign("=")) && failure.kind(-1) == Some(TokenKind::Word);
    if found == "," && value && text(failure.word(-3)) {
        let (key, first) = (failure.word(-3), failure.word(-1));
        return Some(
            failure
                .here(format!("the value of `{key}` ends here"))
                .help(format!("a list stands in quotes: {key}='{first}, …'")),
        );
    }
    if found == "," {
        return Some(
            failure
                .here("options are parted by blanks, not by commas")
                .help(format!("leave the comma out: {}", form.syntax)),
        );
    }
    let named = matches!(failure.kind(0), Some(TokenKind::Word));
    match form.option(found) {
        Some(option) if named => {
            let example = match (option.default, failure.kind(1)) {
                (_, Some(TokenKind::Number | TokenKind::Text)) => failure.word(1),
                ("", _) => "…",
                (default, _) => default,
            };
            let error = failure.here(format!("the option `{}` lacks its `=` and value", option.name));
            Some(error.help(format!("write {}={example}: {}", option.name, option.doc)))
        }
        _ => None,
    }
}

fn option_value_slip(failure: &Failure<'_>) -> Option<Error> {
    let (found, key) = (failure.found_text(), failure.word(-2));
    let what = failure.expected.iter().find_map(|expected| match expected {
        Expected::OptionValue(option) => Some((option.kind.to_string(), option.kind == Kind::Weights)),
        Expected::Path => Some(("a path in single quotes".to_string(), false)),
        Expected::Value(words) => Some((words.to_string(), false)),
        _ => None,
    });
    let (what, weights) = what?;
    if found == "(" && weights {
        return Some(
            failure.here("a list of weights takes no `=`").help("write weights(visual=0.8, text=0.2)"),
        );
    }
    if found == "=" {
        let value = if failure.kind(1).is_some() { failure.word(1) } else { "value" };
        return Some(failure.here("one `=` is enough").help(format!("write {key} = {value}")));
    }
    if failure.form.is_some_and(|form| form.name == "SELECT") {
        return None;
    }
    let default = failure.expected.iter().find_map(|expected| match expected {
        Expected::OptionValue(option) if !option.default.is_empty() => Some(option.default),
        _ => None,
    });
    if failure.at_end() || (is_reserved(found) && !found.eq_ignore_ascii_case("NULL")) {
        let span = failure.tokens[failure.at - 2].span.to(failure.tokens[failure.at - 1].span);
        let error = Error::new(Code::Syntax, format!("`{key}=` lacks its value: expected {what}")).span(span);
        return Some(error.help(format!("write {key}={}", default.unwrap_or("value"))));
    }
    let error = failure.here(format!("expected {what} for `{key}`, found `{}`", shorten(found, 40)));
    let quoted = matches!(failure.kind(0), Some(TokenKind::Quoted | TokenKind::Word)) && !is_reserved(found);
    Some(error.help(if quoted && what.contains("quotes") {
        format!("write {key}='{}'", failure.run().trim_matches('"'))
    } else {
        format!("write {key}={}", default.unwrap_or("value"))
    }))
}

fn condition_slip(failure: &Failure<'_>) -> Option<Error> {
    if failure.form?.name != "SELECT" {
        return None;
    }
    let (found, before) = (failure.found_text(), failure.word(-1));
    let value = failure.expects(|expected| matches!(expected, Expected::Value("a value")));
    if value && found.eq_ignore_ascii_case("NULL") {
        let not = if matches!(before, "!=" | "<>") { "IS NOT NULL" } else { "IS NULL" };
        return Some(
            failure
                .here("nothing equals NULL, not even NULL")
                .help(format!("write {} {not}", failure.word(-2))),
        );
    }
    if value && before == "=" && matches!(found, ">" | "<" | "=") {
        let right = if found == "=" { "=".to_string() } else { format!("{found}=") };
        return Some(failure.here(format!("`={found}` is not a comparison")).help(format!("write {right}")));
    }
    let name = matches!(failure.kind(0), Some(TokenKind::Word | TokenKind::Quoted)) && !is_reserved(found);
    if value && name && !failure.expects_word("NOT") {
        let text = found.trim_matches('"');
        return Some(failure.here(format!("expected a value, found the name `{found}`")).help(format!(
            "text stands in single quotes: '{text}'; one column cannot be compared with another"
        )));
    }
    if before.eq_ignore_ascii_case("IN") && failure.expects_sign("(") {
        return Some(
            failure.here("the values after IN stand in parentheses").help(format!("write IN ({found})")),
        );
    }
    if value && before == "(" && found == ")" {
        return Some(failure.here("a list of values cannot be empty").help("write IN ('a', 'b')"));
    }
    let clause =
        ["WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET"].iter().any(|word| word.eq_ignore_ascii_case(found));
    if clause && failure.expects_sign(";") {
        return Some(
            failure
                .here(format!("`{found}` comes too late or twice"))
                .help("the clauses follow in this order: FROM, WHERE, GROUP BY, ORDER BY, LIMIT, OFFSET"),
        );
    }
    None
}

fn column_slip(failure: &Failure<'_>) -> Option<Error> {
    let (found, before) = (failure.found_text(), failure.word(-1));
    if failure.form?.name != "SELECT" {
        return None;
    }
    if failure.expects_sign(".") && failure.kind(-2) == Some(TokenKind::Sign(".")) {
        let of = format!("{}.{before}", failure.word(-3));
        let error = failure.here(format!("`{of}` is a graph: expected one of its tables"));
        return Some(error.help(format!("write {of}.triples, {of}.attributes or {of}.entities")));
    }
    if !failure.expects_word("FROM") && !failure.expects_sign("*") {
        return None;
    }
    let name = matches!(failure.kind(0), Some(TokenKind::Word | TokenKind::Quoted)) && !is_reserved(found);
    if name && failure.expects_sign(",") && failure.meant().is_none() {
        let error = failure.here(format!("a comma or FROM is missing before `{found}`"));
        return Some(error.help(format!("columns are parted by commas: {before}, {found}")));
    }
    if before == "*" && found == "," {
        return Some(
            failure
                .here("`*` stands for all columns, alone")
                .help("name the columns, or write SELECT * FROM …"),
        );
    }
    if before == "(" && failure.expects_sign("*") && failure.word(-2).eq_ignore_ascii_case("COUNT") {
        return Some(
            failure
                .here("only COUNT(*) counts")
                .help("to count rows with a value, add WHERE column IS NOT NULL"),
        );
    }
    if found == "(" && failure.kind(-1) == Some(TokenKind::Word) {
        let message = format!("`{before}` is not a function that SeedQL has");
        return Some(failure.here(message).help("COUNT(*) is the only one"));
    }
    None
}

fn quote_slip(failure: &Failure<'_>) -> Option<Error> {
    let (found, kind) = (failure.found_text(), failure.kind(0)?);
    let path = failure.expects(|expected| matches!(expected, Expected::Path));
    let text = path
        || failure.expects(|expected| matches!(expected, Expected::Value(words) if words.contains("quotes")));
    let wanted = failure.wanted();
    match kind {
        TokenKind::Text if failure.expected_name().is_some() => {
            let error = failure.here(format!("expected {wanted}, found the text {}", shorten(found, 40)));
            Some(error.help(format!("names stand without single quotes: {}", as_name(found))))
        }
        TokenKind::Quoted if text => {
            let error = failure.here(format!("expected {wanted}, found the name {}", shorten(found, 40)));
            Some(error.help(format!("double quotes are for names; write '{}'", found.trim_matches('"'))))
        }
        TokenKind::Word if text && !is_reserved(found) => {
            if let Some(meant) = failure.meant() {
                let error = failure.here(format!("expected {wanted}, found `{found}`"));
                return Some(error.help(format!("did you mean {meant}?")));
            }
            let what = if path { "paths" } else { "texts" };
            let error = failure.here(format!("expected {wanted}, found the name `{found}`"));
            Some(error.help(format!("{what} stand in single quotes: '{}'", failure.run())))
        }
        TokenKind::Iri if path => {
            let error = failure.here(format!("expected {wanted}, found the IRI {}", shorten(found, 40)));
            Some(error.help("files are read from disk; download it first"))
        }
        TokenKind::Parameter if failure.expected_name().is_some() || !text => {
            let error = failure.here(format!("expected {wanted}, found the parameter `{found}`"));
            Some(
                error.help(
                    "a parameter stands for a value (text, a number, a path), not for a name or a keyword",
                ),
            )
        }
        _ => None,
    }
}

fn keyword_as_name(failure: &Failure<'_>) -> Option<Error> {
    let found = failure.found_text();
    if failure.kind(0) != Some(TokenKind::Word) || !is_reserved(found) {
        return None;
    }
    failure.expected_name()?;
    let error = failure.here(format!("expected {}, found the keyword `{found}`", failure.wanted()));
    let alone = matches!(failure.kind(1), None | Some(TokenKind::Sign(";")));
    let before = if alone { String::new() } else { format!("put a name before {found}; or, ") };
    Some(error.help(format!("{before}to use the word as a name, put it in double quotes: \"{found}\"")))
}

fn missing_keyword(failure: &Failure<'_>) -> Option<Error> {
    let kind = failure.kind(0)?;
    let operand = matches!(kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Text | TokenKind::Iri);
    let mut words = failure.words().filter(|word| is_reserved(word));
    let (word, more) = (words.next()?, words.next());
    let found = failure.found_text();
    if !operand || more.is_some() || is_reserved(found) || failure.words().count() > 1 {
        return None;
    }
    // A name that is followed by the keyword is something else: a second name, say.
    if failure.meant().is_some()
        || nearest(found, [word]).is_some()
        || failure.word(1).eq_ignore_ascii_case(word)
    {
        return None;
    }
    let error = failure.here(format!("{word} is missing before `{}`", shorten(found, 40)));
    Some(error.help(failure.shape()))
}
