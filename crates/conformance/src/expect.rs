//! Comparisons that say what was expected and what came.

use std::fmt::Debug;

use crate::report::Verdict;

/// How a case ends.
pub(super) type Outcome<T = ()> = Result<T, Stop>;

/// Longest piece of what came that is repeated, in characters.
const SHOWN: usize = 300;

/// Why a case does not go on.
#[derive(Debug)]
pub(super) enum Stop {
    Differs { expected: String, found: String },
    Skip(String),
}

impl Stop {
    pub(super) fn differs(expected: impl Into<String>, found: impl Into<String>) -> Stop {
        Stop::Differs { expected: expected.into(), found: shortened(&found.into()) }
    }

    pub(super) fn skip(reason: impl Into<String>) -> Stop {
        Stop::Skip(reason.into())
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Verdict {
        match outcome {
            Ok(()) => Verdict::Passed,
            Err(Stop::Differs { expected, found }) => Verdict::Failed { expected, found },
            Err(Stop::Skip(reason)) => Verdict::Skipped { reason },
        }
    }
}

/// Asserts that `what` is as expected.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a literal, a reference or a list, whatever a case has at hand"
)]
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(Stop::differs(format!("{what} {expected:?}"), format!("{found:?}")))
    }
}

/// Asserts that something holds; `found` says what came when it does not.
pub(super) fn holds(expected: &str, it_does: bool, found: impl FnOnce() -> String) -> Outcome {
    if it_does { Ok(()) } else { Err(Stop::differs(expected, found())) }
}

/// Asserts that bytes are those expected, and says where they begin to differ.
pub(super) fn same_bytes(what: &str, found: &[u8], expected: &[u8]) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let at = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
    Err(Stop::differs(
        format!("{what}, {} bytes", expected.len()),
        format!("{} bytes, different from byte {at} on", found.len()),
    ))
}

/// Asserts that a value could be read, and gives it.
pub(super) fn readable<T, E: std::fmt::Display>(what: &str, value: Result<T, E>) -> Outcome<T> {
    value.map_err(|error| Stop::differs(what, error.to_string()))
}

/// What a case may say about something that came: printable, and not too much of it.
fn shortened(text: &str) -> String {
    let mut shown: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
