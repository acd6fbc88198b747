//! A bar on stderr, when somebody is there to see it.

use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use osseal::Progress;

use crate::output::Output;

/// A bar that disappears when dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar over `total` bytes; without a total, only what has been moved is shown.
    pub(crate) fn new(output: Output, is_wanted: bool, total: Option<u64>) -> Bar {
        if !is_wanted || output.is_quiet || !std::io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{spinner} {bytes} {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Bar(bar)
    }

    /// How many bytes there are to be, once that is known.
    pub(crate) fn expect(&self, total: u64) {
        if self.0.length() == Some(0) {
            self.0.set_length(total);
        }
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
