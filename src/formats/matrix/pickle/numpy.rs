//! What numpy's pickles are made of: a handful of callables, done here and not called.

use std::io::{Read, Seek};

use crate::error::{Code, Error, Result};
use crate::formats::matrix::npy::not_numbers;
use crate::formats::matrix::number;

use super::machine::{Machine, Object, Value};
use super::source::{Form, Source, Span};

/// What to do about a pickle that asks for more.
pub(super) const REMEDY: &str = "only dictionaries of numpy arrays are read; if you trust the file, convert it with Python: \
     numpy.save the rows, and the keys as a text file for ids=";

/// The callables that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// `numpy.core.multiarray._reconstruct`: an array whose state follows.
    Reconstruct,
    /// `numpy.core.multiarray.scalar`: a number.
    Scalar,
    /// `numpy.core.numeric._frombuffer`: an array over bytes (protocol 5).
    FromBuffer,
    /// `numpy.ndarray`.
    Ndarray,
    /// `numpy.dtype`.
    Dtype,
    /// `_codecs.encode`: bytes from latin-1 text (protocol 2 of Python 3).
    Encode,
}

impl Global {
    /// The callable of that name; any other is refused.
    pub fn find(module: &str, name: &str) -> Result<Self> {
        Ok(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Global::Reconstruct,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Global::Scalar,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Global::FromBuffer,
            ("numpy", "ndarray") => Global::Ndarray,
            ("numpy", "dtype") => Global::Dtype,
            ("_codecs", "encode") => Global::Encode,
            _ => return Err(Self::refuse(module, name)),
        })
    }

    /// The error for a callable that is not known.
    pub fn refuse(module: &str, name: &str) -> Error {
        let name = crate::error::shorten(&format!("{module}.{name}").escape_default().to_string(), 120);
        Error::new(
            Code::BadFile,
            format!("the pickle asks for `{name}`, which is no part of a numpy array; nothing of it was run"),
        )
        .help(REMEDY)
    }
}

/// A numpy dtype, as far as it has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dtype {
    /// `f4`, `O8`, …
    name: String,
    /// `<`, `>`, `=` or `|`, once its state is given.
    order: char,
}

impl Dtype {
    fn number(&self) -> Option<number::Dtype> {
        if self.name.starts_with(['<', '>', '=', '|']) {
            return number::Dtype::from_numpy(&self.name);
        }
        number::Dtype::from_numpy(&format!("{}{}", self.order, self.name))
    }
}

/// A one-dimensional numpy array: where its numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Array {
    /// Type of a number.
    pub dtype: number::Dtype,
    /// How many.
    pub count: u64,
    span: Span,
}

impl Array {
    /// Its bytes, from the file.
    pub fn bytes<R: Read + Seek>(&self, source: &mut Source<R>) -> Result<Vec<u8>> {
        let wanted = self.count.saturating_mul(self.dtype.size() as u64);
        let bytes = source.fetch(self.span, wanted)?;
        if bytes.len() as u64 != wanted {
            return Err(wrong_length(bytes.len() as u64, wanted));
        }
        Ok(bytes)
    }
}

fn wrong_length(found: u64, wanted: u64) -> Error {
    Error::new(Code::BadFile, format!("an array has {found} bytes, but its shape needs {wanted}"))
        .help("the pickle is damaged: copy it again")
}

impl<R: Read + Seek> Machine<'_, R> {
    /// What calling `callable` would make.
    pub(super) fn reduce(&mut self, callable: Value, arguments: Value) -> Result<Value> {
        let Value::Global(global) = callable else {
            return Err(self.source.bad(format!("the pickle calls {}", self.kind_of(callable))).help(REMEDY));
        };
        let arguments = self.tuple(arguments)?;
        match (global, &arguments[..]) {
            (Global::Reconstruct, [Value::Global(Global::Ndarray), _, _]) => self.make(Object::Array(None)),
            (Global::Dtype, [name, ..]) => {
                let name = self.text(*name)?;
                self.make(Object::Dtype(Dtype { name, order: '=' }))
            }
            (Global::Encode, [Value::Text(span), codec]) => {
                let codec = self.text(*codec)?;
                if !matches!(codec.as_str(), "latin1" | "latin-1" | "iso-8859-1") {
                    return Err(self.source.bad(format!("text is encoded as `{codec}`, expected latin1")));
                }
                Ok(Value::Bytes(*span))
            }
            (Global::Scalar, [dtype, Value::Bytes(span)]) => {
                let dtype = self.dtype(*dtype)?;
                let bytes = self.source.fetch(*span, 16)?;
                if bytes.len() != dtype.size() {
                    return Err(wrong_length(bytes.len() as u64, dtype.size() as u64));
                }
                Ok(dtype.integer(&bytes).map_or(Value::Other("a float"), Value::Int))
            }
            (Global::FromBuffer, [Value::Bytes(span), dtype, shape, _]) => {
                let array = self.make_array(*span, *dtype, *shape)?;
                self.make(Object::Array(Some(array)))
            }
            _ => Err(self.source.bad("a part of a numpy array is made in a way numpy does not").help(REMEDY)),
        }
    }

    /// Gives a dtype or an array its state.
    pub(super) fn build(&mut self, object: Value, state: Value) -> Result<()> {
        let Value::Object(index) = object else {
            return Err(self.source.bad(format!("a state is given to {}", object.kind())).help(REMEDY));
        };
        let built = match &self.objects[index as usize] {
            Object::Dtype(dtype) => {
                let name = dtype.name.clone();
                let state = self.tuple(state)?;
                let (Some(&order), parts) = (state.get(1), state.get(2..5)) else {
                    return Err(self.source.bad("a numpy dtype with a state too short"));
                };
                if parts.is_some_and(|parts| parts.iter().any(|part| *part != Value::None)) {
                    return Err(self
                        .source
                        .bad("the array holds records, expected float16, float32 or float64"));
                }
                let order = self.text(order)?.chars().next().filter(|order| "<>=|".contains(*order));
                let order =
                    order.ok_or_else(|| self.source.bad("a numpy dtype with an unknown byte order"))?;
                Object::Dtype(Dtype { name, order })
            }
            Object::Array(_) => {
                let state = self.tuple(state)?;
                let parts = if state.len() == 5 { &state[1..] } else { &state[..] };
                let &[shape, dtype, _, data] = parts else {
                    return Err(self
                        .source
                        .bad(format!("a numpy array with a state of {} parts", state.len())));
                };
                let Value::Bytes(span) = data else {
                    self.dtype(dtype)?;
                    return Err(self
                        .source
                        .bad(format!("the numbers of an array are {}", self.kind_of(data))));
                };
                Object::Array(Some(self.make_array(span, dtype, shape)?))
            }
            other => {
                return Err(self.source.bad(format!("a state is given to {}", other.kind())).help(REMEDY));
            }
        };
        self.objects[index as usize] = built;
        Ok(())
    }

    fn make_array(&mut self, span: Span, dtype: Value, shape: Value) -> Result<Array> {
        let dtype = self.dtype(dtype)?;
        let axes = match shape {
            Value::Int(_) => vec![shape],
            shape => self.tuple(shape)?,
        };
        let lengths: Option<Vec<u64>> = axes
            .iter()
            .map(|axis| match axis {
                Value::Int(length) => u64::try_from(*length).ok(),
                _ => None,
            })
            .collect();
        let lengths =
            lengths.ok_or_else(|| self.source.bad("a numpy array whose shape is no list of lengths"))?;
        if lengths.iter().filter(|&&length| length != 1).count() > 1 || lengths.is_empty() {
            return Err(Error::new(
                Code::BadValue,
                format!("an array has the shape {lengths:?}, expected a row: one axis"),
            ));
        }
        // At most one axis is longer than 1, so the order of the numbers is the same in C and Fortran.
        let count = lengths.iter().product::<u64>();
        let wanted = count.checked_mul(dtype.size() as u64);
        let fits = wanted.is_some_and(|wanted| match span.form {
            Form::Raw => span.length == wanted,
            // Never fewer bytes in the file than are meant; the exact length is known when they are read.
            _ => wanted <= span.length,
        });
        if !fits {
            return Err(wrong_length(span.length, wanted.unwrap_or(u64::MAX)));
        }
        Ok(Array { dtype, count, span })
    }

    fn dtype(&mut self, value: Value) -> Result<number::Dtype> {
        let found = match value {
            Value::Object(index) => match &self.objects[index as usize] {
                Object::Dtype(dtype) => Some(dtype),
                _ => None,
            },
            _ => None,
        };
        let dtype = found.ok_or_else(|| self.source.bad("a numpy array without a dtype"))?;
        dtype.number().ok_or_else(|| not_numbers(&dtype.name))
    }

    fn tuple(&self, value: Value) -> Result<Vec<Value>> {
        let found = match value {
            Value::Object(index) => match &self.objects[index as usize] {
                Object::Tuple(values) if values.len() <= 64 => Some(values.clone()),
                _ => None,
            },
            _ => None,
        };
        found.ok_or_else(|| {
            self.source.bad(format!("{} where a short tuple is expected", self.kind_of(value)))
        })
    }

    /// The array at `index`; `None` if that is something else, an error if it was never given a state or
    /// holds no floats.
    pub fn array(&self, index: u32) -> Option<Result<Array>> {
        match &self.objects[index as usize] {
            Object::Array(Some(array)) if array.dtype.is_float() => Some(Ok(*array)),
            Object::Array(Some(array)) => Some(Err(Error::new(
                Code::BadValue,
                format!("the arrays hold {}, expected float16, float32 or float64", array.dtype.name()),
            ))),
            Object::Array(None) => Some(Err(self.source.bad("a numpy array without numbers"))),
            _ => None,
        }
    }
}
