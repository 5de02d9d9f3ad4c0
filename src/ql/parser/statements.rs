//! Statements and their options.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt, value};
use nom::multi::many0;
use nom::sequence::{delimited, preceded};

use super::Parsed;
use super::conditions::select;
use super::edits::edit;
use super::models::{bench, describe, train, tune};
use super::terminals::{
    choice, count, described, entity, fail, is_keyword, keyword, listed, name, name_of, next, path, sign,
    value as any_value, weight_value,
};
use crate::error::Span;
use crate::ql::NameKind;
use crate::ql::ast::{
    EmbedFrom, Name, Node, OptionItem, OptionValue, Statement, StatementKind, Using, Weight,
};
use crate::ql::catalog::{
    self, ASPECTS, ENCODERS, Form, GROUPINGS, Kind, LINK_FORMATS, PAIR_FORMATS, SHOW_ALL, SHOW_FROM, SIDES,
};
use crate::ql::input::{Expected, Failed, Role, Tokens};
use crate::ql::lexer::TokenKind;

/// `Statement ::= Explain | Plain`
pub(super) fn statement(input: Tokens<'_>) -> Parsed<'_, Statement> {
    alt((explain, plain)).parse(input)
}

/// `Explain ::= 'EXPLAIN' ( ExplainSeeds | ExplainModalities | ExplainRun | ExplainPair | Plain )`
fn explain(input: Tokens<'_>) -> Parsed<'_, Statement> {
    let (rest, start) = described("EXPLAIN", catalog::EXPLAIN.doc).parse(input)?;
    rest.form(&catalog::EXPLAIN);
    let wrapped = map(plain, |inner| StatementKind::Explain(Box::new(inner)));
    let own = (explain_seeds, explain_modalities, explain_run, explain_pair, wrapped);
    let (rest, node) = spanned(alt(own)).parse(rest)?;
    Ok((rest, Statement { kind: Box::new(node.value), span: start.to(node.span) }))
}

/// `ExplainSeeds ::= 'SEEDS' Name Option* ( 'BY' Grouping Option* )? ( 'TO' Path Option* )?`
fn explain_seeds(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::EXPLAIN_SEEDS;
    let (input, (_, seeds, first)) =
        (verb("SEEDS", form), name(NameKind::Seeds), options(form)).parse(input)?;
    let (input, by) = opt((keyword("BY"), choice(GROUPINGS), options(form))).parse(input)?;
    let (input, to) = opt((keyword("TO"), path, options(form))).parse(input)?;
    let (by, second) = by.map_or((None, Vec::new()), |(_, by, options)| (Some(by), options));
    let (path, third) = to.map_or((None, Vec::new()), |(_, path, options)| (Some(path), options));
    Ok((input, StatementKind::ExplainSeeds { seeds, by, path, options: joined([first, second, third]) }))
}

/// `ExplainModalities ::= 'MODALITIES' Name`
fn explain_modalities(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let start = verb("MODALITIES", &catalog::EXPLAIN_MODALITIES);
    map(preceded(start, name(NameKind::Pair)), StatementKind::ExplainModalities).parse(input)
}

/// `ExplainPair ::= 'MATCH' Entity ',' Entity 'IN' Name`
fn explain_pair(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let (input, (_, left, _, right)) = (keyword("MATCH"), entity, sign(","), entity).parse(input)?;
    input.form(&catalog::EXPLAIN_PAIR);
    let (input, (_, name)) = (keyword("IN"), name(NameKind::Any)).parse(input)?;
    Ok((input, StatementKind::ExplainPair { left, right, name }))
}

/// `ExplainRun ::= 'RUN' Name`
fn explain_run(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let start = verb("RUN", &catalog::EXPLAIN_RUN);
    map(preceded(start, name(NameKind::Model)), StatementKind::ExplainRun).parse(input)
}

/// ```ebnf
/// Plain ::= ImportLinks | ImportFeatures | Import | Embed | Generate | Seed | Tune | Correct
///         | Expand | Psqe | Train | Align | CreateIndex | Evaluate | Bench | Match | Select
///         | Export | Show | Describe | Drop | Set | Check | Backup | Dump | Load | Compact
///         | Edit
/// ```
fn plain(input: Tokens<'_>) -> Parsed<'_, Statement> {
    // What begins like IMPORT and EXPORT stands before them.
    let data = alt((edit, import_links, import_features, import, embed, generate));
    let seeds =
        alt((seed, tune, correct, expand, psqe, train, align, create_index, evaluate, bench, match_entity));
    let store = alt((show, describe, drop_name, set, check, backup, dump, load, compact));
    let (rest, node) = spanned(alt((data, seeds, select, export, store))).parse(input)?;
    Ok((rest, Statement { kind: Box::new(node.value), span: node.span }))
}

/// The span of all the tokens a rule takes, with what it makes.
pub(super) fn spanned<'a, O>(
    mut rule: impl Parser<Tokens<'a>, Output = O, Error = Failed>,
) -> impl Parser<Tokens<'a>, Output = Node<O>, Error = Failed> {
    move |input: Tokens<'a>| {
        let (rest, value) = rule.parse(input)?;
        let taken = &input.rest[..rest.at - input.at];
        let span = match (taken.first(), taken.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::default(),
        };
        Ok((rest, Node { value, span }))
    }
}

/// The verb of a form; from here on errors and completion are about that form.
pub(super) fn verb<'a>(
    text: &'static str,
    form: &'static Form,
) -> impl Parser<Tokens<'a>, Output = Span, Error = Failed> {
    move |input: Tokens<'a>| {
        let (rest, span) = described(text, form.doc).parse(input)?;
        rest.form(form);
        Ok((rest, span))
    }
}

/// `Import ::= 'IMPORT' PairFormat Path ( ',' Path )* Option* 'AS' Name Option*`
fn import(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::IMPORT;
    let (input, (_, format, paths)) =
        (verb("IMPORT", form), choice(PAIR_FORMATS), listed(path)).parse(input)?;
    let (input, (options, _, name, more)) =
        (options(form), keyword("AS"), name(NameKind::New), options(form)).parse(input)?;
    Ok((input, StatementKind::Import { format, paths, options: joined([options, more]), name }))
}

/// `ImportLinks ::= 'IMPORT' 'LINKS' LinkFormat? Path Option* 'INTO' Name Option*`
fn import_links(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::IMPORT_LINKS;
    let (input, _) = keyword("IMPORT").parse(input)?;
    let (input, (_, format, path)) = (verb("LINKS", form), opt(choice(LINK_FORMATS)), path).parse(input)?;
    let (input, (options, pair, more)) = (options(form), into_pair, options(form)).parse(input)?;
    Ok((input, StatementKind::ImportLinks { format, path, options: joined([options, more]), pair }))
}

/// ```ebnf
/// ImportFeatures ::= 'IMPORT' 'FEATURES' Name Option* 'FROM' Path ( ',' Path )* Option*
///                    'INTO' Name Option*
/// ```
fn import_features(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::IMPORT_FEATURES;
    let (input, _) = keyword("IMPORT").parse(input)?;
    let (input, (_, modality, first)) =
        (verb("FEATURES", form), name(NameKind::Modality), options(form)).parse(input)?;
    let (input, (_, paths, second, pair, third)) =
        (keyword("FROM"), listed(path), options(form), into_pair, options(form)).parse(input)?;
    let options = joined([first, second, third]);
    Ok((input, StatementKind::ImportFeatures { modality, paths, options, pair }))
}

/// ```ebnf
/// Embed ::= 'EMBED' Aspect Option* ( 'USING' Encoder Path? Option* )?
///           ( 'FROM' ( Name | Path ( ',' Path )* ) Option* )? 'INTO' Name Option*
///           ( 'AS' Name Option* )?
/// ```
fn embed(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::EMBED;
    let (input, (_, source, first)) = (verb("EMBED", form), choice(ASPECTS), options(form)).parse(input)?;
    let (input, using) = opt((keyword("USING"), choice(ENCODERS), opt(path), options(form))).parse(input)?;
    let (encoder, weights, second) = match using {
        Some((_, encoder, weights, options)) => (Some(encoder), weights, options),
        None => (None, None, Vec::new()),
    };
    let source_of = alt((listed(path).map(EmbedFrom::Pictures), name(NameKind::Seeds).map(EmbedFrom::Seeds)));
    let (input, from) = opt((keyword("FROM"), source_of, options(form))).parse(input)?;
    let (from, between) = match from {
        Some((_, from, options)) => (Some(from), options),
        None => (None, Vec::new()),
    };
    let (input, (pair, third)) = (into_pair, options(form)).parse(input)?;
    let (input, result) = opt((keyword("AS"), name(NameKind::Modality), options(form))).parse(input)?;
    let (modality, fourth) = match result {
        Some((_, modality, options)) => (Some(modality), options),
        None => (None, Vec::new()),
    };
    let options = joined([first, second, between, third, fourth]);
    Ok((input, StatementKind::Embed { source, encoder, weights, from, options, pair, modality }))
}

pub(super) fn into_pair(input: Tokens<'_>) -> Parsed<'_, Name> {
    preceded(keyword("INTO"), name(NameKind::Pair)).parse(input)
}

/// `Generate ::= 'GENERATE' 'PAIR' Name Option*`
fn generate(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::GENERATE;
    let (input, (_, _, name, options)) =
        (verb("GENERATE", form), keyword("PAIR"), name(NameKind::New), options(form)).parse(input)?;
    Ok((input, StatementKind::Generate { name, options }))
}

/// `Seed ::= 'SEED' Name Option* 'FROM' Name Option* Result?`
fn seed(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let (input, _) = verb("SEED", &catalog::SEED).parse(input)?;
    input.note(Expected::Word("cluster", catalog::SEED_CLUSTER.doc));
    input.note(Expected::Word("global", catalog::SEED_GLOBAL.doc));
    let (input, method) = name(NameKind::Modality).parse(input)?;
    let form = catalog::seed_form(&method.value);
    input.form(form);
    let from = if std::ptr::eq(form, &catalog::SEED_GLOBAL) { NameKind::Seeds } else { NameKind::Pair };
    let (input, (first, _, pair, second, (name, third))) =
        (options(form), keyword("FROM"), name(from), options(form), result(form)).parse(input)?;
    Ok((input, StatementKind::Seed { method, options: joined([first, second, third]), pair, name }))
}

/// `Correct ::= 'CORRECT' Name Option* Result?`
fn correct(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::CORRECT;
    let (input, (_, seeds, options, (name, more))) =
        (verb("CORRECT", form), name(NameKind::Seeds), options(form), result(form)).parse(input)?;
    Ok((input, StatementKind::Correct { seeds, options: joined([options, more]), name }))
}

/// `Expand ::= 'EXPAND' Name Option* ( 'USING' Name Option* )? Result?`
fn expand(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::EXPAND;
    let (input, (_, seeds, first)) =
        (verb("EXPAND", form), name(NameKind::Seeds), options(form)).parse(input)?;
    let (input, using) = opt((keyword("USING"), name(NameKind::Model), options(form))).parse(input)?;
    let (model, second) = using.map_or((None, Vec::new()), |(_, model, options)| (Some(model), options));
    let (input, (name, third)) = result(form).parse(input)?;
    Ok((input, StatementKind::Expand { seeds, model, options: joined([first, second, third]), name }))
}

/// `Psqe ::= 'PSQE' Option* 'FROM' Name Option* Result?`
fn psqe(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::PSQE;
    let (input, (_, first, _, pair, second, (name, third))) = (
        verb("PSQE", form),
        options(form),
        keyword("FROM"),
        name(NameKind::Pair),
        options(form),
        result(form),
    )
        .parse(input)?;
    Ok((input, StatementKind::Psqe { options: joined([first, second, third]), pair, name }))
}

/// `Align ::= 'ALIGN' Name Option* ( Using Option* )? Result?`
fn align(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::ALIGN;
    let (input, (_, pair, first)) =
        (verb("ALIGN", form), name(NameKind::Pair), options(form)).parse(input)?;
    let (input, ((using, second), (name, third))) = (using_and_options(form), result(form)).parse(input)?;
    Ok((input, StatementKind::Align { pair, using, options: joined([first, second, third]), name }))
}

/// `Result ::= 'AS' Name Option*` , or nothing.
pub(super) fn result<'a>(
    form: &'static Form,
) -> impl Parser<Tokens<'a>, Output = (Option<Name>, Vec<OptionItem>), Error = Failed> {
    map(opt((keyword("AS"), name(NameKind::New), options(form))), |result| match result {
        Some((_, name, options)) => (Some(name), options),
        None => (None, Vec::new()),
    })
}

/// `( Using Option* )?`
fn using_and_options<'a>(
    form: &'static Form,
) -> impl Parser<Tokens<'a>, Output = (Option<Node<Using>>, Vec<OptionItem>), Error = Failed> {
    map(opt((spanned(using), options(form))), |found| match found {
        Some((using, options)) => (Some(using), options),
        None => (None, Vec::new()),
    })
}

/// `Using ::= 'USING' ( 'features' WeightList? | Name )`
fn using(input: Tokens<'_>) -> Parsed<'_, Using> {
    let features = preceded(described("features", "all modalities, or those listed"), opt(weight_list));
    preceded(
        keyword("USING"),
        alt((map(features, Using::Features), map(name(NameKind::Model), Using::Model))),
    )
    .parse(input)
}

/// `CreateIndex ::= 'CREATE' 'INDEX' Name Option* 'ON' Name Option*`
fn create_index(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::CREATE_INDEX;
    let (input, _) = described("CREATE", form.doc).parse(input)?;
    let (input, (_, name, first)) = (verb("INDEX", form), name(NameKind::New), options(form)).parse(input)?;
    let (input, (_, on, second)) = (keyword("ON"), self::name(NameKind::Any), options(form)).parse(input)?;
    Ok((input, StatementKind::CreateIndex { name, on, options: joined([first, second]) }))
}

/// `Evaluate ::= 'EVALUATE' Name Option*`
fn evaluate(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::EVALUATE;
    let (input, (_, target, options)) =
        (verb("EVALUATE", form), name(NameKind::Scored), options(form)).parse(input)?;
    Ok((input, StatementKind::Evaluate { target, options }))
}

/// ```ebnf
/// Match ::= 'MATCH' Entity 'IN' Name ( '.' Side )? Option* ( Using Option* )?
///           ( 'LIMIT' Count Option* )?
/// ```
fn match_entity(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::MATCH;
    let (input, (_, entity, _, pair)) =
        (verb("MATCH", form), entity, keyword("IN"), name(NameKind::Pair)).parse(input)?;
    let (input, (side, first, (using, second))) =
        (opt(preceded(sign("."), choice(SIDES))), options(form), using_and_options(form)).parse(input)?;
    let (input, limit) = opt((keyword("LIMIT"), count, options(form))).parse(input)?;
    let (limit, third) = match limit {
        Some((_, limit, options)) => (Some(limit), options),
        None => (None, Vec::new()),
    };
    let options = joined([first, second, third]);
    Ok((input, StatementKind::Match { entity, pair, side, using, options, limit }))
}

/// `Export ::= 'EXPORT' Name Option* 'TO' Path Option*`
fn export(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::EXPORT;
    let (input, (_, target, first)) =
        (verb("EXPORT", form), name(NameKind::Scored), options(form)).parse(input)?;
    let (input, (_, path, second)) = (keyword("TO"), path, options(form)).parse(input)?;
    Ok((input, StatementKind::Export { target, path, options: joined([first, second]) }))
}

/// ```ebnf
/// Show ::= 'SHOW' ( 'PAIRS' | 'OPERATIONS' | 'SETTINGS' | 'FORMATS' | 'SIZE'
///                 | ( 'FEATURES' | 'SEEDS' | 'ALIGNMENTS' | 'MODELS' | 'RUNS' | 'INDEXES'
///                   | 'ARTIFACTS' | 'VERDICTS' | 'STALE' ) ( 'FROM' Name )?
///                 | 'LINEAGE' Name )
/// ```
fn show(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let lineage =
        preceded(described("LINEAGE", "what a result came from, step by step"), name(NameKind::Any));
    let start = verb("SHOW", &catalog::SHOW);
    if let Ok(found) = map(preceded(start, lineage), StatementKind::ShowLineage).parse(input) {
        return Ok(found);
    }
    let of_pair = opt(preceded(keyword("FROM"), name(NameKind::Pair)));
    let all = map(choice(SHOW_ALL), |what| (what, None));
    let (input, (_, (what, pair))) =
        (verb("SHOW", &catalog::SHOW), alt((all, (choice(SHOW_FROM), of_pair)))).parse(input)?;
    Ok((input, StatementKind::Show { what, pair }))
}

/// `Drop ::= 'DROP' Name`
fn drop_name(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    map(preceded(verb("DROP", &catalog::DROP), name(NameKind::Any)), StatementKind::Drop).parse(input)
}

/// `Set ::= 'SET' Name '=' Value`
fn set(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let form = &catalog::SET;
    let (input, _) = verb("SET", form).parse(input)?;
    let Some(name) = input.first().and_then(|token| name_of(input.source, token)) else {
        return fail(input, Expected::Option(form));
    };
    // Noted although it matches, so that a misspelt setting gets a suggestion and half a one completes.
    input.role(Role::Option);
    let (input, _) = sign("=").parse(next(input))?;
    let (input, value) = option_value(form, &name.value).parse(input)?;
    Ok((input, StatementKind::Set { name, value }))
}

/// `Check ::= 'CHECK' ( 'QUICK' | 'FULL' )?`
fn check(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let quick = value(false, described("QUICK", "read the catalogue only"));
    let full = value(true, described("FULL", "read every byte"));
    let (input, full) = preceded(verb("CHECK", &catalog::CHECK), opt(alt((quick, full)))).parse(input)?;
    Ok((input, StatementKind::Check { full: full.unwrap_or(false) }))
}

/// `Backup ::= 'BACKUP' 'TO' Path`
fn backup(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let start = (verb("BACKUP", &catalog::BACKUP), keyword("TO"));
    map(preceded(start, path), StatementKind::Backup).parse(input)
}

/// `Dump ::= 'DUMP' 'TO' Path`
fn dump(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let start = (verb("DUMP", &catalog::DUMP), keyword("TO"));
    map(preceded(start, path), StatementKind::Dump).parse(input)
}

/// `Load ::= 'LOAD' 'FROM' Path`
fn load(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    let start = (verb("LOAD", &catalog::LOAD), keyword("FROM"));
    map(preceded(start, path), StatementKind::Load).parse(input)
}

/// `Compact ::= 'COMPACT'`
fn compact(input: Tokens<'_>) -> Parsed<'_, StatementKind> {
    value(StatementKind::Compact, verb("COMPACT", &catalog::COMPACT)).parse(input)
}

/// `Option*`
pub(super) fn options<'a>(
    form: &'static Form,
) -> impl Parser<Tokens<'a>, Output = Vec<OptionItem>, Error = Failed> {
    many0(move |input| option(input, form))
}

/// `Option ::= 'weights' WeightList | Name '=' Value`
fn option<'a>(input: Tokens<'a>, form: &'static Form) -> Parsed<'a, OptionItem> {
    // Only a name with a `=` or a list behind it is an option; so a misspelt word of the language
    // is blamed itself, not the place after it.
    let sign_after = input.rest.get(1).map(|token| token.kind);
    let Some(key) = input.first().and_then(|token| name_of(input.source, token)) else {
        return fail(input, Expected::Option(form));
    };
    match sign_after {
        Some(TokenKind::Sign("(")) if input.first().is_some_and(|t| is_keyword(&input, t, "weights")) => {
            input.role(Role::Option);
            let (rest, list) = weight_list(next(input))?;
            Ok((rest, OptionItem { key, value: OptionValue::Weights(list) }))
        }
        Some(TokenKind::Sign("=")) => {
            input.role(Role::Option);
            let (rest, value) = option_value(form, &key.value).parse(next(next(input)))?;
            Ok((rest, OptionItem { key, value: OptionValue::One(value) }))
        }
        _ => fail(input, Expected::Option(form)),
    }
}

/// `Value`, of that option.
fn option_value<'a>(
    form: &'static Form,
    key: &str,
) -> impl Parser<Tokens<'a>, Output = Node<crate::ql::ast::Value>, Error = Failed> {
    any_value(match form.option(key) {
        Some(option) if matches!(option.kind, Kind::Path) => Expected::Path,
        Some(option) => Expected::OptionValue(option),
        None => Expected::Value("a value"),
    })
}

/// `WeightList ::= '(' Weight ( ',' Weight )* ')'`
fn weight_list(input: Tokens<'_>) -> Parsed<'_, Node<Vec<Weight>>> {
    spanned(delimited(sign("("), listed(weight), sign(")"))).parse(input)
}

/// `Weight ::= Name '=' ( NUMBER | PARAMETER )`
fn weight(input: Tokens<'_>) -> Parsed<'_, Weight> {
    map((name(NameKind::Modality), sign("="), weight_value), |(modality, _, value)| Weight {
        modality,
        value,
    })
    .parse(input)
}

pub(super) fn joined<const N: usize>(lists: [Vec<OptionItem>; N]) -> Vec<OptionItem> {
    lists.into_iter().flatten().collect()
}
