//! What holds for all sealed content, however it is cut and whatever is asked of it.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, checksum};
use osseal_core::{
    Bind, Binding, ByteRange, ContentError, EncryptionContext, Layout, LayoutError, MAX_PARTS, MIN_PART,
    Place, RangeError, Reading, SealedContext, StoredAsk, Suite, Window,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{CHUNK, STORED, answer, open_all, ramp, sealed_key, stored_of};

fn layout() -> Layout {
    Suite::Sealed.layout()
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// Sizes about the ends of chunks, and any others.
fn sizes() -> impl Strategy<Value = u64> {
    let near = (0..6_u64, 0..40_u64).prop_map(|(chunks, near)| (chunks * CHUNK).saturating_sub(20) + near);
    prop_oneof![2 => near, 1 => 0..80_000_u64, 1 => (0..6_u64).prop_map(|chunks| chunks * CHUNK)]
}

fn ranges() -> impl Strategy<Value = ByteRange> {
    let offset = || prop_oneof![4 => sizes(), 1 => any::<u64>()];
    prop_oneof![
        Just(ByteRange::Whole),
        offset().prop_map(ByteRange::From),
        offset().prop_map(ByteRange::Suffix),
        (offset(), offset()).prop_map(|(a, b)| ByteRange::Bounded(a.min(b)..a.max(b))),
        offset().prop_map(|a| ByteRange::Bounded(a..a)),
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

/// Pieces of sizes taken in turn from `sizes`.
fn cut(mut bytes: Bytes, sizes: &[usize]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        pieces.push(bytes.split_to((*size).clamp(1, bytes.len())));
    }
    pieces
}

/// What a store keeps, and how often it was asked.
struct Store {
    stored: Bytes,
    requests: u32,
}

impl Store {
    /// Reads as a client does: asks, plans, opens, and fetches what is missing for the proof of the end.
    fn read(&mut self, range: &ByteRange, sizes: &[usize]) -> Result<Vec<u8>, ContentError> {
        let (window, body) = match self.ask(&layout().ask(range)) {
            Some(reply) => reply,
            // 416: the store's word, which proves nothing.
            None => self.ask(&layout().ask_end().unwrap()).unwrap(),
        };
        let reading = Reading::plan(layout(), range, window)?;
        let release = reading.release();
        let mut stream = reading.into_stream(sealed_key().opener());
        let mut opened = Vec::new();
        if let Some(last) = stream.missing_end() {
            assert!(!stream.is_complete());
            let (window, tail) = self.ask(&StoredAsk::Bounded(last)).unwrap();
            stream.prove_end(window, &tail)?;
        }
        for piece in cut(body, sizes) {
            if let Some(chunk) = stream.push(piece)? {
                assert_eq!(chunk.offset, release.start + opened.len() as u64);
                opened.extend_from_slice(&chunk.bytes);
            }
        }
        assert!(stream.is_complete());
        stream.finish()?;
        Ok(opened)
    }

    fn ask(&mut self, ask: &StoredAsk) -> Option<(Window, Bytes)> {
        self.requests += 1;
        answer(&self.stored, ask)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// One slot, parts of any plan and a stream of any pieces give the same stored bytes and the same checksum.
    #[test]
    fn any_split_gives_the_same_bytes(
        len in sizes(), slots in vec(0..4_u64, 1..6), pieces in vec(1..40_000_usize, 1..8), roomy: bool,
    ) {
        let mut plain = ramp(len);
        if roomy {
            plain.reserve(at(layout().stored_len(len).unwrap()) - plain.len());
        }
        let slot = sealed_key().sealer(Some(len)).reserve_last(len).unwrap();
        prop_assert_eq!(Some(slot.stored_len()), layout().stored_len(len));
        let whole = slot.seal(plain).unwrap();
        prop_assert_eq!(whole.bytes.len() as u64, len + 16 * (len / CHUNK + 1));
        prop_assert_eq!(whole.crc64, checksum(CrcAlgorithm::Crc64Xz, &whole.bytes));

        let (mut sealer, mut plain, mut reserved) = (sealed_key().sealer(Some(len)), ramp(len), Vec::new());
        for chunks in slots {
            let piece = (chunks * CHUNK).min(plain.len() as u64 / CHUNK * CHUNK);
            reserved.push((sealer.reserve(piece).unwrap(), plain.split_to(at(piece))));
        }
        reserved.push((sealer.reserve_last(plain.len() as u64).unwrap(), plain));
        // In the opposite order: slots know their place.
        let mut parts: Vec<_> = reserved.into_iter().rev().map(|(slot, plain)| slot.seal(plain).unwrap()).collect();
        parts.reverse();
        let mut joined = Vec::new();
        for (number, part) in (1..).zip(&parts) {
            prop_assert_eq!((part.number, part.offset), (number, joined.len() as u64));
            prop_assert_eq!(part.crc64, checksum(CrcAlgorithm::Crc64Xz, &part.bytes));
            joined.extend_from_slice(&part.bytes);
        }
        prop_assert_eq!(&joined[..], &whole.bytes[..]);

        let (mut stream, mut joined) = (sealed_key().sealer(Some(len)).into_stream(), Vec::new());
        for piece in cut(ramp(len).freeze(), &pieces) {
            joined.extend_from_slice(&stream.push(BytesMut::from(&piece[..])).unwrap());
            prop_assert_eq!(stream.stored(), joined.len() as u64);
        }
        prop_assert_eq!(stream.plain(), len);
        joined.extend_from_slice(&stream.finish().unwrap());
        prop_assert_eq!(&joined[..], &whole.bytes[..]);
        prop_assert_eq!((stream.stored(), stream.crc64()), (joined.len() as u64, whole.crc64));
        prop_assert_eq!(stream.finish(), Err(ContentError::AfterLast { offset: len }));
    }

    /// Any range, out of what the store answers to what was asked of it, in pieces of any size, is a slice of the plaintext; a range
    /// without a byte is refused with the size. One request does, unless the object ends with an empty chunk.
    #[test]
    fn any_range_is_a_slice(total in sizes(), range in ranges(), pieces in vec(1..40_000_usize, 1..8)) {
        let mut store = Store { stored: stored_of(total), requests: 0 };
        let read = store.read(&range, &pieces);
        if let Some(slice) = model(&range, total) {
            prop_assert_eq!(&read.unwrap()[..], &ramp(total)[at(slice.start)..at(slice.end)]);
            let has_empty_end = total.is_multiple_of(CHUNK) && slice.end == total;
            prop_assert!(store.requests == 1 || has_empty_end, "{} requests", store.requests);
        } else {
            prop_assert_eq!(read, Err(RangeError::NotSatisfiable { size: total }.into()));
        }
        prop_assert!(store.requests <= 2);
    }

    /// What is asked for is what is needed: a bounded range takes its own chunks, a suffix two chunks more at most.
    #[test]
    fn no_more_is_asked_for_than_chunks_demand(start in 0..1_u64 << 40, len in 1..100_000_u64) {
        let chunks = (start + len - 1) / CHUNK - start / CHUNK + 1;
        let first = start / CHUNK * STORED;
        let asked = layout().ask(&ByteRange::Bounded(start..start + len));
        prop_assert_eq!(asked, StoredAsk::Bounded(first..first + chunks * STORED));
        let suffix = len.div_ceil(CHUNK) * STORED + STORED - 1;
        prop_assert_eq!(layout().ask(&ByteRange::Suffix(len)), StoredAsk::Suffix(suffix));
    }

    /// A reply with more around the wanted chunks does no harm, and one that lacks some of them is refused.
    #[test]
    fn replies_are_opened_by_their_place(
        total in 40_000..80_000_u64, start in 0..80_000_u64, len in 1..40_000_u64, before in 0..20_000_u64, after in 0..20_000_u64,
    ) {
        let stored = stored_of(total);
        let size = stored.len() as u64;
        let range = start % total..(start % total + len).min(total);
        let (first, last) = (range.start / CHUNK * STORED, ((range.end - 1) / CHUNK + 1) * STORED);
        let window = Window { start: first.saturating_sub(before), end: (last + after).min(size), total: size };
        let mut stream =
            Reading::plan(layout(), &range.clone().into(), window).unwrap().into_stream(sealed_key().opener());
        let chunk = stream.push(stored.slice(at(window.start)..at(window.end))).unwrap().unwrap();
        prop_assert_eq!(chunk.offset, range.start);
        prop_assert_eq!(&chunk.bytes[..], &ramp(total)[at(range.start)..at(range.end)]);
        for lacking in [Window { start: first + 1, ..window }, Window { end: last.min(size) - 1, ..window }] {
            let wrong = RangeError::WrongRange { start: lacking.start, end: lacking.end, total: size };
            prop_assert_eq!(Reading::plan(layout(), &range.clone().into(), lacking), Err(wrong));
        }
    }

    /// Sizes go both ways, and stored lengths that do not occur are refused.
    #[test]
    fn sizes_go_both_ways(plain in prop_oneof![sizes(), 0..1_u64 << 52], stored in prop_oneof![sizes(), 0..1_u64 << 52]) {
        let there = layout().stored_len(plain).unwrap();
        prop_assert_eq!(there, plain + 16 * (plain / CHUNK + 1));
        prop_assert_eq!(layout().plain_len(there), Ok(plain));
        match layout().plain_len(stored) {
            Ok(plain) => prop_assert_eq!(layout().stored_len(plain), Some(stored)),
            Err(error) => {
                prop_assert_eq!(error, LayoutError::ImpossibleLength { stored });
                prop_assert!(stored % STORED < 16);
            }
        }
    }

    /// Part sizes hold whole chunks and keep to the service's rules; parts hold everything, and only the last is cut.
    #[test]
    fn parts_hold_whole_chunks(total in 0..1_u64 << 42, preferred in prop_oneof![0..2 * MIN_PART, 0..1_u64 << 25, any::<u64>()]) {
        let plan = layout().part_plan(total, preferred).unwrap();
        let chunks = plan.part_size / STORED;
        prop_assert!(plan.part_size.is_multiple_of(STORED) && (7..=304_878).contains(&chunks));
        prop_assert_eq!(Some(plan.data_size), layout().stored_len(total));
        prop_assert!(plan.parts() <= MAX_PARTS && (plan.parts() - 1) * plan.part_size < plan.data_size);
        prop_assert!(plan.parts() * plan.part_size >= plan.data_size);
        prop_assert_eq!(layout().part_plain(&plan), chunks * CHUNK);
        if total > 0 && total.is_multiple_of(chunks * CHUNK) {
            prop_assert_eq!(plan.parts(), total / (chunks * CHUNK) + 1);
        }
    }

    /// What can be bound is read back from its record, and the record of what is read is the same bytes.
    #[test]
    fn contexts_survive_their_records(
        bind in select(&Bind::ALL[..]), bucket in "[a-z0-9-]{3,20}", key in "\\PC{1,60}",
        pairs in btree_map("\\PC{1,20}", "\\PC{0,20}", 0..6),
    ) {
        let mut context =
            SealedContext { binding: Binding::new(bind, Place::object(&bucket, &key)).unwrap(), ..Default::default() };
        for (key, value) in &pairs {
            context.pairs.insert(key, value).unwrap();
        }
        let record = context.to_record().unwrap();
        prop_assert_eq!(SealedContext::from_record(&record), Ok(context.clone()));
        prop_assert!(context.binding.holds_at(Place::object(&bucket, &key)));
        let elsewhere = Place::object("elsewhere", &key);
        prop_assert_eq!(context.binding.holds_at(elsewhere), bind < Bind::BucketKey);
        let renamed = format!("{key}/");
        prop_assert_eq!(context.binding.holds_at(Place::object(&bucket, &renamed)), bind < Bind::Key);
        prop_assert_eq!(context.binding.holds_at(Place::unknown()), bind == Bind::None);
        for end in 0..record.len() {
            prop_assert!(SealedContext::from_record(&record[..end]).is_err(), "cut at {}", end);
        }
        prop_assert!(SealedContext::from_record(&[&record[..], &[0]].concat()).is_err());
        let mut required = EncryptionContext::empty();
        prop_assert_eq!(required.first_missing_in(&context.pairs), None);
        required.insert("\u{0}", "v").unwrap();
        prop_assert_eq!(required.first_missing_in(&context.pairs), Some(("\u{0}", "v")));
    }

    /// Any bytes are the one record of a context or are refused.
    #[test]
    fn any_record_is_canonical_or_refused(mut record in vec(any::<u8>(), 0..60), bind in 0..4_u8, changes in vec((any::<usize>(), any::<u8>()), 0..3)) {
        let mut sound = b"osseal\x01".to_vec();
        sound.extend([bind, 0, 2]);
        sound.extend(b"a\0\0\x02\0\x01k\0\x01v\0\x01l\0\0");
        for (place, byte) in changes {
            let place = place % sound.len();
            sound[place] = byte;
        }
        record.splice(0..0, *b"osseal\x01");
        for record in [record, sound] {
            if let Ok(context) = SealedContext::from_record(&record) {
                prop_assert_eq!(context.to_record(), Ok(record));
            }
        }
    }
}

#[test]
fn the_sizes_about_chunks_open_whole() {
    for total in [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 4097] {
        assert_eq!(open_all(sealed_key().opener(), &stored_of(total)).unwrap(), ramp(total), "{total}");
    }
}

/// More chunks than are summed at a time, and more than a byte counts.
#[test]
fn sums_of_many_chunks_are_combined() {
    let total = 1030 * CHUNK + 5;
    let part = sealed_key().sealer(None).reserve_last(total).unwrap().seal(ramp(total)).unwrap();
    assert_eq!(part.crc64, checksum(CrcAlgorithm::Crc64Xz, &part.bytes));
    assert_eq!(open_all(sealed_key().opener(), &part.bytes).unwrap(), ramp(total));
}

#[test]
fn slots_that_do_not_make_an_object_are_refused() {
    let mut sealer = sealed_key().sealer(Some(CHUNK + 1));
    let declared = CHUNK + 1;
    assert_eq!(sealer.reserve_last(1).err(), Some(ContentError::OtherThanDeclared { declared, given: 1 }));
    let given = 2 * CHUNK;
    assert_eq!(sealer.reserve(given).err(), Some(ContentError::OtherThanDeclared { declared, given }));
    let slot = sealer.reserve(CHUNK).unwrap();
    assert_eq!(slot.stored_len(), STORED);
    let short = ContentError::SlotLength { reserved: CHUNK, given: CHUNK - 1 };
    assert_eq!(slot.seal(ramp(CHUNK - 1)), Err(short));
    let mut stream = sealer.into_stream();
    assert_eq!(stream.finish(), Err(ContentError::OtherThanDeclared { declared, given: CHUNK }));
}

/// Threads share an opener, and each opens chunks where they lie.
#[test]
fn an_opener_serves_many_threads() {
    let (total, stored) = (16 * CHUNK + 77, stored_of(16 * CHUNK + 77));
    let (opener, plain) = (sealed_key().opener(), ramp(total));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (opener, stored, plain) = (opener.clone(), &stored, &plain);
            scope.spawn(move || {
                for chunk in (0..17).filter(|chunk| chunk % 4 == thread) {
                    let mut bytes = stored.slice(at(chunk * STORED)..).to_vec();
                    bytes.truncate(at(STORED));
                    let opened = opener.open_at(chunk * STORED, &mut bytes).unwrap();
                    let start = at(chunk * CHUNK);
                    assert_eq!(bytes[..opened], plain[start..start + opened]);
                }
            });
        }
    });
    assert_eq!(opener.open_at(1, &mut [0; 16]), Err(ContentError::WithinChunk { offset: 1 }));
    let far = (1 << 38) * STORED;
    assert_eq!(opener.open_at(far, &mut [0; 16]), Err(ContentError::CounterOverflow));
}

/// A read of one byte takes one chunk, wherever it lies.
#[test]
fn one_byte_takes_one_chunk() {
    for byte in [0, CHUNK - 1, CHUNK, (1 << 30) - 1] {
        let StoredAsk::Bounded(asked) = layout().ask(&ByteRange::Bounded(byte..byte + 1)) else { panic!() };
        assert_eq!(asked.end - asked.start, STORED);
    }
}

#[test]
fn offsets_past_all_sizes_still_make_an_ask() {
    for start in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 52) + 1] {
        for range in [start..start, start..u64::MAX] {
            let StoredAsk::Bounded(asked) = layout().ask(&ByteRange::Bounded(range)) else { panic!() };
            assert!(asked.start < asked.end);
        }
    }
    assert_eq!(layout().ask(&ByteRange::Suffix(u64::MAX)), StoredAsk::Suffix(u64::MAX));
}
