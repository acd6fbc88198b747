//! Plaintexts and ciphertexts of the key service.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Longest ciphertext that is accepted, in characters of base64; that of the longest plaintext is
/// shorter.
const MAX_BLOB: usize = 16 << 10;

/// Input of `Encrypt` and output of `Decrypt`: text that the service does not interpret. Wiped when
/// dropped, redacted by `Debug`.
///
/// Clients send base64 of bytes; `oss2` before 2.8 sent a decimal number.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<String>);

impl Plaintext {
    /// A plaintext from text, unchanged.
    pub fn of_text(text: impl Into<String>) -> Plaintext {
        Plaintext(Zeroizing::new(text.into()))
    }

    /// A plaintext from bytes, as base64.
    pub fn of_bytes(bytes: &[u8]) -> Plaintext {
        Plaintext::of_text(BASE64.encode(bytes))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Decodes base64; `None` when the text is not base64.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        BASE64.decode(self.0.as_bytes()).ok().map(Zeroizing::new)
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plaintext({} characters)", self.0.len())
    }
}

impl Serialize for Plaintext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Plaintext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Plaintext, D::Error> {
        String::deserialize(deserializer).map(Plaintext::of_text)
    }
}

/// Output of `Encrypt` and `GenerateDataKey` and input of `Decrypt`: base64 of opaque bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CiphertextBlob(String);

/// Error of parsing a [`CiphertextBlob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a CiphertextBlob is base64 of 1 byte or more, in at most {MAX_BLOB} characters")]
pub struct BlobError;

impl CiphertextBlob {
    /// Parses base64. Its alphabet is safe in a header, so no other text is accepted.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn parse(text: impl Into<String>) -> Result<CiphertextBlob, BlobError> {
        let text = text.into();
        // Concatenated pieces of padded base64 decode too, but encode to another text.
        let same = |bytes: Vec<u8>| BASE64.encode(&bytes) == text;
        let legal = (1..=MAX_BLOB).contains(&text.len()) && BASE64.decode(text.as_bytes()).is_ok_and(same);
        if legal { Ok(CiphertextBlob(text)) } else { Err(BlobError) }
    }

    /// A ciphertext from bytes.
    ///
    /// # Errors
    /// [`BlobError`] for no bytes, or too many.
    pub fn of_bytes(bytes: &[u8]) -> Result<CiphertextBlob, BlobError> {
        CiphertextBlob::parse(BASE64.encode(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The decoded bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        BASE64.decode(self.0.as_bytes()).expect("checked when it was made")
    }
}

impl TryFrom<String> for CiphertextBlob {
    type Error = BlobError;

    fn try_from(text: String) -> Result<CiphertextBlob, BlobError> {
        CiphertextBlob::parse(text)
    }
}

impl From<CiphertextBlob> for String {
    fn from(blob: CiphertextBlob) -> String {
        blob.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m06_only_base64_is_a_ciphertext_blob() {
        for good in ["AA==", "AAAA", &"A".repeat(MAX_BLOB)] {
            assert_eq!(CiphertextBlob::parse(good).map(String::from), Ok(good.to_owned()));
        }
        for bad in
            ["", "AA", "AB==", "AA==\r\n", "AA\r\nAA", "A A=", "AA-_", "AA==AA==", &"A".repeat(MAX_BLOB + 4)]
        {
            assert_eq!(CiphertextBlob::parse(bad), Err(BlobError), "{bad:?}");
        }
    }

    #[test]
    fn debug_redacts_plaintexts() {
        assert_eq!(format!("{:?}", Plaintext::of_text("hunter2")), "Plaintext(7 characters)");
    }
}
