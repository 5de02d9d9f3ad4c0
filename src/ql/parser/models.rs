//! Statements that make models, and what describes them.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt, value};
use nom::multi::separated_list1;
use nom::sequence::preceded;

use super::Parsed;
use super::statements::{joined, options, result, verb};
use super::terminals::{choice, described, keyword, listed, name, path, sign, text};
use crate::ops::spec::Architecture;
use crate::ql::NameKind;
use crate::ql::ast::{Lesson, Name, Node, StatementKind};
use crate::ql::catalog::{self, ARCHITECTURES};
use crate::ql::input::Tokens;

/// `Tune ::= 'TUNE' Name Option* Result?`
pub(super) fn tune(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::TUNE;
    let (input, (_, seeds, options, (name, more))) =
        (verb("TUNE", form), name(NameKind::Seeds), options(form), result(form)).parse(input)?;
    Ok((input, StatementKind::Tune { seeds, options: joined([options, more]), name }))
}

/// `Train ::= 'TRAIN' Architecture Option* 'ON' Name Option* 'USING' Lessons Option* Result?`
pub(super) fn train(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::TRAIN;
    let (input, (_, model, first)) = (verb("TRAIN", form), architecture, options(form)).parse(input)?;
    let (input, (_, pair, second)) = (keyword("ON"), pair, options(form)).parse(input)?;
    let (input, (_, lessons, third, (name, fourth))) =
        (keyword("USING"), lessons, options(form), result(form)).parse(input)?;
    let options = joined([first, second, third, fourth]);
    Ok((input, StatementKind::Train { model, pair, lessons, options, name }))
}

/// ```ebnf
/// Bench ::= 'BENCH' 'PAIRS' Name ( ',' Name )* Option*
///           'MODELS' ( 'all' | Architecture ( ',' Architecture )* ) Option*
///           'SEEDS' Lessons ( ',' Lessons )* Option* ( 'TO' Path Option* )?
/// ```
pub(super) fn bench(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::BENCH;
    let all = value(None, described("all", "every aligner that TRAIN knows"));
    let (input, (_, _, pairs, first)) =
        (verb("BENCH", form), keyword("PAIRS"), listed(pair), options(form)).parse(input)?;
    let (input, (_, models, second)) =
        (keyword("MODELS"), alt((all, map(listed(architecture), Some))), options(form)).parse(input)?;
    let (input, (_, seeds, third)) = (keyword("SEEDS"), listed(lessons), options(form)).parse(input)?;
    let (input, to) = opt((keyword("TO"), path, options(form))).parse(input)?;
    let (path, fourth) = to.map_or((None, Vec::new()), |(_, path, options)| (Some(path), options));
    let options = joined([first, second, third, fourth]);
    Ok((input, StatementKind::Bench { pairs, models, seeds, options, path }))
}

fn pair(input: Tokens<'_>) -> Parsed<'_, Name> {
    name(NameKind::Pair).parse(input)
}

fn architecture(input: Tokens<'_>) -> Parsed<'_, Node<Architecture>> {
    choice(ARCHITECTURES).parse(input)
}

/// `Lessons ::= Lesson ( '+' Lesson )*`
fn lessons(input: Tokens<'_>) -> Parsed<'_, Vec<Lesson>> {
    separated_list1(sign("+"), lesson).parse(input)
}

/// `Lesson ::= 'split' Text | Name`
fn lesson(input: Tokens<'_>) -> Parsed<'_, Lesson> {
    let split = preceded(described("split", "reference links of a split, or a share of all"), text);
    alt((map(split, Lesson::Split), map(name(NameKind::Seeds), Lesson::Seeds))).parse(input)
}

/// `Describe ::= 'DESCRIBE' ( 'MODEL' Architecture | Name )`
pub(super) fn describe(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let model = preceded(described("MODEL", "an aligner that TRAIN knows"), architecture);
    let what =
        alt((map(model, StatementKind::DescribeModel), map(name(NameKind::Any), StatementKind::Describe)));
    preceded(verb("DESCRIBE", &catalog::DESCRIBE), what).parse(input)
}
