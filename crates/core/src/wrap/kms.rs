//! The two encodings of a KMS blob.

use data_encoding::BASE64;

use super::Wrapped;

/// The CiphertextBlob text to give to the Decrypt call of KMS.
///
/// Most writers store the blob text, which is base64, as it is. `oss2` encodes that text a second time; then the decoded
/// value is itself base64 text, which a blob never is, since it begins with the key version's identifier and its hyphens.
pub fn kms_blob_text(wrapped: &Wrapped) -> String {
    match std::str::from_utf8(&wrapped.0) {
        Ok(text) if !text.is_empty() && BASE64.decode(text.as_bytes()).is_ok() => text.to_owned(),
        _ => BASE64.encode(&wrapped.0),
    }
}
