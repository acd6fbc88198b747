//! Replies that are not about what was asked for, contradict each other or themselves; every byte in them was sealed, and is of this object.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use osseal::{EncryptedBucket, ErrorKind, GetOptions, PutOptions, ReadPolicy, Suite, Versioning};
use osseal_wire::oss::request::PutObject;
use osseal_wire::oss::{Call, ContentRange, RangeSpec};

use super::malicious_store::{
    CHUNK, Object, STORED, another, drain, index, lying, past_the_end, read_of, reads, row, sealed, set,
};
use crate::support::ramp;

/// An object whose last chunk has bytes, and one whose last chunk is empty: of it the read to the very end takes a second request.
const FIVE: u64 = 4 * CHUNK + 300;
const THREE: u64 = 2 * CHUNK;

/// What is answered by a store that has the object: to a request, by its number, for a range.
type Answer = fn(&Object, usize, Option<&RangeSpec>) -> Response<Bytes>;

/// What is answered, and what comes of each read of the object of five chunks, and of that of three.
const TABLE: [(&str, Answer, &str, &str); 29] = [
    ("the truth", |object, _, range| object.answer(range), "=============", "============="),
    (
        "everything, whatever is asked for",
        |object, _, _| object.answer(None),
        "==========PPP",
        "==========PPP",
    ),
    ("chunk 1 for everything", |object, _, _| chunk(object, 1..2), "PPP=PPPP=PPPP", "PPP=PPPP=PPPP"),
    ("chunks 0 and 1 for everything", |object, _, _| chunk(object, 0..2), "PPP==PPP=PPPP", "PPP==PPP=PPPP"),
    (
        "the chunk after the one asked for",
        |object, _, range| object.answer(Some(&moved(range, STORED))),
        "PP=PPPP===PPP",
        "PPPPPPP===PPP",
    ),
    (
        "a byte after what is asked for",
        |object, _, range| object.answer(Some(&moved(range, 1))),
        "PP=PPPPP==PPP",
        "PP=PPPPP==PPP",
    ),
    ("another chunk in place of the one asked for", other_bytes, "IIIIIIII=IIII", "IIIIIIII=IIII"),
    (
        "what is asked for, said to be a chunk further",
        |object, _, range| said_at(object, range, STORED),
        "=PIPPPPP=ICCP",
        "=PIIIIPPIICCI",
    ),
    (
        "what is asked for, said to be a byte further",
        |object, _, range| said_at(object, range, 1),
        "=PIPPPPP=ICCP",
        "=PIPPPPP=ICCP",
    ),
    (
        "a half of what is asked for",
        |object, _, range| half(object.answer(range)),
        "PPPPPPPP=PPPP",
        "PPPPPPPP=PPPP",
    ),
    (
        "half a body, at first",
        |object, request, range| half_body(object.answer(range), request == 0),
        "=============",
        "=============",
    ),
    (
        "half a body, then",
        |object, request, range| half_body(object.answer(range), request == 1),
        "=============",
        "=============",
    ),
    (
        "half a body",
        |object, _, range| half_body(object.answer(range), true),
        "=========T===",
        "=====T===T===",
    ),
    (
        "no body",
        |object, _, range| body(object.answer(range), |_| Bytes::new()),
        "TTTTTTTT=TTTT",
        "TTTTTTTT=TTTT",
    ),
    (
        "a body that goes on",
        |object, _, range| body(object.answer(range), |body| [&body[..], b"more"].concat().into()),
        "PPPPPPPP=PPPP",
        "PPPPPPPP=PPPP",
    ),
    (
        "a part without its place",
        |object, _, range| without(object.answer(range), "content-range"),
        "=PPPPPPPPPPPP",
        "=PPPPPPPPPPPP",
    ),
    ("past the end, always", |_, _, _| past_the_end(), "PPPPPPPPPPPPP", "PPPPPPPPPPPPP"),
    (
        "past the end, at first",
        |object, request, range| if request == 0 { past_the_end() } else { object.answer(range) },
        "PP=PPPP======",
        "PPPPPPP======",
    ),
    (
        "past the end, then",
        |object, request, range| if request > 0 { past_the_end() } else { object.answer(range) },
        "==========PPP",
        "=====P====PPP",
    ),
    ("past the end, but for the last bytes", last_bytes_alone, "PP=PPPP===PPP", "PP=PPPP===PPP"),
    (
        "no length at all",
        |object, _, range| without(object.answer(range), "content-length"),
        "P============",
        "P============",
    ),
    (
        "a total of a chunk more",
        |object, _, range| total(object, range, STORED.cast_signed()),
        "=PP==PPP=PCCC",
        "=PP===PP=PCCC",
    ),
    (
        "a total of a chunk less",
        |object, _, range| total(object, range, -STORED.cast_signed()),
        "=PP==PPP=PPPC",
        "=PPPPPPPPPPPP",
    ),
    ("a total of a byte more", |object, _, range| total(object, range, 1), "=PP==PPP=PCCC", "=PP===PP=PCCC"),
    (
        "a total of sixteen bytes less",
        |object, _, range| total(object, range, -16),
        "=PP==PPP=PPPC",
        "=PPIIIPPIPPPI",
    ),
    (
        "another total, then",
        |object, request, range| total(object, range, i64::from(request > 0)),
        "==========CCC",
        "=====C====CCC",
    ),
    (
        "more than an object can have",
        |object, _, range| total(object, range, 1 << 60),
        "=IIIIIIIIIIII",
        "=IIIIIIIIIIII",
    ),
    ("no object", |_, _, _| status(StatusCode::NO_CONTENT), "PPPPPPPPPPPPP", "PPPPPPPPPPPPP"),
    ("a redirect", |_, _, _| status(StatusCode::FOUND), "PPPPPPPPPPPPP", "PPPPPPPPPPPPP"),
];

fn chunk(object: &Object, chunks: std::ops::Range<u64>) -> Response<Bytes> {
    object.answer(Some(&RangeSpec::Bounded(chunks.start * STORED..chunks.end * STORED)))
}

fn moved(range: Option<&RangeSpec>, by: u64) -> RangeSpec {
    match range {
        None => RangeSpec::From(by),
        Some(RangeSpec::From(start)) => RangeSpec::From(start + by),
        Some(RangeSpec::Suffix(count)) => RangeSpec::Suffix(count.saturating_sub(by)),
        Some(RangeSpec::Bounded(range)) => RangeSpec::Bounded(range.start + by..range.end + by),
    }
}

/// Stored bytes of chunk 0 and on under the place of those asked for; those of chunk 1 and on for chunk 0.
fn other_bytes(object: &Object, _: usize, range: Option<&RangeSpec>) -> Response<Bytes> {
    let reply = object.answer(range);
    let whole = [&object.body[..], &object.body[..]].concat();
    body(reply, |body| {
        let at = if object.body.starts_with(body) { index(STORED) } else { 0 };
        Bytes::copy_from_slice(&whole[at..at + body.len()])
    })
}

/// The place that a reply says it has; none for a whole object.
fn place(reply: &Response<Bytes>) -> Option<ContentRange> {
    ContentRange::parse(reply.headers().get("content-range")?.to_str().unwrap())
}

fn said_at(object: &Object, range: Option<&RangeSpec>, further: u64) -> Response<Bytes> {
    let mut reply = object.answer(range);
    if let Some(ContentRange { start, end, total }) = place(&reply) {
        let end = end + further;
        let said = ContentRange { start: start + further, end, total: total.max(end) };
        set(&mut reply, "content-range", &said.to_string());
    }
    reply
}

/// The first half of a reply, by its own word.
fn half(reply: Response<Bytes>) -> Response<Bytes> {
    let length = reply.body().len() as u64;
    let said = place(&reply).unwrap_or(ContentRange { start: 0, end: length, total: length });
    let half = length.div_ceil(2);
    let mut reply = body(reply, |body| body.slice(..index(half)));
    *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(&mut reply, "content-length", &half.to_string());
    set(&mut reply, "content-range", &ContentRange { end: said.start + half, ..said }.to_string());
    reply
}

/// The same head, and maybe half the body that it announces.
fn half_body(reply: Response<Bytes>, is_half: bool) -> Response<Bytes> {
    body(reply, |body| if is_half { body.slice(..body.len().div_ceil(2)) } else { body.clone() })
}

/// The same head with another body.
fn body(mut reply: Response<Bytes>, change: impl Fn(&Bytes) -> Bytes) -> Response<Bytes> {
    *reply.body_mut() = change(reply.body());
    reply
}

fn without(mut reply: Response<Bytes>, name: &str) -> Response<Bytes> {
    reply.headers_mut().remove(name);
    reply
}

fn last_bytes_alone(object: &Object, _: usize, range: Option<&RangeSpec>) -> Response<Bytes> {
    match range {
        Some(RangeSpec::Suffix(_)) => object.answer(range),
        _ => past_the_end(),
    }
}

/// A part of an object that is said to have so many bytes more.
fn total(object: &Object, range: Option<&RangeSpec>, more: i64) -> Response<Bytes> {
    let mut reply = object.answer(range);
    if let Some(said) = place(&reply) {
        let total = said.total.checked_add_signed(more).unwrap();
        set(&mut reply, "content-range", &ContentRange { total, ..said }.to_string());
    }
    reply
}

fn status(status: StatusCode) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("location", "http://elsewhere.example/")
        .body(Bytes::new())
        .unwrap()
}

#[tokio::test]
async fn replies_that_do_not_agree() {
    for (size, is_five) in [(FIVE, true), (THREE, false)] {
        let (_world, truth) = sealed(size).await;
        for (what, answer, five, three) in TABLE {
            let lie = truth.clone();
            let found = row(&truth, &ramp(size), move |request, range| answer(&lie, request, range)).await;
            assert_eq!(found, if is_five { five } else { three }, "{what}, {size} bytes");
        }
    }
}

/// A reader that takes the object for AES/CTR asks twice for some ranges: the second reply has to be about the same object.
#[tokio::test]
async fn the_reply_after_a_wrong_guess() {
    let (world, truth) = sealed(FIVE).await;
    let other = another(&world, FIVE).await;
    let read = async |first: &Object, then: &Object, suite| {
        let (first, then) = (first.clone(), then.clone());
        let bucket =
            lying(move |request, range| if request == 0 { first.answer(range) } else { then.answer(range) });
        let bucket = bucket.suite(suite).read_policy(ReadPolicy::ALSO_UNAUTHENTICATED).build().unwrap();
        let (released, ended) = drain(&bucket, GetOptions::default().range(CHUNK + 5..CHUNK + 50)).await;
        ended.map(|()| released).map_err(|error| error.kind())
    };
    let plain = ramp(FIVE)[index(CHUNK + 5)..index(CHUNK + 50)].to_vec();
    assert_eq!(read(&truth, &truth, Suite::AesCtr).await, Ok(plain.clone()), "the control");
    assert_eq!(read(&truth, &truth, Suite::Sealed).await, Ok(plain));
    let shorter = truth.with_body(truth.body.slice(..index(3 * STORED)));
    for then in [other, shorter, truth.without_envelope()] {
        assert_eq!(read(&truth, &then, Suite::AesCtr).await, Err(ErrorKind::Changed));
    }
}

/// What the policy keeps out is not let in by a later reply, and nothing is concluded from its size.
#[tokio::test]
async fn what_is_kept_out_stays_out() {
    let (_world, truth) = sealed(FIVE).await;
    let ctr = truth.with("cek-alg", Some(HeaderValue::from_static("AES/CTR/NoPadding")));
    let naked = truth.with_body(ramp(FIVE)).without_envelope();
    for cut in [50, STORED, 2 * STORED, 1] {
        for read in reads(FIVE) {
            let (first, then) = (ctr.with_body(ctr.body.slice(..index(cut))), naked.clone());
            let bucket = lying(move |request, range| match request {
                // A part that does not do, so that it is asked for again.
                0 => first.reply(StatusCode::PARTIAL_CONTENT, 0..1, cut),
                _ => then.answer(range),
            });
            assert_eq!(read_of(&bucket.build().unwrap(), &ramp(FIVE), &read).await, 'A', "{read:?}");
        }
    }
}

/// An object without bytes has no range: that is not a reason to say what it is not.
#[tokio::test]
async fn empty_objects_of_other_kinds() {
    let (world, _) = sealed(0).await;
    let ctr = world.builder().suite(Suite::AesCtr).build().unwrap();
    ctr.put("ctr", ramp(0), PutOptions::default()).await.unwrap();
    world.raw(Call::PutObject(PutObject::default()), Some("plain"), vec![]).await;
    let past = || GetOptions::default().range(5..);
    let kinds = async |bucket: &EncryptedBucket, key| {
        let get = bucket.get(key, past()).await.unwrap_err().kind();
        (
            get,
            bucket
                .verify(key, GetOptions::default())
                .await
                .map(|proof| proof.is_verified)
                .map_err(|error| error.kind()),
        )
    };
    let (none, weak) = (ErrorKind::NotEncrypted, ErrorKind::Unauthenticated);
    assert_eq!(kinds(&world.bucket(), "plain").await, (none, Err(none)));
    assert_eq!(kinds(&world.bucket(), "ctr").await, (weak, Err(weak)));
    assert_eq!(kinds(&ctr, "ctr").await, (ErrorKind::Range, Ok(false)));
    assert_eq!(kinds(&ctr, "k").await, (ErrorKind::Range, Ok(true)));
}

/// The version that was asked for is the one that is read, or none.
#[tokio::test]
async fn another_version_than_was_asked_for() {
    let (world, _) = sealed(0).await;
    world.store().set_versioning("box", Versioning::Enabled).await.unwrap();
    let mut versions = Vec::new();
    for _ in 0..2 {
        let report = world.bucket().put("k", ramp(FIVE), PutOptions::default()).await.unwrap();
        versions.push(report.version_id.unwrap());
    }
    let earlier = Object::stored(&world, "k", Some(versions[0].clone())).await;
    let lie = earlier.clone();
    let bucket = lying(move |_, range| lie.answer(range)).build().unwrap();
    let of = |version: &String| GetOptions { version_id: Some(version.clone()), ..GetOptions::default() };
    assert_eq!(drain(&bucket, of(&versions[0])).await.0, ramp(FIVE), "the control");
    let (released, ended) = drain(&bucket, of(&versions[1])).await;
    assert_eq!((released, ended.unwrap_err().kind()), (Vec::new(), ErrorKind::Protocol));
    assert_eq!(bucket.verify("k", of(&versions[1])).await.unwrap_err().kind(), ErrorKind::Protocol);
}
