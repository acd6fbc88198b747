//! Alibaba Cloud KMS, API version 2016-01-20: calls, replies, errors.
//!
//! A call is a POST with its parameters in the query; a reply is JSON of at most
//! [`json::MAX_DOCUMENT`] bytes. Source:
//! <https://www.alibabacloud.com/help/en/kms/key-management-service/developer-reference/list-of-operations-by-function>

pub mod auth;
mod call;
mod context;
pub mod endpoint;
mod error;
pub mod json;
mod key_id;
mod reply;
mod value;

pub use auth::KmsRequest;
pub use call::{Call, MAX_DATA_KEY, VERSION};
pub use context::{ContextError, EncryptionContext};
pub use error::{ErrorClass, KmsError};
pub use json::JsonError;
pub use key_id::{KeyId, KeyIdError};
pub use reply::{
    Alias, AliasList, AliasPage, DataKey, Decrypted, DescribedKey, Encrypted, KeyMetadata, REQUEST_ID,
};
pub use value::{BlobError, CiphertextBlob, Plaintext};
