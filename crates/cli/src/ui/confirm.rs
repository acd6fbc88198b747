//! Questions before something is deleted.

use std::io::{BufRead, IsTerminal, Write};

use crate::ui::error::{Exit, Failure};
use crate::ui::text::printable;

/// Fails unless a terminal can be asked whether to delete `what`.
pub(crate) fn require_terminal(what: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(format!("{what} would be deleted, and nobody can be asked"))
        .hint("--force deletes without asking"))
}

/// Asks for confirmation at the terminal.
pub(crate) fn deletion(what: &str) -> Result<(), Failure> {
    require_terminal(what)?;
    let mut err = std::io::stderr().lock();
    let asked = write!(err, "delete {}? (y/N) ", printable(what));
    let mut answer = String::new();
    asked
        .and_then(|()| err.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut answer))
        .map_err(|error| Failure::local("the answer cannot be read", error))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Local, "nothing was deleted"))
}
