//! Downloads by several requests: what comes, in which order, by how many requests, and what becomes of trouble on the way.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(unused, reason = "each test program uses its share of the support module")]

mod support;

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use osseal::{
    AesKey, ByteRange, Download, Error, ErrorKind, GetOptions, KeyFuture, Keyring, MaterialDescription,
    MemoryBudget, NamedKey, PutOptions, ReadPolicy, Secret, Suite, UnwrapKey, UnwrapRequest, WrapAlgorithm,
    WriteAt,
};
use osseal_server::Operation;
use osseal_server::faults::{Action, Fault};
use proptest::prelude::*;
use support::{PART, World, ramp};

/// Plaintext bytes of a chunk of a sealed object.
const CHUNK: u64 = 16_384;

/// Plaintext bytes of the smallest part.
fn part(suite: Suite) -> u64 {
    if suite == Suite::Sealed { 7 * CHUNK } else { PART }
}

/// A file in memory.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<u8>>>);

impl WriteAt for Shelf {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let (mut shelf, at) = (self.0.lock().unwrap(), usize::try_from(offset).unwrap());
        let end = at + bytes.len();
        if shelf.len() < end {
            shelf.resize(end, 0xee);
        }
        shelf[at..end].copy_from_slice(bytes);
        Ok(())
    }
}

async fn in_order(mut download: Download) -> Result<Vec<u8>, (Error, Vec<u8>)> {
    let (start, mut all) = (download.range().start, Vec::new());
    loop {
        match download.next_chunk().await {
            Ok(Some(chunk)) => {
                assert_eq!(chunk.offset, start + all.len() as u64);
                all.extend_from_slice(&chunk.bytes);
            }
            Ok(None) => return Ok(all),
            Err(error) => return Err((error, all)),
        }
    }
}

async fn at_places(download: Download) -> Result<Vec<u8>, Error> {
    let shelf = Shelf::default();
    let written = download.write_to(shelf.clone()).await?;
    let all = std::mem::take(&mut *shelf.0.lock().unwrap());
    assert_eq!(written, all.len() as u64);
    Ok(all)
}

async fn stored(suite: Suite, size: u64) -> World {
    let world = World::of(suite).await;
    world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap();
    world
}

#[tokio::test]
async fn every_size_around_parts_comes_back_by_one_request_a_part() {
    for suite in Suite::ALL {
        let part = part(suite);
        let world = World::of(suite).await;
        let bucket = world.bucket();
        let near = [1, 2, 3, 5].map(|n| [n * part - 1, n * part, n * part + 1]).concat();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1].into_iter().chain(near) {
            bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
            let (gets, heads) = (world.calls(Operation::GetObject), world.calls(Operation::HeadObject));
            let download = bucket.download("k", GetOptions::default()).await.unwrap();
            assert_eq!((download.info().plain_size, download.range()), (size, 0..size));
            assert_eq!(in_order(download).await.unwrap(), ramp(size), "{size}");
            let calls = world.calls(Operation::GetObject) - gets;
            // No range can be had of an empty object. Whole sealed parts end with a chunk that is empty, and past the first part.
            let wanted = match (suite, size) {
                (Suite::AesCtr, 0) => 2,
                (Suite::Sealed, size) if size == part => 2,
                _ => size.div_ceil(part).max(1),
            };
            assert_eq!((calls, world.calls(Operation::HeadObject)), (wanted, heads), "{suite:?} {size}");
            let download = bucket.download("k", GetOptions::default()).await.unwrap();
            assert_eq!(at_places(download).await.unwrap(), ramp(size), "{size}");
            assert_eq!(world.calls(Operation::GetObject) - gets, 2 * wanted);
        }
    }
}

#[tokio::test]
async fn ranges_are_what_they_are_of_one_get() {
    for suite in Suite::ALL {
        let (part, size) = (part(suite), 4 * part(suite) + 777);
        let world = stored(suite, size).await;
        let edges = [0, 1, CHUNK, part - 1, part, part + 1, 3 * part, size - 1, size, size + 9];
        let mut ranges = Vec::new();
        for a in edges {
            ranges.push(ByteRange::From(a));
            ranges.push(ByteRange::Suffix(a));
            ranges.extend(edges.into_iter().filter(|b| a <= *b).map(|b| ByteRange::Bounded(a..b)));
        }
        for jobs in [1, 3] {
            let bucket = world.builder().jobs(NonZeroU16::new(jobs).unwrap()).build().unwrap();
            for range in &ranges {
                let options = || GetOptions::default().range(range.clone());
                let wanted = async { bucket.get("k", options()).await?.bytes().await };
                match (wanted.await, bucket.download("k", options()).await) {
                    (Ok(wanted), Ok(download)) => {
                        assert_eq!(in_order(download).await.unwrap(), wanted, "{range:?}");
                        let download = bucket.download("k", options()).await.unwrap();
                        assert_eq!(at_places(download).await.unwrap(), wanted, "{range:?}");
                    }
                    (Err(wanted), Err(error)) => assert_eq!(wanted.kind(), error.kind(), "{range:?}"),
                    (wanted, download) => panic!("{range:?}: {wanted:?}, {download:?}"),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn any_part_size_any_budget_any_number_of_jobs(
        size in 0_u64..900_000,
        part in 1_u64..400_000,
        jobs in 1_u16..6,
        memory in 0_u64..800_000,
        is_sealed: bool,
        guesses_sealed: bool,
    ) {
        let suite = if is_sealed { Suite::Sealed } else { Suite::AesCtr };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = stored(suite, size).await;
            // The reader may take the object for one of the other suite at first.
            let guess = if guesses_sealed { Suite::Sealed } else { Suite::AesCtr };
            let bucket = world
                .builder()
                .suite(guess)
                .read_policy(ReadPolicy::for_writer_of(Suite::AesCtr))
                .part_size(part)
                .jobs(NonZeroU16::new(jobs).unwrap())
                .memory(MemoryBudget::new(memory))
                .build()
                .unwrap();
            let patience = Duration::from_secs(20);
            let read = async { in_order(bucket.download("k", GetOptions::default()).await.unwrap()).await };
            assert_eq!(tokio::time::timeout(patience, read).await.unwrap().unwrap(), ramp(size));
            let read = async { at_places(bucket.download("k", GetOptions::default()).await.unwrap()).await };
            assert_eq!(tokio::time::timeout(patience, read).await.unwrap().unwrap(), ramp(size));
        });
    }
}

#[tokio::test]
async fn interleaved_downloads_share_a_budget_smaller_than_a_part() {
    for suite in Suite::ALL {
        let size = 5 * part(suite);
        let world = stored(suite, size).await;
        let bucket = world.builder().memory(MemoryBudget::new(1)).build().unwrap();
        let mut one = bucket.download("k", GetOptions::default()).await.unwrap();
        let mut two = bucket.download("k", GetOptions::default()).await.unwrap();
        let both = async {
            let (mut a, mut b) = (0, 0);
            while a < size || b < size {
                a += one.next_chunk().await.unwrap().map_or(0, |chunk| chunk.bytes.len() as u64);
                b += two.next_chunk().await.unwrap().map_or(0, |chunk| chunk.bytes.len() as u64);
            }
            assert!(one.next_chunk().await.unwrap().is_none() && two.next_chunk().await.unwrap().is_none());
            (a, b)
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), both).await.unwrap(), (size, size));
    }
}

/// A key that counts how often it unwraps.
struct Counting(AesKey, Arc<AtomicU64>);

impl UnwrapKey for Counting {
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool {
        self.0.unwraps(algorithm)
    }

    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.unwrap(request)
    }
}

#[tokio::test]
async fn the_key_is_unwrapped_once_and_later_requests_are_pinned() {
    for suite in Suite::ALL {
        let size = 4 * part(suite) + 5;
        let world = stored(suite, size).await;
        let heads: Arc<Mutex<Vec<http::HeaderMap>>> = Arc::default();
        let seen = heads.clone();
        let edited = world.edited(move |request, _| seen.lock().unwrap().push(request.headers.clone()));
        assert_eq!(
            at_places(edited.download("k", GetOptions::default()).await.unwrap()).await.unwrap(),
            ramp(size)
        );
        let heads = std::mem::take(&mut *heads.lock().unwrap());
        assert_eq!(heads.len(), 5);
        assert!(heads.iter().all(|head| head.contains_key("range")));
        assert!(!heads[0].contains_key("if-match"));
        assert!(heads[1..].iter().all(|head| head.contains_key("if-match")));

        let count = Arc::new(AtomicU64::new(0));
        let mut description = MaterialDescription::empty();
        description.insert("name", "test");
        let key = NamedKey::new("test", description)
            .unwrapping(Arc::new(Counting(support::aes("test"), count.clone())));
        let bucket = world.builder().keyring(Keyring::new(vec![key]).unwrap()).build().unwrap();
        in_order(bucket.download("k", GetOptions::default()).await.unwrap()).await.unwrap();
        // AES/CTR has the counter wrapped, too.
        assert_eq!(count.load(Ordering::Relaxed), if suite == Suite::Sealed { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_body_cut_anywhere_goes_on() {
    for suite in Suite::ALL {
        let (part, size) = (part(suite), 3 * part(suite) + 100);
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

#[tokio::test]
async fn an_object_that_is_replaced_meanwhile_is_never_mixed() {
    for suite in Suite::ALL {
        let size = 5 * part(suite);
        for other in [size, size - 1, 10] {
            for order in [true, false] {
                let world = stored(suite, size).await;
                let bucket = world.builder().jobs(NonZeroU16::MIN).build().unwrap();
                let download = bucket.download("k", GetOptions::default()).await.unwrap();
                let new: Vec<u8> = ramp(other).iter().map(|byte| byte ^ 0x55).collect();
                world.bucket().put("k", new, PutOptions::default()).await.unwrap();
                let (kind, read) = if order {
                    let (error, read) = in_order(download).await.unwrap_err();
                    (error.kind(), read)
                } else {
                    (at_places(download).await.unwrap_err().kind(), Vec::new())
                };
                assert_eq!(kind, ErrorKind::Changed, "{suite:?} {other}");
                assert_eq!(read, ramp(size)[..read.len()]);
            }
        }
    }
}

/// A store that does not keep If-Match, and one whose later replies tell of another length, another place or another envelope.
#[tokio::test]
async fn later_replies_are_held_against_the_first() {
    type Edit = fn(&mut http::Response<bytes::Bytes>);
    let edits: [(Edit, ErrorKind); 4] = [
        (|reply| drop(reply.headers_mut().insert("etag", "\"other\"".parse().unwrap())), ErrorKind::Changed),
        (
            |reply| {
                let range = reply.headers()["content-range"].to_str().unwrap().to_owned();
                let (range, total) = range.split_once('/').unwrap();
                let total: u64 = total.parse().unwrap();
                let range = format!("{range}/{}", total + 1);
                reply.headers_mut().insert("content-range", range.parse().unwrap());
                // Else the writer's own record of the length is what does not agree.
                reply.headers_mut().remove("x-oss-meta-client-side-encryption-unencrypted-content-length");
            },
            ErrorKind::Changed,
        ),
        (
            |reply| {
                let name = "x-oss-meta-client-side-encryption-matdesc";
                reply.headers_mut().insert(name, "{\"name\":\"old\"}".parse().unwrap());
            },
            ErrorKind::Changed,
        ),
        (
            |reply| {
                let length = reply.body().len();
                let range = reply.headers()["content-range"].to_str().unwrap().to_owned();
                let total = range.split_once('/').unwrap().1.to_owned();
                let range = format!("bytes 16-{}/{total}", 16 + length - 1);
                reply.headers_mut().insert("content-range", range.parse().unwrap());
            },
            ErrorKind::Protocol,
        ),
    ];
    for suite in Suite::ALL {
        let world = stored(suite, 4 * part(suite)).await;
        for (number, (edit, kind)) in edits.into_iter().enumerate() {
            let calls = AtomicUsize::new(0);
            let bucket = world.edited(move |_, reply| {
                if calls.fetch_add(1, Ordering::Relaxed) > 0 {
                    edit(reply);
                }
            });
            let download = bucket.download("k", GetOptions::default()).await.unwrap();
            let error = at_places(download).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{suite:?} {number}: {error}");
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_of_any_piece_is_noticed() {
    for suite in Suite::ALL {
        let size = 4 * part(suite) + 9;
        let world = stored(suite, size).await;
        for skip in 0..5 {
            for order in [true, false] {
                world
                    .faults
                    .inject(Fault::new(Action::FlipReply { at: 3 }).on(Operation::GetObject).skip(skip));
                let download = world.bucket().download("k", GetOptions::default()).await.unwrap();
                let (kind, read) = if order {
                    let (error, read) = in_order(download).await.unwrap_err();
                    (error.kind(), read)
                } else {
                    (at_places(download).await.unwrap_err().kind(), Vec::new())
                };
                assert_eq!(kind, ErrorKind::Integrity, "{suite:?} {skip}");
                // Of a sealed object nothing false is given out at all.
                assert!(suite == Suite::AesCtr || read == ramp(size)[..read.len()]);
            }
        }
    }
}

/// The store says that the object ends earlier than it does.
#[tokio::test]
async fn a_shortened_object_is_noticed() {
    let size = 4 * part(Suite::Sealed) + 9;
    let world = stored(Suite::Sealed, size).await;
    for total in [16_400 * 20 + 16, 16_400 * 20 + 500, 16_400 * 7 + 16] {
        let bucket = world.edited(move |_, reply| {
            let range = reply.headers()["content-range"].to_str().unwrap().to_owned();
            let range = range.strip_prefix("bytes ").unwrap().split_once('/').unwrap().0.to_owned();
            let (first, last) = range.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let last = last.min(total - 1);
            *reply.body_mut() = reply.body().slice(..=last - first);
            let headers = reply.headers_mut();
            headers.insert("content-range", format!("bytes {first}-{last}/{total}").parse().unwrap());
            headers.insert("content-length", (last - first + 1).to_string().parse().unwrap());
            headers.remove("x-oss-meta-client-side-encryption-unencrypted-content-length");
        });
        for order in [true, false] {
            let download = bucket.download("k", GetOptions::default()).await.unwrap();
            let error = if order {
                in_order(download).await.unwrap_err().0
            } else {
                at_places(download).await.unwrap_err()
            };
            assert_eq!(error.kind(), ErrorKind::Integrity, "{total}: {error}");
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

#[tokio::test]
async fn progress_adds_up() {
    for suite in Suite::ALL {
        let size = 3 * part(suite) + 1;
        let world = stored(suite, size).await;
        for order in [true, false] {
            let told = Arc::new(AtomicU64::new(0));
            let counter = told.clone();
            let download = world.bucket().download("k", GetOptions::default()).await.unwrap();
            let download = download.progress(Arc::new(move |bytes| {
                counter.fetch_add(bytes, Ordering::Relaxed);
            }));
            if order {
                drop(in_order(download).await.unwrap());
            } else {
                drop(at_places(download).await.unwrap());
            }
            assert_eq!(told.load(Ordering::Relaxed), size);
        }
    }
}

#[tokio::test]
async fn a_replaced_object_of_a_bucket_with_versions_is_read_to_its_end() {
    let world = World::of(Suite::Sealed).await;
    world.store().set_versioning("box", osseal::Versioning::Enabled).await.unwrap();
    let (bucket, size) = (world.bucket(), 5 * part(Suite::Sealed));
    bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
    let download = bucket.download("k", GetOptions::default()).await.unwrap();
    bucket.put("k", ramp(7), PutOptions::default()).await.unwrap();
    assert_eq!(at_places(download).await.unwrap(), ramp(size));
}
