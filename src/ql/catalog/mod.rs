//! The one table of statements, options and words. The parser takes its words from it, bind its
//! types, ranges and defaults, and completion, help, highlighting and the reference page their text.

mod forms;
mod shared;
mod words;

pub use forms::FORMS;
pub(crate) use forms::*;
pub(crate) use words::*;

/// One form of a statement: `SEED cluster …`, `IMPORT LINKS …`.
#[derive(Debug)]
pub struct Form {
    /// The words that tell it from others: `IMPORT LINKS`.
    pub name: &'static str,
    /// One sentence on what it does.
    pub doc: &'static str,
    /// Its shape on one line.
    pub syntax: &'static str,
    /// Its options.
    pub options: &'static [Opt],
    /// Statements to copy.
    pub examples: &'static [&'static str],
}

/// An option of a statement.
#[derive(Debug)]
pub struct Opt {
    /// The word before the `=`.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The value where none is given, as one would write it; empty where there is none.
    pub default: &'static str,
    /// One line on what it does.
    pub doc: &'static str,
}

/// The values an option takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number between two bounds.
    Int(i64, i64),
    /// A whole number between two bounds, or a word.
    IntOr(i64, i64, &'static str),
    /// A number between two bounds.
    Float(f64, f64),
    /// A number between two bounds, or a word.
    FloatOr(f64, f64, &'static str),
    /// `true` or `false`.
    Bool,
    /// Text.
    Text,
    /// The path of a file or directory.
    Path,
    /// One of some words, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// `auto`, `equal`, or a list in parentheses.
    Weights,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Kind::Int(least, i64::MAX) => write!(f, "a whole number of at least {least}"),
            Kind::Int(least, most) => write!(f, "a whole number from {least} to {most}"),
            Kind::IntOr(least, most, word) => write!(f, "{word} or {}", Kind::Int(least, most)),
            Kind::Float(least, most) => write!(f, "a number from {least} to {most}"),
            Kind::FloatOr(least, most, word) => write!(f, "{word} or {}", Kind::Float(least, most)),
            Kind::Bool => write!(f, "true or false"),
            Kind::Text => write!(f, "a text in single quotes"),
            Kind::Path => write!(f, "a path in single quotes"),
            Kind::Choice(words) => f.write_str(&listed(words.iter().map(|(word, _)| *word))),
            Kind::Weights => write!(f, "auto or equal; a list is written weights(visual=0.8, text=0.2)"),
        }
    }
}

impl Form {
    /// The option of that name, in any case.
    pub fn option(&self, name: &str) -> Option<&'static Opt> {
        self.options.iter().find(|option| option.name.eq_ignore_ascii_case(name))
    }
}

/// A word of the language that stands for a value.
#[derive(Debug)]
pub(crate) struct Word<T: 'static> {
    /// As one writes it.
    pub text: &'static str,
    /// What it stands for.
    pub value: T,
    /// One line on it.
    pub doc: &'static str,
}

/// The word for a value; the tables hold every value of their type.
pub(crate) fn word_for<T: PartialEq>(words: &'static [Word<T>], value: &T) -> &'static str {
    words.iter().find(|word| word.value == *value).map_or("", |word| word.text)
}

/// `a, b or c`
pub(crate) fn listed<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
    joined(items, " or ")
}

/// `a, b and c`
pub(crate) fn enumerated<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
    joined(items, " and ")
}

fn joined<S: AsRef<str>>(items: impl IntoIterator<Item = S>, last: &str) -> String {
    let items: Vec<S> = items.into_iter().collect();
    let mut text = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            text.push_str(if i + 1 == items.len() { last } else { ", " });
        }
        text.push_str(item.as_ref());
    }
    text
}

/// The form of `SEED` with that method.
pub(crate) fn seed_form(method: &str) -> &'static Form {
    match () {
        () if method.eq_ignore_ascii_case("cluster") => &SEED_CLUSTER,
        () if method.eq_ignore_ascii_case("global") => &SEED_GLOBAL,
        () => &SEED,
    }
}

/// The words that cannot be bare names: `Reserved` in the grammar.
pub(crate) const RESERVED: [&str; 20] = [
    "AND", "AS", "BY", "FALSE", "FROM", "GROUP", "IN", "INTO", "IS", "LIKE", "LIMIT", "NOT", "NULL",
    "OFFSET", "OR", "ORDER", "TO", "TRUE", "USING", "WHERE",
];

/// Whether a word cannot be a bare name.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// The words that begin a statement, each with its doc, in the order of the reference page.
pub(crate) fn verbs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut seen: Vec<&str> = Vec::new();
    FORMS.iter().filter_map(move |form| {
        let verb = form.name.split(' ').next().unwrap_or(form.name);
        let new = !seen.contains(&verb);
        seen.push(verb);
        new.then_some((verb, form.doc))
    })
}

/// Verbs that are understood and not there yet, with what they will do.
pub(crate) const LATER: [(&str, &str); 11] = [
    ("REFRESH", "recomputing what an edit touched"),
    ("ACCEPT", "accepting a link"),
    ("REJECT", "rejecting a link"),
    ("INSERT", "editing a graph"),
    ("DELETE", "editing a graph"),
    ("UPDATE", "editing a graph"),
    ("RENAME", "renaming an artifact"),
    ("REVIEW", "reviewing links"),
    ("SWEEP", "trying many settings"),
    ("COMPARE", "comparing artifacts"),
    ("UNDO", "taking back an edit"),
];

/// What people type from habit, and what to type instead.
pub(crate) const HABITS: [(&str, &str); 14] = [
    ("COPY", "IMPORT or EXPORT"),
    ("SAVE", "EXPORT"),
    ("WRITE", "EXPORT"),
    ("LIST", "SHOW"),
    ("LS", "SHOW"),
    ("DESC", "DESCRIBE"),
    ("EVAL", "EVALUATE"),
    ("REMOVE", "DROP"),
    ("VACUUM", "COMPACT"),
    ("FIND", "MATCH"),
    ("GET", "SELECT"),
    ("INDEX", "CREATE INDEX"),
    ("VERIFY", "CHECK"),
    ("BENCHMARK", "BENCH"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_names_are_distinct_words() {
        for form in FORMS {
            for (i, option) in form.options.iter().enumerate() {
                assert!(
                    crate::ql::lexer::is_word(option.name) && !is_reserved(option.name),
                    "{}",
                    option.name
                );
                assert!(form.options[..i].iter().all(|other| other.name != option.name), "{}", option.name);
                assert!(!option.doc.is_empty() && !option.doc.ends_with('.'), "{}", option.name);
            }
        }
    }

    #[test]
    fn lists_read_as_a_sentence() {
        assert_eq!(listed(["a", "b", "c"]), "a, b or c");
        assert_eq!(listed(["a"]), "a");
    }
}
