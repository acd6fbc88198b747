//! [`ResumableProgress`]: progress of a transfer that may restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::object::options::{Progress, PutOptions};

/// Reports upload progress. Bytes are counted once, even if the upload restarts. Clones share the count.
#[derive(Clone, Default)]
pub struct ResumableProgress {
    callback: Option<Progress>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// The most bytes that any attempt has stored. All of them have been reported.
    reported: AtomicU64,
    /// Bytes that the current attempt has stored.
    stored: AtomicU64,
}

impl ResumableProgress {
    pub(crate) fn new(options: &PutOptions) -> ResumableProgress {
        ResumableProgress { callback: options.progress.clone(), counts: Arc::default() }
    }

    /// Adds stored bytes, and reports those that exceed all earlier attempts.
    pub fn add(&self, bytes: u64) {
        let stored = self.counts.stored.fetch_add(bytes, Ordering::AcqRel) + bytes;
        // The maximum decides between parts that finish at the same time: each byte is reported by one.
        let reported = self.counts.reported.fetch_max(stored, Ordering::AcqRel);
        if let Some(callback) = self.callback.as_ref().filter(|_| stored > reported) {
            callback(stored - reported);
        }
    }

    /// Starts a new attempt: nothing is stored any more.
    pub fn restart(&self) {
        self.counts.stored.store(0, Ordering::Release);
    }

    /// Returns a callback that adds to this count.
    pub fn progress(&self) -> Progress {
        let progress = self.clone();
        Arc::new(move |bytes| progress.add(bytes))
    }
}

impl From<Progress> for ResumableProgress {
    fn from(callback: Progress) -> ResumableProgress {
        ResumableProgress { callback: Some(callback), ..ResumableProgress::default() }
    }
}

impl std::fmt::Debug for ResumableProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stored = self.counts.stored.load(Ordering::Acquire);
        f.debug_struct("ResumableProgress").field("stored", &stored).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_restart_reports_only_bytes_beyond_the_earlier_attempt() {
        let reports = Arc::<Mutex<Vec<u64>>>::default();
        let progress = ResumableProgress::from({
            let reports = reports.clone();
            Arc::new(move |bytes| reports.lock().expect("no panic").push(bytes)) as Progress
        });
        let callback = progress.progress();
        for bytes in [3, 4] {
            callback(bytes);
        }
        progress.restart();
        for bytes in [5, 4, 1] {
            callback(bytes);
        }
        assert_eq!(*reports.lock().expect("no panic"), [3, 4, 2, 1]);
    }
}
