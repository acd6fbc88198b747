//! Single-flight: callers that want the same thing at the same time share one execution.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

/// An execution that several callers wait for.
pub(crate) type InFlight<T> = Shared<BoxFuture<'static, T>>;

type Executions<K, T> = HashMap<K, WeakShared<BoxFuture<'static, T>>>;

/// Executions by key. The callers drive an execution: it stops when the last of them is dropped.
pub(crate) struct SingleFlight<K, T> {
    executions: Arc<Mutex<Executions<K, T>>>,
}

/// The result of [`SingleFlight::join`].
pub(crate) enum Joined<T> {
    /// The execution that an earlier caller started.
    Running(InFlight<T>),
    /// A new execution.
    Started(InFlight<T>),
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the execution for `key`, or starts one with `work`.
    ///
    /// The entry goes when the work is done and before any caller sees its result, so a caller that comes
    /// afterwards never gets an old result.
    pub(crate) fn join(&self, key: K, work: impl Future<Output = T> + Send + 'static) -> Joined<T> {
        let mut executions = lock(&self.executions);
        if let Some(running) = executions.get(&key).and_then(WeakShared::upgrade) {
            return Joined::Running(running);
        }
        // Executions that all callers abandoned never remove themselves.
        executions.retain(|_, execution| execution.upgrade().is_some());
        let (shared, own_key) = (Arc::clone(&self.executions), key.clone());
        let execution = async move {
            let result = work.await;
            lock(&shared).remove(&own_key);
            result
        };
        let execution = execution.boxed().shared();
        executions.extend(execution.downgrade().map(|weak| (key, weak)));
        Joined::Started(execution)
    }
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        SingleFlight { executions: Arc::default() }
    }
}

fn lock<K, T>(executions: &Mutex<Executions<K, T>>) -> MutexGuard<'_, Executions<K, T>> {
    executions.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Work that counts its executions and ends when it is notified.
    fn work(runs: &Arc<AtomicU32>, end: &Arc<Notify>) -> impl Future<Output = u32> + Send + 'static {
        let (runs, end) = (runs.clone(), end.clone());
        async move {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            end.notified().await;
            run
        }
    }

    fn started<T>(joined: Joined<T>) -> InFlight<T> {
        match joined {
            Joined::Started(execution) => execution,
            Joined::Running(_) => panic!("an execution was running"),
        }
    }

    fn running<T>(joined: Joined<T>) -> InFlight<T> {
        match joined {
            Joined::Running(execution) => execution,
            Joined::Started(_) => panic!("no execution was running"),
        }
    }

    #[tokio::test]
    async fn callers_with_the_same_key_share_one_execution() {
        let flights = SingleFlight::<&str, u32>::default();
        let (runs, end) = (Arc::default(), Arc::<Notify>::default());
        let first = started(flights.join("a", work(&runs, &end)));
        let second = running(flights.join("a", work(&runs, &end)));
        let other = started(flights.join("b", async { 7 }));
        end.notify_one();
        assert_eq!(tokio::join!(first, second, other), (1, 1, 7));
    }

    #[tokio::test]
    async fn a_finished_execution_is_not_joined() {
        let flights = SingleFlight::<&str, u32>::default();
        let (runs, end) = (Arc::default(), Arc::<Notify>::default());
        let first = started(flights.join("a", work(&runs, &end)));
        end.notify_one();
        assert_eq!(first.clone().await, 1);
        let second = started(flights.join("a", work(&runs, &end)));
        end.notify_one();
        assert_eq!((first.await, second.await), (1, 2));
    }

    #[tokio::test]
    async fn an_abandoned_execution_is_replaced() {
        let flights = SingleFlight::<&str, u32>::default();
        let (runs, end) = (Arc::default(), Arc::<Notify>::default());
        drop(started(flights.join("a", work(&runs, &end))));
        let second = started(flights.join("a", work(&runs, &end)));
        end.notify_one();
        assert_eq!(second.await, 1);
    }
}
