//! What is written stays under one key and nonce each, whatever happens; and parts are the same object as one body.

use std::time::Duration;

use osseal::{ByteRange, GetOptions, PutBody, PutOptions};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use osseal_wire::oss::request::PutObject;
use osseal_wire::oss::{Call, Metadata};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::malicious_store::{CHUNK, Object, STORED, drain, index, sealed};
use crate::support::{PART, keystream, ramp};

/// Two parts of seven chunks, and a last one of less than a chunk.
const BIG: u64 = 2 * 7 * CHUNK + 33;

/// One put whatever happens to its requests; when the world ends, its ledger is checked.
#[tokio::test]
async fn retries_send_what_was_sealed() {
    let wrong_sum = Action::ReplyHeader { name: "x-oss-hash-crc64ecma", value: Some("1".into()) };
    for action in [
        Action::Drop,
        Action::LoseReply,
        Action::StopReading { after: 20_000 },
        Action::refuse(503, "ServiceUnavailable"),
        Action::RefuseAfter { status: 500, code: "InternalError".into() },
        wrong_sum,
    ] {
        let (world, _) = sealed(0).await;
        let big = world.builder().multipart_threshold(PART).build().unwrap();
        for operation in [Operation::PutObject, Operation::UploadPart] {
            world.order(operation, action.clone());
        }
        for size in [2 * CHUNK, BIG] {
            big.put("k", ramp(size), PutOptions::default()).await.unwrap();
            let (released, ended) = drain(&big, GetOptions::default()).await;
            ended.unwrap();
            assert_eq!(released, ramp(size), "{action:?}");
        }
        // One for the empty object, one for the small one, and three parts.
        assert!(
            world.calls(Operation::PutObject) > 2 && world.calls(Operation::UploadPart) > 3,
            "{action:?}"
        );
    }
}

/// Puts that are given up, and bodies of unknown length that are, leave nothing that a later one meets again.
#[tokio::test]
async fn puts_that_are_given_up() {
    let (world, _) = sealed(0).await;
    let store = world.store();
    let bucket = osseal::EncryptedBucket::builder(store.clone(), "box")
        .keyring(crate::support::keyring(&["test"]))
        .multipart_threshold(PART)
        .part_size(PART)
        .build()
        .unwrap();
    for hanging in 0..3 {
        world.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(hanging));
        let put = bucket.put("k", ramp(BIG), PutOptions::default());
        assert!(tokio::time::timeout(Duration::from_millis(50), put).await.is_err());
        world.faults.clear();
    }
    store.idle().await;
    assert_eq!(world.calls(Operation::AbortMultipartUpload), 3);
    world.order(Operation::PutObject, Action::StopReading { after: 50_000 });
    let unknown = || PutBody::unknown_length(std::io::Cursor::new(ramp(BIG)));
    bucket.put("k", unknown(), PutOptions::default()).await.unwrap_err();
    let report = bucket.put("k", unknown(), PutOptions::default()).await.unwrap();
    assert_eq!((report.plain_size, report.parts), (BIG, 1));
    assert_eq!(drain(&bucket, GetOptions::default()).await.0, ramp(BIG));
    assert!(world.ledger.records().iter().any(|record| !record.complete));
}

/// The control of the check that ends each of these tests.
#[tokio::test]
async fn two_texts_under_one_chunk_key_and_nonce_are_found() {
    let (world, object) = sealed(2 * CHUNK).await;
    assert!(keystream::violations(&world.ledger).is_empty());
    let put = PutObject { metadata: Metadata::from_headers(&object.headers), ..PutObject::default() };
    let again = Call::PutObject(put);
    world.raw(again.clone(), Some("again"), object.body.to_vec()).await;
    assert!(keystream::violations(&world.ledger).is_empty(), "the same bytes again are no second text");
    let mut other = object.body.to_vec();
    other[index(STORED + 500)] ^= 1;
    world.raw(again, Some("k"), other).await;
    // It differs from both that came before.
    assert_eq!(keystream::violations(&world.ledger).len(), 2);
    // The accident was on purpose: it must not fail the test when the world ends.
    std::mem::forget(world);
}

#[tokio::test]
async fn any_parts_make_the_same_object() {
    let (world, _) = sealed(0).await;
    let mut runner = TestRunner::deterministic();
    // Around whole parts and chunks, and anywhere.
    let sizes = proptest::prop_oneof![
        (0..=6_u64, -1..=1_i64).prop_map(|(parts, by)| (parts * 7 * CHUNK).saturating_add_signed(by)),
        (0..=42_u64, -1..=1_i64).prop_map(|(chunks, by)| (chunks * CHUNK).saturating_add_signed(by)),
        0..42 * CHUNK,
    ];
    let drawn = (sizes, 1..10 * STORED, 0..42 * CHUNK, 1..9 * CHUNK);
    let mut parts_seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let (size, part_size, start, length) = drawn.new_tree(&mut runner).unwrap().current();
        let single = world.builder().multipart_threshold(64 * CHUNK).build().unwrap();
        let parts = world.builder().multipart_threshold(0).part_size(part_size).build().unwrap();
        let one = single.put("k", ramp(size), PutOptions::default()).await.unwrap();
        let stored = Object::stored(&world, "k", None).await.body.len() as u64;
        let (whole, ended) = drain(&parts, GetOptions::default()).await;
        ended.unwrap();
        let many = parts.put("k", ramp(size), PutOptions::default()).await.unwrap();
        assert_eq!((one.parts, one.plain_size, one.stored_size), (1, size, stored));
        assert_eq!((many.plain_size, many.stored_size), (size, size + 16 * (size / CHUNK + 1)));
        assert_eq!(Object::stored(&world, "k", None).await.body.len() as u64, stored);
        let unit = part_size.max(PART).div_ceil(STORED) * STORED;
        assert_eq!(
            u64::from(many.parts),
            if size == 0 { 1 } else { stored.div_ceil(unit) },
            "{size} {part_size}"
        );
        parts_seen.insert(many.parts);
        assert!(whole == ramp(size));
        let (again, ended) = drain(&single, GetOptions::default()).await;
        ended.unwrap();
        assert!(again == ramp(size), "{size} bytes by {part_size}");
        let range = ByteRange::from(start.min(size)..start.min(size) + length);
        let (part, ended) = drain(&single, GetOptions { range, ..GetOptions::default() }).await;
        assert_eq!(ended.is_ok(), start < size);
        assert_eq!(
            part,
            ramp(size)[index(start.min(size))..index((start + length).min(size).max(start.min(size)))]
        );
    }
    assert!(parts_seen.len() >= 5, "{parts_seen:?}");
}
