//! The one error type: what happened, where, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A half-open range of byte offsets into the text of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset past the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Self {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// Where an error was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In the text of a query.
    Query(Span),
    /// In a file, at a line (counted from 1) whose text is given when it helps.
    File {
        /// The file as the user named it.
        path: PathBuf,
        /// Line number, from 1.
        line: Option<u64>,
        /// The offending line, shortened.
        text: Option<String>,
    },
}

/// Broad class of an error; it decides the exit code of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The request itself is wrong: syntax, names, options.
    Request,
    /// The data a request points at is wrong: a broken file, a NaN, an empty side.
    Input,
    /// The machine refused: disk full, permission denied, file not found.
    System,
    /// The store cannot be used as it is: locked, newer, poisoned, read-only.
    Store,
    /// The store's bytes are not what was written.
    Damaged,
    /// The caller cancelled.
    Cancelled,
    /// A defect of Seedbed.
    Internal,
}

macro_rules! codes {
    ($($name:ident, $text:literal, $kind:ident, $doc:literal;)*) => {
        /// A stable identifier of an error, for programs to match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $doc] $name,)* }

        impl Code {
            /// Every code, in the order of the reference page.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable text of the code, as printed in brackets after a message.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// One sentence on what the code means.
            pub fn doc(self) -> &'static str {
                match self { $(Code::$name => $doc.trim_ascii(),)* }
            }

            /// The class of the code.
            pub fn kind(self) -> Kind {
                match self { $(Code::$name => Kind::$kind,)* }
            }
        }
    };
}

codes! {
    Syntax, "syntax", Request, "The text is not a SeedQL statement.";
    UnknownName, "unknown-name", Request, "No pair, artifact, modality, column or model of that name.";
    UnknownOption, "unknown-option", Request, "The statement has no such option.";
    WrongType, "wrong-type", Request, "A value has the wrong type for its place.";
    OutOfRange, "out-of-range", Request, "A value is outside the range its place allows.";
    UnboundParameter, "unbound-parameter", Request, "A `$parameter` was not given a value.";
    NameTaken, "name-taken", Request, "The name already belongs to something of another kind.";
    Conflict, "conflict", Request, "Options that exclude each other, or a step that lacks what it needs.";
    Unsupported, "unsupported", Request, "Understood, but not available in this build or for this input.";
    BadFile, "bad-file", Input, "A file is not in the format it was said to be.";
    BadValue, "bad-value", Input, "A value in a file cannot be used: not finite, of the wrong size, out of range.";
    MissingData, "missing-data", Input, "What the operation needs is not in the pair: no features, no links, an empty side.";
    NotFound, "not-found", System, "A file or directory does not exist.";
    Denied, "denied", System, "The operating system refused access.";
    DiskFull, "disk-full", System, "No space is left on the device.";
    Io, "io", System, "Reading or writing failed.";
    Limit, "limit", System, "A limit on memory, size or depth was reached.";
    Locked, "locked", Store, "Another process holds the store.";
    ReadOnly, "read-only", Store, "The store was opened for reading only.";
    NewerFormat, "newer-format", Store, "The store was written by a newer Seedbed.";
    NotAStore, "not-a-store", Store, "The directory holds something else than a store.";
    Poisoned, "poisoned", Store, "An earlier write failed; this handle refuses further writes.";
    Corrupt, "corrupt", Damaged, "Bytes in the store are not what was written.";
    Cancelled, "cancelled", Cancelled, "The caller asked to stop.";
    Internal, "internal", Internal, "A defect of Seedbed; please report it.";
}

/// What went wrong, where, why, and what to do about it.
///
/// The [`Display`](fmt::Display) text is one sentence of message, with the file and line when there
/// are any; [`Error::help_text`] is the remedy. The shell draws both, with a caret under the span.
pub struct Error(Box<Detail>);

struct Detail {
    code: Code,
    message: String,
    place: Option<Place>,
    help: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a code and a sentence that starts in lower case and has no full stop.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Detail { code, message: message.into(), place: None, help: None, cause: None }))
    }

    /// An operating-system error met while doing `what` (a verb phrase: "reading ent_ids_1").
    pub fn io(what: impl fmt::Display, cause: std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let (code, help) = match cause.kind() {
            K::NotFound => {
                (Code::NotFound, Some("check the path; it is taken relative to the working directory"))
            }
            K::PermissionDenied => {
                (Code::Denied, Some("check the owner and the mode of the file and of its directory"))
            }
            K::ReadOnlyFilesystem => (Code::Denied, Some("the file system is mounted read-only")),
            K::StorageFull | K::QuotaExceeded => (
                Code::DiskFull,
                Some("free some space and issue the statement again; the store is as it was"),
            ),
            _ => (Code::Io, None),
        };
        let mut error = Error::new(code, format!("{what}: {}", plain(&cause))).because(cause);
        if let Some(help) = help {
            error = error.help(help);
        }
        error
    }

    /// Adds the place, unless one is known already (the innermost knows best).
    pub fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// Adds a span of the query text as the place, unless one is known already.
    pub fn span(self, span: Span) -> Self {
        self.at(Place::Query(span))
    }

    /// Adds a file and line as the place, unless one is known already.
    pub fn file(self, path: &Path, line: u64, text: &str) -> Self {
        self.at(Place::File { path: path.to_path_buf(), line: Some(line), text: Some(shorten(text, 120)) })
    }

    /// Adds a file as the place, unless one is known already.
    pub fn path(self, path: &Path) -> Self {
        self.at(Place::File { path: path.to_path_buf(), line: None, text: None })
    }

    /// Adds or replaces the remedy.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds the underlying error.
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The stable identifier.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The broad class.
    pub fn kind(&self) -> Kind {
        self.0.code.kind()
    }

    /// The message without its place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it was found, if that is known.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// What to do about it, if something can be said.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place::File { path, line, .. }) = &self.0.place {
            write!(f, "{}", path.display())?;
            if let Some(line) = line {
                write!(f, ":{line}")?;
            }
            write!(f, ": ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.0.code.as_str())?;
        if let Some(help) = &self.0.help {
            write!(f, " (help: {help})")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

/// The operating system's words without the trailing "(os error 2)".
fn plain(cause: &std::io::Error) -> String {
    let text = cause.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// At most `limit` characters of `text`, with an ellipsis where something was left out.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_place_wins() {
        let error = Error::new(Code::BadFile, "expected three fields")
            .file(Path::new("triples_1"), 7, "1\t2")
            .path(Path::new("elsewhere"));
        assert_eq!(error.to_string(), "triples_1:7: expected three fields");
    }

    #[test]
    fn io_errors_name_the_remedy() {
        let error = Error::io("reading x", std::io::Error::from_raw_os_error(2));
        assert_eq!(error.code(), Code::NotFound);
        assert_eq!(error.message(), "reading x: no such file or directory");
        assert!(error.help_text().is_some());
    }

    #[test]
    fn codes_are_distinct() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
    }
}
