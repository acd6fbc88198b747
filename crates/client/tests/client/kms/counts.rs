//! How often the key service is asked, and what its moods cost.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use osseal::kms::{CachePolicy, KmsLimits};
use osseal::{ErrorKind, GetOptions, PutOptions};
use osseal_server::Operation::GetObject;
use osseal_server::kms::faults::{Action, Fault, Operation};
use tokio::time::Instant;

use super::fake_kms::{SUITES, Vault};
use crate::support::{PART, ramp};

async fn read(bucket: &osseal::EncryptedBucket, key: &str, options: GetOptions) -> Vec<u8> {
    bucket.get(key, options).await.unwrap().bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn each_operation_asks_as_often_as_it_must() {
    for (suite, put, get) in SUITES {
        let vault = Vault::new().await;
        let writer = vault.bucket(suite, &vault.key());
        let plain = ramp(300_000);
        for (name, length) in [("small", 1000), ("parts", plain.len())] {
            let before = vault.faults.total();
            writer.put(name, plain[..length].to_vec(), PutOptions::default()).await.unwrap();
            assert_eq!(vault.faults.total() - before, put, "{suite:?} {name}");
        }
        assert_eq!(vault.faults.calls(Operation::GenerateDataKey), 2);

        let key = vault.key();
        let reader = vault.bucket(suite, &key);
        let before = vault.faults.total();
        assert_eq!(read(&reader, "parts", GetOptions::default()).await, plain);
        assert_eq!(vault.faults.total() - before, get, "{suite:?}");
        assert_eq!(read(&reader, "parts", GetOptions::default()).await, plain);
        assert_eq!(vault.faults.total() - before, get, "{suite:?}: again, within the time of the cache");

        // A hundred pieces at the same time, by a reader that has nothing yet.
        let reader = vault.bucket(suite, &vault.key());
        let before = vault.faults.total();
        let piece = |at: u64| read(&reader, "parts", GetOptions::default().range(at * 3000..(at + 1) * 3000));
        assert_eq!(join_all((0..100).map(piece)).await.concat(), plain);
        assert_eq!(vault.faults.total() - before, get, "{suite:?}: in pieces");

        // And a download of as many requests: parts of sealed objects are a little longer.
        let size = 120 * PART;
        writer.put("large", ramp(size), PutOptions::default()).await.unwrap();
        let reader = vault.bucket(suite, &vault.key());
        let (before, requests) = (vault.faults.total(), vault.world.calls(GetObject));
        let mut download = reader.download("large", GetOptions::default()).await.unwrap();
        let mut came = 0;
        while let Some(chunk) = download.next_chunk().await.unwrap() {
            came += chunk.bytes.len() as u64;
        }
        assert_eq!(came, size);
        assert!(vault.world.calls(GetObject) - requests >= 100, "{suite:?}");
        assert_eq!(vault.faults.total() - before, get, "{suite:?}: downloaded");
    }
}

#[tokio::test]
async fn an_alias_is_looked_up_once() {
    for (suite, put, _) in SUITES {
        let vault = Vault::new().await;
        let key = vault.key_with("alias/test", |builder| builder);
        let bucket = vault.bucket(suite, &key);
        for name in ["a", "b", "c"] {
            bucket.put(name, ramp(10), PutOptions::default()).await.unwrap();
        }
        assert_eq!(vault.faults.calls(Operation::DescribeKey), 1);
        assert_eq!(vault.faults.total(), 1 + 3 * put);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_kept_for_its_time() {
    for (suite, _, get) in SUITES {
        let vault = Vault::new().await;
        let cache = CachePolicy { lifetime: Duration::from_secs(60), ..CachePolicy::default() };
        let key = vault.key_with(&vault.id, |builder| builder.cache(cache));
        let bucket = vault.bucket(suite, &key);
        bucket.put("a", ramp(10), PutOptions::default()).await.unwrap();
        for (seconds, calls) in [(0, get), (59, get), (2, 2 * get)] {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            assert_eq!(read(&bucket, "a", GetOptions::default()).await, ramp(10));
            assert_eq!(vault.faults.calls(Operation::Decrypt), calls, "{suite:?}: after {seconds} s more");
        }
        let none = vault.key_with(&vault.id, |builder| builder.cache(CachePolicy::NONE));
        let bucket = vault.bucket(suite, &none);
        for again in 3..=4 {
            read(&bucket, "a", GetOptions::default()).await;
            assert_eq!(vault.faults.calls(Operation::Decrypt), again * get, "{suite:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_puts_survive_throttling() {
    for (suite, put, _) in SUITES {
        let vault = Vault::new().await;
        vault.faults.inject(Fault::new(Action::throttle()).share(30));
        let bucket = vault.bucket(suite, &vault.key());
        let names: Vec<String> = (0..1000).map(|at| at.to_string()).collect();
        for some in names.chunks(100) {
            let puts = some.iter().map(|name| bucket.put(name, ramp(10), PutOptions::default()));
            try_join_all(puts).await.unwrap();
        }
        let calls = vault.faults.total();
        assert!(calls > 1200 * put && calls * 10 <= 18 * 1000 * put, "{suite:?}: {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_sat_out() {
    let vault = Vault::new().await;
    let (suite, ..) = SUITES[0];
    let bucket = vault.bucket(suite, &vault.key());
    for outage in [Action::refuse(503, "ServiceUnavailableTemporary"), Action::Drop] {
        vault.faults.inject(Fault::new(outage).lasting(Duration::from_secs(10)));
        let begin = Instant::now();
        bucket.put("a", ramp(10), PutOptions::default()).await.unwrap();
        assert!((10..30).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_beyond_the_deadline_leaves_nothing() {
    let vault = Vault::new().await;
    let (suite, ..) = SUITES[0];
    let limits = KmsLimits { operation: Duration::from_secs(8), ..KmsLimits::default() };
    let kms = vault.kms_with(|builder| builder.limits(limits));
    let key = osseal::KmsKey::builder(kms, vault.id.parse().unwrap()).build().unwrap();
    let bucket = vault.bucket(suite, &key);
    vault.faults.inject(Fault::new(Action::refuse(500, "InternalFailure")).lasting(Duration::from_secs(10)));
    let begin = Instant::now();
    let error = bucket.put("a", ramp(300_000), PutOptions::default()).await.unwrap_err();
    assert!(begin.elapsed() <= Duration::from_secs(8));
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
    assert!(error.is_retryable() && error.to_string().contains("attempts"), "{error}");
    assert!(vault.world.is_empty().await);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_asked_than_the_rate() {
    let vault = Vault::new().await;
    let (suite, put, _) = SUITES[0];
    let limits = KmsLimits { per_second: 100, ..KmsLimits::default() };
    let kms = vault.kms_with(|builder| builder.limits(limits));
    let key = osseal::KmsKey::builder(kms.clone(), vault.id.parse().unwrap()).build().unwrap();
    let bucket = vault.bucket(suite, &key);
    let begin = Instant::now();
    let names: Vec<String> = (0..200).map(|at| at.to_string()).collect();
    try_join_all(names.iter().map(|name| bucket.put(name, ramp(10), PutOptions::default()))).await.unwrap();
    let seconds = (200 * put - 10) / 100;
    assert!(begin.elapsed() >= Duration::from_secs(seconds), "{:?}", begin.elapsed());
    let counts = kms.counts();
    assert_eq!((counts.calls, counts.retries, counts.throttled), (200 * put, 0, 0));
}
