//! The shell's reader of scripts: statements and dot commands, the first error or all of them.

#![no_main]

use std::path::Path;

// The shell is no part of the library; its other functions are not asked here.
#[allow(dead_code)]
#[path = "../../src/shell/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = script::decode(bytes.to_vec(), Path::new("script")) else { return };
    script::is_whole(&text);
    let all = script::steps_and_errors(&text);
    match script::steps(&text) {
        Ok(steps) => {
            let all: Result<Vec<_>, _> = all.into_iter().collect();
            assert_eq!(all.expect("no error, as there was none before"), steps);
        }
        Err(error) => {
            assert!(all.iter().any(Result::is_err), "{error:?}");
            if let Some(at) = script::offset_of(&error) {
                assert!(text.is_char_boundary(at) && script::line_of(&text, at) > 0);
            }
        }
    }
});
