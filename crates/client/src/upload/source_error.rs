//! Errors of a source: shorter or longer than declared, or unreadable.

use crate::error::{ErrorKind, Failure};

/// A length as this machine counts what it holds.
pub(crate) fn length_in_memory(length: u64) -> Result<usize, Failure> {
    usize::try_from(length)
        .map_err(|_| Failure::new(ErrorKind::Usage, "more bytes than this machine can hold at once"))
}

pub(crate) fn ended_early(missing: u64) -> Failure {
    let message =
        format!("the source ended {missing} bytes before the length that was declared; nothing was stored");
    Failure::new(ErrorKind::Source, message)
}

pub(crate) fn goes_on() -> Failure {
    let message = "the source goes on after the length that was declared; nothing was stored";
    Failure::new(ErrorKind::Source, message)
}

pub(crate) fn unreadable(error: std::io::Error) -> Failure {
    Failure { source: Some(error.into()), ..Failure::new(ErrorKind::Local, "the source cannot be read") }
}
