//! Downloads that go on in another process: what is recorded is believed when it is on the disk as it was recorded, and nothing else is.
#![cfg(unix)]

use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::support::{PART, TestStore, ramp};
use osseal::{Error, ErrorKind, GetOptions, PartialFile, PutOptions, StateDir, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use tempfile::TempDir;

const PARTS: u64 = 8;

/// A store with an object of [`PARTS`] parts and a bit, and a folder to download it to.
struct Bench {
    world: TestStore,
    folder: TempDir,
    size: u64,
}

impl Bench {
    async fn new(suite: Suite) -> Bench {
        let part = if suite == Suite::Sealed { 7 * 16_384 } else { PART };
        let (world, size) = (TestStore::of(suite).await, PARTS * part - 5);
        world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap();
        Bench { world, folder: tempfile::tempdir().unwrap(), size }
    }

    fn state(&self) -> StateDir {
        StateDir::open(&self.folder.path().join("state")).unwrap()
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    /// As a process does that comes to its end, or not. Gives how many requests that took.
    async fn run(&self) -> (Result<Vec<u8>, Error>, u64) {
        let before = self.world.calls(Operation::GetObject);
        let outcome = self.try_run().await;
        (outcome, self.world.calls(Operation::GetObject) - before)
    }

    async fn try_run(&self) -> Result<Vec<u8>, Error> {
        let download = self.world.bucket().download("k", GetOptions::default()).await?;
        assert!(download.is_worth_resuming());
        let mut partial = PartialFile::open(&self.state(), &download, &self.target()).unwrap().unwrap();
        assert!(PartialFile::open(&self.state(), &download, &self.target()).unwrap().is_none(), "in use");
        let mode = partial.file().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let written = download.write_partial(&mut partial).await?;
        let all = std::fs::read(partial.path()).unwrap();
        assert_eq!(written, all.len() as u64);
        std::fs::remove_file(partial.path()).unwrap();
        partial.complete().unwrap();
        Ok(all)
    }

    /// A run that ends when so many replies have come.
    async fn broken(&self, replies: u64) -> Error {
        let denied = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::GetObject);
        self.world.faults.inject(denied.skip(replies).always());
        let error = self.run().await.0.unwrap_err();
        self.world.faults.clear();
        assert_eq!(error.kind(), ErrorKind::Denied);
        error
    }

    /// The files beside the target that are not the state directory.
    fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file() || path.is_symlink()).collect()
    }

    fn records(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("state")).unwrap();
        let records = entries.map(|entry| entry.unwrap().path());
        records.filter(|path| path.extension().is_some_and(|kind| kind == "record")).collect()
    }
}

#[tokio::test]
async fn what_has_come_is_not_asked_for_again() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        let (whole, all) = bench.run().await;
        assert_eq!((whole.unwrap(), all), (ramp(bench.size), PARTS));
        assert_eq!((bench.left().len(), bench.records().len()), (0, 0));
        bench.broken(5).await;
        assert_eq!((bench.left().len(), bench.records().len()), (1, 1));
        bench.broken(3).await;
        let (whole, again) = bench.run().await;
        assert_eq!(whole.unwrap(), ramp(bench.size));
        // Two parts at least had come before the refusal; the first request of every run finds out what there is.
        assert!(again < PARTS, "{suite:?}: {again}");
        assert_eq!((bench.left().len(), bench.records().len()), (0, 0));
    }
}

/// Two that know nothing of each other, as of a user and of a container, do not write into each other's file; and whose file was replaced learns of it.
#[tokio::test]
async fn state_directories_do_not_share_a_file() {
    let bench = Bench::new(Suite::Sealed).await;
    let download = bench.world.bucket().download("k", GetOptions::default()).await.unwrap();
    let other = StateDir::open(&bench.folder.path().join("other")).unwrap();
    let mut one = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
    let two = PartialFile::open(&other, &download, &bench.target()).unwrap().unwrap();
    assert_ne!(one.path(), two.path());
    assert!(one.is_in_place().unwrap() && two.is_in_place().unwrap());
    download.write_partial(&mut one).await.unwrap();
    assert_eq!(std::fs::read(one.path()).unwrap(), ramp(bench.size));
    std::fs::rename(two.path(), one.path()).unwrap();
    assert!(!one.is_in_place().unwrap() && !two.is_in_place().unwrap());
}

#[tokio::test]
async fn what_is_not_on_the_disk_as_recorded_is_fetched_anew() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(5).await;
        let partial = std::fs::OpenOptions::new().read(true).write(true).open(&bench.left()[0]).unwrap();
        // A bit of every part.
        for at in (70..partial.metadata().unwrap().len()).step_by(50_000) {
            let mut byte = [0];
            partial.read_exact_at(&mut byte, at).unwrap();
            partial.write_all_at(&[byte[0] ^ 1], at).unwrap();
        }
        let (whole, again) = bench.run().await;
        assert_eq!((whole.unwrap(), again), (ramp(bench.size), PARTS));
        // Cut short: what was after the cut is fetched anew.
        bench.broken(5).await;
        std::fs::OpenOptions::new().write(true).open(&bench.left()[0]).unwrap().set_len(1000).unwrap();
        let (whole, again) = bench.run().await;
        assert_eq!((whole.unwrap(), again), (ramp(bench.size), PARTS));
    }
}

#[tokio::test]
async fn another_file_in_its_place_is_not_gone_on_with() {
    let bench = Bench::new(Suite::Sealed).await;
    let elsewhere = bench.folder.path().join("state/elsewhere");
    let changes: [&dyn Fn(&Path); 5] = [
        &|path| std::fs::remove_file(path).unwrap(),
        // The same bytes, but not the file that was recorded.
        &|path| {
            let copy = std::fs::read(path).unwrap();
            std::fs::rename(path, &elsewhere).unwrap();
            std::fs::write(path, copy).unwrap();
        },
        &|path| {
            std::fs::rename(path, &elsewhere).unwrap();
            symlink(&elsewhere, path).unwrap();
        },
        &|path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap(),
        &|_| {
            let record = &bench.records()[0];
            let mut bytes = std::fs::read(record).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(record, bytes).unwrap();
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        bench.broken(5).await;
        change(&bench.left()[0]);
        let before = std::fs::read(&elsewhere).ok();
        let (whole, again) = bench.run().await;
        assert_eq!((whole.unwrap(), again), (ramp(bench.size), PARTS), "{number}");
        assert_eq!(std::fs::read(&elsewhere).ok(), before, "what a link led to is as it was");
        drop(std::fs::remove_file(&elsewhere));
    }
}

#[tokio::test]
async fn another_object_starts_over() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(5).await;
        let other: Vec<u8> = ramp(bench.size).iter().map(|byte| byte ^ 0x5a).collect();
        bench.world.bucket().put("k", other.clone(), PutOptions::default()).await.unwrap();
        let (whole, again) = bench.run().await;
        assert_eq!((whole.unwrap(), again), (other, PARTS));
    }
}

#[tokio::test]
async fn what_turns_out_wrong_is_not_kept() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(5).await;
        // Of AES/CTR the checksum of all of it says so, in the last run, about bytes that came in the first ones, too.
        bench.world.faults.inject(Fault::new(Action::FlipReply { at: 9 }).on(Operation::GetObject).skip(2));
        let (outcome, _) = bench.run().await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Integrity);
        assert_eq!((bench.left().len(), bench.records().len()), (0, 0), "{suite:?}");
        let (whole, again) = bench.run().await;
        assert_eq!((whole.unwrap(), again), (ramp(bench.size), PARTS));
    }
}

#[tokio::test]
async fn an_object_that_changes_meanwhile_leaves_nothing() {
    let bench = Bench::new(Suite::Sealed).await;
    let download = bench.world.bucket().download("k", GetOptions::default()).await.unwrap();
    let mut partial = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
    bench.world.bucket().put("k", ramp(5), PutOptions::default()).await.unwrap();
    let error = download.write_partial(&mut partial).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert_eq!((bench.left().len(), bench.records().len()), (0, 0));
}

#[tokio::test]
async fn what_is_dropped_before_anything_came_leaves_nothing() {
    let bench = Bench::new(Suite::Sealed).await;
    let download = bench.world.bucket().download("k", GetOptions::default()).await.unwrap();
    let partial = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
    assert_eq!(bench.left().len(), 1);
    drop(partial);
    assert_eq!((bench.left().len(), bench.records().len()), (0, 0));
    // The same target of another object, and the same object to another target, are other downloads.
    let other = bench.folder.path().join("other");
    let one = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
    let two = PartialFile::open(&bench.state(), &download, &other).unwrap().unwrap();
    assert_ne!(one.path(), two.path());
}

#[tokio::test]
async fn small_objects_and_ranges_are_not_worth_it() {
    let bench = Bench::new(Suite::Sealed).await;
    let bucket = bench.world.bucket();
    let worth = async |range: std::ops::Range<u64>| {
        bucket.download("k", GetOptions::default().range(range)).await.unwrap().is_worth_resuming()
    };
    let part = 7 * 16_384;
    assert!(!worth(0..4 * part).await);
    assert!(worth(0..4 * part + 1).await);
    assert!(!worth(10 * 16_384..10 * 16_384 + 5).await);
}

#[tokio::test]
async fn a_partial_file_is_filled_by_the_download_that_it_was_opened_for() {
    let bench = Bench::new(Suite::Sealed).await;
    let bucket = bench.world.bucket();
    let download = bucket.download("k", GetOptions::default()).await.unwrap();
    let mut partial = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
    let ranged = bucket.download("k", GetOptions::default().range(1..bench.size)).await.unwrap();
    assert_eq!(ranged.write_partial(&mut partial).await.unwrap_err().kind(), ErrorKind::Usage);
    let other: Vec<u8> = ramp(bench.size).iter().map(|byte| byte ^ 1).collect();
    bucket.put("k2", other.clone(), PutOptions::default()).await.unwrap();
    let elsewhere = bucket.download("k2", GetOptions::default()).await.unwrap();
    assert_eq!(elsewhere.write_partial(&mut partial).await.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(download.write_partial(&mut partial).await.unwrap(), bench.size);
    assert_eq!(std::fs::read(partial.path()).unwrap(), ramp(bench.size));
    drop(partial);
    bucket.put("k", other, PutOptions::default()).await.unwrap();
    let replacement = bucket.download("k", GetOptions::default()).await.unwrap();
    let mut fresh = PartialFile::open(&bench.state(), &replacement, &bench.target()).unwrap().unwrap();
    assert_eq!(fresh.there(), 0);
    let (before, after) = (bucket.download("k2", GetOptions::default()).await.unwrap(), replacement);
    assert_eq!(before.write_partial(&mut fresh).await.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(after.write_partial(&mut fresh).await.unwrap(), bench.size);
}

/// One thread does what blocks: what is to be recorded waits behind something else while the download is dropped.
#[test]
fn a_record_that_comes_too_late_replaces_nothing() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let bench = Bench::new(Suite::Sealed).await;
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let hold = Mutex::new(Some(hold));
        // Once the first bytes have been written, and before anything of them can be recorded.
        let block = move |bytes: u64| {
            if bytes > 0
                && let Some(hold) = hold.lock().unwrap().take()
            {
                tokio::runtime::Handle::current().spawn_blocking(move || hold.recv());
            }
        };
        let bucket = bench.world.builder().jobs(std::num::NonZeroU16::MIN).build().unwrap();
        let download = bucket.download("k", GetOptions::default()).await.unwrap().progress(Arc::new(block));
        let mut partial = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
        {
            let mut writing = std::pin::pin!(download.write_partial(&mut partial));
            let is_next_asked_for = async {
                while bench.world.calls(Operation::GetObject) < 2 {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            };
            tokio::select! { _ = &mut writing => panic!("it is held"), () = is_next_asked_for => {} }
        }
        drop(partial);
        assert_eq!((bench.left().len(), bench.records().len()), (1, 1));
        let record = std::fs::read(&bench.records()[0]).unwrap();
        release.send(()).unwrap();
        // Behind what was to be recorded.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert_eq!((bench.left().len(), bench.records().len()), (1, 1));
        assert!(std::fs::read(&bench.records()[0]).unwrap() == record, "it was replaced");
        let download = bucket.download("k", GetOptions::default()).await.unwrap();
        let partial = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
        assert_eq!(partial.there(), 7 * 16_384);
        drop(partial);
        assert_eq!(bench.run().await.0.unwrap(), ramp(bench.size));
        assert_eq!((bench.left().len(), bench.records().len()), (0, 0));
    });
}

/// The store says that the object has 5 GiB.
#[tokio::test]
async fn parts_are_raised_until_a_record_has_room_for_all() {
    let total = 5_u64 << 30;
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let bucket = bench.world.map_reply(move |request, reply| {
            let range = request.headers["range"].to_str().unwrap().strip_prefix("bytes=").unwrap().to_owned();
            let (first, last) = range.split_once('-').unwrap();
            log.lock().unwrap().push(last.parse::<u64>().unwrap() + 1 - first.parse::<u64>().unwrap());
            let headers = reply.headers_mut();
            headers.insert("content-range", format!("bytes {range}/{total}").parse().unwrap());
            headers.remove("x-oss-meta-client-side-encryption-unencrypted-content-length");
            headers.remove("x-oss-meta-client-side-encryption-data-size");
            headers.remove("x-oss-meta-client-side-encryption-part-size");
        });
        let download = bucket.download("k", GetOptions::default()).await.unwrap();
        let mut partial = PartialFile::open(&bench.state(), &download, &bench.target()).unwrap().unwrap();
        download.write_partial(&mut partial).await.unwrap_err();
        let asked = asked.lock().unwrap();
        assert!(asked[0] < 2 * PART, "the control: {}", asked[0]);
        assert!(
            asked.len() > 1 && asked[1..].iter().all(|length| *length >= total / 10_000),
            "{suite:?}: {asked:?}"
        );
    }
}
