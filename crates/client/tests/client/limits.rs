//! Bodies that crawl, and bodies that are held back on purpose. Time is virtual.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{TestStore, keyring, ramp};
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use osseal::transport::{Body, BoxError, InProcess, Throttled, Transport};
use osseal::{EncryptedBucket, ErrorKind, GetOptions, PutOptions, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use tokio::time::{Instant, sleep};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// How fast a side is: so many bytes, then a pause.
#[derive(Clone, Copy)]
struct Pace(u64, Duration);

impl Pace {
    const FREE: Pace = Pace(u64::MAX, Duration::ZERO);

    fn of(self, body: Body) -> Body {
        let pieces = stream::unfold((body, Bytes::new()), move |(mut body, mut rest)| async move {
            while rest.is_empty() {
                rest = match body.frame().await? {
                    Ok(frame) => frame.into_data().unwrap_or_default(),
                    Err(error) => return Some((Err(error), (body, rest))),
                };
            }
            sleep(self.1).await;
            let piece = usize::try_from(self.0).unwrap_or(usize::MAX).min(rest.len());
            Some((Ok::<_, BoxError>(Frame::data(rest.split_to(piece))), (body, rest)))
        });
        StreamBody::new(pieces).boxed_unsync()
    }
}

/// A bucket behind a network of that pace in each direction, which sends up to 8 MiB in one request.
fn bucket(world: &TestStore, up: Pace, down: Pace) -> EncryptedBucket {
    let service = world.service.clone();
    bucket_over(
        world,
        Arc::new(InProcess::new(move |request: http::Request<Body>| {
            let reply = service.call(request.map(|body| up.of(body)));
            async move { Ok::<_, BoxError>(reply.await?.map(|body| down.of(body))) }
        })),
    )
}

fn bucket_over(world: &TestStore, transport: Arc<dyn Transport>) -> EncryptedBucket {
    let store = world.store_with(transport, |builder| builder);
    let builder = EncryptedBucket::builder(store, "box").keyring(keyring(&["test"]));
    builder.multipart_threshold(8 * MIB).build().unwrap()
}

async fn read(bucket: &EncryptedBucket, key: &str) -> Result<Bytes, osseal::Error> {
    bucket.get(key, GetOptions::default()).await?.bytes().await
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_ends() {
    let world = TestStore::new().await;
    bucket(&world, Pace::FREE, Pace::FREE).put("k", ramp(MIB), PutOptions::default()).await.unwrap();
    for (bytes, is_enough) in [(1, false), (900, false), (2 * KIB, true)] {
        let (begin, before) = (Instant::now(), world.calls(Operation::GetObject));
        let slow = bucket(&world, Pace::FREE, Pace(bytes, Duration::from_secs(1)));
        let read = read(&slow, "k").await;
        if is_enough {
            assert_eq!(read.unwrap(), ramp(MIB));
            assert_eq!(world.calls(Operation::GetObject) - before, 1);
        } else {
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Transient, "{bytes} bytes a second");
            // The first reply, and five that go on.
            assert_eq!(world.calls(Operation::GetObject) - before, 6);
            assert!(begin.elapsed() < Duration::from_secs(6 * 31), "{:?}", begin.elapsed());
        }
    }
}

/// Each connection brings a little and breaks off.
#[tokio::test(start_paused = true)]
async fn a_body_that_gains_next_to_nothing_from_a_connection_ends() {
    let world = TestStore::new().await;
    let bucket = bucket(&world, Pace::FREE, Pace::FREE);
    for (size, after, is_enough) in [
        (MIB, 0, false),
        (MIB, 1, false),
        (MIB, 60 * KIB, false),
        (MIB, 64 * KIB, true),
        (1000, 100, true),
        (10, 3, true),
    ] {
        bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
        let before = world.calls(Operation::GetObject);
        let cut = Fault::new(Action::CutReply { after }).on(Operation::GetObject);
        world.faults.inject(cut.always());
        let outcome = read(&bucket, "k").await;
        world.faults.clear();
        let calls = world.calls(Operation::GetObject) - before;
        let stored = Suite::Sealed.layout().stored_len(size).unwrap();
        if is_enough {
            assert!(
                outcome.unwrap() == ramp(size) && calls == stored.div_ceil(after),
                "{size} {after}: {calls}"
            );
        } else {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Transient, "{size} {after}");
            // The first reply, and five that go on.
            assert_eq!(calls, 6, "{size} {after}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_takes_his_time_is_not_stalled() {
    let world = TestStore::new().await;
    let bucket = bucket(&world, Pace::FREE, Pace(16 * KIB, Duration::from_millis(10)));
    bucket.put("k", ramp(MIB), PutOptions::default()).await.unwrap();
    let mut object = bucket.get("k", GetOptions::default()).await.unwrap();
    let mut got = 0;
    while let Some(chunk) = object.next_chunk().await.unwrap() {
        got += chunk.bytes.len() as u64;
        sleep(Duration::from_secs(40)).await;
    }
    assert_eq!((got, world.calls(Operation::GetObject)), (MIB, 1));
}

#[tokio::test(start_paused = true)]
async fn an_upload_ends_when_the_network_takes_no_more() {
    let world = TestStore::new().await;
    // 16 KiB a second is slow, and gets there.
    let slow = bucket(&world, Pace(16 * KIB, Duration::from_secs(1)), Pace::FREE);
    slow.put("k", ramp(6 * MIB), PutOptions::default()).await.unwrap();
    assert_eq!(world.calls(Operation::PutObject), 1);
    let begin = Instant::now();
    let stuck = bucket(&world, Pace(1, Duration::from_secs(1)), Pace::FREE);
    let error = stuck.put("k", ramp(6 * MIB), PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(begin.elapsed() < Duration::from_secs(5 * 190), "{:?}", begin.elapsed());
    assert_eq!(read(&slow, "k").await.unwrap(), ramp(6 * MIB));
}

#[tokio::test(start_paused = true)]
async fn bandwidth_is_of_all_connections_both_ways() {
    let world = TestStore::new().await;
    let throttled = || bucket_over(&world, Arc::new(Throttled::new(Arc::new(world.transport()), MIB)));
    let bucket = throttled();
    let begin = Instant::now();
    bucket.put("k", ramp(4 * MIB), PutOptions::default()).await.unwrap();
    assert_eq!(read(&bucket, "k").await.unwrap(), ramp(4 * MIB));
    let seconds = begin.elapsed().as_secs_f64();
    assert!((7.9..8.3).contains(&seconds), "{seconds}");

    let begin = Instant::now();
    let puts = (0..8).map(|n| bucket.put(["a", "b"][n % 2], ramp(MIB), PutOptions::default()));
    let gets = (0..8).map(|_| read(&bucket, "k"));
    let (puts, gets) = tokio::join!(join_all(puts), join_all(gets));
    assert!(puts.iter().all(Result::is_ok) && gets.iter().all(Result::is_ok));
    let seconds = begin.elapsed().as_secs_f64();
    assert!((39.5..41.0).contains(&seconds), "{seconds}");

    // What is sent again counts again.
    let begin = Instant::now();
    world.order(Operation::PutObject, Action::LoseReply);
    bucket.put("again", ramp(2 * MIB), PutOptions::default()).await.unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    assert!((3.9..4.3).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn bandwidth_is_shared_with_a_transport_beside() {
    let world = TestStore::new().await;
    let one = Arc::new(Throttled::new(Arc::new(world.transport()), MIB));
    let beside = one.beside(Arc::new(world.transport()));
    let apart = Throttled::new(Arc::new(world.transport()), MIB);
    for (other, expected) in [(beside, 7.9..8.3), (apart, 3.9..4.3)] {
        let buckets = [bucket_over(&world, one.clone()), bucket_over(&world, Arc::new(other))];
        let begin = Instant::now();
        let puts = buckets.iter().zip(["a", "b"]);
        let puts = puts.map(|(bucket, key)| bucket.put(key, ramp(4 * MIB), PutOptions::default()));
        assert!(join_all(puts).await.iter().all(Result::is_ok));
        let seconds = begin.elapsed().as_secs_f64();
        assert!(expected.contains(&seconds), "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_not_stalled() {
    let world = TestStore::new().await;
    let bucket = bucket_over(&world, Arc::new(Throttled::new(Arc::new(world.transport()), 8 * KIB)));
    let begin = Instant::now();
    let puts = (0..16).map(|n| {
        let bucket = bucket.clone();
        async move { bucket.put(&format!("k{n}"), ramp(300 * KIB), PutOptions::default()).await }
    });
    assert!(join_all(puts).await.iter().all(Result::is_ok));
    let keys: Vec<_> = (0..16).map(|n| format!("k{n}")).collect();
    assert!(join_all(keys.iter().map(|key| read(&bucket, key))).await.iter().all(Result::is_ok));
    assert_eq!((world.calls(Operation::PutObject), world.calls(Operation::GetObject)), (16, 16));
    assert!(begin.elapsed() > Duration::from_secs(2 * 16 * 300 / 8));
}
