//! What answers are kept for, and what a check proves.

use data_encoding::BASE64;
use osseal::kms::KmsCheck;
use osseal::{
    GetOptions, KeyError, PutOptions, ReadPolicy, Suite, UnwrapKey, UnwrapRequest, WrapAlgorithm, Wrapped,
    WrappedContent,
};
use osseal_server::kms::faults::{Action, Operation};
use osseal_wire::kms::{Call, EncryptionContext, Plaintext};

use super::fake_kms::Vault;
use crate::support::ramp;

/// What was unwrapped for a lax reader is not there for a strict one, and the other way round.
#[tokio::test]
async fn what_is_kept_is_kept_for_readers_of_one_policy() {
    let vault = Vault::new().await;
    let bucket = vault.bucket(Suite::Sealed, &vault.key());
    bucket.put("a", ramp(1000), PutOptions::default()).await.unwrap();
    let lax = ReadPolicy::ALSO_UNAUTHENTICATED.with_moved();
    for (policy, calls) in [
        (lax.clone(), 1),
        (lax.clone(), 1),
        (ReadPolicy::AUTHENTICATED, 2),
        (ReadPolicy::AUTHENTICATED.with_moved(), 3),
        (ReadPolicy::AUTHENTICATED, 3),
        (lax, 3),
    ] {
        let options = GetOptions { read_policy: Some(policy.clone()), ..GetOptions::default() };
        bucket.get("a", options).await.unwrap().bytes().await.unwrap();
        assert_eq!(vault.faults.calls(Operation::Decrypt), calls, "{policy:?}");
    }
}

/// The same blob, stored as oss2 stores it and as others do, is two questions: they are asked in different contexts.
#[tokio::test]
async fn what_is_kept_is_kept_for_one_context() {
    let vault = Vault::new().await;
    let key = vault.key_with(&vault.id, |builder| builder.passphrase("words").unwrap());
    let call = Call::Encrypt {
        key: vault.id.parse().unwrap(),
        plaintext: Plaintext::of_bytes(&[9; 32]),
        context: EncryptionContext::new([("x-passphrase", "words")]).unwrap(),
    };
    let blob = vault.encrypted(&call).await;
    let (once, twice) =
        (Wrapped(BASE64.decode(blob.as_bytes()).unwrap()), Wrapped(blob.clone().into_bytes()));
    let open = |wrapped| key.unwrap(UnwrapRequest::new(WrapAlgorithm::Kms, wrapped, WrappedContent::DataKey));
    assert_eq!(open(&twice).await.unwrap().expose(), [9; 32]);
    let refused = open(&once).await.map(drop);
    assert_eq!(refused, Err(KeyError::UnwrapFailed), "bound to a passphrase that is not tried here");
    assert_eq!(open(&twice).await.unwrap().expose(), [9; 32]);
    assert_eq!(vault.faults.calls(Operation::Decrypt), 2);
}

/// A writer may lack the permission to unwrap: what can be proven is proven, and it is said that it is not all.
#[tokio::test]
async fn a_check_says_what_is_proven() {
    let vault = Vault::new().await;
    let key = vault.key();
    vault.order(Operation::Decrypt, Action::refuse(403, "Forbidden.NoPermission"));
    let checked = key.check().await.unwrap();
    let KmsCheck::WrapsOnly { message } = checked else { panic!("{checked:?}") };
    assert!(message.contains("Forbidden.NoPermission"), "{message}");
    assert_eq!(key.check().await, Ok(KmsCheck::RoundTrip));
    vault.order(Operation::GenerateDataKey, Action::refuse(403, "Forbidden.NoPermission"));
    assert!(matches!(key.check().await, Err(KeyError::Denied { .. })));
}
