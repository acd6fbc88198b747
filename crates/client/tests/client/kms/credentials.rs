//! Who signs: credentials that are renewed, those of the store, and others; and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use osseal::credentials::{CredentialsError, CredentialsErrorKind, ProvideCredentials, SessionCredentials};
use osseal::{
    Credentials, EncryptedBucket, Error, ErrorKind, GetOptions, KmsKey, PutOptions, SharedCredentials, Suite,
};
use osseal_server::kms::faults::{Action, Fault};

use super::fake_kms::{SUITES, Vault, keyring};
use crate::support::{credentials, ramp};

/// Gives one after the other, the last again and again, and nothing when there are none.
#[derive(Clone)]
struct Issuer {
    given: Arc<[Credentials]>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn of(given: impl IntoIterator<Item = Credentials>) -> Issuer {
        Issuer { given: given.into_iter().collect(), asked: Arc::default() }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl ProvideCredentials for Issuer {
    fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        let given = self.given.get(at).or(self.given.last()).cloned();
        let none = || CredentialsError::new(CredentialsErrorKind::Absent, "the issuer has none");
        let grant = given.map(SessionCredentials::permanent).ok_or_else(none);
        std::future::ready(grant).boxed()
    }
}

/// Credentials with a token that the service does not take.
fn stale(number: usize) -> Credentials {
    credentials().with_token(format!("stale-{number}"))
}

fn bucket(vault: &Vault, suite: Suite, signer: impl Into<SharedCredentials>) -> EncryptedBucket {
    let kms = vault.kms_with(|builder| builder.credentials(signer));
    vault.bucket(suite, &KmsKey::builder(kms, vault.id.parse().unwrap()).build().unwrap())
}

async fn put(bucket: &EncryptedBucket) -> Result<(), Error> {
    bucket.put("a", ramp(1000), PutOptions::default()).await.map(drop)
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_once() {
    for (suite, calls, _) in SUITES {
        let vault = Vault::new().await;
        let issuer = Issuer::of([stale(0), credentials()]);
        let renewed = bucket(&vault, suite, SharedCredentials::new(issuer.clone()));
        put(&renewed).await.unwrap();
        assert_eq!((issuer.asked(), vault.faults.total()), (2, 2 * calls), "{suite:?}");
        put(&renewed).await.unwrap();
        assert_eq!((issuer.asked(), vault.faults.total()), (2, 3 * calls), "{suite:?}: kept");
    }
}

#[tokio::test]
async fn what_renewal_does_not_help_is_denied() {
    let vault = Vault::new().await;
    let issuer = Issuer::of((0..9).map(stale));
    let error =
        put(&bucket(&vault, Suite::Sealed, SharedCredentials::new(issuer.clone()))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!((issuer.asked(), vault.faults.total()), (2, 2));
    let error = put(&bucket(&vault, Suite::Sealed, stale(0))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(vault.faults.total(), 3, "fixed ones cannot be renewed");
    assert!(vault.world.is_empty().await);
}

#[tokio::test]
async fn without_credentials_the_service_is_not_asked() {
    let vault = Vault::new().await;
    let error =
        put(&bucket(&vault, Suite::Sealed, SharedCredentials::new(Issuer::of([])))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    assert!(error.to_string().contains("the issuer has none"), "{error}");
    assert_eq!(vault.faults.total(), 0);
}

/// One source for the store and the key service is asked once; a source of its own for each is its own.
#[tokio::test]
async fn the_same_credentials_serve_both_and_separate_ones_each() {
    let vault = Vault::new().await;
    let both = Issuer::of([vault.world.credentials.clone()]);
    let (ours, theirs) = (SharedCredentials::new(both.clone()), Issuer::of([credentials()]));
    for (for_keys, asked) in [(ours.clone(), 0), (SharedCredentials::new(theirs.clone()), 1)] {
        let kms = vault.kms_with(|builder| builder.credentials(for_keys));
        let key = KmsKey::builder(kms, vault.id.parse().unwrap()).build().unwrap();
        let store = vault
            .world
            .store_with(Arc::new(vault.world.transport()), |builder| builder.credentials(ours.clone()));
        let bucket = EncryptedBucket::builder(store, "box")
            .suite(Suite::Sealed)
            .keyring(keyring(&key))
            .build()
            .unwrap();
        put(&bucket).await.unwrap();
        let back = bucket.get("a", GetOptions::default()).await.unwrap().bytes().await.unwrap();
        assert_eq!(back, ramp(1000));
        assert_eq!((both.asked(), theirs.asked()), (1, asked));
    }
}

/// A clock that is wrong is corrected once, by the time of the reply.
#[tokio::test]
async fn a_wrong_clock_is_corrected_once() {
    for minutes in [-90, 90] {
        let vault = Vault::new().await;
        let clock = Arc::new(move || jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes));
        let kms = vault.kms_with(|builder| builder.clock(clock));
        let bucket =
            vault.bucket(Suite::Sealed, &KmsKey::builder(kms, vault.id.parse().unwrap()).build().unwrap());
        put(&bucket).await.unwrap();
        assert_eq!(vault.faults.total(), 2, "{minutes}: refused once");
        assert_eq!(bucket.get("a", GetOptions::default()).await.unwrap().bytes().await.unwrap(), ramp(1000));
        assert_eq!(vault.faults.total(), 3, "{minutes}: the service's time is known from then on");
    }
    // What no correction helps is denied after one.
    let vault = Vault::new().await;
    let bucket = vault.bucket(Suite::Sealed, &vault.key());
    vault.faults.inject(Fault::new(Action::refuse(400, "InvalidTimeStamp.Expired")).always());
    let error = put(&bucket).await.unwrap_err();
    assert_eq!((error.kind(), vault.faults.total()), (ErrorKind::Denied, 2), "{error}");
}
