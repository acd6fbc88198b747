//! Objects of the official SDKs, opened through the protocol: the key service has the key that they were made with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use osseal::kms::KmsKey;
use osseal::{
    ErrorKind, GetOptions, Keyring, MaterialDescription, NamedKey, ReadPolicy, Suite, UnwrapKey,
    UnwrapRequest, WrapAlgorithm, Wrapped, WrappedContent,
};
use osseal_wire::kms::{EncryptionContext, Plaintext};
use osseal_wire::oss::Metadata;
use osseal_wire::oss::request::{Call, PutObject};
use serde::Deserialize;

use super::fake_kms::Vault;

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

/// The descriptions that the vectors were written with.
fn description_of(object: &str) -> MaterialDescription {
    match object.rsplit('/').next() {
        Some("md-one") => [("key1", "value1")].into_iter().collect(),
        Some("md-two") => [("b", "2"), ("a", "1")].into_iter().collect(),
        Some("md-special") => [("path", "a/b<c>&\"q\""), ("name", "中文")].into_iter().collect(),
        _ => MaterialDescription::empty(),
    }
}

/// The objects of a file that a key service wrapped the keys of.
fn wrapped_by_kms(file: &str) -> Vec<Vector> {
    let is_kms = |vector: &Vector| {
        let wrap = |(name, value): (&String, &String)| {
            name.ends_with("wrap-alg") && matches!(value.as_str(), "KMS/ALICLOUD" | "kms")
        };
        vector.object_headers.iter().any(wrap)
    };
    serde_json::from_slice::<File>(&official(file)).unwrap().vectors.into_iter().filter(is_kms).collect()
}

async fn store(vault: &Vault, vector: &Vector) {
    let mut metadata = Metadata::default();
    for (name, value) in &vector.object_headers {
        // The bytes of a header stand in the file as Latin-1 characters.
        let bytes: Vec<u8> = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        metadata.push(name, bytes);
    }
    let put = PutObject { metadata, ..PutObject::default() };
    vault.world.raw(Call::PutObject(put), Some("object"), official(&vector.ciphertext_file)).await;
}

async fn check(file: &str, count: usize) {
    let vault = Vault::new().await;
    let key = Arc::new(key(&vault));
    let vectors = wrapped_by_kms(file);
    assert_eq!(vectors.len(), count, "{file}");
    for vector in vectors {
        let name = &vector.object;
        let named = NamedKey::new("kms", description_of(name)).unwrapping(key.clone());
        let bucket = vault
            .world
            .builder()
            .keyring(Keyring::new(vec![named]).unwrap())
            .read_policy(ReadPolicy::ALSO_UNAUTHENTICATED)
            .build()
            .unwrap();
        store(&vault, &vector).await;
        let plain = bucket.get("object", GetOptions::default()).await.unwrap().bytes().await.unwrap();
        let found = data_encoding::HEXLOWER.encode(digest(&SHA256, &plain).as_ref());
        assert_eq!((plain.len() as u64, found), (vector.plaintext_len, vector.plaintext_sha256), "{name}");
        if plain.len() > 20 {
            let range = bucket.get("object", GetOptions::default().range(5..19)).await.unwrap();
            assert_eq!(range.bytes().await.unwrap(), plain[5..19], "{name}");
        }
    }
}

#[tokio::test]
async fn java_objects_open() {
    check("java1-kms.json", 11).await;
}

#[tokio::test]
async fn oss2_objects_open_although_their_blobs_are_encoded_twice() {
    check("py1-kms.json", 11).await;
}

#[tokio::test]
async fn legacy_objects_open() {
    check("legacy.json", 1).await;
}

/// The Go SDK has no provider for the key service: its objects are wrapped by RSA, all of them.
#[test]
fn no_other_file_has_objects_of_the_key_service() {
    let folder = std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/official"));
    let names = folder.unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = names.filter(|name| name.rsplit('.').next() == Some("json")).collect();
    assert!(files.iter().any(|name| name == "go2-rsa.json"));
    let mut with: Vec<_> = files.into_iter().filter(|file| !wrapped_by_kms(file).is_empty()).collect();
    with.sort();
    assert_eq!(with, ["java1-kms.json", "legacy.json", "py1-kms.json"]);
}

#[tokio::test]
async fn objects_of_another_version_of_the_key_do_not() {
    let vault = Vault::new().await;
    vault.service.import_version(KEY, VERSION, [7; 32]).unwrap();
    let key = vault.key_with(KEY, |builder| builder);
    let vector = serde_json::from_slice::<File>(&official("java1-kms.json")).unwrap().vectors.remove(0);
    store(&vault, &vector).await;
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
        let request = UnwrapRequest::new(WrapAlgorithm::Kms, wrapped, WrappedContent::DataKey);
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
