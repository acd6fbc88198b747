//! Data on stdout, everything else on stderr.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::exit::Failure;
use crate::progress;

/// What the user wants to see.
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

    /// What was done: JSON on stdout when wanted, else `words` on stderr.
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
            drop(progress::aside(|| writeln!(anstream::stderr(), "{}", printable(&words))));
        }
    }

    /// Something that is probably not wanted. Also printed when quiet.
    pub(crate) fn warn(words: fmt::Arguments<'_>) {
        let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        let words = words.to_string();
        let write =
            || writeln!(anstream::stderr(), "{yellow}osseal: warning:{yellow:#} {}", printable(&words));
        drop(progress::aside(write));
    }
}

/// Text from outside, fit for a terminal: no control characters, nothing that reorders text.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if is_dangerous(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A count of bytes for people, rounded down: `12 bytes`, `3.4 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes == 1 {
        return "1 byte".to_owned();
    }
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10 / 1024;
    while tenths >= 10240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("plain 对象"), "plain 对象");
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(printable("\u{202e}txt"), "\\u{202e}txt");
    }

    #[test]
    fn sizes_are_rounded_down() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }
}
