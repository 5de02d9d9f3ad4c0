//! What is a number, and which.

use proptest::prelude::*;

use super::*;

fn q(value: &str) -> Option<f64> {
    typed(value, "")
}

fn literal(value: &str, datatype: &str) -> Literal {
    Literal { value: value.into(), datatype: datatype.into(), ..Literal::default() }
}

fn typed(value: &str, datatype: &str) -> Option<f64> {
    quantity(&literal(value, datatype))
}

fn all_are(cases: &[(&str, f64)]) {
    for (text, expected) in cases {
        let got = q(text).unwrap_or(f64::NAN);
        assert!(
            (got - expected).abs() < 1e-9 * expected.abs().max(1.0),
            "{text}: {got}, expected {expected}"
        );
    }
}

#[test]
fn numbers_years_and_dates_lie_on_one_axis() {
    all_are(&[
        ("42", 42.0),
        (" -1.5e3 ", -1500.0),
        ("+7", 7.0),
        ("1,234,567.5", 1_234_567.5),
        ("3.0E7", 3e7),
        ("1948-01-01", 1948.0),
        ("1948-##-##", 1948.0),
        ("1948Z", 1948.0),
        ("1948-07", 1948.0 + 182.0 / 366.0),
        ("2001-12-31T12:00:00Z", 2001.0 + 364.5 / 365.0),
        ("2001-01-01T01:00:00+01:00", 2001.0),
        ("2001-01-02-05:00", 2001.0 + 1.0 / 365.0),
        ("-0044-03-15", -44.0 + 74.0 / 366.0),
        ("1948-07-05:00", 1948.0 + 182.0 / 366.0),
        ("1948+01:00", 1948.0),
        ("--02-29", 59.0 / 366.0),
        ("--03", 60.0 / 366.0),
        ("--03--", 60.0 / 366.0),
    ]);
}

#[test]
fn durations_are_seconds() {
    all_are(&[
        ("PT0S", 0.0),
        ("PT2H", 7200.0),
        ("-P1D", -86_400.0),
        ("PT1M30.5S", 90.5),
        ("P1M", 30.4375 * 86_400.0),
        ("P1Y", 365.25 * 86_400.0),
        ("P1Y2M3DT4H5M6S", (426.125 + 3.0) * 86_400.0 + 4.0 * 3600.0 + 306.0),
    ]);
    for text in
        ["P", "PT", "P1", "P1S", "P1DT", "PT1D", "P1D1Y", "P1.5D", "PT1.S", "PT.5S", "P-1D", "1D", "P1É"]
    {
        assert_eq!(q(text), None, "{text}");
    }
}

#[test]
fn units_are_told_in_si() {
    all_are(&[
        ("5 km", 5000.0),
        ("5 m", 5.0),
        ("70kg", 70.0),
        ("57 cm", 0.57),
        ("12 °C", 285.15),
        ("-40 °F", 233.15),
        ("3 ft", 0.9144),
        ("1,200 km²", 1.2e9),
        ("100 km/h", 250.0 / 9.0),
        ("2 square miles", 2.0 * 1609.344 * 1609.344),
        ("3 kilometers", 3000.0),
        ("50 %", 0.5),
        ("90 min", 5400.0),
        ("5 MW", 5e6),
    ]);
    let dbpedia = |value, name: &str| typed(value, &format!("http://dbpedia.org/datatype/{name}")).unwrap();
    assert_eq!(dbpedia("5.0", "kilometre"), 5000.0);
    assert_eq!(dbpedia("183.0", "centimetre"), 1.83);
    assert_eq!(dbpedia("2", "squareKilometre"), 2e6);
    assert_eq!(dbpedia("120.0", "minute"), q("PT2H").unwrap());
    assert_eq!(dbpedia("20", "degreeCelsius"), q("20 °C").unwrap());
    assert_eq!(dbpedia("1000", "inhabitantsPerSquareKilometre"), 0.001);
    assert_eq!(dbpedia("7", "usDollar"), 7.0);
    // What stands behind the number is nearer to it than the datatype.
    assert_eq!(dbpedia("5 km", "metre"), 5000.0);
}

#[test]
fn texts_are_no_numbers() {
    let texts = [
        "",
        "abc",
        "nan",
        "inf",
        "1e999",
        "12,34",
        "1,83 m",
        "1.5,2",
        "1948-13-01",
        "1948-02-30",
        "1.2.3",
        "12 Monkeys",
        "2nd",
        "3rd",
        "51.5 N",
        "0.1 W",
        "5-6 m",
        "km",
        "2001-01-02-99:00",
        "--13",
        "--",
        "5 m m",
    ];
    for text in texts {
        assert_eq!(q(text), None, "{text}");
    }
    let tagged = Literal { value: "1984".into(), language: "en".into(), ..Literal::default() };
    assert_eq!(quantity(&tagged), None);
    assert_eq!(typed("1984", "http://www.w3.org/2001/XMLSchema#string"), None);
}

#[test]
fn times_are_as_long_as_they_were_told() {
    let of = |value, datatype| moment(&literal(value, datatype)).map(|m| (m.start, m.length));
    assert_eq!(of("1948", "http://www.w3.org/2001/XMLSchema#gYear"), Some((1948.0, 1.0)));
    assert_eq!(of("-44", "gYear"), Some((-44.0, 1.0)));
    assert_eq!(of("1948-##-##", ""), Some((1948.0, 1.0)));
    assert_eq!(of("2001-02", "gYearMonth"), Some((2001.0 + 31.0 / 365.0, 28.0 / 365.0)));
    // Sources call dates integers.
    assert_eq!(of("2001-01-01", "integer"), Some((2001.0, 1.0 / 365.0)));
    assert_eq!(of("2001-01-01T00:00:00Z", ""), Some((2001.0, 0.0)));
    for (value, datatype) in
        [("1948", ""), ("1948", "integer"), ("--05-03", ""), ("5 km", ""), ("1e300", "gYear")]
    {
        assert_eq!(of(value, datatype), None, "{value}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-+0-9T:Z#., eÉPYMDHSkm²°C/]{0,24}") {
        let parsed = Literal { value: text, ..Literal::default() };
        prop_assert!(quantity(&parsed).is_none_or(f64::is_finite));
        prop_assert!(moment(&parsed).is_none_or(|m| m.middle().is_finite()));
    }

    #[test]
    fn units_of_one_dimension_agree(metres in 1u32..10_000_000) {
        let kilometres = format!("{}.{:03} km", metres / 1000, metres % 1000);
        prop_assert_eq!(q(&kilometres), q(&format!("{metres} m")));
        prop_assert_eq!(q(&format!("{metres}00 cm")), q(&format!("{metres}")));
    }
}
