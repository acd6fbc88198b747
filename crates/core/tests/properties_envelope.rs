//! What holds for all envelopes and descriptions.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use osseal_core::{
    Envelope, MaterialDescription, PartPlan, Start, StoredDescription, WrapAlgorithm, Wrapped,
    is_envelope_header,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 20] = [
    "x-oss-meta-client-side-encryption-key",
    "x-oss-meta-client-side-encryption-start",
    "x-oss-meta-client-side-encryption-cek-alg",
    "x-oss-meta-client-side-encryption-wrap-alg",
    "x-oss-meta-client-side-encryption-matdesc",
    "x-oss-meta-client-side-encryption-unencrypted-content-length",
    "x-oss-meta-client-side-encryption-unencrypted-content-md5",
    "x-oss-meta-client-side-encryption-data-size",
    "x-oss-meta-client-side-encryption-part-size",
    "x-oss-meta-client-side-encryption-magic-number-hmac",
    "x-oss-meta-client-side-encryption-",
    "x-oss-meta-oss-crypto-key",
    "x-oss-meta-oss-crypto-start",
    "x-oss-meta-oss-cek-alg",
    "x-oss-meta-oss-wrap-alg",
    "x-oss-meta-oss-crypto-matdesc",
    "x-oss-meta-oss-crypto-unencrypted-content-length",
    "x-oss-meta-x-amz-key-v2",
    "x-oss-meta-",
    "content-type",
];
const VALUES: [&str; 12] = [
    "AAAA",
    "BQ==",
    "AES/CTR/NoPadding",
    "AES/GCM/NoPadding",
    "RSA/NONE/PKCS1Padding",
    "KMS/ALICLOUD",
    "rsa",
    "{}",
    r#"{"a":"b"}"#,
    "0",
    "18446744073709551616",
    "",
];
const WRAPS: [WrapAlgorithm; 5] = [
    WrapAlgorithm::RsaPkcs1,
    WrapAlgorithm::RsaOaepSha1,
    WrapAlgorithm::RsaOaepSha256,
    WrapAlgorithm::AesKw,
    WrapAlgorithm::Kms,
];

fn parse(pairs: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> Result<Envelope, osseal_core::EnvelopeError> {
    Envelope::from_metadata(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
}

fn description() -> impl Strategy<Value = MaterialDescription> {
    btree_map(any::<String>(), any::<String>(), 0..4).prop_map(|map| map.into_iter().collect())
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let wrapped = || vec(any::<u8>(), 1..300).prop_map(Wrapped);
    (select(&WRAPS[..]), wrapped(), wrapped(), description(), option::of(any::<u64>())).prop_map(
        |(wrap, data_key, start, description, plain_len)| {
            let mut envelope = parse(&[
                (NAMES[0], "AAAA"),
                (NAMES[1], "AAAA"),
                (NAMES[2], VALUES[2]),
                (NAMES[3], VALUES[4]),
            ])
            .unwrap();
            envelope.wrap = wrap;
            envelope.data_key = data_key;
            envelope.start = Start::WrappedIv(start);
            envelope.description = StoredDescription::Map(description);
            envelope.plain_len = plain_len;
            envelope
        },
    )
}

fn any_name() -> impl Strategy<Value = String> {
    let known = || select(&NAMES[..]).prop_map(str::to_owned);
    prop_oneof![4 => known(), 1 => known().prop_map(|name| name.to_uppercase()), 1 => any::<String>()]
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => select(&VALUES[..]).prop_map(Into::into), 1 => vec(any::<u8>(), 0..100)]
}

proptest! {
    /// What is written is read back, whatever the order and the case of names and with other headers around.
    #[test]
    fn envelopes_survive_their_headers(
        envelope in envelope(), parts in option::of((any::<u64>(), any::<u64>())), turn in any::<usize>(), upper: bool,
    ) {
        let parts = parts.map(|(data_size, part_size)| PartPlan { data_size, part_size });
        let mut pairs: Vec<(String, String)> =
            envelope.to_metadata(parts).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, value) in &mut pairs {
            prop_assert!(is_envelope_header(name));
            prop_assert_eq!(&*name, &name.to_ascii_lowercase());
            prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", value);
            if upper {
                name.make_ascii_uppercase();
            }
        }
        pairs.push(("x-oss-meta-author".into(), "somebody".into()));
        let middle = turn % pairs.len();
        pairs.rotate_left(middle);
        prop_assert_eq!(parse(&pairs), Ok(envelope));
    }

    /// Nothing in headers makes parsing panic, and what is accepted can be written and read again.
    #[test]
    fn any_headers_are_parsed_or_refused(pairs in vec((any_name(), any_value()), 0..12)) {
        if let Ok(envelope) = parse(&pairs)
            && !envelope.is_legacy()
            && matches!(envelope.description, StoredDescription::Map(_))
        {
            prop_assert_eq!(parse(&envelope.to_metadata(None)), Ok(envelope));
        }
    }

    /// The same with the four needed headers in place, so that the optional ones are reached.
    #[test]
    fn any_optional_headers_are_parsed_or_refused(
        envelope in envelope(), matdesc in any_value(), length in any_value(), other in (any_name(), any_value()),
    ) {
        envelope.description.to_string();
        let sound = envelope.to_metadata(None);
        let mut pairs: Vec<(String, Vec<u8>)> =
            sound.into_iter().take(4).map(|(name, value)| (name.to_owned(), value.into())).collect();
        pairs.extend([(NAMES[4].to_owned(), matdesc), (NAMES[5].to_owned(), length)]);
        if let Ok(read) = parse(&pairs) {
            prop_assert_eq!(&read.data_key, &envelope.data_key);
            read.description.to_string();
        }
        pairs.push(other);
        drop(parse(&pairs));
    }

    /// Canonical JSON is ASCII, is JSON, and is read back.
    #[test]
    fn descriptions_survive_their_json(description in description()) {
        let json = description.to_json();
        prop_assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(MaterialDescription::from_json(json.as_bytes()), Ok(description.clone()));
        let generic: serde_json::Value = serde_json::from_str(&json).unwrap();
        let map = generic.as_object().unwrap();
        prop_assert_eq!(map.len(), description.pairs().count());
        for (name, value) in description.pairs() {
            prop_assert_eq!(map[name].as_str(), Some(value));
        }
    }

    /// Order, spacing and escapes of the text do not matter; the canonical text of equal maps is equal.
    #[test]
    fn descriptions_are_compared_as_maps(description in description(), turn in any::<usize>()) {
        let mut pairs: Vec<_> = description.pairs().collect();
        if !pairs.is_empty() {
            let middle = turn % pairs.len();
            pairs.rotate_left(middle);
        }
        let literal = |text: &str| serde_json::to_string(text).unwrap();
        let body: Vec<_> = pairs.iter().map(|(name, value)| format!(" {}\t: {}\n", literal(name), literal(value))).collect();
        let read = MaterialDescription::from_json(format!(" {{{}}} ", body.join(",")).as_bytes()).unwrap();
        prop_assert_eq!(&read, &description);
        prop_assert_eq!(read.to_json(), description.to_json());
        prop_assert!(StoredDescription::Map(read).names(&description));
    }

    /// Any bytes are a description or are not.
    #[test]
    fn any_text_is_a_description_or_is_not(text in vec(any::<u8>(), 0..200), json in "[\\[\\]{}\":, a\\\\u0d8-]{0,60}") {
        for text in [&text[..], json.as_bytes()] {
            if let Ok(read) = MaterialDescription::from_json(text) {
                prop_assert_eq!(MaterialDescription::from_json(read.to_json().as_bytes()), Ok(read));
            }
        }
    }
}
