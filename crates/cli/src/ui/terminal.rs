//! Standard error, shared by bars and lines.

use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;

/// The bars that are on the screen.
pub(super) static SHOWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Runs `write` with the progress bars hidden.
pub(crate) fn suspend_bars<T>(write: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(lines) => lines.suspend(write),
        None => write(),
    }
}
