//! Objects written by the official SDKs open, whole and at random ranges.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]
#![expect(clippy::disallowed_methods, reason = "the vectors are files")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_executor::block_on;
use osseal_core::{
    ByteRange, Envelope, EnvelopeError, KeyError, Keyring, KeyringError, MaterialDescription, NamedKey,
    Opener, Place, ReadPolicy, Reading, RsaKey, RsaPadding, Suite, Window,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use support::{VectorKms, official};

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
    plaintext_tag: String,
}

impl Vector {
    fn all(file: &str) -> Vec<Vector> {
        let text = fs::read(official(file)).unwrap();
        serde_json::from_slice::<File>(&text).unwrap().vectors
    }

    /// Stored values hold the header's bytes as Latin-1 characters.
    fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let bytes = |value: &String| value.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        self.object_headers.iter().map(|(name, value)| (name.clone(), bytes(value))).collect()
    }

    fn envelope(&self) -> Result<Envelope, EnvelopeError> {
        let headers = self.headers();
        Envelope::from_metadata(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
    }

    fn stored(&self) -> Bytes {
        fs::read(official(&self.ciphertext_file)).unwrap().into()
    }

    fn plain(&self) -> Vec<u8> {
        let tag = self.plaintext_tag.as_bytes();
        let blocks =
            (0_u64..).flat_map(|i| digest(&SHA256, &[tag, &i.to_be_bytes()].concat()).as_ref().to_vec());
        let plain: Vec<u8> = blocks.take(usize::try_from(self.plaintext_len).unwrap()).collect();
        assert_eq!(
            HEXLOWER.encode(digest(&SHA256, &plain).as_ref()),
            self.plaintext_sha256,
            "{}",
            self.object
        );
        plain
    }
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

fn keyring_for(object: &str, pem: &str, padding: RsaPadding) -> Keyring {
    let description = description_of(object);
    let pem = fs::read(official("keys").join(pem)).unwrap();
    let rsa = Arc::new(RsaKey::from_pem(&pem, padding).unwrap());
    let rsa = NamedKey::new("rsa", description.clone()).wrapping(rsa.clone()).unwrapping(rsa);
    let kms = NamedKey::new("kms", description).unwrapping(Arc::new(VectorKms));
    Keyring::new(vec![rsa, kms]).unwrap()
}

fn open(opener: &Opener, stored: &Bytes, range: &ByteRange, reply: Window) -> Vec<u8> {
    let reading = Reading::plan(opener.suite().unwrap().layout(), range, reply).unwrap();
    let release = reading.release();
    let mut stream = reading.into_stream(opener.clone());
    let (start, end) = (usize::try_from(reply.start).unwrap(), usize::try_from(reply.end).unwrap());
    let chunk = stream.push(stored.slice(start..end)).unwrap();
    stream.finish().unwrap();
    let bytes = chunk.map(|chunk| {
        assert_eq!(chunk.offset, release.start);
        chunk.bytes.to_vec()
    });
    let bytes = bytes.unwrap_or_default();
    assert_eq!(bytes.len() as u64, release.end - release.start);
    bytes
}

fn check(file: &str, padding: RsaPadding, at_least: usize) {
    let vectors = Vector::all(file);
    assert!(vectors.len() >= at_least, "{file} has {} objects", vectors.len());
    let mut random = TestRunner::deterministic();
    for vector in vectors {
        let envelope = vector.envelope().unwrap_or_else(|e| panic!("{}: {e}", vector.object));
        let pem =
            if vector.object.ends_with("keyB") { "rsaB_private_pkcs1.pem" } else { "rsaA_private_pkcs8.pem" };
        let keyring = keyring_for(&vector.object, pem, padding);
        let policy = ReadPolicy::for_writer_of(Suite::AesCtr);
        let opener = block_on(keyring.open(&policy, Place::unknown(), &envelope))
            .unwrap_or_else(|e| panic!("{}: {e}", vector.object))
            .opener();
        let (stored, plain) = (vector.stored(), vector.plain());
        let total = vector.plaintext_len;
        assert_eq!(
            open(&opener, &stored, &ByteRange::Whole, Window::whole(total)),
            plain,
            "{}",
            vector.object
        );
        if total == 0 {
            continue;
        }
        for _ in 0..1000 {
            let (a, b) = (0..total, 0..=total).new_tree(&mut random).unwrap().current();
            let range = a.min(b)..a.max(b);
            let expected = &plain[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            // As a 206 of exactly the range, and out of a 200 with everything.
            let exact = Window { start: range.start, end: range.end, total };
            for reply in [exact, Window::whole(total)] {
                let got = open(&opener, &stored, &ByteRange::Bounded(range.clone()), reply);
                assert_eq!(got, expected, "{} {range:?} out of {reply:?}", vector.object);
            }
        }
    }
}

#[test]
fn python_rsa_pkcs1() {
    check("py1-rsa.json", RsaPadding::Pkcs1, 15);
}

#[test]
fn python_rsa_oaep() {
    check("py1-oaep.json", RsaPadding::OaepSha1, 7);
}

#[test]
fn go_rsa() {
    check("go2-rsa.json", RsaPadding::Pkcs1, 11);
}

#[test]
fn java_rsa() {
    check("java1-rsa.json", RsaPadding::Pkcs1, 11);
}

#[test]
fn java_kms_single_base64() {
    check("java1-kms.json", RsaPadding::Pkcs1, 11);
}

#[test]
fn python_kms_double_base64() {
    check("py1-kms.json", RsaPadding::Pkcs1, 10);
}

#[test]
fn legacy_names() {
    check("legacy.json", RsaPadding::OaepSha1, 2);
}

#[test]
fn a_plain_object_is_not_encrypted() {
    for vector in Vector::all("plain.json") {
        assert_eq!(vector.envelope(), Err(EnvelopeError::NotEncrypted));
    }
}

#[test]
fn another_key_of_the_right_kind_does_not_open() {
    let vector = Vector::all("py1-rsa.json").into_iter().find(|v| v.object.ends_with("keyB")).unwrap();
    let envelope = vector.envelope().unwrap();
    let keyring = keyring_for(&vector.object, "rsaA_private_pkcs1.pem", RsaPadding::Pkcs1);
    let error =
        block_on(keyring.open(&ReadPolicy::ALSO_UNAUTHENTICATED, Place::unknown(), &envelope)).unwrap_err();
    assert_eq!(error, KeyringError::Key { name: "rsa".into(), source: KeyError::UnwrapFailed });
}

#[test]
fn a_key_with_another_description_or_padding_is_no_key() {
    let vector = Vector::all("go2-rsa.json").into_iter().find(|v| v.object.ends_with("md-one")).unwrap();
    let envelope = vector.envelope().unwrap();
    let pem = fs::read(official("keys/rsaA_private_pkcs8.pem")).unwrap();
    let description = description_of(&vector.object);
    for (description, padding) in
        [(MaterialDescription::empty(), RsaPadding::Pkcs1), (description, RsaPadding::OaepSha1)]
    {
        let key = Arc::new(RsaKey::from_pem(&pem, padding).unwrap());
        let keyring =
            Keyring::new(vec![NamedKey::new("a", description).wrapping(key.clone()).unwrapping(key)])
                .unwrap();
        assert!(matches!(keyring.select(&envelope), Err(KeyringError::NoMatchingKey { .. })));
    }
}
