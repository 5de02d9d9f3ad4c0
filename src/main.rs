//! The `seedbed` program: a shell over the library.

use std::process::ExitCode;

mod shell;

fn main() -> ExitCode {
    shell::main()
}
