//! Values for `$name` parameters.

use std::collections::BTreeMap;

use crate::ops::spec::Scalar;

/// Values for the `$name` parameters of a statement; they are bound, never pasted into text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(BTreeMap<String, Scalar>);

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `$name` a value; an earlier one is replaced. The name is written without the `$`.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Scalar>) -> &mut Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The same, for chaining on a new set.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Scalar>) -> Self {
        self.set(name, value);
        self
    }

    /// Gives `$name` the value a person typed: a number or a truth value where it reads as one, else
    /// text. A number still serves where a path or text is wanted.
    pub fn set_text(&mut self, name: impl Into<String>, text: &str) -> &mut Self {
        let value = match text.parse::<i64>() {
            // `007` is a text: as a number it would not come back as it was typed.
            Ok(int) if int.to_string() == text => Scalar::Int(int),
            Ok(_) => Scalar::Text(text.to_string()),
            Err(_) => match text.parse::<f64>() {
                Ok(float) if float.is_finite() => Scalar::Float(float),
                _ if text == "true" => Scalar::Bool(true),
                _ if text == "false" => Scalar::Bool(false),
                _ => Scalar::Text(text.to_string()),
            },
        };
        self.set(name, value)
    }

    /// The value of `$name`.
    pub fn get(&self, name: &str) -> Option<&Scalar> {
        self.0.get(name)
    }

    /// The names that have a value, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<Scalar>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(items: I) -> Self {
        Params(items.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

macro_rules! scalar_from {
    ($($from:ty => |$value:ident| $scalar:expr;)*) => {
        $(impl From<$from> for Scalar {
            fn from($value: $from) -> Self {
                $scalar
            }
        })*
    };
}

scalar_from! {
    bool => |value| Scalar::Bool(value);
    i64 => |value| Scalar::Int(value);
    i32 => |value| Scalar::Int(value.into());
    u32 => |value| Scalar::Int(value.into());
    usize => |value| i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Int);
    f64 => |value| Scalar::Float(value);
    f32 => |value| Scalar::Float(value.into());
    &str => |value| Scalar::Text(value.to_string());
    String => |value| Scalar::Text(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_becomes_what_it_reads_as() {
        let mut params = Params::new();
        params.set_text("n", "1000").set_text("t", "0.5").set_text("b", "true").set_text("p", "data/zh");
        assert_eq!(params.get("n"), Some(&Scalar::Int(1000)));
        assert_eq!(params.get("t"), Some(&Scalar::Float(0.5)));
        assert_eq!(params.get("b"), Some(&Scalar::Bool(true)));
        assert_eq!(params.get("p"), Some(&Scalar::Text("data/zh".into())));
        assert_eq!(params.set_text("inf", "inf").get("inf"), Some(&Scalar::Text("inf".into())));
    }
}
