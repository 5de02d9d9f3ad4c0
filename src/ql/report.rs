//! An error as a person sees it: message and code, the line with carets under it, and the remedy.

use std::error::Error as _;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

use crate::error::{Error, Place, Span};

/// Columns of source shown at most; longer lines are cut around the carets.
const WIDTH: usize = 100;
/// Columns a tab is drawn as.
const TAB: usize = 4;

/// The error as a person sees it, ending with a newline. `text` is what was parsed; `colour` adds
/// ANSI colours. Nothing of the text reaches the terminal as a control character.
///
/// ```text
/// error[syntax]: expected FROM or an option, found `FRMO`
///   |
/// 1 | SEED visual FRMO zh_en AS s1
///   |             ^^^^
///   = help: did you mean FROM?
/// ```
pub fn report(error: &Error, text: &str, colour: bool) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, error, text, &paint);
    out
}

fn write(out: &mut String, error: &Error, text: &str, paint: &Paint) -> std::fmt::Result {
    let head = format!("error[{}]", error.code().as_str());
    writeln!(out, "{}: {}", paint.red(&head), paint.bold(&printable(error.message())))?;
    let mut gutter = 1;
    match error.place() {
        Some(Place::Query(span)) if !text.trim().is_empty() => {
            let line = Line::at(text, narrowed(error.message(), text, *span));
            gutter = draw(out, line.number, &line.window(), paint)?;
        }
        Some(Place::File { path, line, text }) => {
            let line_number = line.map(|line| format!(":{line}")).unwrap_or_default();
            let path = printable(&path.display().to_string());
            writeln!(out, " {} {path}{line_number}", paint.blue("-->"))?;
            if let (Some(number), Some(text)) = (line, text) {
                let line = Line { number: *number, text, from: 0, to: text.len() };
                let mut drawn = line.window();
                drawn.carets = 0;
                gutter = draw(out, *number, &drawn, paint)?;
            }
        }
        _ => {}
    }
    let pad = " ".repeat(gutter);
    let mut cause = error.source();
    let mut said = error.message().to_lowercase();
    while let Some(inner) = cause {
        let words = inner.to_string();
        let short = words.split(" (os error").next().unwrap_or(&words).to_lowercase();
        if !said.contains(&short) {
            writeln!(out, "{pad} {} cause: {}", paint.blue("="), printable(&words))?;
            said.push_str(&short);
        }
        cause = inner.source();
    }
    if let Some(help) = error.help_text() {
        writeln!(out, "{pad} {} {}: {}", paint.blue("="), paint.bold("help"), printable(help))?;
    }
    Ok(())
}

/// The word that the message names in backticks, where the span is wider and holds it just once: errors
/// met after binding (an unknown pair, column or modality) know the word but not its place.
fn narrowed(message: &str, text: &str, span: Span) -> Span {
    let Some(whole) = text.get(span.start..span.end) else { return span };
    if !whole.contains(char::is_whitespace) {
        return span;
    }
    let Some(word) = message.split('`').nth(1).filter(|word| !word.is_empty() && word.len() < whole.len())
    else {
        return span;
    };
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |&(at, _): &(usize, &str)| {
        let before = whole[..at].chars().next_back().is_some_and(part_of_word);
        let after = whole[at + word.len()..].chars().next().is_some_and(part_of_word);
        !before && !after
    };
    let mut places = whole.match_indices(word).filter(stands_alone);
    match (places.next(), places.next()) {
        (Some((at, _)), None) => Span::new(span.start + at, span.start + at + word.len()),
        _ => span,
    }
}

/// Draws a line with its number and carets; gives the width of the number.
fn draw(out: &mut String, number: u64, drawn: &Window, paint: &Paint) -> Result<usize, std::fmt::Error> {
    let number = number.to_string();
    let (width, bar) = (number.len(), paint.blue("|"));
    writeln!(out, "{:width$} {bar}", "")?;
    writeln!(out, "{} {bar} {}", paint.blue(&number), drawn.text)?;
    if drawn.carets > 0 {
        let carets = "^".repeat(drawn.carets);
        writeln!(out, "{:width$} {bar} {:2$}{3}", "", "", drawn.before, paint.red(&carets))?;
    }
    Ok(width)
}

/// The line a span begins in, and the part of the span that lies on it.
struct Line<'a> {
    number: u64,
    text: &'a str,
    from: usize,
    to: usize,
}

impl<'a> Line<'a> {
    fn at(text: &'a str, span: Span) -> Self {
        let boundary =
            |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let (mut start, end) = (boundary(span.start), boundary(span.end));
        // An end that lies behind blank lines is shown behind the last thing said.
        if start == end && text[start..].trim().is_empty() {
            start = text.trim_end().len().min(start);
        }
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let stop = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let number = text[..begin].matches('\n').count() as u64 + 1;
        let line = text[begin..stop].trim_end_matches('\r');
        let from = (start - begin).min(line.len());
        let to = end.max(start).min(stop).saturating_sub(begin).clamp(from, line.len());
        Line { number, text: line, from, to }
    }

    /// The line as drawn: tabs wide, control characters visible, cut where it is too long.
    fn window(&self) -> Window {
        // Columns before each character, and the character as drawn.
        let mut cells: Vec<(usize, String, usize)> = Vec::new();
        for (at, c) in self.text.char_indices() {
            let shown = match c {
                '\t' => " ".repeat(TAB),
                c if c.is_control() || is_format(c) => "\u{fffd}".to_string(),
                c => c.to_string(),
            };
            let width = shown.chars().map(|c| c.width().unwrap_or(0)).sum();
            cells.push((at, shown, width));
        }
        let columns = |keep: &dyn Fn(usize) -> bool| {
            cells.iter().filter(|(at, _, _)| keep(*at)).map(|(_, _, width)| width).sum::<usize>()
        };
        let before = columns(&|at| at < self.from);
        let carets = columns(&|at| at >= self.from && at < self.to).max(1);
        // The window starts a third of its width left of the carets, unless all before it fits.
        let total = columns(&|_| true);
        let skip =
            if total <= WIDTH || before + carets <= WIDTH { 0 } else { before.saturating_sub(WIDTH / 3) };
        let (mut text, mut column, mut left) = (String::new(), 0, None);
        let mut cut = false;
        for (_, shown, width) in &cells {
            if column >= skip && column + width <= skip + WIDTH {
                left.get_or_insert(column);
                text.push_str(shown);
            } else if column >= skip {
                cut = true;
            }
            column += width;
        }
        let left = left.unwrap_or(0);
        if left > 0 {
            text.insert(0, '…');
        }
        if cut {
            text.push('…');
        }
        let before = before - left.min(before) + usize::from(left > 0);
        Window {
            text: text.trim_end().to_string(),
            before,
            carets: carets.min(WIDTH - (before.min(WIDTH - 1))),
        }
    }
}

struct Window {
    text: String,
    before: usize,
    carets: usize,
}

/// Whether a character changes how others are drawn (direction marks and the like).
fn is_format(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text without control characters.
fn printable(text: &str) -> String {
    text.chars().map(|c| if (c.is_control() && c != '\n') || is_format(c) { '\u{fffd}' } else { c }).collect()
}

/// ANSI colours, or none.
struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    fn red(&self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn blue(&self, text: &str) -> String {
        self.with("1;34", text)
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use std::path::Path;

    fn drawn(text: &str, start: usize, end: usize) -> String {
        report(&Error::new(Code::Syntax, "no").span(Span::new(start, end)), text, false)
    }

    #[test]
    fn carets_stand_under_wide_characters_and_tabs() {
        let text = "\tMATCH '金大中' x";
        let at = text.find('x').unwrap_or(0);
        assert_eq!(
            drawn(text, at, at + 1),
            "error[syntax]: no\n  |\n1 |     MATCH '金大中' x\n  |                    ^\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_carets() {
        let text = format!("{} here {}", "a".repeat(300), "b".repeat(300));
        let shown = drawn(&text, 301, 305);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[2].contains("… ") || lines[2].contains("…a"), "{shown}");
        assert!(lines[2].chars().count() < WIDTH + 10);
        let caret = lines[3].find('^').map(|at| lines[3][..at].chars().count());
        let here = lines[2].find("here").map(|at| lines[2][..at].chars().count());
        assert_eq!(caret, here);
    }

    #[test]
    fn the_end_of_a_text_is_behind_its_last_word() {
        assert_eq!(drawn("SEED x\n\n", 8, 8), "error[syntax]: no\n  |\n1 | SEED x\n  |       ^\n");
    }

    #[test]
    fn a_file_is_named_with_its_line() {
        let error = Error::new(Code::BadFile, "expected three fields, found 2")
            .file(Path::new("data/triples_1"), 17, "1\t2")
            .help("fields are parted by tabs");
        assert_eq!(
            report(&error, "", false),
            "error[bad-file]: expected three fields, found 2\n --> data/triples_1:17\n   |\n17 | 1    2\n   \
             = help: fields are parted by tabs\n"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let shown = drawn("a\x1b[31m b", 0, 1);
        assert!(!shown.contains('\x1b'), "{shown:?}");
    }
}
