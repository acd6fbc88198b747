//! Unwrapped keys, for a while: bounded in number, uses and time, wiped when they go.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use osseal_core::{ReadPolicy, Secret, WrapAlgorithm, WrappedContent};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// How long unwrapped keys are kept. They are in memory only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// Most values kept; 0 keeps none. An object of AES/CTR has two, a sealed one has one.
    pub entries: usize,
    /// How often a value is used before the service is asked again.
    pub uses: u32,
    /// How long a value is kept.
    pub lifetime: Duration,
}

impl Default for CachePolicy {
    /// 1,000 values, 1,000 uses, 5 minutes.
    fn default() -> Self {
        CachePolicy { entries: 1000, uses: 1000, lifetime: Duration::from_secs(300) }
    }
}

impl CachePolicy {
    /// Keeps nothing: every object that is opened is asked for.
    pub const NONE: CachePolicy = CachePolicy { entries: 0, uses: 0, lifetime: Duration::ZERO };
}

/// The key of a cached value: everything that the service's answer depends on. The content implies the suite.
///
/// A cache belongs to one KMS key with one context and at most one passphrase. The read policy was checked before; it is
/// nevertheless part of the key, so that a value unwrapped for a lax reader is never given to a strict one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct UnwrapCacheKey {
    pub(super) wrap: WrapAlgorithm,
    pub(super) content: WrappedContent,
    pub(super) blob: String,
    /// Whether the blob may be one of `oss2`, which is tried with the passphrase first.
    pub(super) is_of_oss2: bool,
    pub(super) policy: Option<ReadPolicy>,
}

/// Answers that are kept.
pub(super) struct UnwrapCache(Arc<Shared>);

struct Shared {
    policy: CachePolicy,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<UnwrapCacheKey, Entry>,
    /// The questions in the order in which their answers came, which is the order in which they go.
    order: BTreeMap<u64, UnwrapCacheKey>,
    count: u64,
    /// The task that wipes expired values. It ends with its runtime.
    sweeper: Option<AbortHandle>,
}

struct Entry {
    secret: Arc<Secret>,
    number: u64,
    until: Instant,
    uses: u32,
}

impl UnwrapCache {
    pub(super) fn new(policy: CachePolicy) -> UnwrapCache {
        UnwrapCache(Arc::new(Shared { policy, state: Mutex::default() }))
    }

    /// A kept answer.
    pub(super) fn find(&self, key: &UnwrapCacheKey) -> Option<Arc<Secret>> {
        let mut state = self.0.state();
        state.sweep(Instant::now());
        let entry = state.entries.get_mut(key)?;
        entry.uses -= 1;
        let (secret, is_used_up) = (entry.secret.clone(), entry.uses == 0);
        if is_used_up {
            state.remove(key);
        }
        Some(secret)
    }

    /// Wipes a kept answer.
    pub(super) fn forget(&self, key: &UnwrapCacheKey) {
        self.0.state().remove(key);
    }

    /// Caches a value. In a runtime it is wiped when it expires, whether it is asked for or not.
    pub(super) fn keep(&self, key: UnwrapCacheKey, secret: Arc<Secret>) {
        let policy = self.0.policy;
        if policy.entries == 0 || policy.uses == 0 || policy.lifetime.is_zero() {
            return;
        }
        let (now, mut state) = (Instant::now(), self.0.state());
        state.sweep(now);
        state.remove(&key);
        while state.entries.len() >= policy.entries {
            let Some((_, oldest)) = state.order.pop_first() else { break };
            state.entries.remove(&oldest);
        }
        state.count += 1;
        let (number, until) = (state.count, now + policy.lifetime);
        state.order.insert(number, key.clone());
        state.entries.insert(key, Entry { secret, number, until, uses: policy.uses });
        if state.sweeper.as_ref().is_none_or(AbortHandle::is_finished)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            state.sweeper = Some(runtime.spawn(sweep(Arc::downgrade(&self.0))).abort_handle());
        }
    }
}

/// Wipes each answer when its time has come, until nothing is left.
async fn sweep(shelf: Weak<Shared>) {
    while let Some(next) = shelf.upgrade().and_then(|shelf| shelf.swept()) {
        tokio::time::sleep_until(next).await;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes expired values, and returns when the next one expires. `None`: the sweeper is done.
    fn swept(&self) -> Option<Instant> {
        let mut state = self.state();
        state.sweep(Instant::now());
        let next = state.order.first_key_value().and_then(|(_, oldest)| state.entries.get(oldest));
        let next = next.map(|entry| entry.until);
        if next.is_none() {
            state.sweeper = None;
        }
        next
    }
}

impl State {
    /// Removes expired values. All lifetimes are equal, so the oldest expire first.
    fn sweep(&mut self, now: Instant) {
        while let Some((_, oldest)) = self.order.first_key_value() {
            if self.entries.get(oldest).is_some_and(|entry| entry.until > now) {
                return;
            }
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &UnwrapCacheKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(blob: usize) -> UnwrapCacheKey {
        UnwrapCacheKey {
            wrap: WrapAlgorithm::Kms,
            content: WrappedContent::DataKey,
            blob: blob.to_string(),
            is_of_oss2: false,
            policy: Some(ReadPolicy::ALSO_UNAUTHENTICATED),
        }
    }

    fn keep(cache: &UnwrapCache, blob: usize) -> Weak<Secret> {
        let secret = Arc::new(Secret::new(vec![1; 32]));
        let kept = Arc::downgrade(&secret);
        cache.keep(key(blob), secret);
        kept
    }

    #[tokio::test(start_paused = true)]
    async fn number_uses_and_time_are_bounded() {
        let policy = CachePolicy { entries: 2, uses: 3, lifetime: Duration::from_secs(10) };
        let cache = UnwrapCache::new(policy);
        let kept: Vec<_> = (0..3).map(|blob| keep(&cache, blob)).collect();
        assert!(kept[0].upgrade().is_none(), "the oldest goes and is wiped");
        for _ in 0..3 {
            assert!(cache.find(&key(1)).is_some());
        }
        assert!(cache.find(&key(1)).is_none() && kept[1].upgrade().is_none(), "used up");
        tokio::time::sleep(Duration::from_millis(9_999)).await;
        assert!(cache.find(&key(2)).is_some());
        tokio::time::sleep(Duration::from_millis(10_002)).await;
        assert!(kept[2].upgrade().is_none(), "wiped on expiry without a request");
        assert!(cache.find(&key(2)).is_none());
        let again = keep(&cache, 4);
        tokio::time::sleep(Duration::from_secs(21)).await;
        assert!(again.upgrade().is_none(), "swept again after it was empty");
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_goes_at_its_own_time() {
        let policy = CachePolicy { lifetime: Duration::from_secs(10), ..CachePolicy::default() };
        let cache = UnwrapCache::new(policy);
        let first = keep(&cache, 1);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let second = keep(&cache, 2);
        tokio::time::sleep(Duration::from_millis(4_990)).await;
        assert!(first.upgrade().is_some());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(first.upgrade().is_none() && second.upgrade().is_some());
        tokio::time::sleep(Duration::from_millis(4_980)).await;
        assert!(second.upgrade().is_some());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(second.upgrade().is_none());
    }

    #[test]
    fn another_runtime_sweeps_when_that_of_the_sweeper_has_ended() {
        let policy = CachePolicy { lifetime: Duration::from_secs(10), ..CachePolicy::default() };
        let cache = UnwrapCache::new(policy);
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime")
        };
        let first = runtime().block_on(async { keep(&cache, 1) });
        runtime().block_on(async {
            let second = keep(&cache, 2);
            assert!(first.upgrade().is_some() && second.upgrade().is_some());
            tokio::time::sleep(Duration::from_millis(10_010)).await;
            assert!(first.upgrade().is_none() && second.upgrade().is_none());
        });
    }

    #[tokio::test]
    async fn none_keeps_nothing_and_questions_differ() {
        let cache = UnwrapCache::new(CachePolicy::NONE);
        assert!(keep(&cache, 1).upgrade().is_none());
        let cache = UnwrapCache::new(CachePolicy::default());
        let kept = keep(&cache, 1);
        let asked = key(1);
        for other in [
            UnwrapCacheKey { wrap: WrapAlgorithm::LegacyKms, ..asked.clone() },
            UnwrapCacheKey { content: WrappedContent::Iv, ..asked.clone() },
            UnwrapCacheKey { content: WrappedContent::SealedDataKey, ..asked.clone() },
            UnwrapCacheKey { blob: "2".into(), ..asked.clone() },
            UnwrapCacheKey { is_of_oss2: true, ..asked.clone() },
            UnwrapCacheKey { policy: Some(ReadPolicy::AUTHENTICATED), ..asked.clone() },
            UnwrapCacheKey { policy: Some(ReadPolicy::ALSO_UNAUTHENTICATED.with_moved()), ..asked.clone() },
            UnwrapCacheKey { policy: None, ..asked.clone() },
        ] {
            assert!(cache.find(&other).is_none(), "{other:?}");
        }
        assert!(cache.find(&asked).is_some() && kept.upgrade().is_some());
        let other = keep(&cache, 2);
        cache.forget(&asked);
        assert!(kept.upgrade().is_none() && cache.find(&asked).is_none(), "forgotten");
        assert!(other.upgrade().is_some() && cache.find(&key(2)).is_some());
        drop(cache);
        assert!(other.upgrade().is_none(), "wiped with the cache");
    }
}
