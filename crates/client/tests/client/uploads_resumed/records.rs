//! Records that are old, copied, in use, or not what was written.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use osseal::{GetOptions, PutOptions, StateDir, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::{Bench, GOES_ON_AFTER_THREE, STARTS_OVER};
use crate::support::{PART, ramp};

#[tokio::test]
async fn a_record_that_is_older_than_the_upload_is_not_gone_on_with() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(2).await;
        let old = std::fs::read(bench.record()).unwrap();
        bench.broken(2).await;
        let good = std::fs::read(bench.record()).unwrap();
        std::fs::write(bench.record(), old).unwrap();
        assert_eq!(bench.run().await.1, STARTS_OVER, "{suite:?}");
        bench.check(0).await;
        // Nor is one of an upload that is over.
        std::fs::write(bench.record(), good).unwrap();
        std::fs::set_permissions(bench.record(), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(bench.run().await.1, STARTS_OVER);
        bench.check(0).await;
    }
}

#[tokio::test]
async fn a_copy_of_the_state_directory_starts_over() {
    let bench = Bench::new(Suite::Sealed).await;
    bench.broken(3).await;
    let copy = bench.folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::set_permissions(&copy, Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(bench.folder.path().join("state")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let copy = StateDir::open(&copy).unwrap();
    let (outcome, took) = bench.run_with(&copy, PutOptions::default()).await;
    outcome.unwrap();
    assert_eq!(took, STARTS_OVER);
    // The copy's put aborted what both tell of.
    assert_eq!(bench.run().await.1, STARTS_OVER);
    bench.check(0).await;
}

#[tokio::test]
async fn of_two_at_once_the_second_uses_another_key_and_keeps_nothing() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(2).await;
        bench.world.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(1));
        let mut first = Box::pin(bench.run());
        let is_held = async {
            let before = bench.world.calls(Operation::UploadPart);
            while bench.world.calls(Operation::UploadPart) < before + 2 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::select! { _ = &mut first => panic!("it hangs"), () = is_held => {} }
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took, STARTS_OVER);
        assert!(bench.record().exists(), "the first one's");
        drop(first);
        bench.store.idle().await;
        // What the first one did is gone on with.
        assert_eq!(bench.run().await.1, GOES_ON_AFTER_THREE, "{suite:?}");
        bench.check(0).await;
    }
}

/// Truncations, changes of a byte (the state directory's own tests have all of them), another version, a link, a mode: the record of each is replaced, and its lock is the same file.
#[tokio::test]
async fn a_record_that_is_not_what_was_written_starts_over() {
    let bench = Bench::new(Suite::Sealed).await;
    // Two parts alone.
    std::fs::write(bench.source(), ramp(2 * PART + 5)).unwrap();
    bench.broken(1).await;
    let (record, lock) = (bench.record(), bench.record().with_extension("lock"));
    let (good, kept) = (std::fs::read(&record).unwrap(), bench.folder.path().join("lock"));
    std::fs::hard_link(&lock, &kept).unwrap();
    let restore = |content: &[u8], mode: u32| {
        drop(std::fs::remove_file(&record));
        drop(std::fs::remove_file(&lock));
        std::fs::hard_link(&kept, &lock).unwrap();
        std::fs::write(&record, content).unwrap();
        std::fs::set_permissions(&record, Permissions::from_mode(mode)).unwrap();
    };
    let over = async |what: &dyn std::fmt::Display| {
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took.beginnings, 1, "{what}");
        let read = bench.bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, ramp(2 * PART + 5), "{what}");
    };
    for cut in (0..good.len()).step_by(3) {
        restore(&good[..cut], 0o600);
        over(&format!("cut at {cut}")).await;
    }
    let mut seed = 1_u64;
    for number in 0..500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut bad = good.clone();
        let at = usize::try_from(seed >> 33).unwrap() % bad.len();
        bad[at] = bad[at].wrapping_add(u8::try_from(seed >> 25 & 0xff).unwrap().max(1));
        restore(&bad, 0o600);
        over(&format!("mutation {number}")).await;
    }
    let mut foreign = good.clone();
    foreign[12] = 2;
    restore(&foreign, 0o600);
    over(&"another version").await;
    restore(&good, 0o644);
    over(&"a file that others can read").await;
    restore(&good, 0o600);
    let elsewhere = bench.folder.path().join("elsewhere");
    std::fs::rename(&record, &elsewhere).unwrap();
    symlink(&elsewhere, &record).unwrap();
    over(&"a link").await;
    assert_eq!(std::fs::read(&elsewhere).unwrap(), good, "what a link led to is as it was");
    // The control.
    restore(&good, 0o600);
    let (outcome, took) = bench.run().await;
    outcome.unwrap();
    assert_eq!(took.beginnings, 0);
    bench.check(0).await;
}
