//! Making keys.

use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use data_encoding::HEXLOWER;
use osseal::{RsaKey, RsaPadding};
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use crate::keys::passphrase::Passphrase;
use crate::ui::error::{Exit, Failure};

/// Default modulus size in bits.
pub(crate) const BITS: u32 = 3072;

/// A private RSA key as PEM (PKCS#8).
pub(crate) fn rsa(bits: u32) -> Result<Zeroizing<String>, Failure> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        8192 => KeySize::Rsa8192,
        _ => return Err(Failure::usage(format!("{bits} bits: an RSA key has 2048, 3072, 4096 or 8192"))),
    };
    let failed = |_| Failure::new(Exit::Local, "the RSA key could not be made");
    let pair = KeyPair::generate(size).map_err(failed)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let pem = pem_rfc7468::encode_string("PRIVATE KEY", LineEnding::LF, der.as_ref());
    pem.map(Zeroizing::new).map_err(|error| Failure::local("the RSA key could not be written as PEM", error))
}

/// The same key under a passphrase. Takes a second or so.
pub(crate) fn protect(pem: &str, passphrase: &Passphrase) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Exit::Local, "the RSA key could not be protected").caused_by(error)
    };
    let (_, der) = pem_rfc7468::decode_vec(pem.as_bytes()).map_err(|error| failed(&error))?;
    let der = Zeroizing::new(der);
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    for random in [&mut salt, &mut iv] {
        aws_lc_rs::rand::fill(random).map_err(|_| no_random())?;
    }
    let protected = osseal::protected_pem(&der, passphrase.as_bytes(), salt, iv);
    protected.map(Zeroizing::new).map_err(|error| failed(&error))
}

/// The public half of a private key, as PEM (SPKI).
pub(crate) fn public_half(pem: &str) -> Result<String, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Exit::Local, "the public half of the key could not be written").caused_by(error)
    };
    let key = RsaKey::from_pem(pem.as_bytes(), RsaPadding::Pkcs1).map_err(|error| failed(&error))?;
    key.public_pem().map_err(|error| failed(&error))
}

/// A random AES-256 key as 64 hex digits and a line end.
pub(crate) fn aes() -> Result<Zeroizing<String>, Failure> {
    let mut key = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(key.as_mut_slice()).map_err(|_| no_random())?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    HEXLOWER.encode_append(key.as_slice(), &mut text);
    text.push('\n');
    Ok(text)
}

fn no_random() -> Failure {
    Failure::new(Exit::Local, "the system gives no random bytes")
}

/// Where the public half of `private` goes: `x.pub.pem` beside `x.pem`, else `x.pub`.
pub(crate) fn public_path(private: &Path) -> PathBuf {
    match private.extension() {
        Some(extension) if extension == "pem" => private.with_extension("pub.pem"),
        _ => {
            let mut name = private.as_os_str().to_owned();
            name.push(".pub");
            name.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_halves_lie_beside() {
        assert_eq!(public_path(Path::new("keys/backup.pem")), Path::new("keys/backup.pub.pem"));
        assert_eq!(public_path(Path::new("backup")), Path::new("backup.pub"));
        assert_eq!(public_path(Path::new("a.key")), Path::new("a.key.pub"));
    }

    #[test]
    fn aes_keys_are_read_back_and_differ() {
        let (first, second) = (aes().expect("a key"), aes().expect("a key"));
        assert_ne!(*first, *second);
        osseal::AesKey::from_file_content(first.as_bytes()).expect("a key file");
    }
}
