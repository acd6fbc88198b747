//! A bar on stderr, when somebody is there to see it.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};
use osseal::Progress;

use crate::output::Output;

/// The bar that is on the screen.
static SHOWN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// Writes to standard error while the bar, if there is one, is out of the way.
pub(crate) fn aside<T>(write: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown.and_then(|bar| bar.upgrade()) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// A bar that disappears when dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar over `total` bytes; without a total, only what has been moved is shown.
    pub(crate) fn new(output: Output, is_wanted: bool, total: Option<u64>) -> Bar {
        if !is_wanted || output.is_quiet || !std::io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        Bar::drawn(ProgressDrawTarget::stderr(), total)
    }

    fn drawn(target: ProgressDrawTarget, total: Option<u64>) -> Bar {
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{spinner} {bytes} {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
        Bar(bar)
    }

    /// How many bytes there are to be, once that is known.
    pub(crate) fn expect(&self, total: u64) {
        if self.0.length() == Some(0) {
            self.0.set_length(total);
        }
    }

    /// More bytes are to come than was known.
    pub(crate) fn grow(&self, bytes: u64) {
        self.0.inc_length(bytes);
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }

    /// What the library calls with bytes that have been moved.
    pub(crate) fn callback(&self) -> Progress {
        let bar = self.0.clone();
        Arc::new(move |bytes| bar.inc(bytes))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io::Result;

    use indicatif::TermLike;

    use super::*;

    /// One line of a terminal.
    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn text(&self) -> String {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl fmt::Debug for Screen {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:?}", self.text())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
            Ok(())
        }

        fn flush(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_of_the_bar_is_there_while_a_line_is_written() {
        let screen = Screen::default();
        let bar = Bar::drawn(ProgressDrawTarget::term_like(Box::new(screen.clone())), Some(1 << 20));
        bar.add(1 << 19);
        bar.0.tick();
        assert!(screen.text().contains("512.00 KiB/1.00 MiB"), "{screen:?}");
        let meanwhile = aside(|| screen.text());
        assert_eq!(meanwhile.trim(), "", "out of the way");
        assert!(screen.text().contains("512.00 KiB/1.00 MiB"), "back again: {screen:?}");
        drop(bar);
        assert_eq!(screen.text().trim(), "");
        assert_eq!(aside(|| 7), 7, "without a bar");
    }
}
