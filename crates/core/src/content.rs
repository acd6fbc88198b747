//! Sealing and opening content.
//!
//! ```text
//!   ContentKey ─► Sealer ─ reserve(len) ─► Slot ─ seal(buf) ─► SealedPart { number, offset, bytes, crc64 }
//!              │      └► PartSlots ─ take(number) ─┘
//!              └► Opener ─ open_at(offset, buf)                stored bytes with their place
//!                     └─ OpenStream ─ push(stored) ─► Chunk { offset, bytes }
//! ```
//!
//! Two plaintexts under one position of a key stream reveal both, and two under one nonce of AES-GCM also allow
//! forgeries. A [`Slot`] is a range of positions that is handed out once and consumed by sealing. A retry sends the same
//! [`SealedPart`] again.

mod chunked;
mod ctr;
mod gcm;
mod open;
mod parts;
mod resume;
mod seal;

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::layout::{Layout, LayoutError};
use crate::range::RangeError;
use crate::secret::{Secret, on_wiped_stack};
use crate::suite::Suite;
use chunked::Chunked;
use ctr::Ctr;
use resume::ResumeKey;

pub use chunked::{COMMITMENT, SALT};
pub use ctr::ctr_iv;
pub use open::{Chunk, OpenStream};
pub use parts::{PartSlots, PastPart};
pub use resume::PartDigest;
pub use seal::{SealStream, SealedPart, Sealer, Slot};

/// Why content could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The data key has another length than 32 bytes, or the cipher library refused.
    #[error("the cipher library refused to work with this key")]
    Cipher,
    /// The block counter would pass 2^128, or the chunks 2^38.
    #[error("the counter would overflow: one key cannot cover an object that reaches this offset")]
    CounterOverflow,
    /// The buffer is not as long as the slot.
    #[error("a slot of {reserved} bytes was given {given} bytes")]
    SlotLength {
        /// Bytes reserved.
        reserved: u64,
        /// Bytes given.
        given: u64,
    },
    /// A slot was reserved after one that was not a multiple of the suite's unit, which only the last slot may be.
    #[error("no slot can follow the last one, which ended at byte {offset}")]
    AfterLast {
        /// Where the last slot ended.
        offset: u64,
    },
    /// A part was asked for that the plan does not have.
    #[error("there is no part {number}: the object has parts 1 to {parts}")]
    NoSuchPart {
        /// The part's number.
        number: u32,
        /// Number of parts.
        parts: u32,
    },
    /// A part was asked for a second time.
    #[error("part {number} was taken already, and no part is sealed twice: send again what was sealed")]
    PartTaken {
        /// The part's number.
        number: u32,
    },
    /// A part has other sealed bytes than a previous process recorded. They are withheld: the previous bytes may have been sent under the same key.
    #[error("part {number} is not what it was when it was first sealed; begin again with a fresh data key")]
    OtherThanRecorded {
        /// The part's number.
        number: u32,
    },
    /// The key was not made for digests of parts.
    #[error("this content key was not made to be resumed")]
    NotResumable,
    /// The slots together are longer or shorter than declared.
    #[error("{given} bytes were given for an object declared to have {declared}")]
    OtherThanDeclared {
        /// Declared plaintext bytes.
        declared: u64,
        /// Bytes given, with the refused slot.
        given: u64,
    },
    /// A chunk does not open. Nothing of it is released.
    #[error(
        "chunk {chunk} does not open: its stored bytes were changed, moved, cut or made for another object"
    )]
    IntegrityFailed {
        /// Number of the chunk, from 0.
        chunk: u64,
    },
    /// The stored bytes do not begin with a chunk.
    #[error("stored byte {offset} lies within a chunk, and chunks open whole")]
    WithinChunk {
        /// Where the bytes begin.
        offset: u64,
    },
    /// The derived commitment is not the stored one.
    #[error(
        "the data key, salt or context is not the one this object was sealed with: the commitment differs"
    )]
    CommitmentFailed,
    /// The last chunk has not been opened, so that nothing proves how long the object is.
    #[error("the end of the object has not been proven: its last chunk was not opened")]
    EndUnproven,
    /// Two replies of one read tell different lengths.
    #[error("the store said {first} stored bytes, and then {second}")]
    OtherTotal {
        /// Stored bytes by the first reply.
        first: u64,
        /// Stored bytes by the second.
        second: u64,
    },
    /// The read was planned for another suite than the key's.
    #[error("the read was planned for another suite than the key's")]
    OtherSuite,
    /// The range cannot be released, and that is proven as far as the suite can.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The plan of parts does not fit the suite.
    #[error(transparent)]
    Layout(#[from] LayoutError),
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
/// Not `Clone`: sealing consumes it. `docs/threat-model.md` lists the parts that are wiped on drop.
pub struct ContentKey {
    suite: Suite,
    cipher: Cipher,
    /// Of keys that were made for it alone.
    resume: Option<ResumeKey>,
}

enum Cipher {
    /// Stored bytes are plaintext bytes, see [`crate::dangerous::plaintext_sealer`].
    None,
    Ctr(Box<Ctr>),
    Chunked(Box<Chunked>),
}

impl ContentKey {
    /// A key for [`Suite::AesCtr`].
    ///
    /// `data_key` has 32 bytes; `iv` is the counter of block 0, 128 bits, big-endian.
    pub fn aes_ctr(data_key: &Secret, iv: [u8; 16]) -> Result<Self, ContentError> {
        let ctr = on_wiped_stack(|| Ctr::new(data_key, iv).map(Box::new))?;
        Ok(ContentKey { suite: Suite::AesCtr, cipher: Cipher::Ctr(ctr), resume: None })
    }

    /// A key for [`Suite::Sealed`], with the commitment to its derivation.
    ///
    /// `data_key` has 32 bytes. Every salt is used with a data key once.
    pub(crate) fn sealed(
        data_key: &Secret,
        salt: &[u8; SALT],
        context: &[u8],
    ) -> Result<(Self, [u8; COMMITMENT]), ContentError> {
        let (chunked, commitment) = on_wiped_stack(|| {
            let (chunked, commitment) = Chunked::derive(data_key, salt, context)?;
            Ok::<_, ContentError>((Box::new(chunked), commitment))
        })?;
        let cipher = Cipher::Chunked(chunked);
        Ok((ContentKey { suite: Suite::Sealed, cipher, resume: None }, commitment))
    }

    /// The key of an object that was sealed, if `commitment` is to this key, salt and context.
    pub(crate) fn committed(
        data_key: &Secret,
        salt: &[u8; SALT],
        context: &[u8],
        commitment: &[u8; COMMITMENT],
    ) -> Result<Self, ContentError> {
        let (key, derived) = Self::sealed(data_key, salt, context)?;
        verify_slices_are_equal(&derived, commitment).map_err(|_| ContentError::CommitmentFailed)?;
        Ok(key)
    }

    /// Makes the key digest parts, see [`Slot::seal_digested`]. `start` is the salt of a sealed object or the initial counter of AES-CTR.
    pub(crate) fn resumable(self, data_key: &Secret, start: &[u8]) -> Result<Self, ContentError> {
        Ok(ContentKey { resume: Some(ResumeKey::derive(data_key, start)?), ..self })
    }

    /// No key, in the layout of AES-CTR. Outside this crate it exists as a [`Sealer`] only, which names no suite.
    pub(crate) const fn none() -> Self {
        ContentKey { suite: Suite::AesCtr, cipher: Cipher::None, resume: None }
    }

    /// The suite that this key seals and opens.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Begins to seal an object of `plain_total` plaintext bytes, if that is known.
    pub fn sealer(self, plain_total: Option<u64>) -> Sealer {
        Sealer::new(self, plain_total)
    }

    /// Opens content. Any number of readers may share it.
    pub fn opener(self) -> Opener {
        Opener { key: Some(Arc::new(self)) }
    }
}

impl std::fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Opens stored bytes of one object. Clones are cheap; any number of threads may use one at the same time.
#[derive(Clone, Debug)]
pub struct Opener {
    /// `None` for objects without encryption, see [`crate::dangerous`].
    key: Option<Arc<ContentKey>>,
}

impl Opener {
    /// An opener of objects without encryption; made by [`crate::dangerous::plaintext_opener`].
    pub(crate) const fn plaintext() -> Opener {
        Opener { key: None }
    }

    /// The suite of the content; none when it is not sealed.
    pub fn suite(&self) -> Option<Suite> {
        self.key.as_ref().map(|key| key.suite)
    }

    /// How the content lies in stored bytes.
    pub fn layout(&self) -> Layout {
        self.suite().map_or(Layout::identity(), Suite::layout)
    }

    /// Opens `buf`, the stored bytes at byte `offset`, in place. Returns the number of plaintext bytes, which are at the
    /// start of `buf` then.
    ///
    /// AES-CTR opens bytes at any offset. A sealed object opens by whole chunks; a shorter chunk in `buf` opens only if it
    /// is the last of the object.
    ///
    /// # Errors
    /// [`ContentError::CounterOverflow`], [`ContentError::WithinChunk`], [`ContentError::IntegrityFailed`]. After the last
    /// one, `buf` holds nothing of the failed chunk.
    pub fn open_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ContentError> {
        match self.key.as_ref().map(|key| &key.cipher) {
            Some(Cipher::Ctr(ctr)) => ctr.open_at(offset, buf).map(|()| buf.len()),
            Some(Cipher::Chunked(chunked)) => chunked.open_at(offset, buf),
            Some(Cipher::None) | None => Ok(buf.len()),
        }
    }
}
