//! Why a run of the shell ends early, and the exit code each reason has.

use std::io;

use seedbed::{Error, Kind};

/// Every statement succeeded.
pub const OK: u8 = 0;
/// A statement failed.
pub const FAILED: u8 = 1;
/// The command line is wrong, or a script cannot be read.
pub const USAGE: u8 = 2;
/// The store's bytes are not what was written.
pub const DAMAGED: u8 = 3;
/// The user cancelled.
pub const CANCELLED: u8 = 130;

/// What stops a statement.
#[derive(Debug)]
pub enum Halt {
    /// The statement failed.
    Failed(Error),
    /// Its output could not be written; a closed pipe is no failure.
    Output(io::Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Failed(error)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Halt::Output(error)
    }
}

/// The exit code of a class of errors.
pub fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Damaged => DAMAGED,
        Kind::Cancelled => CANCELLED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_follow_the_class_of_the_error() {
        assert_eq!(code(Kind::Request), 1);
        assert_eq!(code(Kind::Store), 1);
        assert_eq!(code(Kind::Damaged), 3);
        assert_eq!(code(Kind::Cancelled), 130);
    }
}
