//! The two values that the service handles: what is encrypted, and what became of it.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Longest blob that is taken, in characters of base64: that of the longest plaintext has fewer.
const MAX_BLOB: usize = 16 << 10;

/// What `Encrypt` takes and `Decrypt` gives: text, which the service does not look into. Wiped when dropped, not shown by `Debug`.
///
/// Clients put base64 of bytes there; `oss2` before 2.8 put a decimal number there.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<String>);

impl Plaintext {
    /// Text as it is.
    pub fn of_text(text: impl Into<String>) -> Plaintext {
        Plaintext(Zeroizing::new(text.into()))
    }

    /// Bytes, as base64.
    pub fn of_bytes(bytes: &[u8]) -> Plaintext {
        Plaintext::of_text(BASE64.encode(bytes))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The bytes of which the text is the base64; `None` when it is not.
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

/// What `Encrypt` and `GenerateDataKey` give and `Decrypt` takes: base64 whose content only the service reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CiphertextBlob(String);

/// Why a text is no blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a CiphertextBlob is base64 of 1 byte or more, in at most {MAX_BLOB} characters")]
pub struct BlobError;

impl CiphertextBlob {
    /// Blob text, checked: nothing but base64 is in it, so that it can stand in a header.
    pub fn parse(text: impl Into<String>) -> Result<CiphertextBlob, BlobError> {
        let text = text.into();
        // Two pieces of padded base64 in a row decode as well, and encode to another text.
        let same = |bytes: Vec<u8>| BASE64.encode(&bytes) == text;
        let legal = (1..=MAX_BLOB).contains(&text.len()) && BASE64.decode(text.as_bytes()).is_ok_and(same);
        if legal { Ok(CiphertextBlob(text)) } else { Err(BlobError) }
    }

    /// A blob of these bytes, at least one.
    pub fn of_bytes(bytes: &[u8]) -> Result<CiphertextBlob, BlobError> {
        CiphertextBlob::parse(BASE64.encode(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of which the text is the base64.
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
    fn m06_nothing_but_base64_is_a_blob() {
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
    fn a_plaintext_is_not_shown() {
        assert_eq!(format!("{:?}", Plaintext::of_text("hunter2")), "Plaintext(7 characters)");
    }
}
