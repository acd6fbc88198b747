//! Sealing and opening content.
//!
//! ```text
//!   ContentKey ─► Sealer ─ reserve(len) ─► Slot ─ seal(buf) ─► SealedPart { number, offset, bytes, crc64 }
//!              └► Opener ─ open_at(offset, buf)                stored bytes with their place
//!                     └─ OpenStream ─ push(stored) ─► Chunk { offset, bytes }
//! ```
//!
//! Two plaintexts under one position of a key stream reveal both. A [`Slot`] is a stretch of positions that is handed out
//! once and consumed by sealing; whoever must send again sends the same [`SealedPart`].

mod ctr;
mod open;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest};

use crate::layout::Layout;
use crate::secret::Secret;
use crate::suite::Suite;
use ctr::Ctr;

pub use ctr::ctr_iv;
pub use open::{Chunk, OpenStream};

/// Bytes sealed and summed at a time: small enough that the checksum finds them in the cache.
const STRIDE: usize = 16 * 1024;

/// Why content could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The data key has another length than 32 bytes, or the cipher library refused.
    #[error("the cipher library refused to work with this key")]
    Cipher,
    /// The block counter would pass 2^128.
    #[error("the block counter would overflow: the object's initial counter leaves no room for this offset")]
    CounterOverflow,
    /// The buffer is not as long as the slot.
    #[error("a slot of {reserved} bytes was given {given} bytes")]
    SlotLength {
        /// Bytes reserved.
        reserved: u64,
        /// Bytes given.
        given: u64,
    },
    /// A slot was reserved after one that was not a multiple of the suite's unit, which only the last may be.
    #[error("no slot can follow the last one, which ended at byte {offset}")]
    AfterLast {
        /// Where the last slot ended.
        offset: u64,
    },
    /// The slots together would be longer than declared.
    #[error("{given} bytes were given for an object declared to have {declared}")]
    PastDeclared {
        /// Declared plaintext bytes.
        declared: u64,
        /// Bytes with the refused slot.
        given: u64,
    },
    /// The stored bytes ended early.
    #[error("the stored bytes end at {end}, before {wanted}")]
    Truncated {
        /// Where the bytes ended.
        end: u64,
        /// Where they should end.
        wanted: u64,
    },
    /// More stored bytes came than the reply announced.
    #[error("stored bytes go on past {wanted}, where they should end")]
    Overlong {
        /// Where they should end.
        wanted: u64,
    },
}

/// The unwrapped key of one object's content, ready to seal or to open.
///
/// Not `Clone`: sealing consumes it. The cipher's key schedule is wiped by the library when dropped.
pub struct ContentKey {
    suite: Suite,
    cipher: Cipher,
}

enum Cipher {
    Ctr(Ctr),
}

impl ContentKey {
    /// A key for [`Suite::AesCtr`].
    ///
    /// `data_key` has 32 bytes; `iv` is the counter of block 0, 128 bits, big-endian.
    pub fn aes_ctr(data_key: &Secret, iv: [u8; 16]) -> Result<Self, ContentError> {
        Ok(ContentKey { suite: Suite::AesCtr, cipher: Cipher::Ctr(Ctr::new(data_key, iv)?) })
    }

    /// The suite that this key seals and opens.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Begins to seal an object of `plain_total` plaintext bytes, if that is known.
    pub fn sealer(self, plain_total: Option<u64>) -> Sealer {
        Sealer { key: Arc::new(self), plain_total, plain_offset: 0, number: 0, ended: false }
    }

    /// Opens content. Any number of readers may share it.
    pub fn opener(self) -> Opener {
        Opener { key: Some(Arc::new(self)) }
    }

    fn seal_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ContentError> {
        match &self.cipher {
            Cipher::Ctr(ctr) => ctr.seal_at(offset, buf),
        }
    }
}

impl std::fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Hands out consecutive stretches of one object, each once.
#[derive(Debug)]
pub struct Sealer {
    key: Arc<ContentKey>,
    plain_total: Option<u64>,
    plain_offset: u64,
    number: u32,
    ended: bool,
}

impl Sealer {
    /// Reserves the next `plain_len` bytes. Every slot but the last holds a multiple of the suite's unit.
    pub fn reserve(&mut self, plain_len: u64) -> Result<Slot, ContentError> {
        if self.ended {
            return Err(ContentError::AfterLast { offset: self.plain_offset });
        }
        let end = self.plain_offset.checked_add(plain_len).ok_or(ContentError::CounterOverflow)?;
        if let Some(declared) = self.plain_total
            && end > declared
        {
            return Err(ContentError::PastDeclared { declared, given: end });
        }
        let layout = self.layout();
        self.ended = !plain_len.is_multiple_of(layout.plain_unit()) || self.plain_total == Some(end);
        let offset = self.plain_offset / layout.plain_unit() * layout.stored_unit();
        self.number += 1;
        self.plain_offset = end;
        Ok(Slot { key: Arc::clone(&self.key), number: self.number, offset, plain_len })
    }

    /// Seals everything from here to the end as it comes, in pieces of any size.
    ///
    /// The sealed bytes are not kept: what has left cannot be sent again.
    pub fn into_stream(self) -> SealStream {
        SealStream { sealer: self, crc: Digest::new(CrcAlgorithm::Crc64Xz) }
    }

    /// Plaintext bytes reserved so far.
    pub const fn reserved(&self) -> u64 {
        self.plain_offset
    }

    fn layout(&self) -> Layout {
        self.key.suite.layout()
    }
}

/// A stretch of one object's key stream, to be used once.
#[must_use = "a reserved stretch that is not sealed leaves a hole in the object"]
#[derive(Debug)]
pub struct Slot {
    key: Arc<ContentKey>,
    number: u32,
    offset: u64,
    plain_len: u64,
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
    /// Plaintext bytes that this slot takes.
    pub const fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// Seals `plain` in place; its length is the slot's.
    pub fn seal(self, mut plain: BytesMut) -> Result<SealedPart, ContentError> {
        let given = plain.len() as u64;
        if given != self.plain_len {
            return Err(ContentError::SlotLength { reserved: self.plain_len, given });
        }
        let mut crc = Digest::new(CrcAlgorithm::Crc64Xz);
        seal_and_sum(&self.key, self.offset, &mut plain, &mut crc)?;
        Ok(SealedPart {
            number: self.number,
            offset: self.offset,
            bytes: plain.freeze(),
            crc64: crc.finalize(),
        })
    }
}

/// Seals a body of unknown length, each byte once.
pub struct SealStream {
    sealer: Sealer,
    crc: Digest,
}

impl SealStream {
    /// Seals the next bytes in place and gives them back, stored.
    pub fn push(&mut self, mut plain: BytesMut) -> Result<Bytes, ContentError> {
        let start = self.sealer.plain_offset;
        let end = start.checked_add(plain.len() as u64).ok_or(ContentError::CounterOverflow)?;
        // Taken before sealing: after an error the stretch counts as used.
        self.sealer.plain_offset = end;
        seal_and_sum(&self.sealer.key, start, &mut plain, &mut self.crc)?;
        Ok(plain.freeze())
    }

    /// Stored bytes given out so far.
    pub const fn stored(&self) -> u64 {
        self.sealer.plain_offset
    }

    /// CRC-64/XZ of all stored bytes given out.
    pub fn crc64(&self) -> u64 {
        self.crc.finalize()
    }
}

impl std::fmt::Debug for SealStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealStream").field("sealer", &self.sealer).finish_non_exhaustive()
    }
}

/// One pass over memory: each stride is sealed and, while still in the cache, summed.
fn seal_and_sum(key: &ContentKey, offset: u64, buf: &mut [u8], crc: &mut Digest) -> Result<(), ContentError> {
    let mut at = offset;
    for stride in buf.chunks_mut(STRIDE) {
        key.seal_at(at, stride)?;
        crc.update(stride);
        at += stride.len() as u64;
    }
    Ok(())
}

/// Opens stored bytes of one object. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Opener {
    /// None opens what is not sealed, see [`crate::dangerous`].
    key: Option<Arc<ContentKey>>,
}

impl Opener {
    /// An opener of what is not sealed; made by [`crate::dangerous::plaintext_opener`].
    pub(crate) const fn plaintext() -> Opener {
        Opener { key: None }
    }

    /// The suite of the content; none when it is not sealed.
    pub fn suite(&self) -> Option<Suite> {
        self.key.as_ref().map(|key| key.suite)
    }

    /// Opens `buf`, which holds the stored bytes at byte `offset`, in place.
    pub fn open_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ContentError> {
        match self.key.as_ref().map(|key| &key.cipher) {
            Some(Cipher::Ctr(ctr)) => ctr.open_at(offset, buf),
            None => Ok(()),
        }
    }
}
