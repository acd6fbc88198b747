//! Replies and states of the key service, one after the other, each with its error.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use osseal::kms::{KmsCheck, KmsLimits};
use osseal::{
    EncryptedBucket, Error, ErrorKind, GetOptions, Keyring, KmsKey, MaterialDescription, NamedKey,
    PutOptions, RsaKey, RsaPadding, Suite, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrapKey, Wrapped,
    WrappedContent,
};
use osseal_server::kms::faults::{Action, Fault, Operation};
use osseal_server::kms::keys::KeyState;
use osseal_wire::kms::{Call, EncryptionContext, Plaintext};

use super::fake_kms::{Vault, keyring};
use crate::support::ramp;

const SUITE: Suite = Suite::AesCtr;

async fn put(bucket: &EncryptedBucket, key: &str) -> Result<(), Error> {
    bucket.put(key, ramp(1000), PutOptions::default()).await.map(drop)
}

async fn get(bucket: &EncryptedBucket, key: &str) -> Result<Vec<u8>, Error> {
    Ok(bucket.get(key, GetOptions::default()).await?.bytes().await?.to_vec())
}

fn kind<T>(outcome: Result<T, Error>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

/// A put of each suite that makes the call, with one fault in it: its error, of one kind for all. Nothing is left, the fault was asked for once, and
/// the next put is good.
async fn spoiled(operation: Operation, action: Action) -> Error {
    let error = spoiled_put(SUITE, operation, action.clone()).await;
    if operation == Operation::GenerateDataKey {
        let sealed = spoiled_put(Suite::Sealed, operation, action).await;
        assert_eq!(sealed.kind(), error.kind(), "{sealed}");
    }
    error
}

async fn spoiled_put(suite: Suite, operation: Operation, action: Action) -> Error {
    let vault = Vault::new().await;
    let bucket = vault.bucket(suite, &vault.key());
    put(&bucket, "before").await.unwrap();
    let before = vault.faults.calls(operation);
    vault.order(operation, action);
    let error = put(&bucket, "spoiled").await.unwrap_err();
    assert_eq!(vault.faults.calls(operation) - before, 1, "{error}");
    assert_eq!(kind(get(&bucket, "spoiled").await), Some(ErrorKind::NotFound));
    put(&bucket, "after").await.unwrap();
    error
}

#[tokio::test(start_paused = true)]
async fn throttling_and_outages_are_repeated() {
    let vault = Vault::new().await;
    let key = vault.key();
    let bucket = vault.bucket(SUITE, &key);
    for (status, code) in [
        (429, "Rejected.Throttling"),
        (400, "Throttling.User"),
        (503, "ServiceUnavailableTemporary"),
        (500, "InternalFailure"),
        (502, ""),
    ] {
        let before = vault.faults.calls(Operation::GenerateDataKey);
        vault.faults.inject(Fault::new(Action::refuse(status, code)).on(Operation::GenerateDataKey).times(3));
        put(&bucket, "a").await.unwrap();
        assert_eq!(vault.faults.calls(Operation::GenerateDataKey) - before, 4, "{status} {code}");
    }
}

#[tokio::test]
async fn what_is_denied_is_asked_once() {
    for (status, code) in [
        (403, "Forbidden.NoPermission"),
        (404, "Forbidden.KeyNotFound"),
        (409, "Rejected.Disabled"),
        (409, "Rejected.PendingDeletion"),
        (404, "InvalidAccessKeyId.NotFound"),
        (400, "InvalidSecurityToken.Expired"),
    ] {
        let error = spoiled(Operation::GenerateDataKey, Action::refuse(status, code)).await;
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.to_string().contains(code), "{error}");
    }
    // The same as states of the key, for reading, too.
    let vault = Vault::new().await;
    let bucket = vault.bucket(SUITE, &vault.key());
    put(&bucket, "a").await.unwrap();
    for state in [KeyState::Disabled, KeyState::PendingDeletion] {
        vault.service.set_state(&vault.id, state).unwrap();
        let before = vault.faults.calls(Operation::Decrypt);
        assert_eq!(kind(get(&bucket, "a").await), Some(ErrorKind::Denied));
        assert!(vault.faults.calls(Operation::Decrypt) - before <= 2, "each value once");
        assert_eq!(kind(put(&bucket, "b").await), Some(ErrorKind::Denied));
    }
    vault.service.set_state(&vault.id, KeyState::Enabled).unwrap();
    assert_eq!(get(&bucket, "a").await.unwrap(), ramp(1000));
}

#[tokio::test]
async fn what_is_no_document_is_a_protocol_error() {
    let document = |body: &[u8]| Action::Document { content_type: "text/html", body: body.to_vec() };
    for (operation, action) in [
        (Operation::GenerateDataKey, document(b"<html>proxy</html>")),
        (Operation::GenerateDataKey, document(b"")),
        (Operation::GenerateDataKey, document(b"[]")),
        (Operation::GenerateDataKey, document(&vec![b' '; 100 << 20])),
        (Operation::GenerateDataKey, Action::Truncate(100)),
        (Operation::Encrypt, Action::Truncate(1)),
        (Operation::Encrypt, document(b"<html>proxy</html>")),
    ] {
        let error = spoiled(operation, action).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
}

#[tokio::test]
async fn a_data_key_that_is_none_is_never_made_to_fit() {
    let of = |length: usize| Action::member("Plaintext", BASE64.encode(&vec![7; length]));
    for action in [
        Action::Member { name: "Plaintext", value: None },
        Action::member("Plaintext", ""),
        of(16),
        of(31),
        of(33),
        of(64),
        Action::member("Plaintext", "not base64!"),
        Action::member("Plaintext", 7),
    ] {
        let error = spoiled(Operation::GenerateDataKey, action.clone()).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{action:?}: {error}");
    }
}

#[tokio::test]
async fn zeros_and_repeated_data_keys_are_refused() {
    for action in [
        Action::member("Plaintext", BASE64.encode(&[0; 32])),
        Action::RepeatMember("Plaintext"),
        Action::RepeatReply,
    ] {
        let error = spoiled(Operation::GenerateDataKey, action.clone()).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{action:?}: {error}");
    }
}

#[tokio::test]
async fn blobs_that_no_header_should_hold_are_refused() {
    for operation in [Operation::GenerateDataKey, Operation::Encrypt] {
        for action in [
            Action::Member { name: "CiphertextBlob", value: None },
            Action::member("CiphertextBlob", ""),
            Action::member("CiphertextBlob", "A".repeat(100 << 10)),
            Action::member("CiphertextBlob", "AAAA\r\nx-oss-object-acl: public-read"),
            Action::member("CiphertextBlob", "AAAA\r\nAAAA"),
            // Base64 of base64: a reader would take it for one that oss2 wrote.
            Action::member("CiphertextBlob", BASE64.encode(BASE64.encode(&[7; 60]).as_bytes())),
        ] {
            let error = spoiled(operation, action.clone()).await;
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        }
    }
}

#[tokio::test]
async fn the_reply_for_another_key_is_refused() {
    for operation in [Operation::GenerateDataKey, Operation::Encrypt] {
        let error = spoiled(operation, Action::member("KeyId", "key-other")).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
    // Under an alias that points elsewhere meanwhile, and for reading by a key that did not wrap.
    let vault = Vault::new().await;
    let alias = vault.key_with("alias/test", |builder| builder);
    let bucket = vault.bucket(SUITE, &alias);
    put(&bucket, "a").await.unwrap();
    let other = vault.service.create_key().unwrap();
    vault.service.set_alias("alias/test", &other).unwrap();
    assert_eq!(kind(put(&bucket, "b").await), Some(ErrorKind::Protocol));
    let by_other = vault.bucket(SUITE, &vault.key_with(&other, |builder| builder));
    assert_eq!(kind(get(&by_other, "a").await), Some(ErrorKind::UnwrapFailed));
    assert_eq!(get(&bucket, "a").await.unwrap(), ramp(1000));
}

#[tokio::test]
async fn the_reply_to_another_request_is_refused() {
    let error = spoiled(Operation::Encrypt, Action::RepeatReply).await;
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    // A blob that came with the plaintext of another: only unwrapping shows it.
    let vault = Vault::new().await;
    let proving = vault.key_with(&vault.id, osseal::kms::KmsKeyBuilder::verify_first);
    let stranger = Call::Encrypt {
        key: vault.id.parse().unwrap(),
        plaintext: Plaintext::of_bytes(&[9; 32]),
        context: EncryptionContext::default(),
    };
    let stranger = vault.encrypted(&stranger).await;
    vault.order(Operation::GenerateDataKey, Action::member("CiphertextBlob", stranger.clone()));
    assert_eq!(kind(put(&vault.bucket(SUITE, &proving), "a").await), Some(ErrorKind::Protocol));
    let bucket = vault.bucket(SUITE, &proving);
    put(&bucket, "a").await.unwrap();
    let decrypts = vault.faults.calls(Operation::Decrypt);
    put(&bucket, "b").await.unwrap();
    assert_eq!(vault.faults.calls(Operation::Decrypt), decrypts, "proven once");
    assert_eq!(proving.check().await, Ok(KmsCheck::RoundTrip));
    vault.order(Operation::GenerateDataKey, Action::member("CiphertextBlob", stranger));
    assert!(matches!(vault.key().check().await, Err(osseal::KeyError::Protocol { .. })));
}

#[tokio::test]
async fn another_context_does_not_open() {
    let vault = Vault::new().await;
    let with = |pairs: &[(&str, &str)]| {
        let pairs = pairs.to_vec();
        let key = vault.key_with(&vault.id, move |builder| builder.context(pairs).unwrap());
        vault.bucket(SUITE, &key)
    };
    let writer = with(&[("a", "1"), ("b", "2")]);
    put(&writer, "a").await.unwrap();
    assert_eq!(get(&with(&[("b", "2"), ("a", "1")]), "a").await.unwrap(), ramp(1000));
    let mut texts = Vec::new();
    for pairs in [&[][..], &[("a", "1")], &[("a", "1"), ("b", "3")]] {
        let error = get(&with(pairs), "a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnwrapFailed, "{error}");
        texts.push(error.to_string());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "one text for every cause");
}

#[tokio::test]
async fn members_twice_are_refused_and_unknown_ones_ignored() {
    for name in ["Plaintext", "KeyId", "CiphertextBlob", "RequestId"] {
        let error = spoiled(Operation::GenerateDataKey, Action::Twice(name)).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error}");
    }
    let error = spoiled(Operation::Encrypt, Action::member("KeyId", 7)).await;
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    let vault = Vault::new().await;
    vault.order(Operation::GenerateDataKey, Action::member("Unknown", 7));
    put(&vault.bucket(SUITE, &vault.key()), "a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_deadline_is_not_used() {
    let vault = Vault::new().await;
    let limits =
        KmsLimits { call: Duration::from_secs(2), operation: Duration::from_secs(5), ..KmsLimits::default() };
    let kms = vault.kms_with(|builder| builder.limits(limits));
    let key = KmsKey::builder(kms, vault.id.parse().unwrap()).build().unwrap();
    let bucket = vault.bucket(SUITE, &key);
    vault.faults.inject(
        Fault::new(Action::LateReply(Duration::from_secs(3))).on(Operation::GenerateDataKey).always(),
    );
    assert_eq!(kind(put(&bucket, "a").await), Some(ErrorKind::Transient));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(vault.world.is_empty().await);
    // In time after all: the one attempt that is late is repeated.
    vault.faults.clear();
    vault.world.store().create_bucket("box").await.unwrap();
    vault.order(Operation::GenerateDataKey, Action::LateReply(Duration::from_secs(3)));
    put(&bucket, "a").await.unwrap();
    assert_eq!(get(&bucket, "a").await.unwrap(), ramp(1000));
}

/// AES/CTR is not authenticated: a wrong key of the right length gives wrong plaintext, and the documents say so.
#[tokio::test]
async fn a_wrong_key_of_the_right_length_is_not_seen_by_a_suite_that_is_not_authenticated() {
    let vault = Vault::new().await;
    let bucket = vault.bucket(SUITE, &vault.key());
    put(&bucket, "a").await.unwrap();
    vault.faults.inject(
        Fault::new(Action::member("Plaintext", BASE64.encode(&[7; 16]))).on(Operation::Decrypt).skip(1),
    );
    assert_ne!(get(&bucket, "a").await.unwrap(), ramp(1000));
    assert!(!SUITE.is_authenticated());
}

/// A sealed envelope commits to its data key, so that a wrong one of the right length is seen before a byte is opened.
#[tokio::test]
async fn a_wrong_key_of_the_right_length_is_seen_by_a_sealed_envelope() {
    let vault = Vault::new().await;
    let bucket = vault.bucket(Suite::Sealed, &vault.key());
    put(&bucket, "a").await.unwrap();
    vault.order(Operation::Decrypt, Action::member("Plaintext", BASE64.encode(&[7; 32])));
    let error = bucket.get("a", GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    let control = vault.bucket(Suite::Sealed, &vault.key());
    assert_eq!(get(&control, "a").await.unwrap(), ramp(1000));
    // What the envelope does not commit to is not kept: the same reader asks anew, and keeps what is right.
    let asked = vault.faults.calls(Operation::Decrypt);
    for _ in 0..2 {
        assert_eq!(get(&bucket, "a").await.unwrap(), ramp(1000));
        assert_eq!(vault.faults.calls(Operation::Decrypt) - asked, 1);
    }
}

/// The blob of a sealed object is what the header holds, whatever it looks like: none is taken for one of oss2, and no passphrase is tried.
#[tokio::test]
async fn a_sealed_blob_is_encoded_once() {
    let vault = Vault::new().await;
    let key = vault.key_with(&vault.id, |builder| builder.passphrase("open sesame").unwrap());
    let call = Call::Encrypt {
        key: vault.id.parse().unwrap(),
        plaintext: Plaintext::of_bytes(&[9; 32]),
        context: EncryptionContext::default(),
    };
    let once = Wrapped::from_kms_blob(&vault.encrypted(&call).await).unwrap();
    let twice = Wrapped(BASE64.encode(&once.0).into_bytes());
    let open = async |wrapped: &Wrapped, content| {
        let request = UnwrapRequest::new(WrapAlgorithm::Kms, wrapped, content);
        key.unwrap(request).await.map(|secret| secret.expose().to_vec())
    };
    let before = vault.faults.calls(Operation::Decrypt);
    assert_eq!(open(&once, WrappedContent::SealedDataKey).await, Ok(vec![9; 32]));
    assert_eq!(vault.faults.calls(Operation::Decrypt) - before, 1);
    let refused = Err(osseal::KeyError::UnwrapFailed);
    assert_eq!(open(&twice, WrappedContent::SealedDataKey).await, refused);
    assert_eq!(vault.faults.calls(Operation::Decrypt) - before, 2, "no passphrase is tried");
    assert_eq!(open(&twice, WrappedContent::DataKey).await, Ok(vec![9; 32]), "the control: oss2 writes so");
}

#[tokio::test]
async fn a_keyring_without_the_kind_of_key_has_no_key() {
    let vault = Vault::new().await;
    let kms = vault.key();
    let pem = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../vectors/official/keys/rsaA_private_pkcs8.pem"
    ));
    let rsa = Arc::new(RsaKey::from_pem(&pem.unwrap(), RsaPadding::OaepSha256).unwrap());
    let rsa = NamedKey::new("rsa", MaterialDescription::empty()).wrapping(rsa.clone()).unwrapping(rsa);
    let by_rsa =
        vault.world.builder().suite(SUITE).keyring(Keyring::new(vec![rsa]).unwrap()).build().unwrap();
    let by_kms = vault.bucket(SUITE, &kms);
    put(&by_kms, "kms").await.unwrap();
    put(&by_rsa, "rsa").await.unwrap();
    let before = vault.faults.total();
    for (bucket, key, wanted) in [(&by_rsa, "kms", "KMS/ALICLOUD"), (&by_kms, "rsa", "OAEPWithSHA-256")] {
        let error = get(bucket, key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoMatchingKey);
        assert!(error.to_string().contains(wanted), "{error}");
    }
    assert_eq!(vault.faults.total(), before, "the service is not asked");
    assert_eq!(get(&by_rsa, "rsa").await.unwrap(), ramp(1000));
}

/// What unwraps to `length` bytes, or to no base64.
async fn unwrapped(
    vault: &Vault,
    text: Plaintext,
    content: WrappedContent,
) -> Result<usize, osseal::KeyError> {
    let call = Call::Encrypt {
        key: vault.id.parse().unwrap(),
        plaintext: text,
        context: EncryptionContext::default(),
    };
    let blob = BASE64.decode(vault.encrypted(&call).await.as_bytes()).unwrap();
    let wrapped = Wrapped(blob);
    let request = UnwrapRequest::new(WrapAlgorithm::Kms, &wrapped, content);
    vault.key().unwrap(request).await.map(|secret| secret.len())
}

#[tokio::test]
async fn other_lengths_are_the_uniform_error() {
    let vault = Vault::new().await;
    for (content, right) in
        [(WrappedContent::DataKey, 32), (WrappedContent::SealedDataKey, 32), (WrappedContent::Iv, 16)]
    {
        for length in [1, 12, 15, 16, 17, 24, 31, 32, 33, 245] {
            let outcome = unwrapped(&vault, Plaintext::of_bytes(&vec![7; length]), content).await;
            let wanted = if length == right { Ok(right) } else { Err(osseal::KeyError::UnwrapFailed) };
            assert_eq!(outcome, wanted, "{content:?} {length}");
        }
        let other = unwrapped(&vault, Plaintext::of_text("not base64!"), content).await;
        assert_eq!(other, Err(osseal::KeyError::UnwrapFailed));
    }
    let counter = unwrapped(&vault, Plaintext::of_text("8"), WrappedContent::LegacyCounter).await;
    assert_eq!(counter, Ok(1));
}

#[tokio::test]
async fn equal_questions_are_asked_once_and_a_failure_is_not_kept() {
    let vault = Vault::new().await;
    let key = vault.key();
    let (_, wrapped) = key.data_key(osseal::Secret::new(vec![0; 32])).await.unwrap();
    let ask = || key.unwrap(UnwrapRequest::new(WrapAlgorithm::Kms, &wrapped, WrappedContent::DataKey));
    vault.order(Operation::Decrypt, Action::Delay(Duration::from_millis(20)));
    vault.order(Operation::Decrypt, Action::refuse(403, "Forbidden.NoPermission"));
    let outcomes = futures_util::future::join_all((0..10).map(|_| ask())).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(vault.faults.calls(Operation::Decrypt), 1);
    // Whoever stops waiting takes nothing from the others.
    vault.order(Operation::Decrypt, Action::Delay(Duration::from_millis(20)));
    let given_up = tokio::time::timeout(Duration::from_millis(5), ask());
    let (given_up, patient) = futures_util::future::join(given_up, ask()).await;
    assert!(given_up.is_err() && patient.is_ok());
    assert_eq!(vault.faults.calls(Operation::Decrypt), 2);
}

#[tokio::test]
async fn keyrings_print_no_secret() {
    let vault = Vault::new().await;
    let key = vault.key_with(&vault.id, |builder| builder.passphrase("hunter2").unwrap());
    let shown = format!("{key:?} {:?} {:?}", keyring(&key), vault.kms());
    assert!(shown.contains(&vault.id) && !shown.contains("hunter2"), "{shown}");
}
