//! What a put that follows another one does again, and what it does not.

use std::sync::Arc;

use osseal::{ObjectHeaders, PutOptions, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::{Bench, PARTS, STARTS_OVER, Took};
use crate::support;

#[tokio::test]
async fn what_was_acknowledged_is_not_sent_again() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        // The refused part was sent, too.
        assert_eq!(bench.broken(3).await, Took { parts: 4, beginnings: 1 });
        assert_eq!(bench.broken(2).await, Took { parts: 3, beginnings: 0 });
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took, Took { parts: PARTS - 5, beginnings: 0 }, "{suite:?}");
        bench.check(0).await;
        // One that nobody disturbs, and one whose last request alone failed.
        assert_eq!(bench.run().await.1, STARTS_OVER);
        bench.check(0).await;
        let denied = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::CompleteMultipartUpload);
        bench.world.faults.inject(denied);
        bench.run().await.0.unwrap_err();
        assert_eq!(bench.run().await.1, Took { parts: 0, beginnings: 0 });
        bench.check(0).await;
    }
}

#[tokio::test]
async fn progress_counts_what_a_former_process_sent() {
    let bench = Bench::new(Suite::Sealed).await;
    bench.broken(3).await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = told.clone();
    let progress: osseal::Progress = Arc::new(move |bytes| log.lock().unwrap().push(bytes));
    let options = PutOptions { progress: Some(progress), ..PutOptions::default() };
    bench.run_with(&bench.state(), options).await.0.unwrap();
    assert_eq!(told.lock().unwrap().iter().sum::<u64>(), PARTS * bench.part - 5);
    bench.check(0).await;
}

/// A hundred polls and more are each the last one once; the put after it ends with the object, and no upload is left.
#[tokio::test]
async fn a_put_that_is_dropped_at_any_poll_goes_on() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        let (mut polls, mut resumed, mut is_done) = (0, 0, false);
        while !is_done {
            {
                let mut put = Box::pin(bench.run());
                for _ in 0..polls {
                    let polled =
                        std::future::poll_fn(|cx| std::task::Poll::Ready(put.as_mut().poll(cx))).await;
                    if let std::task::Poll::Ready((outcome, _)) = polled {
                        outcome.unwrap();
                        is_done = true;
                        break;
                    }
                    // Everything else gets its turn.
                    tokio::time::sleep(std::time::Duration::from_micros(300)).await;
                }
            }
            polls += 1;
            bench.store.idle().await;
            bench.until_free().await;
            let (outcome, took) = bench.run().await;
            outcome.unwrap();
            resumed += u64::from(took.beginnings == 0);
            bench.check(0).await;
        }
        assert!(resumed > 3 && polls > 10, "{suite:?}: {resumed} of {polls}");
    }
}

#[tokio::test]
async fn another_key_other_headers_or_another_part_size_start_over() {
    for change in 0..4 {
        let mut bench = Bench::new(Suite::Sealed).await;
        bench.broken(3).await;
        let builder = bench.builder();
        let mut options = PutOptions::default();
        let builder = match change {
            0 => builder.keyring(support::keyring(&["old", "test"])),
            1 => builder.part_size(8 * 16_400),
            2 => builder.bind(osseal::Bind::Key),
            _ => {
                options.headers =
                    ObjectHeaders { content_type: Some("text/plain".into()), ..Default::default() };
                builder
            }
        };
        bench.bucket = builder.build().unwrap();
        let (outcome, took) = bench.run_with(&bench.state(), options).await;
        outcome.unwrap();
        assert_eq!(took.beginnings, 1, "{change}");
        bench.check(0).await;
    }
}

#[tokio::test]
async fn a_writer_that_cannot_unwrap_keeps_nothing() {
    let mut bench = Bench::new(Suite::Sealed).await;
    let key = osseal::NamedKey::new("test", osseal::MaterialDescription::empty());
    let key = key.wrapping(Arc::new(support::aes("test")));
    let keyring = osseal::Keyring::new(vec![key]).unwrap();
    bench.bucket = bench.builder().keyring(keyring).build().unwrap();
    let denied = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::UploadPart);
    bench.world.faults.inject(denied.skip(3));
    bench.run().await.0.unwrap_err();
    assert!(!bench.record().exists() && bench.world.is_empty().await);
}

#[tokio::test]
async fn an_upload_that_is_gone_begins_again_and_one_that_was_completed_is_done() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(3).await;
        assert_eq!(bench.abort_all().await, 1);
        assert_eq!(bench.run().await.1, STARTS_OVER);
        bench.check(0).await;
        // Killed between the service's last answer and the removal of the record.
        let hang = Fault::new(Action::Hang).on(Operation::HeadObject).always();
        bench
            .world
            .faults
            .inject(Fault::new(Action::LoseReply).on(Operation::CompleteMultipartUpload).always());
        bench.world.faults.inject(hang);
        let is_there = async {
            while bench.world.calls(Operation::HeadObject) == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::select! { _ = bench.run() => panic!("it hangs"), () = is_there => {} }
        bench.store.idle().await;
        bench.world.faults.clear();
        assert_eq!(bench.run().await.1, Took { parts: 0, beginnings: 0 }, "{suite:?}");
        bench.check(0).await;
    }
}
