//! Text on a terminal: its width in columns, its wrapping, and what is not safe to print.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// The number of terminal columns of a text; Chinese and Japanese characters take two.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The text with control characters replaced by pictures, so that data cannot steer the terminal.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(unsafe_to_print) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if unsafe_to_print(c) { picture(c) } else { c }).collect())
}

/// Control characters, and the marks that break lines or reorder text around them.
fn unsafe_to_print(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn picture(c: char) -> char {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' => '⏎',
        '\t' => ' ',
        '\u{7f}' => '␡',
        c if (c as u32) < 0x20 => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        _ => '\u{fffd}',
    }
}

/// At most `limit` columns of the text; what was cut ends in an ellipsis.
pub fn truncate(text: &str, limit: usize) -> Cow<'_, str> {
    if width(text) <= limit {
        return Cow::Borrowed(text);
    }
    let mut kept = take(text, limit.saturating_sub(1)).to_string();
    kept.push('…');
    Cow::Owned(kept)
}

/// At most `limit` columns of the text's end, after an ellipsis: what tells one IRI from the next.
pub fn tail(text: &str, limit: usize) -> Cow<'_, str> {
    let over = (width(text) + 1).saturating_sub(limit);
    if width(text) <= limit {
        return Cow::Borrowed(text);
    }
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        if columns >= over {
            return Cow::Owned(format!("…{}", &text[at..]));
        }
        columns += c.width().unwrap_or(0);
    }
    Cow::Borrowed("…")
}

/// The longest prefix of at most `limit` columns.
fn take(text: &str, limit: usize) -> &str {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += c.width().unwrap_or(0);
        if columns > limit {
            return &text[..at];
        }
    }
    text
}

/// Lines of at most `limit` columns, broken where a reader would: after a blank, `/`, `#`, `_`, `,`
/// or `-`, and inside a word only if it has none. At most `lines` of them; then an ellipsis.
pub fn wrap(text: &str, limit: usize, lines: usize) -> Vec<Cow<'_, str>> {
    let limit = limit.max(2);
    let mut out = Vec::new();
    let mut rest = text;
    while width(rest) > limit {
        if out.len() + 1 == lines {
            out.push(truncate(rest, limit));
            return out;
        }
        let fits = take(rest, limit);
        // A break in the first half would waste more than it helps.
        let soft = fits
            .char_indices()
            .filter(|(_, c)| matches!(c, ' ' | '/' | '#' | '_' | ',' | '-'))
            .map(|(at, c)| at + c.len_utf8())
            .next_back()
            .filter(|&at| width(&fits[..at]) * 2 >= limit);
        let end = match soft {
            _ if rest[fits.len()..].starts_with(' ') => fits.len(),
            Some(at) => at,
            None => fits.len(),
        };
        out.push(Cow::Borrowed(rest[..end].trim_end_matches(' ')));
        rest = rest[end..].trim_start_matches(' ');
    }
    if !rest.is_empty() || out.is_empty() {
        out.push(Cow::Borrowed(rest));
    }
    out
}

/// The text with blanks up to `columns`, on the left if `right` aligned.
pub fn pad(text: &str, columns: usize, right: bool) -> String {
    let blanks = " ".repeat(columns.saturating_sub(width(text)));
    if right { blanks + text } else { text.to_string() + &blanks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns() {
        assert_eq!(width("金大中"), 6);
        assert_eq!(pad("金大中", 8, false), "金大中  ");
        assert_eq!(truncate("金大中", 5), "金大…");
        assert_eq!(truncate("金大中", 4), "金…");
        assert_eq!(tail("a/金大中", 6), "…大中");
        assert_eq!(tail("a/金大中", 7), "…金大中");
        assert_eq!(tail("a/金大中", 8), "a/金大中");
    }

    #[test]
    fn data_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc\u{202e}d"), "a␛[2Jb⏎c\u{fffd}d");
        assert_eq!(printable("a\u{2028}b\u{200f}c\u{9b}d"), "a⏎b\u{fffd}c\u{fffd}d");
        assert_eq!(printable("plain 金"), "plain 金");
    }

    #[test]
    fn wrapping_breaks_where_a_reader_would() {
        assert_eq!(
            wrap("http://zh.dbpedia.org/resource/Kim_Dae-jung", 24, 9),
            ["http://zh.dbpedia.org/", "resource/Kim_Dae-jung"]
        );
        assert_eq!(wrap("one two three", 7, 9), ["one two", "three"]);
        assert_eq!(wrap("金大中金大中", 5, 9), ["金大", "中金", "大中"]);
        assert_eq!(wrap("abcdefghij", 4, 2), ["abcd", "efg…"]);
        assert_eq!(wrap("", 4, 2), [""]);
    }

    #[test]
    fn wrapping_loses_nothing_but_blanks() {
        let text = "http://example.org/a#b_c,d e-f/金大中/ghijklmnopqrstuvwxyz  end";
        for limit in 2..40 {
            let lines = wrap(text, limit, usize::MAX);
            assert!(lines.iter().all(|line| width(line) <= limit));
            let squeezed: String = lines.concat().replace(' ', "");
            assert_eq!(squeezed, text.replace(' ', ""));
        }
    }
}
