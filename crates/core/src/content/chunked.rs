//! The content of sealed objects: c2sp.org/chunked-encryption@v1 with AES-256-GCM and SHA-512 (`docs/format.md` §7).
//!
//! ```text
//!   chunk key (32) ‖ base nonce (12) ‖ commitment (32) = HKDF-Expand(data key, label ‖ 0x00 ‖ salt ‖ context)
//!
//!   plain    |     chunk 0     |     chunk 1     |  …  |  chunk n − 1, shorter  |
//!   stored   |     chunk 0     tag |     chunk 1     tag |  …  |  chunk n − 1   tag |
//!              nonce: base       base ⊕ 1                  base ⊕ (n − 1)
//! ```
//!
//! A chunk that is shorter than the others is the last one, and only that: an attacker who truncates an object has no tag for
//! the shorter chunk that would have to end it.

use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};
use zeroize::Zeroizing;

use super::{ContentError, gcm};
use crate::layout::{CHUNK, MAX_CHUNKS, STORED_CHUNK};
use crate::secret::Secret;

/// Bytes of the salt.
pub const SALT: usize = 24;
/// Bytes of the commitment.
pub const COMMITMENT: usize = 32;

const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const DATA_KEY: usize = 32;
const CHUNK_KEY: usize = 32;
const DERIVED: usize = CHUNK_KEY + gcm::NONCE + COMMITMENT;

/// Plaintext and stored bytes of a whole chunk, as positions in a buffer.
pub(super) const PLAIN: usize = 16 * 1024;
pub(super) const STORED: usize = PLAIN + gcm::TAG;
const _: () = assert!(PLAIN as u64 == CHUNK && STORED as u64 == STORED_CHUNK);

/// Chunk key and base nonce of one object.
pub(super) struct Chunked {
    key: gcm::Key,
    base: [u8; gcm::NONCE],
}

impl Chunked {
    /// Derives the chunk key of an object, and the commitment to everything it was derived from.
    pub(super) fn derive(
        data_key: &Secret,
        salt: &[u8; SALT],
        context: &[u8],
    ) -> Result<(Chunked, [u8; COMMITMENT]), ContentError> {
        if data_key.len() != DATA_KEY {
            return Err(ContentError::Cipher);
        }
        let mut derived = Zeroizing::new([0; DERIVED]);
        Prk::new_less_safe(HKDF_SHA512, data_key.expose())
            .expand(&[LABEL, salt, context], Length(DERIVED))
            .and_then(|okm| okm.fill(&mut derived[..]))
            .map_err(|_| ContentError::Cipher)?;
        let (key, rest) = derived.split_at(CHUNK_KEY);
        let (base, commitment) = rest.split_at(gcm::NONCE);
        let base = base.try_into().map_err(|_| ContentError::Cipher)?;
        let commitment = commitment.try_into().map_err(|_| ContentError::Cipher)?;
        Ok((Chunked { key: gcm::Key::new(key)?, base }, commitment))
    }

    /// Seals chunk `first + k`: its `len` plaintext bytes lie after the plaintext of `k` whole chunks, and are stored after `k`
    /// stored chunks. Later chunks must have been moved before.
    pub(super) fn seal_at(
        &self,
        first: u64,
        k: usize,
        len: usize,
        buf: &mut [u8],
    ) -> Result<(), ContentError> {
        let nonce = self.nonce(first + k as u64)?;
        let (plain, stored) = (k * PLAIN, k * STORED);
        buf.copy_within(plain..plain + len, stored);
        let (text, rest) = buf[stored..].split_at_mut(len);
        let tag = self.key.seal(nonce, text)?;
        rest[..gcm::TAG].copy_from_slice(&tag);
        Ok(())
    }

    /// Opens the chunks in `buf`, which start at stored byte `offset`, in place. Returns the length of their plaintext, at the
    /// start of `buf`. A chunk with a wrong tag is erased.
    pub(super) fn open_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ContentError> {
        if !offset.is_multiple_of(STORED_CHUNK) {
            return Err(ContentError::WithinChunk { offset });
        }
        let first = offset / STORED_CHUNK;
        let mut plain = 0;
        for (chunk, start) in (first..).zip((0..buf.len()).step_by(STORED)) {
            let nonce = self.nonce(chunk)?;
            let end = buf.len().min(start + STORED);
            let opened = self.key.open(nonce, &mut buf[plain..end], start - plain);
            plain += opened.ok_or(ContentError::IntegrityFailed { chunk })?;
        }
        Ok(plain)
    }

    /// The nonce of a chunk: its number, added without carry to the base nonce.
    fn nonce(&self, chunk: u64) -> Result<[u8; gcm::NONCE], ContentError> {
        if chunk >= MAX_CHUNKS {
            return Err(ContentError::CounterOverflow);
        }
        let mut nonce = self.base;
        for (byte, number) in nonce.iter_mut().rev().zip(chunk.to_be_bytes().iter().rev()) {
            *byte ^= number;
        }
        Ok(nonce)
    }
}

/// A length of key material.
pub(super) struct Length(pub(super) usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
