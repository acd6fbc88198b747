//! Damaged, hostile and foreign envelopes: each gives its own error, or opens because the format says so.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use data_encoding::BASE64;
use futures_executor::block_on;
use osseal_core::{
    Envelope, EnvelopeError, KeyFuture, Keyring, KeyringError, MaterialDescription, NamedKey, Place,
    ReadPolicy, RsaKey, RsaPadding, Secret, Start, StoredDescription, Suite, UnwrapKey, UnwrapRequest,
    WrapAlgorithm, is_envelope_header,
};

const PEM: &[u8] = include_bytes!("../../../vectors/official/keys/rsaA_private_pkcs8.pem");
const PREFIX: &str = "x-oss-meta-client-side-encryption-";
const KEY: &str = "x-oss-meta-client-side-encryption-key";
const START: &str = "x-oss-meta-client-side-encryption-start";
const CEK_ALG: &str = "x-oss-meta-client-side-encryption-cek-alg";
const WRAP_ALG: &str = "x-oss-meta-client-side-encryption-wrap-alg";
const MATDESC: &str = "x-oss-meta-client-side-encryption-matdesc";
const PLAIN_LEN: &str = "x-oss-meta-client-side-encryption-unencrypted-content-length";
const NEEDED: [&str; 4] = [KEY, START, CEK_ALG, WRAP_ALG];

/// The headers of an object. They begin as those of a sound envelope.
#[derive(Clone)]
struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    fn sound() -> Headers {
        let wrapped = [BASE64.encode(&[5; 256]), BASE64.encode(&[6; 256])];
        let pairs = [
            (KEY, wrapped[0].as_str()),
            (START, wrapped[1].as_str()),
            (CEK_ALG, "AES/CTR/NoPadding"),
            (WRAP_ALG, "RSA/NONE/PKCS1Padding"),
            ("content-type", "text/plain"),
            ("x-oss-meta-author", "somebody"),
        ];
        Headers(pairs.map(|(name, value)| (name.to_owned(), value.into())).into())
    }

    fn legacy() -> Headers {
        let pairs = [
            ("x-oss-meta-oss-crypto-key", BASE64.encode(&[5; 256])),
            ("x-oss-meta-oss-crypto-start", BASE64.encode(&[6; 256])),
            ("x-oss-meta-oss-cek-alg", "AES/GCM/NoPadding".into()),
            ("x-oss-meta-oss-wrap-alg", "rsa".into()),
        ];
        Headers(pairs.map(|(name, value)| (name.to_owned(), value.into())).into())
    }

    fn without(mut self, name: &str) -> Headers {
        self.0.retain(|(known, _)| known != name);
        self
    }

    fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Headers {
        self.0.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    fn with(self, name: &str, value: impl AsRef<[u8]>) -> Headers {
        self.without(name).and(name, value)
    }

    fn parse(&self) -> Result<Envelope, EnvelopeError> {
        Envelope::from_metadata(self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
    }
}

/// A key of another algorithm that must never be asked.
struct Never(WrapAlgorithm);

impl UnwrapKey for Never {
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool {
        algorithm == self.0
    }

    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        panic!("asked for {:?}", request.content)
    }
}

fn never(algorithm: WrapAlgorithm, description: MaterialDescription) -> Keyring {
    Keyring::new(vec![NamedKey::new("never", description).unwrapping(Arc::new(Never(algorithm)))]).unwrap()
}

fn open(keyring: &Keyring, headers: &Headers) -> KeyringError {
    block_on(keyring.open(&ReadPolicy::ALSO_UNAUTHENTICATED, Place::unknown(), &headers.parse().unwrap()))
        .unwrap_err()
}

#[test]
fn h01_no_header_of_an_envelope_is_a_plain_object() {
    let plain = Headers(vec![
        ("content-type".into(), b"text/plain".to_vec()),
        ("x-oss-meta-key".into(), b"a".to_vec()),
    ]);
    assert_eq!(plain.parse(), Err(EnvelopeError::NotEncrypted));
    assert_eq!(Headers(Vec::new()).parse(), Err(EnvelopeError::NotEncrypted));
}

#[test]
fn h02_to_h05_half_an_envelope_is_never_a_plain_object() {
    for header in NEEDED {
        let missing = Err(EnvelopeError::Missing { header });
        assert_eq!(Headers::sound().without(header).parse(), missing);
        assert_eq!(Headers::sound().with(header, "").parse(), missing);
        assert_eq!(Headers::sound().with(header, " \t").parse(), missing);
    }
    let alone = Headers(Vec::new()).and(PLAIN_LEN, "5");
    assert_eq!(alone.parse(), Err(EnvelopeError::Missing { header: KEY }));
}

#[test]
fn h06_an_unknown_content_algorithm_is_refused() {
    for name in ["AES/CBC/PKCS5Padding", "AES/GCM/NoPadding", "AES/CTR"] {
        let error = EnvelopeError::UnsupportedSuite { name: name.into() };
        assert_eq!(Headers::sound().with(CEK_ALG, name).parse(), Err(error));
    }
}

#[test]
fn h07_the_content_algorithm_has_one_spelling() {
    for name in [
        "aes/ctr/nopadding",
        "AES/CTR/NOPADDING",
        "AES /CTR/NoPadding",
        "AES/CTR/NoPadding\0",
        "AES/CTR/NoPadding,",
    ] {
        let error = EnvelopeError::UnsupportedSuite { name: name.into() };
        assert_eq!(Headers::sound().with(CEK_ALG, name).parse(), Err(error));
    }
    let error = EnvelopeError::Malformed { header: CEK_ALG, reason: "it is not text" };
    assert_eq!(Headers::sound().with(CEK_ALG, b"AES/CTR/\xff").parse(), Err(error));
    for name in ["rsa/none/pkcs1padding", "RSA/NONE/PKCS1PADDING"] {
        assert_eq!(Headers::sound().with(WRAP_ALG, name).parse().unwrap().wrap, WrapAlgorithm::RsaPkcs1);
    }
    for name in ["RSA/NONE/PKCS1Padding ,", "RSA/ECB/PKCS1Padding", "RSA", "rsa", "kms"] {
        let error = EnvelopeError::UnsupportedWrap { name: name.into() };
        assert_eq!(Headers::sound().with(WRAP_ALG, name).parse(), Err(error));
    }
}

#[test]
fn h08_a_key_of_another_algorithm_is_not_asked() {
    let rsa = Arc::new(RsaKey::from_pem(PEM, RsaPadding::Pkcs1).unwrap());
    let rsa = NamedKey::new("rsa", MaterialDescription::empty()).wrapping(rsa.clone()).unwrapping(rsa);
    let rsa = Keyring::new(vec![rsa]).unwrap();
    let kms = never(WrapAlgorithm::Kms, MaterialDescription::empty());
    let cases = [
        (&rsa, WrapAlgorithm::Kms),
        (&rsa, WrapAlgorithm::AesKw),
        (&rsa, WrapAlgorithm::RsaOaepSha1),
        (&kms, WrapAlgorithm::RsaPkcs1),
    ];
    for (keyring, wrap) in cases {
        let error = open(keyring, &Headers::sound().with(WRAP_ALG, wrap.wire_name()));
        assert!(
            matches!(&error, KeyringError::NoMatchingKey { wrap: named, .. } if *named == wrap),
            "{error:?}"
        );
        assert!(error.to_string().contains(wrap.wire_name()), "{error}");
    }
}

#[test]
fn h10_h11_a_header_that_stands_twice_is_refused() {
    let sound = Headers::sound();
    for header in NEEDED {
        let (_, value) = sound.0.iter().find(|(name, _)| name == header).unwrap();
        let again = [
            (header.to_owned(), value.as_slice()),
            (header.to_ascii_uppercase(), value),
            (header.into(), b"other"),
        ];
        for (name, value) in again {
            assert_eq!(sound.clone().and(&name, value).parse(), Err(EnvelopeError::Repeated { header }));
        }
    }
}

#[test]
fn h12_names_are_read_in_any_case() {
    let mut headers = Headers::sound();
    for (name, _) in &mut headers.0 {
        *name = name.to_ascii_uppercase();
    }
    assert_eq!(headers.parse(), Headers::sound().parse());
    assert!(is_envelope_header("X-Oss-Meta-Client-Side-Encryption-Key"));
    assert!(is_envelope_header(&format!("{PREFIX}anything")));
    assert!(!is_envelope_header("x-oss-meta-author"));
}

#[test]
fn h13_white_space_around_a_value_is_not_part_of_it() {
    let mut headers = Headers::sound();
    for (_, value) in &mut headers.0 {
        *value = [b"\t ", value.as_slice(), b" \t "].concat();
    }
    assert_eq!(headers.parse(), Headers::sound().parse());
}

#[test]
fn h14_base64_is_strict() {
    let cases: [(&str, &[u8]); 14] = [
        ("line break inside", b"BQUF\nBQUF"),
        ("line break at the end", b"BQUF\n"),
        ("carriage return and line break at the end", b"BQUF\r\n"),
        ("space inside", b"BQUF BQUF"),
        ("URL alphabet", b"_-8="),
        ("missing padding", b"BQU"),
        ("half the padding", b"BQ="),
        ("excess padding", b"BQU=="),
        ("padding of nothing", b"BQUF===="),
        ("padding alone", b"===="),
        ("padding in the middle", b"BQ==BQUF"),
        ("trailing bits", b"BQV="),
        ("not ASCII", b"BQU\xff"),
        ("NUL", b"BQUF\0"),
    ];
    let reason = "it is not standard, padded base64 (RFC 4648, section 4)";
    for header in [KEY, START] {
        for (what, value) in cases {
            let error = EnvelopeError::Malformed { header, reason };
            assert_eq!(Headers::sound().with(header, value).parse(), Err(error), "{what}");
        }
    }
}

#[test]
fn h15_a_wrapped_value_of_no_bytes_is_a_missing_one() {
    for header in [KEY, START] {
        assert_eq!(Headers::sound().with(header, "").parse(), Err(EnvelopeError::Missing { header }));
    }
}

#[test]
fn h23_what_is_no_map_of_strings_names_no_key() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let deep = "[".repeat(100_000);
    let deep_objects = "{\"a\":".repeat(100_000);
    let cases: [(&str, &[u8]); 14] = [
        ("not JSON", b"key1"),
        ("array", b"[]"),
        ("number", b"7"),
        ("null", b"null"),
        ("number as value", b"{\"a\":1}"),
        ("map as value", b"{\"a\":{}}"),
        ("trailing text", b"{\"a\":\"b\"} x"),
        ("cut short", b"{\"a\":\"b\""),
        ("repeated name", b"{\"a\":\"b\",\"a\":\"b\"}"),
        ("NUL", b"{\"a\":\"\0\"}"),
        ("half a surrogate pair", b"{\"a\":\"\\ud800\"}"),
        ("deep nesting of arrays", deep.as_bytes()),
        ("deep nesting of objects", deep_objects.as_bytes()),
        ("one mebibyte", long.as_bytes()),
    ];
    let keyring = never(WrapAlgorithm::RsaPkcs1, MaterialDescription::empty());
    for (what, text) in cases {
        let headers = Headers::sound().with(MATDESC, text);
        let envelope = headers.parse().unwrap();
        assert_eq!(envelope.description, StoredDescription::Unreadable(text.to_vec()), "{what}");
        let error = open(&keyring, &headers);
        assert!(
            matches!(&error, KeyringError::NoMatchingKey { description, .. } if *description == envelope.description),
            "{what}"
        );
        assert!(error.to_string().len() < 1000, "{what}");
    }
    // What is not UTF-8 may come from the Java SDK 1; it matches only a description damaged in the same way.
    let headers = Headers::sound().with(MATDESC, b"{\"a\":\"\xff\"}");
    assert!(matches!(headers.parse().unwrap().description, StoredDescription::Garbled(_)));
    assert!(matches!(open(&keyring, &headers), KeyringError::NoMatchingKey { .. }));
}

#[test]
fn h24_order_and_spacing_of_a_description_do_not_matter() {
    let key: MaterialDescription = [("a", "1"), ("b", "2")].into_iter().collect();
    let keyring = never(WrapAlgorithm::RsaPkcs1, key);
    for text in [r#"{"a":"1","b":"2"}"#, r#"{"b":"2","a":"1"}"#, "{ \"b\" : \"2\",\n\t\"a\":\"\\u0031\" }"] {
        let envelope = Headers::sound().with(MATDESC, text).parse().unwrap();
        assert_eq!(keyring.select(&envelope).unwrap().name(), "never", "{text}");
    }
    for text in [r#"{"a":"2","b":"1"}"#, r#"{"a":"1"}"#, r#"{"a":"1","b":"2","c":""}"#, "{}", ""] {
        let error = open(&keyring, &Headers::sound().with(MATDESC, text));
        assert!(matches!(error, KeyringError::NoMatchingKey { .. }), "{text}");
    }
}

#[test]
fn h24_a_key_named_exactly_comes_before_one_that_its_writer_may_have_garbled() {
    let description = |name: &str| [("key", name)].into_iter().collect::<MaterialDescription>();
    let key = |name: &str| {
        NamedKey::new(name, description(name)).unwrapping(Arc::new(Never(WrapAlgorithm::RsaPkcs1)))
    };
    let keyring = Keyring::new(vec![key("\u{4e2d}"), key("?")]).unwrap();
    let select = |text: &str| {
        let envelope = Headers::sound().with(MATDESC, text).parse().unwrap();
        keyring.select(&envelope).map(|key| key.name().to_owned())
    };
    assert_eq!(select(r#"{"key":"?"}"#).unwrap(), "?");
    assert_eq!(select(r#"{"key":"\u4e2d"}"#).unwrap(), "\u{4e2d}");
    let alone = Keyring::new(vec![key("\u{4e2d}")]).unwrap();
    let envelope = Headers::sound().with(MATDESC, r#"{"key":"?"}"#).parse().unwrap();
    assert_eq!(alone.select(&envelope).unwrap().name(), "\u{4e2d}");
}

#[test]
fn h26_the_claimed_length_is_a_plain_decimal_number() {
    for text in ["", "-1", "+5", "1e3", "0x10", "5 5", "5.0", "18446744073709551616", "\u{665}", "ten"] {
        let reason = "it is not a decimal number of at most 64 bits";
        let error = EnvelopeError::Malformed { header: PLAIN_LEN, reason };
        assert_eq!(Headers::sound().with(PLAIN_LEN, text).parse(), Err(error), "{text:?}");
    }
    for (text, len) in [("0", 0), (" 5", 5), ("007", 7), ("18446744073709551615", u64::MAX)] {
        assert_eq!(Headers::sound().with(PLAIN_LEN, text).parse().unwrap().plain_len, Some(len));
    }
}

#[test]
fn h27_to_h29_headers_of_other_writers_change_nothing() {
    let sound = Headers::sound().parse().unwrap();
    let cases = [
        ("unencrypted-content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        ("unencrypted-content-md5", "not a digest"),
        ("data-size", "0"),
        ("data-size", "-5"),
        ("part-size", "17"),
        ("part-size", "99999999999999999999"),
        ("magic-number-hmac", "AAAA"),
        ("x-of-another-version", "1"),
    ];
    for (name, value) in cases {
        let envelope = Headers::sound().and(&format!("{PREFIX}{name}"), value).parse().unwrap();
        assert_eq!(envelope, sound, "{name}");
        assert!(envelope.to_metadata(None).iter().all(|(header, _)| NEEDED.contains(header)), "{name}");
    }
}

#[test]
fn h30_legacy_names_are_read_alone_and_whole() {
    let envelope = Headers::legacy().parse().unwrap();
    assert!(envelope.is_legacy());
    assert_eq!((envelope.suite, envelope.wrap), (Suite::AesCtr, WrapAlgorithm::LegacyRsa));
    assert!(matches!(envelope.start, Start::WrappedDecimal(_)));

    let mut both = Headers::sound();
    both.0.extend(Headers::legacy().0);
    assert_eq!(both.parse(), Err(EnvelopeError::MixedLegacy { header: "x-oss-meta-oss-crypto-key" }));
    let one = Headers::sound().and("x-oss-meta-oss-crypto-matdesc", "{}");
    assert_eq!(one.parse(), Err(EnvelopeError::MixedLegacy { header: "x-oss-meta-oss-crypto-matdesc" }));

    for (name, _) in Headers::legacy().0 {
        let error = Headers::legacy().without(&name).parse().unwrap_err();
        assert!(matches!(error, EnvelopeError::Missing { header } if header == name), "{error:?}");
    }
    let error = EnvelopeError::UnsupportedSuite { name: "AES/CTR/NoPadding".into() };
    assert_eq!(Headers::legacy().with("x-oss-meta-oss-cek-alg", "AES/CTR/NoPadding").parse(), Err(error));
    let error = EnvelopeError::UnsupportedWrap { name: "KMS/ALICLOUD".into() };
    assert_eq!(Headers::legacy().with("x-oss-meta-oss-wrap-alg", "KMS/ALICLOUD").parse(), Err(error));
}

#[test]
fn h31_an_envelope_of_s3_is_named_as_such() {
    for header in [
        "x-amz-meta-x-amz-key-v2",
        "x-amz-meta-x-amz-iv",
        "x-oss-meta-x-amz-key-v2",
        "X-Oss-Meta-X-Amz-Cek-Alg",
    ] {
        let foreign = Headers(vec![("content-type".into(), Vec::new()), (header.into(), b"AAAA".to_vec())]);
        assert_eq!(
            foreign.parse(),
            Err(EnvelopeError::ForeignFamily { header: header.to_ascii_lowercase() })
        );
    }
    for header in
        ["x-amz-request-id", "x-amz-meta-author", "x-oss-meta-x-amz-meta-author", "x-oss-meta-x-amz-"]
    {
        let plain = Headers(vec![(header.into(), b"AAAA".to_vec())]);
        assert_eq!(plain.parse(), Err(EnvelopeError::NotEncrypted), "{header}");
    }
    // Beside an envelope of our own they are somebody's metadata.
    assert_eq!(Headers::sound().and("x-oss-meta-x-amz-iv", "AAAA").parse(), Headers::sound().parse());
}
