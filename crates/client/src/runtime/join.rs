//! What tasks come to.

use tokio::task::JoinError;

use crate::error::{ErrorKind, Failure};

/// The outcome of a task, or none when the end of the program has stopped it. A panic goes on here.
pub(crate) fn outcome<T>(done: Result<T, JoinError>) -> Option<T> {
    match done.map_err(JoinError::try_into_panic) {
        Ok(outcome) => Some(outcome),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => None,
    }
}

/// Of a put that the end of the program has stopped.
pub(crate) fn stopped() -> Failure {
    Failure::new(ErrorKind::Local, "the program is ending; nothing was stored")
}
