//! Sealed objects of known keys, and a store that answers as the service does.

use bytes::{Bytes, BytesMut};
use osseal_core::dangerous::fixed_sealed_key;
use osseal_core::{ByteRange, ContentError, ContentKey, Opener, Reading, StoredAsk, Window};

/// Plaintext bytes of a whole chunk.
pub(crate) const CHUNK: u64 = 16_384;
/// Stored bytes of a whole chunk.
pub(crate) const STORED: u64 = 16_400;

/// The key of one object, the same each time: for tests that seal it once in several ways.
pub(crate) fn sealed_key() -> ContentKey {
    numbered_key(7)
}

/// The key of object `number`.
pub(crate) fn numbered_key(number: u8) -> ContentKey {
    fixed_sealed_key([number; 32], [9; 24], b"context").unwrap().0
}

/// Byte `i` is `i` mod 251.
pub(crate) fn ramp(len: u64) -> BytesMut {
    (0..=250_u8).cycle().take(usize::try_from(len).unwrap()).collect()
}

/// The stored bytes of `plain` plaintext bytes under [`sealed_key`].
pub(crate) fn stored_of(plain: u64) -> Bytes {
    seal(sealed_key(), ramp(plain))
}

pub(crate) fn seal(key: ContentKey, plain: BytesMut) -> Bytes {
    let mut sealer = key.sealer(None);
    sealer.reserve_last(plain.len() as u64).unwrap().seal(plain).unwrap().bytes
}

/// What a store that tells the truth answers: the part of the range that it has, or that there is none.
pub(crate) fn answer(stored: &Bytes, ask: &StoredAsk) -> Option<(Window, Bytes)> {
    let total = stored.len() as u64;
    let (start, end) = match ask {
        StoredAsk::Whole => (0, total),
        StoredAsk::From(start) => (*start, total),
        StoredAsk::Suffix(count) => (total.saturating_sub(*count), total),
        StoredAsk::Bounded(range) => (range.start, range.end.min(total)),
    };
    (start < end).then(|| {
        let slice = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        (Window { start, end, total }, stored.slice(slice))
    })
}

/// Reads the whole of a body in one reply.
pub(crate) fn open_all(opener: Opener, body: &[u8]) -> Result<Vec<u8>, ContentError> {
    open_in_pieces(opener, body, usize::MAX).1
}

/// The same in pieces; gives what was released, and how it ended.
pub(crate) fn open_in_pieces(
    opener: Opener,
    body: &[u8],
    piece: usize,
) -> (Vec<u8>, Result<Vec<u8>, ContentError>) {
    let mut released = Vec::new();
    let read = || {
        let reading = Reading::plan(opener.layout(), &ByteRange::Whole, Window::whole(body.len() as u64))?;
        let mut stream = reading.into_stream(opener);
        for piece in body.chunks(piece) {
            match stream.push(Bytes::copy_from_slice(piece)) {
                Ok(Some(chunk)) => released.extend_from_slice(&chunk.bytes),
                Ok(None) => {}
                Err(error) => {
                    // It stays failed, whatever comes.
                    assert_eq!(stream.push(Bytes::from_static(b"more")), Err(error));
                    assert!(!stream.is_complete());
                    assert_eq!(stream.finish(), Err(error));
                    return Err(error);
                }
            }
        }
        assert!(stream.is_complete());
        stream.finish()
    };
    let outcome = read();
    (released.clone(), outcome.map(|()| released))
}
