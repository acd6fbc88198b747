//! The keystream ledger: what every body ever received looked like, byte position by byte position.
//!
//! A stream cipher must never encrypt two texts with one stretch of its key stream. The store is where both texts of such an
//! accident arrive, also those of uploads that were refused, cut off or overwritten, so in test mode the service writes down
//! every one. It holds no keys: whether two bodies share a key stream is for whoever can open their envelopes to say, whether
//! they differ where they overlap is said by [`conflicts`].
//!
//! ```text
//! absolute offset  0            64 KiB         128 KiB        192 KiB
//! body                  |== window ==|=== window ===|= window =|        cut at absolute multiples of 64 KiB
//! pieces of a window    |r|d|d|d … d|                        |r|        cut at absolute multiples of 1 KiB
//! ```
//! A piece is a digest (d) of a whole KiB, or raw bytes (r): stretches below a KiB, and the first KiB of a body, so that a body
//! that was cut off within it can still be compared.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256, digest};
use bytes::Bytes;

/// Length of a window, bytes.
pub const WINDOW: u64 = 64 << 10;
/// Length of a piece, bytes.
pub const PIECE: u64 = 1 << 10;

/// Every body received, in the order in which they ended. Clones share one book.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<BodyRecord>>>);

/// One body of a `PutObject` or `UploadPart`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRecord {
    /// The bucket it was sent to.
    pub bucket: String,
    /// The key it was sent to.
    pub key: String,
    /// The upload it was a part of.
    pub upload_id: Option<String>,
    /// Its part number.
    pub part_number: Option<u32>,
    /// The envelope it was encrypted under: all headers of the encryption families, of the request or of its upload, by
    /// their full lower-case names.
    pub envelope: Vec<(String, Vec<u8>)>,
    /// Absolute offset of its first byte in the stored object. For a part (number − 1) × the upload's declared part size.
    pub stored_start: u64,
    /// Its bytes, as far as they arrived.
    pub windows: Vec<Window>,
    /// Whether it arrived whole. Says nothing about whether it was stored.
    pub complete: bool,
}

impl BodyRecord {
    /// How many bytes arrived.
    pub fn received(&self) -> u64 {
        self.windows.iter().map(|window| window.len).sum()
    }
}

/// A stretch of a body within one aligned window of 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Absolute offset of its first byte.
    pub start: u64,
    /// Its length, bytes.
    pub len: u64,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// Its bytes, cut at absolute multiples of a KiB.
    pub pieces: Vec<Piece>,
}

/// A stretch of a window within one aligned KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The bytes.
    Raw(Bytes),
    /// The first eight bytes of SHA-256 of a whole KiB.
    Digest([u8; 8]),
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// All bodies that have ended: arrived whole, broken off, or given up by the service.
    pub fn records(&self) -> Vec<BodyRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the record of a body that is about to be read. It is entered when the recording is dropped.
    pub(crate) fn open(&self, subject: Subject) -> Recording {
        let position = subject.stored_start;
        let record = BodyRecord {
            bucket: subject.bucket,
            key: subject.key,
            upload_id: subject.upload_id,
            part_number: subject.part_number,
            envelope: subject.envelope,
            stored_start: position,
            windows: Vec::new(),
            complete: false,
        };
        Recording { ledger: self.clone(), record: Some(record), open: None, piece: Vec::new(), position }
    }
}

/// Finds the first stored offset at which two bodies certainly differ: the byte where both are known raw, else the start of
/// the KiB that differs. `None` when they agree, or cannot be compared, wherever both have bytes.
///
/// Uncertain, and so never reported, is only a stretch below a KiB at the end or start of one body that lies beyond the
/// first KiB of the other. Whether the two were encrypted under one key is not asked here.
pub fn conflicts(a: &BodyRecord, b: &BodyRecord) -> Option<u64> {
    let (mut left, mut right) = (a.windows.iter().peekable(), b.windows.iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        match (one.start / WINDOW).cmp(&(other.start / WINDOW)) {
            std::cmp::Ordering::Less => drop(left.next()),
            std::cmp::Ordering::Greater => drop(right.next()),
            std::cmp::Ordering::Equal => {
                if let Some(offset) = one.differs(other) {
                    return Some(offset);
                }
                left.next();
                right.next();
            }
        }
    }
    None
}

impl Window {
    fn differs(&self, other: &Window) -> Option<u64> {
        if self.start == other.start && self.len == other.len && self.digest == other.digest {
            return None;
        }
        let theirs: Vec<_> = other.placed().collect();
        self.placed().find_map(|(start, piece)| {
            let (at, same_place) = theirs.iter().find(|(at, _)| at / PIECE == start / PIECE)?;
            piece.differs(start, same_place, *at)
        })
    }

    /// The pieces with their absolute offsets.
    fn placed(&self) -> impl Iterator<Item = (u64, &Piece)> {
        self.pieces.iter().scan(self.start, |next, piece| {
            let start = *next;
            *next = (start / PIECE + 1) * PIECE;
            Some((start, piece))
        })
    }
}

impl Piece {
    fn differs(&self, start: u64, other: &Piece, at: u64) -> Option<u64> {
        if let (Piece::Raw(one), Piece::Raw(two)) = (self, other) {
            let from = start.max(at);
            let one = one.iter().skip(index(from - start));
            let two = two.iter().skip(index(from - at));
            return (from..).zip(one.zip(two)).find(|(_, (x, y))| x != y).map(|(offset, _)| offset);
        }
        match (self.short(), other.short()) {
            (Some(one), Some(two)) if one != two => Some(start.min(at)),
            _ => None,
        }
    }

    /// The digest, where the piece is a whole KiB.
    fn short(&self) -> Option<[u8; 8]> {
        match self {
            Piece::Digest(short) => Some(*short),
            Piece::Raw(bytes) if bytes.len() as u64 == PIECE => Some(short(bytes)),
            Piece::Raw(_) => None,
        }
    }
}

/// Whether a header, by its full lower-case name, belongs to an envelope, also to one of the older family.
pub(crate) fn is_envelope(name: &str) -> bool {
    ["x-oss-meta-client-side-encryption-", "x-oss-meta-oss-crypto-"]
        .iter()
        .any(|family| name.starts_with(family))
}

/// What is known about a body before its first byte.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) upload_id: Option<String>,
    pub(crate) part_number: Option<u32>,
    pub(crate) envelope: Vec<(String, Vec<u8>)>,
    pub(crate) stored_start: u64,
}

/// The record of a body while it arrives.
pub(crate) struct Recording {
    ledger: Ledger,
    record: Option<BodyRecord>,
    open: Option<OpenWindow>,
    piece: Vec<u8>,
    position: u64,
}

struct OpenWindow {
    start: u64,
    sha: Context,
    pieces: Vec<Piece>,
}

impl Recording {
    /// The next bytes of the body.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = index(PIECE - self.position % PIECE);
            let (head, rest) = bytes.split_at(room.min(bytes.len()));
            let start = self.position;
            let window = self.open.get_or_insert_with(|| OpenWindow {
                start,
                sha: Context::new(&SHA256),
                pieces: Vec::new(),
            });
            window.sha.update(head);
            self.piece.extend_from_slice(head);
            self.position = self.position.saturating_add(head.len() as u64);
            if self.position.is_multiple_of(PIECE) {
                self.end_piece();
            }
            if self.position.is_multiple_of(WINDOW) {
                self.end_window();
            }
            bytes = rest;
        }
    }

    /// The body has arrived whole.
    pub(crate) fn complete(mut self) {
        if let Some(record) = &mut self.record {
            record.complete = true;
        }
    }

    fn end_piece(&mut self) {
        let (Some(window), Some(record)) = (&mut self.open, &self.record) else { return };
        if self.piece.is_empty() {
            return;
        }
        let start = self.position - self.piece.len() as u64;
        let whole = self.piece.len() as u64 == PIECE;
        let piece = if whole && start - record.stored_start >= PIECE {
            Piece::Digest(short(&self.piece))
        } else {
            Piece::Raw(Bytes::copy_from_slice(&self.piece))
        };
        window.pieces.push(piece);
        self.piece.clear();
    }

    fn end_window(&mut self) {
        let (Some(window), Some(record)) = (self.open.take(), &mut self.record) else { return };
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(window.sha.finish().as_ref());
        record.windows.push(Window {
            start: window.start,
            len: self.position - window.start,
            digest: sha256,
            pieces: window.pieces,
        });
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.end_piece();
        self.end_window();
        if let Some(record) = self.record.take() {
            self.ledger.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        }
    }
}

fn short(bytes: &[u8]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..8]);
    short
}

/// A length below a window as an index.
fn index(length: u64) -> usize {
    usize::try_from(length).expect("at most a window long")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(length: usize, shift: usize) -> Vec<u8> {
        (0..length).map(|i| u8::try_from((i + shift) % 251).expect("below 251")).collect()
    }

    fn body(stored_start: u64, bytes: &[u8], chunk: usize) -> BodyRecord {
        let ledger = Ledger::new();
        let mut recording = ledger.open(Subject {
            bucket: "b".into(),
            key: "k".into(),
            upload_id: None,
            part_number: None,
            envelope: Vec::new(),
            stored_start,
        });
        for piece in bytes.chunks(chunk) {
            recording.update(piece);
        }
        drop(recording);
        ledger.records().remove(0)
    }

    #[test]
    fn the_way_a_body_is_cut_into_chunks_leaves_no_trace() {
        let bytes = ramp(200_000, 0);
        let whole = body(4096 + 16, &bytes, bytes.len());
        assert_eq!(whole.received(), 200_000);
        assert_eq!(whole.windows.len(), 4);
        assert!(whole.windows.iter().skip(1).all(|window| window.start % WINDOW == 0));
        for chunk in [1, 7, 1024, 65_536, 70_001] {
            assert_eq!(body(4096 + 16, &bytes, chunk), whole);
        }
    }

    #[test]
    fn equal_bytes_at_equal_places_never_conflict() {
        let bytes = ramp(150_000, 0);
        for (from, to) in
            [(0, 150_000), (0, 1), (0, 1023), (0, 65_537), (16, 150_000), (65_536, 99_999), (70_000, 70_016)]
        {
            let other = body(from as u64, &bytes[from..to], 4096);
            assert_eq!(conflicts(&body(0, &bytes, 4096), &other), None, "{from}..{to}");
            assert_eq!(conflicts(&other, &body(0, &bytes, 4096)), None, "{from}..{to}");
        }
    }

    #[test]
    fn a_planted_conflict_is_found_at_every_depth() {
        let bytes = ramp(150_000, 0);
        for place in [0, 5, 1023, 1024, 65_535, 65_536, 130_000, 149_999] {
            let mut other = bytes.clone();
            other[place] ^= 1;
            let found = conflicts(&body(0, &bytes, 4096), &body(0, &other, 4096)).expect("a conflict");
            let place = place as u64;
            assert!(found <= place && place < found + PIECE, "{found} for {place}");
        }
    }

    #[test]
    fn a_body_cut_short_is_compared_as_far_as_it_came() {
        let (one, two) = (ramp(150_000, 0), ramp(150_000, 1));
        for cut in [1, 2, 700, 1023, 1024, 1500, 70_000] {
            assert_eq!(conflicts(&body(0, &one, 4096), &body(0, &two[..cut], 4096)), Some(0), "cut at {cut}");
            assert_eq!(
                conflicts(&body(0, &one[..cut], 4096), &body(0, &two[..cut], 4096)),
                Some(0),
                "cut at {cut}"
            );
        }
        assert_eq!(conflicts(&body(0, &one, 4096), &body(0, &[], 1)), None);
    }

    #[test]
    fn bodies_that_do_not_overlap_do_not_conflict() {
        let (one, two) = (ramp(100_000, 0), ramp(100_000, 1));
        assert_eq!(conflicts(&body(0, &one, 4096), &body(100_000, &two, 4096)), None);
        assert_eq!(conflicts(&body(0, &one[..4000], 4096), &body(4000, &two[..16], 4096)), None);
        assert!(
            conflicts(&body(0, &one, 4096), &body(99_000, &two, 4096)).is_some(),
            "the last whole KiB overlaps"
        );
    }
}
