//! `SELECT`: filter, group, order, cut. Without grouping or ordering rows stream through.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::engine::{Context, Engine};
use super::filter::{self, Condition};
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::sources;
use super::spec::{Output, Select};
use crate::error::{Code, Error, Result};

type RowIter = Box<dyn Iterator<Item = Result<Vec<Value>>> + Send>;

/// Rows that an ordering or a grouping may hold in memory.
const MEMORY_ROWS: usize = 20_000_000;

/// Runs a query.
pub(crate) fn select(engine: &Engine, select: &Select, context: &Context) -> Result<Outcome> {
    let source = sources::open(engine, &select.from, context)?;
    let condition = select.filter.as_ref().map(|expr| Condition::bind(expr, &source.columns)).transpose()?;
    let rows: RowIter = match condition {
        Some(condition) => {
            Box::new(source.rows.filter(move |row| row.as_ref().map_or(true, |row| condition.passes(row))))
        }
        None => source.rows,
    };
    let counts = select.columns.iter().any(|output| matches!(output, Output::Count { .. }));
    let (columns, rows) = if counts || !select.group_by.is_empty() {
        let (columns, rows) = group(select, &source.columns, rows, context)?;
        let rows = order(select, &columns, rows, context)?;
        (columns, rows)
    } else {
        let rows = order_source(select, &source.columns, rows, context)?;
        project(select, &source.columns, rows)?
    };
    for (i, column) in columns.iter().enumerate() {
        if columns[..i].iter().any(|earlier| earlier.name == column.name) {
            return Err(Error::new(
                Code::Conflict,
                format!("two columns of the result are called `{}`", column.name),
            )
            .help("give one of them another name with AS"));
        }
    }
    let rows = rows.skip(select.offset).take(select.limit.unwrap_or(usize::MAX));
    Ok(Outcome::rows("select", Rows::new(columns, rows)))
}

/// Orders by output names or by source columns, whichever exists, before the columns are cut out.
fn order_source(select: &Select, columns: &[Column], rows: RowIter, context: &Context) -> Result<RowIter> {
    let mut resolved = select.clone();
    for (name, _) in &mut resolved.order_by {
        for output in &select.columns {
            if let Output::Column { name: source, alias: Some(alias) } = output
                && alias.eq_ignore_ascii_case(name)
            {
                *name = source.clone();
            }
        }
    }
    order(&resolved, columns, rows, context)
}

fn order(select: &Select, columns: &[Column], rows: RowIter, context: &Context) -> Result<RowIter> {
    if select.order_by.is_empty() {
        return Ok(rows);
    }
    let mut keys = Vec::new();
    for (name, descending) in &select.order_by {
        keys.push((filter::column(columns, name)?, *descending));
    }
    let order = move |a: &Vec<Value>, b: &Vec<Value>| {
        keys.iter().fold(Ordering::Equal, |order, &(i, descending)| {
            order.then_with(|| {
                // Nulls come last whichever way the order runs.
                match (a[i].is_null(), b[i].is_null()) {
                    (true, true) => Ordering::Equal,
                    (true, false) => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    _ => {
                        let order = filter::compare(&a[i], &b[i]).unwrap_or(Ordering::Equal);
                        if descending { order.reverse() } else { order }
                    }
                }
            })
        })
    };
    let wanted = select.limit.map(|limit| limit.saturating_add(select.offset));
    let all = collect(rows, wanted, order, context)?;
    Ok(Box::new(all.into_iter().map(Ok)))
}

fn project(select: &Select, columns: &[Column], rows: RowIter) -> Result<(Vec<Column>, RowIter)> {
    if select.columns.is_empty() {
        return Ok((columns.to_vec(), rows));
    }
    let mut picked = Vec::new();
    let mut out = Vec::new();
    for output in &select.columns {
        if let Output::Column { name, alias } = output {
            let i = filter::column(columns, name)?;
            picked.push(i);
            out.push(Column::new(alias.clone().unwrap_or(columns[i].name.clone()), columns[i].kind));
        }
    }
    let rows = rows.map(move |row| row.map(|row| picked.iter().map(|&i| row[i].clone()).collect()));
    Ok((out, Box::new(rows)))
}

/// Groups and counts. Columns of the result other than counts must be grouped by.
fn group(
    select: &Select,
    columns: &[Column],
    rows: RowIter,
    context: &Context,
) -> Result<(Vec<Column>, RowIter)> {
    let mut keys = Vec::new();
    for name in &select.group_by {
        keys.push(filter::column(columns, name)?);
    }
    let mut out = Vec::new();
    let mut parts: Vec<Option<usize>> = Vec::new();
    if select.columns.is_empty() {
        return Err(Error::new(Code::Conflict, "SELECT * cannot be grouped")
            .help("name the grouped columns and COUNT(*)"));
    }
    for output in &select.columns {
        match output {
            Output::Count { alias } => {
                parts.push(None);
                out.push(Column::new(alias.clone().unwrap_or("count".to_string()), ColumnKind::Int));
            }
            Output::Column { name, alias } => {
                let i = filter::column(columns, name)?;
                let Some(key) = keys.iter().position(|&key| key == i) else {
                    return Err(Error::new(
                        Code::Conflict,
                        format!("column `{name}` is neither counted nor grouped by"),
                    )
                    .help(format!("add GROUP BY {name}, or leave the column out")));
                };
                parts.push(Some(key));
                out.push(Column::new(alias.clone().unwrap_or(columns[i].name.clone()), columns[i].kind));
            }
        }
    }
    // Keyed by the printed values: exact for texts and whole numbers, shortest form for the rest.
    let mut groups: BTreeMap<Vec<String>, (Vec<Value>, i64)> = BTreeMap::new();
    for (i, row) in rows.enumerate() {
        if i % 4096 == 0 {
            context.task.check()?;
        }
        let row = row?;
        let values: Vec<Value> = keys.iter().map(|&key| row[key].clone()).collect();
        let key = values.iter().map(|value| format!("{}{value}", value.type_name())).collect();
        groups.entry(key).or_insert((values, 0)).1 += 1;
        if groups.len() > MEMORY_ROWS {
            return Err(too_many());
        }
    }
    if keys.is_empty() && groups.is_empty() {
        groups.insert(Vec::new(), (Vec::new(), 0));
    }
    let rows = groups.into_values().map(move |(values, count)| {
        Ok(parts.iter().map(|part| part.map_or(Value::Int(count), |key| values[key].clone())).collect())
    });
    Ok((out, Box::new(rows)))
}

/// The rows in order; with a limit, no more than a small multiple of it is ever held.
fn collect(
    rows: RowIter,
    wanted: Option<usize>,
    order: impl Fn(&Vec<Value>, &Vec<Value>) -> Ordering,
    context: &Context,
) -> Result<Vec<Vec<Value>>> {
    let mut all = Vec::new();
    let cut = wanted.map(|wanted| wanted.saturating_mul(2).max(4096));
    for (i, row) in rows.enumerate() {
        if i % 4096 == 0 {
            context.task.check()?;
        }
        all.push(row?);
        if let (Some(wanted), Some(cut)) = (wanted, cut)
            && all.len() > cut
        {
            // Stable, so that rows alike stay in the order they came in.
            all.sort_by(&order);
            all.truncate(wanted);
        }
        if all.len() > MEMORY_ROWS {
            return Err(too_many());
        }
    }
    all.sort_by(&order);
    Ok(all)
}

fn too_many() -> Error {
    Error::new(Code::Limit, format!("more than {MEMORY_ROWS} rows to order or group"))
        .help("narrow them with WHERE first, or leave out ORDER BY")
}
