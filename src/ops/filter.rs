//! Conditions of `SELECT`, checked against the columns once and evaluated row by row.
//!
//! Logic is SQL's three-valued one: a comparison with null is unknown, and only rows whose condition
//! is true pass.

use std::cmp::Ordering;

use super::rows::{Column, ColumnKind, Value};
use super::spec::{Compare, Expr, Scalar};
use crate::error::{Code, Error, Result};

/// A condition with its columns found and its types checked.
pub(crate) enum Condition {
    Compare(usize, Compare, Value),
    Like(usize, Pattern, bool),
    In(usize, Vec<Value>, bool),
    IsNull(usize, bool),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

/// The number of a column.
///
/// # Errors
/// [`Code::UnknownName`] with the columns there are.
pub(crate) fn column(columns: &[Column], name: &str) -> Result<usize> {
    let found = columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let error = Error::new(Code::UnknownName, format!("there is no column `{name}`"));
        let near = names
            .iter()
            .filter(|known| strsim::osa_distance(known, name) <= 2)
            .min_by_key(|known| strsim::osa_distance(known, name));
        match near {
            Some(near) => error.help(format!("did you mean `{near}`? The columns are {}", names.join(", "))),
            None => error.help(format!("the columns are {}", names.join(", "))),
        }
    })
}

impl Condition {
    /// Finds the columns and checks the types.
    pub fn bind(expr: &Expr, columns: &[Column]) -> Result<Condition> {
        let both = |a: &Expr, b: &Expr| -> Result<_> {
            Ok((Box::new(Condition::bind(a, columns)?), Box::new(Condition::bind(b, columns)?)))
        };
        Ok(match expr {
            Expr::Compare(name, op, scalar) => {
                let i = column(columns, name)?;
                Condition::Compare(i, *op, typed(&columns[i], scalar)?)
            }
            Expr::Like(name, pattern, negated) => {
                let i = column(columns, name)?;
                if columns[i].kind != ColumnKind::Text {
                    return Err(Error::new(
                        Code::WrongType,
                        format!("column `{name}` holds no text to compare with LIKE"),
                    )
                    .help("use =, < or > with numbers"));
                }
                Condition::Like(i, Pattern::new(pattern), *negated)
            }
            Expr::In(name, list, negated) => {
                let i = column(columns, name)?;
                let list = list.iter().map(|scalar| typed(&columns[i], scalar)).collect::<Result<_>>()?;
                Condition::In(i, list, *negated)
            }
            Expr::IsNull(name, negated) => Condition::IsNull(column(columns, name)?, *negated),
            Expr::And(a, b) => {
                let (a, b) = both(a, b)?;
                Condition::And(a, b)
            }
            Expr::Or(a, b) => {
                let (a, b) = both(a, b)?;
                Condition::Or(a, b)
            }
            Expr::Not(inner) => Condition::Not(Box::new(Condition::bind(inner, columns)?)),
        })
    }

    /// Whether a row passes.
    pub fn passes(&self, row: &[Value]) -> bool {
        self.truth(row) == Some(true)
    }

    fn truth(&self, row: &[Value]) -> Option<bool> {
        match self {
            Condition::Compare(i, op, value) => compare(&row[*i], value).map(|order| match op {
                Compare::Eq => order.is_eq(),
                Compare::Ne => order.is_ne(),
                Compare::Lt => order.is_lt(),
                Compare::Le => order.is_le(),
                Compare::Gt => order.is_gt(),
                Compare::Ge => order.is_ge(),
            }),
            Condition::Like(i, pattern, negated) => match &row[*i] {
                Value::Text(text) => Some(pattern.matches(text) != *negated),
                _ => None,
            },
            Condition::In(i, list, negated) => {
                if row[*i].is_null() {
                    return None;
                }
                if list.iter().any(|value| compare(&row[*i], value) == Some(Ordering::Equal)) {
                    return Some(!negated);
                }
                if list.iter().any(Value::is_null) { None } else { Some(*negated) }
            }
            Condition::IsNull(i, negated) => Some(row[*i].is_null() != *negated),
            Condition::And(a, b) => match (a.truth(row), b.truth(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Condition::Or(a, b) => match (a.truth(row), b.truth(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Condition::Not(inner) => inner.truth(row).map(|truth| !truth),
        }
    }
}

/// The order of two values of one type; `None` if one of them is null.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn typed(column: &Column, scalar: &Scalar) -> Result<Value> {
    let value = match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(*value),
        Scalar::Int(value) => Value::Int(*value),
        Scalar::Float(value) => Value::Float(*value),
        Scalar::Text(value) => Value::Text(value.clone()),
    };
    let fits = matches!(
        (column.kind, &value),
        (_, Value::Null)
            | (ColumnKind::Int | ColumnKind::Float, Value::Int(_) | Value::Float(_))
            | (ColumnKind::Text, Value::Text(_))
            | (ColumnKind::Bool, Value::Bool(_))
    );
    if fits {
        return Ok(value);
    }
    let (holds, write) = match column.kind {
        ColumnKind::Text => ("text", "a text in single quotes"),
        ColumnKind::Bool => ("true or false", "true or false"),
        _ => ("numbers", "a number without quotes"),
    };
    Err(Error::new(
        Code::WrongType,
        format!("column `{}` holds {holds} and cannot be compared with a {}", column.name, value.type_name()),
    )
    .help(format!("write {write}")))
}

/// A `LIKE` pattern: `%` stands for any run of characters, `_` for one; letters match in any case.
pub(crate) struct Pattern(Vec<char>);

impl Pattern {
    fn new(pattern: &str) -> Self {
        Pattern(pattern.to_lowercase().chars().collect())
    }

    /// Greedy matching with one point to come back to: linear but for the last `%`.
    fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let (mut t, mut p, mut back) = (0, 0, None);
        while t < text.len() {
            match self.0.get(p) {
                Some('%') => {
                    back = Some((p, t));
                    p += 1;
                }
                Some(&c) if c == '_' || c == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => match back {
                    Some((percent, start)) => {
                        p = percent + 1;
                        t = start + 1;
                        back = Some((percent, start + 1));
                    }
                    None => return false,
                },
            }
        }
        self.0[p..].iter().all(|&c| c == '%')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_knows_percent_and_underscore() {
        for (pattern, text, expected) in [
            ("%金%", "金大中", true),
            ("kim%", "Kim Dae-jung", true),
            ("k_m", "kim", true),
            ("k_m", "km", false),
            ("%a%b%c", "xaxbxbxc", true),
            ("%a%b%c", "xaxbxbx", false),
            ("", "", true),
            ("%", "", true),
            ("_", "", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn null_is_neither_in_nor_out() {
        let columns = [Column::new("a", ColumnKind::Int)];
        let is = |expr: &Expr, value: Value| Condition::bind(expr, &columns).unwrap().passes(&[value]);
        let less = Expr::Compare("a".into(), Compare::Lt, Scalar::Int(5));
        assert!(is(&less, Value::Int(4)) && !is(&less, Value::Null));
        assert!(!is(&Expr::Not(Box::new(less.clone())), Value::Null));
        assert!(is(&Expr::IsNull("a".into(), false), Value::Null));
        let or = Expr::Or(Box::new(less), Box::new(Expr::IsNull("a".into(), false)));
        assert!(is(&or, Value::Null));
        let not_in = Expr::In("a".into(), vec![Scalar::Int(1), Scalar::Null], true);
        assert!(!is(&not_in, Value::Int(2)));
    }

    #[test]
    fn types_are_checked_before_any_row_is_read() {
        let columns = [Column::new("score", ColumnKind::Float)];
        let error =
            Condition::bind(&Expr::Compare("score".into(), Compare::Gt, Scalar::Text("x".into())), &columns);
        assert_eq!(error.err().map(|e| e.code()), Some(Code::WrongType));
        let error = column(&columns, "scroe").unwrap_err();
        assert!(error.help_text().unwrap().contains("did you mean `score`"));
    }
}
