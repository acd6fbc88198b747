//! Objects of the official SDKs, opened through the protocol: the key service has the key that they were made with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use osseal::kms::KmsKey;
use osseal::{
    ErrorKind, GetOptions, ReadPolicy, Suite, UnwrapKey, UnwrapRequest, WrapAlgorithm, Wrapped,
    WrappedContent,
};
use osseal_wire::kms::{EncryptionContext, Plaintext};
use osseal_wire::oss::Metadata;
use osseal_wire::oss::request::{Call, PutObject};
use serde::Deserialize;

use crate::vault::{Vault, keyring};

const KEY: &str = "key-stub0001aaaa";
const VERSION: &str = "11111111-2222-3333-4444-555555555555";

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    object: String,
    object_headers: BTreeMap<String, String>,
    ciphertext_file: String,
    plaintext_len: u64,
    plaintext_sha256: String,
}

fn official(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/official").join(name))
        .unwrap()
}

fn key(vault: &Vault) -> KmsKey {
    let secret = digest(&SHA256, format!("kms-stub-key:{VERSION}").as_bytes());
    vault.service.import_version(KEY, VERSION, secret.as_ref().try_into().unwrap()).unwrap();
    vault.key_with(KEY, |builder| builder)
}

async fn check(file: &str, only: &str, at_least: usize) {
    let vault = Vault::new().await;
    let key = key(&vault);
    let bucket = vault
        .world
        .builder()
        .keyring(keyring(&key))
        .read_policy(ReadPolicy::ALSO_UNAUTHENTICATED)
        .build()
        .unwrap();
    let vectors: Vec<Vector> = serde_json::from_slice::<File>(&official(file))
        .unwrap()
        .vectors
        .into_iter()
        .filter(|vector| vector.object.contains(only) && !vector.object.contains("md-"))
        .collect();
    assert!(vectors.len() >= at_least, "{file} has {} objects", vectors.len());
    for vector in vectors {
        let mut metadata = Metadata::default();
        for (name, value) in &vector.object_headers {
            metadata.push(name, value.as_bytes());
        }
        let put = PutObject { metadata, ..PutObject::default() };
        vault.world.raw(Call::PutObject(put), Some("object"), official(&vector.ciphertext_file)).await;
        let plain = bucket.get("object", GetOptions::default()).await.unwrap().bytes().await.unwrap();
        let found = data_encoding::HEXLOWER.encode(digest(&SHA256, &plain).as_ref());
        assert_eq!(
            (plain.len() as u64, found),
            (vector.plaintext_len, vector.plaintext_sha256),
            "{}",
            vector.object
        );
    }
}

#[tokio::test]
async fn java_objects_open() {
    check("java1-kms.json", "", 8).await;
}

#[tokio::test]
async fn oss2_objects_open_although_their_blobs_are_encoded_twice() {
    check("py1-kms.json", "", 7).await;
}

#[tokio::test]
async fn legacy_objects_open() {
    check("legacy.json", "kms", 1).await;
}

#[tokio::test]
async fn objects_of_another_version_of_the_key_do_not() {
    let vault = Vault::new().await;
    vault.service.import_version(KEY, VERSION, [7; 32]).unwrap();
    let key = vault.key_with(KEY, |builder| builder);
    let vector = serde_json::from_slice::<File>(&official("java1-kms.json")).unwrap().vectors.remove(0);
    let mut metadata = Metadata::default();
    for (name, value) in &vector.object_headers {
        metadata.push(name, value.as_bytes());
    }
    let put = PutObject { metadata, ..PutObject::default() };
    vault.world.raw(Call::PutObject(put), Some("object"), official(&vector.ciphertext_file)).await;
    let error = vault.bucket(Suite::AesCtr, &key).get("object", GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnwrapFailed, "{error}");
}

/// What oss2 writes with a passphrase opens with it, and what it writes without one opens, too.
#[tokio::test]
async fn the_passphrase_of_oss2() {
    let vault = Vault::new().await;
    let encrypt = async |context: EncryptionContext| {
        let call = osseal_wire::kms::Call::Encrypt {
            key: vault.id.parse().unwrap(),
            plaintext: Plaintext::of_bytes(&[9; 32]),
            context,
        };
        vault.encrypted(&call).await
    };
    let bound = encrypt(EncryptionContext::new([("x-passphrase", "open sesame")]).unwrap()).await;
    let unbound = encrypt(EncryptionContext::default()).await;
    // Encoded twice, the mark of oss2: the bytes of the header are the text of the blob.
    let (bound, unbound) = (Wrapped(bound.into_bytes()), Wrapped(unbound.into_bytes()));
    let open = async |key: &KmsKey, wrapped: &Wrapped| {
        let request = UnwrapRequest { wrap: WrapAlgorithm::Kms, wrapped, content: WrappedContent::DataKey };
        key.unwrap(request).await.map(|secret| secret.expose().to_vec()).ok()
    };
    let with = |passphrase| vault.key_with(&vault.id, |builder| builder.passphrase(passphrase).unwrap());
    let good = Some(vec![9; 32]);
    assert_eq!(open(&with("open sesame"), &bound).await, good);
    assert_eq!(open(&with("open sesame"), &unbound).await, good);
    assert_eq!(open(&with("close sesame"), &bound).await, None);
    assert_eq!(open(&vault.key(), &bound).await, None);
    assert_eq!(open(&vault.key(), &unbound).await, good);
}
