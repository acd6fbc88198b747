//! Data on stdout, everything else on stderr.

use std::fmt;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::ui::error::Failure;
use crate::ui::terminal;
use crate::ui::text::printable;

/// Output options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) is_json: bool,
    pub(crate) is_quiet: bool,
}

impl Output {
    /// A line of data.
    pub(crate) fn line(text: fmt::Arguments<'_>) -> Result<(), Failure> {
        writeln!(anstream::stdout(), "{text}").map_err(|error| Failure::stdout(&error))
    }

    /// Data as it is, of a length that may be written at once.
    pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::stdout(&error))
    }

    /// One line of JSON.
    pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
        let mut line =
            serde_json::to_vec(value).map_err(|error| Failure::local("cannot write JSON", error))?;
        line.push(b'\n');
        Output::raw(&line)
    }

    /// A report: JSON on stdout with `--json`, otherwise `words` on stderr.
    pub(crate) fn report(self, value: &impl Serialize, words: fmt::Arguments<'_>) -> Result<(), Failure> {
        if self.is_json {
            return Output::json(value);
        }
        self.note(words);
        Ok(())
    }

    /// A remark for people.
    pub(crate) fn note(self, words: fmt::Arguments<'_>) {
        if !self.is_quiet {
            let words = words.to_string();
            drop(terminal::suspend_bars(|| writeln!(anstream::stderr(), "{}", printable(&words))));
        }
    }

    /// Something that is probably not wanted. Also printed when quiet.
    pub(crate) fn warn(words: fmt::Arguments<'_>) {
        let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        let words = words.to_string();
        let write =
            || writeln!(anstream::stderr(), "{yellow}osseal: warning:{yellow:#} {}", printable(&words));
        drop(terminal::suspend_bars(write));
    }
}
