//! The outcome table: for each operation and each fault of the network or the service, the error and
//! whether the request may have been executed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt, Full};
use osseal::transport::{Body, BoxError, InProcess};
use osseal::{CopyOptions, Error, ErrorKind, GetOptions, ListOptions, Outcome, PutOptions, Store, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use crate::support::{PART, TestStore, keyring, ramp};

const SIZE: u64 = 300_000;
const SMALL: u64 = 1000;
/// Longer than the stall timeout of every attempt.
const LATE: std::time::Duration = std::time::Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Done,
    /// Kind, whether the call can be retried, and the outcome.
    Fails(ErrorKind, bool, Outcome),
}

const DENIED: Wanted = Wanted::Fails(ErrorKind::Denied, false, Outcome::NotDone);
/// No reply arrived, and the request may have been executed.
const DOUBTFUL: Wanted = Wanted::Fails(ErrorKind::Transient, true, Outcome::Unknown);
/// No reply arrived, and the store is as it was.
const UNCHANGED: Wanted = Wanted::Fails(ErrorKind::Transient, true, Outcome::NotDone);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Every reply is lost after the work was done.
    Lost,
    /// Every request arrives twice, and the second reply is the one that is seen.
    Duplicated,
    /// Every request is refused.
    Refused,
    /// Every request waits longer than the client does.
    Delayed,
}

use Trouble::{Delayed, Duplicated, Lost, Refused};
use Wanted::Done;

/// The result of each operation, in the order lost, duplicated, refused, delayed.
///
/// The unfinished uploads that a lost reply of Initiate leaves are found by their envelope and aborted;
/// a completion without a reply is decided by the abort that follows it; a read changes nothing.
const TABLE: [(Operation, [Wanted; 4]); 9] = [
    (Operation::PutObject, [DOUBTFUL, Done, DENIED, DOUBTFUL]),
    (Operation::InitiateMultipartUpload, [UNCHANGED, Done, DENIED, UNCHANGED]),
    (Operation::UploadPart, [DOUBTFUL, Done, DENIED, DOUBTFUL]),
    (Operation::CompleteMultipartUpload, [Done, Done, DENIED, UNCHANGED]),
    (Operation::AbortMultipartUpload, [DOUBTFUL, Done, DENIED, DOUBTFUL]),
    (Operation::DeleteObject, [DOUBTFUL, Done, DENIED, DOUBTFUL]),
    (Operation::CopyObject, [DOUBTFUL, Done, DENIED, DOUBTFUL]),
    (Operation::GetObject, [UNCHANGED, Done, DENIED, UNCHANGED]),
    (Operation::PutBucket, [DOUBTFUL, Done, DENIED, DOUBTFUL]),
];

/// A store behind a network that delivers requests twice while `is_armed`.
fn store(world: &TestStore, is_armed: &Arc<AtomicBool>) -> Store {
    let (service, is_armed) = (world.service.clone(), is_armed.clone());
    let transport = InProcess::new(move |request: http::Request<Body>| {
        let (service, is_armed) = (service.clone(), is_armed.clone());
        async move {
            if !is_armed.load(Ordering::Acquire) {
                return service.call(request).await.map_err(BoxError::from);
            }
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let deliver = || {
                let body = Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync();
                service.call(http::Request::from_parts(head.clone(), body))
            };
            deliver().await.map_err(BoxError::from)?;
            deliver().await.map_err(BoxError::from)
        }
    });
    world.store_with(Arc::new(transport), |builder| builder)
}

/// Makes one call of the operation. `arm` is called when all that comes before it is done.
async fn perform(
    world: &TestStore,
    store: &Store,
    operation: Operation,
    arm: impl FnOnce(),
) -> Result<(), Error> {
    let bucket = osseal::EncryptedBucket::builder(store.clone(), "box")
        .keyring(keyring(&["test"]))
        .suite(world.suite)
        .part_size(PART)
        .build()
        .unwrap();
    let begin = || bucket.begin_upload("k", SIZE, None, PutOptions::default());
    let part = |upload: &osseal::MultipartUpload, number| {
        let range = upload.plain_range(number).unwrap();
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        upload.seal_part(number, ramp(SIZE)[range].to_vec()).unwrap()
    };
    match operation {
        Operation::PutObject => {
            arm();
            bucket.put("k", ramp(SMALL), PutOptions::default()).await.map(drop)
        }
        Operation::InitiateMultipartUpload => {
            arm();
            begin().await.map(drop)
        }
        Operation::UploadPart => {
            let upload = begin().await.unwrap();
            let part = part(&upload, 1);
            arm();
            upload.send_part(&part).await
        }
        Operation::CompleteMultipartUpload => {
            let upload = begin().await.unwrap();
            for number in 1..=upload.parts() {
                upload.send_part(&part(&upload, number)).await.unwrap();
            }
            arm();
            upload.complete().await.map(drop)
        }
        Operation::AbortMultipartUpload => {
            let upload = begin().await.unwrap();
            arm();
            upload.abort().await
        }
        Operation::DeleteObject => {
            arm();
            bucket.delete("there").await.map(drop)
        }
        Operation::CopyObject => {
            arm();
            bucket.copy("there", "k", CopyOptions::default()).await.map(drop)
        }
        Operation::GetObject => {
            arm();
            bucket.get("there", GetOptions::default()).await?.bytes().await.map(drop)
        }
        _ => {
            arm();
            store.create_bucket("other").await
        }
    }
}

/// The result of one cell of the table, and whether the world has another object than `there` after it.
async fn run(suite: Suite, operation: Operation, trouble: Trouble) -> (Wanted, bool) {
    let world = TestStore::of(suite).await;
    world.bucket().put("there", ramp(SMALL), PutOptions::default()).await.unwrap();
    let is_armed = Arc::new(AtomicBool::new(false));
    let store = store(&world, &is_armed);
    let before = world.calls(operation);
    let arm = || {
        let action = match trouble {
            Lost => Action::LoseReply,
            Refused => Action::refuse(403, "AccessDenied"),
            Delayed => Action::Delay(LATE),
            Duplicated => return is_armed.store(true, Ordering::Release),
        };
        world.faults.inject(Fault::new(action).on(operation).always());
    };
    let result = perform(&world, &store, operation, arm).await;
    assert!(world.calls(operation) > before, "{operation:?} is called");
    world.faults.clear();
    is_armed.store(false, Ordering::Release);
    store.idle().await;
    let objects = world.bucket().list(&ListOptions::default()).await.unwrap().objects;
    let is_changed = objects.len() != 1 || objects[0].key != "there";
    let result = match result {
        Ok(()) => Done,
        Err(error) => Wanted::Fails(error.kind(), error.is_retryable(), error.outcome()),
    };
    (result, is_changed)
}

#[tokio::test(start_paused = true)]
async fn every_operation_and_fault_has_its_outcome() {
    let mut wrong = Vec::new();
    for suite in Suite::ALL {
        for (operation, cells) in TABLE {
            for (trouble, wanted) in [Lost, Duplicated, Refused, Delayed].into_iter().zip(cells) {
                let (result, is_changed) = run(suite, operation, trouble).await;
                if result != wanted {
                    wrong.push(format!("{suite:?} {operation:?} {trouble:?}: {result:?}, not {wanted:?}"));
                }
                // An object that is there although the error denies it would be lost, or written twice.
                let is_denied = matches!(result, Wanted::Fails(.., Outcome::NotDone));
                if is_changed && is_denied {
                    wrong.push(format!("{suite:?} {operation:?} {trouble:?}: an object is stored"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The control: a fault that does its work changes the result, so the table does not pass by itself.
#[tokio::test(start_paused = true)]
async fn without_a_fault_every_operation_succeeds() {
    for (operation, _) in TABLE {
        let world = TestStore::of(Suite::Sealed).await;
        world.bucket().put("there", ramp(SMALL), PutOptions::default()).await.unwrap();
        let store = store(&world, &Arc::default());
        perform(&world, &store, operation, || ()).await.unwrap();
        store.idle().await;
    }
    let lost = run(Suite::Sealed, Operation::PutObject, Lost).await;
    let refused = run(Suite::Sealed, Operation::PutObject, Refused).await;
    assert_ne!(lost, refused);
    assert!(lost.1 && !refused.1, "a lost reply hides an object, a refusal does not");
}
