//! The stack machine of pickle, protocols 0 to 5, without the power to call anything.

use std::collections::HashMap;
use std::io::{Read, Seek};

use crate::error::{Code, Error, Result};
use crate::task::Task;

use super::numpy::{Array, Dtype, Global};
use super::source::{Form, Source, Span};

/// Most values on the stack, in the memo, and objects made.
const STACK_LIMIT: usize = 1 << 20;
const MEMO_LIMIT: usize = 4 << 20;
const OBJECT_LIMIT: usize = 8 << 20;

/// A value; containers lie in the machine's list of objects, so values are small and copied freely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer past 64 bits, or a float: nothing an array needs.
    Other(&'static str),
    Text(Span),
    Bytes(Span),
    Global(Global),
    Object(u32),
}

impl Value {
    /// What a message calls it.
    pub fn kind(self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an integer",
            Value::Other(kind) => kind,
            Value::Text(_) => "a string",
            Value::Bytes(_) => "a byte string",
            Value::Global(_) => "a class or function",
            Value::Object(_) => "a container",
        }
    }
}

/// What changes after it was made, or holds other values.
#[derive(Debug)]
pub(super) enum Object {
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Dtype(Dtype),
    /// `None` until its state is given.
    Array(Option<Array>),
}

impl Object {
    /// What a message calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Object::Tuple(_) => "a tuple",
            Object::List(_) => "a list",
            Object::Dict(_) => "a dictionary",
            Object::Dtype(_) => "a numpy dtype",
            Object::Array(_) => "a numpy array",
        }
    }
}

/// The machine in the middle of a pickle.
pub(super) struct Machine<'a, R> {
    pub(super) source: &'a mut Source<R>,
    task: &'a Task,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    pub(super) objects: Vec<Object>,
}

impl<'a, R: Read + Seek> Machine<'a, R> {
    /// At the start of the file.
    pub fn new(source: &'a mut Source<R>, task: &'a Task) -> Self {
        Machine {
            source,
            task,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            objects: Vec::new(),
        }
    }

    /// Runs to the end and gives the value that is left.
    pub fn run(&mut self) -> Result<Value> {
        let mut steps = 0u64;
        loop {
            if steps.is_multiple_of(1 << 16) {
                self.task.check()?;
                self.task.advance(self.source.position());
            }
            steps += 1;
            let code = self.source.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
            if self.stack.len() > STACK_LIMIT || self.marks.len() > STACK_LIMIT {
                return Err(limit("values on its stack", STACK_LIMIT));
            }
        }
    }

    fn step(&mut self, code: u8) -> Result<()> {
        match code {
            0x80 => {
                let version = self.source.byte()?;
                if version > 5 {
                    return Err(self
                        .source
                        .bad(format!("pickle protocol {version} is unknown, expected 0 to 5")));
                }
            }
            // A frame only groups opcodes.
            0x95 => drop(self.source.take::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b | b'F' | b'G' => {
                let number = self.number(code)?;
                self.stack.push(number);
            }
            b'S' | b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 | b'V' | b'X' | 0x8c | 0x8d => {
                let string = self.string(code)?;
                self.stack.push(string);
            }
            b'}' => self.push_object(Object::Dict(Vec::new()))?,
            b']' => self.push_object(Object::List(Vec::new()))?,
            b')' => self.push_object(Object::Tuple(Vec::new()))?,
            b'd' => {
                let values = self.pop_to_mark()?;
                let pairs = self.pairs(&values)?;
                self.push_object(Object::Dict(pairs))?;
            }
            b'l' => {
                let values = self.pop_to_mark()?;
                self.push_object(Object::List(values))?;
            }
            b't' => {
                let values = self.pop_to_mark()?;
                self.push_object(Object::Tuple(values))?;
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let start = self.depth_below(count)?;
                let values = self.stack.split_off(start);
                self.push_object(Object::Tuple(values))?;
            }
            b's' => {
                let start = self.depth_below(2)?;
                let values = self.stack.split_off(start);
                self.set_items(&values)?;
            }
            b'u' => {
                let values = self.pop_to_mark()?;
                self.set_items(&values)?;
            }
            b'a' => {
                let value = self.pop()?;
                self.append(&[value])?;
            }
            b'e' => {
                let values = self.pop_to_mark()?;
                self.append(&values)?;
            }
            b'p' | b'q' | b'r' | 0x94 => self.put(code)?,
            b'g' | b'h' | b'j' => self.get(code)?,
            b'c' => {
                let (module, name) = (self.source.line()?, self.source.line()?);
                let global = Global::find(&module, &name)?;
                self.stack.push(Value::Global(global));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let global = Global::find(&self.text(module)?, &self.text(name)?)?;
                self.stack.push(Value::Global(global));
            }
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let value = self.reduce(callable, arguments)?;
                self.stack.push(value);
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                self.build(object, state)?;
            }
            _ => return Err(self.refuse(code)),
        }
        Ok(())
    }

    /// The error for an opcode that makes objects of any class, or that no pickle has.
    fn refuse(&mut self, code: u8) -> Error {
        let what = match code {
            b'i' => match (self.source.line(), self.source.line()) {
                (Ok(module), Ok(name)) => return Global::refuse(&module, &name),
                _ => "an instance of a class (INST)",
            },
            b'o' => "an instance of a class (OBJ)",
            0x81 | 0x92 => "an instance of a class (NEWOBJ)",
            b'P' | b'Q' => "an object kept elsewhere (PERSID)",
            0x82..=0x84 => "an object of the extension registry (EXT)",
            0x97 | 0x98 => "a buffer kept outside the file (NEXT_BUFFER)",
            0x8f..=0x91 => "a set",
            _ => {
                return self.source.bad(format!("0x{code:02x} is no pickle opcode")).help(
                    "this is no pickle, or it is damaged; the formats are npy, npz, safetensors and pkl",
                );
            }
        };
        self.source
            .bad(format!("the pickle asks for {what}, which is no part of a dictionary of numpy arrays"))
            .help(super::numpy::REMEDY)
    }

    fn number(&mut self, code: u8) -> Result<Value> {
        Ok(match code {
            b'J' => Value::Int(i32::from_le_bytes(self.source.take()?).into()),
            b'K' => Value::Int(self.source.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.source.take()?).into()),
            b'G' => {
                self.source.take::<8>()?;
                Value::Other("a float")
            }
            b'F' => {
                self.source.line()?;
                Value::Other("a float")
            }
            0x8a | 0x8b => {
                let length = match code {
                    0x8a => u64::from(self.source.byte()?),
                    _ => u64::from(u32::from_le_bytes(self.source.take()?)),
                };
                let span = self.source.skip(length, Form::Raw)?;
                if length > 8 {
                    return Ok(Value::Other("an integer past 64 bits"));
                }
                let bytes = self.source.fetch(span, 8)?;
                let sign = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
                let mut word = [sign; 8];
                word[..bytes.len()].copy_from_slice(&bytes);
                Value::Int(i64::from_le_bytes(word))
            }
            _ => {
                let line = self.source.line()?;
                match line.as_str() {
                    "00" if code == b'I' => Value::Bool(false),
                    "01" if code == b'I' => Value::Bool(true),
                    text => text
                        .trim_end_matches('L')
                        .parse()
                        .map(Value::Int)
                        .map_err(|_| self.source.bad(format!("`{}` is no integer", shorten(text))))?,
                }
            }
        })
    }

    fn string(&mut self, code: u8) -> Result<Value> {
        let length = match code {
            b'S' => return Ok(Value::Bytes(self.source.skip_line(Form::Quoted)?)),
            b'V' => return Ok(Value::Text(self.source.skip_line(Form::UnicodeEscape)?)),
            b'U' | b'C' | 0x8c => u64::from(self.source.byte()?),
            b'T' | b'B' | b'X' => u64::from(u32::from_le_bytes(self.source.take()?)),
            _ => u64::from_le_bytes(self.source.take()?),
        };
        Ok(match code {
            b'X' | 0x8c | 0x8d => Value::Text(self.source.skip(length, Form::Utf8Latin1)?),
            _ => Value::Bytes(self.source.skip(length, Form::Raw)?),
        })
    }

    fn top(&self) -> Result<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.get(floor..).and_then(|part| part.last()).copied().ok_or_else(|| self.underflow())
    }

    fn pop(&mut self) -> Result<Value> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Where the topmost `count` values start.
    fn depth_below(&self, count: usize) -> Result<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.len().checked_sub(count).filter(|&start| start >= floor).ok_or_else(|| self.underflow())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.marks.pop().ok_or_else(|| self.underflow())?;
        Ok(self.stack.split_off(mark))
    }

    fn underflow(&self) -> Error {
        self.source.bad("the pickle takes more from its stack than is there").help("the file is damaged")
    }

    pub(super) fn make(&mut self, object: Object) -> Result<Value> {
        if self.objects.len() >= OBJECT_LIMIT {
            return Err(limit("objects", OBJECT_LIMIT));
        }
        self.objects.push(object);
        Ok(Value::Object((self.objects.len() - 1) as u32))
    }

    fn push_object(&mut self, object: Object) -> Result<()> {
        let value = self.make(object)?;
        self.stack.push(value);
        Ok(())
    }

    fn pairs(&self, values: &[Value]) -> Result<Vec<(Value, Value)>> {
        if !values.len().is_multiple_of(2) {
            return Err(self.source.bad("a dictionary with a key that has no value"));
        }
        Ok(values.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    fn set_items(&mut self, values: &[Value]) -> Result<()> {
        let mut pairs = self.pairs(values)?;
        match self.top()? {
            Value::Object(index) if matches!(self.objects[index as usize], Object::Dict(_)) => {
                if let Object::Dict(known) = &mut self.objects[index as usize] {
                    known.append(&mut pairs);
                }
                Ok(())
            }
            other => Err(self
                .source
                .bad(format!("items are set in {}, expected a dictionary", self.kind_of(other)))),
        }
    }

    fn append(&mut self, values: &[Value]) -> Result<()> {
        match self.top()? {
            Value::Object(index) if matches!(self.objects[index as usize], Object::List(_)) => {
                if let Object::List(list) = &mut self.objects[index as usize] {
                    list.extend_from_slice(values);
                }
                Ok(())
            }
            other => {
                Err(self.source.bad(format!("items are added to {}, expected a list", self.kind_of(other))))
            }
        }
    }

    fn put(&mut self, code: u8) -> Result<()> {
        let index = match code {
            b'q' => u32::from(self.source.byte()?),
            b'r' => u32::from_le_bytes(self.source.take()?),
            b'p' => self.memo_number()?,
            _ => self.memo.len() as u32,
        };
        let top = self.top()?;
        self.memo.insert(index, top);
        if self.memo.len() > MEMO_LIMIT {
            return Err(limit("remembered values", MEMO_LIMIT));
        }
        Ok(())
    }

    fn get(&mut self, code: u8) -> Result<()> {
        let index = match code {
            b'h' => u32::from(self.source.byte()?),
            b'j' => u32::from_le_bytes(self.source.take()?),
            _ => self.memo_number()?,
        };
        let value = self.memo.get(&index).copied();
        let value = value
            .ok_or_else(|| self.source.bad(format!("the value {index} is recalled but was never kept")))?;
        self.stack.push(value);
        Ok(())
    }

    fn memo_number(&mut self) -> Result<u32> {
        let line = self.source.line()?;
        line.parse().map_err(|_| self.source.bad(format!("`{}` is no number of a value", shorten(&line))))
    }

    /// A short text.
    pub(super) fn text(&mut self, value: Value) -> Result<String> {
        match value {
            Value::Text(span) | Value::Bytes(span) => {
                let bytes = self.source.fetch(span, 256)?;
                String::from_utf8(bytes).map_err(|_| self.source.bad("a name that is not UTF-8"))
            }
            other => Err(self.source.bad(format!("{} where a name is expected", other.kind()))),
        }
    }

    /// What a message calls a value.
    pub fn kind_of(&self, value: Value) -> &'static str {
        match value {
            Value::Object(index) => self.objects[index as usize].kind(),
            other => other.kind(),
        }
    }

    /// An object, taken out of the machine.
    pub fn take_object(&mut self, index: u32) -> Object {
        std::mem::replace(&mut self.objects[index as usize], Object::Dict(Vec::new()))
    }
}

fn limit(what: &str, most: usize) -> Error {
    Error::new(Code::Limit, format!("the pickle has more than {most} {what}"))
        .help("save the rows as npy with a companion file of ids instead")
}

fn shorten(text: &str) -> String {
    crate::error::shorten(text, 40)
}
