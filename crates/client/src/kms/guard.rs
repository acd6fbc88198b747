//! What makes a reply of the key service suspect: it gave the same before.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use aws_lc_rs::{hmac, rand};
use osseal_core::on_wiped_stack;

/// How many replies are remembered.
const REMEMBERED: usize = 4096;
/// Bytes kept of each digest.
const KEPT: usize = 16;

type Digest = [u8; KEPT];

/// Remembers data keys, blobs and request ids under a key of this process, so that nothing that was secret can be told from what is kept.
pub(super) struct Guard {
    key: hmac::Key,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    digests: HashSet<Digest>,
    order: VecDeque<Digest>,
}

/// What a value is, so that equal values of different meaning do not meet.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    DataKey = 1,
    Blob = 2,
    RequestId = 3,
}

impl Guard {
    /// `None` when the system gives no random bytes.
    pub(super) fn new() -> Option<Guard> {
        let mut seed = zeroize::Zeroizing::new([0; SHA256_OUTPUT_LEN]);
        rand::fill(&mut *seed).ok()?;
        Some(Guard { key: hmac::Key::new(hmac::HMAC_SHA256, &*seed), seen: Mutex::default() })
    }

    /// Whether a value comes for the first time, as far as is remembered.
    pub(super) fn is_first(&self, meaning: Meaning, value: &[u8]) -> bool {
        let tag = on_wiped_stack(|| {
            let mut context = hmac::Context::with_key(&self.key);
            context.update(&[meaning as u8]);
            context.update(value);
            context.sign()
        });
        let Some(digest) = tag.as_ref().first_chunk::<KEPT>() else { return false };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.digests.insert(*digest) {
            return false;
        }
        seen.order.push_back(*digest);
        if seen.order.len() > REMEMBERED
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.digests.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_is_known_until_it_is_forgotten() {
        let guard = Guard::new().unwrap_or_else(|| panic!("random bytes"));
        assert!(guard.is_first(Meaning::Blob, b"a") && guard.is_first(Meaning::DataKey, b"a"));
        assert!(!guard.is_first(Meaning::Blob, b"a"));
        for at in 0..REMEMBERED {
            assert!(guard.is_first(Meaning::Blob, &at.to_le_bytes()));
        }
        assert!(guard.is_first(Meaning::Blob, b"a"));
    }
}
