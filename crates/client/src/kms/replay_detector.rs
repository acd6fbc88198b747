//! Detects replayed replies of KMS: a data key, blob or request id that was seen before.

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

/// Remembers data keys, blobs and request ids as keyed digests, so that its memory reveals no secret.
pub(super) struct ReplayDetector {
    key: hmac::Key,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    digests: HashSet<Digest>,
    order: VecDeque<Digest>,
}

/// The domain of a value, so that equal values of different domains do not collide.
#[derive(Clone, Copy)]
pub(super) enum Domain {
    DataKey = 1,
    Blob = 2,
    RequestId = 3,
}

impl ReplayDetector {
    /// `None` when the system gives no random bytes.
    pub(super) fn new() -> Option<ReplayDetector> {
        let mut seed = zeroize::Zeroizing::new([0; SHA256_OUTPUT_LEN]);
        rand::fill(&mut *seed).ok()?;
        Some(ReplayDetector { key: hmac::Key::new(hmac::HMAC_SHA256, &*seed), seen: Mutex::default() })
    }

    /// Whether a value comes for the first time, as far as is remembered.
    pub(super) fn is_first(&self, domain: Domain, value: &[u8]) -> bool {
        let tag = on_wiped_stack(|| {
            let mut context = hmac::Context::with_key(&self.key);
            context.update(&[domain as u8]);
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
    fn a_replayed_value_is_detected_until_it_is_evicted() {
        let replay_detector = ReplayDetector::new().unwrap_or_else(|| panic!("random bytes"));
        assert!(
            replay_detector.is_first(Domain::Blob, b"a") && replay_detector.is_first(Domain::DataKey, b"a")
        );
        assert!(!replay_detector.is_first(Domain::Blob, b"a"));
        for at in 0..REMEMBERED {
            assert!(replay_detector.is_first(Domain::Blob, &at.to_le_bytes()));
        }
        assert!(replay_detector.is_first(Domain::Blob, b"a"));
    }
}
