//! RSA key files: PEM in, DER that the cipher library takes out.
//!
//! | label | content | becomes |
//! |---|---|---|
//! | `PRIVATE KEY` | PKCS#8 (RFC 5958) | as it is |
//! | `ENCRYPTED PRIVATE KEY` | PKCS#8 under a passphrase (`protected.rs`) | opened |
//! | `RSA PRIVATE KEY` | PKCS#1 (RFC 8017, A.1.2) | wrapped in PKCS#8 |
//! | `PUBLIC KEY` | SPKI (RFC 5280, 4.1.2.7) | as it is |
//! | `RSA PUBLIC KEY` | PKCS#1 (RFC 8017, A.1.1) | wrapped in SPKI |
//!
//! Lines end with LF or CRLF; a byte-order mark and text before the key are skipped. DER is strict: no trailing bytes, no
//! indefinite or padded lengths.

use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use pkcs8::der::{Decode, Encode};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::protected;

/// `rsaEncryption`, RFC 8017, appendix C.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Largest key file that is looked at, in bytes.
const MAX_FILE: usize = 64 * 1024;
const BEGIN: &str = "-----BEGIN ";

/// Why a key file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Larger than any key.
    #[error("the file has {len} bytes, more than any key file ({MAX_FILE})")]
    TooLarge {
        /// Bytes of the file.
        len: usize,
    },
    /// No PEM block, or one that is damaged.
    #[error("the file is not a PEM key: {reason}")]
    NotPem {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More than one PEM block.
    #[error("the file holds {count} PEM blocks; keep one key in a file")]
    SeveralKeys {
        /// Blocks found.
        count: usize,
    },
    /// A passphrase protects the key.
    #[error("the key is protected by a passphrase, and none was given")]
    Encrypted,
    /// A passphrase was given for a key that has none.
    #[error("a passphrase was given, and the key is not protected by one")]
    NotEncrypted,
    /// The passphrase does not open the key. One variant and one text for every cause, on purpose.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// The key is protected in a way that is not read.
    #[error(
        "the key is protected by {found}; protect it again with `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256`"
    )]
    Protection {
        /// What the file says.
        found: String,
    },
    /// Opening the key would take more time or memory than a key that was made for use.
    #[error("the protection of the key costs more than {bound}; protect it again with less")]
    TooCostly {
        /// What is allowed.
        bound: &'static str,
    },
    /// Another kind of key or another kind of file.
    #[error("the file holds {found}; an RSA key is needed")]
    Unsupported {
        /// What the label or the algorithm says.
        found: String,
    },
    /// The DER inside is malformed.
    #[error("the key is damaged: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A modulus outside 2048 to 8192 bits.
    #[error("an RSA modulus of {bits} bits; 2048 to 8192 are allowed")]
    ModulusSize {
        /// Bits of the modulus.
        bits: u64,
    },
    /// Numbers that do not make an RSA key.
    #[error("the numbers in the file do not make an RSA key: {reason}")]
    Inconsistent {
        /// Which of them.
        reason: &'static str,
    },
    /// Not 32 bytes and not 64 hex digits.
    #[error("an AES key file holds 32 bytes or 64 hex digits; this one has {len} bytes")]
    AesLength {
        /// Bytes of the file.
        len: usize,
    },
}

/// An RSA key in the forms that the cipher library takes.
pub(super) enum RsaDer {
    /// PKCS#8.
    Private { pkcs8: Zeroizing<Vec<u8>> },
    /// SPKI.
    Public { spki: Vec<u8> },
}

/// Reads a key file. A passphrase is for a file that needs one.
pub(super) fn read_rsa(text: &[u8], passphrase: Option<&[u8]>) -> Result<RsaDer, KeyFileError> {
    if text.len() > MAX_FILE {
        return Err(KeyFileError::TooLarge { len: text.len() });
    }
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let text = std::str::from_utf8(text).map_err(|_| KeyFileError::NotPem { reason: "it is not text" })?;
    let block = only_block(text)?;
    if block.contains("Proc-Type:") {
        return Err(KeyFileError::Protection { found: "the encryption of PEM itself (Proc-Type)".into() });
    }
    let (label, der) = pem_rfc7468::decode_vec(block.as_bytes())
        .map_err(|_| KeyFileError::NotPem { reason: "its lines, labels or base64 are damaged" })?;
    let der = Zeroizing::new(der);
    let is_protected = label == protected::LABEL;
    match passphrase {
        None if is_protected => return Err(KeyFileError::Encrypted),
        Some(_) if !is_protected => return Err(KeyFileError::NotEncrypted),
        Some(passphrase) => return private_from_pkcs8(&protected::open(&der, passphrase)?),
        None => {}
    }
    match label {
        "PRIVATE KEY" => private_from_pkcs8(&der),
        "RSA PRIVATE KEY" => private_from_pkcs1(&der),
        "PUBLIC KEY" => public_from_spki(&der),
        "RSA PUBLIC KEY" => public_from_pkcs1(&der),
        other => Err(KeyFileError::Unsupported { found: format!("\"{other}\"") }),
    }
}

/// From the one `BEGIN` line on; text before it is a comment, text after the block is not expected.
fn only_block(text: &str) -> Result<&str, KeyFileError> {
    match text.matches(BEGIN).count() {
        0 => Err(KeyFileError::NotPem { reason: "there is no BEGIN line" }),
        1 => text
            .find(BEGIN)
            .and_then(|start| text.get(start..))
            .map(str::trim_end)
            .ok_or(KeyFileError::NotPem { reason: "there is no BEGIN line" }),
        count => Err(KeyFileError::SeveralKeys { count }),
    }
}

fn private_from_pkcs8(der: &[u8]) -> Result<RsaDer, KeyFileError> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| malformed("not a PKCS#8 private key"))?;
    check_algorithm(&info.algorithm)?;
    check_private(info.private_key.as_bytes())?;
    Ok(RsaDer::Private { pkcs8: Zeroizing::new(der.to_vec()) })
}

fn private_from_pkcs1(der: &[u8]) -> Result<RsaDer, KeyFileError> {
    check_private(der)?;
    let key = OctetStringRef::new(der).map_err(|_| malformed("too long"))?;
    let pkcs8 = PrivateKeyInfoRef::new(rsa_algorithm(), key).to_der().map_err(|_| malformed("too long"))?;
    Ok(RsaDer::Private { pkcs8: Zeroizing::new(pkcs8) })
}

fn public_from_spki(der: &[u8]) -> Result<RsaDer, KeyFileError> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| malformed("not an SPKI public key"))?;
    check_algorithm(&info.algorithm)?;
    let key = info.subject_public_key.as_bytes().ok_or(malformed("unused bits in the public key"))?;
    check_public(key)?;
    Ok(RsaDer::Public { spki: der.to_vec() })
}

fn public_from_pkcs1(der: &[u8]) -> Result<RsaDer, KeyFileError> {
    check_public(der)?;
    let key = BitStringRef::from_bytes(der).map_err(|_| malformed("too long"))?;
    let info = SubjectPublicKeyInfoRef { algorithm: rsa_algorithm(), subject_public_key: key };
    Ok(RsaDer::Public { spki: info.to_der().map_err(|_| malformed("too long"))? })
}

fn rsa_algorithm() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) }
}

/// `rsaEncryption` with NULL parameters and nothing else: RSASSA-PSS and RSAES-OAEP keys have algorithms of their own.
fn check_algorithm(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), KeyFileError> {
    if algorithm.oid != RSA {
        return Err(KeyFileError::Unsupported { found: format!("a key of algorithm {}", algorithm.oid) });
    }
    if algorithm.parameters != Some(AnyRef::NULL) {
        return Err(malformed("the algorithm's parameters are not NULL"));
    }
    Ok(())
}

fn check_private(der: &[u8]) -> Result<(), KeyFileError> {
    let key = pkcs1::RsaPrivateKeyRef::from_der(der)
        .map_err(|_| malformed("not a PKCS#1 private key of two primes"))?;
    if key.other_prime_infos.is_some() {
        return Err(KeyFileError::Unsupported { found: "an RSA key of more than two primes".into() });
    }
    check_numbers(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

fn check_public(der: &[u8]) -> Result<(), KeyFileError> {
    let key = pkcs1::RsaPublicKeyRef::from_der(der).map_err(|_| malformed("not a PKCS#1 public key"))?;
    check_numbers(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

/// What can be said of modulus and exponent, big-endian without leading zeros, by looking at them. The library checks the
/// rest of a private key.
fn check_numbers(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFileError> {
    let leading = modulus.first().map_or(0, |first| first.leading_zeros());
    let bits = (modulus.len() as u64 * 8).saturating_sub(u64::from(leading));
    if !(2048..=8192).contains(&bits) {
        return Err(KeyFileError::ModulusSize { bits });
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !odd(modulus) {
        return Err(KeyFileError::Inconsistent { reason: "the modulus is even" });
    }
    if !odd(exponent) || exponent == [1] {
        return Err(KeyFileError::Inconsistent { reason: "the public exponent is even or 1" });
    }
    // 2^33 is the library's bound; anything larger is a way to make each operation slow.
    if exponent.len() > 5 || (exponent.len() == 5 && exponent.first().is_some_and(|first| *first > 1)) {
        return Err(KeyFileError::Inconsistent { reason: "the public exponent has more than 33 bits" });
    }
    Ok(())
}

fn malformed(reason: &'static str) -> KeyFileError {
    KeyFileError::Malformed { reason }
}
