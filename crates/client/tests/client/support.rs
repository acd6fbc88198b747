//! A store in a test: the development server in this process, with its ledger checked when the test ends.

pub(crate) mod keystream;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use osseal::transport::{Body, BoxError, InProcess, Transport};
use osseal::{
    AesKey, Credentials, EncryptedBucket, EncryptedBucketBuilder, Endpoint, Keyring, MaterialDescription,
    NamedKey, RetryPolicy, Store, StoreBuilder, Suite,
};
use osseal_server::fault::{Action, Fault, Faults};
use osseal_server::ledger::Ledger;
use osseal_server::quirks::Quirks;
use osseal_server::{Operation, Service};

/// Smallest part that the service takes.
pub(crate) const PART: u64 = 100 << 10;

/// The server, what goes wrong in it, and everything it ever received.
pub(crate) struct World {
    /// What its buckets write.
    pub(crate) suite: Suite,
    pub(crate) service: Service,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
}

impl World {
    /// A store whose buckets write AES/CTR.
    pub(crate) async fn new() -> World {
        World::with(Quirks::default()).await
    }

    /// A store whose buckets write a suite.
    pub(crate) async fn of(suite: Suite) -> World {
        let mut world = World::with(Quirks::default()).await;
        world.suite = suite;
        world
    }

    /// A store that answers otherwise where nobody knows how the service does.
    pub(crate) async fn with(quirks: Quirks) -> World {
        let (faults, ledger) = (Faults::new(), Ledger::new());
        let service = Service::builder()
            .credentials(vec![credentials()])
            .quirks(quirks)
            .faults(faults.clone())
            .ledger(ledger.clone())
            .build();
        let world = World { suite: Suite::AesCtr, service, faults, ledger };
        world.store().create_bucket("box").await.unwrap();
        world
    }

    pub(crate) fn transport(&self) -> InProcess {
        let service = self.service.clone();
        InProcess::new(move |request| service.call(request))
    }

    pub(crate) fn store(&self) -> Store {
        World::store_with(Arc::new(self.transport()), |builder| builder)
    }

    pub(crate) fn store_with(
        transport: Arc<dyn Transport>,
        with: impl FnOnce(StoreBuilder) -> StoreBuilder,
    ) -> Store {
        let endpoint = Endpoint::parse("http://127.0.0.1").unwrap();
        let quick = RetryPolicy { base: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
        let builder = Store::builder(endpoint, "cn-hangzhou")
            .credentials(credentials())
            .transport(transport)
            .retry(quick);
        with(builder).build().unwrap()
    }

    pub(crate) fn builder(&self) -> EncryptedBucketBuilder {
        EncryptedBucket::builder(self.store(), "box")
            .keyring(keyring(&["test"]))
            .suite(self.suite)
            .multipart_threshold(2 * PART)
            .part_size(PART)
    }

    pub(crate) fn bucket(&self) -> EncryptedBucket {
        self.builder().build().unwrap()
    }

    /// A bucket behind a transport that edits replies.
    pub(crate) fn edited(
        &self,
        after: impl Fn(&http::request::Parts, &mut Response<Bytes>) + Send + Sync + 'static,
    ) -> EncryptedBucket {
        self.between(|_| (), after)
    }

    /// A bucket behind a transport that edits what is not signed of requests, and replies.
    pub(crate) fn between(
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
        let store = World::store_with(Arc::new(transport), |builder| builder);
        EncryptedBucket::builder(store, "box")
            .keyring(keyring(&["test"]))
            .suite(self.suite)
            .multipart_threshold(2 * PART)
            .part_size(PART)
            .build()
            .unwrap()
    }

    pub(crate) fn order(&self, operation: Operation, action: Action) {
        self.faults.inject(Fault::new(action).on(operation));
    }

    pub(crate) fn calls(&self, operation: Operation) -> u64 {
        self.faults.calls(operation)
    }

    /// Asks the server itself, without encryption. Panics unless it succeeds.
    pub(crate) async fn raw(
        &self,
        call: osseal_wire::oss::Call,
        key: Option<&str>,
        body: Vec<u8>,
    ) -> Response<Bytes> {
        use osseal_wire::oss::{Request, Subject, sign_v4};
        let request = Request { bucket: Some("box".into()), key: key.map(str::to_owned), call };
        let mut head = request.head(&Endpoint::parse("http://127.0.0.1").unwrap()).unwrap();
        let subject = Subject { bucket: Some("box"), key, region: "cn-hangzhou" };
        sign_v4::sign(&mut head, subject, &credentials(), &[], jiff::Timestamp::now()).unwrap();
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

    /// Whether nothing is left: no object of the bucket and no unfinished upload.
    pub(crate) async fn is_empty(&self) -> bool {
        self.store().delete_bucket("box").await.is_ok()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            keystream::check(&self.ledger);
        }
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("ak", "sk")
}

/// The AES key of every test keyring's key of that name.
pub(crate) fn aes(name: &str) -> AesKey {
    let seed = name.bytes().fold(7_u8, u8::wrapping_add);
    AesKey::from_file_content(&[seed; 32]).unwrap()
}

pub(crate) fn named(name: &str) -> NamedKey {
    let mut description = MaterialDescription::empty();
    description.insert("name", name);
    let key = Arc::new(aes(name));
    NamedKey::new(name, description).wrapping(key.clone()).unwrapping(key)
}

pub(crate) fn keyring(names: &[&str]) -> Keyring {
    Keyring::new(names.iter().map(|name| named(name)).collect()).unwrap()
}

/// Byte i is i modulo 251.
pub(crate) fn ramp(length: u64) -> Vec<u8> {
    (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect()
}
