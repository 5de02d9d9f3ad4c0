//! Statements that change graphs row by row, judge pairs, and bring results up to date.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt};
use nom::sequence::{delimited, preceded};

use super::Parsed;
use super::statements::{into_pair, joined, options, result, verb};
use super::terminals::{choice, count, described, entity, keyword, listed, name, operand, path, sign};
use crate::ql::NameKind;
use crate::ql::ast::{Node, StatementKind, Value};
use crate::ql::catalog::{self, REVIEW_ORDERS, SIDES};
use crate::ql::edits::{Couple, EditStatement, GraphName, Row};
use crate::ql::input::Tokens;

/// ```ebnf
/// Edit ::= ImportInto | ImportVerdicts | ExportVerdicts | UpdateFeatures | Insert | Delete
///        | ApplyDiff | Judge | Undo | Refresh | Diff | Review
/// ```
pub(super) fn edit(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let data = alt((import_into, import_verdicts, export_verdicts, update_features));
    let rows = alt((insert, delete, apply_diff, judge, undo, refresh, diff, review));
    map(alt((data, rows)), StatementKind::Edit).parse(input)
}

/// `ImportInto ::= 'IMPORT' 'rdf' Path Option* 'INTO' Graph Option*`
fn import_into(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let form = &catalog::IMPORT_INTO;
    let (input, (_, _, path, first)) =
        (keyword("IMPORT"), described("rdf", form.doc), path, options(form)).parse(input)?;
    let (input, (_, graph, second)) = (keyword("INTO"), graph, options(form)).parse(input)?;
    Ok((input, EditStatement::ImportInto { path, options: joined([first, second]), graph }))
}

/// `ImportVerdicts ::= 'IMPORT' 'VERDICTS' Path Option* 'INTO' Name Option*`
fn import_verdicts(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let form = &catalog::IMPORT_VERDICTS;
    let (input, (_, _, path, first)) =
        (keyword("IMPORT"), verb("VERDICTS", form), path, options(form)).parse(input)?;
    let (input, (pair, second)) = (into_pair, options(form)).parse(input)?;
    Ok((input, EditStatement::ImportVerdicts { path, options: joined([first, second]), pair }))
}

/// `ExportVerdicts ::= 'EXPORT' 'VERDICTS' 'FROM' Name Option* 'TO' Path Option*`
fn export_verdicts(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let form = &catalog::EXPORT_VERDICTS;
    let (input, (_, _, _, pair, first)) = (
        keyword("EXPORT"),
        described("VERDICTS", form.doc),
        keyword("FROM"),
        name(NameKind::Pair),
        options(form),
    )
        .parse(input)?;
    input.form(form);
    let (input, (_, path, second)) = (keyword("TO"), path, options(form)).parse(input)?;
    Ok((input, EditStatement::ExportVerdicts { pair, path, options: joined([first, second]) }))
}

/// ```ebnf
/// UpdateFeatures ::= 'UPDATE' 'FEATURES' Name Option* 'FROM' Path ( ',' Path )* Option*
///                    'INTO' Name Option*
/// ```
fn update_features(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let form = &catalog::UPDATE_FEATURES;
    let (input, (_, _, modality, first)) =
        (verb("UPDATE", form), keyword("FEATURES"), name(NameKind::Modality), options(form)).parse(input)?;
    let (input, (_, paths, second, pair, third)) =
        (keyword("FROM"), listed(path), options(form), into_pair, options(form)).parse(input)?;
    let options = joined([first, second, third]);
    Ok((input, EditStatement::UpdateFeatures { modality, paths, options, pair }))
}

/// `Insert ::= 'INSERT' ( RowEntity | RowTriple | NewAttribute ) Option* 'INTO' Graph Option*`
fn insert(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let form = &catalog::INSERT;
    let (input, (_, row, first)) =
        (verb("INSERT", form), alt((row_entity, row_triple, inserted_attribute)), options(form))
            .parse(input)?;
    let (input, (_, graph, second)) = (keyword("INTO"), graph, options(form)).parse(input)?;
    Ok((input, EditStatement::Insert { row, options: joined([first, second]), graph }))
}

/// `Delete ::= 'DELETE' ( RowEntity | RowTriple | OldAttribute ) 'FROM' Graph`
fn delete(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let row = alt((row_entity, row_triple, deleted_attribute));
    let (input, (_, row, _, graph)) =
        (verb("DELETE", &catalog::DELETE), row, keyword("FROM"), graph).parse(input)?;
    Ok((input, EditStatement::Delete { row, graph }))
}

/// `RowEntity ::= 'ENTITY' Entity`
fn row_entity(input: Tokens<'_>) -> Parsed<'_, Row> {
    map(preceded(described("ENTITY", "an entity with all that is said of it"), entity), Row::Entity)
        .parse(input)
}

/// `RowTriple ::= 'TRIPLE' '(' Entity ',' Entity ',' Entity ')'`
fn row_triple(input: Tokens<'_>) -> Parsed<'_, Row> {
    let (input, _) = described("TRIPLE", "head, relation and tail").parse(input)?;
    let ends = (entity, sign(","), entity, sign(","), entity);
    map(delimited(sign("("), ends, sign(")")), |(head, _, relation, _, tail)| {
        Row::Triple([head, relation, tail])
    })
    .parse(input)
}

/// `NewAttribute ::= 'ATTRIBUTE' '(' Entity ',' Entity ',' Operand ')'`
fn inserted_attribute(input: Tokens<'_>) -> Parsed<'_, Row> {
    let (input, _) = described("ATTRIBUTE", "entity, attribute and value").parse(input)?;
    let parts = (entity, sign(","), entity, sign(","), operand);
    map(delimited(sign("("), parts, sign(")")), |(entity, _, attribute, _, value)| {
        Row::Attribute(entity, attribute, Some(value))
    })
    .parse(input)
}

/// `OldAttribute ::= 'ATTRIBUTE' '(' Entity ',' Entity ( ',' Operand )? ')'`
fn deleted_attribute(input: Tokens<'_>) -> Parsed<'_, Row> {
    let (input, _) = described("ATTRIBUTE", "entity and attribute, or one value of it").parse(input)?;
    let parts = (entity, sign(","), entity, opt(preceded(sign(","), operand)));
    map(delimited(sign("("), parts, sign(")")), |(entity, _, attribute, value)| {
        Row::Attribute(entity, attribute, value)
    })
    .parse(input)
}

/// `Graph ::= Name '.' Side`
fn graph(input: Tokens<'_>) -> Parsed<'_, GraphName> {
    map((name(NameKind::Pair), sign("."), choice(SIDES)), |(pair, _, side)| GraphName { pair, side })
        .parse(input)
}

/// `ApplyDiff ::= 'APPLY' 'DIFF' Path Option* 'TO' Graph Option*`
fn apply_diff(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let form = &catalog::APPLY_DIFF;
    let (input, (_, _, path, first)) =
        (verb("APPLY", form), keyword("DIFF"), path, options(form)).parse(input)?;
    let (input, (_, graph, second)) = (keyword("TO"), graph, options(form)).parse(input)?;
    Ok((input, EditStatement::ApplyDiff { path, options: joined([first, second]), graph }))
}

/// `Judge ::= ( 'ACCEPT' | 'REJECT' ) Couple ( ',' Couple )* Option* 'IN' Name Option*`
fn judge(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let accept = map(verb("ACCEPT", &catalog::ACCEPT), |_| (true, &catalog::ACCEPT));
    let reject = map(verb("REJECT", &catalog::REJECT), |_| (false, &catalog::REJECT));
    let (input, (accept, form)) = alt((accept, reject)).parse(input)?;
    let (input, (couples, first)) = (listed(couple), options(form)).parse(input)?;
    let (input, (_, pair, second)) = (keyword("IN"), name(NameKind::Pair), options(form)).parse(input)?;
    Ok((input, EditStatement::Judge { accept, couples, options: joined([first, second]), pair }))
}

/// `Couple ::= '(' Entity ',' Entity ')'`
fn couple(input: Tokens<'_>) -> Parsed<'_, Couple> {
    let ends = (entity, sign(","), entity);
    map(delimited(sign("("), ends, sign(")")), |(left, _, right): (Node<Value>, _, Node<Value>)| {
        (left, right)
    })
    .parse(input)
}

/// `Undo ::= 'UNDO' ( Couple ( ',' Couple )* )? 'IN' Name`
fn undo(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let (input, (_, couples, _, pair)) =
        (verb("UNDO", &catalog::UNDO), opt(listed(couple)), keyword("IN"), name(NameKind::Pair))
            .parse(input)?;
    Ok((input, EditStatement::Undo { couples: couples.unwrap_or_default(), pair }))
}

/// `Refresh ::= 'REFRESH' Name Option* Result?`
fn refresh(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let form = &catalog::REFRESH;
    let (input, (_, name, first, (result, second))) =
        (verb("REFRESH", form), name(NameKind::Any), options(form), result(form)).parse(input)?;
    Ok((input, EditStatement::Refresh { name, options: joined([first, second]), result }))
}

/// `Diff ::= 'DIFF' Name ',' Name`
fn diff(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let (input, (_, first, _, second)) =
        (verb("DIFF", &catalog::DIFF), name(NameKind::Scored), sign(","), name(NameKind::Scored))
            .parse(input)?;
    Ok((input, EditStatement::Diff(first, second)))
}

/// `Review ::= 'REVIEW' Name ( 'ORDER' 'BY' ReviewOrder )? ( 'LIMIT' Count )?`
fn review(input: Tokens<'_>) -> Parsed<'_, EditStatement> {
    let (input, (_, name)) = (verb("REVIEW", &catalog::REVIEW), name(NameKind::Scored)).parse(input)?;
    let (input, order) =
        opt(preceded((keyword("ORDER"), keyword("BY")), choice(REVIEW_ORDERS))).parse(input)?;
    let (input, limit) = opt(preceded(keyword("LIMIT"), count)).parse(input)?;
    Ok((input, EditStatement::Review { name, order, limit }))
}
