//! Results of spawned tasks.

use tokio::task::JoinError;

use crate::error::{ErrorKind, OpError};

/// The result of a task; `None` if the runtime stopped it. A panic of the task resumes here.
pub(crate) fn outcome<T>(done: Result<T, JoinError>) -> Option<T> {
    match done.map_err(JoinError::try_into_panic) {
        Ok(outcome) => Some(outcome),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => None,
    }
}

/// Of a put that the end of the program has stopped.
pub(crate) fn stopped() -> OpError {
    OpError::new(ErrorKind::Local, "the program is ending; nothing was stored")
}

/// A task of ours panicked.
pub(crate) fn broke_down() -> OpError {
    OpError::new(ErrorKind::Local, "a task of the transfer broke down")
}

/// The result of a task of this library. A panic of the task resumes here.
pub(crate) fn joined<T>(done: Result<T, JoinError>) -> Result<T, OpError> {
    outcome(done).ok_or_else(stopped)
}
