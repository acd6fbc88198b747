//! Replies that are not about the object, or not what was stored.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering};

use osseal::{ErrorKind, GetOptions, PutOptions, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::{at_places, in_order, part, stored};
use crate::support::{TestStore, ramp};

#[tokio::test]
async fn an_object_that_is_replaced_meanwhile_is_never_mixed() {
    for suite in Suite::ALL {
        let size = 5 * part(suite);
        for other in [size, size - 1, 10] {
            for order in [true, false] {
                let world = stored(suite, size).await;
                let bucket = world.builder().jobs(NonZeroU16::MIN).build().unwrap();
                let download = bucket.download("k", GetOptions::default()).await.unwrap();
                let new: Vec<u8> = ramp(other).iter().map(|byte| byte ^ 0x55).collect();
                world.bucket().put("k", new, PutOptions::default()).await.unwrap();
                let (kind, read) = if order {
                    let (error, read) = in_order(download).await.unwrap_err();
                    (error.kind(), read)
                } else {
                    (at_places(download).await.unwrap_err().kind(), Vec::new())
                };
                assert_eq!(kind, ErrorKind::Changed, "{suite:?} {other}");
                assert_eq!(read, ramp(size)[..read.len()]);
            }
        }
    }
}

/// A store that does not keep If-Match, and one whose later replies tell of another length, another place or another envelope.
#[tokio::test]
async fn later_replies_are_held_against_the_first() {
    type Edit = fn(&mut http::Response<bytes::Bytes>);
    let edits: [(Edit, ErrorKind); 4] = [
        (|reply| drop(reply.headers_mut().insert("etag", "\"other\"".parse().unwrap())), ErrorKind::Changed),
        (
            |reply| {
                let range = reply.headers()["content-range"].to_str().unwrap().to_owned();
                let (range, total) = range.split_once('/').unwrap();
                let total: u64 = total.parse().unwrap();
                let range = format!("{range}/{}", total + 1);
                reply.headers_mut().insert("content-range", range.parse().unwrap());
                // Else the writer's own record of the length is what does not agree.
                reply.headers_mut().remove("x-oss-meta-client-side-encryption-unencrypted-content-length");
            },
            ErrorKind::Changed,
        ),
        (
            |reply| {
                let name = "x-oss-meta-client-side-encryption-matdesc";
                reply.headers_mut().insert(name, "{\"name\":\"old\"}".parse().unwrap());
            },
            ErrorKind::Changed,
        ),
        (
            |reply| {
                let length = reply.body().len();
                let range = reply.headers()["content-range"].to_str().unwrap().to_owned();
                let total = range.split_once('/').unwrap().1.to_owned();
                let range = format!("bytes 16-{}/{total}", 16 + length - 1);
                reply.headers_mut().insert("content-range", range.parse().unwrap());
            },
            ErrorKind::Protocol,
        ),
    ];
    for suite in Suite::ALL {
        let world = stored(suite, 4 * part(suite)).await;
        for (number, (edit, kind)) in edits.into_iter().enumerate() {
            let calls = AtomicUsize::new(0);
            let bucket = world.map_reply(move |_, reply| {
                if calls.fetch_add(1, Ordering::Relaxed) > 0 {
                    edit(reply);
                }
            });
            let download = bucket.download("k", GetOptions::default()).await.unwrap();
            let error = at_places(download).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{suite:?} {number}: {error}");
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_of_any_piece_is_noticed() {
    for suite in Suite::ALL {
        let size = 4 * part(suite) + 9;
        let world = stored(suite, size).await;
        for skip in 0..5 {
            for order in [true, false] {
                world
                    .faults
                    .inject(Fault::new(Action::FlipReply { at: 3 }).on(Operation::GetObject).skip(skip));
                let download = world.bucket().download("k", GetOptions::default()).await.unwrap();
                let (kind, read) = if order {
                    let (error, read) = in_order(download).await.unwrap_err();
                    (error.kind(), read)
                } else {
                    (at_places(download).await.unwrap_err().kind(), Vec::new())
                };
                assert_eq!(kind, ErrorKind::Integrity, "{suite:?} {skip}");
                // Of a sealed object nothing false is given out at all.
                assert!(suite == Suite::AesCtr || read == ramp(size)[..read.len()]);
            }
        }
    }
}

/// The store says that the object ends earlier than it does.
#[tokio::test]
async fn a_shortened_object_is_noticed() {
    let size = 4 * part(Suite::Sealed) + 9;
    let world = stored(Suite::Sealed, size).await;
    for total in [16_400 * 20 + 16, 16_400 * 20 + 500, 16_400 * 7 + 16] {
        let bucket = world.map_reply(move |_, reply| {
            let range = reply.headers()["content-range"].to_str().unwrap().to_owned();
            let range = range.strip_prefix("bytes ").unwrap().split_once('/').unwrap().0.to_owned();
            let (first, last) = range.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let last = last.min(total - 1);
            *reply.body_mut() = reply.body().slice(..=last - first);
            let headers = reply.headers_mut();
            headers.insert("content-range", format!("bytes {first}-{last}/{total}").parse().unwrap());
            headers.insert("content-length", (last - first + 1).to_string().parse().unwrap());
            headers.remove("x-oss-meta-client-side-encryption-unencrypted-content-length");
        });
        for order in [true, false] {
            let download = bucket.download("k", GetOptions::default()).await.unwrap();
            let error = if order {
                in_order(download).await.unwrap_err().0
            } else {
                at_places(download).await.unwrap_err()
            };
            assert_eq!(error.kind(), ErrorKind::Integrity, "{total}: {error}");
        }
    }
}

#[tokio::test]
async fn a_replaced_object_of_a_bucket_with_versions_is_read_to_its_end() {
    let world = TestStore::of(Suite::Sealed).await;
    world.store().set_versioning("box", osseal::Versioning::Enabled).await.unwrap();
    let (bucket, size) = (world.bucket(), 5 * part(Suite::Sealed));
    bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
    let download = bucket.download("k", GetOptions::default()).await.unwrap();
    bucket.put("k", ramp(7), PutOptions::default()).await.unwrap();
    assert_eq!(at_places(download).await.unwrap(), ramp(size));
}
