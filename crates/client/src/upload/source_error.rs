//! Errors of a source: shorter or longer than declared, or unreadable.

use crate::error::{ErrorKind, OpError};

/// Converts a length to the size type of this machine.
pub(crate) fn length_in_memory(length: u64) -> Result<usize, OpError> {
    usize::try_from(length)
        .map_err(|_| OpError::new(ErrorKind::Usage, "more bytes than this machine can hold at once"))
}

pub(crate) fn ended_early(missing: u64) -> OpError {
    let message =
        format!("the source ended {missing} bytes before the length that was declared; nothing was stored");
    OpError::new(ErrorKind::Source, message)
}

pub(crate) fn is_longer() -> OpError {
    let message = "the source is longer than declared; nothing was stored";
    OpError::new(ErrorKind::Source, message)
}

pub(crate) fn unreadable(error: std::io::Error) -> OpError {
    OpError::new(ErrorKind::Local, "the source cannot be read").with_source(error)
}
