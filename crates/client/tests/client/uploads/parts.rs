//! Put by parts, in parallel.

use std::io::Write;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use osseal::{
    EncryptedBucket, EncryptedBucketBuilder, GetOptions, MemoryBudget, PutBody, PutOptions, Store, Suite,
};
use osseal_server::Operation;

use super::watched::{Log, Watched};
use super::{part_plain, part_stored};
use crate::support::{PART, TestStore, keyring, ramp};

fn file_of(plain: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(plain).unwrap();
    file
}

/// A bucket whose parts take their time, and what went by. Its default threshold and smallest parts.
pub(crate) fn watched(
    world: &TestStore,
    part_takes: Duration,
    with: impl FnOnce(EncryptedBucketBuilder) -> EncryptedBucketBuilder,
) -> (EncryptedBucket, Store, Log) {
    let log = Log::default();
    let transport = Watched { inner: world.transport(), log: log.clone(), part_takes };
    let store = world.store_with(Arc::new(transport), |builder| builder);
    let builder = EncryptedBucket::builder(store.clone(), "box")
        .keyring(keyring(&["test"]))
        .suite(world.suite)
        .part_size(part_stored(world.suite));
    (with(builder).build().unwrap(), store, log)
}

async fn read(bucket: &EncryptedBucket) -> Vec<u8> {
    bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn sizes_about_parts_from_every_source() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let world = TestStore::of(suite).await;
        let (bucket, _, log) = watched(&world, Duration::ZERO, |builder| builder.multipart_threshold(0));
        let (plain, stored) = (part_plain(suite), part_stored(suite));
        for size in [1, plain - 1, plain, plain + 1, 3 * plain - 1, 3 * plain, 3 * plain + 1] {
            let content = ramp(size);
            for body in [
                PutBody::from(content.clone()),
                PutBody::reader(std::io::Cursor::new(content.clone()), size),
                PutBody::file(file_of(&content), size),
            ] {
                let report = bucket.put("k", body, PutOptions::default()).await.unwrap();
                let whole = suite.layout().stored_len(size).unwrap();
                assert_eq!((report.plain_size, report.stored_size), (size, whole));
                assert_eq!(u64::from(report.parts), whole.div_ceil(stored), "{suite:?} {size}");
                if suite == Suite::Sealed && size % plain == 0 {
                    // The last one is an empty chunk.
                    assert_eq!(u64::from(report.parts), size / plain + 1);
                }
                assert_eq!(read(&bucket).await, content, "{suite:?} {size}");
            }
        }
        assert!(log.most() > 1);
    }
}

#[tokio::test]
async fn every_part_repeats_the_whole_envelope() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let world = TestStore::of(suite).await;
        let (bucket, _, log) = watched(&world, Duration::ZERO, |builder| builder);
        let size = 5 * part_plain(suite) + 1;
        bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
        let envelope = |head: &http::request::Parts| {
            let mut envelope: Vec<_> = head
                .headers
                .iter()
                .filter(|(name, _)| name.as_str().starts_with("x-oss-meta-client-side-encryption-"))
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect();
            envelope.sort();
            envelope
        };
        let parts = log.parts();
        assert_eq!(parts.len(), 6);
        let first = envelope(&parts[0]);
        let names: Vec<_> =
            first.iter().map(|(name, _)| &name["x-oss-meta-client-side-encryption-".len()..]).collect();
        for name in ["key", "start", "cek-alg", "wrap-alg", "matdesc", "data-size", "part-size"] {
            assert!(names.contains(&name), "{suite:?} {name}");
        }
        let value = |name: &str| {
            let found = first.iter().find(|(header, _)| header.ends_with(name)).unwrap();
            found.1.to_str().unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(value("-part-size"), part_stored(suite));
        assert_eq!(value("-data-size"), suite.layout().stored_len(size).unwrap());
        assert!(parts.iter().all(|part| envelope(part) == first));
        // The server saw each part once, at its place and of its size.
        let mut seen: Vec<_> = world.ledger.records();
        seen.retain(|record| record.part_number.is_some());
        seen.sort_by_key(|record| record.part_number);
        let mut next = 0;
        for (number, record) in (1..).zip(&seen) {
            assert_eq!(
                (record.part_number, record.stored_start, record.complete),
                (Some(number), next, true)
            );
            next += record.received();
            assert!(number == 6 || record.received() == part_stored(suite));
        }
        assert_eq!((seen.len(), next), (6, value("-data-size")));
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_parts_are_on_their_way_as_was_said() {
    for jobs in [1, 3, 8] {
        for is_file in [false, true] {
            let world = TestStore::new().await;
            let (bucket, _, log) = watched(&world, Duration::from_secs(1), |builder| {
                builder.jobs(NonZeroU16::new(jobs).unwrap())
            });
            let content = ramp(12 * PART);
            let body = if is_file { PutBody::file(file_of(&content), 12 * PART) } else { content.into() };
            let begun = tokio::time::Instant::now();
            bucket.put("k", body, PutOptions::default()).await.unwrap();
            assert_eq!(log.most(), usize::from(jobs));
            let rounds = 12_u64.div_ceil(u64::from(jobs));
            assert_eq!(begun.elapsed().as_secs(), rounds, "{jobs} at a time");
        }
    }
}

/// However many jobs there are, no more is held than the budget has; one part is always allowed.
#[tokio::test(start_paused = true)]
async fn the_budget_of_memory_holds_parts_back() {
    for (parts, most) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let world = TestStore::new().await;
        let (bucket, _, log) = watched(&world, Duration::from_secs(1), |builder| {
            builder.jobs(NonZeroU16::new(16).unwrap()).memory(MemoryBudget::new(parts * PART))
        });
        let two = [
            bucket.put("k", ramp(8 * PART), PutOptions::default()),
            bucket.put("l", ramp(8 * PART), PutOptions::default()),
        ];
        futures_util::future::try_join_all(two).await.unwrap();
        assert_eq!(log.most(), most, "{parts}");
        let reader = PutBody::reader(std::io::Cursor::new(ramp(8 * PART)), 8 * PART);
        bucket.put("k", reader, PutOptions::default()).await.unwrap();
        assert_eq!(log.most(), most, "{parts}");
    }
}

/// The next part is read while those before it are sent, and no more than that one.
#[tokio::test(start_paused = true)]
async fn a_source_is_read_one_part_ahead() {
    struct Counting(std::io::Cursor<Vec<u8>>, Arc<Mutex<Vec<(u64, tokio::time::Instant)>>>);
    impl tokio::io::AsyncRead for Counting {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let read = std::pin::Pin::new(&mut self.0).poll_read(cx, buffer);
            self.1.lock().unwrap().push((self.0.position(), tokio::time::Instant::now()));
            read
        }
    }
    let world = TestStore::new().await;
    let (bucket, _, _) =
        watched(&world, Duration::from_secs(1), |builder| builder.jobs(NonZeroU16::new(2).unwrap()));
    let reads = Arc::new(Mutex::new(Vec::new()));
    let source = Counting(std::io::Cursor::new(ramp(6 * PART)), reads.clone());
    let begun = tokio::time::Instant::now();
    bucket.put("k", PutBody::reader(source, 6 * PART), PutOptions::default()).await.unwrap();
    let by = |second: u64| {
        let reads = reads.lock().unwrap();
        let before = reads
            .iter()
            .filter(|(_, at)| at.duration_since(begun).as_millis() < u128::from(second) * 1000 + 500);
        before.map(|(position, _)| *position).max().unwrap()
    };
    assert_eq!([by(0), by(1), by(2)], [3 * PART, 5 * PART, 6 * PART]);
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn the_default_threshold_is_a_part() {
    let world = TestStore::new().await;
    let (bucket, _, log) = watched(&world, Duration::ZERO, |builder| builder);
    assert_eq!(bucket.put("k", ramp(PART), PutOptions::default()).await.unwrap().parts, 1);
    assert_eq!(log.parts().len(), 0);
    assert_eq!(bucket.put("k", ramp(PART + 1), PutOptions::default()).await.unwrap().parts, 2);
    assert_eq!(world.calls(Operation::PutObject), 1);
    // A part may be larger than one request: then the threshold is what one may carry.
    for suite in Suite::ALL {
        world.builder().suite(suite).part_size(osseal_core::MAX_PART).build().unwrap();
    }
}

#[tokio::test]
async fn progress_counts_each_byte_once() {
    for size in [10, 5 * PART + 9] {
        let world = TestStore::new().await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = told.clone();
        let progress: osseal::Progress = Arc::new(move |bytes| sink.lock().unwrap().push(bytes));
        let options = PutOptions { progress: Some(progress), ..PutOptions::default() };
        // The upload is forgotten under the third part, and begins again.
        let fault = osseal_server::fault::Action::refuse(404, "NoSuchUpload");
        world.faults.inject(osseal_server::fault::Fault::new(fault).on(Operation::UploadPart).skip(2));
        let (bucket, _, _) = watched(&world, Duration::ZERO, |builder| builder.jobs(NonZeroU16::MIN));
        bucket.put("k", ramp(size), options).await.unwrap();
        assert_eq!(told.lock().unwrap().iter().sum::<u64>(), size);
        assert_eq!(read(&bucket).await, ramp(size));
        let begun = if size > PART { 2 } else { 0 };
        assert_eq!(world.calls(Operation::InitiateMultipartUpload), begun);
        bucket.delete("k").await.unwrap();
        assert!(world.is_empty().await);
    }
}
