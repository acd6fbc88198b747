//! Uploads that do not end well leave nothing; those that seem not to, and did, are found out.

use std::io::{Seek, Write};
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use osseal::{EncryptedBucket, ErrorKind, GetOptions, PutBody, PutOptions, RetryPolicy, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::parts::watched;
use super::{part_plain, part_stored};
use crate::support::{PART, TestStore, keyring, ramp};

const BIG: u64 = 6 * PART + 33;

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_takes_the_upload_with_it() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        for failing in 0..6 {
            for jobs in [1, 4] {
                let world = TestStore::of(suite).await;
                let (bucket, _, log) = watched(&world, Duration::from_secs(1), |builder| {
                    builder.jobs(NonZeroU16::new(jobs).unwrap())
                });
                let refusal = Action::refuse(403, "AccessDenied");
                world.faults.inject(Fault::new(refusal).on(Operation::UploadPart).skip(failing).always());
                let error = bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Denied);
                assert_eq!(log.at_abort(), [0], "no part was on its way when the abort left");
                world.faults.clear();
                assert!(world.is_empty().await, "{suite:?} {failing} {jobs}");
            }
        }
    }
}

/// A hundred polls and more are each the last one once.
#[tokio::test]
async fn a_put_may_be_dropped_at_any_poll() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let world = TestStore::of(suite).await;
        let (bucket, store, log) = watched(&world, Duration::ZERO, |builder| builder);
        let (mut polls, mut is_done) = (0, false);
        while !is_done {
            {
                let mut put = pin!(bucket.put("k", ramp(BIG), PutOptions::default()));
                for _ in 0..polls {
                    if let std::task::Poll::Ready(report) =
                        std::future::poll_fn(|cx| std::task::Poll::Ready(put.as_mut().poll(cx))).await
                    {
                        report.unwrap();
                        is_done = true;
                        break;
                    }
                    // Everything else gets its turn.
                    tokio::task::yield_now().await;
                }
            }
            polls += 1;
            store.idle().await;
            if !is_done {
                let got = bucket.get("k", GetOptions::default()).await;
                // A put that was dropped after the service had made the object has made it, whole.
                match got {
                    Ok(object) => assert_eq!(object.bytes().await.unwrap(), ramp(BIG)),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
                }
            }
            bucket.delete("k").await.unwrap();
            assert!(world.is_empty().await, "{suite:?} dropped after {polls} polls");
            store.create_bucket("box").await.unwrap();
        }
        assert!(polls > 10, "{polls}");
        assert!(log.at_abort().iter().all(|on_their_way| *on_their_way == 0));
        assert!(world.calls(Operation::AbortMultipartUpload) > 5);
    }
}

#[tokio::test]
async fn lost_replies_leave_one_object_and_no_upload() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        for operation in [
            Operation::InitiateMultipartUpload,
            Operation::UploadPart,
            Operation::CompleteMultipartUpload,
            Operation::AbortMultipartUpload,
        ] {
            for lost in [1, 2] {
                let world = TestStore::of(suite).await;
                let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
                world.faults.inject(Fault::new(Action::LoseReply).on(operation).times(lost));
                if operation == Operation::AbortMultipartUpload {
                    let refusal = Action::refuse(403, "AccessDenied");
                    world.faults.inject(Fault::new(refusal).on(Operation::UploadPart));
                    bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap_err();
                } else {
                    bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap();
                    let read = bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
                    assert_eq!(read, ramp(BIG));
                    bucket.delete("k").await.unwrap();
                }
                assert!(world.is_empty().await, "{suite:?} {operation:?} {lost}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_name_did_not_arrive_is_not_left() {
    let lost = [0, 1, 50].map(|after| Action::CutReply { after }).into_iter().chain([Action::LoseReply]);
    for action in lost {
        let world = TestStore::of(Suite::Sealed).await;
        let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let store = world.store_with(Arc::new(world.transport()), |builder| builder.retry(once));
        let bucket = EncryptedBucket::builder(store, "box").keyring(keyring(&["test"])).suite(world.suite);
        let bucket = bucket.part_size(part_stored(world.suite)).build().unwrap();
        world.order(Operation::InitiateMultipartUpload, action.clone());
        let error = bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient, "{action:?}");
        assert_eq!(world.calls(Operation::AbortMultipartUpload), 1, "{action:?}");
        assert!(world.is_empty().await, "{action:?}");
    }
}

#[tokio::test]
async fn a_forgotten_upload_begins_again_where_the_source_can() {
    for is_replayable in [true, false] {
        let world = TestStore::of(Suite::Sealed).await;
        let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
        let gone = Action::refuse(404, "NoSuchUpload");
        world.faults.inject(Fault::new(gone.clone()).on(Operation::UploadPart).skip(3));
        let body = if is_replayable {
            PutBody::from(ramp(BIG))
        } else {
            PutBody::reader(std::io::Cursor::new(ramp(BIG)), BIG)
        };
        let outcome = bucket.put("k", body, PutOptions::default()).await;
        assert_eq!(
            outcome.map_err(|error| error.kind()).err(),
            (!is_replayable).then_some(ErrorKind::NotFound)
        );
        bucket.delete("k").await.unwrap();
        // Once, and not for ever.
        world.faults.inject(Fault::new(gone).on(Operation::UploadPart).always());
        let error = bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        world.faults.clear();
        assert!(world.is_empty().await);
    }
}

/// The first delivery completed the upload, and the second one was answered.
#[tokio::test]
async fn a_completion_that_was_delivered_twice() {
    let world = TestStore::new().await;
    let gone = Action::RefuseAfter { status: 404, code: "NoSuchUpload".into() };
    world.order(Operation::CompleteMultipartUpload, gone);
    let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
    assert_eq!(bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap().parts, 7);
    assert_eq!(world.calls(Operation::InitiateMultipartUpload), 1);
}

#[tokio::test]
async fn files_have_the_length_that_was_declared_and_do_not_change() {
    let file = |length: u64| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&ramp(length)).unwrap();
        file
    };
    for (declared, there) in [(100, 99), (100, 101), (BIG, BIG - 1), (BIG, BIG + 1), (BIG, 0), (0, 1)] {
        let world = TestStore::new().await;
        let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
        let error =
            bucket.put("k", PutBody::file(file(there), declared), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        let words = if there < declared {
            format!("ended {} bytes before", declared - there)
        } else {
            "longer than declared".into()
        };
        assert!(error.to_string().contains(&words), "{error}");
        assert!(world.is_empty().await, "{declared} {there}");
    }
    // Rewritten between the first part and the last, with the same size and the time put back.
    let world = TestStore::new().await;
    let (source, times) = (file(BIG), std::fs::FileTimes::new());
    let times = times.set_modified(source.metadata().unwrap().modified().unwrap());
    let writer = source.try_clone().unwrap();
    let rewritten = std::sync::atomic::AtomicBool::new(false);
    let bucket = world.intercept(
        move |head| {
            if super::watched::is_part(head) && !rewritten.swap(true, std::sync::atomic::Ordering::SeqCst) {
                // Later than the clock by which the system counts changes ticks.
                std::thread::sleep(Duration::from_millis(20));
                (&writer).rewind().unwrap();
                (&writer).write_all(&[0xff; 1000]).unwrap();
                writer.set_times(times).unwrap();
            }
        },
        |_, _| (),
    );
    let error = bucket.put("k", PutBody::file(source, BIG), PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source, "{error}");
    assert!(error.to_string().contains("the source changed while it was read"), "{error}");
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_wrong_checksum_of_a_part_is_sent_again_and_then_an_error() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let world = TestStore::of(suite).await;
        let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
        let wrong = || Action::ReplyHeader { name: "x-oss-hash-crc64ecma", value: Some("1".into()) };
        world.faults.inject(Fault::new(wrong()).on(Operation::UploadPart).skip(2));
        let size = 4 * part_plain(suite) + 1;
        bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
        assert_eq!(world.calls(Operation::UploadPart), 5 + 1);
        world.faults.inject(Fault::new(wrong()).on(Operation::UploadPart).skip(2).times(20));
        let error = bucket.put("l", ramp(size), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        world.faults.clear();
        bucket.delete("k").await.unwrap();
        assert!(world.is_empty().await);
    }
}

#[tokio::test]
async fn a_part_that_is_cut_anywhere_is_sent_again() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let (part, size) = (part_stored(suite), 2 * part_plain(suite) + 33);
        let world = TestStore::of(suite).await;
        let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
        for cut in [0, 1, 15, 16, 17, 16_399, 16_400, 16_401, 65_536, part - 1] {
            for part in 0..2 {
                let stop = Action::StopReading { after: cut };
                world.faults.inject(Fault::new(stop).on(Operation::UploadPart).skip(part));
            }
            bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
            let read = bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
            assert_eq!(read, ramp(size), "{suite:?} cut at {cut}");
        }
        world.faults.inject(Fault::new(Action::StopReading { after: 20 }).on(Operation::UploadPart).always());
        let error = bucket.put("l", ramp(size), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        world.faults.clear();
        bucket.delete("k").await.unwrap();
        assert!(world.is_empty().await);
    }
}

#[tokio::test]
async fn one_failure_in_ten_costs_one_part_in_ten() {
    let world = TestStore::new().await;
    let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
    for tenth in 0..10 {
        let trouble = Action::refuse(503, "ServiceUnavailable");
        world.faults.inject(Fault::new(trouble).on(Operation::UploadPart).skip(10 * tenth + 9));
    }
    bucket.put("k", ramp(100 * PART), PutOptions::default()).await.unwrap();
    assert_eq!(world.calls(Operation::UploadPart), 100 + 10);
    assert_eq!(world.calls(Operation::InitiateMultipartUpload), 1);
}
