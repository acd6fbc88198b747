//! Wrapped keys and counters that do not open, or open to the wrong thing. Every cause gives one error with one text.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use data_encoding::BASE64;
use futures_executor::block_on;
use osseal_core::{
    AesKey, ContentError, ContentKey, Envelope, KeyError, Keyring, KeyringError, MaterialDescription,
    NamedKey, Place, ReadPolicy, RsaKey, RsaPadding, Secret, StoredDescription, UnwrapKey, WrapAlgorithm,
    WrapKey, Wrapped,
};

const PEM: &[u8] = include_bytes!("../../../vectors/official/keys/rsaA_private_pkcs8.pem");
const OTHER_PEM: &[u8] = include_bytes!("../../../vectors/official/keys/rsaB_private_pkcs8.pem");
const PADDINGS: [RsaPadding; 3] = [RsaPadding::Pkcs1, RsaPadding::OaepSha1, RsaPadding::OaepSha256];
const KEY_LEN: usize = 256;

fn rsa(pem: &[u8], padding: RsaPadding) -> Arc<RsaKey> {
    Arc::new(RsaKey::from_pem(pem, padding).unwrap())
}

fn wrap(key: &impl WrapKey, content: &[u8]) -> Wrapped {
    block_on(key.wrap(&Secret::new(content.to_vec()))).unwrap()
}

fn named<K: WrapKey + UnwrapKey + 'static>(name: &str, key: Arc<K>) -> NamedKey {
    NamedKey::new(name, MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key)
}

fn envelope(algorithm: WrapAlgorithm, key: &Wrapped, start: &Wrapped) -> Envelope {
    let (key, start) = (BASE64.encode(&key.0), BASE64.encode(&start.0));
    let pairs = [
        ("x-oss-meta-client-side-encryption-key", key.as_str()),
        ("x-oss-meta-client-side-encryption-start", start.as_str()),
        ("x-oss-meta-client-side-encryption-cek-alg", "AES/CTR/NoPadding"),
        ("x-oss-meta-client-side-encryption-wrap-alg", algorithm.wire_name()),
    ];
    Envelope::from_metadata(pairs.map(|(name, value)| (name, value.as_bytes()))).unwrap()
}

fn open(keyring: &Keyring, envelope: &Envelope) -> Result<ContentKey, KeyringError> {
    block_on(keyring.open(&ReadPolicy::ALSO_UNAUTHENTICATED, Place::unknown(), envelope))
}

/// Opens with one key, and expects the one answer to everything that fails.
fn fails<K: WrapKey + UnwrapKey + 'static>(what: &str, key: &Arc<K>, data_key: &Wrapped, start: &Wrapped) {
    let keyring = Keyring::new(vec![named("archive", key.clone())]).unwrap();
    let error = open(&keyring, &envelope(key.algorithm(), data_key, start)).unwrap_err();
    assert_eq!(error, KeyringError::Key { name: "archive".into(), source: KeyError::UnwrapFailed }, "{what}");
    assert_eq!(
        error.to_string(),
        "the key \"archive\": the wrapped key does not open with this key",
        "{what}"
    );
}

/// Takes each sound half of an envelope with each damaged one.
fn fails_in_either_place<K: WrapKey + UnwrapKey + 'static>(what: &str, key: &Arc<K>, damaged: &Wrapped) {
    fails(what, key, damaged, &wrap(&**key, &[2; 16]));
    fails(what, key, &wrap(&**key, &[1; 32]), damaged);
    fails(what, key, damaged, damaged);
}

#[test]
fn h09_values_wrapped_with_another_padding_or_key() {
    for padding in PADDINGS {
        let key = rsa(PEM, padding);
        for other in PADDINGS.into_iter().filter(|other| *other != padding) {
            fails_in_either_place("another padding", &key, &wrap(&*rsa(PEM, other), &[1; 32]));
        }
        let other = rsa(OTHER_PEM, padding);
        fails("another key", &key, &wrap(&*other, &[1; 32]), &wrap(&*other, &[2; 16]));
        fails_in_either_place("another key in part", &key, &wrap(&*other, &[1; 32]));
    }
}

#[test]
fn h16_wrapped_values_of_another_length_than_the_modulus() {
    for padding in PADDINGS {
        let key = rsa(PEM, padding);
        let sound = wrap(&*key, &[1; 32]);
        fails_in_either_place("a byte before", &key, &Wrapped([&[0], &sound.0[..]].concat()));
        fails_in_either_place("a byte after", &key, &Wrapped([&sound.0[..], &[0]].concat()));
        for len in [1, 16, 32, KEY_LEN - 1, KEY_LEN + 1, 2 * KEY_LEN, 4096] {
            fails_in_either_place("length", &key, &Wrapped(vec![1; len]));
        }
        // A leading zero that was dropped is not put back.
        fails_in_either_place("first byte dropped", &key, &Wrapped(sound.0[1..].to_vec()));
    }
}

#[test]
fn h17_wrapped_values_that_are_no_residues() {
    for padding in PADDINGS {
        let key = rsa(PEM, padding);
        let pem = key.public_pem().unwrap();
        let (_, spki) = pem_rfc7468::decode_vec(pem.as_bytes()).unwrap();
        // SPKI of a 2048-bit key ends with the modulus and the five bytes of its exponent.
        let modulus = spki[spki.len() - 5 - KEY_LEN..spki.len() - 5].to_vec();
        let mut one_less = modulus.clone();
        *one_less.last_mut().unwrap() -= 1;
        let mut one = vec![0; KEY_LEN];
        one[KEY_LEN - 1] = 1;
        for number in [vec![0; KEY_LEN], one, one_less, modulus, vec![0xff; KEY_LEN]] {
            fails_in_either_place("number", &key, &Wrapped(number));
        }
        for at in [0, 1, 100, KEY_LEN - 1] {
            let mut damaged = wrap(&*key, &[1; 32]);
            damaged.0[at] ^= 1;
            fails_in_either_place("a changed bit", &key, &damaged);
        }
    }
}

#[test]
fn h18_data_keys_of_another_length() {
    for (padding, most) in PADDINGS.into_iter().zip([245, 214, 190]) {
        let key = rsa(PEM, padding);
        let start = wrap(&*key, &[2; 16]);
        for len in [0, 15, 16, 24, 31, 33, most] {
            fails("length", &key, &wrap(&*key, &vec![1; len]), &start);
        }
    }
    let key = Arc::new(AesKey::from_file_content(&[3; 32]).unwrap());
    for len in [16, 24, 40] {
        fails("length", &key, &wrap(&*key, &vec![1; len]), &wrap(&*key, &[2; 16]));
    }
}

#[test]
fn h19_counters_of_another_length() {
    for padding in PADDINGS {
        let key = rsa(PEM, padding);
        for len in [0, 8, 12, 15, 17, 32] {
            fails("length", &key, &wrap(&*key, &[1; 32]), &wrap(&*key, &vec![2; len]));
        }
    }
}

#[test]
fn h19_decimal_counters_that_are_none() {
    let key = rsa(PEM, RsaPadding::OaepSha1);
    let keyring = Keyring::new(vec![named("archive", key.clone())]).unwrap();
    let open = |digits: &str| {
        let values =
            [BASE64.encode(&wrap(&*key, &[1; 32]).0), BASE64.encode(&wrap(&*key, digits.as_bytes()).0)];
        let pairs = [
            ("x-oss-meta-oss-crypto-key", values[0].as_str()),
            ("x-oss-meta-oss-crypto-start", values[1].as_str()),
            ("x-oss-meta-oss-cek-alg", "AES/GCM/NoPadding"),
            ("x-oss-meta-oss-wrap-alg", "rsa"),
        ];
        let pairs = pairs.map(|(name, value)| (name, value.as_bytes()));
        open(&keyring, &Envelope::from_metadata(pairs).unwrap())
    };
    let failed = KeyringError::Key { name: "archive".into(), source: KeyError::UnwrapFailed };
    let above_128_bits = "340282366920938463463374607431768211456";
    for digits in ["", " ", "+5", "-1", "0x10", "5 ", "1_000", "\u{665}", above_128_bits] {
        assert_eq!(open(digits).unwrap_err(), failed, "{digits:?}");
    }
    for digits in ["0", "5", "007", "340282366920938463463374607431768211455"] {
        assert!(open(digits).is_ok(), "{digits:?}");
    }
}

#[test]
fn wrapped_values_that_aes_key_wrap_refuses() {
    let key = Arc::new(AesKey::from_file_content(&[3; 32]).unwrap());
    let sound = wrap(&*key, &[1; 32]);
    let mut damaged = sound.clone();
    damaged.0[7] ^= 0x80;
    let other = wrap(&AesKey::from_file_content(&[4; 32]).unwrap(), &[1; 32]);
    let cut = Wrapped(sound.0[..32].to_vec());
    let odd = Wrapped(sound.0[..39].to_vec());
    for (what, value) in [("bit", damaged), ("key", other), ("cut", cut), ("odd length", odd)] {
        fails_in_either_place(what, &key, &value);
    }
    for len in [1, 8, 16, 23, 41, 4096] {
        fails_in_either_place("length", &key, &Wrapped(vec![9; len]));
    }
}

#[test]
fn h20_counters_carry_past_their_low_half() {
    let key = Arc::new(AesKey::from_file_content(&[3; 32]).unwrap());
    let keyring = Keyring::new(vec![named("archive", key.clone())]).unwrap();
    let opener = |iv: u128| {
        let start = wrap(&*key, &iv.to_be_bytes());
        open(&keyring, &envelope(WrapAlgorithm::AesKw, &wrap(&*key, &[1; 32]), &start)).unwrap().opener()
    };
    let block = |counter: u128| {
        let library = DecryptingKey::ctr(UnboundCipherKey::new(&AES_256, &[1; 32]).unwrap()).unwrap();
        let mut bytes = [0; 16];
        let context = DecryptionContext::Iv128(FixedLength::from(counter.to_be_bytes()));
        library.decrypt(&mut bytes, context).unwrap();
        bytes
    };
    let low = u128::from(u64::MAX);
    for iv in [low - 1, low, (7 << 64) + low - 2, u128::MAX - 3] {
        let mut bytes = [0; 64];
        opener(iv).open_at(0, &mut bytes).unwrap();
        for (n, got) in (0..).zip(bytes.chunks(16)) {
            assert_eq!(got, block(iv + n), "block {n} from {iv:#x}");
        }
    }
    let end = opener(u128::MAX - 3);
    assert_eq!(end.open_at(48, &mut [0; 16]), Ok(16));
    assert_eq!(end.open_at(48, &mut [0; 17]), Err(ContentError::CounterOverflow));
    assert_eq!(end.open_at(64, &mut [0; 1]), Err(ContentError::CounterOverflow));
}

#[test]
fn h21_key_and_counter_exchanged() {
    for padding in PADDINGS {
        let key = rsa(PEM, padding);
        fails("exchanged", &key, &wrap(&*key, &[2; 16]), &wrap(&*key, &[1; 32]));
    }
}

/// The suite does not authenticate: what opens is garbage, and nothing but the label says so.
#[test]
fn h22_the_key_of_one_object_with_the_counter_of_another() {
    let key = rsa(PEM, RsaPadding::Pkcs1);
    let keyring = Keyring::new(vec![named("archive", key.clone())]).unwrap();
    let mixed = envelope(key.algorithm(), &wrap(&*key, &[1; 32]), &wrap(&*key, &[9; 16]));
    let opener = open(&keyring, &mixed).unwrap().opener();
    assert!(!opener.suite().unwrap().is_authenticated());
    let mut bytes = [0; 16];
    opener.open_at(0, &mut bytes).unwrap();
    assert_ne!(bytes, [0; 16]);
}

#[test]
fn h25_a_description_that_names_another_key_asks_that_key_alone() {
    let (a, b) = (rsa(PEM, RsaPadding::Pkcs1), rsa(OTHER_PEM, RsaPadding::Pkcs1));
    let description = |name: &str| [("key", name)].into_iter().collect::<MaterialDescription>();
    let key = |name: &str, key: &Arc<RsaKey>| {
        NamedKey::new(name, description(name)).wrapping(key.clone()).unwrapping(key.clone())
    };
    let keyring = Keyring::new(vec![key("a", &a), key("b", &b)]).unwrap();
    let mut stored = envelope(a.algorithm(), &wrap(&*a, &[1; 32]), &wrap(&*a, &[2; 16]));
    stored.description = StoredDescription::Map(description("a"));
    assert!(open(&keyring, &stored).is_ok());
    stored.description = StoredDescription::Map(description("b"));
    let failed = KeyringError::Key { name: "b".into(), source: KeyError::UnwrapFailed };
    assert_eq!(open(&keyring, &stored).unwrap_err(), failed);
    stored.description = StoredDescription::Map(MaterialDescription::empty());
    assert!(matches!(open(&keyring, &stored), Err(KeyringError::NoMatchingKey { .. })));
}
