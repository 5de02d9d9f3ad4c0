//! Statements in canonical form: keywords in capitals, options after the verb's object, names bare
//! where they may be. What is printed parses to an equal tree.

use std::fmt::{Display, Formatter, Result, Write};

use super::ast::*;
use super::catalog::{
    ARCHITECTURES, ASPECTS, ENCODERS, GROUPINGS, LINK_FORMATS, PAIR_FORMATS, SHOW_ALL, SHOW_FROM,
    is_reserved, word_for,
};
use super::lexer::is_word;
use crate::ops::spec::Compare;

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        use StatementKind::*;
        match &*self.kind {
            Explain(inner) => write!(f, "EXPLAIN {inner}"),
            Import { format, paths, options, name } => {
                write!(f, "IMPORT {} ", word_for(PAIR_FORMATS, &format.value))?;
                list(f, paths.iter().map(|path| &path.value))?;
                write!(f, "{} AS {}", Options(options), Ident(name))
            }
            ImportLinks { format, path, options, pair } => {
                f.write_str("IMPORT LINKS ")?;
                if let Some(format) = format {
                    write!(f, "{} ", word_for(LINK_FORMATS, &format.value))?;
                }
                write!(f, "{}{} INTO {}", path.value, Options(options), Ident(pair))
            }
            ImportFeatures { modality, paths, options, pair } => {
                write!(f, "IMPORT FEATURES {} FROM ", Ident(modality))?;
                list(f, paths.iter().map(|path| &path.value))?;
                write!(f, "{} INTO {}", Options(options), Ident(pair))
            }
            Embed { source, encoder, weights, from, options, pair, modality } => {
                write!(f, "EMBED {}", word_for(ASPECTS, &source.value))?;
                optional(f, " USING ", encoder.as_ref().map(|encoder| word_for(ENCODERS, &encoder.value)))?;
                optional(f, " ", weights.as_ref().map(|path| &path.value))?;
                match from {
                    Some(EmbedFrom::Seeds(seeds)) => write!(f, " FROM {}", Ident(seeds))?,
                    Some(EmbedFrom::Pictures(paths)) => {
                        f.write_str(" FROM ")?;
                        list(f, paths.iter().map(|path| &path.value))?;
                    }
                    None => {}
                }
                write!(f, "{} INTO {}", Options(options), Ident(pair))?;
                optional(f, " AS ", modality.as_ref().map(Ident))
            }
            Generate { name, options } => write!(f, "GENERATE PAIR {}{}", Ident(name), Options(options)),
            Seed { method, options, pair, name } => {
                write!(f, "SEED {}{} FROM {}", Ident(method), Options(options), Ident(pair))?;
                optional(f, " AS ", name.as_ref().map(Ident))
            }
            Tune { seeds, options, name } => {
                write!(f, "TUNE {}{}", Ident(seeds), Options(options))?;
                optional(f, " AS ", name.as_ref().map(Ident))
            }
            Train { model, pair, lessons, options, name } => {
                let model = word_for(ARCHITECTURES, &model.value);
                write!(f, "TRAIN {model} ON {} USING {}{}", Ident(pair), Lessons(lessons), Options(options))?;
                optional(f, " AS ", name.as_ref().map(Ident))
            }
            Bench { pairs, models, seeds, options, path } => {
                f.write_str("BENCH PAIRS ")?;
                list(f, pairs.iter().map(Ident))?;
                f.write_str(" MODELS ")?;
                match models {
                    Some(models) => {
                        list(f, models.iter().map(|model| word_for(ARCHITECTURES, &model.value)))?
                    }
                    None => f.write_str("all")?,
                }
                f.write_str(" SEEDS ")?;
                list(f, seeds.iter().map(|lessons| Lessons(lessons)))?;
                write!(f, "{}", Options(options))?;
                optional(f, " TO ", path.as_ref().map(|path| &path.value))
            }
            Expand { seeds, model, options, name } => {
                write!(f, "EXPAND {}", Ident(seeds))?;
                optional(f, " USING ", model.as_ref().map(Ident))?;
                write!(f, "{}", Options(options))?;
                optional(f, " AS ", name.as_ref().map(Ident))
            }
            Psqe { options, pair, name } => {
                write!(f, "PSQE{} FROM {}", Options(options), Ident(pair))?;
                optional(f, " AS ", name.as_ref().map(Ident))
            }
            ExplainSeeds { seeds, by, path, options } => {
                write!(f, "EXPLAIN SEEDS {}{}", Ident(seeds), Options(options))?;
                optional(f, " BY ", by.as_ref().map(|by| word_for(GROUPINGS, &by.value)))?;
                optional(f, " TO ", path.as_ref().map(|path| &path.value))
            }
            ExplainPair { left, right, name } => {
                write!(f, "EXPLAIN MATCH {}, {} IN {}", left.value, right.value, Ident(name))
            }
            ExplainModalities(pair) => write!(f, "EXPLAIN MODALITIES {}", Ident(pair)),
            ExplainRun(name) => write!(f, "EXPLAIN RUN {}", Ident(name)),
            Correct { seeds, options, name } => {
                write!(f, "CORRECT {}{}", Ident(seeds), Options(options))?;
                optional(f, " AS ", name.as_ref().map(Ident))
            }
            Align { pair, using, options, name } => {
                write!(f, "ALIGN {}", Ident(pair))?;
                optional(f, " USING ", using.as_ref().map(|using| &using.value))?;
                write!(f, "{}", Options(options))?;
                optional(f, " AS ", name.as_ref().map(Ident))
            }
            CreateIndex { name, on, options } => {
                write!(f, "CREATE INDEX {} ON {}{}", Ident(name), Ident(on), Options(options))
            }
            Evaluate { target, options } => write!(f, "EVALUATE {}{}", Ident(target), Options(options)),
            Match { entity, pair, side, using, options, limit } => {
                write!(f, "MATCH {} IN {}", entity.value, Ident(pair))?;
                optional(f, ".", side.as_ref().map(|side| side.value.as_str()))?;
                optional(f, " USING ", using.as_ref().map(|using| &using.value))?;
                write!(f, "{}", Options(options))?;
                optional(f, " LIMIT ", limit.as_ref().map(|limit| &limit.value))
            }
            Select(select) => write!(f, "{select}"),
            Export { target, path, options } => {
                write!(f, "EXPORT {} TO {}{}", Ident(target), path.value, Options(options))
            }
            Show { what, pair } => {
                let word = match word_for(SHOW_ALL, &what.value) {
                    "" => word_for(SHOW_FROM, &what.value),
                    word => word,
                };
                write!(f, "SHOW {word}")?;
                optional(f, " FROM ", pair.as_ref().map(Ident))
            }
            Describe(name) => write!(f, "DESCRIBE {}", Ident(name)),
            DescribeModel(model) => write!(f, "DESCRIBE MODEL {}", word_for(ARCHITECTURES, &model.value)),
            Drop(name) => write!(f, "DROP {}", Ident(name)),
            Set { name, value } => write!(f, "SET {}={}", Ident(name), value.value),
            Check { full } => f.write_str(if *full { "CHECK FULL" } else { "CHECK QUICK" }),
            Backup(path) => write!(f, "BACKUP TO {}", path.value),
            Dump(path) => write!(f, "DUMP TO {}", path.value),
            Load(path) => write!(f, "LOAD FROM {}", path.value),
            Compact => f.write_str("COMPACT"),
            Edit(edit) => write!(f, "{edit}"),
            ShowLineage(name) => write!(f, "SHOW LINEAGE {}", Ident(name)),
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("SELECT ")?;
        if self.columns.is_empty() {
            f.write_char('*')?;
        }
        list(f, &self.columns)?;
        write!(f, " FROM {}", Ident(&self.source.name))?;
        optional(f, ".", self.source.side.as_ref().map(|side| side.value.as_str()))?;
        optional(f, ".", self.source.table.as_ref().map(|table| table.value))?;
        optional(f, " WHERE ", self.filter.as_ref().map(|filter| &filter.value))?;
        if !self.group_by.is_empty() {
            f.write_str(" GROUP BY ")?;
            list(f, self.group_by.iter().map(Ident))?;
        }
        if !self.order_by.is_empty() {
            f.write_str(" ORDER BY ")?;
            list(f, self.order_by.iter().map(|(name, descending)| Ordered(name, *descending)))?;
        }
        optional(f, " LIMIT ", self.limit.as_ref().map(|limit| &limit.value))?;
        optional(f, " OFFSET ", self.offset.as_ref().map(|offset| &offset.value))
    }
}

impl Display for Output {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.column {
            Some(column) => write!(f, "{}", Ident(column))?,
            None => f.write_str("COUNT(*)")?,
        }
        optional(f, " AS ", self.alias.as_ref().map(Ident))
    }
}

struct Ordered<'a>(&'a Name, bool);

impl Display for Ordered<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", Ident(self.0), if self.1 { " DESC" } else { "" })
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Condition::Or(all) => inside(f, all, " OR ", |inner| matches!(inner, Condition::Or(_))),
            Condition::And(all) => {
                inside(f, all, " AND ", |inner| matches!(inner, Condition::Or(_) | Condition::And(_)))
            }
            Condition::Not(inner) => match **inner {
                Condition::Or(_) | Condition::And(_) => write!(f, "NOT ({inner})"),
                _ => write!(f, "NOT {inner}"),
            },
            Condition::Compare(column, op, value) => {
                write!(f, "{} {} {}", Ident(column), compare_sign(*op), value.value)
            }
            Condition::Like(column, pattern, not) => {
                write!(f, "{}{} LIKE {}", Ident(column), negation(*not), pattern.value)
            }
            Condition::In(column, values, not) => {
                write!(f, "{}{} IN (", Ident(column), negation(*not))?;
                list(f, values.iter().map(|value| &value.value))?;
                f.write_char(')')
            }
            Condition::IsNull(column, not) => {
                write!(f, "{} IS{} NULL", Ident(column), negation(*not))
            }
        }
    }
}

/// Joined conditions, those that bind no tighter in parentheses.
fn inside(f: &mut Formatter<'_>, all: &[Condition], join: &str, loose: fn(&Condition) -> bool) -> Result {
    for (i, condition) in all.iter().enumerate() {
        if i > 0 {
            f.write_str(join)?;
        }
        if loose(condition) {
            write!(f, "({condition})")?;
        } else {
            write!(f, "{condition}")?;
        }
    }
    Ok(())
}

fn negation(not: bool) -> &'static str {
    if not { " NOT" } else { "" }
}

/// The sign of a comparison.
pub(crate) fn compare_sign(op: Compare) -> &'static str {
    match op {
        Compare::Eq => "=",
        Compare::Ne => "!=",
        Compare::Lt => "<",
        Compare::Le => "<=",
        Compare::Gt => ">",
        Compare::Ge => ">=",
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Value::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Value::Iri(iri) => write!(f, "<{iri}>"),
            Value::Int(int) => write!(f, "{int}"),
            Value::Float(float) => write!(f, "{float:?}"),
            Value::Bool(true) => f.write_str("true"),
            Value::Bool(false) => f.write_str("false"),
            Value::Name(name) => f.write_str(&quoted_name(name)),
            Value::Parameter(name) => write!(f, "${name}"),
        }
    }
}

impl Display for Using {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Using::Features(None) => f.write_str("features"),
            Using::Features(Some(list)) => write!(f, "features{}", Weights(&list.value)),
            // A model that is called like the word needs its quotes.
            Using::Model(name) if name.value.eq_ignore_ascii_case("features") => {
                write!(f, "\"{}\"", name.value)
            }
            Using::Model(name) => write!(f, "{}", Ident(name)),
        }
    }
}

pub(super) struct Ident<'a>(pub &'a Name);

impl Display for Ident<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&quoted_name(&self.0.value))
    }
}

/// A name as one writes it: bare where it may be, else in double quotes.
pub fn quoted_name(name: &str) -> String {
    if is_word(name) && !is_reserved(name) {
        return name.to_string();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

struct Lessons<'a>(&'a [Lesson]);

impl Display for Lessons<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (at, lesson) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { " + " } else { "" })?;
            match lesson {
                Lesson::Split(split) => write!(f, "split {}", split.value)?,
                Lesson::Seeds(seeds) => write!(f, "{}", Ident(seeds))?,
            }
        }
        Ok(())
    }
}

pub(super) struct Options<'a>(pub &'a [OptionItem]);

impl Display for Options<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for item in self.0 {
            write!(f, " {}", Ident(&item.key))?;
            match &item.value {
                OptionValue::One(value) => write!(f, "={}", value.value)?,
                OptionValue::Weights(list) => write!(f, "{}", Weights(&list.value))?,
            }
        }
        Ok(())
    }
}

struct Weights<'a>(&'a [Weight]);

impl Display for Weights<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_char('(')?;
        list(f, self.0)?;
        f.write_char(')')
    }
}

impl Display for Weight {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}={}", Ident(&self.modality), self.value.value)
    }
}

pub(super) fn list<T: Display>(f: &mut Formatter<'_>, items: impl IntoIterator<Item = T>) -> Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

pub(super) fn optional<T: Display>(f: &mut Formatter<'_>, before: &str, item: Option<T>) -> Result {
    match item {
        Some(item) => write!(f, "{before}{item}"),
        None => Ok(()),
    }
}
