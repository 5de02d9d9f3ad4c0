//! Statements that make models, and what describes them.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::map;
use nom::multi::separated_list1;
use nom::sequence::preceded;

use super::Parsed;
use super::statements::{joined, options, result, verb};
use super::terminals::{choice, described, keyword, name, sign, text};
use crate::ql::NameKind;
use crate::ql::ast::{Lesson, StatementKind};
use crate::ql::catalog::{self, ARCHITECTURES};
use crate::ql::input::Tokens;

/// `Tune ::= 'TUNE' Name Option* Result?`
pub(super) fn tune(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::TUNE;
    let (input, (_, seeds, options, (name, more))) =
        (verb("TUNE", form), name(NameKind::Seeds), options(form), result(form)).parse(input)?;
    Ok((input, StatementKind::Tune { seeds, options: joined([options, more]), name }))
}

/// ```ebnf
/// Train ::= 'TRAIN' Architecture Option* 'ON' Name Option* 'USING' Lesson ( '+' Lesson )* Option*
///           Result?
/// ```
pub(super) fn train(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::TRAIN;
    let (input, (_, model, first)) =
        (verb("TRAIN", form), choice(ARCHITECTURES), options(form)).parse(input)?;
    let (input, (_, pair, second)) = (keyword("ON"), name(NameKind::Pair), options(form)).parse(input)?;
    let (input, (_, lessons, third, (name, fourth))) =
        (keyword("USING"), separated_list1(sign("+"), lesson), options(form), result(form)).parse(input)?;
    let options = joined([first, second, third, fourth]);
    Ok((input, StatementKind::Train { model, pair, lessons, options, name }))
}

/// `Lesson ::= 'split' Text | Name`
fn lesson(input: Tokens<'_>) -> Parsed<'_, Lesson> {
    let split = preceded(described("split", "reference links of a split, or a share of all"), text);
    alt((map(split, Lesson::Split), map(name(NameKind::Seeds), Lesson::Seeds))).parse(input)
}

/// `Describe ::= 'DESCRIBE' ( 'MODEL' Architecture | Name )`
pub(super) fn describe(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let model = preceded(described("MODEL", "an aligner that TRAIN knows"), choice(ARCHITECTURES));
    let what =
        alt((map(model, StatementKind::DescribeModel), map(name(NameKind::Any), StatementKind::Describe)));
    preceded(verb("DESCRIBE", &catalog::DESCRIBE), what).parse(input)
}
