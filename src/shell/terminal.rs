//! What is known of the terminal: its width, whether it is one, whether it wants colour.

use std::fmt;
use std::io::{IsTerminal, stderr, stdin, stdout};

/// A style of text, as the parameters of an ANSI escape sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Bold,
    Dim,
    Keyword,
    Option,
    Text,
    Number,
    Parameter,
    Error,
}

impl Style {
    fn sgr(self) -> &'static str {
        match self {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Keyword => "1;34",
            Style::Option => "35",
            Style::Text => "32",
            Style::Number => "33",
            Style::Parameter => "1;36",
            Style::Error => "1;31",
        }
    }
}

/// Text that prints in a style if there is colour, and plainly if not.
pub struct Painted<'a>(Option<Style>, &'a str);

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(style) => write!(f, "\x1b[{}m{}\x1b[0m", style.sgr(), self.1),
            None => f.write_str(self.1),
        }
    }
}

/// `text` in `style` where `color` says so.
pub fn paint(color: bool, style: Style, text: &str) -> Painted<'_> {
    Painted(color.then_some(style), text)
}

/// Which of the standard streams are terminals, and whether they take colour.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Neither `NO_COLOR` nor `TERM=dumb` forbids colour on a stream that is a terminal.
    color: bool,
}

impl Streams {
    /// Looks at the process's own streams and environment.
    pub fn detect() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Streams {
            stdin: stdin().is_terminal(),
            stdout: stdout().is_terminal(),
            stderr: stderr().is_terminal(),
            color: !no_color && !dumb,
        }
    }

    /// Whether standard output takes colour.
    pub fn color_out(&self) -> bool {
        self.stdout && self.color
    }

    /// Whether standard error takes colour.
    pub fn color_err(&self) -> bool {
        self.stderr && self.color
    }
}

/// The number of columns of the terminal on standard output, if it is one.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0)).filter(|&w| w > 0)
}
