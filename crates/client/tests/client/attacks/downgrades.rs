//! Envelopes that would have an object read in a weaker way than it was written, or by less than its reader requires, under every policy.

use std::sync::Arc;

use data_encoding::BASE64;
use http::HeaderValue;
use osseal::{
    Bind, ByteRange, EncryptedBucket, EncryptionContext, GetOptions, Keyring, MaterialDescription, NamedKey,
    PutOptions, ReadPolicy, RsaKey, RsaPadding, Suite, dangerous,
};

use super::malicious_store::{CHUNK, Object, PREFIX, drain, index, letter, lying};
use crate::support::{TestStore, named, ramp};

const PEM: &[u8] = include_bytes!("../../../../../vectors/official/keys/rsaA_private_pkcs8.pem");
const SIZE: u64 = 2 * CHUNK + 300;
const RANGE: std::ops::Range<u64> = CHUNK + 5..CHUNK + 50;

/// What is tried, the object, and what comes of reading it: authenticated only, also AES/CTR, also plaintext; then the same by a reader that requires a bound
/// key and a pair.
type Row = (String, Object, &'static str);

/// Keys of all algorithms that are called alike, and one of another name.
fn keys() -> Keyring {
    let mut keys = vec![named("test"), named("other")];
    for (name, padding) in
        [("pkcs1", RsaPadding::Pkcs1), ("sha1", RsaPadding::OaepSha1), ("sha256", RsaPadding::OaepSha256)]
    {
        let mut description = MaterialDescription::empty();
        description.insert("name", "test");
        let key = Arc::new(RsaKey::from_pem(PEM, padding).unwrap());
        keys.push(NamedKey::new(name, description).wrapping(key.clone()).unwrapping(key));
    }
    Keyring::new(keys).unwrap()
}

fn acme() -> EncryptionContext {
    let mut context = EncryptionContext::empty();
    context.insert("tenant", "acme").unwrap();
    context
}

fn policies() -> [ReadPolicy; 6] {
    let allowed = [
        ReadPolicy::AUTHENTICATED,
        ReadPolicy::ALSO_UNAUTHENTICATED,
        ReadPolicy::AUTHENTICATED.with_plaintext(dangerous::AllowPlaintextObjects),
    ];
    let strict = allowed.clone().map(|policy| policy.requiring_bind(Bind::Key).requiring_pairs(acme()));
    let [one, two, three] = allowed;
    let [four, five, six] = strict;
    [one, two, three, four, five, six]
}

async fn written(world: &TestStore, suite: Suite, bind: Bind, context: EncryptionContext) -> Object {
    let bucket = world.builder().suite(suite).bind(bind).build().unwrap();
    let options = PutOptions { encryption_context: context, ..PutOptions::default() };
    bucket.put("k", ramp(SIZE), options).await.unwrap();
    Object::stored(world, "k", None).await
}

fn rows(sealed: &Object, ctr: &Object, nameless: &Object, pairless: &Object) -> Vec<Row> {
    let value = |text: &str| Some(HeaderValue::try_from(text).unwrap());
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |what: &str, object: Object, outcomes| rows.push((what.to_owned(), object, outcomes));
    add("sealed", sealed.clone(), "======");
    add("AES/CTR", ctr.clone(), "A==BBB");
    add("no envelope", sealed.without_envelope(), "NN=NNN");
    add("no bound name", nameless.clone(), "===BBB");
    add("no pair", pairless.clone(), "===BBB");
    add(
        "the start of an object without bound name",
        sealed.with("start", Some(nameless.value("start"))),
        "IIIBBB",
    );
    add("the start of an object without pair", sealed.with("start", Some(pairless.value("start"))), "IIIBBB");
    add("the start of AES/CTR", sealed.with("start", Some(ctr.value("start"))), "EEEEEE");
    add("the sealed name on AES/CTR", ctr.with("cek-alg", Some(sealed.value("cek-alg"))), "EEEEEE");
    add("the envelope of AES/CTR", ctr.with_body(sealed.body.clone()), "AIIBBB");
    let mut both = sealed.clone();
    both.headers.insert("x-oss-meta-oss-crypto-key", sealed.value("key"));
    add("names of both families", both, "EEEEEE");
    for name in ["key", "start", "cek-alg", "wrap-alg"] {
        add(&format!("no {name}"), sealed.with(name, None), "EEEEEE");
        add(&format!("an empty {name}"), sealed.with(name, value("")), "EEEEEE");
        let mut twice = sealed.clone();
        twice
            .headers
            .append(http::HeaderName::try_from(format!("{PREFIX}{name}")).unwrap(), sealed.value(name));
        add(&format!("{name} twice"), twice, "EEEEEE");
        add(
            &format!("{name} alone"),
            sealed.without_envelope().with(name, Some(sealed.value(name))),
            "EEEEEE",
        );
    }
    for (suite, outcomes) in [
        // What is no counter does not unwrap as one.
        ("AES/CTR/NoPadding", "AUUBBB"),
        ("AES/GCM/NoPadding", "SSSSSS"),
        ("aes/gcm/c2sp-chunked-v1", "SSSSSS"),
        ("AES/GCM/C2SP-CHUNKED-V1", "SSSSSS"),
        ("AES/GCM/C2SP-Chunked-v2", "SSSSSS"),
        ("AES/CBC/PKCS5Padding", "SSSSSS"),
        ("AES/CTR", "SSSSSS"),
        ("sealed", "SSSSSS"),
    ] {
        add(&format!("cek-alg {suite}"), sealed.with("cek-alg", value(suite)), outcomes);
    }
    for (wrap, outcomes) in [
        ("RSA/NONE/PKCS1Padding", "EEEEEE"),
        ("RSA/NONE/OAEPWithSHA-1AndMGF1Padding", "UUUUUU"),
        ("RSA/NONE/OAEPWithSHA-256AndMGF1Padding", "UUUUUU"),
        ("KMS/ALICLOUD", "KKKKKK"),
        ("aes/kw/nopadding", "SSSSSS"),
        ("rsa/none/pkcs1padding", "SSSSSS"),
        ("kms/alicloud", "SSSSSS"),
        ("AES/KW/Padding", "SSSSSS"),
        ("rsa", "SSSSSS"),
        ("kms", "SSSSSS"),
        ("none", "SSSSSS"),
    ] {
        add(&format!("wrap-alg {wrap}"), sealed.with("wrap-alg", value(wrap)), outcomes);
    }
    let ctr_by = |wrap| ctr.with("wrap-alg", value(wrap));
    add("wrap-alg of AES/CTR to PKCS#1 v1.5", ctr_by("RSA/NONE/PKCS1Padding"), "AUUBBB");
    add("wrap-alg of AES/CTR to OAEP", ctr_by("RSA/NONE/OAEPWithSHA-1AndMGF1Padding"), "AUUBBB");
    for (what, description, outcomes) in [
        ("another key's description", r#"{"name":"other"}"#, "UUUUUU"),
        ("nobody's description", r#"{"name":"nobody"}"#, "KKKKKK"),
        ("an unreadable description", "{", "KKKKKK"),
    ] {
        add(what, sealed.with("matdesc", value(description)), outcomes);
    }
    add("no description", sealed.with("matdesc", None), "KKKKKK");
    let start = BASE64.decode(sealed.value("start").as_bytes()).unwrap();
    let (committed, record) = start.split_at(56);
    let nothing_bound = BASE64.decode(nameless.value("start").as_bytes()).unwrap().split_off(56);
    let mut flipped = start.clone();
    flipped[30] ^= 1;
    let other_name = [&record[..10], b"j", &record[11..]].concat();
    for (what, start, outcomes) in [
        ("a record that binds no name", [committed, &nothing_bound].concat(), "IIIBBB"),
        ("a record that binds another name", [committed, &other_name].concat(), "IIIIII"),
        ("another commitment", flipped, "IIIIII"),
        ("no record", committed.to_vec(), "EEEEEE"),
        ("another version of the record", [committed, &record[..6], &[2], &record[7..]].concat(), "EEEEEE"),
        ("a bind that there is not", [committed, &record[..7], &[3], &record[8..]].concat(), "EEEEEE"),
        ("no bind, and a name", [committed, &record[..7], &[0], &record[8..]].concat(), "EEEEEE"),
        ("a record with more behind it", [&start[..], b"1"].concat(), "EEEEEE"),
    ] {
        add(what, sealed.with("start", value(&BASE64.encode(&start))), outcomes);
    }
    rows
}

/// What comes of three reads of an object, which is one letter.
async fn outcome(object: &Object, policy: &ReadPolicy, what: &str) -> char {
    let served = object.clone();
    let bucket = lying(move |_, range| served.answer(range)).keyring(keys()).build().unwrap();
    // Without an envelope it is what is stored.
    let has_envelope = object.headers.keys().any(|name| name.as_str().starts_with(PREFIX));
    let plain = if has_envelope { ramp(SIZE) } else { object.body.to_vec() };
    let whole = get(&bucket, policy, ByteRange::Whole, &plain).await;
    let range = get(&bucket, policy, RANGE.into(), &plain[index(RANGE.start)..index(RANGE.end)]).await;
    let options = GetOptions { read_policy: Some(policy.clone()), ..GetOptions::default() };
    let proof = match bucket.verify("k", options).await {
        Ok(proof) => {
            let suite = proof.info.encryption.map(|encryption| encryption.suite);
            assert_eq!(proof.is_verified, suite == Some(Suite::Sealed), "{what}");
            '='
        }
        Err(error) => letter(error.kind()),
    };
    assert_eq!((range, proof), (whole, whole), "{what}: as for the whole object");
    whole
}

async fn get(bucket: &EncryptedBucket, policy: &ReadPolicy, range: ByteRange, wanted: &[u8]) -> char {
    let options = GetOptions { range, read_policy: Some(policy.clone()), ..GetOptions::default() };
    let (released, ended) = drain(bucket, options).await;
    match ended {
        Ok(()) => {
            assert_eq!(released, wanted);
            '='
        }
        Err(error) => {
            assert!(released.is_empty(), "{error}");
            letter(error.kind())
        }
    }
}

#[tokio::test]
async fn the_downgrade_table() {
    let world = TestStore::of(Suite::Sealed).await;
    let sealed = written(&world, Suite::Sealed, Bind::Key, acme()).await;
    let ctr = written(&world, Suite::AesCtr, Bind::None, EncryptionContext::empty()).await;
    let nameless = written(&world, Suite::Sealed, Bind::None, acme()).await;
    let pairless = written(&world, Suite::Sealed, Bind::Key, EncryptionContext::empty()).await;
    let rows = rows(&sealed, &ctr, &nameless, &pairless);
    let mut tried = 0;
    for (what, object, outcomes) in &rows {
        for (policy, wanted) in policies().iter().zip(outcomes.chars()) {
            let found = outcome(object, policy, what).await;
            assert_eq!(found, wanted, "{what}, {policy:?}");
            tried += 1;
        }
    }
    assert_eq!((rows.len(), tried), (60, 360));
}

/// Whatever a store makes of it: the policy of a bucket that nobody weakened gives out no byte that was not sealed.
#[tokio::test]
async fn by_default_nothing_but_sealed_bytes() {
    let world = TestStore::of(Suite::Sealed).await;
    let ctr = written(&world, Suite::AesCtr, Bind::None, EncryptionContext::empty()).await;
    for (object, wanted) in [(ctr.clone(), 'A'), (ctr.without_envelope(), 'N')] {
        let (first, then) = (object.clone(), ctr.without_envelope());
        for answers in [1, 2, usize::MAX] {
            let (first, then) = (first.clone(), then.clone());
            let bucket = lying(
                move |request, range| {
                    if request < answers { first.answer(range) } else { then.answer(range) }
                },
            );
            let bucket = bucket.keyring(keys()).build().unwrap();
            for range in [
                ByteRange::Whole,
                RANGE.into(),
                ByteRange::From(CHUNK),
                ByteRange::Suffix(3),
                ByteRange::From(SIZE + 9),
            ] {
                let (released, ended) = drain(&bucket, GetOptions { range, ..GetOptions::default() }).await;
                assert!(released.is_empty());
                assert!([wanted, 'N'].contains(&letter(ended.unwrap_err().kind())));
            }
        }
    }
}
