//! Attempts to have an object read in a weaker way than it was written, or by less than its reader requires: a table of what comes of each,
//! and what is never asked before. Unwrapping that fails looks the same whatever the cause.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use data_encoding::BASE64;
use futures_executor::block_on;
use osseal_core::dangerous::AllowPlaintextObjects;
use osseal_core::{
    AesKey, Bind, Binding, ContentError, ContentRandom, ContextError, EncryptionContext, Envelope,
    EnvelopeError, KeyError, KeyFuture, Keyring, KeyringError, MAX_METADATA, MaterialDescription, NamedKey,
    Place, PolicyError, ReadPolicy, RsaKey, RsaPadding, SALT, SealedContext, Secret, Suite, UnwrapKey,
    UnwrapRequest, WrapAlgorithm, WrapKey, Wrapped, WrappedContent,
};

const PEM: &[u8] = include_bytes!("../../../../vectors/official/keys/rsaA_private_pkcs8.pem");
const PREFIX: &str = "x-oss-meta-client-side-encryption-";
const PLACE: Place<'_> = Place::object("box", "dir/a");

type Headers = Vec<(String, Vec<u8>)>;
type Change = fn(&mut Vec<u8>);

/// A key that opens everything, counts how often it is asked, and gives the same bytes each time.
struct Counting {
    gives: Vec<u8>,
    asked: AtomicUsize,
}

impl Counting {
    fn new(gives: &[u8]) -> Arc<Counting> {
        Arc::new(Counting { gives: gives.to_vec(), asked: AtomicUsize::new(0) })
    }
}

impl UnwrapKey for Counting {
    fn unwraps(&self, _: WrapAlgorithm) -> bool {
        true
    }

    fn unwrap<'a>(&'a self, _: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let secret = Secret::new(self.gives.clone());
        Box::pin(async move { Ok(secret) })
    }
}

fn aes() -> Arc<AesKey> {
    Arc::new(AesKey::from_file_content(&[5; 32]).unwrap())
}

fn writer(key: Arc<dyn WrapKey>) -> Keyring {
    Keyring::new(vec![NamedKey::new("k", MaterialDescription::empty()).wrapping(key)]).unwrap()
}

fn reader(key: Arc<dyn UnwrapKey>) -> Keyring {
    Keyring::new(vec![NamedKey::new("k", MaterialDescription::empty()).unwrapping(key)]).unwrap()
}

fn random() -> ContentRandom {
    ContentRandom { data_key: Secret::new(vec![1; 32]), start: [2; SALT] }
}

fn context(bind: Bind) -> SealedContext {
    let mut context = SealedContext { binding: Binding::new(bind, PLACE).unwrap(), ..Default::default() };
    context.pairs.insert("tenant", "acme").unwrap();
    context
}

fn written(suite: Suite, context: &SealedContext) -> Headers {
    let (_, envelope) = block_on(writer(aes()).new_content(suite, context, random(), Some(9))).unwrap();
    envelope
        .to_metadata(None)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect()
}

fn parse(headers: &Headers) -> Result<Envelope, EnvelopeError> {
    Envelope::from_metadata(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
}

fn with(headers: &Headers, name: &str, value: impl AsRef<[u8]>) -> Headers {
    let mut headers = without(headers, name);
    headers.push((format!("{PREFIX}{name}"), value.as_ref().to_vec()));
    headers
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(known, _)| *known != format!("{PREFIX}{name}")).cloned().collect()
}

fn twice(headers: &Headers, name: &str) -> Headers {
    let mut headers = headers.clone();
    let again = headers.iter().find(|(known, _)| *known == format!("{PREFIX}{name}")).unwrap().clone();
    headers.push(again);
    headers
}

/// The class of what comes of a read, and whether a key was asked before.
fn outcome(headers: &Headers, policy: &ReadPolicy, place: Place<'_>) -> (&'static str, bool) {
    let envelope = match parse(headers) {
        Ok(envelope) => envelope,
        Err(EnvelopeError::NotEncrypted) if policy.admits_plaintext() => return ("plaintext", false),
        Err(EnvelopeError::NotEncrypted) => return ("not encrypted", false),
        Err(EnvelopeError::UnsupportedSuite { .. } | EnvelopeError::UnsupportedWrap { .. }) => {
            return ("unsupported", false);
        }
        Err(_) => return ("envelope", false),
    };
    let key = Counting::new(&[1; 32]);
    let opened = block_on(reader(key.clone()).open(policy, place, &envelope));
    let class = match opened {
        Ok(key) if key.suite() == Suite::Sealed => "opened",
        Ok(_) => "opened, unauthenticated",
        Err(KeyringError::Policy(PolicyError::Unauthenticated { .. })) => "unauthenticated",
        Err(KeyringError::Policy(PolicyError::WrapAlgorithm { .. })) => "wrap algorithm",
        Err(KeyringError::Policy(PolicyError::NothingBound { .. })) => "nothing bound",
        Err(KeyringError::Policy(PolicyError::LesserBind { .. })) => "lesser bind",
        Err(KeyringError::Policy(PolicyError::MissingPair { .. })) => "missing pair",
        Err(KeyringError::Policy(PolicyError::Moved { .. })) => "moved",
        Err(KeyringError::Content(ContentError::CommitmentFailed)) => "commitment",
        Err(KeyringError::Key { source: KeyError::UnwrapFailed, .. }) => "unwrap",
        Err(KeyringError::NoMatchingKey { .. }) => "no key",
        Err(error) => panic!("{error}"),
    };
    (class, key.asked.load(Ordering::Relaxed) > 0)
}

/// Names what is tried, and what comes of it under the three policies: authenticated, also AES/CTR, also plaintext.
#[test]
fn the_downgrade_table() {
    let sealed = written(Suite::Sealed, &context(Bind::Key));
    let ctr = written(Suite::AesCtr, &SealedContext::default());
    let value = |headers: &Headers, name: &str| {
        headers.iter().find(|(known, _)| *known == format!("{PREFIX}{name}")).unwrap().1.clone()
    };
    let same = |class| [class; 3];
    let ctr_only = ["unauthenticated", "unwrap", "unwrap"];
    let mut rows: Vec<(String, Headers, [&str; 3])> = vec![
        ("sealed".into(), sealed.clone(), same("opened")),
        // Our counting key gives 32 bytes for the counter too, which has 16.
        ("AES/CTR".into(), ctr.clone(), ctr_only),
        ("no header".into(), Vec::new(), ["not encrypted", "not encrypted", "plaintext"]),
        ("AES/CTR's name on a sealed object".into(), with(&sealed, "cek-alg", "AES/CTR/NoPadding"), ctr_only),
        (
            "the sealed name on AES/CTR".into(),
            with(&ctr, "cek-alg", "AES/GCM/C2SP-Chunked-v1"),
            same("envelope"),
        ),
        ("AES/CTR's start".into(), with(&sealed, "start", value(&ctr, "start")), same("envelope")),
        ("another description".into(), with(&sealed, "matdesc", r#"{"key":"two"}"#), same("no key")),
        ("an unreadable description".into(), with(&sealed, "matdesc", "{"), same("no key")),
        (
            "both families of names".into(),
            [&sealed[..], &[("x-oss-meta-oss-crypto-key".into(), b"AAAA".to_vec())]].concat(),
            same("envelope"),
        ),
    ];
    for name in ["key", "start", "cek-alg", "wrap-alg"] {
        rows.push((format!("without {name}"), without(&sealed, name), same("envelope")));
        rows.push((format!("empty {name}"), with(&sealed, name, ""), same("envelope")));
        rows.push((format!("{name} twice"), twice(&sealed, name), same("envelope")));
        rows.push((
            format!("{name} alone"),
            sealed.iter().filter(|(known, _)| known.ends_with(&format!("-{name}"))).cloned().collect(),
            same("envelope"),
        ));
    }
    for suite in [
        "aes/gcm/c2sp-chunked-v1",
        "AES/GCM/C2SP-CHUNKED-V1",
        "AES/GCM/C2SP-Chunked-v2",
        "AES/GCM/NoPadding",
        "AES/CBC/PKCS5Padding",
        "AES/CTR",
        "sealed",
    ] {
        rows.push((format!("cek-alg {suite}"), with(&sealed, "cek-alg", suite), same("unsupported")));
    }
    for (wrap, class) in [
        ("RSA/NONE/PKCS1Padding", "wrap algorithm"),
        ("RSA/NONE/OAEPWithSHA-1AndMGF1Padding", "opened"),
        ("RSA/NONE/OAEPWithSHA-256AndMGF1Padding", "opened"),
        ("KMS/ALICLOUD", "opened"),
        ("rsa/none/pkcs1padding", "unsupported"),
        ("aes/kw/nopadding", "unsupported"),
        ("kms/alicloud", "unsupported"),
        ("rsa", "unsupported"),
        ("kms", "unsupported"),
        ("AES/KW/Padding", "unsupported"),
        ("none", "unsupported"),
    ] {
        rows.push((format!("wrap-alg {wrap}"), with(&sealed, "wrap-alg", wrap), same(class)));
    }
    let start = BASE64.decode(&value(&sealed, "start")).unwrap();
    let start_with = |change: Change| {
        let mut start = start.clone();
        change(&mut start);
        with(&sealed, "start", BASE64.encode(&start))
    };
    let malformed: [(&str, Change); 9] = [
        ("a start without context", |start| start.truncate(56)),
        ("a start of 55 bytes", |start| start.truncate(55)),
        ("a start that is cut", |start| start.truncate(start.len() - 1)),
        ("a byte after the context", |start| start.push(0)),
        ("another magic", |start| start[56] ^= 1),
        ("another version", |start| start[62] = 2),
        ("bind 3", |start| start[63] = 3),
        ("bind 0 with a name", |start| start[63] = 0),
        ("bind 2 without a bucket", |start| start[63] = 2),
    ];
    for (what, change) in malformed {
        rows.push((what.into(), start_with(change), same("envelope")));
    }
    rows.push(("another salt".into(), start_with(|start| start[0] ^= 1), same("commitment")));
    rows.push(("another commitment".into(), start_with(|start| start[24] ^= 1), same("commitment")));
    rows.push(("another name".into(), start_with(|start| start[66] ^= 1), same("commitment")));
    let none = SealedContext::default().to_record().unwrap();
    let stripped = BASE64.encode(&[&start[..56], &none].concat());
    rows.push(("another context".into(), with(&sealed, "start", stripped), same("commitment")));
    for name in ["key", "start"] {
        let text = String::from_utf8(value(&sealed, name)).unwrap();
        for (what, text) in
            [("padding", format!("{text}=")), ("space", format!("{} {}", &text[..4], &text[4..]))]
        {
            rows.push((format!("a {what} too many in {name}"), with(&sealed, name, text), same("envelope")));
        }
    }
    rows.push(("matdesc twice".into(), twice(&with(&sealed, "matdesc", "{}"), "matdesc"), same("envelope")));
    let foreign = vec![("x-oss-meta-x-amz-key-v2".to_owned(), b"AAAA".to_vec())];
    rows.push(("another product's names".into(), foreign, same("envelope")));

    let policies = [
        ReadPolicy::AUTHENTICATED,
        ReadPolicy::ALSO_UNAUTHENTICATED,
        ReadPolicy::AUTHENTICATED.with_plaintext(AllowPlaintextObjects),
    ];
    let mut tried = 0;
    for (what, headers, classes) in &rows {
        for (policy, class) in policies.iter().zip(classes) {
            let (found, asked) = outcome(headers, policy, PLACE);
            assert_eq!(found, *class, "{what}");
            let after_unwrapping = ["opened", "commitment", "unwrap"].contains(class);
            assert_eq!(asked, after_unwrapping, "{what}: whether a key was asked");
            // A reader that requires something gets no less, whatever is allowed.
            let strict = policy.clone().requiring_bind(Bind::Key);
            let (found, _) = outcome(headers, &strict, PLACE);
            match *class {
                "opened" | "commitment" if what.as_str() == "another context" => {
                    assert_eq!(found, "lesser bind", "{what}");
                }
                "plaintext" => assert_eq!(found, "not encrypted", "{what}"),
                "unauthenticated" | "unwrap" => assert_eq!(found, "nothing bound", "{what}"),
                class => assert_eq!(found, class, "{what}"),
            }
            tried += 2;
        }
    }
    assert!(rows.len() >= 60 && tried >= 360, "{} rows, {tried} reads", rows.len());
}

#[test]
fn what_a_reader_requires() {
    let policy = |bind| ReadPolicy::AUTHENTICATED.requiring_bind(bind);
    for (has, needs) in Bind::ALL.into_iter().flat_map(|has| Bind::ALL.map(|needs| (has, needs))) {
        let (found, asked) = outcome(&written(Suite::Sealed, &context(has)), &policy(needs), PLACE);
        assert_eq!(found, if has < needs { "lesser bind" } else { "opened" }, "{has} for {needs}");
        assert_eq!(asked, has >= needs);
    }
    let pairs = |pairs: &[(&str, &str)]| {
        let mut context = EncryptionContext::empty();
        for (key, value) in pairs {
            context.insert(*key, *value).unwrap();
        }
        ReadPolicy::AUTHENTICATED.requiring_pairs(context)
    };
    let sealed = written(Suite::Sealed, &context(Bind::None));
    assert_eq!(outcome(&sealed, &pairs(&[("tenant", "acme")]), PLACE).0, "opened");
    for missing in [&[("tenant", "other")][..], &[("Tenant", "acme")], &[("tenant", "acme"), ("app", "x")]] {
        assert_eq!(outcome(&sealed, &pairs(missing), PLACE), ("missing pair", false));
    }
    let required = pairs(&[("tenant", "acme")]).with_plaintext(AllowPlaintextObjects);
    let ctr = written(Suite::AesCtr, &SealedContext::default());
    assert_eq!(outcome(&ctr, &required, PLACE), ("nothing bound", false));
    assert_eq!(outcome(&Vec::new(), &required, PLACE), ("not encrypted", false));
    assert_eq!(required.suites().collect::<Vec<_>>(), [Suite::Sealed]);
}

#[test]
fn an_object_that_was_moved_takes_an_override() {
    let places = [
        (Place::object("box", "dir/a"), Bind::BucketKey),
        (Place::object("other", "dir/a"), Bind::Key),
        (Place::key("dir/a"), Bind::Key),
        (Place::object("box", "dir/a/"), Bind::None),
        (Place::object("box", "DIR/A"), Bind::None),
        (Place::unknown(), Bind::None),
    ];
    for bind in Bind::ALL {
        let headers = written(Suite::Sealed, &context(bind));
        for (place, holds) in places {
            let class = if bind <= holds { "opened" } else { "moved" };
            assert_eq!(outcome(&headers, &ReadPolicy::AUTHENTICATED, place).0, class, "{bind} at {place}");
            assert_eq!(outcome(&headers, &ReadPolicy::AUTHENTICATED.with_moved(), place).0, "opened");
        }
    }
    let envelope = parse(&written(Suite::Sealed, &context(Bind::BucketKey))).unwrap();
    let keyring = reader(Counting::new(&[1; 32]));
    let error = block_on(keyring.open(&ReadPolicy::AUTHENTICATED, Place::object("box", "b"), &envelope));
    let text = error.unwrap_err().to_string();
    assert!(text.contains(r#"sealed as "dir/a" of bucket "box" and read as "b" of bucket "box""#), "{text}");
}

/// Damaged, foreign and short wrapped keys of all three algorithms: one error with one text for each key.
#[test]
fn unwrapping_fails_in_one_way() {
    let mut texts = Vec::new();
    let mut try_all = |keyring: &Keyring, good: &Envelope, bad: Vec<Vec<u8>>| {
        assert!(block_on(keyring.open(&ReadPolicy::AUTHENTICATED, PLACE, good)).is_ok(), "the control");
        for wrapped in bad {
            let mut envelope = good.clone();
            envelope.data_key = Wrapped(wrapped);
            let error = block_on(keyring.open(&ReadPolicy::AUTHENTICATED, PLACE, &envelope)).unwrap_err();
            assert!(matches!(error, KeyringError::Key { source: KeyError::UnwrapFailed, .. }), "{error:?}");
            texts.push(error.to_string());
        }
    };
    let lengths = [0, 15, 16, 24, 31, 33, 64];
    for padding in [RsaPadding::OaepSha1, RsaPadding::OaepSha256] {
        let key = Arc::new(RsaKey::from_pem(PEM, padding).unwrap());
        let (_, good) =
            block_on(writer(key.clone()).new_content(Suite::Sealed, &context(Bind::Key), random(), None))
                .unwrap();
        let mut bad =
            vec![Vec::new(), vec![0; 256], vec![0xff; 256], vec![7; 255], vec![7; 257], vec![7; 256]];
        for length in lengths {
            bad.push(block_on(key.wrap(&Secret::new(vec![1; length]))).unwrap().0);
        }
        for bit in [0, 1000, 2047] {
            let mut changed = good.data_key.0.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            bad.push(changed);
        }
        let other =
            if padding == RsaPadding::OaepSha1 { RsaPadding::OaepSha256 } else { RsaPadding::OaepSha1 };
        for padding in [RsaPadding::Pkcs1, other] {
            let other = RsaKey::from_pem(PEM, padding).unwrap();
            bad.push(block_on(other.wrap(&Secret::new(vec![1; 32]))).unwrap().0);
        }
        try_all(&reader(key), &good, bad);
    }
    let (_, good) =
        block_on(writer(aes()).new_content(Suite::Sealed, &context(Bind::Key), random(), None)).unwrap();
    let mut bad = vec![Vec::new(), vec![0; 8], vec![0; 40], vec![1; 39], vec![1; 41]];
    for length in [16, 24, 40, 64] {
        bad.push(block_on(aes().wrap(&Secret::new(vec![1; length]))).unwrap().0);
    }
    bad.extend((0..320).map(|bit| {
        let mut changed = good.data_key.0.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    }));
    try_all(&reader(aes()), &good, bad);
    for length in lengths {
        let keyring = reader(Counting::new(&vec![1; length]));
        let error = block_on(keyring.open(&ReadPolicy::AUTHENTICATED, PLACE, &good)).unwrap_err();
        texts.push(error.to_string());
    }
    texts.sort();
    texts.dedup();
    assert_eq!(texts, ["the key \"k\": the wrapped key does not open with this key"]);
}

/// An RSA key configured with PKCS#1 v1.5 writes no sealed object and is asked for none.
#[test]
fn pkcs1_padding_and_sealed_objects_do_not_meet() {
    let key = Arc::new(RsaKey::from_pem(PEM, RsaPadding::Pkcs1).unwrap());
    let error = block_on(writer(key.clone()).new_content(Suite::Sealed, &context(Bind::Key), random(), None))
        .unwrap_err();
    assert!(matches!(&error, KeyringError::WrapRefused { wrap: WrapAlgorithm::RsaPkcs1, .. }), "{error:?}");
    assert!(error.to_string().contains("oaep-sha256"), "{error}");
    // A whole sealed envelope whose data key somebody wrapped by PKCS#1 v1.5: the key is there and is not asked.
    let mut envelope = parse(&written(Suite::Sealed, &context(Bind::Key))).unwrap();
    envelope.data_key = block_on(key.wrap(&Secret::new(vec![1; 32]))).unwrap();
    envelope.wrap = WrapAlgorithm::RsaPkcs1;
    let error =
        block_on(reader(key.clone()).open(&ReadPolicy::ALSO_UNAUTHENTICATED, PLACE, &envelope)).unwrap_err();
    let refusal = PolicyError::WrapAlgorithm { suite: Suite::Sealed, wrap: WrapAlgorithm::RsaPkcs1 };
    assert_eq!(error, KeyringError::Policy(refusal));
    // Nor does it unwrap by OAEP.
    envelope.wrap = WrapAlgorithm::RsaOaepSha256;
    let error = block_on(reader(key).open(&ReadPolicy::ALSO_UNAUTHENTICATED, PLACE, &envelope)).unwrap_err();
    assert!(matches!(error, KeyringError::NoMatchingKey { .. }), "{error:?}");
}

/// The context is stored with everything else in 8 KB.
#[test]
fn a_context_that_cannot_be_stored_is_refused() {
    let with_value = |length: usize| {
        let mut context = SealedContext::default();
        context.pairs.insert("k", "v".repeat(length)).unwrap();
        block_on(writer(aes()).new_content(Suite::Sealed, &context, random(), None))
    };
    let largest = (5_000..7_000).rev().find(|length| with_value(*length).is_ok()).unwrap();
    let (_, envelope) = with_value(largest).unwrap();
    assert!(envelope.metadata_size(None) <= MAX_METADATA && envelope.metadata_size(None) > MAX_METADATA - 4);
    let error = with_value(largest + 4).unwrap_err();
    let KeyringError::EnvelopeTooLarge { size, context } = error else { panic!("{error:?}") };
    assert!(size > MAX_METADATA && context > 7_000 && context < size);
    let text = error.to_string();
    assert!(text.contains(&size.to_string()) && text.contains(&context.to_string()), "{text}");
    let too_long = with_value(9_000).unwrap_err();
    assert!(matches!(too_long, KeyringError::Context(ContextError::TooLong { size: 9_017 })), "{too_long:?}");
    let bound =
        block_on(writer(aes()).new_content(Suite::AesCtr, &context_of_one(), random(), None)).unwrap_err();
    assert_eq!(bound, KeyringError::Context(ContextError::NotBound { suite: "aes-ctr" }));
    let mut pairs = EncryptionContext::empty();
    assert_eq!(pairs.insert("", "v"), Err(ContextError::EmptyKey));
    pairs.insert("k", "").unwrap();
    assert_eq!(pairs.insert("k", "v"), Err(ContextError::Repeated { key: "k".into() }));
    assert_eq!(
        Binding::new(Bind::BucketKey, Place::key("k")),
        Err(ContextError::NoName { bind: Bind::BucketKey })
    );
    assert_eq!(
        Binding::new(Bind::Key, Place::object("b", "")),
        Err(ContextError::NoName { bind: Bind::Key })
    );
    let nameless = SealedContext { binding: Binding::Key(String::new()), ..Default::default() };
    assert_eq!(nameless.to_record(), Err(ContextError::NoName { bind: Bind::Key }));
    let crooked = Binding::BucketKey { bucket: "a\0b".into(), key: "c".into() };
    let crooked = SealedContext { binding: crooked, ..Default::default() };
    assert_eq!(crooked.to_record(), Err(ContextError::NoName { bind: Bind::BucketKey }));
}

fn context_of_one() -> SealedContext {
    let mut context = SealedContext::default();
    context.pairs.insert("k", "v").unwrap();
    context
}

/// The blob of a KMS is stored as it came, and given back as it was stored, whatever it looks like.
#[test]
fn the_blob_of_a_kms_is_encoded_once() {
    // A blob whose bytes are base64 text themselves: AES/CTR's reader takes that for a second encoding.
    let blob = BASE64.encode(b"QUJDRA==");
    let wrapped = Wrapped::from_kms_blob(&blob).unwrap();
    let mut envelope = parse(&written(Suite::Sealed, &context(Bind::Key))).unwrap();
    (envelope.wrap, envelope.data_key) = (WrapAlgorithm::Kms, wrapped);
    let stored = envelope.to_metadata(None);
    assert_eq!(stored[0], ("x-oss-meta-client-side-encryption-key", blob.clone()));
    let request = |content| UnwrapRequest::new(WrapAlgorithm::Kms, &envelope.data_key, content);
    assert_eq!(request(WrappedContent::SealedDataKey).kms_blob(), blob);
    assert_eq!(request(WrappedContent::DataKey).kms_blob(), "QUJDRA==");
    for bad in ["", "A", "AAA", "AA==\n", "AB==", "_-8="] {
        assert_eq!(Wrapped::from_kms_blob(bad), Err(KeyError::WrapFailed), "{bad:?}");
    }
}
