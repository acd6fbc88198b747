//! A service that refuses much of what it is asked: what comes through is whole, the rest is one clear error, and it is not asked much more often.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use osseal::transport::{Body, InProcess};
use osseal::{Error, ErrorKind, GetOptions, PutOptions, RetryPolicy, Store, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use tokio::time::Instant;

use super::transfers::{SMALL, bucket, part_plain, uploads};
use crate::support::{TestStore, ramp};

const WORKERS: usize = 32;
const TRANSFERS: u64 = 320;

fn refusal(retry_after: Option<u32>) -> Action {
    let headers = retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
    Action::Refuse { status: 503, code: "ServiceUnavailable".into(), headers: headers.into_iter().collect() }
}

fn store(world: &TestStore, retry: RetryPolicy) -> Store {
    world.store_with(Arc::new(world.transport()), |builder| builder.retry(retry))
}

/// The writes that were asked for, each once however often it was sent.
type Writes = Arc<Mutex<BTreeSet<(String, String)>>>;

/// The same over a network that keeps those.
fn watched(world: &TestStore, retry: RetryPolicy) -> (Store, Writes) {
    let (service, writes) = (world.service.clone(), Writes::default());
    let seen = writes.clone();
    let transport = InProcess::new(move |request: http::Request<Body>| {
        if request.method() != http::Method::GET && request.method() != http::Method::HEAD {
            // What begins again is sent more often, not needed more often.
            let uri = request.uri().to_string();
            let what = uri.split("uploadId=").next().unwrap_or_default().to_owned();
            seen.lock().unwrap().insert((request.method().to_string(), what));
        }
        service.call(request)
    });
    (world.store_with(Arc::new(transport), |builder| builder.retry(retry)), writes)
}

/// What came of a storm.
#[derive(Debug, Default)]
struct Outcome {
    stored: u64,
    read: u64,
    /// Errors of transfers.
    errors: Vec<Error>,
    /// Requests that the server got, and those without which the transfers would not have come as far as they did: each write once, and one for each get.
    /// What it takes to find out what became of a write, or to ask again, is beyond them.
    sent: u64,
    needed: u64,
}

impl Outcome {
    /// Requests for each hundred that were needed.
    fn amplification(&self) -> u64 {
        100 * self.sent / self.needed
    }
}

/// Puts and gets by many workers, in a store that has the object `there`, while the service refuses a share.
async fn storm(
    world: &TestStore,
    suite: Suite,
    per_cent: u8,
    retry_after: Option<u32>,
    retry: RetryPolicy,
) -> Outcome {
    let big = 2 * part_plain(suite) + 33;
    bucket(&world.store(), suite).put("there", ramp(SMALL), PutOptions::default()).await.unwrap();
    let (store, writes) = watched(world, retry);
    let bucket = bucket(&store, suite);
    let before = world.faults.total();
    world.faults.inject(Fault::new(refusal(retry_after)).share(per_cent));
    let outcome = Mutex::new(Outcome::default());
    stream::iter(0..TRANSFERS)
        .for_each_concurrent(WORKERS, async |number| {
            let (key, kind) = (format!("k{number}"), number % 3);
            let done = match kind {
                0 => bucket.put(&key, ramp(SMALL), PutOptions::default()).await.map(drop),
                1 => bucket.put(&key, ramp(big), PutOptions::default()).await.map(drop),
                _ => {
                    let read = async { bucket.get("there", GetOptions::default()).await?.bytes().await };
                    read.await.map(|read| assert!(read == ramp(SMALL), "other bytes"))
                }
            };
            let mut outcome = outcome.lock().unwrap();
            match done {
                Ok(()) if kind == 2 => outcome.read += 1,
                Ok(()) => outcome.stored += 1,
                Err(error) => outcome.errors.push(error),
            }
        })
        .await;
    store.idle().await;
    let sent = world.faults.total() - before;
    world.faults.clear();
    let gets = (0..TRANSFERS).filter(|number| number % 3 == 2).count();
    let needed = (writes.lock().unwrap().len() + gets) as u64;
    let outcome = Outcome { sent, needed, ..outcome.into_inner().unwrap() };
    // What was said to be stored is there and whole; nothing is there of another length.
    let mut there = 0;
    for number in (0..TRANSFERS).filter(|number| number % 3 != 2) {
        let wanted = if number % 3 == 0 { SMALL } else { big };
        match world.bucket().get(&format!("k{number}"), GetOptions::default()).await {
            Ok(object) => {
                assert!(object.bytes().await.unwrap() == ramp(wanted), "other bytes");
                there += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
        }
    }
    assert!(there >= outcome.stored, "{there} of {}", outcome.stored);
    for error in &outcome.errors {
        assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
    }
    outcome
}

/// The uploads that are left, but for those that an error names.
async fn left(world: &TestStore, outcome: &Outcome) -> Vec<String> {
    let texts: Vec<String> = outcome.errors.iter().map(ToString::to_string).collect();
    let all = uploads(world).await.into_iter().map(|(_, id)| id);
    all.filter(|id| !texts.iter().any(|text| text.contains(id.as_str()))).collect()
}

#[tokio::test(start_paused = true)]
async fn one_refusal_in_ten_costs_one_request_in_ten() {
    for suite in Suite::ALL {
        for retry_after in [None, Some(2)] {
            let world = TestStore::of(suite).await;
            let outcome = storm(&world, suite, 10, retry_after, RetryPolicy::default()).await;
            assert_eq!(uploads(&world).await, [], "{suite:?} {retry_after:?}");
            // Five refusals in a row are one in 100,000.
            assert!(outcome.errors.len() < 3, "{:?}", outcome.errors);
            let amplification = outcome.amplification();
            assert!((102..=120).contains(&amplification), "{suite:?} {retry_after:?}: {amplification}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_refused_is_what_comes_through_and_clear_errors() {
    for suite in Suite::ALL {
        for retry_after in [None, Some(2)] {
            let world = TestStore::of(suite).await;
            let outcome = storm(&world, suite, 50, retry_after, RetryPolicy::default()).await;
            assert_eq!(left(&world, &outcome).await, [""; 0], "{suite:?} {retry_after:?}");
            assert!(outcome.stored > 10 && outcome.read > 10 && outcome.errors.len() > 10, "{outcome:?}");
            let amplification = outcome.amplification();
            assert!(amplification <= 200, "{suite:?} {retry_after:?}: {amplification}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_gone_is_asked_hardly_more_often() {
    for suite in Suite::ALL {
        for retry_after in [None, Some(2)] {
            let world = TestStore::of(suite).await;
            let outcome = storm(&world, suite, 100, retry_after, RetryPolicy::default()).await;
            assert_eq!((outcome.stored, outcome.read, outcome.errors.len() as u64), (0, 0, TRANSFERS));
            assert_eq!(uploads(&world).await, []);
            let amplification = outcome.amplification();
            assert!(amplification <= 200, "{suite:?} {retry_after:?}: {amplification}");
            assert!(outcome.errors.iter().all(|error| error.code() == "ServiceUnavailable"));
        }
    }
}

/// A fresh budget for each transfer is what the bars above do not let pass.
#[tokio::test(start_paused = true)]
async fn the_control_has_a_budget_for_each_call() {
    let world = TestStore::new().await;
    world.faults.inject(Fault::new(refusal(None)).always());
    let before = world.faults.total();
    for number in 0..TRANSFERS {
        let bucket = bucket(&store(&world, RetryPolicy::default()), Suite::AesCtr);
        bucket.put(&format!("k{number}"), ramp(10), PutOptions::default()).await.unwrap_err();
    }
    assert_eq!(world.faults.total() - before, 5 * TRANSFERS);
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_service_asks_for_is_kept() {
    let world = TestStore::new().await;
    let retry = RetryPolicy { base: Duration::from_millis(10), ..RetryPolicy::default() };
    let bucket = bucket(&store(&world, retry), Suite::AesCtr);
    for (asked, kept) in [(0, 0), (7, 7), (100, 20)] {
        world.faults.inject(Fault::new(refusal(Some(asked))).on(Operation::PutObject));
        let begin = Instant::now();
        bucket.put("k", ramp(10), PutOptions::default()).await.unwrap();
        let took = begin.elapsed();
        let kept = Duration::from_secs(kept);
        assert!(kept <= took && took < kept + Duration::from_millis(50), "{asked}: {took:?}");
    }
    // A date, and nonsense, are as if nothing had been said.
    for other in ["Wed, 21 Oct 2065 07:28:00 GMT", "-1", "soon"] {
        let headers = vec![("retry-after".to_owned(), other.to_owned())];
        let refusal = Action::Refuse { status: 503, code: "ServiceUnavailable".into(), headers };
        world.faults.inject(Fault::new(refusal).on(Operation::PutObject));
        let begin = Instant::now();
        bucket.put("k", ramp(10), PutOptions::default()).await.unwrap();
        assert!(begin.elapsed() < Duration::from_millis(50), "{other}");
    }
}

/// Workers that were refused together do not come back together, and when the service is well again they are served at once.
#[tokio::test(start_paused = true)]
async fn afterwards_everything_goes_on() {
    let world = TestStore::new().await;
    let retry = RetryPolicy::default();
    world.faults.inject(Fault::new(refusal(None)).lasting(Duration::from_secs(60)));
    let bucket = bucket(&store(&world, retry), Suite::AesCtr);
    let (begin, first, failed) = (Instant::now(), Mutex::new(Vec::new()), AtomicU64::new(0));
    stream::iter(0..WORKERS)
        .for_each_concurrent(WORKERS, async |number| {
            while let Err(error) = bucket.put(&format!("k{number}"), ramp(10), PutOptions::default()).await {
                assert_eq!(error.kind(), ErrorKind::Transient);
                failed.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            first.lock().unwrap().push(begin.elapsed());
        })
        .await;
    let first = first.into_inner().unwrap();
    assert!(failed.into_inner() > 100);
    assert!(first.iter().all(|at| *at < Duration::from_secs(65)), "{first:?}");
    let moments: BTreeSet<_> = first.iter().map(Duration::as_millis).collect();
    assert!(moments.len() > 1, "{moments:?}");
}
