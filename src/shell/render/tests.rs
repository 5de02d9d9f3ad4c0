//! Every mode over the same awkward results: Chinese names, nulls, long values, no rows.

use insta::assert_snapshot;
use seedbed::ops::ColumnKind;
use seedbed::{Code, Error};

use super::*;

fn awkward() -> Outcome {
    let columns = vec![
        Column::new("left", ColumnKind::Text),
        Column::new("right", ColumnKind::Text),
        Column::new("score", ColumnKind::Float),
        Column::new("rank", ColumnKind::Int),
        Column::new("mutual", ColumnKind::Bool),
    ];
    let rows = vec![
        vec!["金大中".into(), "Kim Dae-jung".into(), 0.987654321.into(), 1i64.into(), true.into()],
        vec![
            "http://zh.dbpedia.org/resource/朝鲜民主主义人民共和国最高人民会议".into(),
            "say \"hi\", | and\n\x1b[31mleave\tnow".into(),
            (1.0 / 3.0).into(),
            Value::Null,
            false.into(),
        ],
        vec!["".into(), Value::Null, 1e-9.into(), 15000i64.into(), Value::Null],
    ];
    let mut outcome = Outcome::rows("match", Rows::ready(columns, rows)).note("2 entities have no name");
    outcome.message = "matched 3 of 金大中's neighbours".to_string();
    outcome.seconds = 125.2;
    outcome
}

fn empty() -> Outcome {
    let columns = vec![Column::new("left", ColumnKind::Text), Column::new("hits@1", ColumnKind::Float)];
    Outcome::rows("select", Rows::ready(columns, Vec::new()))
}

fn many(count: i64) -> Outcome {
    let rows = (0..count).map(|i| Ok(vec![i.into(), format!("row {i}").into()]));
    let columns = vec![Column::new("n", ColumnKind::Int), Column::new("text", ColumnKind::Text)];
    Outcome::rows("select", Rows::new(columns, rows))
}

fn shown(mode: Mode, outcome: Outcome, look: &Look) -> String {
    let mut out = Vec::new();
    render(mode, outcome, look, &CancelToken::new(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(mode: Mode, outcome: Outcome) -> String {
    shown(mode, outcome, &Look::default())
}

#[test]
fn a_box_aligns_chinese_and_shows_what_is_missing() {
    assert_snapshot!(plain(Mode::Box, awkward()));
}

#[test]
fn a_box_fits_the_terminal() {
    let look = Look { width: Some(72), timer: true, ..Look::default() };
    let text = shown(Mode::Box, awkward(), &look);
    for line in text.lines().filter(|line| line.starts_with(['│', '┌', '├', '└'])) {
        assert_eq!(text::width(line), 72, "{line}");
    }
    assert_snapshot!(text);
}

#[test]
fn a_box_too_wide_for_the_terminal_is_turned_on_its_side() {
    let look = Look { width: Some(48), ..Look::default() };
    let text = shown(Mode::Box, awkward(), &look);
    assert!(text.lines().all(|line| text::width(line) <= 48));
    assert_snapshot!(text);
}

#[test]
fn a_box_that_fits_no_way_becomes_lines() {
    let look = Look { width: Some(30), ..Look::default() };
    assert_snapshot!(shown(Mode::Box, awkward(), &look));
}

#[test]
fn a_box_in_colour_has_the_same_text() {
    let look = Look { color: true, ..Look::default() };
    let colored = shown(Mode::Box, awkward(), &look);
    assert!(colored.contains("\x1b[1m"));
    let mut text = String::new();
    for (i, piece) in colored.split('\x1b').enumerate() {
        text.push_str(if i == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    assert_eq!(text, plain(Mode::Box, awkward()));
}

#[test]
fn a_box_says_how_many_rows_it_leaves_out() {
    let look = Look { max_rows: Some(3), ..Look::default() };
    assert_snapshot!(shown(Mode::Box, many(5000), &look));
    assert!(plain(Mode::Box, many(5000)).ends_with("5000 rows\n"));
    assert!(plain(Mode::Box, many(1)).ends_with("1 row\n"));
}

#[test]
fn lines_name_every_value() {
    assert_snapshot!(plain(Mode::Line, awkward()));
}

#[test]
fn csv_keeps_full_precision_and_tells_null_from_empty() {
    assert_snapshot!(plain(Mode::Csv, awkward()));
}

#[test]
fn csv_reads_back() {
    let text = plain(Mode::Csv, awkward());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(&records[1][1], "say \"hi\", | and\n\x1b[31mleave\tnow");
    assert_eq!(records[1][2].parse::<f64>().unwrap(), 1.0 / 3.0);
}

#[test]
fn tsv_quotes_what_holds_a_tab() {
    assert_snapshot!(plain(Mode::Tsv, awkward()));
}

#[test]
fn json_is_one_document_with_everything() {
    let text = plain(Mode::Json, awkward());
    assert_eq!(text.lines().count(), 1);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["rows"][1]["score"].as_f64(), Some(1.0 / 3.0));
    assert_snapshot!(text);
}

#[test]
fn json_of_a_message_has_no_rows() {
    assert_snapshot!(plain(Mode::Json, Outcome::message("drop", "dropped `a1`")), @r#"{"statement":"drop","message":"dropped `a1`","rows":null,"notes":[],"seconds":0.0}"#);
}

#[test]
fn json_that_fails_half_way_is_still_a_document() {
    let rows = [Ok(vec![Value::Int(1)]), Err(Error::new(Code::Corrupt, "a block has the wrong checksum"))];
    let outcome =
        Outcome::rows("select", Rows::new(vec![Column::new("n", ColumnKind::Int)], rows.into_iter()));
    let mut out = Vec::new();
    let halt = render(Mode::Json, outcome, &Look::default(), &CancelToken::new(), &mut out).unwrap_err();
    assert!(matches!(halt, Halt::Failed(error) if error.code() == Code::Corrupt));
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["error"]["code"], "corrupt");
    assert_eq!(document["rows"][0]["n"], 1);
}

#[test]
fn json_lines_are_rows_alone() {
    assert_snapshot!(plain(Mode::Jsonl, awkward()));
}

#[test]
fn markdown_escapes_its_own_signs() {
    assert_snapshot!(plain(Mode::Markdown, awkward()));
}

#[test]
fn no_rows_still_name_the_columns() {
    let all: Vec<_> = Mode::value_variants()
        .iter()
        .map(|&mode| format!("{}:\n{}", mode.name(), plain(mode, empty())))
        .collect();
    assert_snapshot!(all.join("\n"));
}

#[test]
fn messages_stand_alone_where_there_are_no_rows() {
    let outcome = || {
        let mut outcome = Outcome::message("import", "imported zh_en").note("3 links name no entity");
        outcome.seconds = 0.0871;
        outcome
    };
    let look = Look { timer: true, ..Look::default() };
    assert_eq!(shown(Mode::Box, outcome(), &look), "imported zh_en (87 ms)\nnote: 3 links name no entity\n");
    assert_eq!(shown(Mode::Csv, outcome(), &look), "");
    let quiet = Look { quiet: true, ..look };
    assert_eq!(shown(Mode::Box, outcome(), &quiet), "");
}

#[test]
fn a_cancelled_statement_stops_printing() {
    let token = CancelToken::new();
    token.cancel();
    let halt = render(Mode::Csv, many(10), &Look::default(), &token, &mut Vec::new()).unwrap_err();
    assert!(matches!(halt, Halt::Failed(error) if error.code() == Code::Cancelled));
}

#[test]
fn times_read_as_a_person_says_them() {
    let all = [0.0, 0.0871, 0.9996, 1.25, 12.34, 59.99, 125.0, 4000.0].map(duration);
    assert_eq!(all, ["0 ms", "87 ms", "1.00 s", "1.25 s", "12.3 s", "60.0 s", "2 min 5 s", "1 h 6 min"]);
}
