//! Runs CPU-bound unwraps (RSA takes about a millisecond) on blocking threads, where they delay no other task, and where
//! both values of an AES-CTR object are unwrapped in parallel.

use std::sync::Arc;

use osseal_core::{KeyError, KeyFuture, Keyring, Secret, UnwrapKey, UnwrapRequest, WrapAlgorithm};
use tokio::runtime::Handle;

use crate::runtime::join;

/// The same keyring, whose keys that compute do so on_blocking_threads.
pub(crate) fn on_blocking_threads(keyring: Keyring) -> Keyring {
    keyring.map_unwrapping(|key| if key.computes() { Arc::new(BlockingUnwrap(key)) } else { key })
}

struct BlockingUnwrap(Arc<dyn UnwrapKey>);

impl UnwrapKey for BlockingUnwrap {
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool {
        self.0.unwraps(algorithm)
    }

    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        let key = Arc::clone(&self.0);
        let UnwrapRequest { wrap, wrapped, content, policy } = request;
        let (wrapped, policy) = (wrapped.clone(), policy.cloned());
        Box::pin(async move {
            let runtime = Handle::current();
            let computed = tokio::task::spawn_blocking(move || {
                let request = UnwrapRequest { wrap, wrapped: &wrapped, content, policy: policy.as_ref() };
                runtime.block_on(key.unwrap(request))
            });
            join::outcome(computed.await).unwrap_or_else(|| {
                Err(KeyError::Unavailable { message: "the program is ending".to_owned(), retryable: false })
            })
        })
    }

    fn forget(&self, request: UnwrapRequest<'_>) {
        self.0.forget(request);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::sync::Barrier;
    use std::thread::{self, ThreadId};

    use osseal_core::{MaterialDescription, NamedKey, Wrapped, WrappedContent};

    use super::*;

    /// Two of its calls meet, or none of them ends.
    struct Meeting {
        computes: bool,
        barrier: Barrier,
        caller: ThreadId,
    }

    impl UnwrapKey for Meeting {
        fn unwraps(&self, _: WrapAlgorithm) -> bool {
            true
        }

        fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
            Box::pin(async move {
                assert_eq!(thread::current().id() == self.caller, !self.computes);
                self.barrier.wait();
                Ok(Secret::new(request.wrapped.0.clone()))
            })
        }

        fn computes(&self) -> bool {
            self.computes
        }
    }

    fn through_the_keyring(computes: bool, meeting: usize) -> Arc<dyn UnwrapKey> {
        let key = Meeting { computes, barrier: Barrier::new(meeting), caller: thread::current().id() };
        let named = NamedKey::new("meeting", MaterialDescription::empty()).unwrapping(Arc::new(key));
        let found = std::sync::Mutex::new(None);
        let keyring = on_blocking_threads(Keyring::new(vec![named]).unwrap());
        drop(keyring.map_unwrapping(|key| {
            *found.lock().unwrap() = Some(Arc::clone(&key));
            key
        }));
        found.into_inner().unwrap().unwrap()
    }

    #[tokio::test]
    async fn keys_that_compute_do_so_side_by_side() {
        let key = through_the_keyring(true, 2);
        let (one, two) = (Wrapped(vec![1]), Wrapped(vec![2]));
        let ask = |wrapped| {
            key.unwrap(UnwrapRequest::new(WrapAlgorithm::RsaPkcs1, wrapped, WrappedContent::DataKey))
        };
        let (one, two) = tokio::join!(ask(&one), ask(&two));
        assert_eq!((one.unwrap().expose(), two.unwrap().expose()), (&[1][..], &[2][..]));
    }

    #[tokio::test]
    async fn keys_that_wait_stay_where_they_are() {
        let key = through_the_keyring(false, 1);
        let wrapped = Wrapped(vec![3]);
        let request = UnwrapRequest::new(WrapAlgorithm::Kms, &wrapped, WrappedContent::DataKey);
        assert_eq!(key.unwrap(request).await.unwrap().expose(), [3]);
    }
}
