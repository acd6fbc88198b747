//! Replies that break off or stall, places that take no more, downloads that nobody wants any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use osseal::{ErrorKind, GetOptions, Suite, WriteAt};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::{at_places, in_order, part, stored};
use crate::support::{PART, ramp};

#[tokio::test]
async fn a_body_cut_anywhere_goes_on() {
    for suite in Suite::ALL {
        let size = 3 * part(suite) + 100;
        let world = stored(suite, size).await;
        let bucket = world.bucket();
        let stored_part = if suite == Suite::Sealed { 7 * 16_400 } else { PART };
        for cut in [0, 1, 15, 16, 17, 16_399, 16_400, 16_401, stored_part - 1] {
            for skip in 0..4 {
                for order in [true, false] {
                    let fault = Fault::new(Action::CutReply { after: cut }).on(Operation::GetObject);
                    world.faults.inject(fault.skip(skip));
                    let download = bucket.download("k", GetOptions::default()).await.unwrap();
                    let read = if order {
                        in_order(download).await.map_err(|(error, _)| error)
                    } else {
                        at_places(download).await
                    };
                    assert_eq!(read.unwrap(), ramp(size), "{suite:?}: reply {skip} cut at {cut}");
                    world.faults.clear();
                }
            }
        }
        // Every reply cut, at a place that lets it advance: still whole. One that never advances: an error that says so.
        world.faults.inject(Fault::new(Action::CutReply { after: 40_000 }).on(Operation::GetObject).always());
        assert_eq!(
            at_places(bucket.download("k", GetOptions::default()).await.unwrap()).await.unwrap(),
            ramp(size)
        );
        world.faults.clear();
        world
            .faults
            .inject(Fault::new(Action::CutReply { after: 0 }).on(Operation::GetObject).skip(1).always());
        let error = at_places(bucket.download("k", GetOptions::default()).await.unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
        let (error, read) =
            in_order(bucket.download("k", GetOptions::default()).await.unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
        assert_eq!(read, ramp(size)[..read.len()]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_stalls_is_replaced() {
    for suite in Suite::ALL {
        let size = 3 * part(suite) + 100;
        let world = stored(suite, size).await;
        for skip in 0..4 {
            world
                .faults
                .inject(Fault::new(Action::StallReply { after: 70 }).on(Operation::GetObject).skip(skip));
            let download = world.bucket().download("k", GetOptions::default()).await.unwrap();
            assert_eq!(in_order(download).await.unwrap(), ramp(size), "{skip}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_dropped_at_any_poll_leaves_no_task() {
    let metrics = tokio::runtime::Handle::current().metrics();
    for suite in Suite::ALL {
        let size = 4 * part(suite);
        let world = stored(suite, size).await;
        let bucket = world.bucket();
        // Every reply is waited for.
        let wait = Action::Delay(Duration::from_millis(1));
        world.faults.inject(Fault::new(wait).on(Operation::GetObject).always());
        let before = metrics.num_alive_tasks();
        for order in [true, false] {
            let mut polls = 0;
            loop {
                let read = async {
                    let download = bucket.download("k", GetOptions::default()).await.unwrap();
                    if order {
                        drop(in_order(download).await.unwrap());
                    } else {
                        drop(at_places(download).await.unwrap());
                    }
                };
                let mut read = Box::pin(read);
                let mut left = polls;
                let ended = std::future::poll_fn(|cx| match read.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(true),
                    Poll::Pending if left == 0 => Poll::Ready(false),
                    Poll::Pending => {
                        left -= 1;
                        Poll::Pending
                    }
                })
                .await;
                drop(read);
                // Aborted tasks end when they would have gone on.
                let mut patience = 1000;
                while metrics.num_alive_tasks() > before {
                    patience -= 1;
                    assert!(patience > 0, "tasks are left after {polls} polls");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                if ended {
                    break;
                }
                polls += 1;
            }
            assert!(polls > 2, "{polls}");
        }
    }
}

/// A disk that is full after some bytes.
struct Full(u64);

impl WriteAt for Full {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        if offset + bytes.len() as u64 > self.0 {
            Err(std::io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

#[tokio::test]
async fn a_place_that_takes_no_more_is_a_failure_on_this_side() {
    let world = stored(Suite::Sealed, 5 * part(Suite::Sealed)).await;
    for room in [0, 100_000, 300_000] {
        let download = world.bucket().download("k", GetOptions::default()).await.unwrap();
        let error = download.write_to(Full(room)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local, "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

/// A place that is slow, and counts.
#[derive(Clone, Default)]
struct Slow {
    begun: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
}

impl WriteAt for Slow {
    fn write_at(&self, _: u64, _: &[u8]) -> std::io::Result<()> {
        self.begun.fetch_add(1, Ordering::AcqRel);
        std::thread::sleep(Duration::from_millis(30));
        self.done.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn is_serial(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_after_the_end() {
    for suite in Suite::ALL {
        let world = stored(suite, 8 * part(suite)).await;
        let refusal = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::GetObject);
        world.faults.inject(refusal.skip(4).always());
        let download = world.bucket().download("k", GetOptions::default()).await.unwrap();
        let slow = Slow::default();
        download.write_to(slow.clone()).await.unwrap_err();
        let begun = slow.begun.load(Ordering::Acquire);
        assert_eq!(slow.done.load(Ordering::Acquire), begun, "{suite:?}");
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(begun > 0 && slow.begun.load(Ordering::Acquire) == begun, "{suite:?}");
    }
}
