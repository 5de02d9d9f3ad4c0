//! Text to tokens: the rules in capitals of `grammar/seedql.ebnf`. Never fails; text that is no token
//! becomes a [`Fault`] that knows what to say.

use crate::error::Span;

/// What a token is. `Copy`, and without text: the span gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// `WORD`
    Word,
    /// `QUOTED`
    Quoted,
    /// `STRING`
    Text,
    /// `IRI`
    Iri,
    /// `NUMBER`
    Number,
    /// `PARAMETER`
    Parameter,
    /// A literal made of signs.
    Sign(&'static str),
    /// `COMMENT`; left out of what the parser sees.
    Comment,
    /// No token.
    Fault(Fault),
}

/// Why a piece of text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `'…` to the end of the text.
    OpenText,
    /// `"…` to the end of the line.
    OpenQuoted,
    /// `""`
    EmptyQuoted,
    /// `<http://…` without a `>`.
    OpenIri,
    /// `2nd`, `0x10`, `1_000`
    NumberIntoWord,
    /// `1e999`
    NumberTooLarge,
    /// `$` without a name.
    BareDollar,
    /// A typographic quote.
    SmartQuote,
    /// A sign that looks like the ASCII one given.
    LookAlike(&'static str),
    /// Anything else.
    Stray(char),
}

/// A piece of text with its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it is.
    pub span: Span,
}

impl Token {
    /// Its text within `source`.
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        &source[self.span.start..self.span.end]
    }
}

/// The tokens of a text in order, comments and faults included, blanks left out.
pub(crate) fn scan(source: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(source.len() / 4);
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let (kind, len) = match first {
            ' ' | '\t' | '\r' | '\n' => {
                at += 1;
                continue;
            }
            _ => token(&source[at..], first),
        };
        tokens.push(Token { kind, span: Span::new(at, at + len) });
        at += len;
    }
    tokens
}

/// The token that `rest`, which starts with `first`, starts with, and its length in bytes.
fn token(rest: &str, first: char) -> (TokenKind, usize) {
    match first {
        '\'' => text(rest),
        '"' => quoted(rest),
        '$' => match word_len(&rest[1..]) {
            0 => (TokenKind::Fault(Fault::BareDollar), 1),
            len => (TokenKind::Parameter, 1 + len),
        },
        '-' if rest.starts_with("--") => (TokenKind::Comment, rest.find('\n').unwrap_or(rest.len())),
        '<' => iri(rest).unwrap_or_else(|| sign(rest, first)),
        '0'..='9' => number(rest),
        '-' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest),
        _ if is_letter(first) => (TokenKind::Word, word_len(rest)),
        _ => sign(rest, first),
    }
}

/// `STRING ::= "'" ( [^'] | "''" )* "'"`
fn text(rest: &str) -> (TokenKind, usize) {
    match closing(rest, '\'') {
        Some(end) => (TokenKind::Text, end),
        None => (TokenKind::Fault(Fault::OpenText), rest.len()),
    }
}

/// `QUOTED ::= '"' ( [^"#xA#xD] | '""' )+ '"'`
fn quoted(rest: &str) -> (TokenKind, usize) {
    let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    match closing(line, '"') {
        Some(2) => (TokenKind::Fault(Fault::EmptyQuoted), 2),
        Some(end) => (TokenKind::Quoted, end),
        None => (TokenKind::Fault(Fault::OpenQuoted), line.len()),
    }
}

/// Offset past the quote that closes the one `rest` starts with; a doubled quote stands for itself.
fn closing(rest: &str, quote: char) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    loop {
        at += rest[at..].find(quote)? + 1;
        if bytes.get(at) != Some(&(quote as u8)) {
            return Some(at);
        }
        at += 1;
    }
}

/// `IRI ::= '<' LETTER IRICHAR* '>'`; `None` where the `<` is only a sign.
fn iri(rest: &str) -> Option<(TokenKind, usize)> {
    let inner = &rest[1..];
    if !inner.starts_with(is_letter) {
        return None;
    }
    let len = inner.find(|c| !is_iri_char(c)).unwrap_or(inner.len());
    if inner[len..].starts_with('>') {
        return Some((TokenKind::Iri, len + 2));
    }
    // No other token holds a colon, so this can only be meant as an IRI.
    inner[..len].contains(':').then_some((TokenKind::Fault(Fault::OpenIri), len + 1))
}

/// `NUMBER ::= '-'? DIGIT+ ( '.' DIGIT+ )? ( [eE] [+-]? DIGIT+ )?`
fn number(rest: &str) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut len = usize::from(bytes[0] == b'-');
    len += digits(len);
    if bytes.get(len) == Some(&b'.') && bytes.get(len + 1).is_some_and(u8::is_ascii_digit) {
        len += 1 + digits(len + 1);
    }
    if matches!(bytes.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
        let exponent = bytes.get(len + 1 + sign..).map_or(0, |_| digits(len + 1 + sign));
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    let tail = rest[len..].find(|c| !is_word_char(c)).unwrap_or(rest.len() - len);
    if tail > 0 {
        return (TokenKind::Fault(Fault::NumberIntoWord), len + tail);
    }
    match rest[..len].parse::<f64>() {
        Ok(value) if value.is_finite() => (TokenKind::Number, len),
        _ => (TokenKind::Fault(Fault::NumberTooLarge), len),
    }
}

/// The literals made of signs, the longer ones first.
const SIGNS: [&str; 14] = ["!=", "<>", "<=", ">=", "<", ">", "=", ";", ",", ".", "(", ")", "*", "+"];

fn sign(rest: &str, first: char) -> (TokenKind, usize) {
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return (TokenKind::Sign(sign), sign.len());
    }
    let fault = match first {
        '\u{2018}'..='\u{201f}' | '`' | '´' | '«' | '»' | '‹' | '›' | '「' | '」' => {
            Fault::SmartQuote
        }
        '；' => Fault::LookAlike(";"),
        '，' | '、' => Fault::LookAlike(","),
        '。' | '．' => Fault::LookAlike("."),
        '（' => Fault::LookAlike("("),
        '）' => Fault::LookAlike(")"),
        '＝' => Fault::LookAlike("="),
        '＜' => Fault::LookAlike("<"),
        '＞' => Fault::LookAlike(">"),
        '＋' => Fault::LookAlike("+"),
        '＊' | '×' => Fault::LookAlike("*"),
        '≤' => Fault::LookAlike("<="),
        '≥' => Fault::LookAlike(">="),
        '≠' => Fault::LookAlike("!="),
        '–' | '—' | '−' | '－' => Fault::LookAlike("-"),
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{3000}' | '\u{feff}' => Fault::LookAlike(" "),
        other => Fault::Stray(other),
    };
    (TokenKind::Fault(fault), first.len_utf8())
}

/// Length of the `WORD` that `rest` starts with, or 0.
fn word_len(rest: &str) -> usize {
    if !rest.starts_with(is_letter) {
        return 0;
    }
    rest.find(|c| !is_word_char(c)).unwrap_or(rest.len())
}

/// `LETTER ( LETTER | DIGIT | MARK )*`: whether `text` is a `WORD` as it stands.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && word_len(text) == text.len()
}

/// `LETTER`
pub(crate) fn is_letter(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3005}'..='\u{3007}'
        | '\u{3031}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FDFD}'
        | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}' | '\u{FF66}'..='\u{FFDC}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// `LETTER | DIGIT | MARK`
pub(crate) fn is_word_char(c: char) -> bool {
    is_letter(c) || matches!(c, '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// `IRICHAR ::= [^#x0-#x20<>"{}|`^\]`
pub(crate) fn is_iri_char(c: char) -> bool {
    c > ' ' && !matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '`' | '^' | '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(TokenKind, &str)> {
        scan(source).iter().map(|token| (token.kind, token.text(source))).collect()
    }

    #[test]
    fn signs_words_and_numbers_part_without_blanks() {
        use TokenKind::*;
        assert_eq!(
            kinds("k=4,x<=-1e-3;p.left"),
            [
                (Word, "k"),
                (Sign("="), "="),
                (Number, "4"),
                (Sign(","), ","),
                (Word, "x"),
                (Sign("<="), "<="),
                (Number, "-1e-3"),
                (Sign(";"), ";"),
                (Word, "p"),
                (Sign("."), "."),
                (Word, "left"),
            ]
        );
    }

    #[test]
    fn an_angle_bracket_opens_an_iri_or_compares() {
        use TokenKind::*;
        assert_eq!(kinds("<http://x.org/金>"), [(Iri, "<http://x.org/金>")]);
        assert_eq!(kinds("a<b"), [(Word, "a"), (Sign("<"), "<"), (Word, "b")]);
        assert_eq!(kinds("<http://x y"), [(Fault(super::Fault::OpenIri), "<http://x"), (Word, "y")]);
    }

    #[test]
    fn quotes_double_to_stand_for_themselves() {
        assert_eq!(kinds("'it''s' \"a\"\"b\"")[0], (TokenKind::Text, "'it''s'"));
        assert_eq!(kinds("'it''s' \"a\"\"b\"")[1], (TokenKind::Quoted, "\"a\"\"b\""));
        assert_eq!(kinds("'open")[0].0, TokenKind::Fault(Fault::OpenText));
        assert_eq!(kinds("\"open\nx")[0], (TokenKind::Fault(Fault::OpenQuoted), "\"open"));
    }

    #[test]
    fn a_comment_runs_to_the_end_of_its_line() {
        use TokenKind::*;
        assert_eq!(kinds("a -- 'b\nc"), [(Word, "a"), (Comment, "-- 'b"), (Word, "c")]);
    }
}
