//! Many pieces of work, some at a time. One that fails does not stop the others.

use std::fmt::Write as _;

use futures_util::stream::{self, Stream, StreamExt};
use serde_json::json;

use crate::exit::Failure;
use crate::output::{Output, size};

/// What became of one piece.
pub(crate) enum Done {
    /// It was done; this many bytes.
    Moved(u64),
    /// It was left out on purpose.
    Skipped,
}

/// Counts of all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    done: u64,
    bytes: u64,
    skipped: u64,
    failed: u64,
    first: Option<Failure>,
}

/// Does `work` for every item, `jobs` at a time. An item may itself be the reason why it cannot be worked on.
pub(crate) async fn run<T, F: Future<Output = Result<Done, Failure>>>(
    jobs: u16,
    items: impl Stream<Item = Result<T, Failure>>,
    work: impl Fn(T) -> F,
) -> Tally {
    let mut tally = Tally::default();
    let outcomes = items.map(|item| async { work(item?).await }).buffer_unordered(usize::from(jobs));
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
    /// Counts what became of one piece, and says why it failed.
    pub(crate) fn count(&mut self, outcome: Result<Done, Failure>) {
        match outcome {
            Ok(Done::Moved(bytes)) => {
                self.done += 1;
                self.bytes += bytes;
            }
            Ok(Done::Skipped) => self.skipped += 1,
            Err(failure) => {
                self.failed += 1;
                failure.print();
                self.first.get_or_insert(failure);
            }
        }
    }

    /// Reports the counts; the outcome is that of the first failure.
    pub(crate) fn finish(self, output: Output, verb: &str) -> Result<(), Failure> {
        let Tally { done, bytes, skipped, failed, first } = self;
        let report =
            json!({ "summary": { "done": done, "bytes": bytes, "skipped": skipped, "failed": failed } });
        let mut words = format!("{verb} {done} ({})", size(bytes));
        if skipped > 0 {
            _ = write!(words, ", left {skipped} as they were");
        }
        if failed > 0 {
            _ = write!(words, ", failed {failed}");
        }
        output.report(&report, format_args!("{words}"))?;
        match first {
            None => Ok(()),
            Some(first) => Err(first.summed(failed, done + skipped + failed)),
        }
    }
}
