//! A store and a key service, with what goes wrong in the latter.

use std::sync::Arc;

use futures_util::FutureExt;
use http_body_util::BodyExt;
use osseal::kms::{Kms, KmsBuilder, KmsKey, KmsKeyBuilder, KmsLimits};
use osseal::transport::InProcess;
use osseal::{
    EncryptedBucket, Endpoint, Keyring, MaterialDescription, NamedKey, PutOptions, Suite, UnwrapKey,
    UnwrapRequest,
};
use osseal_server::kms::KmsService;
use osseal_server::kms::faults::{Action, Fault, Faults, Operation};
use osseal_wire::acs3;
use osseal_wire::kms::{Call, Encrypted};
use osseal_wire::oss::Metadata;

use crate::support::{TestStore, credentials, keystream, ramp};

/// Suites under test, with the calls that writing and reading an object of each takes.
pub(crate) const SUITES: [(Suite, u64, u64); 2] = [(Suite::AesCtr, 2, 2), (Suite::Sealed, 1, 1)];

pub(crate) struct Vault {
    pub(crate) world: TestStore,
    pub(crate) service: KmsService,
    pub(crate) faults: Faults,
    /// The key that every test writes with.
    pub(crate) id: String,
}

impl Vault {
    pub(crate) async fn new() -> Vault {
        Vault::of(TestStore::new().await)
    }

    pub(crate) fn of(world: TestStore) -> Vault {
        let faults = Faults::new();
        let service = KmsService::builder()
            .credentials(vec![credentials(), world.credentials.clone()])
            .faults(faults.clone())
            .build();
        let id = service.create_key().unwrap();
        service.set_alias("alias/test", &id).unwrap();
        Vault { world, service, faults, id }
    }

    /// The account, as the builder is changed.
    pub(crate) fn kms_with(&self, with: impl FnOnce(KmsBuilder) -> KmsBuilder) -> Kms {
        let service = self.service.clone();
        let transport = InProcess::new(move |request| service.call(request));
        let endpoint = Endpoint::parse("http://127.0.0.1").unwrap();
        with(Kms::builder(endpoint).credentials(credentials()).transport(Arc::new(transport)))
            .build()
            .unwrap()
    }

    pub(crate) fn kms(&self) -> Kms {
        self.kms_with(|builder| builder)
    }

    pub(crate) fn key_with(&self, id: &str, with: impl FnOnce(KmsKeyBuilder) -> KmsKeyBuilder) -> KmsKey {
        with(KmsKey::builder(self.kms(), id.parse().unwrap())).build().unwrap()
    }

    pub(crate) fn key(&self) -> KmsKey {
        self.key_with(&self.id, |builder| builder)
    }

    pub(crate) fn bucket(&self, suite: Suite, key: &KmsKey) -> EncryptedBucket {
        self.world.builder().suite(suite).keyring(keyring(key)).build().unwrap()
    }

    /// The blob that the service makes of a call.
    pub(crate) async fn encrypted(&self, call: &Call) -> String {
        let mut head = call.head(&Endpoint::parse("http://127.0.0.1").unwrap()).unwrap();
        acs3::sign(&mut head, b"", &credentials(), "nonce", jiff::Timestamp::now()).unwrap();
        let request = http::Request::from_parts(head, osseal_server::body::empty());
        let reply = self.service.call(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        Encrypted::from_json(&reply).unwrap().ciphertext_blob.into()
    }

    pub(crate) fn order(&self, operation: Operation, action: Action) {
        self.faults.inject(Fault::new(action).on(operation));
    }
}

impl Vault {
    /// What the keystream ledger complains about, asked with the key service's help.
    fn violations(&self) -> Vec<String> {
        self.faults.clear();
        let limits = KmsLimits { per_second: u32::MAX, ..KmsLimits::default() };
        let kms = self.kms_with(|builder| builder.limits(limits));
        let key = KmsKey::builder(kms, self.id.parse().unwrap()).build().unwrap();
        keystream::violations_with(&self.world.ledger, |envelope, wrapped, content| {
            let request = UnwrapRequest::new(envelope.wrap, wrapped, content);
            let secret = tokio::task::unconstrained(key.unwrap(request)).now_or_never();
            let secret = secret.expect("the service in this process is never late");
            secret.ok().map(|secret| secret.expose().to_vec())
        })
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let found = self.violations();
            assert!(found.is_empty(), "{found:#?}");
        }
    }
}

#[tokio::test]
async fn two_texts_under_one_key_stream_are_found_with_every_suite() {
    use osseal_wire::oss::request::{Call, GetObject, PutObject};
    for (suite, ..) in SUITES {
        let vault = Vault::new().await;
        let bucket = vault.bucket(suite, &vault.key());
        bucket.put("k", ramp(1000), PutOptions::default()).await.unwrap();
        assert!(vault.violations().is_empty());
        let stored = vault.world.raw(Call::GetObject(GetObject::default()), Some("k"), vec![]).await;
        let (head, body) = stored.into_parts();
        let mut other = body.to_vec();
        other[500] ^= 1;
        let put = PutObject { metadata: Metadata::from_headers(&head.headers), ..PutObject::default() };
        vault.world.raw(Call::PutObject(put), Some("k"), other).await;
        assert_eq!(vault.violations().len(), 1, "{suite:?}");
        // The accident was on purpose: it must not fail the test when the vault ends.
        std::mem::forget(vault);
    }
}

pub(crate) fn keyring(key: &KmsKey) -> Keyring {
    let key = Arc::new(key.clone());
    let named = NamedKey::new("kms", MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key);
    Keyring::new(vec![named]).unwrap()
}
