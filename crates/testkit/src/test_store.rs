//! A server in the test process whose key streams are checked when the test ends.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use osseal::transport::{Body, BoxError, InProcess, Transport};
use osseal::{
    Credentials, EncryptedBucket, EncryptedBucketBuilder, Endpoint, RetryPolicy, Store, StoreBuilder, Suite,
};
use osseal_server::fault::{Action, Fault, Faults};
use osseal_server::ledger::Ledger;
use osseal_server::quirks::Quirks;
use osseal_server::{Operation, Service};

use crate::keys::{keyring, unique_credentials};
use crate::keystream;

/// The smallest part size that the service accepts, in bytes.
pub const PART: u64 = 100 << 10;

/// A server with the bucket `box`, its faults, and a ledger of all bodies it received.
///
/// Each store accepts only its own credentials. A stray request of another test is refused.
///
/// # Panics
/// Dropping it panics if a key stream position encrypted two texts.
pub struct TestStore {
    /// The suite that its buckets write.
    pub suite: Suite,
    /// The only credentials that the server accepts.
    pub credentials: Credentials,
    /// The server.
    pub service: Service,
    /// Schedules faults and counts calls.
    pub faults: Faults,
    /// The bodies that the server received.
    pub ledger: Ledger,
}

impl TestStore {
    /// A store whose buckets write AES-CTR.
    pub async fn new() -> TestStore {
        TestStore::with(Quirks::default()).await
    }

    /// A store whose buckets write this suite.
    pub async fn of(suite: Suite) -> TestStore {
        let mut world = TestStore::with(Quirks::default()).await;
        world.suite = suite;
        world
    }

    /// A store with other answers where the behaviour of the service is not documented.
    pub async fn with(quirks: Quirks) -> TestStore {
        let (faults, ledger, credentials) = (Faults::new(), Ledger::new(), unique_credentials());
        let service = Service::builder()
            .credentials(vec![credentials.clone()])
            .quirks(quirks)
            .faults(faults.clone())
            .ledger(ledger.clone())
            .build();
        let world = TestStore { suite: Suite::AesCtr, credentials, service, faults, ledger };
        world.store().create_bucket("box").await.unwrap();
        world
    }

    /// A transport that calls the server without sockets.
    pub fn transport(&self) -> InProcess {
        let service = self.service.clone();
        InProcess::new(move |request| service.call(request))
    }

    /// A client of the server.
    pub fn store(&self) -> Store {
        self.store_with(Arc::new(self.transport()), |builder| builder)
    }

    /// A client with this transport and more options. Retries wait 1 ms at first.
    pub fn store_with(
        &self,
        transport: Arc<dyn Transport>,
        with: impl FnOnce(StoreBuilder) -> StoreBuilder,
    ) -> Store {
        store_with_credentials(self.credentials.clone(), transport, with)
    }

    /// A bucket builder with the key `test` and the smallest parts.
    pub fn builder(&self) -> EncryptedBucketBuilder {
        EncryptedBucket::builder(self.store(), "box")
            .keyring(keyring(&["test"]))
            .suite(self.suite)
            .multipart_threshold(2 * PART)
            .part_size(PART)
    }

    /// The bucket of [`TestStore::builder`].
    pub fn bucket(&self) -> EncryptedBucket {
        self.builder().build().unwrap()
    }

    /// A bucket whose transport edits replies.
    pub fn map_reply(
        &self,
        after: impl Fn(&http::request::Parts, &mut Response<Bytes>) + Send + Sync + 'static,
    ) -> EncryptedBucket {
        self.intercept(|_| (), after)
    }

    /// A bucket whose transport edits the unsigned fields of requests, and replies.
    pub fn intercept(
        &self,
        before: impl Fn(&mut http::request::Parts) + Send + Sync + 'static,
        after: impl Fn(&http::request::Parts, &mut Response<Bytes>) + Send + Sync + 'static,
    ) -> EncryptedBucket {
        let (service, edits) = (self.service.clone(), Arc::new((before, after)));
        let transport = InProcess::new(move |request: http::Request<Body>| {
            let (service, edits) = (service.clone(), edits.clone());
            async move {
                let (mut head, body) = request.into_parts();
                (edits.0)(&mut head);
                let copy = head.clone();
                let reply =
                    service.call(http::Request::from_parts(head, body)).await.map_err(BoxError::from)?;
                let (head, body) = reply.into_parts();
                let mut reply = Response::from_parts(head, body.collect().await?.to_bytes());
                (edits.1)(&copy, &mut reply);
                Ok::<_, BoxError>(
                    reply.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()),
                )
            }
        });
        let store = self.store_with(Arc::new(transport), |builder| builder);
        EncryptedBucket::builder(store, "box")
            .keyring(keyring(&["test"]))
            .suite(self.suite)
            .multipart_threshold(2 * PART)
            .part_size(PART)
            .build()
            .unwrap()
    }

    /// Schedules a fault for the next call of an operation.
    pub fn order(&self, operation: Operation, action: Action) {
        self.faults.inject(Fault::new(action).on(operation));
    }

    /// How many calls of an operation the server received.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.faults.calls(operation)
    }

    /// Sends a signed request to the server without encryption.
    ///
    /// # Panics
    /// If the reply is an error.
    pub async fn raw(
        &self,
        call: osseal_wire::oss::Call,
        key: Option<&str>,
        body: Vec<u8>,
    ) -> Response<Bytes> {
        use osseal_wire::oss::{Request, Subject, sign_v4};
        let request = Request { bucket: Some("box".into()), key: key.map(str::to_owned), call };
        let mut head = request.head(&Endpoint::parse("http://127.0.0.1").unwrap()).unwrap();
        let subject = Subject { bucket: Some("box"), key, region: "cn-hangzhou" };
        sign_v4::sign(&mut head, subject, &self.credentials, &[], jiff::Timestamp::now()).unwrap();
        let body = request.body().map_or(body, |document| document.to_vec());
        if head.method == http::Method::PUT || head.method == http::Method::POST {
            head.headers.insert("content-length", body.len().into());
        }
        let reply = self
            .service
            .call(http::Request::from_parts(head, osseal_server::body::full(body)))
            .await
            .unwrap();
        let (head, body) = reply.into_parts();
        assert!(head.status.is_success(), "{head:?}");
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// Deletes the bucket. `true` if it contained neither objects nor unfinished uploads.
    pub async fn is_empty(&self) -> bool {
        self.store().delete_bucket("box").await.is_ok()
    }
}

/// A client whose transport leads to no [`TestStore`].
pub fn detached_store(
    transport: Arc<dyn Transport>,
    with: impl FnOnce(StoreBuilder) -> StoreBuilder,
) -> Store {
    store_with_credentials(unique_credentials(), transport, with)
}

fn store_with_credentials(
    credentials: Credentials,
    transport: Arc<dyn Transport>,
    with: impl FnOnce(StoreBuilder) -> StoreBuilder,
) -> Store {
    let endpoint = Endpoint::parse("http://127.0.0.1").unwrap();
    let quick = RetryPolicy { base: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
    let builder =
        Store::builder(endpoint, "cn-hangzhou").credentials(credentials).transport(transport).retry(quick);
    with(builder).build().unwrap()
}

impl Drop for TestStore {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            keystream::check(&self.ledger);
        }
    }
}
