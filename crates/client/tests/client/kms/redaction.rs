//! What is printed for debugging, and what errors say: never a key.

use std::fmt::Debug;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use osseal::{Error, ErrorKind, GetOptions, PresignedReader, PutOptions, Secret, SharedCredentials, Suite};
use osseal_server::kms::faults::{Action, Fault, Operation};
use osseal_wire::kms::{DataKey, Plaintext};

use super::fake_kms::{Vault, keyring};
use crate::support::{aes, credentials, named, ramp};

/// The texts that would tell a key: in digits, in base64, and as the bytes are printed.
fn tells(key: &[u8]) -> Vec<String> {
    let numbers: Vec<String> = key[..12].iter().map(ToString::to_string).collect();
    let places = (0..3).map(|skipped| BASE64.encode(&key[skipped..skipped + 27]));
    places.chain([HEXLOWER.encode(&key[..12]), HEXUPPER.encode(&key[..12]), numbers.join(",")]).collect()
}

fn is_told(text: &str, key: &[u8]) -> bool {
    // Numbers are printed with spaces or in lines.
    let text: String = text.split_whitespace().collect();
    tells(key).iter().any(|form| text.contains(form.as_str()))
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}\n")
}

fn said(error: &Error) -> String {
    let mut text = format!("{error}\n{}", shown(error));
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text += &[source.to_string(), shown(&source)].concat();
        next = source.source();
    }
    text
}

#[tokio::test]
async fn neither_errors_nor_debug_output_tell_a_key() {
    let data_key: Vec<u8> = (0_u8..32).map(|i| i.wrapping_mul(73) ^ 0xa5).collect();
    let vault = Vault::new().await;
    let key = vault.key();
    for operation in [Operation::GenerateDataKey, Operation::Decrypt] {
        let known = Action::member("Plaintext", BASE64.encode(&data_key));
        vault.faults.inject(Fault::new(known).on(operation).always());
    }
    let bucket = vault.bucket(Suite::Sealed, &key);
    let report = bucket.put("k", ramp(100_000), PutOptions::default()).await.unwrap();
    let mut object = bucket.get("k", GetOptions::default()).await.unwrap();
    let chunk = object.next_chunk().await.unwrap();
    let reader = PresignedReader::new(keyring(&key), Suite::Sealed);
    let reply = DataKey {
        ciphertext_blob: osseal_wire::kms::CiphertextBlob::of_bytes(b"blob").unwrap(),
        plaintext: Plaintext::of_bytes(&data_key),
        key_id: vault.id.clone(),
        key_version_id: String::new(),
        request_id: String::new(),
    };
    let mut text = [shown(&key), shown(&vault.kms()), shown(&keyring(&key)), shown(&bucket)].concat();
    text += &[shown(&report), shown(&object), shown(&reader), shown(&vault.world.store())].concat();
    text += &[shown(&Secret::new(data_key.clone())), shown(&Plaintext::of_bytes(&data_key)), shown(&reply)]
        .concat();
    text += &[shown(&aes("a")), shown(&named("a")), shown(&credentials())].concat();
    text += &shown(&SharedCredentials::from(credentials()));
    assert!(chunk.is_some() && text.contains("KmsKey(") && text.contains("Secret(32 bytes)"), "{text}");
    assert!(!is_told(&text, &data_key));
    drop(object);

    // Each of these has had the data key in hand.
    let mut errors = Vec::new();
    for (member, value) in [("KeyId", "key-other"), ("CiphertextBlob", "no base64"), ("RequestId", "same")] {
        vault
            .faults
            .inject(Fault::new(Action::member(member, value)).on(Operation::GenerateDataKey).times(2));
        for _ in 0..2 {
            errors.extend(bucket.put("e", ramp(10), PutOptions::default()).await.err());
        }
    }
    let other = vault.bucket(Suite::Sealed, &vault.key_with(&vault.id, |builder| builder));
    vault.faults.clear();
    let wrong = Fault::new(Action::member("Plaintext", BASE64.encode(&[&data_key[1..], &[0][..]].concat())));
    vault.faults.inject(wrong.on(Operation::Decrypt).always());
    errors.extend(other.get("k", GetOptions::default()).await.err());
    let kinds: Vec<ErrorKind> = errors.iter().map(Error::kind).collect();
    assert!(kinds.contains(&ErrorKind::Protocol) && kinds.contains(&ErrorKind::Integrity), "{kinds:?}");
    assert!(errors.iter().all(|error| !is_told(&said(error), &data_key)));
    // The control.
    for form in tells(&data_key) {
        assert!(is_told(&format!("{text} {form}"), &data_key), "{form}");
    }
    assert!(is_told(&shown(&data_key), &data_key) && is_told(&shown(&Some(&data_key[..])), &data_key));
    // The objects are not under the keys that the ledger would be told.
    std::mem::forget(vault);
}
