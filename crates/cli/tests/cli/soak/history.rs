//! Which writes a key may hold.
//!
//! A write may be what a key holds unless an acknowledged one began after it had ended and ended before the reading began. That covers writes
//! whose reply was lost, which may have happened or not, and writers that share a key.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// What was written to every key.
pub(crate) struct History(Mutex<BTreeMap<String, Vec<Write>>>);

struct Write {
    /// None for a deletion.
    content: Option<u64>,
    began: Instant,
    /// Until then it may take effect; none while it is under way.
    ended: Option<Instant>,
    is_acknowledged: bool,
}

/// A write that is under way.
pub(crate) struct Ticket {
    key: String,
    index: usize,
}

impl History {
    pub(crate) fn new() -> History {
        History(Mutex::default())
    }

    /// Enters a write, a deletion without content, before it is sent.
    pub(crate) fn begin(&self, key: &str, content: Option<u64>) -> Ticket {
        let mut keys = self.keys();
        let writes = keys.entry(key.to_owned()).or_default();
        writes.push(Write { content, began: Instant::now(), ended: None, is_acknowledged: false });
        Ticket { key: key.to_owned(), index: writes.len() - 1 }
    }

    /// Enters its end: acknowledged, or the connection gone and with it whoever could carry it out.
    pub(crate) fn end(&self, ticket: &Ticket, is_acknowledged: bool) {
        let mut keys = self.keys();
        let write = &mut keys.get_mut(&ticket.key).unwrap()[ticket.index];
        (write.ended, write.is_acknowledged) = (Some(Instant::now()), is_acknowledged);
    }

    /// Whether a key may hold what a reading has found that began at `since`; none for nothing.
    pub(crate) fn judge(&self, key: &str, found: Option<u64>, since: Instant) -> Result<(), String> {
        let keys = self.keys();
        let writes = keys.get(key).map_or(&[][..], Vec::as_slice);
        let is_over = |ended: Option<Instant>| {
            let after = |write: &&Write| ended.is_some_and(|ended| write.began > ended);
            writes.iter().find(|write| {
                write.is_acknowledged && after(write) && write.ended.is_some_and(|ended| ended < since)
            })
        };
        let mut candidates: Vec<_> =
            writes.iter().filter(|write| write.content == found).map(|write| is_over(write.ended)).collect();
        if found.is_none() {
            // Before all writes there was nothing.
            candidates.push(
                writes
                    .iter()
                    .find(|write| write.is_acknowledged && write.ended.is_some_and(|ended| ended < since)),
            );
        }
        match candidates.into_iter().max_by_key(Option::is_none) {
            None => Err(format!("it holds {found:?}, which nobody wrote")),
            Some(Some(later)) => {
                Err(format!("it holds {found:?}, although {:?} was acknowledged later", later.content))
            }
            Some(None) => Ok(()),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.keys().keys().cloned().collect()
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Write>>> {
        self.0.lock().unwrap()
    }
}

#[test]
fn acknowledged_writes_stay_and_lost_ones_may() {
    let history = History::new();
    let write = |content, is_acknowledged| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        history.end(&history.begin("k", content), is_acknowledged);
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    let may_hold = |found| history.judge("k", found, Instant::now()).is_ok();
    assert!(may_hold(None) && !may_hold(Some(1)));
    write(Some(1), false);
    assert!(may_hold(None) && may_hold(Some(1)));
    write(Some(2), true);
    assert!(!may_hold(None) && !may_hold(Some(1)) && may_hold(Some(2)));
    write(Some(3), false);
    write(None, false);
    assert!(may_hold(None) && may_hold(Some(2)) && may_hold(Some(3)) && !may_hold(Some(1)));
    write(None, true);
    assert!(may_hold(None) && !may_hold(Some(2)) && !may_hold(Some(3)));
    let before = Instant::now();
    let [one, two] = [4, 5].map(|content| history.begin("k", Some(content)));
    assert!(may_hold(None) && may_hold(Some(4)) && may_hold(Some(5)), "under way");
    history.end(&one, true);
    history.end(&two, true);
    assert!(may_hold(Some(4)) && may_hold(Some(5)), "at the same time: either may be the last");
    std::thread::sleep(std::time::Duration::from_millis(1));
    assert!(!may_hold(None));
    assert!(history.judge("k", None, before).is_ok(), "a reading that began before them");
}
