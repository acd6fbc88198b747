//! Sealing content: each stretch of an object once, in place, summed on the way.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

use super::chunked::{Chunked, PLAIN, STORED};
use super::gcm::TAG;
use super::parts::PartSlots;
use super::resume::{Digesting, PartDigest};
use super::{Cipher, ContentError, ContentKey};
use crate::layout::{Layout, PartPlan};

/// Bytes that AES/CTR seals and sums at a time: small enough that the checksum finds them in the cache.
const STRIDE: usize = 16 * 1024;
/// Chunks that are sealed before they are summed together (8 MiB): few enough for the last cache, and many enough that combining sums
/// does not count.
const GROUP: usize = 512;

/// Hands out consecutive stretches of one object, each once.
///
/// ```text
///   AES/CTR   any length that is a multiple of 16, then one of any length
///   sealed    multiples of 16,384, then exactly one that holds the last chunk: what is left, possibly nothing
/// ```
#[derive(Debug)]
pub struct Sealer {
    key: Arc<ContentKey>,
    plain_total: Option<u64>,
    plain_offset: u64,
    number: u32,
    ended: bool,
}

impl Sealer {
    pub(super) fn new(key: ContentKey, plain_total: Option<u64>) -> Sealer {
        Sealer { key: Arc::new(key), plain_total, plain_offset: 0, number: 0, ended: false }
    }

    /// Reserves the next `plain_len` bytes, after which others follow. A length that is no multiple of the suite's
    /// [`Layout::plain_unit`] makes it the last slot all the same.
    pub fn reserve(&mut self, plain_len: u64) -> Result<Slot, ContentError> {
        let is_last = !plain_len.is_multiple_of(self.layout().plain_unit());
        self.slot(plain_len, is_last)
    }

    /// Reserves the last `plain_len` bytes, none if that is 0. Every sealed object has a last slot, which holds the chunk that proves the
    /// end.
    pub fn reserve_last(&mut self, plain_len: u64) -> Result<Slot, ContentError> {
        self.slot(plain_len, true)
    }

    /// Cuts the object into the parts of a plan, which are then reserved in any order.
    ///
    /// # Errors
    /// [`ContentError::AfterLast`] when something was reserved before, [`ContentError::OtherThanDeclared`] when the plan is for an object of another
    /// length, [`ContentError::Layout`] when it cuts within the suite's unit or into more parts than the service takes.
    pub fn into_parts(self, plan: PartPlan) -> Result<PartSlots, ContentError> {
        if self.plain_offset > 0 || self.ended {
            return Err(ContentError::AfterLast { offset: self.plain_offset });
        }
        let slots = PartSlots::new(self.key, plan)?;
        match self.plain_total {
            Some(declared) if declared != slots.plain_total() => {
                Err(ContentError::OtherThanDeclared { declared, given: slots.plain_total() })
            }
            _ => Ok(slots),
        }
    }

    /// Seals everything from here to the end as it comes, in pieces of any size.
    ///
    /// The sealed bytes are not kept: what has left cannot be sent again.
    pub fn into_stream(self) -> SealStream {
        let stored = self.stored_offset();
        SealStream { sealer: self, crc: Digest::new(CrcAlgorithm::Crc64Xz), held: BytesMut::new(), stored }
    }

    /// Plaintext bytes reserved so far.
    pub const fn reserved(&self) -> u64 {
        self.plain_offset
    }

    fn layout(&self) -> Layout {
        self.key.suite.layout()
    }

    fn stored_offset(&self) -> u64 {
        self.plain_offset / self.layout().plain_unit() * self.layout().stored_unit()
    }

    fn slot(&mut self, plain_len: u64, is_last: bool) -> Result<Slot, ContentError> {
        if self.ended {
            return Err(ContentError::AfterLast { offset: self.plain_offset });
        }
        let offset = self.stored_offset();
        let stored_end = self.advance(plain_len, is_last)?;
        self.number += 1;
        let key = Arc::clone(&self.key);
        let place = SlotPlace { number: self.number, offset, plain_len, stored_len: stored_end - offset };
        Ok(Slot { key, place, expected: None })
    }

    /// Counts the next bytes as used; gives the stored bytes up to their end.
    fn advance(&mut self, plain_len: u64, is_last: bool) -> Result<u64, ContentError> {
        let given = self.plain_offset.checked_add(plain_len).ok_or(ContentError::CounterOverflow)?;
        let all = self.layout().stored_len(given).ok_or(ContentError::CounterOverflow)?;
        if let Some(declared) = self.plain_total
            && (given > declared || (is_last && given < declared))
        {
            return Err(ContentError::OtherThanDeclared { declared, given });
        }
        self.plain_offset = given;
        self.ended = is_last;
        Ok(if is_last { all } else { self.stored_offset() })
    }
}

/// A stretch of one object's key stream, to be used once.
#[must_use = "a reserved stretch that is not sealed leaves a hole in the object"]
#[derive(Debug)]
pub struct Slot {
    key: Arc<ContentKey>,
    place: SlotPlace,
    /// What a former process recorded of the bytes that it sealed here.
    expected: Option<PartDigest>,
}

/// Where a slot lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotPlace {
    /// Position among the object's parts, from 1.
    pub(super) number: u32,
    /// Of the first stored byte.
    pub(super) offset: u64,
    pub(super) plain_len: u64,
    pub(super) stored_len: u64,
}

/// Stored bytes with their place. Sending them again is safe; sealing again is impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPart {
    /// Position among the object's parts, from 1.
    pub number: u32,
    /// Offset of the first byte, in stored bytes.
    pub offset: u64,
    /// The stored bytes.
    pub bytes: Bytes,
    /// CRC-64/XZ of `bytes`.
    pub crc64: u64,
}

impl Slot {
    pub(super) fn new(key: Arc<ContentKey>, place: SlotPlace, expected: Option<PartDigest>) -> Slot {
        Slot { key, place, expected }
    }

    /// Position among the object's parts, from 1.
    pub const fn number(&self) -> u32 {
        self.place.number
    }

    /// Plaintext bytes that this slot takes.
    pub const fn plain_len(&self) -> u64 {
        self.place.plain_len
    }

    /// Stored bytes that it makes. A buffer with this capacity is sealed where it lies.
    pub const fn stored_len(&self) -> u64 {
        self.place.stored_len
    }

    /// Seals `plain` in place; its length is the slot's.
    ///
    /// # Errors
    /// [`ContentError::SlotLength`]; of a slot that a former process used, [`ContentError::OtherThanRecorded`]. The slot is used up all the same.
    pub fn seal(self, plain: BytesMut) -> Result<SealedPart, ContentError> {
        if self.expected.is_some() {
            return self.seal_digested(plain).map(|(part, _)| part);
        }
        self.seal_hashing(plain, None)
    }

    /// The same, with the digest by which another process can tell that it would seal the same bytes. It takes a key that was made for that. Of AES/CTR the
    /// digest is a pass over the plaintext, of a sealed object one over its tags.
    ///
    /// # Errors
    /// As [`Slot::seal`], and [`ContentError::NotResumable`].
    pub fn seal_digested(self, plain: BytesMut) -> Result<(SealedPart, PartDigest), ContentError> {
        let mut digest = self.key.resume.as_ref().ok_or(ContentError::NotResumable)?.begin(self.place.number);
        let (number, expected) = (self.place.number, self.expected);
        let part = self.seal_hashing(plain, Some(&mut digest))?;
        let digest = digest.finish();
        match expected {
            Some(expected) if expected != digest => Err(ContentError::OtherThanRecorded { number }),
            _ => Ok((part, digest)),
        }
    }

    fn seal_hashing(
        self,
        mut plain: BytesMut,
        digest: Option<&mut Digesting>,
    ) -> Result<SealedPart, ContentError> {
        let SlotPlace { number, offset, plain_len, stored_len } = self.place;
        let given = plain.len() as u64;
        let other = ContentError::SlotLength { reserved: plain_len, given };
        if given != plain_len {
            return Err(other);
        }
        let crc64 = match &self.key.cipher {
            Cipher::Ctr(_) | Cipher::None => {
                let mut crc = Digest::new(CrcAlgorithm::Crc64Xz);
                seal_and_sum(&self.key, offset, &mut plain, &mut crc, digest)?;
                crc.finalize()
            }
            Cipher::Chunked(chunked) => {
                let first = offset / STORED as u64;
                let stored = usize::try_from(stored_len).map_err(|_| other)?;
                let crc64 = seal_chunks(chunked, first, &mut plain, stored)?;
                if let Some(digest) = digest {
                    plain.chunks(STORED).for_each(|chunk| digest.update(&chunk[chunk.len() - TAG..]));
                }
                crc64
            }
        };
        Ok(SealedPart { number, offset, bytes: plain.freeze(), crc64 })
    }
}

/// Seals a body of unknown length, each byte once.
pub struct SealStream {
    sealer: Sealer,
    crc: Digest,
    /// Plaintext that does not make a chunk yet.
    held: BytesMut,
    stored: u64,
}

impl SealStream {
    /// Seals the next bytes in place and gives back what can be stored of them and of those before; possibly nothing yet.
    pub fn push(&mut self, mut plain: BytesMut) -> Result<Bytes, ContentError> {
        if self.sealer.ended {
            return Err(ContentError::AfterLast { offset: self.sealer.plain_offset });
        }
        if matches!(self.sealer.key.cipher, Cipher::Chunked(_)) {
            if !self.held.is_empty() {
                self.held.unsplit(plain);
                plain = std::mem::take(&mut self.held);
            }
            let whole = plain.len() / PLAIN * PLAIN;
            self.held = BytesMut::from(&plain[whole..]);
            plain.truncate(whole);
        }
        self.seal(plain, false)
    }

    /// Says that the body has ended; gives the last bytes to store, none under AES/CTR. Nothing can be pushed after it.
    ///
    /// # Errors
    /// [`ContentError::OtherThanDeclared`] when the body is shorter than declared: what was stored is no whole object.
    pub fn finish(&mut self) -> Result<Bytes, ContentError> {
        if self.sealer.ended {
            return Err(ContentError::AfterLast { offset: self.sealer.plain_offset });
        }
        let last = std::mem::take(&mut self.held);
        self.seal(last, true)
    }

    /// Plaintext bytes taken so far.
    pub fn plain(&self) -> u64 {
        self.sealer.plain_offset + self.held.len() as u64
    }

    /// Stored bytes given out so far.
    pub const fn stored(&self) -> u64 {
        self.stored
    }

    /// CRC-64/XZ of all stored bytes given out.
    pub fn crc64(&self) -> u64 {
        self.crc.finalize()
    }

    fn seal(&mut self, mut plain: BytesMut, is_last: bool) -> Result<Bytes, ContentError> {
        // Taken before sealing: after an error the stretch counts as used.
        let (offset, start) = (self.sealer.stored_offset(), self.sealer.plain_offset);
        let end = self.sealer.advance(plain.len() as u64, is_last)?;
        match &self.sealer.key.cipher {
            Cipher::Ctr(_) | Cipher::None => {
                seal_and_sum(&self.sealer.key, start, &mut plain, &mut self.crc, None)?;
            }
            Cipher::Chunked(chunked) => {
                let stored = usize::try_from(end - offset).map_err(|_| ContentError::CounterOverflow)?;
                seal_chunks(chunked, offset / STORED as u64, &mut plain, stored)?;
                self.crc.update(&plain);
            }
        }
        self.stored += plain.len() as u64;
        Ok(plain.freeze())
    }
}

impl std::fmt::Debug for SealStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealStream").field("sealer", &self.sealer).finish_non_exhaustive()
    }
}

/// One pass over memory: each stride is digested if that is wanted, sealed and, while still in the cache, summed.
fn seal_and_sum(
    key: &ContentKey,
    offset: u64,
    buf: &mut [u8],
    crc: &mut Digest,
    mut digest: Option<&mut Digesting>,
) -> Result<(), ContentError> {
    let mut at = offset;
    for stride in buf.chunks_mut(STRIDE) {
        if let Some(digest) = &mut digest {
            digest.update(stride);
        }
        match &key.cipher {
            Cipher::Ctr(ctr) => ctr.seal_at(at, stride)?,
            Cipher::None => {}
            Cipher::Chunked(_) => return Err(ContentError::OtherSuite),
        }
        crc.update(stride);
        at += stride.len() as u64;
    }
    Ok(())
}

/// Seals the chunks of `plain`, which becomes `stored` bytes long, and sums them.
///
/// Tags come between chunks, so each chunk moves back by those of the chunks before it. From the last chunk to the first nothing
/// is overwritten, a chunk moves while it is in the cache, and no second buffer is needed. Sums go forward within a group of chunks.
fn seal_chunks(key: &Chunked, first: u64, buf: &mut BytesMut, stored: usize) -> Result<u64, ContentError> {
    let plain = buf.len();
    buf.resize(stored, 0);
    let chunks = stored.div_ceil(STORED);
    let (mut sum, mut summed) = (0, 0);
    for group in (0..chunks).step_by(GROUP).rev() {
        let end = chunks.min(group + GROUP);
        for k in (group..end).rev() {
            key.seal_at(first, k, PLAIN.min(plain - k * PLAIN), buf)?;
        }
        let bytes = &buf[group * STORED..stored.min(end * STORED)];
        let here = crc_fast::checksum(CrcAlgorithm::Crc64Xz, bytes);
        sum = if summed == 0 { here } else { checksum_combine(CrcAlgorithm::Crc64Xz, here, sum, summed) };
        summed += bytes.len() as u64;
    }
    Ok(sum)
}
