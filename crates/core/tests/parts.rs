//! Parts by number: any order makes the same object, no part is sealed twice, and what was sealed before is sealed again from the same bytes alone.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::disallowed_methods, reason = "the vectors are a file")]

use std::path::PathBuf;
use std::sync::Arc;

use bytes::BytesMut;
use data_encoding::BASE64;
use futures_executor::block_on;
use osseal_core::dangerous::{
    AllowPlaintextObjects, fixed_content_key, fixed_resumable, fixed_sealed_key, plaintext_sealer,
    resumed_parts,
};
use osseal_core::{
    AesKey, Bind, Binding, ContentError, ContentKey, ContentRandom, Keyring, KeyringError, LayoutError,
    MAX_PARTS, MIN_PART, MaterialDescription, NamedKey, PartDigest, PartPlan, PartSlots, PastPart, Place,
    SALT, SealedContext, SealedPart, Secret, Suite,
};
use proptest::prelude::*;
use serde::Deserialize;

const KEY: [u8; 32] = [7; 32];
const IV: [u8; 16] = [3, 1, 4, 1, 5, 9, 2, 6, 0, 0, 0, 0, 0, 0, 0, 9];
const PLACE: Place<'static> = Place::object("box", "k");

fn key(suite: Suite) -> ContentKey {
    let (content, start) = if suite == Suite::Sealed {
        (fixed_sealed_key(KEY, [9; SALT], b"context").unwrap().0, &[9; SALT][..])
    } else {
        (fixed_content_key(KEY, IV).unwrap(), &IV[..])
    };
    fixed_resumable(content, KEY, start).unwrap()
}

fn ramp(len: u64) -> BytesMut {
    (0..=250_u8).cycle().take(usize::try_from(len).unwrap()).collect()
}

/// The plaintext of a part of the ramp.
fn plain(slots: &PartSlots, number: u32) -> BytesMut {
    let range = slots.plain_range(number).unwrap();
    ramp(range.end).split_off(usize::try_from(range.start).unwrap())
}

fn slots(suite: Suite, total: u64, part_size: u64) -> PartSlots {
    let plan = suite.layout().part_plan(total, part_size).unwrap();
    key(suite).sealer(Some(total)).into_parts(plan).unwrap()
}

/// Totals about the ends of units and parts.
fn totals() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0..5_u64, -1..=1_i64).prop_map(|(parts, by)| (parts * 7 * 16_384).saturating_add_signed(by)),
        (0..5_u64, -1..=1_i64).prop_map(|(parts, by)| (parts * MIN_PART).saturating_add_signed(by)),
        0..600_000_u64,
    ]
}

fn suites() -> impl Strategy<Value = Suite> {
    proptest::sample::select(&Suite::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the order, the parts are the object as one slot seals it, and each is there once.
    #[test]
    fn any_order_makes_the_same_object(suite in suites(), total in totals(), size in 1..300_000_u64, seed in any::<u64>()) {
        let mut slots = slots(suite, total, size);
        let whole = key(suite).sealer(Some(total)).reserve_last(total).unwrap().seal(ramp(total)).unwrap();
        let mut order: Vec<u32> = (1..=slots.parts()).collect();
        order.sort_by_key(|number| seed.wrapping_mul(u64::from(*number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).rotate_left(17));
        let mut joined = vec![0; usize::try_from(slots.plan().data_size).unwrap()];
        for number in order {
            prop_assert!(!slots.is_taken(number));
            let text = plain(&slots, number);
            let slot = slots.take(number).unwrap();
            prop_assert_eq!((slot.number(), slot.plain_len()), (number, text.len() as u64));
            prop_assert!(number == slots.parts() || slot.stored_len() == slots.plan().part_size);
            let stored_len = slot.stored_len();
            let part = slot.seal(text).unwrap();
            prop_assert_eq!((part.number, part.bytes.len() as u64), (number, stored_len));
            let start = usize::try_from(part.offset).unwrap();
            joined[start..start + part.bytes.len()].copy_from_slice(&part.bytes);
            prop_assert!(slots.is_taken(number));
            prop_assert_eq!(slots.take(number).err(), Some(ContentError::PartTaken { number }));
        }
        prop_assert!(joined[..] == whole.bytes[..]);
    }

    /// Slots of a plan cover the object: all but the last hold a whole part.
    #[test]
    fn slots_follow_the_plan(suite in suites(), total in 0..1_u64 << 33, size in 0..1_u64 << 23) {
        let mut slots = slots(suite, total, size);
        let (mut plain, mut stored) = (0, 0);
        for number in 1..=slots.parts() {
            let range = slots.plain_range(number).unwrap();
            let slot = slots.take(number).unwrap();
            prop_assert!(number == slots.parts() || slot.stored_len() == slots.plan().part_size);
            prop_assert_eq!((range.start, range.end), (plain, plain + slot.plain_len()));
            plain += slot.plain_len();
            stored += slot.stored_len();
        }
        prop_assert_eq!((plain, stored, u64::from(slots.parts())), (total, slots.plan().data_size, slots.plan().parts()));
        let parts = slots.parts();
        for number in [0, parts + 1, u32::MAX] {
            prop_assert_eq!(slots.take(number).err(), Some(ContentError::NoSuchPart { number, parts }));
            prop_assert!(!slots.is_taken(number));
        }
    }

    /// A part is sealed again from the bytes that it was sealed from, and from no others.
    #[test]
    fn a_recorded_part_is_the_same_or_none(suite in suites(), total in 1..400_000_u64, seed in any::<u64>(), change in 1..=255_u8) {
        let mut first = slots(suite, total, MIN_PART);
        // The last part may hold nothing that could change.
        let parts = first.parts() - u32::from(first.plain_range(first.parts()).unwrap().is_empty());
        let number = u32::try_from(seed % u64::from(parts)).unwrap() + 1;
        let text = plain(&first, number);
        let (part, digest) = first.take(number).unwrap().seal_digested(text.clone()).unwrap();
        let again = |text: BytesMut| -> Result<SealedPart, ContentError> {
            let past = [(number, PastPart::Recorded(PartDigest::from_bytes(*digest.as_bytes())))];
            resumed_parts(key(suite), *first.plan(), past).unwrap().take(number).unwrap().seal(text)
        };
        prop_assert_eq!(again(text.clone()), Ok(part));
        let mut other = text;
        let at = usize::try_from(seed).unwrap() % other.len();
        other[at] ^= change;
        prop_assert_eq!(again(other), Err(ContentError::OtherThanRecorded { number }));
    }
}

#[test]
fn resumed_parts_are_what_the_record_leaves() {
    for suite in Suite::ALL {
        let mut first = slots(suite, 400_000, MIN_PART);
        let text = plain(&first, 2);
        let (_, digest) = first.take(2).unwrap().seal_digested(text).unwrap();
        let past =
            [(1, PastPart::Acknowledged), (2, PastPart::Recorded(digest)), (4, PastPart::Acknowledged)];
        let mut resumed = resumed_parts(key(suite), *first.plan(), past).unwrap();
        assert_eq!(
            (1..=resumed.parts()).filter(|number| resumed.is_taken(*number)).collect::<Vec<_>>(),
            [1, 4]
        );
        for number in [1, 4] {
            assert_eq!(resumed.take(number).err(), Some(ContentError::PartTaken { number }));
        }
        // Another part's digest is another digest, also over the same bytes.
        let moved = [(3, PastPart::Recorded(digest))];
        let mut moved = resumed_parts(key(suite), *first.plan(), moved).unwrap();
        let text = plain(&first, 2);
        let error = ContentError::OtherThanRecorded { number: 3 };
        assert_eq!(moved.take(3).unwrap().seal_digested(text), Err(error));
        let twice = [(2, PastPart::Recorded(digest)), (2, PastPart::Recorded(digest))];
        let twice = resumed_parts(key(suite), *first.plan(), twice).err();
        assert_eq!(twice, Some(ContentError::PartTaken { number: 2 }));
        for part in [PastPart::Acknowledged, PastPart::Recorded(digest)] {
            let parts = first.parts();
            for number in [0, parts + 1] {
                let error = resumed_parts(key(suite), *first.plan(), [(number, part)]).err();
                assert_eq!(error, Some(ContentError::NoSuchPart { number, parts }));
            }
        }
    }
    let plain_key = || fixed_content_key(KEY, IV).unwrap();
    let plan = Suite::AesCtr.layout().part_plan(9, MIN_PART).unwrap();
    let none = resumed_parts(plain_key(), plan, []).err();
    assert_eq!(none, Some(ContentError::NotResumable));
    let slot = plain_key().sealer(None).reserve(9).unwrap();
    assert_eq!(slot.seal_digested(ramp(9)), Err(ContentError::NotResumable));
}

#[test]
fn plans_that_do_not_fit_are_refused() {
    let sealer = |total| key(Suite::Sealed).sealer(total);
    let layout = Suite::Sealed.layout();
    let plan = layout.exact_plan(300_000, 7 * 16_400).unwrap();
    let mut begun = sealer(None);
    let _slot = begun.reserve(16_384).unwrap();
    assert_eq!(begun.into_parts(plan).err(), Some(ContentError::AfterLast { offset: 16_384 }));
    let error = ContentError::OtherThanDeclared { declared: 299_999, given: 300_000 };
    assert_eq!(sealer(Some(299_999)).into_parts(plan).err(), Some(error));
    let impossible = PartPlan { data_size: 15, part_size: 7 * 16_400 };
    let error = ContentError::Layout(LayoutError::ImpossibleLength { stored: 15 });
    assert_eq!(sealer(None).into_parts(impossible).err(), Some(error));
    for part_size in [0, 1, 16_400, 6 * 16_400, MIN_PART, 7 * 16_400 + 16, 304_879 * 16_400, u64::MAX] {
        let (data_size, unit) = (plan.data_size, 16_400);
        let error = LayoutError::PartSize { part_size, data_size, unit };
        assert_eq!(layout.exact_plan(300_000, part_size), Err(error));
        let plan = PartPlan { data_size, part_size };
        assert_eq!(sealer(None).into_parts(plan).err(), Some(ContentError::Layout(error)));
    }
    let (ctr, unit) = (Suite::AesCtr.layout(), 16);
    for (data_size, part_size, is_sound) in [
        (MAX_PARTS * MIN_PART, MIN_PART, true),
        (MAX_PARTS * MIN_PART + 1, MIN_PART, false),
        (5, MIN_PART + 8, false),
        (5, MIN_PART - 16, false),
        (0, MIN_PART, true),
    ] {
        let error = LayoutError::PartSize { part_size, data_size, unit };
        let plan = ctr.exact_plan(data_size, part_size);
        assert_eq!(plan, if is_sound { Ok(PartPlan { data_size, part_size }) } else { Err(error) });
    }
    let most = layout.exact_plan(u64::MAX, 7 * 16_400);
    assert_eq!(most, Err(LayoutError::Overflow { plain: u64::MAX }));
}

#[derive(Deserialize)]
struct Vector {
    suite: String,
    plaintext_len: u64,
    part_plain: u64,
    data_key: String,
    start: String,
    context: String,
    digests: Vec<String>,
}

fn decode(text: &str) -> Vec<u8> {
    BASE64.decode(text.as_bytes()).unwrap()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    decode(text).try_into().unwrap()
}

#[test]
fn digests_are_those_of_another_implementation() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/resume/digests.json");
    let vectors: Vec<Vector> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(vectors.len(), 10);
    for vector in vectors {
        let data_key = array(&vector.data_key);
        let content = if vector.suite == "sealed" {
            fixed_sealed_key(data_key, array::<SALT>(&vector.start), &decode(&vector.context)).unwrap().0
        } else {
            fixed_content_key(data_key, array(&vector.start)).unwrap()
        };
        let layout = content.suite().layout();
        let content = fixed_resumable(content, data_key, &decode(&vector.start)).unwrap();
        let part_size = vector.part_plain / layout.plain_unit() * layout.stored_unit();
        let plan = layout.exact_plan(vector.plaintext_len, part_size).unwrap();
        let mut slots = content.sealer(None).into_parts(plan).unwrap();
        assert_eq!(slots.parts() as usize, vector.digests.len(), "{} bytes", vector.plaintext_len);
        for (number, digest) in (1..=slots.parts()).rev().zip(vector.digests.iter().rev()) {
            let text = plain(&slots, number);
            let (_, made) = slots.take(number).unwrap().seal_digested(text).unwrap();
            assert_eq!(BASE64.encode(made.as_bytes()), *digest, "part {number}");
        }
    }
}

/// Out of wrapped key, start and plan, what a second process seals is what the first would have.
#[test]
fn another_process_seals_the_same_bytes() {
    let aes = Arc::new(AesKey::from_file_content(&[5; 32]).unwrap());
    let both = NamedKey::new("k", MaterialDescription::empty()).wrapping(aes.clone()).unwrapping(aes.clone());
    let keyring = Keyring::new(vec![both]).unwrap();
    let random = || ContentRandom { data_key: Secret::new(vec![1; 32]), start: [2; SALT] };
    for suite in Suite::ALL {
        let bound =
            || SealedContext { binding: Binding::new(Bind::Key, PLACE).unwrap(), ..Default::default() };
        let context = if suite == Suite::Sealed { bound() } else { SealedContext::default() };
        let made = block_on(keyring.new_resumable(suite, &context, random(), Some(250_000))).unwrap();
        let (content, envelope) = made;
        let plan = suite.layout().part_plan(250_000, MIN_PART).unwrap();
        let mut first = content.sealer(Some(250_000)).into_parts(plan).unwrap();
        let (text, rest) = (plain(&first, 2), plain(&first, 3));
        let (part, digest) = first.take(2).unwrap().seal_digested(text.clone()).unwrap();
        let (last, _) = first.take(3).unwrap().seal_digested(rest.clone()).unwrap();

        let content = block_on(keyring.resume(PLACE, &envelope)).unwrap();
        let past = [(1, PastPart::Acknowledged), (2, PastPart::Recorded(digest))];
        let mut second = resumed_parts(content, plan, past).unwrap();
        assert_eq!(second.take(2).unwrap().seal(text), Ok(part));
        assert_eq!(second.take(3).unwrap().seal(rest), Ok(last));
        if suite == Suite::Sealed {
            let elsewhere = block_on(keyring.resume(Place::object("box", "other"), &envelope));
            assert!(matches!(elsewhere, Err(KeyringError::Policy(_))));
        }
    }
    let writer = NamedKey::new("w", MaterialDescription::empty()).wrapping(aes);
    let writer = Keyring::new(vec![writer]).unwrap();
    let context = SealedContext::default();
    let error = block_on(writer.new_resumable(Suite::Sealed, &context, random(), None)).err();
    assert_eq!(error, Some(KeyringError::CannotRead { name: "w".into() }));
}

#[test]
fn what_is_not_sealed_is_summed_and_stays_as_it_is() {
    let plan = PartPlan { data_size: 300_000, part_size: MIN_PART };
    let mut slots = plaintext_sealer(AllowPlaintextObjects, Some(300_000)).into_parts(plan).unwrap();
    for number in [3, 1, 2] {
        let plain = plain(&slots, number);
        let part = slots.take(number).unwrap().seal(plain.clone()).unwrap();
        assert_eq!(part.bytes, plain);
        assert_eq!(part.crc64, crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, &plain));
    }
}
