//! `SELECT` and its conditions.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt, value};
use nom::multi::many0;
use nom::sequence::{delimited, preceded};

use super::Parsed;
use super::terminals::{choice, count, described, keyword, listed, name, operand, sign, text};
use crate::ops::spec::Compare;
use crate::ql::NameKind;
use crate::ql::ast::{Condition, Name, Node, Output, RowSource, Select, StatementKind};
use crate::ql::catalog::{self, SIDES, TABLES};
use crate::ql::input::Tokens;

/// ```ebnf
/// Select ::= 'SELECT' ( '*' | Output ( ',' Output )* ) 'FROM' Source
///            ( 'WHERE' Condition )?
///            ( 'GROUP' 'BY' Name ( ',' Name )* )?
///            ( 'ORDER' 'BY' Order ( ',' Order )* )?
///            ( 'LIMIT' Count )? ( 'OFFSET' Count )?
/// ```
pub(super) fn select(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let (input, _) = described("SELECT", catalog::SELECT.doc).parse(input)?;
    input.form(&catalog::SELECT);
    let columns = alt((map(sign("*"), |_| Vec::new()), listed(output)));
    let (input, (columns, _, source)) = (columns, keyword("FROM"), source).parse(input)?;
    let (input, filter) = opt(preceded(keyword("WHERE"), spanned_condition)).parse(input)?;
    let (input, group_by) = opt(preceded((keyword("GROUP"), keyword("BY")), listed(column))).parse(input)?;
    let (input, order_by) = opt(preceded((keyword("ORDER"), keyword("BY")), listed(order))).parse(input)?;
    let (input, limit) = opt(preceded(keyword("LIMIT"), count)).parse(input)?;
    let (input, offset) = opt(preceded(keyword("OFFSET"), count)).parse(input)?;
    let (group_by, order_by) = (group_by.unwrap_or_default(), order_by.unwrap_or_default());
    let select = Select { columns, source, filter, group_by, order_by, limit, offset };
    Ok((input, StatementKind::Select(select)))
}

/// `Output ::= ( 'COUNT' '(' '*' ')' | Name ) ( 'AS' Name )?`
fn output(input: Tokens<'_>) -> Parsed<'_, Output> {
    let count = (described("COUNT", "number of rows"), sign("("), sign("*"), sign(")"));
    let column = alt((value(None, count), map(column, Some)));
    map((column, opt(preceded(keyword("AS"), name(NameKind::New)))), |(column, alias)| Output {
        column,
        alias,
    })
    .parse(input)
}

/// `Source ::= Name ( '.' ( Side '.' )? Table )?`
fn source(input: Tokens<'_>) -> Parsed<'_, RowSource> {
    let side = opt((choice(SIDES), sign(".")).map(|(side, _)| side));
    let table = preceded(sign("."), (side, choice(TABLES)));
    map((name(NameKind::Any), opt(table)), |(name, part)| match part {
        Some((side, table)) => RowSource { name, side, table: Some(table) },
        None => RowSource { name, side: None, table: None },
    })
    .parse(input)
}

/// `Order ::= Name ( 'ASC' | 'DESC' )?`
fn order(input: Tokens<'_>) -> Parsed<'_, (Name, bool)> {
    let ascending = value(false, described("ASC", "smallest first"));
    let descending = value(true, described("DESC", "largest first"));
    let (input, (name, descending)) = (column, opt(alt((ascending, descending)))).parse(input)?;
    Ok((input, (name, descending.unwrap_or(false))))
}

fn column(input: Tokens<'_>) -> Parsed<'_, Name> {
    name(NameKind::Column).parse(input)
}

fn spanned_condition(input: Tokens<'_>) -> Parsed<'_, Node<Condition>> {
    super::statements::spanned(condition).parse(input)
}

/// `Condition ::= Conjunction ( 'OR' Conjunction )*`
fn condition(input: Tokens<'_>) -> Parsed<'_, Condition> {
    let more = many0(preceded(keyword("OR"), conjunction));
    map((conjunction, more), |(first, more)| joined(first, more, Condition::Or)).parse(input)
}

/// `Conjunction ::= Negation ( 'AND' Negation )*`
fn conjunction(input: Tokens<'_>) -> Parsed<'_, Condition> {
    let more = many0(preceded(keyword("AND"), negation));
    map((negation, more), |(first, more)| joined(first, more, Condition::And)).parse(input)
}

fn joined(first: Condition, more: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if more.is_empty() {
        return first;
    }
    let mut all = vec![first];
    all.extend(more);
    join(all)
}

/// `Negation ::= 'NOT' Negation | '(' Condition ')' | Test`
fn negation(input: Tokens<'_>) -> Parsed<'_, Condition> {
    alt((
        map(preceded(keyword("NOT"), negation), |inner| Condition::Not(Box::new(inner))),
        delimited(sign("("), condition, sign(")")),
        test,
    ))
    .parse(input)
}

/// ```ebnf
/// Test ::= Name ( Comparison Operand
///               | 'NOT'? 'LIKE' Text
///               | 'NOT'? 'IN' '(' Operand ( ',' Operand )* ')'
///               | 'IS' 'NOT'? 'NULL' )
/// ```
fn test(input: Tokens<'_>) -> Parsed<'_, Condition> {
    let (input, column) = column(input)?;
    let not = || map(opt(keyword("NOT")), |not| not.is_some());
    let like = (not(), described("LIKE", "matches a pattern with % and _"), text);
    let list = delimited(sign("("), listed(operand), sign(")"));
    let within = (not(), described("IN", "is one of some values"), list);
    let null = (described("IS", "IS NULL: has no value"), not(), keyword("NULL"));
    let (input, make) = alt((
        map((comparison, operand), |(op, value)| Test::Compare(op, value)),
        map(like, |(not, _, pattern)| Test::Like(pattern, not)),
        map(within, |(not, _, values)| Test::In(values, not)),
        map(null, |(_, not, _)| Test::IsNull(not)),
    ))
    .parse(input)?;
    let condition = match make {
        Test::Compare(op, value) => Condition::Compare(column, op, value),
        Test::Like(pattern, not) => Condition::Like(column, pattern, not),
        Test::In(values, not) => Condition::In(column, values, not),
        Test::IsNull(not) => Condition::IsNull(column, not),
    };
    Ok((input, condition))
}

/// A test that still wants its column.
enum Test {
    Compare(Compare, Node<crate::ql::ast::Value>),
    Like(Node<crate::ql::ast::Value>, bool),
    In(Vec<Node<crate::ql::ast::Value>>, bool),
    IsNull(bool),
}

/// `Comparison ::= '=' | '!=' | '<>' | '<' | '<=' | '>' | '>='`
fn comparison(input: Tokens<'_>) -> Parsed<'_, Compare> {
    alt((
        value(Compare::Eq, sign("=")),
        value(Compare::Ne, alt((sign("!="), sign("<>")))),
        value(Compare::Lt, sign("<")),
        value(Compare::Le, sign("<=")),
        value(Compare::Gt, sign(">")),
        value(Compare::Ge, sign(">=")),
    ))
    .parse(input)
}
