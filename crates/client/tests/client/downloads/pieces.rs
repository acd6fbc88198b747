//! What comes, and by which requests.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use osseal::{
    AesKey, ByteRange, GetOptions, KeyFuture, Keyring, MaterialDescription, MemoryBudget, NamedKey,
    PutOptions, ReadPolicy, Secret, Suite, UnwrapKey, UnwrapRequest, WrapAlgorithm, WriteAt,
};
use osseal_server::Operation;
use proptest::prelude::*;

use super::{CHUNK, at_places, in_order, part, stored};
use crate::support::{self, TestStore, ramp};

#[tokio::test]
async fn every_size_around_parts_comes_back_by_one_request_a_part() {
    for suite in Suite::ALL {
        let part = part(suite);
        let world = TestStore::of(suite).await;
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
        let edited = world.map_reply(move |request, _| seen.lock().unwrap().push(request.headers.clone()));
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

/// A place where the first two calls meet, or where no two calls may.
struct Turns {
    is_serial: bool,
    is_busy: AtomicBool,
    calls: Arc<AtomicUsize>,
    meeting: Barrier,
}

impl WriteAt for Turns {
    fn write_at(&self, _: u64, _: &[u8]) -> std::io::Result<()> {
        let before = self.calls.fetch_add(1, Ordering::AcqRel);
        if !self.is_serial {
            if before < 2 {
                self.meeting.wait();
            }
            return Ok(());
        }
        assert!(!self.is_busy.swap(true, Ordering::AcqRel), "two write at a time");
        std::thread::sleep(Duration::from_millis(2));
        self.is_busy.store(false, Ordering::Release);
        Ok(())
    }

    fn is_serial(&self) -> bool {
        self.is_serial
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_written_by_several_at_a_time_unless_it_is_serial() {
    let whole = 4 * part(Suite::AesCtr);
    let world = stored(Suite::AesCtr, whole).await;
    for is_serial in [true, false] {
        let calls = Arc::<AtomicUsize>::default();
        let (is_busy, meeting) = (AtomicBool::new(false), Barrier::new(2));
        let place = Turns { is_serial, is_busy, calls: calls.clone(), meeting };
        let download = world.bucket().download("k", GetOptions::default()).await.unwrap();
        assert_eq!(download.write_to(place).await.unwrap(), whole);
        assert!(calls.load(Ordering::Acquire) >= 4);
    }
}
