//! `vectors/sealed`: objects of two other implementations open, ours are theirs, and damaged copies of all are refused.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use futures_executor::block_on;
use osseal_core::dangerous::fixed_sealed_key;
use osseal_core::{
    AesKey, Bind, Binding, ContentKey, Envelope, Keyring, KeyringError, MaterialDescription, NamedKey, Place,
    ReadPolicy, SALT, SealedContext, Secret, WrapKey,
};
use serde::Deserialize;

use crate::support::{STORED, open_all, ramp, seal};

#[derive(Deserialize)]
struct Vector {
    plaintext_len: u64,
    data_key: String,
    salt: String,
    bind: u8,
    name: String,
    pairs: std::collections::BTreeMap<String, String>,
    context: String,
    commitment: String,
    start: String,
    body_len: u64,
    body_sha256: String,
    body_first_64: String,
    body_last_32: String,
}

/// An object of the Python package `cryptography`, as `interop/cobblestone.py` stores it.
#[derive(Deserialize)]
struct Foreign {
    plaintext_len: u64,
    data_key: String,
    context: String,
    start: String,
    body_file: String,
}

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/sealed").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn decode(text: &str) -> Vec<u8> {
    BASE64.decode(text.as_bytes()).unwrap()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    decode(text).try_into().unwrap()
}

fn text(encoded: &str) -> String {
    String::from_utf8(decode(encoded)).unwrap()
}

impl Vector {
    fn all() -> Vec<Vector> {
        serde_json::from_slice(&file("vectors.json")).unwrap()
    }

    fn key(&self) -> ContentKey {
        let (key, commitment) =
            fixed_sealed_key(array(&self.data_key), array::<SALT>(&self.salt), &decode(&self.context))
                .unwrap();
        assert_eq!(commitment[..], decode(&self.commitment));
        key
    }

    fn body(&self) -> Bytes {
        seal(self.key(), ramp(self.plaintext_len))
    }

    fn context(&self) -> SealedContext {
        let name = text(&self.name);
        let (bucket, key) = name.split_once('\0').unwrap_or(("bucket", &name));
        let place = Place::object(bucket, key);
        let mut context = SealedContext {
            binding: Binding::new(Bind::ALL[usize::from(self.bind)], place).unwrap(),
            ..Default::default()
        };
        for (key, value) in &self.pairs {
            context.pairs.insert(text(key), text(value)).unwrap();
        }
        context
    }

    /// Where the object is.
    fn name(&self) -> (String, String) {
        let name = text(&self.name);
        let (bucket, key) = name.split_once('\0').unwrap_or(("any", &name));
        (bucket.to_owned(), key.to_owned())
    }
}

/// The wrapping key of these tests.
fn aes() -> Arc<AesKey> {
    Arc::new(AesKey::from_file_content(&[5; 32]).unwrap())
}

fn keyring() -> Keyring {
    let key = aes();
    let named = NamedKey::new("k", MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key);
    Keyring::new(vec![named]).unwrap()
}

/// Opens an object through its envelope: `start` as given, the data key wrapped here.
fn open(
    data_key: &str,
    start: &[u8],
    body: &[u8],
    (bucket, key): &(String, String),
) -> Result<Vec<u8>, String> {
    let secret = Secret::new(decode(data_key));
    let wrapped = block_on(aes().wrap(&secret)).unwrap();
    let (wrapped, start) = (BASE64.encode(&wrapped.0), BASE64.encode(start));
    let prefix = "x-oss-meta-client-side-encryption-";
    let headers = [
        (format!("{prefix}key"), wrapped.as_str()),
        (format!("{prefix}start"), &start),
        (format!("{prefix}cek-alg"), "AES/GCM/C2SP-Chunked-v1"),
        (format!("{prefix}wrap-alg"), "AES/KW/NoPadding"),
    ];
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let envelope = Envelope::from_metadata(pairs).map_err(|error| error.to_string())?;
    let place = Place::object(bucket, key);
    let content = block_on(keyring().open(&ReadPolicy::AUTHENTICATED, place, &envelope))
        .map_err(|error: KeyringError| error.to_string())?;
    open_all(content.opener(), body).map_err(|error| error.to_string())
}

#[test]
fn vectors_hold_both_ways() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let body = vector.body();
        assert_eq!(body.len() as u64, vector.body_len);
        assert_eq!(HEXLOWER.encode(digest(&SHA256, &body).as_ref()), vector.body_sha256);
        assert!(body.starts_with(&decode(&vector.body_first_64)));
        assert!(body.ends_with(&decode(&vector.body_last_32)));
        assert_eq!(vector.context().to_record().unwrap(), decode(&vector.context));
        let plain = open(&vector.data_key, &decode(&vector.start), &body, &vector.name()).unwrap();
        assert_eq!(plain, ramp(vector.plaintext_len), "{}", vector.plaintext_len);
    }
}

/// Each bit of `start`, and bodies changed, cut, extended, exchanged.
#[test]
fn damaged_copies_are_refused() {
    let mut tried = 0;
    for vector in Vector::all() {
        let (start, body, name) = (decode(&vector.start), vector.body(), vector.name());
        let mut refuse = |start: &[u8], body: &[u8], what: &str| {
            assert!(
                open(&vector.data_key, start, body, &name).is_err(),
                "{what} of {}",
                vector.plaintext_len
            );
            tried += 1;
        };
        for bit in 0..8 * start.len() {
            let mut changed = start.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            refuse(&changed, &body, "a bit of start");
        }
        let mut changed = body.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        refuse(&start, &changed, "the last bit");
        refuse(&start, &body[..body.len() - 1], "a byte less");
        refuse(&start, &body[..body.len() - 16], "a tag less");
        refuse(&start, &[&body, &[0][..]].concat(), "a byte more");
        refuse(&start, &[&body, &body[body.len() - 16..]].concat(), "a tag more");
        let stored = usize::try_from(STORED).unwrap();
        if body.len() > stored {
            refuse(&start, &body[..stored], "the first chunk");
            refuse(&start, &body[stored..], "all but the first chunk");
        }
        if body.len() > 2 * stored {
            let swapped = [&body[stored..2 * stored], &body[..stored], &body[2 * stored..]].concat();
            refuse(&start, &swapped, "an exchange");
        }
        let (bucket, key) = &name;
        let elsewhere = (format!("{bucket}x"), format!("{key}x"));
        let moved = open(&vector.data_key, &start, &body, &elsewhere);
        assert_eq!(moved.is_err(), vector.bind > 0, "another place");
    }
    assert!(tried > 8 * 12 * 60, "{tried} copies");
}

/// Messages of `cryptography.cobblestone`: 56 bytes that are in `start` here, and the body.
#[test]
fn bodies_of_another_implementation_open() {
    let objects: Vec<Foreign> = serde_json::from_slice(&file("cobblestone.json")).unwrap();
    assert_eq!(objects.len(), 7);
    for object in objects {
        let (start, body) = (decode(&object.start), file(&object.body_file));
        let (salt, commitment): ([u8; SALT], _) = (start[..SALT].try_into().unwrap(), &start[SALT..56]);
        assert_eq!(start[56..], decode(&object.context));
        let (key, derived) = fixed_sealed_key(array(&object.data_key), salt, &start[56..]).unwrap();
        assert_eq!(derived[..], *commitment);
        assert_eq!(seal(key, ramp(object.plaintext_len)), body, "{} bytes sealed", object.plaintext_len);
        let name = ("box".to_owned(), "dir/对象.bin".to_owned());
        let plain = open(&object.data_key, &start, &body, &name).unwrap();
        assert_eq!(plain, ramp(object.plaintext_len), "{} bytes", object.plaintext_len);
    }
}
