//! Progress of what may begin again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::object::options::{Progress, PutOptions};

/// Who is told how much has been stored, each byte once however often it begins again. Clones share the count.
#[derive(Clone, Default)]
pub struct Told {
    progress: Option<Progress>,
    /// Bytes that were told of before, and bytes of this beginning.
    counts: Arc<(AtomicU64, AtomicU64)>,
}

impl Told {
    pub(crate) fn new(options: &PutOptions) -> Told {
        Told { progress: options.progress.clone(), counts: Arc::default() }
    }

    /// So many more bytes are stored.
    pub fn add(&self, bytes: u64) {
        let (before, now) = &*self.counts;
        let end = now.fetch_add(bytes, Ordering::AcqRel) + bytes;
        let told = before.fetch_max(end, Ordering::AcqRel);
        if let Some(progress) = self.progress.as_ref().filter(|_| end > told) {
            progress(end - told);
        }
    }

    /// Nothing is stored any more.
    pub fn begin_again(&self) {
        self.counts.1.store(0, Ordering::Release);
    }

    /// What tells this of what is stored.
    pub fn progress(&self) -> Progress {
        let told = self.clone();
        Arc::new(move |bytes| told.add(bytes))
    }
}

impl From<Progress> for Told {
    fn from(progress: Progress) -> Told {
        Told { progress: Some(progress), ..Told::default() }
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let now = self.counts.1.load(Ordering::Acquire);
        f.debug_struct("Told").field("stored", &now).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_byte_is_told_of_once() {
        let heard = Arc::<Mutex<Vec<u64>>>::default();
        let told = Told::from({
            let heard = heard.clone();
            Arc::new(move |bytes| heard.lock().expect("no panic").push(bytes)) as Progress
        });
        let progress = told.progress();
        for bytes in [3, 4] {
            progress(bytes);
        }
        told.begin_again();
        for bytes in [5, 4, 1] {
            progress(bytes);
        }
        assert_eq!(*heard.lock().expect("no panic"), [3, 4, 2, 1]);
    }
}
