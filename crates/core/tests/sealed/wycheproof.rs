//! Project Wycheproof's vectors for all cryptography that is used here, through the code that uses it where it can be reached.
//!
//! The number of vectors run is part of the assertion; what is skipped is named with its reason.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA512, digest};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk, Salt};
use futures_executor::block_on;
use miniz_oxide::inflate::decompress_to_vec_zlib;
use osseal_core::dangerous::fixed_sealed_key;
use osseal_core::{
    AesKey, COMMITMENT, KeyError, RsaKey, RsaPadding, SALT, UnwrapKey, UnwrapRequest, WrapAlgorithm, Wrapped,
    WrappedContent,
};
use wycheproof::{
    HashFunction, TestResult, aead, chunked_encryption, hkdf, keywrap, rsa_oaep, rsa_pkcs1_decrypt,
};

use crate::support::open_in_pieces;

/// What we say to a vector, against what Wycheproof says. `acceptable` may go either way.
fn judge(expected: TestResult, holds: bool, what: &str) {
    match expected {
        TestResult::Valid => assert!(holds, "{what}: refused"),
        TestResult::Invalid => assert!(!holds, "{what}: accepted"),
        TestResult::Acceptable => {}
    }
}

#[test]
fn chunked_encryption() {
    let set = chunked_encryption::TestSet::load(chunked_encryption::TestName::Cobblestone256).unwrap();
    let (mut run, mut valid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let message = decompress_to_vec_zlib(&test.ct).unwrap();
        let opened = (|| {
            let key = test.key.as_ref().try_into().ok()?;
            let (salt, rest) = message.split_first_chunk::<SALT>()?;
            let (commitment, body) = rest.split_first_chunk::<COMMITMENT>()?;
            let (content, derived) = fixed_sealed_key(key, *salt, &test.ctx).unwrap();
            (derived == *commitment).then_some(())?;
            open_in_pieces(content.opener(), body, 50_000).1.ok()
        })();
        judge(test.result, opened.is_some(), &format!("case {}", test.tc_id));
        if let Some(plain) = opened {
            assert_eq!(Some(plain.len()), test.msg_length, "case {}", test.tc_id);
            assert_eq!(digest(&SHA512, &plain).as_ref(), &test.msg_sha512.as_ref().unwrap()[..]);
            valid += 1;
        }
        run += 1;
    }
    assert_eq!(run, 35);
    assert!(valid > 0, "none opened");
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF with SHA-512 of the library; the core uses its second half, Expand.
#[test]
fn hkdf_sha512() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha512).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let prk: Prk = Salt::new(HKDF_SHA512, &test.salt).extract(&test.ikm);
        let mut okm = vec![0; test.size];
        let info = [&test.info[..]];
        let filled = prk.expand(&info, Length(test.size)).and_then(|made| made.fill(&mut okm));
        judge(test.result, filled.is_ok() && okm == test.okm[..], &format!("case {}", test.tc_id));
        run += 1;
    }
    assert_eq!(run, 83);
}

/// AES-256-GCM of both libraries that `content/gcm.rs` chooses from.
#[test]
fn aes_256_gcm() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let (mut run, mut skipped) = (0, 0);
    for group in &set.test_groups {
        for test in &group.tests {
            // Keys of 128 and 192 bits, nonces of other lengths than 96 bits, shorter tags: not used here.
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                skipped += 1;
                continue;
            }
            let what = format!("case {}", test.tc_id);
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &test.key).unwrap());
            let nonce = || Nonce::try_assume_unique_for_key(&test.nonce).unwrap();
            let mut opened = sealed.clone();
            let opened = key.open_in_place(nonce(), Aad::from(&test.aad[..]), &mut opened);
            judge(test.result, opened.is_ok_and(|text| *text == test.pt[..]), &what);
            if test.result == TestResult::Valid {
                let mut text = test.pt.to_vec();
                key.seal_in_place_append_tag(nonce(), Aad::from(&test.aad[..]), &mut text).unwrap();
                assert_eq!(text, sealed, "{what}");
            }
            #[cfg(all(feature = "ring", target_arch = "x86_64"))]
            with_ring(test, &sealed, &what);
            run += 1;
        }
    }
    assert_eq!((run, skipped), (66, 250));
}

#[cfg(all(feature = "ring", target_arch = "x86_64"))]
fn with_ring(test: &aead::Test, sealed: &[u8], what: &str) {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &test.key).unwrap());
    let nonce = || Nonce::try_assume_unique_for_key(&test.nonce).unwrap();
    let mut opened = sealed.to_vec();
    let opened = key.open_in_place(nonce(), Aad::from(&test.aad[..]), &mut opened);
    judge(test.result, opened.is_ok_and(|text| *text == test.pt[..]), what);
    if test.result == TestResult::Valid {
        let mut text = test.pt.to_vec();
        key.seal_in_place_append_tag(nonce(), Aad::from(&test.aad[..]), &mut text).unwrap();
        assert_eq!(text, sealed, "{what}");
    }
}

fn unwrap(
    key: &dyn UnwrapKey,
    wrap: WrapAlgorithm,
    wrapped: &[u8],
    content: WrappedContent,
) -> Option<Vec<u8>> {
    let wrapped = Wrapped(wrapped.to_vec());
    match block_on(key.unwrap(UnwrapRequest::new(wrap, &wrapped, content))) {
        Ok(secret) => Some(secret.expose().to_vec()),
        // One error for every cause.
        Err(error) => {
            assert_eq!(error, KeyError::UnwrapFailed);
            None
        }
    }
}

/// AES key wrap through [`AesKey`].
#[test]
fn aes_256_key_wrap() {
    let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrap).unwrap();
    let (mut run, mut skipped) = (0, 0);
    for group in &set.test_groups {
        for test in &group.tests {
            // A wrapping key has 256 bits.
            if group.key_size != 256 {
                skipped += 1;
                continue;
            }
            let key = AesKey::from_file_content(&test.key).unwrap();
            let opened = unwrap(&key, WrapAlgorithm::AesKw, &test.ct, WrappedContent::DataKey);
            judge(
                test.result,
                opened.is_some_and(|text| text == test.pt[..]),
                &format!("case {}", test.tc_id),
            );
            run += 1;
        }
    }
    assert_eq!((run, skipped), (68, 97));
}

/// RSAES-PKCS1-v1_5 through [`RsaKey`].
#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_decrypt::TestName;
    let mut run = 0;
    for name in [TestName::Rsa2048, TestName::Rsa3072, TestName::Rsa4096] {
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            let key = RsaKey::from_pem(group.pem.as_bytes(), RsaPadding::Pkcs1).unwrap();
            for test in &group.tests {
                let opened = unwrap(&key, WrapAlgorithm::RsaPkcs1, &test.ct, WrappedContent::DataKey);
                let what = format!("{name:?} case {}", test.tc_id);
                judge(test.result, opened.is_some_and(|text| text == test.pt[..]), &what);
                run += 1;
            }
        }
    }
    assert_eq!(run, 201);
}

/// RSAES-OAEP through [`RsaKey`].
#[test]
fn rsa_oaep() {
    use rsa_oaep::TestName;
    let names = [
        TestName::Rsa2048Sha1Mgf1Sha1,
        TestName::Rsa2048Sha256Mgf1Sha256,
        TestName::Rsa3072Sha256Mgf1Sha256,
        TestName::Rsa4096Sha256Mgf1Sha256,
        TestName::RsaMisc,
    ];
    let (mut run, mut labelled, mut skipped) = (0, 0, 0);
    for name in names {
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let padding = match (group.hash, group.mgf_hash) {
                (HashFunction::Sha1, HashFunction::Sha1) => Some(RsaPadding::OaepSha1),
                (HashFunction::Sha2_256, HashFunction::Sha2_256) => Some(RsaPadding::OaepSha256),
                _ => None,
            };
            // Other hashes are no wrap algorithm, and moduli of less than 2048 bits are refused as keys.
            let Some(padding) = padding.filter(|_| group.key_size >= 2048) else {
                skipped += group.tests.len();
                continue;
            };
            let key = RsaKey::from_pem(group.pem.as_bytes(), padding).unwrap();
            for test in &group.tests {
                // The format's label is empty, so that a valid ciphertext with another label must be refused.
                let expected = if test.label.is_empty() { test.result } else { TestResult::Invalid };
                labelled += usize::from(!test.label.is_empty());
                let opened = unwrap(&key, padding.algorithm(), &test.ct, WrappedContent::SealedDataKey);
                let what = format!("{name:?} case {}", test.tc_id);
                judge(expected, opened.is_some_and(|text| text == test.pt[..]), &what);
                run += 1;
            }
        }
    }
    assert_eq!((run, labelled, skipped), (184, 47, 358));
}
