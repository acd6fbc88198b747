//! AES-256 in counter mode, from any byte (`docs/format.md` §3; NIST SP 800-38A, 6.5).

use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

use super::ContentError;
use crate::secret::Secret;

const BLOCK: usize = 16;

/// The initial counter for writing: bytes 8–11 are zero, so that implementations which add offsets in fewer than 128 bits stay
/// right for 64 GiB. `random` fills the other twelve.
pub fn ctr_iv(random: [u8; 12]) -> [u8; BLOCK] {
    let mut iv = [0; BLOCK];
    iv[..8].copy_from_slice(&random[..8]);
    iv[12..].copy_from_slice(&random[8..]);
    iv
}

/// Key schedule and initial counter of one object.
pub(super) struct Ctr {
    encrypting: EncryptingKey,
    decrypting: DecryptingKey,
    iv: u128,
}

impl Ctr {
    pub(super) fn new(data_key: &Secret, iv: [u8; BLOCK]) -> Result<Ctr, ContentError> {
        let schedule =
            || UnboundCipherKey::new(&AES_256, data_key.expose()).map_err(|_| ContentError::Cipher);
        Ok(Ctr {
            encrypting: EncryptingKey::ctr(schedule()?).map_err(|_| ContentError::Cipher)?,
            decrypting: DecryptingKey::ctr(schedule()?).map_err(|_| ContentError::Cipher)?,
            iv: u128::from_be_bytes(iv),
        })
    }

    /// Encrypts `buf`, which lies at byte `offset` of the object.
    pub(super) fn seal_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ContentError> {
        self.at(offset, buf, |counter, bytes| {
            let context = EncryptionContext::Iv128(FixedLength::from(counter));
            self.encrypting.less_safe_encrypt(bytes, context).map(|_| ()).map_err(|_| ContentError::Cipher)
        })
    }

    /// Decrypts `buf`, which lies at byte `offset` of the object.
    pub(super) fn open_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ContentError> {
        self.at(offset, buf, |counter, bytes| {
            let context = DecryptionContext::Iv128(FixedLength::from(counter));
            self.decrypting.decrypt(bytes, context).map(|_| ()).map_err(|_| ContentError::Cipher)
        })
    }

    /// Runs `cipher` over the leading bytes up to a block boundary, through a scratch block, then over the rest in place.
    fn at(
        &self,
        offset: u64,
        buf: &mut [u8],
        cipher: impl Fn([u8; BLOCK], &mut [u8]) -> Result<(), ContentError>,
    ) -> Result<(), ContentError> {
        if buf.is_empty() {
            return Ok(());
        }
        let last = offset.checked_add(buf.len() as u64 - 1).ok_or(ContentError::CounterOverflow)?;
        self.counter(last)?;
        let skip = within_block(offset);
        let lead = if skip == 0 { 0 } else { (BLOCK - skip).min(buf.len()) };
        let (head, body) = buf.split_at_mut(lead);
        if !head.is_empty() {
            let mut block = [0; BLOCK];
            block[skip..skip + lead].copy_from_slice(head);
            cipher(self.counter(offset)?, &mut block)?;
            head.copy_from_slice(&block[skip..skip + lead]);
            zeroize::Zeroize::zeroize(&mut block);
        }
        if !body.is_empty() {
            cipher(self.counter(offset + lead as u64)?, body)?;
        }
        Ok(())
    }

    /// The counter of the block that holds byte `offset`.
    fn counter(&self, offset: u64) -> Result<[u8; BLOCK], ContentError> {
        let block = u128::from(offset / BLOCK as u64);
        Ok(self.iv.checked_add(block).ok_or(ContentError::CounterOverflow)?.to_be_bytes())
    }
}

/// Position of byte `offset` inside its block, 0 to 15.
fn within_block(offset: u64) -> usize {
    usize::from(offset.to_be_bytes()[7] % 16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ctr(iv: u128) -> Ctr {
        Ctr::new(&Secret::new(vec![7; 32]), iv.to_be_bytes()).expect("a key of 32 bytes")
    }

    #[test]
    fn writers_leave_bytes_8_to_11_zero() {
        let iv = ctr_iv([0xff; 12]);
        assert_eq!(iv[8..12], [0; 4]);
        assert_eq!([&iv[..8], &iv[12..]].concat(), [0xff; 12]);
    }

    #[test]
    fn a_counter_past_128_bits_is_refused_before_any_byte_changes() {
        let ctr = ctr(u128::MAX);
        let mut buf = [1; 17];
        assert_eq!(ctr.open_at(0, &mut buf), Err(ContentError::CounterOverflow));
        assert_eq!(buf, [1; 17]);
        assert_eq!(ctr.open_at(0, &mut buf[..16]), Ok(()));
        assert_eq!(ctr.open_at(u64::MAX, &mut [0; 2]), Err(ContentError::CounterOverflow));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for len in [0, 16, 24, 31, 33] {
            assert_eq!(Ctr::new(&Secret::new(vec![0; len]), [0; 16]).err(), Some(ContentError::Cipher));
        }
    }

    proptest! {
        /// Block `n` uses the counter `iv + n` in 128 bits: block 0 of a cipher that starts there gives the same bytes.
        #[test]
        fn the_counter_adds_in_128_bits(iv in 0..u128::MAX - u128::from(u64::MAX), block in 0..u64::MAX / 16) {
            let mut there = [0; 16];
            ctr(iv).open_at(block * 16, &mut there).expect("in range");
            let mut here = [0; 16];
            ctr(iv + u128::from(block)).open_at(0, &mut here).expect("in range");
            prop_assert_eq!(there, here);
        }

        /// Any cut of a stretch gives the same bytes as the whole.
        #[test]
        fn opening_begins_at_any_byte(iv: u64, start in 0..100_000_u64, len in 0..200_usize, cut in 0..200_usize) {
            let ctr = ctr(u128::from(iv));
            let mut whole: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).expect("below 251")).collect();
            let mut halves = whole.clone();
            ctr.seal_at(start, &mut whole).expect("in range");
            let (left, right) = halves.split_at_mut(cut.min(len));
            ctr.seal_at(start + left.len() as u64, right).expect("in range");
            ctr.seal_at(start, left).expect("in range");
            prop_assert_eq!(&whole, &halves);
            ctr.open_at(start, &mut whole).expect("in range");
            prop_assert!(whole.iter().enumerate().all(|(i, byte)| usize::from(*byte) == i % 251));
        }
    }
}
