//! At least once: replies that are lost after the work was done, and requests that arrive twice. What is there afterwards is what is there without.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use osseal::transport::{Body, BoxError, InProcess};
use osseal::{
    CopyOptions, EncryptedBucket, Error, ErrorKind, GetOptions, HeadOptions, ListOptions, Outcome,
    PutOptions, SignatureVersion, Suite,
};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::transfers::{SMALL, bucket, is_stored, part_plain, uploads};
use crate::support::{TestStore, ramp};

/// The calls that transfers and changes are made of.
const CALLS: [Operation; 9] = [
    Operation::PutObject,
    Operation::InitiateMultipartUpload,
    Operation::UploadPart,
    Operation::CompleteMultipartUpload,
    Operation::AbortMultipartUpload,
    Operation::DeleteObject,
    Operation::CopyObject,
    Operation::GetObject,
    Operation::HeadObject,
];

/// Whether a request makes such a call.
fn makes(call: Operation, head: &Parts) -> bool {
    let asks = |name: &str| head.uri.query().unwrap_or_default().split(['&', '=']).any(|word| word == name);
    let is_copy = head.headers.contains_key("x-oss-copy-source");
    match call {
        Operation::PutObject => head.method == Method::PUT && !asks("partNumber") && !is_copy,
        Operation::InitiateMultipartUpload => head.method == Method::POST && asks("uploads"),
        Operation::UploadPart => head.method == Method::PUT && asks("partNumber"),
        Operation::CompleteMultipartUpload => head.method == Method::POST && asks("uploadId"),
        Operation::AbortMultipartUpload => head.method == Method::DELETE && asks("uploadId"),
        Operation::DeleteObject => head.method == Method::DELETE && !asks("uploadId"),
        Operation::CopyObject => head.method == Method::PUT && is_copy,
        Operation::GetObject => head.method == Method::GET && head.uri.path().ends_with("there"),
        Operation::HeadObject => head.method == Method::HEAD,
        _ => false,
    }
}

/// Does something that takes such a call, in a store that has the object `there`.
async fn act(bucket: &EncryptedBucket, call: Operation, big: u64, may_replace: bool) -> Result<(), Error> {
    let options = PutOptions { forbid_overwrite: !may_replace, ..PutOptions::default() };
    match call {
        Operation::PutObject => bucket.put("k", ramp(SMALL), options).await.map(drop),
        Operation::InitiateMultipartUpload | Operation::UploadPart | Operation::CompleteMultipartUpload => {
            bucket.put("k", ramp(big), options).await.map(drop)
        }
        Operation::AbortMultipartUpload => bucket.begin_upload("k", big, None, options).await?.abort().await,
        Operation::DeleteObject => bucket.delete("there").await.map(drop),
        Operation::CopyObject => {
            let options = CopyOptions { forbid_overwrite: !may_replace, ..CopyOptions::default() };
            bucket.copy("there", "k", options).await.map(drop)
        }
        Operation::HeadObject => bucket.head("there", HeadOptions::default()).await.map(drop),
        _ => {
            let read = bucket.get("there", GetOptions::default()).await?.bytes().await?;
            assert!(read == ramp(SMALL), "other bytes");
            Ok(())
        }
    }
}

async fn world_of(suite: Suite) -> TestStore {
    let world = TestStore::of(suite).await;
    bucket(&world.store(), suite).put("there", ramp(SMALL), PutOptions::default()).await.unwrap();
    world
}

/// The objects of a store with their content, and how many uploads it has.
async fn state(world: &TestStore) -> (Vec<(String, Bytes)>, usize) {
    let bucket = world.bucket();
    let mut objects = Vec::new();
    for object in bucket.list(&ListOptions::default()).await.unwrap().objects {
        let content = bucket.get(&object.key, GetOptions::default()).await.unwrap().bytes().await.unwrap();
        objects.push((object.key, content));
    }
    (objects, uploads(world).await.len())
}

/// Every call, and what the store has after it.
async fn each(check: impl AsyncFn(Suite, Operation, bool, (Vec<(String, Bytes)>, usize))) {
    for suite in Suite::ALL {
        for call in CALLS {
            for may_replace in [true, false] {
                let world = world_of(suite).await;
                let big = 2 * part_plain(suite) + 33;
                act(&bucket(&world.store(), suite), call, big, may_replace).await.unwrap();
                assert!(world.calls(call) > 0, "the control: {call:?} is made");
                check(suite, call, may_replace, state(&world).await).await;
            }
        }
    }
}

#[tokio::test]
async fn a_reply_may_be_lost() {
    each(async |suite, call, may_replace, wanted| {
        for lost in [1, 2] {
            let world = world_of(suite).await;
            let big = 2 * part_plain(suite) + 33;
            let store = world.store();
            let before = world.calls(call);
            world.faults.inject(Fault::new(Action::LoseReply).on(call).times(lost));
            let outcome = act(&bucket(&store, suite), call, big, may_replace).await;
            if call == Operation::CopyObject && !may_replace {
                // All copies look alike: it may be anybody's.
                let error = outcome.unwrap_err();
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::Exists, Outcome::Unknown), "{error}");
            } else {
                outcome.unwrap();
            }
            store.idle().await;
            assert!(world.calls(call) - before > lost || call == Operation::CompleteMultipartUpload);
            assert_eq!(state(&world).await, wanted, "{suite:?} {call:?} {may_replace}: {lost} lost");
        }
    })
    .await;
}

/// However many pages of uploads its key has, and whoever began them, the one that nobody heard of is aborted, and no other.
#[tokio::test]
async fn a_beginning_whose_reply_is_lost_is_found_among_many() {
    for suite in Suite::ALL.into_iter().cycle().take(6) {
        let world = world_of(suite).await;
        let (others, big, mut begun) = (world.bucket(), 2 * part_plain(suite) + 33, Vec::new());
        for _ in 0..20 {
            begun.push(others.begin_upload("k", big, None, PutOptions::default()).await.unwrap());
        }
        // Pages of three, and identifiers without order: it is seldom on the first.
        let service = world.service.clone();
        let transport = InProcess::new(move |request: http::Request<Body>| {
            let (mut head, body) = request.into_parts();
            let address = head.uri.to_string().replace("max-uploads=1000", "max-uploads=3");
            head.uri = address.parse().unwrap();
            service.call(http::Request::from_parts(head, body))
        });
        let store = world.store_with(Arc::new(transport), |builder| builder.signature(SignatureVersion::V1));
        let before = world.calls(Operation::ListMultipartUploads);
        world.faults.inject(Fault::new(Action::LoseReply).on(Operation::InitiateMultipartUpload));
        bucket(&store, suite).put("k", ramp(big), PutOptions::default()).await.unwrap();
        assert!(world.calls(Operation::ListMultipartUploads) - before > 5, "{suite:?}");
        assert_eq!(world.calls(Operation::AbortMultipartUpload), 1, "{suite:?}");
        let there = others
            .unfinished_uploads(None, "")
            .await
            .unwrap()
            .into_iter()
            .filter_map(|there| there.upload_id);
        let mut known: Vec<_> = begun.iter().map(|upload| upload.upload_id().to_owned()).collect();
        known.sort();
        assert!(there.eq(known), "{suite:?}");
    }
}

/// A store behind a network that delivers such a call twice, and gives back the first reply or the second.
fn twice(world: &TestStore, call: Operation, gives_first: bool) -> osseal::Store {
    let service = world.service.clone();
    let transport = InProcess::new(move |request: http::Request<Body>| {
        let service = service.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let again = || {
                let body = Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync();
                service.call(http::Request::from_parts(head.clone(), body))
            };
            let first = again().await.map_err(BoxError::from)?;
            if !makes(call, &head) {
                return Ok(first);
            }
            let second = again().await.map_err(BoxError::from)?;
            Ok::<_, BoxError>(if gives_first { first } else { second })
        }
    });
    world.store_with(Arc::new(transport), |builder| builder)
}

#[tokio::test]
async fn a_request_may_arrive_twice() {
    each(async |suite, call, may_replace, mut wanted| {
        for gives_first in [true, false] {
            let world = world_of(suite).await;
            let big = 2 * part_plain(suite) + 33;
            let store = twice(&world, call, gives_first);
            let before = world.calls(call);
            let outcome = act(&bucket(&store, suite), call, big, may_replace).await;
            if call == Operation::CopyObject && !may_replace && !gives_first {
                // A copy that is there may be anybody's.
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Exists);
            } else {
                outcome.unwrap();
            }
            store.idle().await;
            assert!(world.calls(call) - before > 1, "{call:?} arrives twice");
            // Nobody was told of the other one, and no store is searched for it after every beginning.
            wanted.1 = usize::from(call == Operation::InitiateMultipartUpload);
            assert_eq!(state(&world).await, wanted, "{suite:?} {call:?} {may_replace} {gives_first}");
        }
    })
    .await;
}

/// The reply to the last word is lost, and so is every answer to the question what came of it.
#[tokio::test]
async fn an_object_of_which_nobody_knows_whether_it_is_there_is_said_to_be_so() {
    for suite in Suite::ALL {
        for (call, size) in
            [(Operation::PutObject, SMALL), (Operation::CompleteMultipartUpload, 2 * part_plain(suite) + 33)]
        {
            // The store is down, or the writer may not look.
            for (may_replace, (status, code)) in [
                (true, (503, "ServiceUnavailable")),
                (false, (503, "ServiceUnavailable")),
                (true, (403, "AccessDenied")),
            ] {
                let world = TestStore::of(suite).await;
                let bucket = bucket(&world.store(), suite);
                let options = || PutOptions { forbid_overwrite: !may_replace, ..PutOptions::default() };
                world.faults.inject(Fault::new(Action::LoseReply).on(call).always());
                let down = Action::refuse(status, code);
                world.faults.inject(Fault::new(down).on(Operation::HeadObject).always());
                let error = bucket.put("k", ramp(size), options()).await.unwrap_err();
                assert_eq!(error.outcome(), Outcome::Unknown, "{suite:?} {call:?} {may_replace}: {error}");
                world.faults.clear();
                assert!(is_stored(&world, size).await && uploads(&world).await.is_empty());
                // The control: what was refused, and cannot be there, is not said to be.
                let refused = Action::refuse(403, "AccessDenied");
                world.faults.inject(Fault::new(refused).on(call).always());
                let error = bucket.put("l", ramp(size), options()).await.unwrap_err();
                assert_eq!(error.outcome(), Outcome::NotDone, "{error}");
            }
        }
    }
}

/// A completion that is on its way for long: nothing says that it was done until the upload is to be aborted.
#[tokio::test(start_paused = true)]
async fn a_completion_that_comes_before_the_abort_is_said_to_be_possible() {
    for suite in Suite::ALL {
        let world = TestStore::of(suite).await;
        let (service, late) = (world.service.clone(), Arc::new(Mutex::new(None)));
        let transport = InProcess::new(move |request: http::Request<Body>| {
            let (service, late) = (service.clone(), late.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let call = |(head, body): (Parts, Bytes)| {
                    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
                    service.call(http::Request::from_parts(head, body))
                };
                if makes(Operation::CompleteMultipartUpload, &head) {
                    *late.lock().unwrap() = Some((head, body));
                    return Err(BoxError::from("the reply was lost"));
                }
                if makes(Operation::AbortMultipartUpload, &head) {
                    let late = late.lock().unwrap().take();
                    assert!(
                        call(late.expect("a completion"))
                            .await
                            .map_err(BoxError::from)?
                            .status()
                            .is_success()
                    );
                }
                call((head, body)).await.map_err(BoxError::from)
            }
        });
        let (store, size) =
            (world.store_with(Arc::new(transport), |builder| builder), 2 * part_plain(suite) + 33);
        let put = bucket(&store, suite).put("k", ramp(size), PutOptions::default()).await;
        let error = put.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{suite:?}: {error}");
        assert!(is_stored(&world, size).await);
    }
}

/// The completion was done and its reply lost, the repetition is told that there is no such upload, and the writer may not look.
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_gone_when_nobody_may_look_does_not_begin_again() {
    for suite in Suite::ALL {
        for may_replace in [true, false] {
            let (world, size) = (TestStore::of(suite).await, 2 * part_plain(suite) + 33);
            let bucket = bucket(&world.store(), suite);
            let options = PutOptions { forbid_overwrite: !may_replace, ..PutOptions::default() };
            let complete = Operation::CompleteMultipartUpload;
            world.faults.inject(Fault::new(Action::LoseReply).on(complete));
            let denied = Action::refuse(403, "AccessDenied");
            world.faults.inject(Fault::new(denied).on(Operation::HeadObject).always());
            let error = bucket.put("k", ramp(size), options).await.unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown, "{suite:?} {may_replace}: {error}");
            assert_eq!(world.calls(Operation::InitiateMultipartUpload), 1);
            world.faults.clear();
            assert!(is_stored(&world, size).await && uploads(&world).await.is_empty());
        }
    }
}

/// The reply to a part is lost, and then the upload is gone: no object can be there, and the put begins again.
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_gone_after_a_lost_part_begins_again() {
    for suite in Suite::ALL {
        let (world, size) = (TestStore::of(suite).await, 2 * part_plain(suite) + 33);
        world.faults.inject(Fault::new(Action::LoseReply).on(Operation::UploadPart));
        let gone = Action::refuse(404, "NoSuchUpload");
        world.faults.inject(Fault::new(gone).on(Operation::UploadPart).skip(3));
        bucket(&world.store(), suite).put("k", ramp(size), PutOptions::default()).await.unwrap();
        assert_eq!(world.calls(Operation::InitiateMultipartUpload), 2, "{suite:?}");
        assert!(is_stored(&world, size).await && uploads(&world).await.is_empty());
    }
}
