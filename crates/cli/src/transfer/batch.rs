//! Many pieces of work, some at a time. One that fails does not stop the others.

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::json;

use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::text::size;

/// The result of one item.
pub(crate) enum Done {
    /// It was done; this many bytes.
    Moved(u64),
    /// It was skipped.
    Skipped,
    /// It was deleted.
    Deleted,
}

/// Counts of all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    done: u64,
    bytes: u64,
    skipped: u64,
    /// Where something can be deleted.
    deleted: Option<u64>,
    failed: u64,
    first: Option<Failure>,
}

/// Does `work` for every item, `jobs` at a time. An item may itself be the reason why it cannot be worked on. Work that panics is a failure like any other.
pub(crate) async fn run<T, F: Future<Output = Result<Done, Failure>>>(
    jobs: u16,
    items: impl Stream<Item = Result<T, Failure>>,
    work: impl Fn(T) -> F,
) -> Tally {
    let mut tally = Tally::default();
    let outcomes = items.map(|item| {
        let outcome = AssertUnwindSafe(async { work(item?).await }).catch_unwind();
        outcome.map(|outcome| {
            outcome.unwrap_or_else(|_| Err(Failure::new(Exit::Local, "the work on one of them broke down")))
        })
    });
    let outcomes = outcomes.buffer_unordered(usize::from(jobs));
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        tally.count(outcome);
    }
    tally
}

/// Items that are known already.
pub(crate) fn known<T>(items: Vec<Result<T, Failure>>) -> impl Stream<Item = Result<T, Failure>> {
    stream::iter(items)
}

impl Tally {
    /// The same, of a command that may delete.
    pub(crate) fn with_deletions(self) -> Tally {
        Tally { deleted: self.deleted.or(Some(0)), ..self }
    }

    /// How many pieces failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether the batch had no items.
    pub(crate) fn is_empty(&self) -> bool {
        self.done + self.skipped + self.failed == 0
    }

    /// Counts the result of one item, and prints a failure.
    pub(crate) fn count(&mut self, outcome: Result<Done, Failure>) {
        match outcome {
            Ok(Done::Moved(bytes)) => {
                self.done += 1;
                self.bytes += bytes;
            }
            Ok(Done::Skipped) => self.skipped += 1,
            Ok(Done::Deleted) => *self.deleted.get_or_insert(0) += 1,
            Err(failure) => {
                self.failed += 1;
                failure.print();
                self.first.get_or_insert(failure);
            }
        }
    }

    /// Reports the counts; the outcome is that of the first failure.
    pub(crate) fn finish(self, output: Output, verb: &str) -> Result<(), Failure> {
        let Tally { done, bytes, skipped, deleted, failed, first } = self;
        let mut report =
            json!({ "summary": { "done": done, "bytes": bytes, "skipped": skipped, "failed": failed } });
        if let Some(deleted) = deleted {
            report["summary"]["deleted"] = json!(deleted);
        }
        let mut words = format!("{verb} {done} ({})", size(bytes));
        if skipped > 0 {
            _ = write!(words, ", left {skipped} as they were");
        }
        if let Some(deleted) = deleted.filter(|count| *count > 0) {
            _ = write!(words, ", deleted {deleted}");
        }
        if failed > 0 {
            _ = write!(words, ", failed {failed}");
        }
        output.report(&report, format_args!("{words}"))?;
        match first {
            None => Ok(()),
            Some(first) => Err(first.summed(failed, done + skipped + deleted.unwrap_or(0) + failed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fails_or_panics_does_not_stop_the_rest() {
        for jobs in [1, 4] {
            let items =
                (0..20_u32).map(|n| if n == 3 { Err(Failure::new(Exit::Usage, "no item")) } else { Ok(n) });
            let tally = run(jobs, known(items.collect()), |n| async move {
                assert_ne!(n, 7, "a panic on purpose");
                if n == 11 { Err(Failure::new(Exit::Local, "no work")) } else { Ok(Done::Moved(1)) }
            });
            let tally = tally.await;
            assert_eq!((tally.done, tally.bytes, tally.failed), (17, 17, 3));
        }
    }
}
