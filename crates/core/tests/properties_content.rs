//! What holds for all content, however it is cut.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::ops::Range;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, checksum};
use osseal_core::dangerous::fixed_content_key;
use osseal_core::{
    ByteRange, ContentError, ContentKey, Layout, LayoutError, MAX_PART, MAX_PARTS, MIN_PART, RangeError,
    Reading, Suite, Window,
};
use proptest::collection::vec;
use proptest::prelude::*;

const KEY: [u8; 32] = [7; 32];

fn key(iv: u128) -> ContentKey {
    fixed_content_key(KEY, iv.to_be_bytes()).unwrap()
}

fn layout() -> Layout {
    Suite::AesCtr.layout()
}

/// Plaintext in which bytes 16 or 4096 apart differ.
fn ramp(len: usize) -> BytesMut {
    (0..=250_u8).cycle().take(len).collect()
}

fn span(range: Range<u64>) -> Range<usize> {
    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
}

fn crc64(bytes: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc64Xz, bytes)
}

/// The key stream of blocks `first..`, made by encrypting each counter by itself; `None` past 2^128.
fn key_stream(iv: u128, first: u64, blocks: u64) -> Option<Vec<u8>> {
    let library = EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, &KEY).unwrap()).unwrap();
    let mut out = Vec::new();
    for block in first..first + blocks {
        let mut counter = iv.checked_add(u128::from(block))?.to_be_bytes();
        library.encrypt(&mut counter).unwrap();
        out.extend(counter);
    }
    Some(out)
}

/// Initial counters that lie near a carry, or near the end.
fn near_a_carry() -> impl Strategy<Value = u128> {
    let near = 0..40_u128;
    prop_oneof![
        any::<u128>(),
        (any::<u64>(), near.clone())
            .prop_map(|(high, near)| (u128::from(high) << 64) | (u128::from(u64::MAX) - near)),
        (any::<u128>(), near.clone()).prop_map(|(high, near)| (high << 32) | (u128::from(u32::MAX) - near)),
        near.prop_map(|near| u128::MAX - near),
    ]
}

/// `total` cut into pieces of sizes taken in turn from `sizes`.
fn cut(total: usize, sizes: &[usize]) -> Vec<usize> {
    let mut pieces = Vec::new();
    let mut left = total;
    for size in sizes.iter().cycle() {
        if left == 0 {
            break;
        }
        pieces.push((*size).clamp(1, left));
        left -= pieces[pieces.len() - 1];
    }
    pieces
}

fn ranges() -> impl Strategy<Value = ByteRange> {
    let offset = || prop_oneof![0..70_000_u64, 0..40_u64, any::<u64>()];
    prop_oneof![
        Just(ByteRange::Whole),
        offset().prop_map(ByteRange::From),
        offset().prop_map(ByteRange::Suffix),
        (offset(), offset()).prop_map(|(a, b)| ByteRange::Bounded(a.min(b)..a.max(b))),
    ]
}

/// The table of `docs/format.md` §6, said in another way than the code says it.
fn model(range: &ByteRange, n: u64) -> Option<Range<u64>> {
    let (start, end) = match range {
        ByteRange::Whole | ByteRange::From(0) => return Some(0..n),
        ByteRange::From(start) => (*start, n),
        ByteRange::Suffix(0) => return None,
        ByteRange::Suffix(count) => (n - n.min(*count), n),
        ByteRange::Bounded(range) => (range.start, range.end.min(n)),
    };
    (start < n).then_some(start..end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Slots, stream pieces and one slot for all give the same stored bytes and the same checksum.
    #[test]
    fn sealing_in_pieces_is_sealing_at_once(
        iv in any::<u64>(), len in 0..70_000_usize, units in vec(1..3000_usize, 1..8), sizes in vec(1..40_000_usize, 1..8),
    ) {
        let iv = u128::from(iv);
        let mut sealer = key(iv).sealer(Some(len as u64));
        let whole = sealer.reserve(len as u64).unwrap().seal(ramp(len)).unwrap();
        prop_assert_eq!(whole.crc64, crc64(&whole.bytes));
        prop_assert_eq!((whole.number, whole.offset), (1, 0));

        let mut sealer = key(iv).sealer(None);
        let (mut plain, mut slots) = (ramp(len), Vec::new());
        let lengths = cut(len, &units.iter().map(|unit| unit * 16).collect::<Vec<_>>());
        for piece in lengths {
            slots.push((sealer.reserve(piece as u64).unwrap(), plain.split_to(piece)));
        }
        // In the opposite order: slots know their place.
        let mut parts: Vec<_> = slots.into_iter().rev().map(|(slot, plain)| slot.seal(plain).unwrap()).collect();
        parts.reverse();
        let mut joined = Vec::new();
        for (number, part) in (1..).zip(&parts) {
            prop_assert_eq!((part.number, part.offset), (number, joined.len() as u64));
            prop_assert_eq!(part.crc64, crc64(&part.bytes));
            joined.extend_from_slice(&part.bytes);
        }
        prop_assert_eq!(&joined[..], &whole.bytes[..]);

        let mut stream = key(iv).sealer(None).into_stream();
        let (mut plain, mut joined) = (ramp(len), Vec::new());
        for piece in cut(len, &sizes) {
            joined.extend_from_slice(&stream.push(plain.split_to(piece)).unwrap());
        }
        prop_assert_eq!(&joined[..], &whole.bytes[..]);
        prop_assert_eq!((stream.stored(), stream.crc64()), (len as u64, whole.crc64));
    }

    /// Any range, out of any reply that holds it, in pieces of any size, is a slice of the plaintext.
    #[test]
    fn opening_any_range_is_slicing(
        iv in any::<u64>(), total in 0..70_000_u64, range in ranges(), before in 0..50_u64, after in 0..50_u64,
        sizes in vec(1..40_000_usize, 1..8), shared: bool,
    ) {
        let iv = u128::from(iv);
        let plain = ramp(usize::try_from(total).unwrap()).freeze();
        let stored = key(iv).sealer(None).reserve(total).unwrap().seal(plain.clone().into()).unwrap().bytes;
        let Some(release) = model(&range, total) else {
            let refused = Reading::plan(layout(), &range, Window::whole(total));
            prop_assert_eq!(refused, Err(RangeError::NotSatisfiable { size: total }));
            return Ok(());
        };
        let window = Window { start: release.start.saturating_sub(before), end: (release.end + after).min(total), total };
        let reading = Reading::plan(layout(), &range, window).unwrap();
        prop_assert_eq!(reading.release(), release.clone());
        let mut stream = reading.into_stream(key(iv).opener());
        let mut body = stored.slice(span(window.start..window.end));
        let mut opened = Vec::new();
        for piece in cut(body.len(), &sizes) {
            let piece = body.split_to(piece);
            let piece = if shared { piece } else { Bytes::from(piece.to_vec()) };
            if let Some(chunk) = stream.push(piece).unwrap() {
                prop_assert_eq!(chunk.offset, release.start + opened.len() as u64);
                opened.extend_from_slice(&chunk.bytes);
            }
        }
        prop_assert!(stream.is_complete());
        prop_assert_eq!(stream.finish(), Ok(()));
        prop_assert_eq!(&opened[..], &plain[span(release)]);
    }

    /// A body that is longer or shorter than the reply's head said is never taken for whole.
    #[test]
    fn bodies_of_another_length_are_refused(total in 1..5000_u64, cut in 0..5000_u64, excess in 1..50_usize) {
        let stream = || {
            let reading = Reading::plan(layout(), &ByteRange::Whole, Window::whole(total)).unwrap();
            reading.into_stream(key(0).opener())
        };
        let end = cut.min(total - 1);
        let mut short = stream();
        short.push(ramp(span(0..end).end).freeze()).unwrap();
        prop_assert_eq!(short.finish(), Err(ContentError::Truncated { end, wanted: total }));
        let long = ramp(span(0..total).end + excess).freeze();
        prop_assert_eq!(stream().push(long), Err(ContentError::Overlong { wanted: total }));
    }

    /// The counter is `iv + block` in 128 bits, carried by nobody but us, and refused where it would begin again at zero.
    #[test]
    fn counters_add_as_128_bit_integers(iv in near_a_carry(), first in prop_oneof![0..60_u64, 0..u64::MAX / 16 - 4], skip in 0..16_u64, len in 1..80_usize) {
        let opener = key(iv).opener();
        let mut bytes = vec![0; len];
        let blocks = (skip + len as u64).div_ceil(16);
        let opened = opener.open_at(first * 16 + skip, &mut bytes);
        let last = (first * 16 + skip).checked_add(len as u64 - 1);
        if let (Some(stream), Some(_)) = (key_stream(iv, first, blocks), last) {
            prop_assert_eq!(opened, Ok(len));
            prop_assert_eq!(&bytes[..], &stream[span(skip..skip + len as u64)]);
        } else {
            prop_assert_eq!(opened, Err(ContentError::CounterOverflow));
            prop_assert!(bytes.iter().all(|byte| *byte == 0));
        }
    }

    /// Part sizes keep to the service's rules, cover the object and do without empty parts.
    #[test]
    fn part_plans_keep_to_the_rules(
        total in prop_oneof![0..1_u64 << 30, 0..MAX_PARTS * MAX_PART + 100, any::<u64>()],
        preferred in prop_oneof![0..2 * MIN_PART, 0..1_u64 << 25, any::<u64>()],
    ) {
        if total > MAX_PARTS * MAX_PART {
            prop_assert_eq!(layout().part_plan(total, preferred), Err(LayoutError::TooLarge { data_size: total, max_part: MAX_PART }));
            return Ok(());
        }
        let plan = layout().part_plan(total, preferred).unwrap();
        let (size, parts) = (plan.part_size, plan.parts());
        prop_assert_eq!(plan.data_size, total);
        prop_assert!(size % 16 == 0 && (MIN_PART..=MAX_PART).contains(&size));
        prop_assert!(size >= preferred.min(MAX_PART));
        prop_assert!((1..=MAX_PARTS).contains(&parts));
        prop_assert!(parts * size >= total);
        prop_assert!(parts == 1 || (parts - 1) * size < total);
        // Not larger than it has to be: the preferred size, or one part more would be too many.
        prop_assert!(size < preferred.max(MIN_PART).saturating_add(16) || total.div_ceil(size - 16) > MAX_PARTS);
    }
}
