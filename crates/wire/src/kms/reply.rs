//! Replies of the key service.

use serde::{Deserialize, Deserializer, Serialize};

use super::json::{self, JsonError};
use super::value::{CiphertextBlob, Plaintext};

/// Header that identifies a request for the vendor's support.
pub const REQUEST_ID: &str = "x-acs-request-id";

/// Implements parsing and writing of a reply.
macro_rules! documents {
    ($($name:ident)*) => {$(
        impl $name {
            /// Parses the body.
            ///
            /// # Errors
            /// [`JsonError`].
            pub fn from_json(document: &[u8]) -> Result<$name, JsonError> {
                json::read(document)
            }

            /// Writes the body.
            pub fn to_json(&self) -> String {
                json::write(self)
            }
        }
    )*};
}

documents! { DataKey Encrypted Decrypted DescribedKey AliasPage }

/// The reply to `GenerateDataKey`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataKey {
    /// The data key, encrypted.
    pub ciphertext_blob: CiphertextBlob,
    /// The data key, base64.
    pub plaintext: Plaintext,
    /// The key that encrypted it.
    pub key_id: String,
    /// The version of that key.
    #[serde(default)]
    pub key_version_id: String,
    /// Identifier of the request.
    #[serde(default)]
    pub request_id: String,
}

/// The reply to `Encrypt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Encrypted {
    /// The plaintext, encrypted.
    pub ciphertext_blob: CiphertextBlob,
    /// The key that encrypted it.
    pub key_id: String,
    /// The version of that key.
    #[serde(default)]
    pub key_version_id: String,
    /// Identifier of the request.
    #[serde(default)]
    pub request_id: String,
    /// Rejects a reply with a plaintext: it belongs to another call.
    #[serde(default, skip_serializing, deserialize_with = "never")]
    pub plaintext: (),
}

/// The reply to `Decrypt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Decrypted {
    /// The plaintext.
    pub plaintext: Plaintext,
    /// The key that encrypted it.
    pub key_id: String,
    /// The version of that key.
    #[serde(default)]
    pub key_version_id: String,
    /// Identifier of the request.
    #[serde(default)]
    pub request_id: String,
    /// Rejects a reply with a ciphertext: it belongs to another call.
    #[serde(default, skip_serializing, deserialize_with = "never")]
    pub ciphertext_blob: (),
}

/// The reply to `DescribeKey`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribedKey {
    /// Metadata of the key.
    pub key_metadata: KeyMetadata,
    /// Identifier of the request.
    #[serde(default)]
    pub request_id: String,
}

/// Metadata of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyMetadata {
    /// Key ID.
    pub key_id: String,
    /// Key ID with region and account.
    #[serde(default)]
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, `PendingImport`.
    #[serde(default)]
    pub key_state: String,
    /// Usage; `ENCRYPT/DECRYPT` for keys that wrap data keys.
    #[serde(default)]
    pub key_usage: String,
    /// Key type; `Aliyun_AES_256` for keys that wrap data keys.
    #[serde(default)]
    pub key_spec: String,
    /// Origin of the key material: `Aliyun_KMS` or `EXTERNAL`.
    #[serde(default)]
    pub origin: String,
    /// Primary version, which encrypts.
    #[serde(default)]
    pub primary_key_version: String,
    /// Time of creation, ISO 8601.
    #[serde(default)]
    pub creation_date: String,
    /// Time of scheduled deletion, ISO 8601; empty unless scheduled.
    #[serde(default)]
    pub delete_date: String,
    /// Description.
    #[serde(default)]
    pub description: String,
}

/// The reply to `ListAliases`: one page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasPage {
    /// The aliases of this page.
    pub aliases: AliasList,
    /// Total number of aliases.
    pub total_count: u32,
    /// Number of this page, from 1.
    pub page_number: u32,
    /// Largest number of aliases in a page.
    pub page_size: u32,
    /// Identifier of the request.
    #[serde(default)]
    pub request_id: String,
}

/// The list inside an [`AliasPage`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasList {
    /// The aliases.
    #[serde(default)]
    pub alias: Vec<Alias>,
}

/// An alias of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alias {
    /// With its prefix `alias/`.
    pub alias_name: String,
    /// With region and account.
    #[serde(default)]
    pub alias_arn: String,
    /// The key it points to.
    pub key_id: String,
}

fn never<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(serde::de::Error::custom("a member of the reply to another call"))
}
