//! Stored bytes that were changed, cut, extended, moved or taken from elsewhere, and served as a store serves them that has nothing else: with
//! ranges, lengths and totals that agree.

use bytes::Bytes;
use osseal::{ByteRange, PutOptions, Versioning};
use osseal_wire::oss::Call;
use osseal_wire::oss::request::{CompleteMultipartUpload, PutObject, UploadPart};
use osseal_wire::oss::xml::{CompletePart, CompleteRequest, InitiateResult};
use osseal_wire::oss::{Metadata, PutReply};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::malicious_store::{
    CHUNK, Object, Read, STORED, another, index, outcome, read_of, reads, row, sealed,
};
use crate::support::ramp;

/// An object whose last chunk has bytes, and one whose last chunk is empty.
const FIVE: u64 = 4 * CHUNK + 300;
const THREE: u64 = 2 * CHUNK;

/// Changes the chunks of an object; the second argument are those of another.
type Change = fn(&mut Vec<Bytes>, &[Bytes]);

/// What is changed, and what comes of each read of the object of five chunks, and of that of three.
const TABLE: [(&str, Change, &str, &str); 24] = [
    ("nothing", |_, _| (), "=============", "============="),
    ("a bit of chunk 0", |all, _| flip(&mut all[0], 77), "I===II=======", "I===II======="),
    ("a bit of chunk 1", |all, _| flip(&mut all[1], 77), "II=IIII=====I", "IIIIIII===I=I"),
    ("a bit of the tag of chunk 1", |all, _| flip(&mut all[1], 16_390), "II=IIII=====I", "IIIIIII===III"),
    ("a bit of the last chunk", |all, _| flip(all.last_mut().unwrap(), 3), "III==III=III=", "III==III=III="),
    ("no last chunk", |all, _| drop(all.pop()), "IIIIIIIIIIIII", "IIIIIIIIIIIII"),
    (
        "nothing between chunk 0 and the last",
        |all, _| drop(all.drain(1..all.len() - 1)),
        "IIIIIIII=IPPC",
        "IIIIIIIIIICPC",
    ),
    ("no chunk 1", |all, _| drop(all.remove(1)), "IIIIIIII=ICCC", "IIIIIIIIIICPC"),
    ("no chunk 0", |all, _| drop(all.remove(0)), "IIIIIIII=ICCC", "IIIIIIIIIICPC"),
    ("chunks 0 and 1 exchanged", |all, _| all.swap(0, 1), "II=IIII=====I", "IIIIIII===III"),
    ("chunk 1 twice", |all, _| all.insert(1, all[1].clone()), "III==III=ICCC", "III===II=ICCC"),
    (
        "chunk 0 before the last, too",
        |all, _| all.insert(all.len() - 1, all[0].clone()),
        "III==III=ICCC",
        "III===II=ICCC",
    ),
    ("chunk 1 instead of chunk 0", |all, _| all[0] = all[1].clone(), "I===II=======", "I===II======="),
    (
        "the tag of the last chunk alone",
        |all, _| keep_tag(all.last_mut().unwrap()),
        "III==III=ICCC",
        "=============",
    ),
    (
        "an empty chunk that is none",
        |all, _| *all.last_mut().unwrap() = vec![0; 16].into(),
        "III==III=ICCC",
        "III==III=III=",
    ),
    ("sixteen bytes more", |all, _| all.push(vec![0; 16].into()), "III==III=ICCC", "III===II=ICCC"),
    ("a byte less", |all, _| cut(all.last_mut().unwrap(), 1), "III==III=ICCC", "IIIIIIIIIIIII"),
    ("chunk 0 of another object", |all, other| all[0] = other[0].clone(), "I===II=======", "I===II======="),
    ("chunk 1 of another object", |all, other| all[1] = other[1].clone(), "II=IIII=====I", "IIIIIII===III"),
    (
        "the last chunk of another object",
        |all, other| *all.last_mut().unwrap() = other.last().unwrap().clone(),
        "III==III=III=",
        "III==III=III=",
    ),
    ("another object's body", |all, other| *all = other.to_vec(), "IIIIIIII=IIII", "IIIIIIII=IIII"),
    ("no bytes", |all, _| all.clear(), "IIIIIIIIIIPPP", "IIIIIIIIIIPPP"),
    ("less than a tag", |all, _| *all = vec![vec![0; 15].into()], "IIIIIIIIIIPPP", "IIIIIIIIIIPPP"),
    ("a tag", |all, _| *all = vec![vec![0; 16].into()], "IIIIIIIIIIPPP", "IIIIIIIIIIPPP"),
];

fn flip(chunk: &mut Bytes, byte: usize) {
    let mut changed = chunk.to_vec();
    changed[byte] ^= 1;
    *chunk = changed.into();
}

fn keep_tag(chunk: &mut Bytes) {
    *chunk = chunk.slice(chunk.len() - 16..);
}

fn cut(chunk: &mut Bytes, bytes: usize) {
    chunk.truncate(chunk.len() - bytes);
}

#[tokio::test]
async fn bodies_that_are_not_what_was_sealed() {
    for (size, is_five) in [(FIVE, true), (THREE, false)] {
        let (world, truth) = sealed(size).await;
        let other = another(&world, size).await.chunks();
        for (what, change, five, three) in TABLE {
            let mut chunks = truth.chunks();
            change(&mut chunks, &other);
            let lie = truth.with_body(chunks.concat());
            let found = row(&truth, &ramp(size), move |_, range| lie.answer(range)).await;
            assert_eq!(found, if is_five { five } else { three }, "{what}, {size} bytes");
        }
    }
}

#[tokio::test]
async fn any_bit() {
    let (_world, truth) = sealed(FIVE).await;
    let (plain, mut runner) = (ramp(FIVE), TestRunner::deterministic());
    let bits = 0..8 * truth.body.len();
    let (mut noticed, mut apart) = (0, 0);
    for _ in 0..400 {
        let bit = bits.new_tree(&mut runner).unwrap().current();
        let start = (0..FIVE).new_tree(&mut runner).unwrap().current();
        let end = (start + 1..FIVE + 2).new_tree(&mut runner).unwrap().current();
        let mut body = truth.body.to_vec();
        body[bit / 8] ^= 1 << (bit % 8);
        let (lie, chunk) = (truth.with_body(body), bit as u64 / 8 / STORED);
        let answer = move |_, range: Option<&_>| lie.answer(range);
        let whole = outcome(&truth, &plain, answer.clone(), &Read::Get(ByteRange::Whole)).await;
        assert_eq!(whole, 'I', "bit {bit}");
        // A range that ends before the end needs its own chunks, and one that reaches it the last one, too.
        let needs = (start / CHUNK..end.div_ceil(CHUNK)).contains(&chunk) || (end >= FIVE && chunk == 4);
        let part = outcome(&truth, &plain, answer, &Read::Get((start..end).into())).await;
        assert_eq!(part, if needs { 'I' } else { '=' }, "bit {bit}, {start}..{end}");
        *(if needs { &mut noticed } else { &mut apart }) += 1;
    }
    assert!(noticed > 100 && apart > 100, "{noticed} {apart}");
}

/// The same objects cut at every boundary of a chunk and of a tag, and around it, and made longer by as much.
#[tokio::test]
async fn every_boundary() {
    for size in [FIVE, THREE] {
        let (_world, truth) = sealed(size).await;
        let (plain, stored) = (ramp(size), truth.body.len() as u64);
        let mut lengths: Vec<u64> = (0..=6)
            .flat_map(|chunk| {
                [-17, -16, -15, -1, 0, 1, 15, 16, 17].map(|by| (chunk * STORED).checked_add_signed(by))
            })
            .flatten()
            .chain([stored - 1, stored, stored + 1, stored + 15, stored + 16])
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        for length in lengths {
            let mut body = truth.body.to_vec();
            body.resize(index(length), 0);
            let lie = truth.with_body(body);
            let found = row(&truth, &plain, move |_, range| lie.answer(range)).await;
            let wanted: String = reads(size).map(|read| cut_at(length, stored, &read)).into_iter().collect();
            assert_eq!(found, wanted, "{length} of {stored} bytes");
        }
    }
}

/// What comes of a read of an object of `stored` bytes that was cut or extended to `length`, by the rules of `docs/format.md` §7.4.
fn cut_at(length: u64, stored: u64, read: &Read) -> char {
    if length == stored {
        return '=';
    }
    let claimed = (length % STORED >= 16).then(|| length - 16 * (length / STORED + 1));
    match (read, claimed) {
        // The first reply was true, and this one has what was asked for, or a part of it, or nothing.
        (Read::Resumed(range), claimed) => {
            let position = match range {
                ByteRange::Whole => stored / 2 + 7,
                ByteRange::From(_) => STORED + (stored - STORED) / 2 + 7,
                _ => STORED + 7,
            };
            match claimed {
                _ if length <= position => 'P',
                None => 'I',
                Some(_) => 'C',
            }
        }
        (Read::Get(ByteRange::Bounded(range)), Some(claimed))
            if range.end < claimed && range.end.div_ceil(CHUNK) * STORED <= length.min(stored) =>
        {
            '='
        }
        // No byte of it is asked for, and nothing of it proven.
        (Read::Get(ByteRange::Bounded(range)), Some(claimed))
            if range.is_empty() && range.start < claimed =>
        {
            '='
        }
        _ => 'I',
    }
}

#[tokio::test]
async fn bodies_of_other_versions() {
    let (world, _) = sealed(0).await;
    world.store().set_versioning("box", Versioning::Enabled).await.unwrap();
    let mut versions = Vec::new();
    for _ in 0..2 {
        let report = world.bucket().put("k", ramp(FIVE), PutOptions::default()).await.unwrap();
        versions.push(Object::stored(&world, "k", report.version_id).await);
    }
    for (truth, other) in [(&versions[0], &versions[1]), (&versions[1], &versions[0])] {
        let whole = truth.with_body(other.body.clone());
        let found = row(truth, &ramp(FIVE), move |_, range| whole.answer(range)).await;
        assert_eq!(found, "IIIIIIII=IIII");
        for chunk in 0..5 {
            let mut chunks = truth.chunks();
            chunks[chunk] = other.chunks().swap_remove(chunk);
            let spliced = truth.with_body(chunks.concat());
            let whole = Read::Get(ByteRange::Whole);
            assert_eq!(
                outcome(truth, &ramp(FIVE), move |_, range| spliced.answer(range), &whole).await,
                'I',
                "{chunk}"
            );
        }
    }
}

/// The store completes an upload with its parts in another order.
#[tokio::test]
async fn parts_in_another_order() {
    let (world, _) = sealed(0).await;
    let size = 2 * 7 * CHUNK + 300;
    let bucket = world.builder().multipart_threshold(0).build().unwrap();
    let report = bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
    assert_eq!(report.parts, 3);
    let object = Object::stored(&world, "k", None).await;
    let metadata = Metadata::from_headers(&object.headers);
    for order in [[0, 1, 2], [1, 0, 2]] {
        let initiate = Call::InitiateMultipartUpload(
            PutObject { metadata: metadata.clone(), ..PutObject::default() }.into(),
        );
        let reply = world.raw(initiate, Some("k"), vec![]).await;
        let upload_id = InitiateResult::from_xml(reply.body()).unwrap().upload_id;
        let mut parts = Vec::new();
        for (part_number, part) in (1..).zip(order) {
            let body = object.body.chunks(index(7 * STORED)).nth(part).unwrap();
            let call = Call::UploadPart(UploadPart {
                upload_id: upload_id.clone(),
                part_number,
                metadata: metadata.clone(),
                content_length: Some(body.len() as u64),
                content_md5: None,
                crc64: None,
            });
            let reply = world.raw(call, Some("k"), body.to_vec()).await;
            parts
                .push(CompletePart { part_number, etag: PutReply::from_head(reply.headers()).unwrap().etag });
        }
        let parts = CompleteRequest { parts };
        let complete = CompleteMultipartUpload { upload_id, parts, ..CompleteMultipartUpload::default() };
        world.raw(Call::CompleteMultipartUpload(complete), Some("k"), vec![]).await;
        let mut found = String::new();
        for read in reads(size).into_iter().take(10) {
            found.push(read_of(&bucket, &ramp(size), &read).await);
        }
        assert_eq!(found, if order[0] == 0 { "==========" } else { "II=IIII===" }, "{order:?}");
    }
    // To the ledger, parts of one upload in another order are texts under used keys: the store made them, and no writer.
    std::mem::forget(world);
}
