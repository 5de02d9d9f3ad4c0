//! Pieces of a line: fields, integers, IRIs in angle brackets.

use crate::error::{Code, Error, Result, shorten};

/// Splits a line at tabs into exactly `N` fields, each without surrounding blanks.
/// `form` describes the line for the message: "`id ⇥ IRI`".
pub(super) fn tabbed<'a, const N: usize>(line: &'a str, form: &str) -> Result<[&'a str; N]> {
    let mut fields = [""; N];
    let mut found = 0;
    for field in line.split('\t') {
        if found < N {
            fields[found] = field.trim();
        }
        found += 1;
    }
    if found == N {
        return Ok(fields);
    }
    let error =
        Error::new(Code::BadFile, format!("expected {N} fields separated by tabs ({form}), found {found}"));
    Err(if found == 1 && line.split_whitespace().count() == N {
        error.help("the fields are separated by blanks; separate them by tabs")
    } else {
        error
    })
}

/// An integer id of the source.
pub(super) fn integer(text: &str, what: &str) -> Result<u32> {
    let reason = match text.parse::<u32>() {
        Ok(id) => return Ok(id),
        Err(cause) => {
            use std::num::IntErrorKind as K;
            match cause.kind() {
                K::PosOverflow => {
                    format!("the {what} {} is too large; the largest is {}", shorten(text, 40), u32::MAX)
                }
                K::Empty => format!("the {what} is empty, expected an integer"),
                _ if text
                    .strip_prefix('-')
                    .is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())) =>
                {
                    format!("the {what} {} is negative; ids start at 0", shorten(text, 40))
                }
                _ => format!("the {what} '{}' is not an integer", shorten(text, 40)),
            }
        }
    };
    Err(Error::new(Code::BadFile, reason))
}

/// An IRI or a local name, without angle brackets around it; never empty.
pub(super) fn iri<'a>(text: &'a str, what: &str) -> Result<&'a str> {
    let text = text.trim();
    let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    if bare.is_empty() {
        return Err(Error::new(Code::BadFile, format!("the {what} is empty")));
    }
    Ok(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_ids_say_why() {
        let reason = |text| integer(text, "entity id").unwrap_err().to_string();
        assert_eq!(integer("4294967295", "id").unwrap(), u32::MAX);
        assert_eq!(reason("4294967296"), "the entity id 4294967296 is too large; the largest is 4294967295");
        assert_eq!(reason("-3"), "the entity id -3 is negative; ids start at 0");
        assert_eq!(reason("x"), "the entity id 'x' is not an integer");
        assert_eq!(reason("1.0"), "the entity id '1.0' is not an integer");
        assert_eq!(reason(""), "the entity id is empty, expected an integer");
    }

    #[test]
    fn fields_are_counted() {
        assert_eq!(tabbed::<2>("a\t b ", "x").unwrap(), ["a", "b"]);
        let error = tabbed::<3>("1 2 3", "`head ⇥ relation ⇥ tail`").unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected 3 fields separated by tabs (`head ⇥ relation ⇥ tail`), found 1"
        );
        assert!(error.help_text().unwrap().contains("blanks"));
        assert_eq!(iri(" <a> ", "entity").unwrap(), "a");
        assert!(iri("<>", "entity").is_err());
    }
}
