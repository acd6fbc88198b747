//! What the service says no to, and what it says that nobody can rely on: the object that is there stays, and no upload is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use osseal::transport::{Body, Https, Transport, TransportError};
use osseal::{Endpoint, ErrorKind, Outcome, PutOptions, RetryPolicy, Store, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use osseal_server::quirks::{Etag, Quirks};

use super::transfers::{SMALL, bucket, is_stored, part_plain, uploads};
use crate::support::{ClosedPort, TestStore, credentials, detached_store, ramp};

/// The CRC64 says whether bytes arrived; an ETag is a name, whatever it is made of.
#[tokio::test]
async fn an_etag_is_a_name() {
    for suite in Suite::ALL {
        for etag in [Etag::Md5, Etag::Crc64] {
            let mut quirks = Quirks::default();
            quirks.etag = etag;
            let mut world = TestStore::with(quirks).await;
            world.suite = suite;
            for size in [SMALL, 2 * part_plain(suite) + 33] {
                bucket(&world.store(), suite).put("k", ramp(size), PutOptions::default()).await.unwrap();
                assert!(is_stored(&world, size).await);
            }
        }
        // A part that has no name cannot be made an object of.
        let world = TestStore::of(suite).await;
        let nameless = Action::ReplyHeader { name: "etag", value: None };
        world.faults.inject(Fault::new(nameless).on(Operation::UploadPart).skip(1));
        let big = ramp(2 * part_plain(suite) + 33);
        bucket(&world.store(), suite).put("k", big, PutOptions::default()).await.unwrap_err();
        assert_eq!(uploads(&world).await, []);
        assert!(!is_stored(&world, 0).await);
    }
}

/// The numbers of the service's rules about encrypted uploads, as its pages have them.
const RULES: [&str; 6] =
    ["0005-00000407", "0005-00000408", "0005-00000409", "0005-00000411", "0005-00000413", "0005-00000416"];

#[tokio::test]
async fn a_rule_about_encrypted_uploads_that_was_broken_is_told_as_it_was() {
    let calls =
        [Operation::InitiateMultipartUpload, Operation::UploadPart, Operation::CompleteMultipartUpload];
    for suite in Suite::ALL {
        for call in calls {
            for number in RULES {
                let world = TestStore::of(suite).await;
                let headers = vec![("x-oss-ec".to_owned(), number.to_owned())];
                let refusal =
                    Action::Refuse { status: 400, code: "InvalidEncryptionRequest".into(), headers };
                world.faults.inject(Fault::new(refusal).on(call));
                let big = ramp(2 * part_plain(suite) + 33);
                let put = bucket(&world.store(), suite).put("k", big, PutOptions::default()).await;
                let error = put.unwrap_err();
                assert_eq!((error.kind(), error.code()), (ErrorKind::Service, "InvalidEncryptionRequest"));
                let text = error.to_string();
                assert!(text.contains(number) && text.contains("A fault that was ordered."), "{text}");
                // It is not repeated, and aborted.
                assert_eq!(
                    (world.calls(call), uploads(&world).await),
                    (if call == Operation::UploadPart { 3 } else { 1 }, vec![])
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_locked_or_in_the_way_stays() {
    let refusals = [
        (409, "FileImmutable", ErrorKind::Denied),
        (403, "AccessDenied", ErrorKind::Denied),
        (409, "FileAlreadyExists", ErrorKind::Exists),
        (409, "ObjectAlreadyExists", ErrorKind::Exists),
    ];
    for suite in Suite::ALL {
        for (status, code, kind) in refusals {
            let writes = [
                (Operation::PutObject, SMALL),
                (Operation::InitiateMultipartUpload, 2 * part_plain(suite) + 33),
                (Operation::UploadPart, 2 * part_plain(suite) + 33),
                (Operation::CompleteMultipartUpload, 2 * part_plain(suite) + 33),
            ];
            for (call, size) in writes {
                let world = TestStore::of(suite).await;
                let bucket = bucket(&world.store(), suite);
                bucket.put("k", ramp(100), PutOptions::default()).await.unwrap();
                world.faults.inject(Fault::new(Action::refuse(status, code)).on(call).always());
                let error = bucket.put("k", ramp(size), PutOptions::default()).await.unwrap_err();
                assert_eq!((error.kind(), error.code()), (kind, code), "{call:?}");
                assert_eq!(error.outcome(), Outcome::NotDone, "{error}");
                world.faults.clear();
                assert!(is_stored(&world, 100).await && uploads(&world).await.is_empty(), "{call:?} {code}");
                assert_eq!(world.calls(Operation::DeleteObject), 0);
                // Nor is it taken away.
                let refusal = Action::refuse(status, code);
                world.faults.inject(Fault::new(refusal).on(Operation::DeleteObject));
                assert_eq!(bucket.delete("k").await.unwrap_err().kind(), kind);
                assert!(is_stored(&world, 100).await);
            }
        }
    }
}

/// How an attempt ends: by throttling, by a 503 that is not the service's, without a connection, or with a reply that is lost.
#[derive(Clone, Copy, Debug)]
enum End {
    Throttled,
    Gateway,
    Unsent,
    Lost,
}

/// A network where attempts end one after the other as it was said.
struct Ends([End; 5], AtomicUsize);

impl Transport for Ends {
    fn send(
        &self,
        _: http::Request<Body>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let end = self.0[self.1.fetch_add(1, Ordering::Relaxed)];
        Box::pin(async move {
            match end {
                End::Throttled => Ok(unavailable("<Error><Code>ServiceUnavailable</Code></Error>")),
                End::Gateway => Ok(unavailable("upstream connect error")),
                End::Unsent => Err(TransportError::unsent("no connection", "refused")),
                End::Lost => Err(TransportError::broken("the connection broke", "reset")),
            }
        })
    }
}

fn unavailable(document: &'static str) -> http::Response<Body> {
    let body = Full::new(Bytes::from_static(document.as_bytes())).map_err(|never| match never {});
    http::Response::builder().status(503).body(body.boxed_unsync()).unwrap()
}

/// Only an attempt that the service may have carried out leaves a doubt, whichever of them it is.
#[tokio::test(start_paused = true)]
async fn what_cannot_have_been_stored_is_not_said_to_be() {
    use End::{Gateway, Lost, Throttled, Unsent};
    let endings = [
        ([Throttled; 5], false),
        ([Unsent; 5], false),
        ([Unsent, Throttled, Unsent, Throttled, Unsent], false),
        ([Lost, Throttled, Throttled, Throttled, Throttled], true),
        ([Throttled, Lost, Unsent, Unsent, Unsent], true),
        ([Throttled, Unsent, Gateway, Throttled, Throttled], true),
        ([Throttled, Throttled, Throttled, Throttled, Lost], true),
    ];
    for suite in Suite::ALL {
        for (endings, is_open) in endings {
            let network = Arc::new(Ends(endings, AtomicUsize::new(0)));
            let store = detached_store(network.clone(), |builder| builder);
            let put = bucket(&store, suite).put("k", ramp(SMALL), PutOptions::default()).await;
            let error = put.unwrap_err();
            assert_eq!(network.1.load(Ordering::Relaxed), endings.len());
            assert_eq!(error.outcome().is_unknown(), is_open, "{suite:?} {endings:?}: {error}");
        }
    }
}

/// A refused connection transfers nothing, so the outcome is known.
#[tokio::test]
async fn refused_connection_has_a_known_outcome() {
    let closed = ClosedPort::reserve();
    let endpoint = Endpoint::parse(&format!("http://{}", closed.address())).unwrap();
    let quick = RetryPolicy { base: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
    let store = Store::builder(endpoint, "cn-hangzhou").credentials(credentials()).retry(quick);
    let store = store.transport(Arc::new(Https::new().unwrap())).build().unwrap();
    for suite in Suite::ALL {
        let put = bucket(&store, suite).put("k", ramp(SMALL), PutOptions::default()).await;
        let error = put.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
        assert_eq!(error.outcome(), Outcome::NotDone, "{error}");
    }
}

/// What arrived damaged is there; the second try does not take that back.
#[tokio::test(start_paused = true)]
async fn an_object_that_was_stored_damaged_is_said_to_be_there() {
    for suite in Suite::ALL {
        let world = TestStore::of(suite).await;
        let wrong = Action::ReplyHeader { name: "x-oss-hash-crc64ecma", value: Some("1".into()) };
        world.faults.inject(Fault::new(wrong).on(Operation::PutObject));
        let refusal = Fault::new(Action::refuse(503, "ServiceUnavailable")).on(Operation::PutObject);
        world.faults.inject(refusal.skip(1).always());
        let put = bucket(&world.store(), suite).put("k", ramp(SMALL), PutOptions::default()).await;
        let error = put.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{suite:?}: {error}");
        assert!(error.to_string().contains("sending it again failed"), "{error}");
        world.faults.clear();
        assert!(is_stored(&world, SMALL).await);
    }
}
