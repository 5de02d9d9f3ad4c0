//! What a statement gives back: a summary, typed rows, notes.

use std::fmt;

use crate::error::{Code, Error, Result};
use crate::task::Task;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing there.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or an IRI.
    Text(String),
}

impl Value {
    /// Whether nothing is there.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The name of the value's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) => "integer",
            Value::Float(_) => "number",
            Value::Text(_) => "text",
        }
    }
}

/// Plain text: full precision, nothing for null.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Text(value) => f.write_str(value),
        }
    }
}

macro_rules! value_from {
    ($($type:ty => $variant:ident as $as:ty;)*) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::$variant(value as $as)
            }
        })*
    };
}
value_from! {
    i64 => Int as i64; u32 => Int as i64; usize => Int as i64; u64 => Int as i64;
    f64 => Float as f64; bool => Bool as bool;
}

/// Shortest decimal form is kept: 0.1f32 reads 0.1, not 0.10000000149011612.
impl From<f32> for Value {
    fn from(value: f32) -> Self {
        if !value.is_finite() {
            return Value::Null;
        }
        Value::Float(value.to_string().parse().unwrap_or(f64::from(value)))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_string())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A Rust type that a [`Value`] can be read as.
pub trait FromValue: Sized {
    /// The value as this type, or `None` if it is of another.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for usize {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Truth values.
    Bool,
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// Texts and IRIs.
    Text,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, stable across versions.
    pub name: String,
    /// Its type; any value may also be null.
    pub kind: ColumnKind,
}

impl Column {
    /// A column of a name and a kind.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Column { name: name.into(), kind }
    }
}

/// One row of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    columns: std::sync::Arc<[Column]>,
    values: Vec<Value>,
}

impl Row {
    /// The values, in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The value of a column, as a Rust type.
    ///
    /// # Errors
    /// [`Code::UnknownName`] if there is no such column, [`Code::WrongType`] if its value is of another type.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T> {
        let Some(i) = self.columns.iter().position(|c| c.name == column) else {
            let names: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
            return Err(Error::new(Code::UnknownName, format!("the result has no column `{column}`"))
                .help(format!("its columns are {}", names.join(", "))));
        };
        T::from_value(&self.values[i]).ok_or_else(|| {
            Error::new(
                Code::WrongType,
                format!(
                    "column `{column}` holds a {} here, not what was asked for",
                    self.values[i].type_name()
                ),
            )
        })
    }
}

type RowIter = Box<dyn Iterator<Item = Result<Vec<Value>>> + Send>;

/// Typed rows, streamed.
pub struct Rows {
    columns: std::sync::Arc<[Column]>,
    iter: RowIter,
}

/// Rows given between two looks at the limits.
const BETWEEN_CHECKS: u64 = 4096;

impl Rows {
    /// Rows from an iterator of values, one per column.
    pub fn new(
        columns: Vec<Column>,
        iter: impl Iterator<Item = Result<Vec<Value>>> + Send + 'static,
    ) -> Self {
        Rows { columns: columns.into(), iter: Box::new(iter) }
    }

    /// Rows that are all there.
    pub fn ready(columns: Vec<Column>, rows: Vec<Vec<Value>>) -> Self {
        Rows::new(columns, rows.into_iter().map(Ok))
    }

    /// The same rows, as long as the task may go on.
    pub(crate) fn within(self, task: Task) -> Self {
        let (mut given, mut over) = (0u64, false);
        let mut iter = self.iter;
        let rows = std::iter::from_fn(move || {
            if over {
                return None;
            }
            given += 1;
            match if given.is_multiple_of(BETWEEN_CHECKS) { task.check() } else { Ok(()) } {
                Ok(()) => iter.next(),
                Err(error) => {
                    over = true;
                    Some(Err(error))
                }
            }
        });
        Rows { columns: self.columns, iter: Box::new(rows) }
    }

    /// Names of properties and their values, a row each.
    pub(crate) fn facts(facts: &[(String, String)]) -> Self {
        let columns = ["property", "value"].map(|name| Column::new(name, ColumnKind::Text)).to_vec();
        let rows = facts.iter().map(|(name, value)| vec![name.as_str().into(), value.as_str().into()]);
        Rows::ready(columns, rows.collect())
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let values = self.iter.next()?;
        Some(values.map(|values| Row { columns: self.columns.clone(), values }))
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// What a statement did.
#[derive(Debug)]
pub struct Outcome {
    /// The statement's verb in lower case: "import", "seed", "select".
    pub verb: &'static str,
    /// One line for a person; may be empty when the rows say all.
    pub message: String,
    /// The rows, where the statement gives any.
    pub rows: Option<Rows>,
    /// Things to know that are no errors.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Outcome {
    /// An outcome of one line.
    pub fn message(verb: &'static str, message: impl Into<String>) -> Self {
        Outcome { verb, message: message.into(), rows: None, notes: Vec::new(), seconds: 0.0 }
    }

    /// An outcome of rows.
    pub fn rows(verb: &'static str, rows: Rows) -> Self {
        Outcome { verb, message: String::new(), rows: Some(rows), notes: Vec::new(), seconds: 0.0 }
    }

    /// Adds the rows.
    pub fn with_rows(mut self, rows: Rows) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Adds a note.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_by_name_and_type() {
        let columns = vec![Column::new("left", ColumnKind::Text), Column::new("score", ColumnKind::Float)];
        let mut rows =
            Rows::ready(columns, vec![vec!["a".into(), 0.5.into()], vec!["b".into(), Value::Null]]);
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.get::<f64>("score").unwrap(), 0.5);
        assert_eq!(row.get::<i64>("left").unwrap_err().code(), Code::WrongType);
        assert_eq!(row.get::<f64>("scor").unwrap_err().code(), Code::UnknownName);
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.get::<Option<f64>>("score").unwrap(), None);
    }

    #[test]
    fn a_single_keeps_its_shortest_form() {
        assert_eq!(Value::from(0.1f32), Value::Float(0.1));
        assert_eq!(Value::from(f32::NAN), Value::Null);
    }
}
