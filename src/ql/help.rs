//! Help and the reference page, both printed from the table.

use std::fmt::Write;

use super::catalog::{
    ARCHITECTURES, ASPECTS, ENCODERS, FORMS, Form, LATER, LINK_FORMATS, Opt, PAIR_FORMATS, RESERVED, Word,
    enumerated, verbs,
};
use super::suggest::nearest;
use crate::error::{Code, Error, Result};

/// Help on the language (`None`), or on a statement, an option, or a format. Ends with a newline.
/// A topic that is not known is an error of code `unknown-name`.
pub fn help(topic: Option<&str>) -> Result<String> {
    let Some(topic) = topic.map(str::trim).filter(|topic| !topic.is_empty()) else { return Ok(overview()) };
    let words: Vec<String> = topic.trim_end_matches(';').split_whitespace().map(str::to_uppercase).collect();
    let topic = words.join(" ");
    let forms: Vec<&Form> = FORMS
        .iter()
        .filter(|form| {
            let name = form.name.to_uppercase();
            name == topic || name.starts_with(&format!("{topic} "))
        })
        .copied()
        .collect();
    if !forms.is_empty() {
        return Ok(forms.into_iter().map(on_form).collect::<Vec<_>>().join("\n"));
    }
    let mut out = String::new();
    for form in FORMS {
        if let Some(option) = form.option(&topic) {
            let _ = writeln!(out, "{}: {}", form.name, on_option(option));
        }
    }
    for (what, list) in word_lists() {
        for (word, doc) in list.iter().filter(|(word, _)| word.eq_ignore_ascii_case(&topic)) {
            let _ = writeln!(out, "{what} {word}: {doc}");
        }
    }
    if let Some((verb, what)) = LATER.iter().find(|(verb, _)| **verb == topic) {
        let _ = writeln!(out, "{verb}: {what}; not available in this version");
    }
    if !out.is_empty() {
        return Ok(out);
    }
    let names = FORMS
        .iter()
        .flat_map(|form| std::iter::once(form.name).chain(form.options.iter().map(|option| option.name)));
    let error = Error::new(Code::UnknownName, format!("there is no help on `{topic}`"));
    Err(match nearest(&topic, names) {
        Some(meant) => error.help(format!("did you mean {meant}?")),
        None => error.help(format!("there is help on {}", enumerated(verbs().map(|(verb, _)| verb)))),
    })
}

fn overview() -> String {
    let mut out = String::new();
    let width = FORMS.iter().map(|form| form.name.len()).max().unwrap_or(0);
    for form in FORMS {
        let _ = writeln!(out, "{:width$}  {}", form.name, form.doc);
    }
    out
}

fn on_form(form: &Form) -> String {
    let mut out = format!("{}\n{}\n", form.syntax, form.doc);
    if !form.options.is_empty() {
        out.push_str("options:\n");
    }
    for option in form.options {
        let _ = writeln!(out, "  {}", on_option(option));
        if let super::catalog::Kind::Choice(words) = option.kind {
            for (word, doc) in words {
                let _ = writeln!(out, "      {word}: {doc}");
            }
        }
    }
    for example in form.examples {
        let _ = writeln!(out, "example: {example};");
    }
    out
}

fn on_option(option: &Opt) -> String {
    let default = match option.default {
        "" => String::new(),
        default => format!(", default {default}"),
    };
    format!("{}= {} ({}{default})", option.name, option.doc, option.kind)
}

fn word_lists() -> [(&'static str, Vec<(&'static str, &'static str)>); 5] {
    fn pairs<T>(words: &'static [Word<T>]) -> Vec<(&'static str, &'static str)> {
        words.iter().map(|word| (word.text, word.doc)).collect()
    }
    [
        ("IMPORT", pairs(PAIR_FORMATS)),
        ("IMPORT LINKS", pairs(LINK_FORMATS)),
        ("EMBED", pairs(ASPECTS)),
        ("EMBED … USING", pairs(ENCODERS)),
        ("TRAIN", pairs(ARCHITECTURES)),
    ]
}

/// The reference page, in Markdown: `grammar/REFERENCE.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "# SeedQL reference\n\nPrinted from the table in `src/ql/catalog`; `grammar/seedql.ebnf` is the grammar. \
         Keywords may be in any case. Options stand in any order anywhere behind the first operand, each once. \
         Text and paths stand in single quotes, names bare or in double quotes, IRIs in `<…>`. `--` begins a \
         comment, `;` ends a statement. A `$name` stands for a value that the caller binds.\n\n",
    );
    for form in FORMS {
        let _ = write!(out, "## {}\n\n{}\n\n```\n{}\n```\n\n", form.name, form.doc, form.syntax);
        if !form.options.is_empty() {
            out.push_str("| option | values | default | meaning |\n|---|---|---|---|\n");
            for option in form.options {
                let default =
                    if option.default.is_empty() { String::new() } else { format!("`{}`", option.default) };
                let _ = writeln!(out, "| `{}` | {} | {default} | {} |", option.name, option.kind, option.doc);
            }
            out.push('\n');
        }
        out.push_str("```sql\n");
        for example in form.examples {
            let _ = writeln!(out, "{example};");
        }
        out.push_str("```\n\n");
    }
    out.push_str("## Words\n\n| statement | word | meaning |\n|---|---|---|\n");
    for (what, list) in word_lists() {
        for (word, doc) in list {
            let _ = writeln!(out, "| {what} | `{word}` | {doc} |");
        }
    }
    let _ = write!(
        out,
        "\nThese words need double quotes to be names: {}.\n\nUnderstood and not available in this version: {}.\n",
        RESERVED.join(", "),
        LATER.map(|(verb, _)| verb).join(", ")
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_finds_statements_options_and_formats() {
        assert!(help(None).is_ok_and(|text| text.contains("SEED cluster")));
        assert!(
            help(Some("import"))
                .is_ok_and(|text| text.contains("remap_ids") && text.contains("IMPORT LINKS"))
        );
        assert!(help(Some("seed cluster")).is_ok_and(|text| text.contains("variant=")));
        assert!(help(Some("csls")).is_ok_and(|text| text.starts_with("ALIGN: csls=")));
        assert!(help(Some("dbp15k")).is_ok_and(|text| text.contains("EVA")));
        assert!(help(Some("evalute")).is_err_and(|e| e.help_text() == Some("did you mean EVALUATE?")));
    }

    #[test]
    fn every_example_parses_and_binds() {
        for form in FORMS {
            for example in form.examples {
                let statements = crate::ql::parse(example).unwrap_or_else(|e| panic!("{example}: {e}"));
                for statement in &statements {
                    let bound = crate::ql::bind(statement, &crate::ql::Params::new());
                    assert!(bound.is_ok(), "{example}: {bound:?}");
                }
            }
        }
    }
}
