//! AES-256-GCM (NIST SP 800-38D), by whichever library is faster on this processor.
//!
//! Both libraries use wide AES where the processor has AVX-512. Where it has wide AES (VAES) without AVX-512, as AMD's Zen 3 has, `ring`
//! is almost twice as fast as `aws-lc-rs`: 7.0 against 3.9 GB/s at 16 KiB (`benches/sealed.rs`). With the feature `fips` there is `aws-lc-rs` alone.
//!
//! AWS-LC wipes the key schedule when it is dropped; `ring` does not, and leaves it in memory that is free until it is used again.

use aws_lc_rs::aead as aws_lc;
#[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
use ring::aead as ring;
use zeroize::Zeroize;

use super::ContentError;

/// Bytes of the tag.
pub(super) const TAG: usize = 16;
/// Bytes of the nonce.
pub(super) const NONCE: usize = 12;

/// A key schedule.
pub(super) struct Key(Library);

enum Library {
    #[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
    Ring(Box<ring::LessSafeKey>),
    AwsLc(aws_lc::LessSafeKey),
}

impl Key {
    /// The schedule of a key of 32 bytes.
    pub(super) fn new(key: &[u8]) -> Result<Key, ContentError> {
        #[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
        if has_wide_aes_without_avx512() {
            return Key::of_ring(key);
        }
        Key::of_aws_lc(key)
    }

    #[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
    fn of_ring(key: &[u8]) -> Result<Key, ContentError> {
        let key = ring::UnboundKey::new(&ring::AES_256_GCM, key).map_err(|_| ContentError::Cipher)?;
        Ok(Key(Library::Ring(Box::new(ring::LessSafeKey::new(key)))))
    }

    fn of_aws_lc(key: &[u8]) -> Result<Key, ContentError> {
        let key = aws_lc::UnboundKey::new(&aws_lc::AES_256_GCM, key).map_err(|_| ContentError::Cipher)?;
        Ok(Key(Library::AwsLc(aws_lc::LessSafeKey::new(key))))
    }

    /// Encrypts `buf` in place and gives its tag. No nonce may meet two texts.
    pub(super) fn seal(&self, nonce: [u8; NONCE], buf: &mut [u8]) -> Result<[u8; TAG], ContentError> {
        let mut out = [0; TAG];
        match &self.0 {
            #[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
            Library::Ring(key) => {
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, ring::Aad::empty(), buf);
                out.copy_from_slice(tag.map_err(|_| ContentError::Cipher)?.as_ref());
            }
            Library::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, aws_lc::Aad::empty(), buf);
                out.copy_from_slice(tag.map_err(|_| ContentError::Cipher)?.as_ref());
            }
        }
        Ok(out)
    }

    /// Decrypts the ciphertext and tag at `buf[from..]` to the beginning of `buf`; gives the length of the text, or nothing when
    /// the tag does not hold. Then `buf` is wiped.
    pub(super) fn open(&self, nonce: [u8; NONCE], buf: &mut [u8], from: usize) -> Option<usize> {
        let opened = match &self.0 {
            #[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
            Library::Ring(key) => {
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                key.open_within(nonce, ring::Aad::empty(), buf, from..).ok().map(|text| text.len())
            }
            Library::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
                key.open_within(nonce, aws_lc::Aad::empty(), buf, from..).ok().map(|text| text.len())
            }
        };
        if opened.is_none() {
            buf.zeroize();
        }
        opened
    }
}

/// Where `ring` is the faster one.
#[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
fn has_wide_aes_without_avx512() -> bool {
    is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("vpclmulqdq")
        && is_x86_feature_detected!("avx2")
        && !is_x86_feature_detected!("avx512f")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every library that there is, whichever this processor would take.
    fn libraries() -> Vec<Key> {
        vec![
            #[cfg(all(feature = "ring", target_arch = "x86_64", not(feature = "fips")))]
            Key::of_ring(&[7; 32]).expect("32 bytes"),
            Key::of_aws_lc(&[7; 32]).expect("32 bytes"),
        ]
    }

    /// What one seals all open, from any place behind the beginning; what is damaged leaves nothing.
    #[test]
    fn libraries_seal_and_open_alike() {
        let nonce = [9; NONCE];
        for len in [0, 1, 15, 16, 17, 4_097, 16_383, 16_384] {
            let plain: Vec<u8> = (0..=250).cycle().take(len).collect();
            for sealing in libraries() {
                let mut sealed = plain.clone();
                let tag = sealing.seal(nonce, &mut sealed).expect("any length does");
                sealed.extend(tag);
                for (opening, from) in
                    libraries().iter().flat_map(|key| [0, 16, 160, 20_000].map(|from| (key, from)))
                {
                    let mut buf = [&vec![1; from][..], &sealed].concat();
                    assert_eq!(opening.open(nonce, &mut buf, from), Some(len), "{len} from {from}");
                    assert_eq!(buf[..len], plain, "{len} from {from}");
                    for damaged in [from, from + len + TAG - 1] {
                        let mut buf = [&vec![1; from][..], &sealed].concat();
                        buf[damaged] ^= 1;
                        assert_eq!(opening.open(nonce, &mut buf, from), None);
                        assert!(buf.iter().all(|byte| *byte == 0), "nothing is left");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_shorter_than_a_tag_does_not_open() {
        for key in libraries() {
            for (len, from) in [(0, 0), (15, 0), (16, 16), (31, 16), (40, 30)] {
                assert_eq!(key.open([0; NONCE], &mut vec![5; len], from), None, "{len} from {from}");
            }
        }
    }

    #[test]
    fn keys_have_32_bytes() {
        for len in [0, 16, 24, 31, 33] {
            assert_eq!(Key::new(&vec![0; len]).err(), Some(ContentError::Cipher));
        }
    }
}
