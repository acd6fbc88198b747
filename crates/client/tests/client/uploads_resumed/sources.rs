//! Sources that are not what they were.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use osseal::{ErrorKind, Suite};

use super::{Bench, GOES_ON_AFTER_THREE, Took};
use crate::support::{PART, TestStore};

/// What is done to a source between two attempts, in words and in deed. Each makes it another one.
pub(crate) type Change = (&'static str, fn(&Path));

pub(crate) const CHANGES: [Change; 5] = [
    ("rewritten, with its old time", |path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.write_all_at(b"other", 70_000).unwrap();
        file.set_modified(modified).unwrap();
    }),
    ("cut", |path| {
        OpenOptions::new().write(true).open(path).unwrap().set_len(3 * PART).unwrap();
    }),
    ("longer", |path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        let length = file.metadata().unwrap().len();
        file.write_all_at(b"more", length).unwrap();
    }),
    ("replaced by its like", |path| {
        let copy = path.with_extension("copy");
        std::fs::write(&copy, std::fs::read(path).unwrap()).unwrap();
        let modified = path.metadata().unwrap().modified().unwrap();
        File::open(&copy).unwrap().set_modified(modified).unwrap();
        std::fs::rename(copy, path).unwrap();
    }),
    ("touched", |path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }),
];

#[tokio::test]
async fn a_source_that_changed_between_is_put_from_the_beginning() {
    for suite in Suite::ALL {
        for (what, change) in CHANGES {
            let bench = Bench::new(suite).await;
            bench.broken(3).await;
            change(&bench.source());
            let (outcome, took) = bench.run().await;
            outcome.unwrap();
            let parts = bench.source().metadata().unwrap().len().div_ceil(bench.part);
            assert_eq!(took, Took { parts, beginnings: 1 }, "{suite:?} {what}");
            bench.check(0).await;
        }
        // The control.
        let bench = Bench::new(suite).await;
        bench.broken(3).await;
        assert_eq!(bench.run().await.1, GOES_ON_AFTER_THREE);
        bench.check(0).await;
    }
}

/// A bench whose source gets another byte whenever the service is sent one of these parts of a run, counted over all beginnings.
async fn changing(suite: Suite, when: impl Fn(u32) -> bool + Send + Sync + 'static) -> Bench {
    let world = TestStore::of(suite).await;
    let path = Arc::new(std::sync::OnceLock::<PathBuf>::new());
    let (source, seen) = (path.clone(), AtomicU32::new(0));
    let change = move |head: &mut http::request::Parts| {
        if head.method == http::Method::PUT
            && head.uri.query().is_some_and(|query| query.contains("partNumber"))
        {
            let number = seen.fetch_add(1, Ordering::Relaxed) + 1;
            if when(number) {
                let file = OpenOptions::new().write(true).open(source.get().unwrap()).unwrap();
                file.write_all_at(&number.to_be_bytes(), 5).unwrap();
            }
        }
    };
    let bucket = world.intercept(change, |_, _| ());
    let bench = Bench::with(world, bucket);
    path.set(bench.source()).unwrap();
    bench
}

#[tokio::test]
async fn a_source_that_changes_meanwhile_is_put_from_the_beginning_a_few_times() {
    for suite in Suite::ALL {
        let bench = changing(suite, |number| number == 3).await;
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took.beginnings, 2, "{suite:?}");
        bench.check(0).await;
        let bench = changing(suite, |_| true).await;
        let (outcome, took) = bench.run().await;
        let error = outcome.unwrap_err();
        assert!(error.kind() == ErrorKind::Source && error.to_string().contains("changed"), "{error}");
        assert_eq!(took.beginnings, 3);
        assert!(!bench.record().exists() && bench.world.is_empty().await, "{suite:?}");
    }
}
