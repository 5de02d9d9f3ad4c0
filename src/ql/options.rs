//! Options of a statement, checked against the table: known, given once, of the right type and range.

use std::path::PathBuf;

use super::Params;
use super::ast::{Node, OptionItem, OptionValue, Value, Weight};
use super::catalog::{FORMS, Form, Kind, Opt, enumerated};
use super::suggest::nearest;
use crate::error::{Code, Error, Result, Span, shorten};
use crate::features::Modality;
use crate::ops::spec::{Auto, Scalar, Weights};

/// A value with its parameter filled in, and whether it came from one.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub scalar: Scalar,
    pub span: Span,
    pub parameter: Option<String>,
    /// A bare word, which stands for a choice rather than for text.
    pub bare: bool,
}

/// Fills in a value.
pub(super) fn resolve(value: &Node<Value>, params: &Params) -> Result<Given> {
    let (scalar, parameter, bare) = match &value.value {
        Value::Text(text) | Value::Iri(text) => (Scalar::Text(text.clone()), None, false),
        Value::Int(int) => (Scalar::Int(*int), None, false),
        Value::Float(float) => (Scalar::Float(*float), None, false),
        Value::Bool(truth) => (Scalar::Bool(*truth), None, false),
        Value::Name(name) => (Scalar::Text(name.clone()), None, true),
        Value::Parameter(name) => (parameter(name, value.span, params)?, Some(name.clone()), true),
    };
    Ok(Given { scalar, span: value.span, parameter, bare })
}

fn parameter(name: &str, span: Span, params: &Params) -> Result<Scalar> {
    if let Some(scalar) = params.get(name) {
        return Ok(scalar.clone());
    }
    let error =
        Error::new(Code::UnboundParameter, format!("the parameter `${name}` has no value")).span(span);
    let mut names = params.names().peekable();
    Err(match nearest(name, params.names()) {
        Some(meant) => error.help(format!("did you mean ${meant}?")),
        None if names.peek().is_none() => {
            error.help(format!("give it one: --param {name}=value, or with the library's parameters"))
        }
        None => {
            error.help(format!("there are values for {}", enumerated(names.map(|name| format!("${name}")))))
        }
    })
}

impl Given {
    /// The value as a person would name it in a message.
    pub fn shown(&self) -> String {
        let value = match &self.scalar {
            Scalar::Null => "NULL".to_string(),
            Scalar::Bool(truth) => truth.to_string(),
            Scalar::Int(int) => int.to_string(),
            Scalar::Float(float) => float.to_string(),
            Scalar::Text(text) if self.bare && self.parameter.is_none() => format!("`{}`", shorten(text, 40)),
            Scalar::Text(text) => format!("'{}'", shorten(text, 40)),
        };
        match &self.parameter {
            Some(name) => format!("{value} (the value of ${name})"),
            None => value,
        }
    }

    /// The number, if it is whole, or a parameter's float that is.
    pub fn int(&self) -> Option<i64> {
        match self.scalar {
            Scalar::Int(int) => Some(int),
            Scalar::Float(float) if float.fract() == 0.0 && float.abs() < 9e15 => Some(float as i64),
            _ => None,
        }
    }

    /// The number.
    pub fn float(&self) -> Option<f64> {
        match self.scalar {
            Scalar::Int(int) => Some(int as f64),
            Scalar::Float(float) => Some(float),
            _ => None,
        }
    }

    /// The text; numbers and truth values only if they came by a parameter.
    pub fn text(&self) -> Option<String> {
        match &self.scalar {
            Scalar::Text(text) => Some(text.clone()),
            Scalar::Null => None,
            other if self.parameter.is_some() => Some(match other {
                Scalar::Int(int) => int.to_string(),
                Scalar::Float(float) => float.to_string(),
                Scalar::Bool(truth) => truth.to_string(),
                _ => return None,
            }),
            _ => None,
        }
    }
}

/// A checked value.
#[derive(Clone, Debug)]
enum Checked {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Word(&'static str),
    Weights(Weights),
}

/// The options of one statement, checked.
pub(super) struct Options {
    form: &'static Form,
    given: Vec<(&'static str, Checked, Span)>,
}

impl Options {
    /// Checks the options of a statement of that form.
    pub fn new(form: &'static Form, items: &[OptionItem], params: &Params) -> Result<Options> {
        let mut given: Vec<(&'static str, Checked, Span)> = Vec::new();
        for item in items {
            let option = form.option(&item.key.value).ok_or_else(|| unknown(form, item))?;
            if given.iter().any(|(name, _, _)| *name == option.name) {
                let message = format!("the option `{}` is given twice", option.name);
                return Err(Error::new(Code::Conflict, message)
                    .span(item.span())
                    .help("keep one of the two"));
            }
            let checked = match &item.value {
                OptionValue::Weights(list) => Checked::Weights(weights(list, params)?),
                OptionValue::One(value) => check(option, &resolve(value, params)?)?,
            };
            given.push((option.name, checked, item.span()));
        }
        Ok(Options { form, given })
    }

    /// Where the option was given, if it was.
    pub fn span(&self, name: &str) -> Option<Span> {
        self.given.iter().find(|(key, _, _)| *key == name).map(|(_, _, span)| *span)
    }

    /// What was given, or the table's default.
    fn get(&self, name: &str) -> Option<Checked> {
        if let Some((_, value, _)) = self.given.iter().find(|(key, _, _)| *key == name) {
            return Some(value.clone());
        }
        let option = self.form.option(name)?;
        default(option)
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Checked::Int(int) => Some(int),
            _ => None,
        }
    }

    /// A whole number that has a default and no negative values.
    pub fn size(&self, name: &str) -> usize {
        self.int(name).and_then(|int| usize::try_from(int).ok()).unwrap_or(0)
    }

    /// A whole number that need not be there, or the word beside it, which stands for none.
    pub fn maybe_size(&self, name: &str) -> Option<usize> {
        self.int(name).and_then(|int| usize::try_from(int).ok())
    }

    /// A whole number or the word `auto`.
    pub fn auto(&self, name: &str) -> Auto<usize> {
        self.maybe_size(name).map_or(Auto::Auto, Auto::Fixed)
    }

    /// A number.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Checked::Float(float) => Some(float),
            _ => None,
        }
    }

    /// A truth value; false where there is none.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Checked::Bool(true)))
    }

    /// A text or a path.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Checked::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// One of the option's words; empty where none was given and there is no default.
    pub fn word(&self, name: &str) -> &'static str {
        match self.get(name) {
            Some(Checked::Word(word)) => word,
            _ => "",
        }
    }

    /// Weights, as given or by default.
    pub fn weights(&self) -> Weights {
        match self.get("weights") {
            Some(Checked::Weights(weights)) => weights,
            _ => Weights::Auto,
        }
    }

    /// The random seed, if one was given.
    pub fn seed(&self) -> Option<u64> {
        self.int("seed").and_then(|int| u64::try_from(int).ok())
    }
}

fn unknown(form: &Form, item: &OptionItem) -> Error {
    let key = &item.key.value;
    let error =
        Error::new(Code::UnknownOption, format!("{} has no option `{}`", form.name, shorten(key, 40)))
            .span(item.key.span);
    if let Some(meant) = nearest(key, form.options.iter().map(|option| option.name)) {
        return error.help(format!("did you mean {meant}?"));
    }
    let verb = form.name.split(' ').next().unwrap_or(form.name);
    let sibling = FORMS.iter().find(|other| other.name.starts_with(verb) && other.option(key).is_some());
    if let Some(sibling) = sibling {
        return error.help(format!("it is an option of {}", sibling.name));
    }
    if form.options.is_empty() {
        return error.help(format!("{} takes no options", form.name));
    }
    error.help(format!("its options are {}", enumerated(form.options.iter().map(|option| option.name))))
}

/// The default of an option as the table writes it.
fn default(option: &'static Opt) -> Option<Checked> {
    let text = option.default.trim_matches('\'');
    if text.is_empty() {
        return None;
    }
    let scalar = match (text.parse::<i64>(), text.parse::<f64>(), text) {
        (Ok(int), _, _) => Scalar::Int(int),
        (_, Ok(float), _) => Scalar::Float(float),
        (_, _, "true" | "false") => Scalar::Bool(text == "true"),
        _ => Scalar::Text(text.to_string()),
    };
    check(option, &Given { scalar, span: Span::default(), parameter: None, bare: true }).ok()
}

/// A value of the option's type and range.
fn check(option: &'static Opt, given: &Given) -> Result<Checked> {
    let checked = match option.kind {
        Kind::Int(least, most) => given.int().map(|int| ranged(option, given, int, least, most)),
        Kind::IntOr(least, most, word) => match (&given.scalar, given.int()) {
            (_, Some(int)) => Some(ranged(option, given, int, least, most)),
            (Scalar::Text(text), _) if text.eq_ignore_ascii_case(word) => Some(Ok(Checked::Word(word))),
            _ => None,
        },
        Kind::Float(least, most) => given.float().map(|float| between(option, given, float, least, most)),
        Kind::FloatOr(least, most, word) => match (&given.scalar, given.float()) {
            (_, Some(float)) => Some(between(option, given, float, least, most)),
            (Scalar::Text(text), _) if text.eq_ignore_ascii_case(word) => Some(Ok(Checked::Word(word))),
            _ => None,
        },
        Kind::Bool => match given.scalar {
            Scalar::Bool(truth) => Some(Ok(Checked::Bool(truth))),
            _ => None,
        },
        Kind::Text | Kind::Path => given
            .text()
            .map(|text| if text.is_empty() { Err(outside(option, given)) } else { Ok(Checked::Text(text)) }),
        Kind::Choice(words) => given.text().map(|text| {
            let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
            found.map(|(word, _)| Checked::Word(word)).ok_or_else(|| no_choice(option, words, &text, given))
        }),
        Kind::Weights => given.text().and_then(|text| match text.to_ascii_lowercase().as_str() {
            "auto" => Some(Ok(Checked::Weights(Weights::Auto))),
            "equal" => Some(Ok(Checked::Weights(Weights::Equal))),
            _ => None,
        }),
    };
    checked.unwrap_or_else(|| Err(wrong_type(option, given)))
}

fn ranged(option: &Opt, given: &Given, int: i64, least: i64, most: i64) -> Result<Checked> {
    if (least..=most).contains(&int) { Ok(Checked::Int(int)) } else { Err(outside(option, given)) }
}

fn between(option: &Opt, given: &Given, float: f64, least: f64, most: f64) -> Result<Checked> {
    if (least..=most).contains(&float) { Ok(Checked::Float(float)) } else { Err(outside(option, given)) }
}

fn outside(option: &Opt, given: &Given) -> Error {
    let message = match option.kind {
        Kind::Text | Kind::Path => format!("`{}` must not be empty", option.name),
        _ => format!("`{}` must be {}, not {}", option.name, option.kind, given.shown()),
    };
    Error::new(Code::OutOfRange, message).span(given.span).help(about(option))
}

fn wrong_type(option: &Opt, given: &Given) -> Error {
    let message = format!("`{}` must be {}, not {}", option.name, option.kind, given.shown());
    let error = Error::new(Code::WrongType, message).span(given.span);
    if let Scalar::Text(text) = &given.scalar {
        let number =
            matches!(option.kind, Kind::Int(..) | Kind::IntOr(..) | Kind::Float(..) | Kind::FloatOr(..));
        if number && text.parse::<f64>().is_ok() && given.parameter.is_none() {
            return error.help(format!("numbers stand without quotes: {}={text}", option.name));
        }
        if option.kind == Kind::Bool && matches!(text.to_lowercase().as_str(), "yes" | "no" | "on" | "off") {
            return error.help(format!("write {}=true or {}=false", option.name, option.name));
        }
        let words = match option.kind {
            Kind::IntOr(_, _, word) | Kind::FloatOr(_, _, word) => vec![word],
            Kind::Weights => vec!["auto", "equal"],
            _ => vec![],
        };
        if let Some(meant) = nearest(text, words) {
            return error.help(format!("did you mean {meant}?"));
        }
    }
    error.help(about(option))
}

fn no_choice(option: &Opt, words: &[(&'static str, &str)], text: &str, given: &Given) -> Error {
    let message = format!("`{}` must be {}, not {}", option.name, option.kind, given.shown());
    let error = Error::new(Code::OutOfRange, message).span(given.span);
    match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(meant) => error.help(format!("did you mean {meant}?")),
        None => error.help(about(option)),
    }
}

fn about(option: &Opt) -> String {
    match option.default {
        "" => format!("{}: {}", option.name, option.doc),
        default => format!("{}: {} (default {default})", option.name, option.doc),
    }
}

/// Weights in parentheses: modalities named once, finite, not negative, not all zero.
pub(super) fn weights(list: &Node<Vec<Weight>>, params: &Params) -> Result<Weights> {
    let mut named: Vec<(Modality, f32)> = Vec::new();
    for weight in &list.value {
        let modality =
            Modality::new(&weight.modality.value).map_err(|error| error.span(weight.modality.span))?;
        if named.iter().any(|(other, _)| *other == modality) {
            return Err(Error::new(Code::Conflict, format!("the modality `{modality}` is weighted twice"))
                .span(weight.modality.span)
                .help("name each modality once"));
        }
        let given = resolve(&weight.value, params)?;
        let Some(number) = given.float() else {
            let message = format!("a weight must be a number, not {}", given.shown());
            let help = "weights count in proportion; 0 leaves a modality out";
            return Err(Error::new(Code::WrongType, message).span(given.span).help(help));
        };
        if !(0.0..=1e6).contains(&number) {
            let message = format!("a weight must be a number from 0 to 1000000, not {}", given.shown());
            let help = "weights count in proportion; 0 leaves a modality out";
            return Err(Error::new(Code::OutOfRange, message).span(given.span).help(help));
        }
        named.push((modality, number as f32));
    }
    if named.iter().all(|(_, weight)| *weight == 0.0) {
        return Err(Error::new(Code::OutOfRange, "all weights are zero")
            .span(list.span)
            .help("give at least one modality a weight above 0"));
    }
    Ok(Weights::Named(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_option() {
        for form in FORMS {
            for option in form.options {
                assert_eq!(
                    option.default.is_empty(),
                    default(option).is_none(),
                    "{} {}",
                    form.name,
                    option.name
                );
            }
        }
    }
}
