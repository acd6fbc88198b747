//! Replies, both ways.

use serde::{Deserialize, Deserializer, Serialize};

use super::json::{self, JsonError};
use super::value::{CiphertextBlob, Plaintext};

/// The header that identifies a request, for the vendor's support.
pub const REQUEST_ID: &str = "x-acs-request-id";

/// Reads and writes a reply.
macro_rules! documents {
    ($($name:ident)*) => {$(
        impl $name {
            /// Reads the reply's body.
            pub fn from_json(document: &[u8]) -> Result<$name, JsonError> {
                json::read(document)
            }

            /// The reply's body.
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
    /// The request's identifier.
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
    /// The request's identifier.
    #[serde(default)]
    pub request_id: String,
    /// A reply with a plaintext answers another call.
    #[serde(default, skip_serializing, deserialize_with = "never")]
    pub plaintext: (),
}

/// The reply to `Decrypt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Decrypted {
    /// What was encrypted.
    pub plaintext: Plaintext,
    /// The key that had encrypted it.
    pub key_id: String,
    /// The version of that key.
    #[serde(default)]
    pub key_version_id: String,
    /// The request's identifier.
    #[serde(default)]
    pub request_id: String,
    /// A reply with a blob answers another call.
    #[serde(default, skip_serializing, deserialize_with = "never")]
    pub ciphertext_blob: (),
}

/// The reply to `DescribeKey`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribedKey {
    /// What is known about the key.
    pub key_metadata: KeyMetadata,
    /// The request's identifier.
    #[serde(default)]
    pub request_id: String,
}

/// What is known about a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyMetadata {
    /// Its identifier.
    pub key_id: String,
    /// Its identifier with region and account.
    #[serde(default)]
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, `PendingImport`.
    #[serde(default)]
    pub key_state: String,
    /// `ENCRYPT/DECRYPT` for keys of the kind that wraps data keys.
    #[serde(default)]
    pub key_usage: String,
    /// `Aliyun_AES_256` for keys of the kind that wraps data keys.
    #[serde(default)]
    pub key_spec: String,
    /// Who made the key material: `Aliyun_KMS` or `EXTERNAL`.
    #[serde(default)]
    pub origin: String,
    /// The version that encrypts.
    #[serde(default)]
    pub primary_key_version: String,
    /// When it was made, ISO 8601.
    #[serde(default)]
    pub creation_date: String,
    /// When it will be deleted, ISO 8601; empty unless it is to be.
    #[serde(default)]
    pub delete_date: String,
    /// Words of whoever made it.
    #[serde(default)]
    pub description: String,
}

/// The reply to `ListAliases`: one page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasPage {
    /// The aliases of this page.
    pub aliases: AliasList,
    /// How many there are altogether.
    pub total_count: u32,
    /// Which page this is, from 1.
    pub page_number: u32,
    /// Most aliases of a page.
    pub page_size: u32,
    /// The request's identifier.
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
