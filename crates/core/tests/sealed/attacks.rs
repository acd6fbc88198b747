//! What a store can do to a sealed object, and what comes of it: an error, and before it nothing but a prefix of the truth.

use std::sync::Arc;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};
use bytes::Bytes;
use futures_executor::block_on;
use osseal_core::dangerous::fixed_sealed_key;
use osseal_core::{
    AesKey, Bind, Binding, ByteRange, ContentError, ContentRandom, Envelope, Keyring, KeyringError,
    MaterialDescription, NamedKey, PartPlan, Place, RangeError, ReadPolicy, Reading, SALT, SealedContext,
    Secret, Start, StoredAsk, Suite, Window,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::support::{
    CHUNK, STORED, answer, numbered_key, open_all, open_in_pieces, ramp, seal, sealed_key, stored_of,
};

const PLACE: Place<'_> = Place::object("box", "dir/a");
const CHUNK_BYTES: usize = 16_384;
const STORED_BYTES: usize = 16_400;

fn keyring() -> Keyring {
    let key = Arc::new(AesKey::from_file_content(&[5; 32]).unwrap());
    let description = [("key", "one")].into_iter().collect::<MaterialDescription>();
    Keyring::new(vec![NamedKey::new("k", description).wrapping(key.clone()).unwrapping(key)]).unwrap()
}

/// A sealed object: its headers and its body. `number` makes it another one.
fn object(number: u8, plain: u64) -> (Vec<(String, Vec<u8>)>, Bytes) {
    let mut context =
        SealedContext { binding: Binding::new(Bind::Key, PLACE).unwrap(), ..Default::default() };
    context.pairs.insert("tenant", "acme").unwrap();
    let random = ContentRandom { data_key: Secret::new(vec![number; 32]), start: [number; SALT] };
    let (key, envelope) =
        block_on(keyring().new_content(Suite::Sealed, &context, random, Some(plain))).unwrap();
    let parts = PartPlan { data_size: 16 + plain, part_size: 7 * STORED };
    let headers = envelope.to_metadata(Some(parts));
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    (headers, seal(key, ramp(plain)))
}

fn parse(headers: &[(String, Vec<u8>)]) -> Result<Envelope, osseal_core::EnvelopeError> {
    Envelope::from_metadata(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
}

fn read(headers: &[(String, Vec<u8>)], body: &[u8]) -> Result<Vec<u8>, String> {
    let envelope = parse(headers).map_err(|error| error.to_string())?;
    let content = block_on(keyring().open(&ReadPolicy::AUTHENTICATED, PLACE, &envelope));
    let opener = content.map_err(|error| error.to_string())?.opener();
    open_all(opener, body).map_err(|error| error.to_string())
}

/// Reads a changed body whole and in pieces: it fails, and what was released is a prefix of the truth that ends before `chunk`.
fn refused(body: &[u8], truth: &[u8], what: &str) -> ContentError {
    let (released, outcome) = open_in_pieces(sealed_key().opener(), body, 10_000);
    assert!(truth.starts_with(&released), "{what}: wrong bytes were released");
    let error = outcome.expect_err(what);
    if let ContentError::IntegrityFailed { chunk } = error {
        assert!(released.len() as u64 <= chunk * CHUNK, "{what}: released past the broken chunk");
    }
    let (released, outcome) = open_in_pieces(sealed_key().opener(), body, usize::MAX);
    assert!(released.is_empty() && outcome == Err(error), "{what}: {outcome:?}");
    error
}

#[test]
fn every_bit_of_every_header() {
    let (headers, body) = object(1, 100);
    assert_eq!(read(&headers, &body).unwrap(), ramp(100), "the control");
    let (mut tried, mut opened) = (0, 0);
    for index in 0..headers.len() {
        for bit in 0..8 * headers[index].1.len() {
            let mut changed = headers.clone();
            changed[index].1[bit / 8] ^= 1 << (bit % 8);
            let outcome = read(&changed, &body);
            tried += 1;
            // Readers ignore the sizes that are for the service.
            if headers[index].0.ends_with("-size") {
                opened += 1;
                assert_eq!(outcome.unwrap(), ramp(100));
            } else {
                assert!(outcome.is_err(), "bit {bit} of {}", headers[index].0);
            }
        }
        for bit in 0..8 * headers[index].0.len() {
            let mut changed = headers.clone();
            let mut name = changed[index].0.clone().into_bytes();
            name[bit / 8] ^= 1 << (bit % 8);
            changed[index].0 = String::from_utf8_lossy(&name).into_owned();
            tried += 1;
            if let Ok(plain) = read(&changed, &body) {
                let same = changed[index].0.eq_ignore_ascii_case(&headers[index].0);
                assert!(same || headers[index].0.ends_with("-size"), "{}", changed[index].0);
                assert_eq!(plain, ramp(100));
                opened += 1;
            }
        }
    }
    assert!(tried > 4_000 && opened < tried / 3, "{opened} of {tried} opened");
}

#[test]
fn ten_thousand_bits_of_a_body() {
    let (total, mut runner) = (5 * CHUNK + 4_097, TestRunner::deterministic());
    let (body, truth) = (stored_of(total), ramp(total));
    let bits = 0..8 * body.len();
    let mut changed = body.to_vec();
    for _ in 0..10_000 {
        let bit = bits.clone().new_tree(&mut runner).unwrap().current();
        changed[bit / 8] ^= 1 << (bit % 8);
        let chunk = (bit / 8 / STORED_BYTES) as u64;
        let (released, outcome) = open_in_pieces(sealed_key().opener(), &changed, 3 * STORED_BYTES);
        assert_eq!(outcome, Err(ContentError::IntegrityFailed { chunk }), "bit {bit}");
        assert!(truth.starts_with(&released) && released.len() as u64 <= chunk * CHUNK);
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(changed, body, "the control");
    assert_eq!(open_all(sealed_key().opener(), &changed).unwrap(), truth);
}

#[test]
fn every_length_of_a_cut_object() {
    let total = 2 * CHUNK + 100;
    let (body, truth) = (stored_of(total), ramp(total));
    for length in 0..body.len() {
        let (released, outcome) = open_in_pieces(sealed_key().opener(), &body[..length], usize::MAX);
        assert!(outcome.is_err() && released.is_empty(), "{length} bytes");
        // The same with the true length claimed: what is there opens, and is not taken for whole.
        if length % 97 == 0 || length % STORED_BYTES < 20 {
            let whole = Window::whole(body.len() as u64);
            let reading = Reading::plan(Suite::Sealed.layout(), &ByteRange::Whole, whole).unwrap();
            let mut stream = reading.into_stream(sealed_key().opener());
            if let Some(chunk) = stream.push(body.slice(..length)).unwrap() {
                assert!(truth.starts_with(&chunk.bytes));
            }
            assert!(!stream.is_complete(), "{length} bytes");
            let (end, wanted) = (length as u64, body.len() as u64);
            assert_eq!(stream.finish(), Err(ContentError::Truncated { end, wanted }));
        }
    }
}

#[test]
fn chunks_cut_off_swapped_doubled_dropped_added_and_exchanged() {
    let total = 4 * CHUNK + 300;
    let (body, truth) = (stored_of(total), ramp(total));
    let chunks: Vec<&[u8]> = body.chunks(STORED_BYTES).collect();
    assert_eq!(open_all(sealed_key().opener(), &chunks.concat()).unwrap(), truth, "the control");
    let other = seal(numbered_key(8), ramp(total));
    let others: Vec<&[u8]> = other.chunks(STORED_BYTES).collect();
    let mut tried = 0;
    let mut refuse = |changed: Vec<&[u8]>, what: String| {
        refused(&changed.concat(), &truth, &what);
        tried += 1;
    };
    let tag = &body[body.len() - 16..];
    for i in 0..5 {
        refuse(chunks[..i].to_vec(), format!("cut before chunk {i}"));
        refuse([&chunks[..i], &[tag]].concat(), format!("cut before chunk {i}, and the last tag"));
        if i < 4 {
            refuse(
                [&chunks[..i], &chunks[4..]].concat(),
                format!("cut before chunk {i}, and the last chunk"),
            );
            refuse(
                [&chunks[..i], &[&chunks[i][..STORED_BYTES - 1]]].concat(),
                format!("a byte before the end of {i}"),
            );
            refuse([&chunks[..=i], &[&chunks[i + 1][..1]]].concat(), format!("a byte after the end of {i}"));
            refuse([&chunks[..i], &chunks[i + 1..]].concat(), format!("without chunk {i}"));
        }
        refuse(
            [&chunks[..i], &[others[i]], &chunks[i + 1..]].concat(),
            format!("chunk {i} of another object"),
        );
        for j in 0..5 {
            refuse(
                [&chunks[..i], &[chunks[j]], &chunks[i..]].concat(),
                format!("chunk {j} again before {i}"),
            );
            if i < j {
                let mut changed = chunks.clone();
                changed.swap(i, j);
                refuse(changed, format!("{i} and {j} exchanged"));
            }
        }
    }
    refuse([&chunks[..], &[tag]].concat(), "an empty chunk added".into());
    refuse([&chunks[..], &[&[0; 16]]].concat(), "sixteen bytes added".into());
    refuse(others, "another object's body".into());
    assert!(tried > 60, "{tried}");
}

#[test]
fn empty_objects_and_bodies_shorter_than_a_tag() {
    for length in 0..16 {
        let error = refused(&vec![0; length], &[], "shorter than a tag");
        assert!(matches!(error, ContentError::Range(RangeError::Length(_))), "{error:?}");
    }
    let error = refused(&[0; 16], &[], "no tag");
    assert_eq!(error, ContentError::IntegrityFailed { chunk: 0 });
    assert_eq!(open_all(sealed_key().opener(), &stored_of(0)).unwrap(), b"");
    // The end of an object of one whole chunk is no empty object.
    let tail = stored_of(CHUNK).slice(STORED_BYTES..);
    assert_eq!(tail.len(), 16);
    assert_eq!(refused(&tail, &[], "the empty end alone"), ContentError::IntegrityFailed { chunk: 0 });
}

/// The total is the store's claim: whatever depends on the end fails when it is a lie, and what does not depend on it opens.
#[test]
fn lies_about_the_length() {
    let total = 5 * CHUNK;
    let (body, truth) = (stored_of(total), ramp(total));
    let layout = Suite::Sealed.layout();
    for chunks in 0..5_usize {
        // A body of fewer chunks that ends with the true end, or with nothing that is one.
        for end in
            [&body[body.len() - 16..], &[0; 16], &body[chunks * STORED_BYTES..chunks * STORED_BYTES + 16]]
        {
            let lie = Bytes::from([&body[..chunks * STORED_BYTES], end].concat());
            let claimed = (chunks * CHUNK_BYTES) as u64;
            let dependent = [
                ByteRange::Whole,
                ByteRange::From(claimed.saturating_sub(1)),
                ByteRange::From(claimed),
                ByteRange::From(claimed + 5 * CHUNK),
                ByteRange::Suffix(1),
                ByteRange::Suffix(0),
                ByteRange::Suffix(u64::MAX),
                ByteRange::Bounded(0..claimed),
                ByteRange::Bounded(0..u64::MAX),
                ByteRange::Bounded(claimed..claimed + 1),
                ByteRange::Bounded(claimed + 3 * CHUNK..claimed + 4 * CHUNK),
            ];
            for range in dependent {
                let ask = layout.ask(&range);
                let (window, bytes) =
                    answer(&lie, &ask).or_else(|| answer(&lie, &layout.ask_end().unwrap())).unwrap();
                let reading = Reading::plan(layout, &range, window).unwrap();
                assert!(reading.needs_end(), "{range:?} of {chunks}");
                let mut stream = reading.into_stream(sealed_key().opener());
                let mut outcome = Ok(());
                if let Some(last) = stream.missing_end() {
                    let (window, tail) = answer(&lie, &StoredAsk::Bounded(last)).unwrap();
                    outcome = stream.prove_end(window, &tail);
                }
                let outcome = outcome.and_then(|()| stream.push(bytes).map(drop));
                let error = ContentError::IntegrityFailed { chunk: chunks as u64 };
                assert_eq!(outcome, Err(error), "{range:?} of {chunks}");
                assert!(!stream.is_complete());
            }
            // A bounded range inside proves its own chunks.
            if chunks > 1 {
                let range = ByteRange::Bounded(5..CHUNK + 5);
                let (window, bytes) = answer(&lie, &layout.ask(&range)).unwrap();
                let mut stream =
                    Reading::plan(layout, &range, window).unwrap().into_stream(sealed_key().opener());
                let chunk = stream.push(bytes).unwrap().unwrap();
                assert!(stream.is_complete());
                assert_eq!(chunk.bytes, truth[5..CHUNK_BYTES + 5]);
            }
        }
    }
}

/// The missing end is not forgotten, and is of the same object.
#[test]
fn a_read_that_reaches_the_end_is_complete_only_with_the_end() {
    let body = stored_of(2 * CHUNK);
    let (range, layout) = (ByteRange::Bounded(CHUNK..2 * CHUNK), Suite::Sealed.layout());
    let (window, bytes) = answer(&body, &layout.ask(&range)).unwrap();
    let stream = || Reading::plan(layout, &range, window).unwrap().into_stream(sealed_key().opener());
    let mut forgetful = stream();
    assert!(forgetful.push(bytes.clone()).unwrap().is_some());
    assert!(!forgetful.is_complete());
    assert_eq!(forgetful.missing_end(), Some(2 * STORED..2 * STORED + 16));
    assert_eq!(forgetful.finish(), Err(ContentError::EndUnproven));

    let (first, tail) = (window.total, &body[2 * STORED_BYTES..]);
    let end = Window { start: 2 * STORED, end: first, total: first };
    let other = Window { total: first + 16, ..end };
    assert_eq!(stream().prove_end(other, tail), Err(ContentError::OtherTotal { first, second: first + 16 }));
    let part = Window { start: end.start + 1, ..end };
    let wrong = RangeError::WrongRange { start: part.start, end: part.end, total: first };
    assert_eq!(stream().prove_end(part, &tail[1..]), Err(ContentError::Range(wrong)));
    let short = ContentError::Truncated { end: first - 1, wanted: first };
    assert_eq!(stream().prove_end(end, &tail[1..]), Err(short));
    let long = [tail, b"x"].concat();
    assert_eq!(stream().prove_end(end, &long), Err(ContentError::Overlong { wanted: first }));
    let mut good = stream();
    assert!(good.push(bytes).unwrap().is_some());
    assert_eq!(
        good.prove_end(Window::whole(first), &body),
        Ok(()),
        "a store that ignores ranges does no harm"
    );
    assert!(good.is_complete());
    assert_eq!(good.finish(), Ok(()));
}

/// A reading for the end alone, as a verification takes it.
#[test]
fn the_end_alone_proves_the_size() {
    let layout = Suite::Sealed.layout();
    for total in [0, 5, CHUNK - 1, CHUNK, 3 * CHUNK + 5] {
        let (window, bytes) = answer(&stored_of(total), &layout.ask_end().unwrap()).unwrap();
        let reading = Reading::plan_end(layout, window).unwrap();
        assert_eq!((reading.plain_total(), reading.release()), (total, total..total));
        let mut stream = reading.into_stream(sealed_key().opener());
        assert_eq!(stream.push(bytes), Ok(None));
        assert!(stream.is_complete());
    }
    assert_eq!(Suite::AesCtr.layout().ask_end(), None);
}

#[test]
fn a_key_opens_no_other_suite() {
    let reading = Reading::plan(Suite::AesCtr.layout(), &ByteRange::Whole, Window::whole(16)).unwrap();
    let mut stream = reading.into_stream(sealed_key().opener());
    assert_eq!(stream.push(Bytes::from_static(&[0; 16])), Err(ContentError::OtherSuite));
}

/// Headers of two objects under one wrapping key, mixed.
#[test]
fn another_objects_wrapped_key_and_start() {
    let ((ours, body), (theirs, other)) = (object(1, 100), object(2, 100));
    let mixed = |name: &str| {
        let mut mixed = ours.clone();
        let place = mixed.iter().position(|(known, _)| known.ends_with(name)).unwrap();
        mixed[place] = theirs[place].clone();
        mixed
    };
    for name in ["-key", "-start"] {
        let error =
            block_on(keyring().open(&ReadPolicy::AUTHENTICATED, PLACE, &parse(&mixed(name)).unwrap()));
        assert_eq!(error.unwrap_err(), KeyringError::Content(ContentError::CommitmentFailed));
    }
    for (headers, body) in [(&ours, &other), (&theirs, &body)] {
        assert!(read(headers, body).unwrap_err().contains("chunk 0 does not open"));
    }
}

/// One body that opens under two data keys, each to another text: AES-GCM allows it, the commitment does not.
#[test]
fn a_body_made_for_two_keys() {
    let (keys, salt) = ([[1; 32], [2; 32]], [3; SALT]);
    let record = SealedContext::default().to_record().unwrap();
    let body = collision(keys.map(|key| derived(&key, &salt, &record)));
    let open = |key| open_all(fixed_sealed_key(key, salt, &record).unwrap().0.opener(), &body);
    let texts = keys.map(|key| open(key).expect("the control: without its commitment it opens under both"));
    assert_ne!(texts[0], texts[1]);

    let envelope = |key: [u8; 32]| {
        let random = ContentRandom { data_key: Secret::new(key.to_vec()), start: salt };
        block_on(keyring().new_content(Suite::Sealed, &SealedContext::default(), random, None)).unwrap().1
    };
    let [first, second] = keys.map(envelope);
    let opened = |envelope: &Envelope| {
        let content = block_on(keyring().open(&ReadPolicy::AUTHENTICATED, PLACE, envelope))?;
        Ok::<_, KeyringError>(open_all(content.opener(), &body).unwrap())
    };
    assert_eq!(opened(&first).unwrap(), texts[0]);
    assert_eq!(opened(&second).unwrap(), texts[1]);
    // The attack: one object, served with one wrapped key or with the other.
    for (key, start) in [(&first, &second), (&second, &first)] {
        let mut served = start.clone();
        served.data_key = key.data_key.clone();
        assert!(matches!(served.start, Start::Sealed(_)));
        assert_eq!(opened(&served), Err(KeyringError::Content(ContentError::CommitmentFailed)));
    }
}

/// Chunk key and base nonce of an object, derived here once more.
fn derived(data_key: &[u8], salt: &[u8], context: &[u8]) -> ([u8; 32], [u8; 12]) {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            76
        }
    }
    let mut out = [0; 76];
    let info = [&b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"[..], salt, context];
    Prk::new_less_safe(HKDF_SHA512, data_key).expand(&info, Length).unwrap().fill(&mut out).unwrap();
    (out[..32].try_into().unwrap(), out[32..44].try_into().unwrap())
}

/// A chunk of one block `x` whose tag holds under both keys. GCM's tag is `x·H² + length·H + E(nonce ‖ 1)`, so that
/// `x = (length·(H₁ + H₂) + E₁ + E₂) / (H₁² + H₂²)`.
fn collision(keys: [([u8; 32], [u8; 12]); 2]) -> Vec<u8> {
    let block = |key: &[u8; 32], block: [u8; 16]| {
        let mut block = block;
        let cipher = EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, key).unwrap()).unwrap();
        cipher.encrypt(&mut block).unwrap();
        u128::from_be_bytes(block)
    };
    let [(h1, e1), (h2, e2)] = keys.map(|(key, nonce)| {
        let mut counter = [0; 16];
        counter[..12].copy_from_slice(&nonce);
        counter[15] = 1;
        (block(&key, [0; 16]), block(&key, counter))
    });
    let length = 128_u128;
    let x = times(times(length, h1 ^ h2) ^ e1 ^ e2, inverse(times(h1, h1) ^ times(h2, h2)));
    let tag = times(times(x, h1) ^ length, h1) ^ e1;
    [x.to_be_bytes(), tag.to_be_bytes()].concat()
}

/// Multiplication in the field of GHASH (NIST SP 800-38D, 6.3).
fn times(x: u128, y: u128) -> u128 {
    let (mut sum, mut power) = (0, y);
    for bit in (0..128).rev() {
        if x >> bit & 1 == 1 {
            sum ^= power;
        }
        power = if power & 1 == 1 { (power >> 1) ^ (0xe1 << 120) } else { power >> 1 };
    }
    sum
}

/// `x` to the power of 2^128 − 2.
fn inverse(x: u128) -> u128 {
    let (mut product, mut power) = (1 << 127, x);
    for _ in 1..128 {
        power = times(power, power);
        product = times(product, power);
    }
    product
}
