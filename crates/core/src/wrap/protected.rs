//! Private keys that a passphrase protects: PKCS#8 `EncryptedPrivateKeyInfo` (RFC 5958, 3) with PBES2 (RFC 8018, 6.2).
//!
//! | | read | written |
//! |---|---|---|
//! | derivation | PBKDF2 with HMAC-SHA-256 or HMAC-SHA-512, up to 10,000,000 rounds | PBKDF2 with HMAC-SHA-256, 600,000 rounds |
//! | | scrypt (RFC 7914) of up to 256 MiB and N·r·p up to 2^22 | |
//! | cipher | AES-256-CBC | the same |
//!
//! The bounds keep a file that somebody else made from taking this process's time or memory. The key that is derived stands on the stack, which is wiped;
//! what scrypt fills is the library's, which does not wipe it.

use pem_rfc7468::LineEnding;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, Encode, ErrorKind, SliceReader};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf, Pbkdf2Prf};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::pem::KeyFileError;
use crate::secret::on_wiped_stack;

/// As PEM files name it.
pub(super) const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// Rounds of PBKDF2 when a key is written.
const ROUNDS: u32 = 600_000;
/// Most rounds of PBKDF2 when a key is read: some seconds.
const MAX_ROUNDS: u32 = 10_000_000;
/// Most memory of scrypt, in bytes: 128·N·r.
const MAX_MEMORY: u128 = 256 << 20;
/// Most work of scrypt, N·r·p: some seconds.
const MAX_WORK: u128 = 1 << 22;
/// Bytes of the key of AES-256.
const KEY: u16 = 32;

/// Protects a private key (PKCS#8, DER) with a passphrase, as PEM. `salt` and `iv` are random and used once.
///
/// # Errors
/// [`KeyFileError::Malformed`]: it is no PKCS#8 private key.
pub fn protected_pem(
    pkcs8: &[u8],
    passphrase: &[u8],
    salt: [u8; 16],
    iv: [u8; 16],
) -> Result<String, KeyFileError> {
    PrivateKeyInfoRef::from_der(pkcs8).map_err(|_| malformed("not a PKCS#8 private key"))?;
    let failed = |_| malformed("it cannot be encrypted");
    let parameters =
        pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv).map_err(failed)?;
    let sealed = on_wiped_stack(|| parameters.encrypt(passphrase, pkcs8)).map_err(failed)?;
    let too_long = |_| malformed("too long");
    let encrypted_data = OctetStringRef::new(&sealed).map_err(too_long)?;
    let info = EncryptedPrivateKeyInfoRef { encryption_algorithm: parameters.into(), encrypted_data };
    let der = info.to_der().map_err(too_long)?;
    pem_rfc7468::encode_string(LABEL, LineEnding::LF, &der).map_err(|_| malformed("too long"))
}

/// Opens a protected key and gives its PKCS#8. Whatever a passphrase gets wrong is one error: also a file that was damaged where only the right
/// passphrase could tell.
pub(super) fn open(der: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    if let Some(scheme) = scheme(der).filter(|scheme| *scheme != pbes2::PBES2_OID) {
        return Err(unsupported(format!("the scheme {scheme}, which is not PBES2")));
    }
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|error| match error.kind() {
        ErrorKind::OidUnknown { oid } => unsupported(format!("the algorithm {oid}")),
        _ => malformed("not an encrypted PKCS#8 private key"),
    })?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(unsupported("another scheme than PBES2"));
    };
    check(parameters)?;
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let opened = on_wiped_stack(|| parameters.decrypt_in_place(passphrase, &mut buffer).map(<[u8]>::len));
    let length = opened.map_err(|_| KeyFileError::WrongPassphrase)?;
    buffer.truncate(length);
    // One wrong passphrase in some hundred leaves what could be padding, and something else than a key before it.
    PrivateKeyInfoRef::from_der(&buffer).map_err(|_| KeyFileError::WrongPassphrase)?;
    Ok(buffer)
}

/// The scheme that a file names, if it is made like a protected key at all.
fn scheme(der: &[u8]) -> Option<ObjectIdentifier> {
    let named = |reader: &mut SliceReader<'_>| {
        let algorithm = AlgorithmIdentifierRef::decode(reader)?;
        <&OctetStringRef>::decode(reader)?;
        Ok::<_, pkcs8::der::Error>(algorithm.oid)
    };
    AnyRef::from_der(der).ok()?.sequence(named).ok()
}

/// Refuses other algorithms, and costs that nobody chooses for himself, before anything is derived.
fn check(parameters: &pbes2::Parameters) -> Result<(), KeyFileError> {
    if !matches!(parameters.encryption, pbes2::EncryptionScheme::Aes256Cbc { .. }) {
        return Err(unsupported("another cipher than AES-256-CBC"));
    }
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) => {
            if !matches!(kdf.prf, Pbkdf2Prf::HmacWithSha256 | Pbkdf2Prf::HmacWithSha512) {
                return Err(unsupported("PBKDF2 with another hash than SHA-256 or SHA-512"));
            }
            if kdf.iteration_count == 0 {
                return Err(malformed("PBKDF2 of no rounds"));
            }
            if kdf.iteration_count > MAX_ROUNDS {
                return Err(KeyFileError::TooCostly { bound: "10,000,000 rounds of PBKDF2" });
            }
        }
        Kdf::Scrypt(kdf) => {
            let [n, r, p]: [u128; 3] =
                [kdf.cost_parameter.into(), kdf.block_size.into(), kdf.parallelization.into()];
            // The library takes the logarithm of N before it looks at it.
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return Err(malformed("scrypt without cost"));
            }
            if 128 * n * r > MAX_MEMORY || n * r * p > MAX_WORK {
                return Err(KeyFileError::TooCostly { bound: "256 MiB and 2^22 steps of scrypt" });
            }
        }
        _ => return Err(unsupported("another derivation than PBKDF2 or scrypt")),
    }
    match parameters.kdf.key_length() {
        None | Some(KEY) => Ok(()),
        Some(_) => Err(malformed("another length of key than AES-256 has")),
    }
}

fn malformed(reason: &'static str) -> KeyFileError {
    KeyFileError::Malformed { reason }
}

fn unsupported(found: impl Into<String>) -> KeyFileError {
    KeyFileError::Protection { found: found.into() }
}
